package token_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/policy"
	"example.com/countersign/internal/token"
)

func TestW1_a_token_is_what_RFC_9068_says_and_nothing_more(t *testing.T) {
	b := newBench(t)
	made, read := b.issue(t, request{client: "mobile"})
	if read.Type != "at+jwt" || read.Algorithm != b.public.Algorithm() || read.KeyID != b.public.ID() {
		t.Errorf("the header is %q, %q, %q", read.Type, read.Algorithm, read.KeyID)
	}
	verified, err := read.Verify(b.public)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"iss": server, "sub": "somebody", "aud": invoices, "client_id": "mobile", "scope": "read write",
		"iat": epoch.Unix(), "exp": epoch.Unix() + 600, "jti": made.ID,
	}
	if diff := cmp.Diff(want, verified.All()); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	if made.ExpiresIn != 600 || made.ExpiresAt != epoch.Unix()+600 || made.Scope.String() != "read write" {
		t.Errorf("%+v", made)
	}
}

func TestW1_without_a_client_the_subject_speaks_for_itself(t *testing.T) {
	b := newBench(t)
	_, read := b.issue(t, request{})
	if got := read.Unverified().All()["client_id"]; got != "somebody" {
		t.Errorf("client_id is %v", got)
	}
}

// Many verifiers know aud as a string only, so that is what one audience is.
func TestW1_aud_is_a_string_for_one_and_an_array_for_several(t *testing.T) {
	b := newBench(t)
	for _, test := range []struct {
		resources []string
		want      any
	}{
		{[]string{invoices}, invoices},
		{[]string{invoices, invoices}, invoices},
		{[]string{legacy}, legacy},
		{[]string{invoices, deploy}, []any{invoices, deploy}},
		{[]string{deploy, invoices}, []any{deploy, invoices}},
	} {
		_, read := b.issue(t, request{resources: test.resources})
		if diff := cmp.Diff(test.want, read.Unverified().All()["aud"]); diff != "" {
			t.Errorf("%q: want -, got +:\n%s", test.resources, diff)
		}
	}
}

func TestW1_every_token_has_its_own_jti(t *testing.T) {
	b := newBench(t)
	decision := b.decide(t, request{})
	seen := map[string]bool{}
	for range 500 {
		draft, err := b.Draft(t.Context(), decision)
		must(t, err)
		made, err := draft.Sign()
		must(t, err)
		if len(made.ID) < 22 || seen[made.ID] {
			t.Fatalf("jti %q", made.ID)
		}
		seen[made.ID] = true
	}
}

func TestG8_copied_claims_join_the_others(t *testing.T) {
	b := newBench(t)
	copied := claims{
		"email": "a@b.example", "name": `a "quoted" \ name`, "tags": `</script>&<x>`, "unicode": "é€\u2028", "line": "a\nb\x00", "n": int64(7), "f": 1.5,
		"yes": true, "groups": []any{"x", "y", int64(1)}, "nested": map[string]any{"iss": "https://evil.example", "deep": []any{map[string]any{}}}, "": "no name",
		"https://example.com/team": "blue", "Iss": "https://evil.example", "none": map[string]any{}, "brace": "}", "Sub": "evil",
	}
	expressions := map[string]string{}
	for name := range copied {
		expressions[name] = fmt.Sprintf("claims[%q]", name)
	}
	_, read := b.issue(t, request{claims: copied, copied: expressions})
	verified, err := read.Verify(b.public)
	must(t, err)
	want := map[string]any{
		"iss": server, "sub": "somebody", "aud": invoices, "client_id": "somebody", "scope": "read write",
		"iat": epoch.Unix(), "exp": epoch.Unix() + 600, "jti": verified.ID,
	}
	for name, value := range copied {
		want[name] = value
	}
	if diff := cmp.Diff(want, verified.All()); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestG8_a_claim_that_is_missing_is_left_out(t *testing.T) {
	b := newBench(t)
	for _, r := range []request{
		{copied: map[string]string{"email": "claims.email"}},
		{copied: map[string]string{"email": "claims.email", "name": "claims.name"}, claims: claims{"name": "n"}},
	} {
		_, read := b.issue(t, r)
		all := read.Unverified().All()
		if _, there := all["email"]; there || len(all) != 8+len(r.claims) {
			t.Errorf("%v", all)
		}
	}
}

// The names of copied claims and of our own cannot meet: what makes a token relies on it.
func TestW1_no_rule_can_set_a_claim_that_every_token_has(t *testing.T) {
	b := newBench(t)
	_, read := b.issue(t, request{})
	for name := range read.Unverified().All() {
		_, faults, err := b.compiler.Rule(
			policy.Terms{Resource: invoices, Scopes: oauth.Scope{"read"}, DefaultScopes: oauth.Scope{"read"}, Lifetime: time.Minute},
			policy.Expressions{Claims: map[string]string{name: `"x"`}},
		)
		if err != nil || len(faults) != 1 {
			t.Errorf("%s can be set: %v, %v", name, faults, err)
		}
	}
}

func TestAccessToken_and_Draft_print_nothing_secret(t *testing.T) {
	b := newBench(t)
	for _, resource := range []string{invoices, legacy} {
		draft, err := b.Draft(t.Context(), b.decide(t, request{resources: []string{resource}}))
		must(t, err)
		made, err := draft.Sign()
		must(t, err)
		text := made.Token.Reveal()
		signature := text[strings.LastIndex(text, ".")+1:]
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
			for _, value := range []any{made, &made, draft, &draft, []token.AccessToken{made}} {
				printed := fmt.Sprintf(verb, value)
				for _, secret := range []string{signature, "llllllll", "6c6c6c6c", "108 108"} { // the shared one in every form
					if strings.Contains(printed, secret) {
						t.Errorf("%s of %T: %s", verb, value, printed)
					}
				}
			}
		}
	}
}
