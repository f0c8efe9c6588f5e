package assertion

import (
	"fmt"

	"example.com/countersign/internal/jose"
)

// decoy is a signature to verify where there is nothing to verify, for the time that it takes.
type decoy struct {
	token *jose.Token
	key   jose.VerificationKey
}

func newDecoy() (decoy, error) {
	key, err := jose.GenerateSigningKey(jose.ES256)
	if err != nil {
		return decoy{}, fmt.Errorf("making a decoy: %w", err)
	}
	text, err := key.Sign("JWT", []byte(`{}`))
	if err != nil {
		return decoy{}, fmt.Errorf("making a decoy: %w", err)
	}
	token, err := jose.Parse(text)
	if err != nil {
		return decoy{}, fmt.Errorf("making a decoy: %w", err)
	}
	return decoy{token, key.Verification()}, nil
}

func (d decoy) verify() {
	_, _ = d.token.Verify(d.key)
}
