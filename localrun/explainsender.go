package main

import (
	"errors"
	"time"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/server"
)

// What a token is bound to comes with the request, and explain has only an assertion. Where the service asks for it, a
// stand-in is sent, so that all that comes behind can be said; and nothing that is printed looks like the real one.

// The two that a token can be bound to, as people call them.
const (
	aProof       = "a DPoP proof"
	aCertificate = "a client certificate"
)

// standInForSender sends along what the service has refused the request for not having, and reports whether there is
// now something that there was not before.
func (r *rehearsal) standInForSender(reason string, at time.Time) (added bool, err error) {
	wanted := ""
	switch reason {
	case "dpop_missing":
		wanted = aProof
	case "certificate_missing":
		wanted = aCertificate
	case "constraint_missing":
		if wanted = aProof; r.byCertificate {
			wanted = aCertificate
		}
	}
	switch {
	case wanted == aProof && r.header.Get("DPoP") == "":
		err = r.sendProof(at)
	case wanted == aCertificate && r.header.Get(r.configuration.MutualTLS.CertificateHeader) == "":
		err = r.sendCertificate(at)
	default:
		return false, nil
	}
	if before, again := r.assumed["sender"]; again {
		r.assumed["sender"] = before + " and " + wanted
	} else {
		r.assumed["sender"] = "not checked: as if the request came with " + wanted
	}
	return true, err
}

// sendProof makes a proof with a key that nobody has.
func (r *rehearsal) sendProof(at time.Time) error {
	key, err := jose.GenerateSigningKey(jose.ES256)
	if err != nil {
		return err
	}
	proof, err := dpop.Sign(key, dpop.Claims{
		Method: "POST", URL: server.Endpoint(r.configuration.Issuer, server.TokenPath), IssuedAt: at,
	})
	r.header.Set("DPoP", proof)
	return err
}

// sendCertificate makes a certificate that nobody has, and has the service believe its header: the secret of the proxy
// is not at hand, and nobody else reaches this service.
func (r *rehearsal) sendCertificate(at time.Time) error {
	document, err := newPrivateKey()
	if err != nil {
		return err
	}
	key, err := parseSigner(document)
	if err != nil {
		return err
	}
	made, err := issue(clientCertificate("stand-in"), nil, key, at)
	if err != nil {
		return err
	}
	believed := &r.configuration.MutualTLS
	if believed.IsZero() {
		return errors.New("a certificate is required and nobody is believed about one, which is a defect")
	}
	believed.Proxy = config.Proxy{At: believed.Proxy.At, Ingress: config.IngressInternalAndLoadBalancing}
	r.header.Set(believed.CertificateHeader, byteSequence(made.certificate.Raw))
	return nil
}

// withoutThumbprints takes the thumbprints of stand-ins out of the claims of a token (RFC 7800 §3.1).
func withoutThumbprints(claims map[string]any) {
	bound, is := claims["cnf"].(map[string]any)
	if !is {
		return
	}
	for name, what := range map[string]string{"jkt": "the key of the DPoP proof", "x5t#S256": "the client certificate"} {
		if _, there := bound[name]; there {
			bound[name] = "(" + what + ")"
		}
	}
}
