package main

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestNearMissSaysWhatIsMissing(t *testing.T) {
	for _, test := range []struct {
		seen any
		want string
		miss string // a part of the sentence; empty: it is something else altogether
	}{
		{"Main", "main", `it differs from "main" in capital letters only`},
		{" main", "main", `it has white space around "main"`},
		{"main\n", "main", `it has white space around "main"`},
		{"https://auth.example.com/", "https://auth.example.com", `it has a slash at the end, and "https://auth.example.com" has none`},
		{"https://auth.example.com", "https://auth.example.com/", `it has no slash at the end, and "https://auth.example.com/" has one`},
		{"http://auth.example.com", "https://auth.example.com", "in the scheme only"},
		{"auth.example.com", "https://auth.example.com", "in the scheme only"},
		{"main", "refs/heads/main", `it is only the end of "refs/heads/main", without refs/heads/`},
		{"refs/heads/main", "main", `it has refs/heads/ in front of "main"`},
		{"repo:octo-org@12/octo-repo@34:ref:refs/heads/main", "repo:octo-org/octo-repo:ref:refs/heads/main", "it is GitHub's immutable form; the rule expects the classic form"},
		{"repo:octo-org/octo-repo:ref:refs/heads/main", "repo:octo-org@12/octo-repo@34:ref:refs/heads/main", "it is GitHub's classic form; the rule expects the immutable form"},
		{"repo:octo-org@12/octo-repo@34:pull_request", "repo:octo-org/octo-repo:ref:refs/heads/main", "the classic form; it differs besides"},
		{"acme-shpo", "acme-shop", `it has "po" where "acme-shop" has "op"`},
		{"producton", "production", `it lacks "i" of "production"`},
		{"productiion", "production", `it has "i" more than "production"`},
		{"1234", "1234", "it is text in the assertion, and a number or a truth value is expected"},
		{json.Number("1234"), "1234", "it is the number 1234 in the assertion, and text is expected"},
		{true, "true", "it is the truth value true in the assertion"},
		{[]any{"dev", "ops"}, "ops", `it is an array, and "ops" is in it`},

		{"staging", "production", ""},
		{"a", "b", ""},
		{"", "main", ""},
		{"main", "", ""},
		{"xmain", "main", `it has "x" more than "main"`},
		{"ab", "abcdefgh", ""},
		{"repo:a/b:x", "repo:c/d:y", ""},
		{"repo:a@1/b@2:x", "repo:a@1/b@3:x", `it has "2" where`},
		{json.Number("1235"), "1234", ""},
		{[]any{"dev"}, "ops", ""},
		{map[string]any{"a": "ops"}, "ops", ""},
		{nil, "ops", ""},
	} {
		miss := nearMiss(test.seen, []string{"something else altogether", test.want})
		if test.miss == "" && miss != "" || !strings.Contains(miss, test.miss) {
			t.Errorf("%v and %q: got %q, want %q", test.seen, test.want, miss, test.miss)
		}
	}
}

func TestNearMissSteersNoTerminal(t *testing.T) {
	for _, seen := range []any{"\x1b[2J", "main\x1b", "\x1b[2Jmain", []any{"\x1b[2J"}} {
		if miss := nearMiss(seen, []string{"main", "\x1b[2j"}); strings.Contains(miss, "\x1b") {
			t.Errorf("%q", miss)
		}
	}
}
