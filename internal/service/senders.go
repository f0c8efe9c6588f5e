package service

import (
	"crypto/x509"
	"fmt"
	"slices"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/config"
	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/mutualtls"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/sender"
	"example.com/countersign/internal/server"
	"example.com/countersign/internal/trust"
)

// senders builds what looks at DPoP proofs, and the nonces that they need; nil: they need none.
func (b *builder) senders() (*sender.Senders, *dpop.Nonces, error) {
	nonces, err := b.nonces()
	if err != nil {
		return nil, nil, err
	}
	proofs, err := dpop.New(dpop.Config{Now: b.Now, Nonces: nonces})
	if err != nil {
		return nil, nil, err
	}
	urls := []string{server.Endpoint(b.config.Issuer, server.TokenPath)}
	if alias := b.config.MutualTLS.Endpoint; alias != "" {
		urls = append(urls, server.Endpoint(alias, server.TokenPath))
	}
	whole := config.Client{} // what holds for everybody holds for a client of which nothing else is known
	senders, err := sender.New(sender.Config{Proofs: proofs, URLs: urls, Algorithms: b.algorithms(whole), Constraint: b.constraint(whole)})
	return senders, nonces, err
}

func (b *builder) nonces() (*dpop.Nonces, error) {
	if b.config.DPoP.Nonces == "" {
		return nil, nil
	}
	values, err := b.secretValues(b.config.DPoP.Nonces)
	if err != nil {
		return nil, err
	}
	return dpop.NewNonces(values.Get, b.Now)
}

// proxy builds what says which certificate a client has; nil: nobody is believed to.
func (b *builder) proxy() (*mutualtls.Proxy, error) {
	configured := b.config.MutualTLS
	if configured.IsZero() {
		return nil, nil
	}
	wanted := mutualtls.Config{
		CertificateHeader: configured.CertificateHeader,
		ChainHeader:       configured.ChainHeader,
		SecretHeader:      configured.Proxy.Header,
	}
	if configured.Proxy.Secret != "" {
		values, err := b.secretValues(configured.Proxy.Secret)
		if err != nil {
			return nil, err
		}
		wanted.Secrets = values.Texts
	}
	return mutualtls.New(wanted)
}

// clientAuthorities returns those that issue the certificates of clients; nil: none does.
func (b *builder) clientAuthorities() *x509.CertPool {
	roots, err := b.authorities(b.config.MutualTLS.CA, b.config.MutualTLS.CAFile)
	if err != nil {
		b.fault(b.config.MutualTLS.At, err)
	}
	return roots
}

// constraint returns to what the tokens of a client must be bound.
func (b *builder) constraint(registered config.Client) oauth.Constraint {
	return oauth.Constraint{
		DPoP:        registered.DPoPRequired,
		Certificate: registered.MTLSRequired,
		Either:      b.config.FAPI2(registered), // FAPI 2.0 §5.3.2.1-4
	}
}

// algorithms returns those of a client's assertions and proofs; none: whatever its keys have.
func (b *builder) algorithms(registered config.Client) []jose.Algorithm {
	if b.config.FAPI2(registered) {
		return jose.FAPI2Algorithms()
	}
	return nil
}

// examineKeys holds the keys of a client that are written down to the algorithms that it may use: one that can never
// verify anything is believed to work by whoever has registered it. Those that are kept elsewhere are held to them when
// they come.
func (b *builder) examineKeys(configured config.Keys, keys assertion.Keys, allowed []jose.Algorithm) {
	fixed, known := keys.(trust.Fixed)
	if !known || len(allowed) == 0 {
		return
	}
	for _, algorithm := range fixed.Algorithms() {
		if !slices.Contains(allowed, algorithm) {
			b.fault(configured.At, fmt.Errorf("there is a key for %s, and FAPI 2.0 allows ES256, PS256 and EdDSA alone (§5.4.1)", algorithm))
		}
	}
}
