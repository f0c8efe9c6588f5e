package oauth

import (
	"slices"
	"strings"
)

// Scope is a set of scope tokens (RFC 6749 §3.3), each once, in the order in which they were first named.
type Scope []string

// ParseScope reads the value of a scope parameter: scope tokens with one space between them. Repetition is forgiven
// (protocol S1). An empty text is an empty scope. The error is invalid_scope.
func ParseScope(text string) (Scope, error) {
	if text == "" {
		return nil, nil
	}
	var scope Scope
	seen := make(map[string]bool) // a stranger can send sixteen thousand tokens
	for token := range strings.SplitSeq(text, " ") {
		if !IsScopeToken(token) {
			return nil, &Error{
				Code:        InvalidScope,
				Description: "scope is not a list of scope tokens with one space between them (RFC 6749 section 3.3)",
				Reason:      "scope_malformed",
			}
		}
		if !seen[token] {
			seen[token] = true
			scope = append(scope, token)
		}
	}
	return scope, nil
}

// IsScopeToken reports whether text is one scope-token: 1*( %x21 / %x23-5B / %x5D-7E ) (RFC 6749 §3.3).
func IsScopeToken(text string) bool {
	if text == "" {
		return false
	}
	for _, c := range []byte(text) {
		if c < 0x21 || c > 0x7e || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// String returns the scope as a scope parameter has it.
func (s Scope) String() string { return strings.Join(s, " ") }

// Within reports whether every token of s is also one of other.
func (s Scope) Within(other Scope) bool {
	for _, token := range s {
		if !slices.Contains(other, token) {
			return false
		}
	}
	return true
}

// And returns the tokens of s that are also in other, in the order of s.
func (s Scope) And(other Scope) Scope {
	var both Scope
	for _, token := range s {
		if slices.Contains(other, token) {
			both = append(both, token)
		}
	}
	return both
}
