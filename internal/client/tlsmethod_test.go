package client_test

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"net/url"
	"strconv"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/client"
	"example.com/countersign/internal/oauth"
)

const secretText = "correct horse battery staple"

// everybody is a client of each method, all with the same key and name, and the certificates that those who are known by
// one have.
func everybody(t *testing.T) (r *client.Registry, issued, own []*x509.Certificate) {
	t.Helper()
	root, key := newRoot(t, "TEST root"), selfSigned(t, "TEST client")
	hash, err := client.ParseSecretHash(bcryptOf(t, secretText, bcrypt.MinCost))
	must(t, err)
	secrets := []*client.SecretHash{hash}
	disabled, disabledKeyed := named("former-tls", dn("CN=TEST client")), keyed(t, "former-self-signed", key)
	disabled.Disabled, disabledKeyed.Disabled = true, true
	r = registered(t, []party{root},
		named("tls", dn("CN=TEST client")),
		keyed(t, "self-signed", key),
		&client.Registration{ID: "jwt", Method: oauth.PrivateKeyJWT, Keys: fixed(t, key), Audience: "https://auth.example.com"},
		&client.Registration{ID: "secret-jwt", Method: oauth.ClientSecretJWT, Audience: "https://auth.example.com"},
		&client.Registration{ID: "basic", Method: oauth.ClientSecretBasic, Secrets: secrets},
		&client.Registration{ID: "post", Method: oauth.ClientSecretPost, Secrets: secrets},
		&client.Registration{ID: "public", Method: oauth.NoAuthentication},
		disabled, disabledKeyed,
	)
	return r, chain(sign(t, template("TEST client"), key.key, &root)), chain(key)
}

// Protocol C1: each client is registered for one method, and no other is believed.
func TestC1_a_certificate_authenticates_those_clients_alone_that_are_registered_for_it(t *testing.T) {
	r, issued, own := everybody(t)
	proves(t, r, "tls", issued)
	proves(t, r, "self-signed", own)
	proves(t, r, "self-signed", issued) // which has the same key
	denied(t, r, "tls", "certificate_untrusted", own)
	for _, id := range []string{"jwt", "secret-jwt", "basic", "post"} {
		denied(t, r, id, "method_wrong", issued)
		denied(t, r, id, "method_wrong", own)
		denied(t, r, id, "method_wrong", nil)
	}
	for _, id := range []string{"former-tls", "former-self-signed", "nobody", "TLS", "tls ", "CN=TEST client"} {
		denied(t, r, id, "client_unknown", issued)
		denied(t, r, id, "client_unknown", own)
	}
}

// A certificate besides is no authentication, neither of a client that has none nor of one that fails in its own.
func TestC1_a_client_without_authentication_is_not_proved_by_a_certificate(t *testing.T) {
	r, issued, own := everybody(t)
	for _, certificates := range [][]*x509.Certificate{nil, issued, own} {
		authenticated, err := present(t, r, certificates, "client_id", "public")
		if registration, is := authenticated.Client(); err != nil || !is || registration.ID != "public" || authenticated.Proved() {
			t.Errorf("%v, %v", authenticated, err)
		}
	}
}

// RFC 8705 §2: the client_id parameter says who the client is; the certificate does not.
func TestC2_a_certificate_without_a_client_id_is_nobodys(t *testing.T) {
	r, issued, own := everybody(t)
	for _, certificates := range [][]*x509.Certificate{issued, own} {
		authenticated, err := present(t, r, certificates)
		if _, is := authenticated.Client(); err != nil || is || authenticated.Proved() {
			t.Errorf("%v, %v", authenticated, err)
		}
	}
}

// Threats, Keycloak CVE-2026-16093: what was not checked must not be what counts.
func TestC2_a_credential_of_another_method_is_not_made_good_by_a_certificate(t *testing.T) {
	r, issued, _ := everybody(t)
	denied(t, r, "tls", "method_wrong", issued, "client_secret", secretText)
	denied(t, r, "self-signed", "method_wrong", issued, "client_secret", secretText)
	denied(t, r, "post", "secret_wrong", issued, "client_secret", "wrong")
	denied(t, r, "nobody", "client_unknown", issued, "client_secret", secretText)
	// The certificate of another client beside a good secret: it can bind the token, and says nothing else.
	proves(t, r, "post", issued, "client_secret", secretText)
}

