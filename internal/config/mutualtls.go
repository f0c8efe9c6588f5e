package config

import (
	"fmt"
	"slices"
	"strings"
)

// MutualTLS says who is believed about the certificates of clients (RFC 8705): the service itself ends no TLS.
type MutualTLS struct {
	At                Position
	Endpoint          string // where TLS asks for certificates (RFC 8705 §5), in the form of Issuer; empty: at the issuer
	CA                string // certificates in PEM that issue those of tls_client_auth; at most one of CA and CAFile
	CAFile            string // a file of them, relative to the document's own folder; one is set exactly with such a client
	CertificateHeader string // the header that has the client's certificate (RFC 9440 §2.2); Client-Cert unless set
	ChainHeader       string // the header that has what leads to its issuer (RFC 9440 §2.3); Client-Cert-Chain unless set
	Proxy             Proxy  // whose headers these are
}

// IsZero reports whether nobody is believed about certificates.
func (m MutualTLS) IsZero() bool { return m == MutualTLS{} }

// IngressInternalAndLoadBalancing is the ingress setting of a function that is reached from the internet by a load
// balancer alone.
const IngressInternalAndLoadBalancing = "internal-and-cloud-load-balancing"

// Proxy says by what the proxy is known that ends the TLS of clients. Exactly one of Secret and Ingress is set.
type Proxy struct {
	At      Position
	Secret  string // projects/P/secrets/S, each enabled version of which is a value by which the proxy proves itself
	Header  string // the header that has that value; X-Proxy-Authorization unless set, and empty without Secret
	Ingress string // IngressInternalAndLoadBalancing: nothing but the proxy reaches the service
}

const (
	defaultCertificateHeader = "Client-Cert"
	defaultChainHeader       = "Client-Cert-Chain"
	defaultProxyHeader       = "X-Proxy-Authorization"
)

// A certificateReader reads who is believed about certificates, and knows afterwards what of it is needed.
type certificateReader struct {
	written     bool  // the section is there, readable or not
	section     value // of what could be read
	endpoint    value
	authorities value // the place of those who issue certificates
	verified    bool  // they are written, readable or not
	used        bool  // somebody is told by a certificate, or gets tokens that are bound to it
	issued      bool  // a client is told by a certificate that an authority has issued
}

// read reads the section. us is the issuer identifier of this service.
func (r *certificateReader) read(v value, us string, rings *ringReader) MutualTLS {
	m := v.mapping()
	defer m.refuseOthers()
	if m.node == nil {
		return MutualTLS{}
	}
	r.section, r.endpoint = v, m.optional("endpoint")
	t := MutualTLS{
		At:                m.at(),
		Endpoint:          r.endpoint.tlsEndpoint(us),
		CertificateHeader: m.optional("certificate_header").headerName(defaultCertificateHeader),
		ChainHeader:       m.optional("chain_header").headerName(defaultChainHeader),
	}
	t.CA, t.CAFile = r.readAuthorities(m)
	checkHeaders(m, t)
	t.Proxy = readProxy(m.required("proxy"), t, rings)
	return t
}

// tlsEndpoint reads where TLS asks for certificates. The addresses of RFC 8705 §5 are below it as the others are below
// the issuer, so it looks like one; and it is another, or there would be none to tell apart.
func (v value) tlsEndpoint(us string) string {
	endpoint := v.issuer()
	if endpoint != "" && strings.TrimSuffix(endpoint, "/") == strings.TrimSuffix(us, "/") {
		v.fault("is the issuer; leave it out where TLS asks for certificates there")
		return ""
	}
	return endpoint
}

// readAuthorities reads who issues the certificates of tls_client_auth. Whatever the proxy has verified, the chain is
// verified here again, so there is no such client without them.
func (r *certificateReader) readAuthorities(m *mapping) (certificates, file string) {
	ca, caFile := m.optional("ca"), m.optional("ca_file")
	if m.has("ca") && m.has("ca_file") {
		m.fault("has ca and ca_file; give one of them at most")
	}
	if r.authorities = m.place("ca"); m.has("ca_file") {
		r.authorities = m.place("ca_file")
	}
	r.verified = m.has("ca") || m.has("ca_file")
	written := ca.text()
	switch {
	case written == "":
	case !strings.Contains(written, pemBegin):
		ca.fault("has no certificate; write PEM, or ca_file: FILE")
	case ca.holdsCertificates(written):
		certificates = written
	}
	return certificates, caFile.filename()
}

