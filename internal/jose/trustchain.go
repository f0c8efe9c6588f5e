package jose

// maxStatements bounds a trust chain: eight authorities between an entity and its trust anchor are more than any
// federation has.
const maxStatements = 10

// The ways in which a JWT has no trust chain.
var (
	ErrNoTrustChain = &Fault{"trust_chain_missing", "the JWT has no trust_chain header"}
	ErrTrustChain   = &Fault{"trust_chain_malformed", "the trust_chain header is not an array of 1 to 10 strings"}
)

// TrustChain returns the trust_chain header parameter (OpenID Federation 1.0 §4.3): compact JWS, that of the entity
// itself first, of which nothing has been looked at. It is one of the two ways in which a header leads to a key (protocol
// A4, F4; the other is a [Proof]), and only for whoever asks: a JWT whose header has something else there is as good as
// any other where nobody does. Each statement is shorter than the JWT, which has 16 KiB at most. The error is
// ErrNoTrustChain or ErrTrustChain.
func (t *Token) TrustChain() ([]string, error) {
	if !t.chained {
		return nil, ErrNoTrustChain
	}
	elements, isArray := t.trustChain.([]any)
	if !isArray || len(elements) == 0 || len(elements) > maxStatements {
		return nil, ErrTrustChain
	}
	statements := make([]string, len(elements))
	for i, element := range elements {
		text, isText := element.(string)
		if !isText {
			return nil, ErrTrustChain
		}
		statements[i] = text
	}
	return statements, nil
}
