package jose

// DecodeObject is the reader of headers, claims and keys.
var DecodeObject = decodeObject

// VerifyPayload is Parse, Find and Verify for a payload that is no set of claims, as in most published vectors. It also
// reports whether it came as far as the signature.
func VerifyPayload(text string, keys KeySet) (reached bool, err error) {
	parts, err := parseParts(text)
	if err != nil {
		return false, err
	}
	key, err := keys.Find(parts.token)
	if err != nil {
		return false, err
	}
	_, err = parts.token.Verify(key)
	return true, err
}

// VerifyBytes verifies a signature over bytes that are no JWT.
func (k VerificationKey) VerifyBytes(signed, signature []byte) error {
	return k.verify(signed, signature)
}

// Parts returns what Verify looks at.
func (t *Token) Parts() (signed, signature []byte) { return t.signed, t.signature }
