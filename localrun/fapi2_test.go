package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"

	"example.com/countersign/internal/jose"
)

// TestConformanceConfigurationWorksInEveryVariant plays the parts of the suite that need a whole system. What its modules
// hold of the protocol beside is tested where the protocol is.
func TestConformanceConfigurationWorksInEveryVariant(t *testing.T) {
	t.Parallel()
	run := serveConformance(t)
	for _, variant := range variants {
		t.Run(variant.file, func(t *testing.T) {
			p := run.player(t, variant)
			token, scheme := p.token(t, p.one)
			t.Run("happy flow", func(t *testing.T) { p.happy(t, scheme, token) })
			t.Run("another's token", func(t *testing.T) { p.swapped(t, scheme, token) })
			t.Run("token in the query", func(t *testing.T) { p.inQuery(t, token) })
			t.Run("nothing to bind it to", func(t *testing.T) { p.unbound(t) })
			t.Run("client authentication", func(t *testing.T) { p.unauthenticated(t) })
			t.Run("proof of another kind", func(t *testing.T) { p.weaklyProved(t, scheme, token) })
			t.Run("stolen", func(t *testing.T) { p.stolen(t, token) })
		})
	}
}

func (p *player) happy(t *testing.T, scheme, token string) {
	answer := p.call(t, p.one, scheme, token)
	if answer.status != http.StatusOK || !strings.Contains(string(answer.body), p.one.ID) {
		t.Errorf("%d %s", answer.status, answer.body)
	}
	if date, err := http.ParseTime(answer.header.Get("Date")); err != nil || time.Since(date).Abs() > 5*time.Minute {
		t.Errorf("Date is %q", answer.header.Get("Date"))
	}
	if answer := p.call(t, p.one, inverted(scheme), token); answer.status != http.StatusOK {
		t.Errorf("%s: %d %s", inverted(scheme), answer.status, answer.body)
	}
}

// inverted has small letters for capital ones, and the other way round.
func inverted(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsUpper(c) {
			return unicode.ToLower(c)
		}
		return unicode.ToUpper(c)
	}, text)
}

// swapped holds that the second client's token is good with the second client's key alone.
func (p *player) swapped(t *testing.T, scheme, first string) {
	second, _ := p.token(t, p.two)
	if answer := p.call(t, p.two, scheme, second); answer.status != http.StatusOK {
		t.Errorf("its own: %d %s", answer.status, answer.body)
	}
	if answer := p.call(t, p.one, scheme, second); answer.status != http.StatusUnauthorized {
		t.Errorf("the second's token with what the first has: %d %s", answer.status, answer.body)
	}
	if answer := p.call(t, p.two, scheme, first); answer.status != http.StatusUnauthorized {
		t.Errorf("the first's token with what the second has: %d %s", answer.status, answer.body)
	}
}

func (p *player) inQuery(t *testing.T, token string) {
	request := p.request(t, http.MethodGet, p.Resource.URL+"?access_token="+url.QueryEscape(token), nil)
	if p.binding == "dpop" {
		p.prove(t, request, p.one.prover, token)
	}
	if answer := p.do(t, p.client(p.one), request); answer.status != http.StatusUnauthorized {
		t.Errorf("%d %s", answer.status, answer.body)
	}
}

// unbound sends what is good but for the proof or the certificate.
func (p *player) unbound(t *testing.T) {
	client := p.client(p.one)
	if p.binding == "mtls" {
		client = p.one.plain
	}
	answer := p.do(t, client, p.request(t, http.MethodPost, p.endpoint, p.form(t, p.one, nil)))
	want := map[string]string{"dpop": "invalid_dpop_proof", "mtls": "invalid_request"}[p.binding]
	status := http.StatusBadRequest
	switch {
	case p.authentication == "mtls" && p.binding == "mtls":
		status, want = http.StatusUnauthorized, "invalid_client" // the certificate is its authentication, too
	case p.authentication == "private_key_jwt":
		want = "invalid_request" // either would have done
	}
	if answer.status != status || answer.code() != want || !strings.HasPrefix(answer.header.Get("Content-Type"), "application/json") {
		t.Errorf("%d %s", answer.status, answer.body)
	}
}

func (p *player) unauthenticated(t *testing.T) {
	forms := map[string]url.Values{}
	other := p.form(t, p.one, nil)
	other.Set("client_id", p.two.ID)
	forms["the second's client_id"] = other
	if p.authentication == "private_key_jwt" {
		forms["another's assertion"] = p.form(t, p.one, said{"iss": p.two.ID, "sub": p.two.ID})
		forms["aud is the token endpoint"] = p.form(t, p.one, said{"aud": p.endpoint})
		forms["aud is an array"] = p.form(t, p.one, said{"aud": []string{p.issuer}})
		forms["no sub"] = p.form(t, p.one, said{"sub": nil})
		forms["expired"] = p.form(t, p.one, said{"exp": time.Now().Add(-5 * time.Minute).Unix()})
		if weak := p.one; weak.key.Algorithm() == jose.PS256 {
			weak.key = withAlgorithm(t, p.one.key, jose.RS256)
			forms["RS256"] = p.form(t, weak, nil)
		}
		missing := p.form(t, p.one, nil)
		missing.Del("client_assertion")
		missing.Del("client_assertion_type")
		missing.Set("client_id", p.one.ID)
		forms["no assertion"] = missing
	}
	for name, form := range forms {
		if answer := p.ask(t, p.one, form); answer.status != http.StatusUnauthorized || answer.code() != "invalid_client" {
			t.Errorf("%s: %d %s", name, answer.status, answer.body)
		}
	}
}

// weaklyProved sends proofs by the right key, signed as the profile does not have it.
func (p *player) weaklyProved(t *testing.T, scheme, token string) {
	if p.binding != "dpop" || p.one.prover.Algorithm() != jose.PS256 {
		return
	}
	weak := p.one
	weak.prover = withAlgorithm(t, p.one.prover, jose.RS256)
	if answer := p.ask(t, weak, p.form(t, weak, nil)); answer.status != http.StatusBadRequest || answer.code() != "invalid_dpop_proof" {
		t.Errorf("at the token endpoint: %d %s", answer.status, answer.body)
	}
	if answer := p.call(t, weak, scheme, token); answer.status != http.StatusUnauthorized {
		t.Errorf("at the API: %d %s", answer.status, answer.body)
	}
}

// withAlgorithm returns the same key for another algorithm.
func withAlgorithm(t *testing.T, key jose.SigningKey, algorithm jose.Algorithm) jose.SigningKey {
	t.Helper()
	document, err := key.EncodePKCS8()
	if err != nil {
		t.Fatal(err)
	}
	changed, err := jose.ParseSigningKey(document, algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// stolen holds that the token alone, in whatever scheme, opens nothing.
func (p *player) stolen(t *testing.T, token string) {
	for _, scheme := range []string{"Bearer", "DPoP"} {
		request := p.request(t, http.MethodGet, p.Resource.URL, nil)
		request.Header.Set("Authorization", scheme+" "+token)
		if answer := p.do(t, p.one.plain, request); answer.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", scheme, answer.status, answer.body)
		}
	}
}
