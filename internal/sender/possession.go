package sender

import "example.com/countersign/internal/oauth"

// possess holds the sender to an assertion that is bound to a key or to a certificate: nobody else may bring it
// (draft-ietf-oauth-identity-assertion-authz-grant §9.8, protocol I4). The token is bound to the same.
func (c *Constrained) possess(demanded oauth.Confirmation) error {
	if demanded.JWKThumbprint != "" {
		switch c.proof.Thumbprint() {
		case demanded.JWKThumbprint:
		case "":
			return refused("possession_key_missing", "the assertion is bound to a key (cnf.jkt), and the request has no DPoP header")
		default:
			return refused("possession_key", "the assertion is bound to another key (cnf.jkt) than that of the DPoP proof")
		}
	}
	if demanded.CertificateThumbprint != "" {
		switch c.certificate {
		case demanded.CertificateThumbprint:
			c.constraint.Certificate = true
		case "":
			return refused("possession_certificate_missing", "the assertion is bound to a certificate (cnf), and the request came without one")
		default:
			return refused("possession_certificate", "the assertion is bound to another certificate (cnf) than that of the request")
		}
	}
	return nil
}

func refused(reason, description string) *oauth.Error {
	return &oauth.Error{Code: oauth.InvalidGrant, Description: description, Reason: reason}
}
