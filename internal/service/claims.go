package service

import (
	"errors"
	"slices"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/policy"
)

// claimTypes builds what rules of an issuer can look at; nil: at anything. Issuers of one preset that declare nothing of
// their own share it, so that equal rules of theirs are read once.
func (b *builder) claimTypes(issuer config.Issuer) *policy.ClaimTypes {
	if issuer.ClaimTypes == nil {
		return nil
	}
	shared := !declaresOwn(issuer.ClaimTypes)
	if types, built := b.presets[issuer.Preset]; built && shared {
		return types
	}
	types, err := policy.NewClaimTypes(typesOf(issuer.ClaimTypes), config.Nearest)
	if err != nil {
		b.fault(issuer.At, err)
		return nil
	}
	if shared {
		b.presets[issuer.Preset] = types
	}
	return types
}

// declaresOwn reports whether a document has written any of it.
func declaresOwn(declared config.ClaimTypes) bool {
	for _, claim := range declared {
		if (claim.At != config.Position{}) {
			return true
		}
	}
	return false
}

func typesOf(declared config.ClaimTypes) policy.Types {
	types := make(policy.Types, len(declared))
	for name, claim := range declared {
		typ := policy.Type{Name: claim.Name}
		if claim.Members != nil {
			typ.Members = typesOf(claim.Members)
		}
		types[name] = typ
	}
	return types
}

// examine looks at what the rules of an issuer rest on, which is known once they are compiled. What does not compile has
// its fault already.
func (b *builder) examine(issuer config.Issuer, compiled []policy.Rule) {
	for n, rule := range issuer.Allow {
		if compiled[n].Resource == "" {
			continue
		}
		at := rule.If.At
		if rule.If.Text == "" {
			at = rule.At
		}
		basis := compiled[n].Basis()
		fault, warning := issuer.Examine(basis.Claims, basis.Texts)
		if fault != "" {
			b.fault(at, errors.New("the condition "+fault))
		}
		if warning != "" {
			b.warn(at, "the condition "+warning)
		}
	}
}

// warn adds to the warnings of the configuration, once, whoever builds it how often.
func (b *builder) warn(at config.Position, problem string) {
	warning := config.Fault{At: at, Problem: problem}
	if !slices.Contains(b.config.Warnings, warning) {
		b.config.Warnings = append(b.config.Warnings, warning)
		b.config.Warnings.Sort()
	}
}
