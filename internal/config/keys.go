package config

import (
	"encoding/json"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// signatureAlgorithms are the asymmetric algorithms of protocol A2.
func signatureAlgorithms() []string {
	return []string{
		"ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512", "EdDSA",
	}
}

// macAlgorithms are the algorithms of protocol A2 that need a shared secret.
func macAlgorithms() []string {
	return []string{"HS256", "HS384", "HS512"}
}

// algorithms are all of protocol A2.
func algorithms() []string {
	return slices.Concat(signatureAlgorithms(), macAlgorithms())
}

// A keyKind says what keys are good for where they are registered. An HMAC key where a public key is expected is how
// algorithms are confused (RFC 8725 §2.1), so the two never stand for each other.
type keyKind int

const (
	anyKeys keyKind = iota
	publicKeys
	certificateKeys // public keys, among which that of a certificate must be found
	sharedSecret
)

// A keyUse says whose keys are read, and what for.
type keyUse struct {
	kind   keyKind
	name   string // the client's id or the issuer's name; empty where a fault of it has been reported
	issues bool   // the keys are an issuer's
	fapi2  bool   // they are held to the FAPI 2.0 Security Profile
	rings  *ringReader
}

// readKeys reads where somebody else's keys come from. A secret that is shared is never one of our own keys.
func readKeys(v value, use keyUse) Keys {
	m := v.mapping()
	defer m.refuseOthers()
	m.exactlyOne("jwks", "pem", "file", "secret", "shared_secret", "jwks_uri", "discovery", "federation")
	k := Keys{
		At:           m.at(),
		JWKS:         readJWKS(m.optional("jwks")),
		PEM:          m.optional("pem").text(),
		File:         m.optional("file").filename(),
		Secret:       m.optional("secret").secretName(),
		SharedSecret: m.optional("shared_secret").secretName(),
		JWKSURI:      m.optional("jwks_uri").keySource(),
		Discovery:    readDiscovery(m, use),
		Federation:   readFederation(m.optional("federation"), use),
		Fetching:     readFetching(m),
	}
	use.rings.refuseShared(m.place("shared_secret"), k.SharedSecret)
	use.rings.refusePrivate(m.place("secret"), k.Secret)
	switch {
	case m.has("shared_secret"):
		k.Algorithm = readKeyAlgorithm(m.required("algorithm"), "a shared secret", macAlgorithms())
		m.place("shared_secret").warn("is shared: this service can make what it verifies, and a leak on either side " +
			"is enough; prefer public keys")
	case use.kind == sharedSecret:
		k.Algorithm = readKeyAlgorithm(m.optional("algorithm"), "a shared secret", macAlgorithms())
		m.need("shared_secret", "client_secret_jwt has no other key")
	default:
		k.Algorithm = readKeyAlgorithm(m.optional("algorithm"), "public keys", signatureAlgorithms())
	}
	switch use.kind {
	case publicKeys:
		m.forbid("shared_secret", "private_key_jwt needs public keys: jwks, pem, file, secret, jwks_uri or federation")
	case certificateKeys:
		// A trust chain comes in an assertion, and there is none.
		const why = SelfSignedTLSClientAuth + " needs public keys: jwks, pem, file, secret or jwks_uri"
		m.forbid("shared_secret", why)
		m.forbid("federation", why)
	}
	if use.fapi2 {
		m.place("algorithm").holdToFAPI2(k.Algorithm)
	}
	return k
}

// readKeyAlgorithm reads an algorithm and holds it to the kind of key that it is for.
func readKeyAlgorithm(v value, keys string, fitting []string) string {
	if v.node == nil {
		return ""
	}
	algorithm := v.oneOf("", algorithms()...)
	if algorithm != "" && !slices.Contains(fitting, algorithm) {
		v.fault("is %s, which is not for %s; use one of %s", quote(algorithm), keys, strings.Join(fitting, ", "))
	}
	return algorithm
}

// readJWKS reads a JWK Set, written as YAML or as a string of JSON, and returns it as JSON (RFC 7517 §5).
func readJWKS(v value) []byte {
	if v.node == nil {
		return nil
	}
	isMapping := v.node.Kind == yaml.MappingNode
	var set []byte
	if isMapping {
		set = appendJSON(nil, v)
	} else {
		set = []byte(v.text())
	}
	if len(set) == 0 || isMapping && string(set) == "{}" {
		return nil // A fault has been reported.
	}
	// The gate that every key passes later is stricter; here the document's form is at stake.
	var members map[string]json.RawMessage
	var keys []json.RawMessage
	if json.Unmarshal(set, &members) != nil || json.Unmarshal(members["keys"], &keys) != nil || len(keys) == 0 {
		v.fault("is not a JWK Set; write {keys: [{kty: …}]}, as YAML or as a string of JSON (RFC 7517 §5)")
	}
	return set
}

// appendJSON appends what is written in YAML as the JSON that it looks like. It refuses what would change on the way:
// 0x1F, 1_000 and .inf are numbers in YAML only.
func appendJSON(out []byte, v value) []byte {
	switch {
	case v.node == nil:
		return append(out, "null"...) // A fault has been reported.
	case v.node.Kind == yaml.MappingNode:
		return appendObject(out, v.mapping())
	case v.node.Kind == yaml.SequenceNode:
		return appendArray(out, v.items())
	}
	switch v.node.ShortTag() {
	case "!!bool", "!!int", "!!float":
		if json.Valid([]byte(v.node.Value)) {
			return append(out, v.node.Value...)
		}
	}
	return appendString(out, v.text())
}

func appendObject(out []byte, m *mapping) []byte {
	out = append(out, '{')
	first := true
	for name, member := range m.all() {
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(appendString(out, name), ':')
		out = appendJSON(out, member)
	}
	return append(out, '}')
}

func appendArray(out []byte, items []value) []byte {
	out = append(out, '[')
	for i, item := range items {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendJSON(out, item)
	}
	return append(out, ']')
}

func appendString(out []byte, text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil { // json.Marshal fails for no string.
		return append(out, `""`...)
	}
	return append(out, quoted...)
}
