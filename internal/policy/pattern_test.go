package policy_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"example.com/countersign/internal/policy"
)

// An unanchored pattern in a policy has let strangers in elsewhere.
func TestG8_matches_means_the_whole_text(t *testing.T) {
	over := claims{"ref": "refs/heads/main", "lines": "main\nevil", "end": "main\n", "n": 5, "list": []any{"main", "dev"}, "dot": "releasex1"}
	allow(t, over,
		`claims.ref.matches("refs/heads/main")`,
		`claims.ref.matches("refs/heads/.*")`,
		`claims.ref.matches("^refs/heads/main$")`,
		`claims.ref.matches("refs/tags/.*|refs/heads/main")`,
		`claims.ref.matches("refs/heads/main|x")`,
		`claims.ref.matches("(?i)REFS/HEADS/MAIN")`,
		`claims.ref.matches(r"refs/\w+/main")`,
		`claims.ref.matches("")`+" || true",
		`claims["ref"].matches("refs/heads/[a-z]+")`,
		`claims.list.all(x, x.matches("main|dev"))`,
		`"main".matches("main")`,
		`(claims.ref + "x").matches("refs/heads/mainx")`,
		`claims.lines.matches("(?s)main.evil")`,
		`!claims.ref.matches("main")`,
	)
	deny(t, over,
		`claims.ref.matches("main")`,
		`claims.ref.matches("refs/heads/mai")`,
		`claims.ref.matches("efs/heads/main")`,
		`claims.ref.matches("refs/heads/")`,
		`claims.ref.matches("")`,
		`claims.ref.matches("refs|main")`,
		`claims.ref.matches("x|refs/heads/")`,
		`claims.ref.matches("refs/heads/|main")`,
		`claims.ref.matches("^refs")`,
		`claims.ref.matches("main$")`,
		`claims.lines.matches("main")`,
		`claims.lines.matches("^main$")`,
		`claims.lines.matches("(?m)^main$")`,
		`claims.lines.matches("(?m)main$")`,
		`claims.lines.matches("(?m)^evil")`,
		`claims.lines.matches("main.evil")`,
		`claims.lines.matches("main|evil")`,
		`claims.end.matches("main")`,
		`claims.end.matches("main$")`,
		`claims.n.matches("5")`,
		`claims.n.matches(".*")`,
		`claims.list.matches("main")`,
		`claims.list.exists(x, x.matches("mai|de"))`,
		`claims.dot.matches("release")`,
		`!claims.ref.matches("refs/heads/main")`,
		`"remain".matches("main")`,
	)
}

func TestG8_the_pattern_of_matches_is_constant_and_good_or_the_rule_is_refused(t *testing.T) {
	s := newStages(t)
	for source, says := range map[string]string{
		`claims.a.matches(claims.b)`:                     "column 24: the pattern of matches must be a text as it is",
		`claims.a.matches("a" + "b")`:                    "must be a text as it is",
		`claims.a.matches(string(1))`:                    "must be a text as it is",
		`claims.l.exists(p, claims.a.matches(p))`:        "must be a text as it is",
		`claims.a.matches(1)`:                            "must be a text as it is",
		`claims.a.matches(b"a")`:                         "must be a text as it is",
		`claims.a.matches("[")`:                          "the pattern of matches: error parsing regexp",
		`claims.a.matches("a)|(b")`:                      "the pattern of matches: error parsing regexp",
		`claims.a.matches("x)|(?:.*")`:                   "the pattern of matches: error parsing regexp",
		`claims.a.matches(")")`:                          "the pattern of matches: error parsing regexp",
		`claims.a.matches("(?P<a")`:                      "the pattern of matches: error parsing regexp",
		`claims.a.matches("a{2000}")`:                    "the pattern of matches: error parsing regexp",
		`claims.a.matches("(?<!x)y")`:                    "the pattern of matches: error parsing regexp",
		`claims.a.matches("a\\1")`:                       "the pattern of matches: error parsing regexp",
		`claims.a.matches("\\Qabc")`:                     `has a \Q without its \E`,
		`claims.a.matches("a\\")`:                        "the pattern of matches: error parsing regexp",
		`claims.a.matches("[\n")`:                        "the pattern of matches: error parsing regexp",
		`true || claims.a.matches("[")`:                  "the pattern of matches: error parsing regexp",
		`matches(claims.a, "a")`:                         "undeclared reference to 'matches'",
		`.matches(claims.a, "a")`:                        "undeclared reference",
		`claims.a.matches()`:                             "undeclared reference to 'matches'",
		`claims.a.matches("a", "b")`:                     "undeclared reference to 'matches'",
		`claims.a.match_whole("a")`:                      "undeclared reference",
		"claims.a.`@match_whole`(\"a\")":                 "",
		`claims.a.@match_whole("a")`:                     "Syntax error",
		`claims.a.matches("a") || claims.b.matches("[")`: "column 43: the pattern of matches",
	} {
		_, faults, err := s.tryCompile(rule{Expressions: policy.Expressions{If: source}})
		if err != nil || len(faults) != 1 || !strings.Contains(faults[0].Err.Error(), says) || strings.Contains(faults[0].Err.Error(), "\n") {
			t.Errorf("%s: %v, %v", source, faults, err)
		}
	}
}

// Whatever the pattern, matches is the whole text by another way of asking.
func FuzzMatches(f *testing.F) {
	for _, pair := range [][2]string{
		{"main", "main"}, {"a|b", "ab"}, {"(?m)^a$", "a\nb"}, {"a$", "a\n"}, {"a)|(b", "b"}, {`\Qa`, "a"}, {"(?U)a*", "aa"}, {"a*?", "aa"},
		{"[[:alpha:]]+", "é"}, {`\z|a`, ""}, {"a||b", ""}, {"(?s:.)", "\n"}, {"", ""},
	} {
		f.Add(pair[0], pair[1])
	}
	s := newStages(f)
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 500 || len(text) > 500 || !utf8.ValidString(pattern) || !utf8.ValidString(text) {
			return
		}
		plain, err := regexp.Compile(pattern)
		source := "claims.a.matches(" + quote(pattern) + ")"
		compiled, faults, fault := s.tryCompile(rule{Expressions: policy.Expressions{If: source}})
		if fault != nil {
			t.Fatal(fault)
		}
		if err != nil && len(faults) == 0 {
			t.Fatalf("%q is no pattern, and was accepted", pattern)
		}
		if len(faults) > 0 || text == "" {
			return
		}
		plain.Longest()
		found := plain.FindStringIndex(text)
		whole := found != nil && found[0] == 0 && found[1] == len(text)
		if got := s.holds(t, compiled, claims{"a": text}); got != whole {
			t.Errorf("%q over %q: %v, want %v", pattern, text, got, whole)
		}
	})
}
