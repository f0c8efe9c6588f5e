package resource_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"example.com/countersign/internal/mutualtls"
	"example.com/countersign/internal/resource"
)

// RFC 7800 §3.1: a token that is bound is not good for whoever has it, also where nobody here can tell to what.
func TestD4_M2_a_token_whose_binding_nobody_can_check_is_refused(t *testing.T) {
	w := newWorld(t, takesDPoP(t))
	key := newSigner(t)
	const (
		unknown = "it is bound to something that cannot be checked here"
		none    = "cnf has a thumbprint that is none"
	)
	for _, test := range []struct {
		name string
		cnf  any
		why  string
	}{
		{"no members", claims{}, unknown},
		{"members that are all unknown", claims{"jwk": key.jwk(t), "kid": key.ID()}, unknown},
		{"jkt in capitals", claims{"JKT": key.ID()}, unknown},
		{"x5t#S512", claims{"x5t#S512": hash("")}, unknown},
		{"a string", key.ID(), unknown},
		{"an array", []any{claims{"jkt": key.ID()}}, unknown},
		{"a number", 7, unknown},
		{"true", true, unknown},
		{"null", (*int)(nil), unknown},
		{"an empty jkt", claims{"jkt": ""}, none},
		{"a jkt that is null", claims{"jkt": nil}, none},
		{"a jkt that is a list", claims{"jkt": []string{key.ID()}}, none},
		{"an empty x5t#S256", claims{"x5t#S256": ""}, none},
		{"an x5t#S256 that is a number", claims{"x5t#S256": 7}, none},
		{"one of two that is none", claims{"x5t#S256": 7, "jkt": key.ID()}, none},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := w.key.token(t, bindingTo(test.cnf))
			w.refuse(t, text, test.why)
			c := w.client(t)
			c.deny(t, badToken, token(text))
		})
	}
	w.accept(t, w.key.token(t, good()))
}

// bindingTo are claims with any cnf, null too.
func bindingTo(cnf any) claims {
	c := good().with("cnf", "x")
	c["cnf"] = cnf
	return c
}

func TestD4_M2_the_API_learns_to_what_a_token_is_bound(t *testing.T) {
	c := newClient(t)
	got, err := c.Verify(c.attempt(t, c.token, c.key).request(t, c.at))
	if err != nil || got.Binding != (resource.Binding{Key: c.key.ID()}) {
		t.Errorf("got %+v, %v", got.Binding, err)
	}
	// A member that nobody knows does not take the others away.
	more := c.world.key.token(t, good().with("cnf", claims{"jkt": c.key.ID(), "x": "y"}))
	c.allow(t, token(more))
	c.deny(t, badToken, token(more), sentAs("Bearer"))
}

// certificate is one that its key has signed itself.
func certificate(t testing.TB, key signer) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "TEST client"},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.private.Public(), key.private)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key.private, Leaf: leaf}
}

// overTLS is an API that asks for certificates and takes any.
func (w world) overTLS(t *testing.T) *httptest.Server {
	t.Helper()
	listener := httptest.NewUnstartedServer(w.handler())
	listener.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ClientAuth: tls.RequestClientCert}
	listener.StartTLS()
	t.Cleanup(listener.Close)
	return listener
}

// showing is a client of the API that shows these certificates.
func (w world) showing(listener *httptest.Server, key signer, token string, certificates ...tls.Certificate) client {
	transport := listener.Client().Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.Certificates = certificates
	return client{w, listener.URL, key, token, &http.Client{Transport: transport}}
}

// bearer sends the token as such.
func bearer(t testing.TB, a *attempt) {
	sentAs("Bearer")(t, a)
	a.proofs = []string{}
}

// RFC 8705 §3.
func TestM2_a_bound_token_is_good_for_the_certificate_of_the_connection_alone(t *testing.T) {
	w := newWorld(t, takesDPoP(t))
	listener := w.overTLS(t)
	own, key := newSigner(t), newSigner(t)
	mine, other := certificate(t, own), certificate(t, newSigner(t))
	renewed := certificate(t, own)
	chained := other
	chained.Certificate = append(slices.Clone(other.Certificate), mine.Certificate...)
	thumbprint := mutualtls.Thumbprint(mine.Leaf)
	bound := w.key.token(t, good().with("cnf", claims{"x5t#S256": thumbprint}))
	both := w.key.token(t, good().with("cnf", claims{"x5t#S256": thumbprint, "jkt": key.ID()}))
	unbound := w.key.token(t, good())
	for _, test := range []struct {
		name    string
		token   string
		shown   []tls.Certificate
		code    string // empty: it is let through
		changes []change
	}{
		{"its certificate", bound, []tls.Certificate{mine}, "", []change{bearer}},
		{"no certificate", bound, nil, badToken, []change{bearer}},
		{"another certificate", bound, []tls.Certificate{other}, badToken, []change{bearer}},
		{"another certificate of the same key", bound, []tls.Certificate{renewed}, badToken, []change{bearer}},
		{"its certificate behind another", bound, []tls.Certificate{chained}, badToken, []change{bearer}},
		{"as DPoP, with a proof", bound, []tls.Certificate{mine}, badToken, nil},

		{"both", both, []tls.Certificate{mine}, "", nil},
		{"both, no certificate", both, nil, badToken, nil},
		{"both, another certificate", both, []tls.Certificate{other}, badToken, nil},
		{"both, no proof", both, []tls.Certificate{mine}, badProof, []change{withoutProof}},
		{"both, as Bearer", both, []tls.Certificate{mine}, badToken, []change{bearer}},
		{"both, a proof with the key of the certificate", both, []tls.Certificate{mine}, badToken, []change{by(own)}},

		{"unbound, with a certificate", unbound, []tls.Certificate{other}, "", []change{bearer}},
		{"unbound, without", unbound, nil, "", []change{bearer}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := w.showing(listener, key, test.token, test.shown...)
			if test.code == "" {
				c.allow(t, test.changes...)
			} else {
				c.deny(t, test.code, test.changes...)
			}
		})
	}
}

