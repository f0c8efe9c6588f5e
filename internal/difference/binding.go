package difference

import (
	"fmt"
	"strings"

	"example.com/countersign/internal/config"
)

const whyCertificate = "somebody else is believed about the certificates of clients"

// mutualTLS compares who is believed about certificates (RFC 8705). None of it is more or less than another: who says
// which certificate a client has can say that of any. Where nobody is believed any more, nobody gains.
func (c *comparison) mutualTLS() error {
	before, after := c.before.Configuration.MutualTLS, c.after.Configuration.MutualTLS
	was, err := c.before.certificates(config.Fetching{CA: before.CA, CAFile: before.CAFile})
	if err != nil {
		return fmt.Errorf("those who issue the certificates of clients before: %w", err)
	}
	is, err := c.after.certificates(config.Fetching{CA: after.CA, CAFile: after.CAFile})
	if err != nil {
		return fmt.Errorf("those who issue the certificates of clients after: %w", err)
	}
	at := place{kind: Service}.within("mutual_tls.", before.At, after.At)
	widens := !after.IsZero()
	c.value(at, "endpoint", before.Endpoint, after.Endpoint, widens, "certificates are asked for at another address")
	c.value(at, "ca", was, is, is != "", "whoever has a certificate of another authority can be a client")
	believed := func(at place, what, was, is string) { c.value(at, what, was, is, widens, whyCertificate) }
	believed(at, "certificate_header", header(before.CertificateHeader), header(after.CertificateHeader))
	believed(at, "chain_header", header(before.ChainHeader), header(after.ChainHeader))
	believed(at.within("", before.Proxy.At, after.Proxy.At), "proxy", proxy(before.Proxy), proxy(after.Proxy))
	return nil
}

// header writes the name of a header, whose letters can be of either case (RFC 9110 §5.1).
func header(name string) string { return strings.ToLower(name) }

// proxy says by what the proxy is known.
func proxy(p config.Proxy) string {
	var known []string
	if p.Secret != "" {
		known = append(known, p.Secret)
	}
	if p.Header != "" {
		known = append(known, "in the header "+header(p.Header))
	}
	if p.Ingress != "" {
		known = append(known, "ingress "+p.Ingress)
	}
	return strings.Join(known, " ")
}

// bound is what a client or an API asks tokens to be bound to.
type bound struct{ dpop, mtls bool }

// bindings compares what tokens must be bound to.
func (c *comparison) bindings(at place, was, is bound) {
	const why = "tokens are also good without the %s that they were bound to"
	c.value(at, "dpop", required(was.dpop), required(is.dpop), was.dpop, fmt.Sprintf(why, "DPoP key"))
	c.value(at, "mtls", required(was.mtls), required(is.mtls), was.mtls, fmt.Sprintf(why, "certificate"))
}

func required(is bool) string {
	if is {
		return config.RequiredWord
	}
	return ""
}

// certificateName compares whom the certificate of a client names. Where it counts in one document alone, the method is
// another, and that has been said.
func (c *comparison) certificateName(at place, was, is config.CertificateName) {
	const why = "whoever has a certificate of this name can be the client"
	at = at.within("tls_client_auth_", was.At, is.At)
	name := func(what, before, after string) { c.value(at, what, before, after, after != "", why) }
	name("subject_dn", was.SubjectDN, is.SubjectDN)
	name("san_dns", was.SANDNS, is.SANDNS)
	name("san_uri", was.SANURI, is.SANURI)
	name("san_ip", was.SANIP, is.SANIP)
	name("san_email", was.SANEmail, is.SANEmail)
}

// profile compares whether a client is held to a profile by itself. Where the whole server is, that has been compared.
func (c *comparison) profile(at place, was, is config.Client) {
	widens := c.before.Configuration.FAPI2(was) && !c.after.Configuration.FAPI2(is)
	c.value(at, "profile", was.Profile, is.Profile, widens,
		"the client is no longer held to the profile, and needs no tokens that are bound")
}
