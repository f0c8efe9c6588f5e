package federation

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"example.com/countersign/internal/jose"
)

// resolve returns the metadata of the entity, by entity type (§6.1.4.2): what it says of itself, what its immediate
// superior says over it, without the types that a superior does not allow, under the policies of all superiors. A fault
// in any entity type refuses the chain (§6.1.1).
func (c chain) resolve() (map[string]parameters, error) {
	merged := policy{}
	for _, superior := range slices.Backward(c.superiors) {
		if err := merged.add(superior.policy); err != nil {
			return nil, err
		}
	}
	resolved := map[string]parameters{}
	for entityType, own := range c.own.metadata {
		if !c.allowsType(entityType) {
			continue
		}
		metadata := parameters{}
		maps.Copy(metadata, own)
		maps.Copy(metadata, c.superiors[0].metadata[entityType])
		if err := metadata.obey(merged[entityType]); err != nil {
			return nil, err
		}
		resolved[entityType] = metadata
	}
	return resolved, nil
}

func (c chain) allowsType(entityType string) bool {
	return !slices.ContainsFunc(c.superiors, func(s statement) bool { return !s.constraints.allowsType(entityType) })
}

// obey changes the parameters as the rules demand.
func (p parameters) obey(rules map[string]rule) error {
	for name, rule := range rules {
		value, present := p[name]
		value, present, err := rule.apply(listed(name, value), present)
		if err != nil {
			return err
		}
		if present {
			p[name] = unlisted(name, value)
		} else {
			delete(p, name)
		}
	}
	return nil
}

// protocolKeys returns the keys of the entity for everything but entity statements (§5.2.1). Where there is a jwks, the
// other ways to the same keys do not matter.
func (p parameters) protocolKeys(rsa jose.Algorithm) (jose.KeySet, error) {
	if keys, present := p["jwks"]; present {
		return publicKeys(keys, rsa)
	}
	for _, name := range []string{"jwks_uri", "signed_jwks_uri"} {
		if _, present := p[name]; present {
			return nil, ErrKeysElsewhere
		}
	}
	return nil, ErrKeysMissing
}

// publicKeys reads a JWK Set through the gate that every key passes. A key that is of no use here, such as one for
// encryption, is left out. A private key is not: who signs one away has lost it, and its public half may stand beside.
func publicKeys(claim any, rsa jose.Algorithm) (jose.KeySet, error) {
	set, isObject := claim.(map[string]any)
	if !isObject {
		return nil, ErrKeys
	}
	document, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeys, err)
	}
	keys, rejected, err := jose.ParseKeySet(document, rsa)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeys, err)
	}
	if slices.ContainsFunc(rejected, func(key jose.Rejected) bool { return key.Private }) {
		return nil, ErrPrivateKey
	}
	if len(keys) == 0 {
		return nil, ErrKeys
	}
	return keys, nil
}

// haveKeyIDs reports whether it is a JWK Set whose keys all have a kid, each of its own, as those for entity statements
// must (§3.1).
func haveKeyIDs(claim any) bool {
	set, _ := claim.(map[string]any)
	keys, _ := set["keys"].([]any)
	known := map[any]bool{}
	for _, key := range keys {
		members, _ := key.(map[string]any)
		id, isText := members["kid"].(string)
		if !isText || id == "" || known[id] {
			return false
		}
		known[id] = true
	}
	return len(keys) > 0
}
