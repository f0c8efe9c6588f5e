package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
)

// A conformanceRun is a localrun that serves the configuration for the suite, on ports of its own.
type conformanceRun struct {
	*serving
	folder string // with the files of the suite, which name these ports
}

func serveConformance(t *testing.T) conformanceRun {
	t.Helper()
	p := newPlace(t)
	folder := t.TempDir()
	files, err := filepath.Glob(filepath.Join(conformance, "*"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	ports := strings.NewReplacer(":8443", ":"+p.ports[0], ":8444", ":"+p.ports[1])
	for _, file := range files {
		write(t, filepath.Join(folder, filepath.Base(file)), ports.Replace(string(read(t, file))))
	}
	return conformanceRun{p.serve(t, "-tls", "-config", filepath.Join(folder, "config.yaml")), folder}
}

// player does what the suite does with one of its configurations.
type player struct {
	suiteConfig
	variant
	issuer, endpoint string
	trust            clientTLS // of whoever has nothing to show
	one, two         suiteParty
}

// suiteParty is one of the suite's two clients.
type suiteParty struct {
	suiteClient
	key     jose.SigningKey // of its assertions
	prover  jose.SigningKey // of its proofs
	plain   *http.Client    // without a certificate
	certain *http.Client    // with its own; nil: the variant has none
}

func (c conformanceRun) player(t *testing.T, v variant) *player {
	t.Helper()
	pl := &player{variant: v}
	decoder := json.NewDecoder(bytes.NewReader(read(t, filepath.Join(c.folder, v.file))))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&pl.suiteConfig); err != nil {
		t.Fatal(err)
	}
	pl.trust = clientTLS{Roots: mustMakeTLS(t, state{filepath.Join(c.place.folder, stateFolder)}, time.Now()).roots}
	pl.one, pl.two = pl.party(t, pl.Client, pl.MTLS), pl.party(t, pl.Client2, pl.MTLS2)
	pl.discover(t)
	return pl
}

func (p *player) party(t *testing.T, registered suiteClient, pair *suiteKeyPair) suiteParty {
	t.Helper()
	own := suiteParty{suiteClient: registered, plain: p.trust.newHTTPClient()}
	var err error
	if own.key, err = jose.ParseSigningKey(registered.JWKS.Keys[0], ""); err != nil {
		t.Fatal(err)
	}
	own.prover = own.key // the suite makes another one, which takes its time with RSA
	if pair != nil {
		certificate, err := tls.X509KeyPair([]byte(pair.Certificate), []byte(pair.Key))
		if err != nil {
			t.Fatal(err)
		}
		own.certain = clientTLS{Certificate: &certificate, Roots: p.trust.Roots}.newHTTPClient()
	}
	return own
}

// discover reads the metadata and holds what the suite's discovery module does.
func (p *player) discover(t *testing.T) {
	t.Helper()
	answer := p.do(t, p.one.plain, p.request(t, http.MethodGet, p.Server.DiscoveryURL, nil))
	var metadata struct {
		Issuer     string          `json:"issuer"`
		Endpoint   string          `json:"token_endpoint"`
		Grants     []string        `json:"grant_types_supported"`
		Methods    []string        `json:"token_endpoint_auth_methods_supported"`
		Algorithms []string        `json:"token_endpoint_auth_signing_alg_values_supported"`
		Proofs     []string        `json:"dpop_signing_alg_values_supported"`
		Scopes     []string        `json:"scopes_supported"`
		Bound      json.RawMessage `json:"tls_client_certificate_bound_access_tokens"`
	}
	if err := json.Unmarshal(answer.body, &metadata); err != nil || answer.status != http.StatusOK {
		t.Fatalf("status %d, %v", answer.status, err)
	}
	method := map[string]string{"mtls": oauth.TLSClientAuth, "private_key_jwt": oauth.PrivateKeyJWT}[p.authentication]
	for _, list := range []struct {
		name       string
		have, want []string // all of these
		bound      []string // and no others; none: or others
	}{
		{"grant_types_supported", metadata.Grants, []string{oauth.ClientCredentials}, nil},
		{"token_endpoint_auth_methods_supported", metadata.Methods, []string{method}, nil},
		{"token_endpoint_auth_signing_alg_values_supported", metadata.Algorithms, []string{"PS256"}, fapi2Algorithms},
		{"dpop_signing_alg_values_supported", metadata.Proofs, []string{"PS256"}, fapi2Algorithms},
		{"scopes_supported", metadata.Scopes, []string{p.Client.Scope}, nil},
	} {
		if !includes(list.have, list.want) || list.bound != nil && !includes(list.bound, list.have) {
			t.Errorf("%s is %q, want %q among %q", list.name, list.have, list.want, list.bound)
		}
	}
	if string(metadata.Bound) != "true" {
		t.Errorf("tls_client_certificate_bound_access_tokens is %s", metadata.Bound)
	}
	if metadata.Issuer+"/.well-known/oauth-authorization-server" != p.Server.DiscoveryURL {
		t.Errorf("the issuer is %s", metadata.Issuer)
	}
	p.issuer, p.endpoint = metadata.Issuer, metadata.Endpoint
}

// fapi2Algorithms are those of FAPI 2.0 §5.4.1. EdDSA has got a name for each of its curves since (RFC 9864).
var fapi2Algorithms = []string{"PS256", "ES256", "EdDSA", "Ed25519"}

func includes(have, want []string) bool {
	there := map[string]bool{}
	for _, one := range have {
		there[one] = true
	}
	for _, one := range want {
		if !there[one] {
			return false
		}
	}
	return true
}

// received is an answer.
type received struct {
	status int
	header http.Header
	body   []byte
}

func (r received) code() string {
	var told struct {
		Code string `json:"error"`
	}
	_ = json.Unmarshal(r.body, &told)
	return told.Code
}

func (p *player) request(t *testing.T, method, target string, form url.Values) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return request
}

