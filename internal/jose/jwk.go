package jose

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"slices"

	"github.com/lestrrat-go/jwx/v2/jwk"
)

// jwkMembers is what a JWK says of itself beside the key (RFC 7517 §4).
type jwkMembers struct {
	algorithm Algorithm // empty: none named
	id        string    // kid; empty: none
}

// readMembers is membersOf for a text.
func readMembers(text []byte, operation string) (jwkMembers, error) {
	object, err := decodeObject(text)
	if err != nil {
		return jwkMembers{}, ErrKeyMember
	}
	return membersOf(object, operation)
}

// membersOf reads a JWK that is to be used for operation, "sign" or "verify". jwx compares kty without regard to
// case, so that it must be there is asked here. A private key that is to verify is called that before anything else is
// said of it.
func membersOf(object map[string]any, operation string) (jwkMembers, error) {
	var members jwkMembers
	var keyType, algorithm, use string
	for _, member := range []struct {
		name string
		into *string
	}{{"kty", &keyType}, {"alg", &algorithm}, {"kid", &members.id}, {"use", &use}} {
		if err := stringMember(object, member.name, member.into); err != nil {
			return jwkMembers{}, ErrKeyMember
		}
	}
	if keyType == "" {
		return jwkMembers{}, ErrKeyMember
	}
	if operation == "verify" && hasPrivatePart(object) {
		return jwkMembers{}, ErrKeyPrivate
	}
	if !serves(use, operation) || !allows(object, operation) {
		return jwkMembers{}, ErrKeyUse
	}
	members.algorithm = algorithmOf(algorithm)
	return members, nil
}

// serves holds RFC 7517 §4.2. A bundle of SPIFFE marks the keys that verify JWT-SVIDs in a way of its own, and all others
// otherwise (The SPIFFE Trust Domain and Bundle §4.2.2).
func serves(use, operation string) bool {
	return use == "" || use == "sig" || use == "jwt-svid" && operation == "verify"
}

// hasPrivatePart looks for the private members of RFC 7518 §6: d of EC, OKP and RSA keys, the other numbers of RSA, k
// of a shared secret; and for priv, that of the newer AKP keys.
func hasPrivatePart(object map[string]any) bool {
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} {
		if _, present := object[name]; present {
			return true
		}
	}
	return false
}

// allows holds RFC 7517 §4.3: where key_ops is there, it must have the operation.
func allows(object map[string]any, operation string) bool {
	operations, present := object["key_ops"]
	if !present {
		return true
	}
	list, ok := operations.([]any)
	return ok && slices.Contains(list, any(operation))
}

// parseJWK reads one public key (RFC 7517 §4). What is not for verifying signatures is refused, however good.
func parseJWK(text []byte, fallback Algorithm) (VerificationKey, error) {
	members, err := readMembers(text, "verify")
	if err != nil {
		return VerificationKey{}, err
	}
	public, err := rawKey(text)
	if err != nil {
		return VerificationKey{}, err
	}
	switch public.(type) {
	case *ecdsa.PublicKey, *rsa.PublicKey, ed25519.PublicKey:
	default:
		return VerificationKey{}, ErrKeyType
	}
	if members.algorithm == "" {
		members.algorithm = defaultAlgorithm(public, fallback)
	}
	return NewVerificationKey(public, members.algorithm, members.id)
}

// rawKey hands one JWK to jwx and takes the key out of it.
func rawKey(text []byte) (any, error) {
	parsed, err := jwk.ParseKey(text)
	if err != nil {
		return nil, ErrKeyMember
	}
	// jwx keeps the low 64 bits of a public exponent and drops the rest: another key than the one that was written.
	if key, ok := parsed.(interface{ E() []byte }); ok && len(key.E()) > 8 {
		return nil, ErrKeyWeak
	}
	var raw any
	if err := parsed.Raw(&raw); err != nil {
		return nil, ErrKeyMember
	}
	return raw, nil
}

// isJSON reports whether document is meant as a JSON object. Else it is meant as PEM: to look for PEM first would be
// wrong, since a string in JSON can hold it.
func isJSON(document []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(document, " \t\r\n"), []byte("{"))
}
