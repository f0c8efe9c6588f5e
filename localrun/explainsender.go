package main

import (
	"encoding/json"
	"errors"
	"time"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/mutualtls"
	"example.com/countersign/internal/oauth"
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
	demanded := "" // the member of cnf that asks for it
	switch reason {
	case "dpop_missing":
		wanted = aProof
	case "possession_key_missing":
		wanted, demanded = aProof, "jkt"
	case "certificate_missing":
		wanted = aCertificate
	case "possession_certificate_missing":
		if !r.configuration.MutualTLS.IsZero() { // else nobody is believed about one, and the refusal is the real one
			wanted, demanded = aCertificate, "x5t#S256"
		}
	case "constraint_missing":
		if wanted = aProof; r.byCertificate {
			wanted = aCertificate
		}
	}
	var thumbprint string
	switch {
	case wanted == aProof && r.header.Get("DPoP") == "":
		thumbprint, err = r.sendProof(at)
	case wanted == aCertificate && r.header.Get(r.configuration.MutualTLS.CertificateHeader) == "":
		thumbprint, err = r.sendCertificate(at)
	default:
		return false, nil
	}
	if err == nil && demanded != "" {
		err = r.rebind(demanded, thumbprint)
	}
	if before, again := r.assumed["sender"]; again {
		r.assumed["sender"] = before + " and " + wanted
	} else {
		r.assumed["sender"] = "not checked: as if the request came with " + wanted
	}
	return true, err
}

// rebind binds the assertion to the stand-in. It is signed anew for that, with a key of the moment: that the real one was
// signed by its issuer, and all else that comes before the sender, has been decided already.
func (r *rehearsal) rebind(member, thumbprint string) error {
	token, err := jose.Parse(r.form.Get(assertionParameter))
	if err != nil {
		return err
	}
	issuer, known := issuerNamed(r.configuration, token.Unverified().Issuer)
	if !known {
		return errors.New("the assertion has passed and is nobody's, which is a defect")
	}
	said := readUnproved(oauth.NewSecret(r.form.Get(assertionParameter)))
	if bound, is := said.claims["cnf"].(map[string]any); is {
		bound[member] = thumbprint
	}
	claims, err := json.Marshal(said.claims)
	if err != nil {
		return err
	}
	key, err := jose.GenerateSigningKey(jose.EdDSA)
	if err != nil {
		return err
	}
	set, err := jose.EncodeKeySet(jose.KeySet{key.Verification()})
	if err != nil {
		return err
	}
	signed, err := key.Sign(token.Type, claims)
	issuer.Keys = config.Keys{At: issuer.Keys.At, JWKS: set}
	r.form.Set(assertionParameter, signed)
	return err
}

// sendProof makes a proof with a key that nobody has, and returns the thumbprint of the key.
func (r *rehearsal) sendProof(at time.Time) (thumbprint string, err error) {
	key, err := jose.GenerateSigningKey(jose.ES256)
	if err != nil {
		return "", err
	}
	proof, err := dpop.Sign(key, dpop.Claims{
		Method: "POST", URL: server.Endpoint(r.configuration.Issuer, server.TokenPath), IssuedAt: at,
	})
	r.header.Set("DPoP", proof)
	return key.ID(), err
}

// sendCertificate makes a certificate that nobody has, and has the service believe its header: the secret of the proxy
// is not at hand, and nobody else reaches this service. It returns the thumbprint of the certificate.
func (r *rehearsal) sendCertificate(at time.Time) (thumbprint string, err error) {
	document, err := newPrivateKey()
	if err != nil {
		return "", err
	}
	key, err := parseSigner(document)
	if err != nil {
		return "", err
	}
	made, err := issue(clientCertificate("stand-in"), nil, key, at)
	if err != nil {
		return "", err
	}
	believed := &r.configuration.MutualTLS
	if believed.IsZero() {
		return "", errors.New("a certificate is required and nobody is believed about one, which is a defect")
	}
	believed.Proxy = config.Proxy{At: believed.Proxy.At, Ingress: config.IngressInternalAndLoadBalancing}
	r.header.Set(believed.CertificateHeader, byteSequence(made.certificate.Raw))
	return mutualtls.Thumbprint(made.certificate), nil
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
