package resource

import (
	"crypto/x509"
	"errors"
	"net/http"

	"example.com/countersign/internal/mutualtls"
)

// Binding is to what a token is bound: its cnf claim (RFC 7800 §3.1, protocol W4). A token with both is bound to both.
type Binding struct {
	Key         string // jkt: the thumbprint of the key of its DPoP proofs (RFC 9449 §6.1); empty: none
	Certificate string // x5t#S256: that of the TLS client's certificate (RFC 8705 §3.1); empty: none
}

// IsZero reports whether the token is bound to nothing.
func (b Binding) IsZero() bool { return b == Binding{} }

// bindingOf reads cnf. RFC 7800 §3.1 lets one ignore members that one does not know, but a token that says it is bound,
// and not to anything that can be checked here, is not one for whoever has it.
func bindingOf(claims map[string]any) (Binding, error) {
	cnf, bound := claims["cnf"]
	if !bound {
		return Binding{}, nil
	}
	members, _ := cnf.(map[string]any)
	var binding Binding
	for _, member := range []struct {
		name string
		into *string
	}{{"jkt", &binding.Key}, {"x5t#S256", &binding.Certificate}} {
		value, there := members[member.name]
		if !there {
			continue
		}
		text, isText := value.(string)
		if !isText || text == "" {
			return Binding{}, invalid(errors.New("cnf has a thumbprint that is none"))
		}
		*member.into = text
	}
	if binding.IsZero() {
		return Binding{}, invalid(errors.New("it is bound to something that cannot be checked here"))
	}
	return binding, nil
}

// checkBinding holds what the API asks of every token, and that a token comes in the scheme of its kind. One that is
// bound to a key and sent as Bearer would be good for whoever has it (RFC 9449 §7.2), a proof beside it or not.
func (v *Verifier) checkBinding(b Binding, used scheme) error {
	switch {
	case b.Key != "" && v.proofs == nil:
		return invalid(errors.New("it is bound to a key, and this API takes no proofs of one"))
	case b.Key != "" && used != schemeDPoP:
		return invalid(errors.New("it is bound to a key: send it as DPoP, with a proof"))
	case b.Key == "" && v.config.RequireDPoP:
		return invalid(errors.New("it is not bound to a key, as this API needs it (RFC 9449)"))
	case b.Certificate == "" && v.config.RequireCertificate:
		return invalid(errors.New("it is not bound to a certificate, as this API needs it (RFC 8705)"))
	case b.IsZero() && v.config.RequireBound:
		return invalid(errors.New("it is bound neither to a key nor to a certificate, as this API needs it"))
	case b.Key == "" && used == schemeDPoP:
		return invalid(errors.New("it is not bound to a key: nothing can be proved for it"))
	}
	return nil
}

// checkCertificate holds RFC 8705 §3: the certificate of the connection is the one that the token is bound to. Nothing
// else is asked of it, since it names nobody here: whoever issued the token has looked at it.
func (v *Verifier) checkCertificate(r *http.Request, b Binding) error {
	if b.Certificate == "" {
		return nil
	}
	certificates, err := v.certificates(r)
	if fault, isFault := errors.AsType[*mutualtls.Fault](err); isFault {
		return invalid(fault)
	}
	switch {
	case err != nil:
		return undecided{"the certificate of the client cannot be found out", err}
	case len(certificates) == 0:
		return invalid(errors.New("it is bound to a certificate, and the client has shown none"))
	case mutualtls.Thumbprint(certificates[0]) != b.Certificate:
		return invalid(errors.New("it is bound to another certificate than the client's"))
	}
	return nil
}

// certificates returns the certificates that the TLS client has shown, its own first. Behind a proxy those of our own
// connection are the proxy's.
func (v *Verifier) certificates(r *http.Request) ([]*x509.Certificate, error) {
	switch {
	case v.config.Proxy != nil:
		return v.config.Proxy.Certificates(r.Context(), r.Header.Values)
	case r.TLS != nil:
		return r.TLS.PeerCertificates, nil
	default:
		return nil, nil
	}
}
