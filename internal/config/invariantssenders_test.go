package config_test

import (
	"net"
	"strings"
	"time"

	"example.com/countersign/internal/config"
)

func (i invariants) certificateName(c config.Client) {
	n := c.CertificateName
	if c.Authentication != config.TLSClientAuth {
		i.must(n.IsZero(), "only a certificate that was issued has a name", c)
		return
	}
	i.oneOf("name in a certificate", n.SubjectDN != "", n.SANDNS != "", n.SANURI != "", n.SANIP != "", n.SANEmail != "")
	i.must(n.At.Line > 0, "a name has a place", n)
	i.must(n.SANDNS == strings.ToLower(n.SANDNS) && !strings.ContainsAny(n.SANDNS, "* :/@"), "a host name", n)
	i.must(n.SANURI == "" || strings.Contains(n.SANURI, ":") && !strings.Contains(n.SANURI, "#"), "an absolute URI", n)
	i.must(n.SANEmail == "" || strings.Count(n.SANEmail, "@") == 1, "an address of electronic mail", n)
	if n.SANIP != "" {
		ip := net.ParseIP(n.SANIP)
		i.must(ip != nil && ip.String() == n.SANIP, "an IP address in its one form", n)
	}
}

func (i invariants) mutualTLS(m config.MutualTLS) {
	if m.IsZero() {
		return
	}
	i.must(m.At.Line > 0 && m.Proxy.At.Line > 0, "the section and the proxy have a place", m)
	i.must(m.CA == "" || m.CAFile == "", "authorities are in one place", m)
	i.must(m.Endpoint != i.config.Issuer, "the endpoint is another than the issuer", m)
	if m.Endpoint != "" {
		i.fetched(m.Endpoint)
	}
	i.oneOf("sign of the proxy", m.Proxy.Secret != "", m.Proxy.Ingress != "")
	headers := []string{strings.ToLower(m.CertificateHeader), strings.ToLower(m.ChainHeader)}
	if m.Proxy.Secret != "" {
		i.private(m.Proxy.Secret)
		headers = append(headers, strings.ToLower(m.Proxy.Header))
	}
	i.must(m.Proxy.Header == "" || m.Proxy.Secret != "", "a header has the secret", m)
	i.distinct(headers)
	for _, header := range headers {
		i.must(header != "" && !strings.ContainsAny(header, " \t\r\n:,;()<>@[]{}\\\"/?="), "the name of a header", m)
		i.must(!contains(strings.Fields("authorization dpop host cookie content-type"), header), "no header of clients", m)
	}
}

// private holds a secret that nobody else has to what that means.
func (i invariants) private(name string) {
	i.must(secretName(name), "the name of a secret", name)
	uses := 0
	use := func(used string) {
		if used == name {
			uses++
		}
	}
	c := i.config
	use(c.DPoP.Nonces)
	use(c.StopList.Secret)
	use(c.MutualTLS.Proxy.Secret)
	for _, ring := range append([]config.KeyRing{c.SigningKeys.KeyRing}, c.SigningKeys.Additional...) {
		use(ring.Secret)
	}
	for _, resource := range c.Resources {
		use(resource.AccessTokens.SharedSecret)
	}
	var all []config.Keys
	for _, client := range c.Clients {
		all = append(all, client.Keys)
	}
	for _, issuer := range c.Issuers {
		all = append(all, issuer.Keys)
	}
	for _, keys := range all {
		use(keys.Secret)
		use(keys.SharedSecret)
		for _, anchor := range keys.Federation.TrustAnchors {
			use(anchor.Secret)
		}
	}
	i.must(uses == 1, "a secret of the service is for one thing", name)
}

// fapi2 holds who is held to the FAPI 2.0 Security Profile to it.
func (i invariants) fapi2(c config.Client) {
	strong := func(algorithm string) bool { return contains(strings.Fields("ES256 PS256 EdDSA"), algorithm) }
	i.must(contains(strings.Fields("private_key_jwt tls_client_auth self_signed_tls_client_auth"), c.Authentication),
		"a strong method", c)
	i.must(c.Keys.Algorithm == "" || strong(c.Keys.Algorithm), "a strong algorithm", c)
	for _, e := range c.ClientAssertion.Exceptions {
		i.must(e.Audience == "" && !e.JTIOptional, "no assertion for others, or for twice", c)
	}
	i.must(i.config.ClockSkew >= 10*time.Second, "clocks may be off by ten seconds", i.config.ClockSkew)
	i.must(strings.HasPrefix(i.config.Issuer, "https:"), "TLS everywhere", i.config.Issuer)
	for _, rule := range c.Allow {
		for _, resource := range i.config.Resources {
			algorithm := resource.AccessTokens.Algorithm
			if algorithm == "" {
				algorithm = i.config.SigningKeys.Algorithm
			}
			i.must(resource.ID != rule.Resource || strong(algorithm), "a strong signature", c)
		}
	}
}
