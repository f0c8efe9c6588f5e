package main

import (
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/jose"
)

// verified returns the proof on one line if it belongs to the request.
func verified(t *testing.T, printed string, request dpop.Request) dpop.Proof {
	t.Helper()
	text, isLine := strings.CutSuffix(printed, "\n")
	if !isLine || strings.ContainsAny(text, " \n") {
		t.Fatalf("want one proof on one line, not %q", printed)
	}
	verifier, err := dpop.New(dpop.Config{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	proof, err := verifier.Verify(t.Context(), text, request)
	if err != nil {
		t.Fatal(err)
	}
	return proof
}

func thumbprint(t *testing.T, key jose.SigningKey) string {
	t.Helper()
	id, err := key.Verification().Thumbprint()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestProofBelongsToItsRequest(t *testing.T) {
	folder := t.TempDir()
	path := newKey(t, folder, "proof", jose.ES256)
	id := thumbprint(t, parsePrivate(t, path, ""))
	t.Setenv("TOKEN", "a-token")
	const url = "https://api.example.com/stock"
	token := write(t, filepath.Join(folder, "token"), "a-token\n")
	for _, test := range []struct {
		args  []string
		stdin string
		want  dpop.Request
	}{
		{[]string{"-url", url, "-token-file", token}, "", dpop.Request{Method: "GET", AccessToken: "a-token", Thumbprint: id}},
		{[]string{"-url", url + "?page=2", "-token-env", "TOKEN"}, "", dpop.Request{Method: "GET", AccessToken: "a-token", Thumbprint: id}},
		{[]string{"-url", url, "-method", "PUT", "-token-file", "-"}, "a-token\n", dpop.Request{Method: "PUT", AccessToken: "a-token", Thumbprint: id}},
		{[]string{"-url", url, "-method", "POST"}, "", dpop.Request{Method: "POST"}},
	} {
		result := runCommand(t, test.stdin, append([]string{"proof", "-key", path}, test.args...)...)
		if result.err != nil {
			t.Fatal(result.err)
		}
		test.want.URLs = []string{url}
		if proof := verified(t, result.stdout, test.want); proof.Thumbprint() != id {
			t.Errorf("%v: the proof is of another key", test.args)
		}
	}
}

func TestProofHasTheNonceOfTheServer(t *testing.T) {
	path := newKey(t, t.TempDir(), "proof", jose.ES256)
	nonces, err := dpop.NewNonces(dpop.RandomNonceKeys(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	nonce, err := nonces.Fresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := dpop.New(dpop.Config{Now: time.Now, Nonces: nonces})
	if err != nil {
		t.Fatal(err)
	}
	const url = "https://auth.example.com/token"
	proof := strings.TrimSpace(succeed(t, "proof", "-key", path, "-url", url, "-method", "POST", "-nonce", nonce))
	if _, err := verifier.Verify(t.Context(), proof, dpop.Request{Method: "POST", URLs: []string{url}}); err != nil {
		t.Error(err)
	}
}

func TestRSAProofsAreOfTheStrongerKind(t *testing.T) {
	path := newKey(t, t.TempDir(), "proof", jose.PS256)
	for _, test := range []struct {
		args []string
		want jose.Algorithm
	}{{nil, jose.PS256}, {[]string{"-alg", "RS256"}, jose.RS256}} {
		proof := succeed(t, append([]string{"proof", "-key", path, "-url", "https://api.example.com"}, test.args...)...)
		verified(t, proof, dpop.Request{Method: "GET", URLs: []string{"https://api.example.com/"}, Algorithms: []jose.Algorithm{test.want}})
	}
}

func TestProofSaysWhatIsMissing(t *testing.T) {
	folder := t.TempDir()
	path := newKey(t, folder, "proof", jose.ES256)
	t.Setenv("TOKEN", "")
	several := write(t, filepath.Join(folder, "several"), "a token\nand another")
	for _, test := range []struct{ args, want string }{
		{"-url https://api.example.com", "-key is missing"},
		{"-key KEY", "-url is missing"},
		{"-key KEY -url api.example.com", "is not a URL"},
		{"-key KEY -url ftp://api.example.com/", "is not a URL"},
		{"-key KEY -url https://me@api.example.com/", "is not a URL"},
		{"-key missing.pem -url https://api.example.com", "missing.pem"},
		{"-key KEY -url https://api.example.com -method=", "needs a method"},
		{"-key KEY -url https://api.example.com -alg HS256", "HS256 has none"},
		{"-key KEY -url https://api.example.com -alg RS256", "not of the type that its algorithm needs"},
		{"-key KEY -url https://api.example.com -token-env TOKEN", "TOKEN is empty or not there"},
		{"-key KEY -url https://api.example.com -token-env TOKEN -token-file x", "give one of them"},
		{"-key KEY -url https://api.example.com -token-file missing", "missing"},
		{"-key KEY -url https://api.example.com -token-file " + several, "given as the access token is none"},
		{"-key - -url https://api.example.com -token-file -", "cannot all be standard input"},
		{"-key KEY -url https://api.example.com -token abc", "localrun proof -h"},
		{"-key KEY -url https://api.example.com please", `"please" is not an option`},
	} {
		t.Run(test.args, func(t *testing.T) {
			refuse(t, append([]string{"proof"}, strings.Fields(strings.ReplaceAll(test.args, "KEY", path))...), test.want)
		})
	}
}

// Somebody who puts the token where its file belongs finds it in no error, log or history of ours.
func TestProofDoesNotRepeatATokenFromTheCommandLine(t *testing.T) {
	path := newKey(t, t.TempDir(), "proof", jose.ES256)
	result := runCommand(t, "", "proof", "-key", path, "-url", "https://api.example.com", "-token-file", "eyJhbGciOiJFUzI1NiJ9.e30.c2ln")
	if result.err == nil || strings.Contains(result.err.Error(), "eyJ") || !strings.Contains(result.err.Error(), "name of a file") {
		t.Errorf("the error is %v", result.err)
	}
}

// nonceServer is a token endpoint that wants its nonce, as often as it is asked without.
func nonceServer(t *testing.T, asked *[]string, header http.Header) string {
	t.Helper()
	return answering(t, func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.Header.Get("DPoP"))
		if proof := readUnprovedText(r.Header.Get("DPoP")); proof["nonce"] == "the-nonce" {
			_, _ = io.WriteString(w, `{"access_token":"t","token_type":"DPoP","expires_in":60}`)
			return
		}
		for _, nonce := range header.Values("DPoP-Nonce") {
			w.Header().Add("DPoP-Nonce", nonce)
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"use_dpop_nonce"}`)
	}).Endpoint
}

func readUnprovedText(text string) map[string]any { return readPart(strings.Split(text+"..", ".")[1]) }

func TestTokenComesAgainWithTheNonce(t *testing.T) {
	folder := t.TempDir()
	batch, own := newKey(t, folder, "batch", jose.ES256), newKey(t, folder, "proof", jose.ES256)
	ask := []string{"token", "-client", "batch", "-key", batch, "-dpop", own, "-url"}
	for _, test := range []struct {
		nonces []string
		asked  int
		works  bool
	}{
		{[]string{"the-nonce"}, 2, true},
		{[]string{"another"}, 2, false}, // and not for ever
		{nil, 1, false},
		{[]string{"the-nonce", "another"}, 1, false},
		{[]string{"the nonce"}, 1, false},
		{[]string{`the"nonce`}, 1, false},
	} {
		var asked []string
		result := runCommand(t, "", append(ask, nonceServer(t, &asked, http.Header{"Dpop-Nonce": test.nonces}))...)
		if len(asked) != test.asked || (result.err == nil) != test.works {
			t.Errorf("%q: asked %d times: %v", test.nonces, len(asked), result.err)
		}
		if len(asked) == 2 && readUnprovedText(asked[0])["jti"] == readUnprovedText(asked[1])["jti"] {
			t.Error("the second proof is the first")
		}
	}
}

func TestTokenIsBoundToTheKeyOfTheProof(t *testing.T) {
	s := newTokenTest(t)
	own := newKey(t, s.folder, "proof", jose.ES256)
	claims := s.claims(t, succeed(t, s.args("-url URL -client batch -key @batch.pem -dpop @proof.pem")...))
	bound, _ := claims["cnf"].(map[string]any)
	if bound["jkt"] != thumbprint(t, parsePrivate(t, own, "")) {
		t.Errorf("the token is %v", claims)
	}
	refuse(t, s.args("-url URL -client batch -key @batch.pem -dpop @missing.pem"), "missing.pem")
	refuse(t, s.args("-url URL -client batch -key @batch.pem -dpop @warehouse.secret"), "warehouse.secret")
}

// RFC 9449 §5: a client that needs a bound token must not take another one unseen.
func TestTokenSaysWhereItIsNotBoundAsAsked(t *testing.T) {
	folder := t.TempDir()
	key := newKey(t, folder, "batch", jose.ES256)
	for _, test := range []struct {
		tokenType string
		options   []string
		want      string
	}{
		{"Bearer", nil, ""},
		{"bearer", nil, ""},
		{"DPoP", []string{"-dpop", key}, ""},
		{"dpop", []string{"-dpop", key}, ""},
		{"DPoP", nil, "no proof was sent"},
		{"Bearer", []string{"-dpop", key}, "whoever has the token can use it"},
		{"N_A", []string{"-dpop", key}, "the token_type is N_A"},
	} {
		request := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"access_token":"t","token_type":"`+test.tokenType+`","expires_in":60}`)
		})
		result := runCommand(t, "", append([]string{"token", "-url", request.Endpoint, "-client", "batch", "-key", key}, test.options...)...)
		if result.err != nil || result.stdout != "t\n" || !strings.Contains(result.stderr, test.want) || (result.stderr == "") != (test.want == "") {
			t.Errorf("%s %v: %v, %q, %q", test.tokenType, test.options, result.err, result.stdout, result.stderr)
		}
	}
}
