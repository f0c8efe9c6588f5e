package config

import (
	"net/netip"
	"strings"
)

// CertificateName is whom the certificate of a client names (RFC 8705 §2.1.2). Exactly one of SubjectDN, SANDNS, SANURI,
// SANIP and SANEmail is set.
type CertificateName struct {
	At        Position
	SubjectDN string // a distinguished name as RFC 4514 writes it; whether it is one is found where it is compared
	SANDNS    string // a host name, in lower case and without wildcard
	SANURI    string // an absolute URI
	SANIP     string // an address, in the one form in which netip writes it
	SANEmail  string // an address of electronic mail
}

// IsZero reports whether nobody is named.
func (n CertificateName) IsZero() bool { return n == CertificateName{} }

// certificateNames are the fields of a client that say whom its certificate names, as RFC 8705 §2.1.2 calls them.
func certificateNames() []string {
	return []string{
		"tls_client_auth_subject_dn", "tls_client_auth_san_dns", "tls_client_auth_san_uri", "tls_client_auth_san_ip",
		"tls_client_auth_san_email",
	}
}

// readCertificateName reads whom the certificate of a client names. The fields stand among the others of the client.
func readCertificateName(m *mapping) CertificateName {
	var n CertificateName
	read := func(name string, form func(value) string) string {
		v := m.optional(name)
		if v.node != nil {
			n.At = v.at()
		}
		return form(v)
	}
	n.SubjectDN = read("tls_client_auth_subject_dn", value.text)
	n.SANDNS = read("tls_client_auth_san_dns", value.hostName)
	n.SANURI = read("tls_client_auth_san_uri", value.certificateURI)
	n.SANIP = read("tls_client_auth_san_ip", value.address)
	n.SANEmail = read("tls_client_auth_san_email", value.mailAddress)
	return n
}

// hostName reads the name of a host as certificates have it. A wildcard would be every host at once, and an address is
// another kind of name (RFC 5280 §4.2.1.6).
func (v value) hostName() string {
	name := v.text()
	_, notAddress := netip.ParseAddr(name)
	if name != "" && (len(name) > 253 || notAddress == nil || !hostNameForm.MatchString(name)) {
		v.fault("is %s; write the name of a host in lower case, without wildcard, such as batch.example.com", quote(name))
		return ""
	}
	return name
}

var hostNameForm = matching(`\A[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\z`)

// certificateURI reads a URI that names a client, such as a SPIFFE ID.
func (v value) certificateURI() string {
	written := v.text()
	if written == "" {
		return ""
	}
	problem := absolute(written)
	if problem != "" {
		v.fault("%s; write an absolute URI without fragment, such as spiffe://example.org/batch", problem)
		return ""
	}
	return written
}

// address reads an IP address. It has many forms, and one of them is compared.
func (v value) address() string {
	written := v.text()
	if written == "" {
		return ""
	}
	address, err := netip.ParseAddr(written)
	switch {
	case err != nil || address.Zone() != "":
		v.fault("is %s; write one IP address, such as 192.0.2.7 or 2001:db8::7", quote(written))
		return ""
	case address.Unmap().String() != written:
		v.fault("is %s, which is %s in another form; write that", quote(written), address.Unmap())
		return ""
	}
	return written
}

// mailAddress reads an address of electronic mail. How its parts look is for those who send mail.
func (v value) mailAddress() string {
	written := v.text()
	local, domain, _ := strings.Cut(written, "@")
	if written != "" && (local == "" || domain == "" || strings.Contains(domain, "@") || !visible.MatchString(written)) {
		v.fault("is %s; write one address of electronic mail, such as batch@example.com", quote(written))
		return ""
	}
	return written
}

var visible = matching(`\A[!-~]*\z`)
