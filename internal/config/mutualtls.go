package config

// MutualTLS says who is believed about the certificates of clients (RFC 8705): the service itself ends no TLS.
type MutualTLS struct {
	At                Position
	Endpoint          string // where TLS asks for certificates (RFC 8705 §5), written like an issuer identifier; empty: at the issuer
	CA                string // certificates in PEM that issue those of tls_client_auth; at most one of CA and CAFile
	CAFile            string // a file of them, relative to the document's own folder; one of them exactly with such a client
	CertificateHeader string // the header that has the client's certificate (RFC 9440 §2.2); Client-Cert unless set
	ChainHeader       string // the header that has what leads to its issuer (RFC 9440 §2.3); Client-Cert-Chain unless set
	Proxy             Proxy  // whose headers these are
}

// IsZero reports whether nobody is believed about certificates.
func (m MutualTLS) IsZero() bool { return m == MutualTLS{} }

// IngressInternalAndLoadBalancing is the ingress setting of a function that only a load balancer, and what is inside the
// project's own networks, can reach.
const IngressInternalAndLoadBalancing = "internal-and-cloud-load-balancing"

// Proxy says by what the proxy is known that ends the TLS of clients. Exactly one of Secret and Ingress is set.
type Proxy struct {
	At      Position
	Secret  string // projects/P/secrets/S, each enabled version of which is a value by which the proxy proves itself
	Header  string // the header that has that value; X-Proxy-Authorization unless set, and empty without Secret
	Ingress string // IngressInternalAndLoadBalancing: nothing but the proxy reaches the service
}

// CertificateName is whom the certificate of a client names (RFC 8705 §2.1.2). Exactly one of SubjectDN, SANDNS, SANURI,
// SANIP and SANEmail is set.
type CertificateName struct {
	At        Position
	SubjectDN string // a distinguished name as RFC 4514 writes it
	SANDNS    string // a host name, in lower case
	SANURI    string // an absolute URI
	SANIP     string // an address, in the form in which netip writes it
	SANEmail  string // an address of electronic mail
}

// IsZero reports whether nobody is named.
func (n CertificateName) IsZero() bool { return n == CertificateName{} }