func TestC2_a_client_assertion_of_a_client_that_has_a_certificate_is_refused(t *testing.T) {
	r, issued, own := everybody(t)
	for _, id := range []string{"tls", "self-signed"} {
		for _, certificates := range [][]*x509.Certificate{issued, own, nil} {
			denied(t, r, id, "method_wrong", certificates,
				"client_assertion_type", oauth.ClientAssertionTypeJWTBearer, "client_assertion", unsigned(id))
		}
	}
	// Two credentials besides the certificate are refused before anybody looks at them.
	_, err := oauth.ParseTokenRequest(oauth.Form{Certificates: issued, Authorization: []string{"Basic dGxzOng="}, Parameters: url.Values{
		"grant_type": {oauth.ClientCredentials}, "client_id": {"tls"}, "client_secret": {secretText},
	}})
	if refusal, is := errors.AsType[*oauth.Error](err); !is || refusal.Code != oauth.InvalidRequest {
		t.Error(err)
	}
}

// Protocol T8: denied holds the one answer for each; here is that they cost about the same.
func TestT8_an_unknown_client_costs_the_verification_of_a_chain_as_a_wrong_name_does(t *testing.T) {
	root := newRoot(t, "TEST root")
	intermediate := root.appoints(t, "TEST intermediate")
	own := selfSigned(t, "TEST client")
	hash, err := client.ParseSecretHash(bcryptOf(t, secretText, bcrypt.MinCost))
	must(t, err)
	r := registered(t, []party{root}, named("tls", dn("CN=TEST other")), keyed(t, "self-signed", own),
		&client.Registration{ID: "post", Method: oauth.ClientSecretPost, Secrets: []*client.SecretHash{hash}})
	certificates := chain(intermediate.issues(t, "TEST client"), intermediate)
	cost := func(id, reason string) float64 {
		return testing.AllocsPerRun(20, func() { denied(t, r, id, reason, certificates) })
	}
	known := cost("tls", "certificate_name")
	for id, reason := range map[string]string{"nobody": "client_unknown", "post": "method_wrong", "self-signed": "certificate_key"} {
		// The thumbprints of registered keys are allocated too, and cost little beside a signature.
		if stranger := cost(id, reason); stranger < known*3/4 || stranger > known*2 {
			t.Errorf("%s costs %v allocations, and a client with a wrong name %v", id, stranger, known)
		}
	}
}

func TestNew_refuses_a_registration_that_could_not_be_held(t *testing.T) {
	root, own := newRoot(t, "TEST root"), selfSigned(t, "TEST client")
	with := func(r *client.Registration, change func(*client.Registration)) *client.Registration {
		change(r)
		return r
	}
	for what, registration := range map[string]*client.Registration{
		"a name for keys":                 with(keyed(t, "batch", own), func(r *client.Registration) { r.Certificate = dn("CN=batch") }),
		"a name for an assertion":         with(named("batch", dn("CN=batch")), func(r *client.Registration) { r.Method = oauth.PrivateKeyJWT }),
		"a name for no authentication":    with(named("batch", dn("CN=batch")), func(r *client.Registration) { r.Method = oauth.NoAuthentication }),
		"no name":                         named("batch", client.CertificateName{}),
		"no keys":                         {ID: "batch", Method: oauth.SelfSignedTLSClientAuth},
		"keys that nobody has registered": {ID: "batch", Method: oauth.SelfSignedTLSClientAuth, Keys: assertion.Nobody{}},
		"no id":                           named("", dn("CN=batch")),
	} {
		if r, err := client.New(config(t, []party{root}, registration)); err == nil || r != nil {
			t.Errorf("%s: accepted", what)
		}
	}
	if r, err := client.New(config(t, []party{root}, named("batch", dn("CN=batch")), named("batch", dn("CN=batch")))); err == nil || r != nil {
		t.Error("an id that is there twice: accepted")
	}
	c := config(t, nil)
	c.Now = nil
	if r, err := client.New(c); err == nil || r != nil {
		t.Error("no clock: accepted")
	}
}

// unsigned is an assertion that claims to be of a client.
func unsigned(id string) string {
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	exp := strconv.FormatInt(noon.Unix()+60, 10)
	return part(`{"alg":"ES256"}`) + "." + part(`{"iss":"`+id+`","sub":"`+id+`","exp":`+exp+`}`) + "." + part("signature")
}