func (p *player) do(t *testing.T, client *http.Client, request *http.Request) received {
	t.Helper()
	head, body, err := exchange(client, request)
	if err != nil {
		t.Fatal(err)
	}
	return received{head.StatusCode, head.Header, body}
}

// form is the token request of a client, with the claims of its assertion changed.
func (p *player) form(t *testing.T, by suiteParty, changes said) url.Values {
	t.Helper()
	form := url.Values{"grant_type": {oauth.ClientCredentials}, "scope": {by.Scope}}
	if p.authentication == "mtls" {
		form.Set("client_id", by.ID)
		return form
	}
	at := time.Now().Unix()
	claims := said{"iss": by.ID, "sub": by.ID, "aud": p.issuer, "jti": string(randomText(15)), "iat": at, "nbf": at, "exp": at + 60}
	form.Set("client_assertion_type", oauth.ClientAssertionTypeJWTBearer)
	form.Set("client_assertion", mustSign(t, by.key, marshal(t, claims.with(changes))))
	return form
}

// client is what a client sends token requests with: with its certificate where it authenticates or is bound by that.
func (p *player) client(by suiteParty) *http.Client {
	if by.certain != nil {
		return by.certain
	}
	return by.plain
}

// ask sends a token request, bound as the variant has it.
func (p *player) ask(t *testing.T, by suiteParty, form url.Values) received {
	t.Helper()
	request := p.request(t, http.MethodPost, p.endpoint, form)
	if p.binding == "dpop" {
		p.prove(t, request, by.prover, "")
	}
	return p.do(t, p.client(by), request)
}

func (p *player) prove(t *testing.T, request *http.Request, key jose.SigningKey, token string) {
	t.Helper()
	claims := dpop.Claims{Method: request.Method, URL: request.URL.String(), IssuedAt: time.Now(), AccessToken: token}
	if err := prove(request, key, claims); err != nil {
		t.Fatal(err)
	}
}

// token gets a token, and returns it with its type.
func (p *player) token(t *testing.T, by suiteParty) (token, tokenType string) {
	t.Helper()
	answer := p.ask(t, by, p.form(t, by, nil))
	var told map[string]any
	if err := json.Unmarshal(answer.body, &told); err != nil || answer.status != http.StatusOK {
		t.Fatalf("%s gets %d %s", by.ID, answer.status, answer.body)
	}
	for _, unwanted := range []string{"refresh_token", "id_token", "error"} {
		if _, there := told[unwanted]; there {
			t.Errorf("there is a %s", unwanted)
		}
	}
	if seconds, isNumber := told["expires_in"].(float64); !isNumber || seconds <= 0 {
		t.Errorf("expires_in is %v", told["expires_in"])
	}
	token, _ = told["access_token"].(string)
	tokenType, _ = told["token_type"].(string)
	if want := map[string]string{"dpop": "DPoP", "mtls": "Bearer"}[p.binding]; tokenType != want || len(token) < 16 {
		t.Errorf("token_type is %q, want %q", tokenType, want)
	}
	return token, tokenType
}

// call calls the API as a client that holds this.
func (p *player) call(t *testing.T, by suiteParty, scheme, token string) received {
	t.Helper()
	request := p.request(t, http.MethodGet, p.Resource.URL, nil)
	request.Header.Set("Authorization", scheme+" "+token)
	client := by.plain // a proof goes without a certificate, which the API has not to ask for
	if p.binding == "dpop" {
		p.prove(t, request, by.prover, token)
	} else {
		client = by.certain
	}
	return p.do(t, client, request)
}