// by makes the proof with another key.
func by(key signer) change {
	return func(t testing.TB, a *attempt) {
		a.proof.key = key
		parameter("jwk", key.jwk(t))(t, a)
	}
}

// A header in which somebody writes a certificate is nobody's word where no proxy is configured.
func TestM2_without_a_proxy_headers_are_not_read(t *testing.T) {
	w := newWorld(t)
	mine := certificate(t, newSigner(t))
	bound := w.key.token(t, good().with("cnf", claims{"x5t#S256": mutualtls.Thumbprint(mine.Leaf)}))
	written := header(mutualtls.CertificateHeader, field(mine))
	c := client{w, w.anywhere(t), newSigner(t), bound, http.DefaultClient}
	c.deny(t, badToken, bearer, written)
	overTLS := w.showing(w.overTLS(t), c.key, bound)
	overTLS.deny(t, badToken, bearer, written)
	overTLS = w.showing(w.overTLS(t), c.key, bound, certificate(t, newSigner(t)))
	overTLS.deny(t, badToken, bearer, written)
}

// field is a certificate as RFC 9440 has it.
func field(c tls.Certificate) string {
	return ":" + base64.StdEncoding.EncodeToString(c.Leaf.Raw) + ":"
}

func TestM1_behind_a_proxy_the_certificate_is_the_one_that_the_proxy_names(t *testing.T) {
	const secret = "TEST secret of the proxy"
	var down atomic.Bool
	secrets := func(context.Context) ([]string, error) {
		if down.Load() {
			return nil, errDown
		}
		return []string{secret}, nil
	}
	proxy, err := mutualtls.New(mutualtls.Config{SecretHeader: "X-Proxy", Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(c *resource.Config) { c.Proxy = proxy })
	mine, other := certificate(t, newSigner(t)), certificate(t, newSigner(t))
	bound := w.key.token(t, good().with("cnf", claims{"x5t#S256": mutualtls.Thumbprint(mine.Leaf)}))
	c := client{w, w.anywhere(t), newSigner(t), bound, http.DefaultClient}
	proved, written := header("X-Proxy", secret), header("Client-Cert", field(mine))

	c.allow(t, bearer, proved, written)
	c.deny(t, badToken, bearer)
	c.deny(t, badToken, bearer, proved)
	c.deny(t, badToken, bearer, proved, header("Client-Cert", ""))
	c.deny(t, badToken, bearer, written)
	c.deny(t, badToken, bearer, written, header("X-Proxy", "TEST another secret"))
	c.deny(t, badToken, bearer, proved, header("Client-Cert", field(other)))
	c.deny(t, badToken, bearer, proved, header("Client-Cert", field(other)), written)
	c.deny(t, badToken, bearer, proved, header("Client-Cert", "x"))
	c.deny(t, badToken, bearer, proved, header("Client-Cert", field(other)), header("Client-Cert-Chain", field(mine)))

	// The certificate of our own connection is then the proxy's.
	direct := w.showing(w.overTLS(t), c.key, bound, mine)
	direct.deny(t, badToken, bearer)
	direct.deny(t, badToken, bearer, proved)

	down.Store(true)
	c.undecided(t, bearer, proved, written)
	c.deny(t, badToken, bearer)
	c.allow(t, token(w.key.token(t, good())), bearer, proved, written)
}

func TestM2_an_API_can_require_what_its_tokens_are_bound_to(t *testing.T) {
	own, key := newSigner(t), newSigner(t)
	mine := certificate(t, own)
	thumbprint := mutualtls.Thumbprint(mine.Leaf)
	kinds := map[string]claims{
		"unbound": good(), "key": key.bound(), "certificate": good().with("cnf", claims{"x5t#S256": thumbprint}),
		"both": good().with("cnf", claims{"x5t#S256": thumbprint, "jkt": key.ID()}),
	}
	for name, test := range map[string]struct {
		require func(*resource.Config)
		taken   []string
	}{
		"nothing":         {func(*resource.Config) {}, []string{"unbound", "key", "certificate", "both"}},
		"a key":           {func(c *resource.Config) { c.RequireDPoP = true }, []string{"key", "both"}},
		"a certificate":   {func(c *resource.Config) { c.RequireCertificate = true }, []string{"certificate", "both"}},
		"one of the two":  {func(c *resource.Config) { c.RequireBound = true }, []string{"key", "certificate", "both"}},
		"both of the two": {func(c *resource.Config) { c.RequireDPoP, c.RequireCertificate = true, true }, []string{"both"}},
	} {
		w := newWorld(t, takesDPoP(t), test.require)
		listener := w.overTLS(t)
		for kind, of := range kinds {
			t.Run(name+", "+kind, func(t *testing.T) {
				c := w.showing(listener, key, w.key.token(t, of), mine)
				changes := []change{}
				if cnf, _ := of["cnf"].(claims); cnf["jkt"] == nil {
					changes = append(changes, bearer)
				}
				if slices.Contains(test.taken, kind) {
					c.allow(t, changes...)
				} else {
					c.deny(t, badToken, changes...)
				}
			})
		}
	}
}
