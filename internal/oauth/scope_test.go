package oauth_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/oauth"
)

// RFC 6749 §3.3, protocol S1.
func TestS1_a_scope_is_tokens_with_one_space_between_them(t *testing.T) {
	for text, want := range map[string]oauth.Scope{
		"":                                    nil,
		"a":                                   {"a"},
		"a b":                                 {"a", "b"},
		"b a":                                 {"b", "a"},
		"a a b a":                             {"a", "b"},
		"a A":                                 {"a", "A"},
		"!#[]~ invoices:read https://x/y?z=1": {"!#[]~", "invoices:read", "https://x/y?z=1"},
		"a,b;c":                               {"a,b;c"},
	} {
		scope, err := oauth.ParseScope(text)
		if diff := cmp.Diff(want, scope); err != nil || diff != "" {
			t.Errorf("%q: %v\n%s", text, err, diff)
		}
	}
	for _, text := range []string{
		" ", "  ", " a", "a ", "a  b", "a\tb", "a\nb", "a\r\nb", `a"b`, `a\b`, "a\x00", "a\x7f", "a\x1f", "é", "a\u00a0b", "a\u200bb", "\xff", "a\u2028b",
	} {
		scope, err := oauth.ParseScope(text)
		if code, _ := refusal(t, err); code != oauth.InvalidScope || scope != nil {
			t.Errorf("%q: %q, %v", text, scope, err)
		}
	}
}

func TestS1_every_byte_of_a_scope_token_is_of_the_grammar(t *testing.T) {
	for b := range 256 {
		want := b == 0x21 || b >= 0x23 && b <= 0x5b || b >= 0x5d && b <= 0x7e
		if got := oauth.IsScopeToken(string([]byte{byte(b)})); got != want {
			t.Errorf("%#x: %v", b, got)
		}
	}
	if oauth.IsScopeToken("") {
		t.Error("an empty token is one")
	}
}

// A stranger can fill the whole body with a scope. It must not cost more than to read it.
func TestS1_a_scope_of_sixteen_thousand_tokens_costs_no_more_than_its_length(t *testing.T) {
	tokens := make([]string, 16_000)
	for i := range tokens {
		tokens[i] = fmt.Sprintf("%03x", i)
	}
	few, many := strings.Join(tokens[:1000], " "), strings.Join(tokens, " ")
	// In turns, and the least of many: what else the machine does must not decide.
	least := map[string]time.Duration{few: time.Hour, many: time.Hour}
	for range 30 {
		for _, text := range []string{few, many} {
			began := time.Now()
			if _, err := oauth.ParseScope(text); err != nil {
				t.Fatal(err)
			}
			least[text] = min(least[text], time.Since(began))
		}
	}
	if least[many] > 80*least[few] { // 16 times the tokens, and 256 times where each is compared with each
		t.Errorf("%v for 1,000 tokens and %v for 16,000", least[few], least[many])
	}
}

func TestScope_Within_and_And(t *testing.T) {
	scope := func(text string) oauth.Scope {
		parsed, err := oauth.ParseScope(text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for _, test := range []struct {
		a, b   string
		within bool
		both   string
	}{
		{"", "", true, ""}, {"", "a", true, ""}, {"a", "", false, ""}, {"a", "a", true, "a"}, {"a", "a b", true, "a"},
		{"b a", "a b c", true, "b a"}, {"a d", "a b c", false, "a"}, {"a", "A", false, ""}, {"ab", "a b", false, ""}, {"c b a", "a c", false, "c a"},
	} {
		a, b := scope(test.a), scope(test.b)
		if got := a.Within(b); got != test.within {
			t.Errorf("%q within %q: %v", a, b, got)
		}
		if got := a.And(b).String(); got != test.both {
			t.Errorf("%q and %q: %q", a, b, got)
		}
	}
}
