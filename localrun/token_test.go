package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
)

// tokenTest is a server with a party for each way to ask, and their keys and secrets.
type tokenTest struct {
	testServer
	folder string
}

func newTokenTest(t *testing.T) tokenTest {
	folder := t.TempDir()
	for _, name := range []string{"batch", "ci", "stranger"} {
		newKey(t, folder, name, jose.ES256)
	}
	succeed(t, "keys", "-alg", "HS256", "-name", "warehouse", "-out", folder)
	secret := filepath.Join(folder, "portal.secret")
	hash, err := hashSecret([]byte("p0rtal: +secret"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, secret, "p0rtal: +secret\n")
	server := startServer(t, folder, secretsOf{"hmac": read(t, filepath.Join(folder, "warehouse.secret"))}, `
clients:
  - id: batch
    authentication: private_key_jwt
    keys: {file: batch.jwks.json}
    grants: [client_credentials, "urn:ietf:params:oauth:grant-type:jwt-bearer"]
    allow: [{resource: https://api.example.com, scopes: [read, write], default_scopes: [read]}]
  - id: warehouse
    authentication: client_secret_jwt
    keys: {shared_secret: projects/p/secrets/hmac, algorithm: HS256}
    grants: [client_credentials]
    allow: [{resource: https://api.example.com, scopes: [read]}]
  - id: portal
    authentication: client_secret_basic
    secrets: ["`+hash+`"]
    grants: [client_credentials]
    allow: [{resource: https://api.example.com, scopes: [read]}]
  - id: form
    authentication: client_secret_post
    secrets: ["`+hash+`"]
    grants: [client_credentials]
    allow: [{resource: https://api.example.com, scopes: [read]}]
  - id: terminal
    authentication: none
    grants: ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    allow: [{resource: https://api.example.com, scopes: [read]}]
issuers:
  - issuer: https://ci.example.com
    keys: {file: ci.jwks.json}
    jti: required
    allow:
      - {if: claims.ref == "refs/heads/main", resource: https://api.example.com, scopes: [read]}
  - issuer: https://strict.example.com
    keys: {file: ci.jwks.json}
    client: authenticated
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
	return tokenTest{server, folder}
}

// args splits a command line; URL stands for the issuer, and a file that is not a path for one in the folder.
func (s tokenTest) args(line string) []string {
	args := strings.Fields(strings.NewReplacer("URL", s.issuer, "@", s.folder+string(filepath.Separator)).Replace(line))
	return append([]string{"token"}, args...)
}

func TestTokenByEveryMethod(t *testing.T) {
	s := newTokenTest(t)
	t.Setenv("PORTAL_SECRET", "p0rtal: +secret")
	for _, test := range []struct {
		args              string
		sub, client, gets string
	}{
		{"-url URL -client batch -key @batch.pem", "batch", "batch", "read"},
		{"--url URL/token --client=batch --key=@batch.pem --scope=write", "batch", "batch", "write"},
		{"-url URL -client batch -key @batch.pem -auth private_key_jwt -resource https://api.example.com", "batch", "batch", "read"},
		{"-url URL -client batch -key @batch.pem -typ client-authentication+jwt -lifetime 9m", "batch", "batch", "read"},
		{"-url URL -client warehouse -key @warehouse.secret -alg HS256 -kid 1", "warehouse", "warehouse", "read"},
		{"-url URL -client portal -secret-file @portal.secret", "portal", "portal", "read"},
		{"-url URL -client portal -secret-env PORTAL_SECRET -auth client_secret_basic", "portal", "portal", "read"},
		{"-url URL -client form -secret-file @portal.secret -auth client_secret_post", "form", "form", "read"},
		{"-url URL -key @ci.pem -iss https://ci.example.com -sub build-17 -claim ref=refs/heads/main", "build-17", "build-17", "read"},
		{"-url URL -key @ci.pem -iss https://ci.example.com -sub build-17 -claim ref=refs/heads/main -client terminal -grant jwt-bearer", "build-17", "terminal", "read"},
		{"-url URL/token -grant urn:ietf:params:oauth:grant-type:jwt-bearer -key @batch.pem -iss batch", "batch", "batch", "read"},
		{"-url URL -grant jwt-bearer -key @batch.pem -client batch -auth private_key_jwt", "batch", "batch", "read"},
		{"-url URL -grant jwt-bearer -key @ci.pem -iss https://strict.example.com -sub x -client portal -secret-file @portal.secret", "", "", "is not registered for this grant_type"},
	} {
		t.Run(test.args, func(t *testing.T) {
			if test.sub == "" {
				refuse(t, s.args(test.args), "unauthorized_client", test.gets)
				return
			}
			claims := s.claims(t, succeed(t, s.args(test.args)...))
			if claims["sub"] != test.sub || claims["client_id"] != test.client || claims["scope"] != test.gets {
				t.Errorf("the token is %v", claims)
			}
		})
	}
}

func TestReadyAssertionIsSentAsItIs(t *testing.T) {
	s := newTokenTest(t)
	assertion := succeed(t, "assert", "-key", filepath.Join(s.folder, "ci.pem"), "-iss", "https://ci.example.com",
		"-sub", "build-18", "-aud", s.issuer, "-claim", "ref=refs/heads/main")
	result := runCommand(t, assertion, s.args("-url URL -assertion - -client terminal")...)
	if result.err != nil {
		t.Fatal(result.err)
	}
	if claims := s.claims(t, result.stdout); claims["sub"] != "build-18" {
		t.Errorf("the token is %v", claims)
	}
	write(t, filepath.Join(s.folder, "used.jwt"), assertion)
	refuse(t, s.args("-url URL -assertion @used.jwt"), "invalid_grant", "has been used before")
	strict := succeed(t, "assert", "-key", filepath.Join(s.folder, "ci.pem"), "-iss", "https://strict.example.com", "-aud", s.issuer)
	write(t, filepath.Join(s.folder, "strict.jwt"), strict)
	if claims := s.claims(t, succeed(t, s.args("-url URL -assertion @strict.jwt -client batch -key @batch.pem -auth private_key_jwt")...)); claims["client_id"] != "batch" {
		t.Errorf("the token is %v", claims)
	}
}

func TestWholeAnswerIsJSON(t *testing.T) {
	s := newTokenTest(t)
	var answer struct {
		Token  string `json:"access_token"`
		Type   string `json:"token_type"`
		Scope  string `json:"scope"`
		Expiry int    `json:"expires_in"`
	}
	printed := succeed(t, s.args("-url URL -client batch -key @batch.pem -json")...)
	if err := json.Unmarshal([]byte(printed), &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Type != "Bearer" || answer.Scope != "read" || answer.Expiry != 600 {
		t.Errorf("the answer is %+v", answer)
	}
	s.claims(t, answer.Token+"\n")

	refused := runCommand(t, "", s.args("-url URL -client batch -key @stranger.pem -json")...)
	var refusal struct {
		Code string `json:"error"`
	}
	if err := json.Unmarshal([]byte(refused.stdout), &refusal); err != nil || refusal.Code != "invalid_client" {
		t.Errorf("the refusal is %q, %v", refused.stdout, err)
	}
	if refused.err == nil {
		t.Error("a refusal is no error")
	}
}

func TestRefusalsAreInTheServersWords(t *testing.T) {
	s := newTokenTest(t)
	write(t, filepath.Join(s.folder, "wrong.secret"), "wrong")
	for _, test := range []struct {
		args string
		want string
	}{
		{"-client batch -key @stranger.pem", "invalid_client: client authentication failed"},
		{"-client nobody -key @batch.pem", "invalid_client: client authentication failed"},
		{"-client batch -key @batch.pem -aud https://elsewhere.example", "invalid_client: client_assertion: aud is not this server"},
		{"-client batch -key @batch.pem -lifetime 1h", "invalid_client: client_assertion: the time until exp"},
		{"-client batch -key @batch.pem -claim exp=0", "invalid_client: client_assertion: exp has passed"},
		{"-client batch -key @batch.pem -no-jti", "invalid_client: client_assertion: jti is missing"},
		{"-client batch -key @batch.pem -sub other", "invalid_client: client_assertion: sub is not the same as iss"},
		{"-client batch -key @batch.pem -scope admin", "invalid_scope"},
		{"-client batch -key @batch.pem -resource https://other.example", "invalid_target"},
		{"-client portal -secret-file @wrong.secret", "invalid_client"},
		{"-client portal -secret-file @portal.secret -auth client_secret_post", "invalid_client"},
		{"-client terminal -auth none -grant client_credentials", "unauthorized_client"},
		{"-key @ci.pem -iss https://ci.example.com -sub x -claim ref=main", "invalid_grant: no rule matches the claims"},
		{"-key @ci.pem -iss https://other.example.com", "invalid_grant: assertion: its iss is not trusted here"},
	} {
		t.Run(test.args, func(t *testing.T) { refuse(t, s.args("-url URL "+test.args), test.want) })
	}
}

func TestTokenSaysWhatIsMissing(t *testing.T) {
	s := newTokenTest(t)
	t.Setenv("EMPTY", "")
	for _, test := range []struct {
		args string
		want string
	}{
		{"", "-url is missing"},
		{"-client batch -key @batch.pem", "-url is missing"},
		{"-url URL -client batch", "private_key_jwt needs the client's key: -key"},
		{"-url URL -key @batch.pem", "-client is missing"},
		{"-url URL -client portal -auth client_secret_basic", "-secret-file or -secret-env"},
		{"-url URL -client portal -secret-env EMPTY", "EMPTY is empty or not there"},
		{"-url URL -client portal -secret-env EMPTY -secret-file x", "give one of them"},
		{"-url URL -client portal -secret-file @missing", "missing"},
		{"-url URL -client portal -secret-file @portal.secret -auth private_key_jwt", "sends no client_secret"},
		{"-url URL -secret-file @portal.secret", "-client is missing"},
		{"-url URL -client batch -key @batch.pem -auth client_secret_jwt", "not for an ES256 key"},
		{"-url URL -client warehouse -key @warehouse.secret -alg HS256 -auth private_key_jwt", "not for an HS256 key"},
		{"-url URL -client batch -key @batch.pem -auth magic", "use one of private_key_jwt"},
		{"-url URL -client batch -key @batch.pem -grant password", "use one of client_credentials, jwt-bearer"},
		{"-url URL -grant jwt-bearer", "jwt-bearer needs an assertion"},
		{"-url URL -grant jwt-bearer -key @ci.pem", "-iss is missing"},
		{"-url auth.example.com -client batch -key @batch.pem", "not a URL"},
		{"-url http://auth.example.com -client batch -key @batch.pem", "not https"},
		{"-url https://user:pass@auth.example.com -client batch -key @batch.pem", "not a URL"},
		{"-url URL -client batch -key @batch.pem -claim x", "NAME=VALUE"},
		{"-url URL -client batch -key @batch.pem please", `"please" is not an option`},
		{"-url URL -secret hunter2", "-secret; localrun token -h"},
	} {
		t.Run(test.args, func(t *testing.T) { refuse(t, s.args(test.args), test.want) })
	}
}

func TestExitStatusTellsWhetherThereIsAToken(t *testing.T) {
	s := newTokenTest(t)
	stdout, stderr, status := program(t, s.args("-url URL -client batch -key @batch.pem")...)
	if status != 0 || stderr != "" {
		t.Errorf("status %d, %q", status, stderr)
	}
	s.claims(t, stdout)
	stdout, stderr, status = program(t, s.args("-url URL -client batch -key @stranger.pem")...)
	if status != 1 || stdout != "" || !strings.HasPrefix(stderr, "localrun: invalid_client: ") {
		t.Errorf("status %d, %q, %q", status, stdout, stderr)
	}
}
