package policy

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"example.com/countersign/internal/oauth"
)

// Terms are what a rule allows, without its expressions.
type Terms struct {
	Name                 string // what the log calls the rule: its place in the document, for example clients[0].allow[1]
	Disabled             bool   // the rule is not there
	Shadow               bool   // the rule decides nothing, and what it would have decided is told
	Resource             string
	Scopes               oauth.Scope
	DefaultScopes        oauth.Scope // granted where none is requested; within Scopes
	Lifetime             time.Duration
	Narrow               bool // grant the allowed part of the requested scope
	ExpiresWithAssertion bool
}

// Expressions are the CEL sources of a rule.
type Expressions struct {
	If      string            // bool; empty: matches always
	Require []string          // bool; what must hold besides, for reasons that are not the rule's own
	Subject string            // string; empty: the subject as it is
	Claims  map[string]string // claim name → any value
	Types   *ClaimTypes       // the claims that all of these can look at; nil: any
}

// Rule is one compiled rule. Only [Compiler.Rule] makes one.
type Rule struct {
	Terms
	condition *expression // nil: matches always
	required  []*expression
	subject   *expression // nil: the subject as it is
	claims    map[string]*expression
	basis     Basis
	made      bool
}

// Basis is what a rule looks at when it decides whether it matches.
type Basis struct {
	Claims []string // as a condition writes them, for example claims.repository_id; not those that are only asked for by has and in
	Texts  []string // the texts in the condition
}

// Basis returns what the condition of the rule rests on. It is known only of claims that are declared.
func (r Rule) Basis() Basis { return r.basis }

// reserved are the claims that say what this service vouches for (RFC 7519 §4.1, RFC 9068 §2.2, RFC 7800 §3.1,
// RFC 8693 §4.1, §4.4). No rule can set one: it could name another subject, audience or key than the one that was checked.
var reserved = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "cnf", "act", "may_act"}

// Fault is an expression that does not compile, and where in its rule it stands.
type Fault struct {
	Field string // if, require, subject, or claims.NAME
	Err   error  // in CEL's own words
}

// Rule compiles a rule. faults names every expression that does not compile; err is any other fault.
func (c *Compiler) Rule(terms Terms, expressions Expressions) (rule Rule, faults []Fault, err error) {
	if err := terms.check(); err != nil {
		return Rule{}, nil, err
	}
	rule = Rule{Terms: terms, claims: make(map[string]*expression), made: true}
	compile := func(field, source string, want result) *expression {
		compiled, err := c.compile(source, want, expressions.Types)
		if err != nil {
			faults = append(faults, Fault{field, err})
		}
		return compiled
	}
	rule.condition = compile("if", expressions.If, wantBool)
	for _, source := range expressions.Require {
		if source == "" {
			faults = append(faults, Fault{"require", errors.New("the expression is empty")})
		}
		rule.required = append(rule.required, compile("require", source, wantBool))
	}
	rule.subject = compile("subject", expressions.Subject, wantString)
	for name, source := range expressions.Claims {
		switch field := "claims." + name; {
		case slices.Contains(reserved, name):
			faults = append(faults, Fault{field, errors.New("the service sets this claim itself; use another name")})
		case source == "":
			faults = append(faults, Fault{field, errors.New("the expression is empty")})
		default:
			rule.claims[name] = compile(field, source, wantAny)
		}
	}
	if len(faults) > 0 {
		return Rule{}, faults, nil
	}
	if expressions.Types != nil && expressions.If != "" {
		found := c.readWith(expressions.If, expressions.Types)
		rule.basis = Basis{found.claims, found.texts}
	}
	return rule, nil, nil
}

// matches reports whether the rule is there for these claims.
func (r *Rule) matches(claims map[string]any) bool {
	return !r.Disabled && r.condition.holds(claims) &&
		!slices.ContainsFunc(r.required, func(required *expression) bool { return !required.holds(claims) })
}

func (t Terms) check() error {
	switch {
	case t.Resource == "":
		return errors.New("a rule needs a resource")
	case len(t.Scopes) == 0 || len(t.DefaultScopes) == 0:
		return errors.New("a rule needs scopes and default scopes")
	case !t.DefaultScopes.Within(t.Scopes):
		return errors.New("the default scopes must be within the scopes")
	case t.Lifetime < time.Second:
		return fmt.Errorf("a lifetime of %v is not a lifetime", t.Lifetime)
	}
	return nil
}

func (r Rule) compiled() bool { return r.made }

// subjectOf maps the subject. A mapping that has no value, because a claim is missing, maps nothing: the rule does not
// match.
func (r Rule) subjectOf(subject string, claims map[string]any) (mapped string, ok bool) {
	if r.subject == nil {
		return subject, subject != ""
	}
	value, ok := r.subject.value(claims)
	if !ok {
		return "", false
	}
	mapped, ok = value.(string)
	return mapped, ok && mapped != ""
}

// copiedClaims returns the claims that the token gets. One whose source is missing is left out.
func (r Rule) copiedClaims(claims map[string]any) map[string]any {
	copied := make(map[string]any, len(r.claims))
	for name, source := range r.claims {
		if value, ok := source.value(claims); ok {
			copied[name] = value
		}
	}
	return copied
}