// headerName reads the name of a header (RFC 9110 §5.6.2). One that clients send for a reason of their own says nothing
// of what a proxy has seen.
func (v value) headerName(otherwise string) string {
	name := v.text()
	switch {
	case name == "":
		return otherwise
	case !headerForm.MatchString(name):
		v.fault("is %s; write the name of a header, such as %s (RFC 9110 §5.1)", quote(name), otherwise)
		return otherwise
	case slices.ContainsFunc(clientHeaders(), func(theirs string) bool { return strings.EqualFold(theirs, name) }):
		v.fault("is %s, which clients send themselves; name another header", quote(name))
		return otherwise
	}
	return name
}

var headerForm = matching("\\A[!#$%&'*+.^_`|~0-9A-Za-z-]+\\z")

func clientHeaders() []string {
	return []string{"Authorization", "DPoP", "Host", "Cookie", "Content-Type", "Content-Length"}
}

// checkHeaders refuses one header for two things.
func checkHeaders(m *mapping, t MutualTLS) {
	if !strings.EqualFold(t.CertificateHeader, t.ChainHeader) {
		return
	}
	name, other := "chain_header", "certificate_header"
	if !m.has(name) {
		name, other = other, name
	}
	m.place(name).fault("is %s, as %s is; name another header", quote(t.ChainHeader), other)
}

// readProxy reads by what the proxy is known. Nobody else's word on a certificate counts (protocol M1).
func readProxy(v value, t MutualTLS, rings *ringReader) Proxy {
	m := v.mapping()
	defer m.refuseOthers()
	if m.node == nil {
		return Proxy{}
	}
	m.exactlyOne("secret", "ingress")
	secret, header, ingress := m.optional("secret"), m.optional("header"), m.optional("ingress")
	p := Proxy{At: m.at(), Secret: secret.secretName()}
	rings.enterPrivate(secret, p.Secret)
	if ingress.only(IngressInternalAndLoadBalancing) {
		p.Ingress = IngressInternalAndLoadBalancing
		ingress.warn("is all that keeps others out: whoever reaches the service without the load balancer can say what " +
			"certificate they like; set it at the function, and use a secret where the proxy can send one")
	}
	if m.has("ingress") {
		m.forbid("header", "it goes with secret")
		return p
	}
	p.Header = header.headerName(defaultProxyHeader)
	taken := []string{t.CertificateHeader, t.ChainHeader, defaultCertificateHeader, defaultChainHeader}
	if slices.ContainsFunc(taken, func(name string) bool { return strings.EqualFold(name, p.Header) }) {
		header.fault("is %s, which is for certificates; name another header", quote(p.Header))
	}
	return p
}

// readRequired reads whether tokens must be bound to a certificate.
func (r *certificateReader) readRequired(v value) bool {
	required := v.only(RequiredWord)
	if required {
		r.need(v, RequiredWord)
	}
	return required
}

// need refuses what rests on certificates where nobody is believed about them.
func (r *certificateReader) need(v value, what string) {
	r.used = true
	if !r.written {
		v.fault("is %s, which needs the section mutual_tls: without it nobody is believed about certificates", what)
	}
}

// checkMethod refuses a client that certificates tell apart where nobody is believed about them, or anybody could have
// issued them.
func (r *certificateReader) checkMethod(v value, method string) {
	if method == TLSClientAuth || method == SelfSignedTLSClientAuth {
		r.need(v, method)
	}
	if method != TLSClientAuth {
		return
	}
	r.issued = true
	if r.section.node != nil && !r.verified {
		v.fault("is %s, which needs mutual_tls.ca_file or mutual_tls.ca: those who issue the certificates of clients",
			TLSClientAuth)
	}
}

// checkUse looks, once everything is read, for what nobody needs.
func (r *certificateReader) checkUse(c *Config) {
	r.used = r.used || c.Profile == ProfileFAPI2
	unread := false
	for _, client := range c.Clients {
		r.used = r.used || c.FAPI2(client)
		unread = unread || client.Authentication == ""
	}
	if r.section.node == nil {
		return
	}
	if !r.used {
		r.section.warn(fmt.Sprintf("is used by nobody: no client has %s or %s, and nothing has mtls: %s",
			TLSClientAuth, SelfSignedTLSClientAuth, RequiredWord))
	}
	if r.verified && !r.issued && !unread {
		r.authorities.fault("does not belong here: no client has %s, and no other certificate is held to it", TLSClientAuth)
	}
}
