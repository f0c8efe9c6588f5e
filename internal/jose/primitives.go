package jose

import (
	"crypto"

	"github.com/lestrrat-go/jwx/v2/jws"
)

// newVerifier returns what verifies signatures of algorithm: jwx, except where we know better.
func newVerifier(algorithm Algorithm) (jws.Verifier, error) {
	if ours, isECDSA := ecdsaOf(algorithm); isECDSA {
		return ours, nil
	}
	switch algorithm {
	case PS256:
		return pssVerifier{crypto.SHA256}, nil
	case PS384:
		return pssVerifier{crypto.SHA384}, nil
	case PS512:
		return pssVerifier{crypto.SHA512}, nil
	default:
		return jws.NewVerifier(algorithm.jwa())
	}
}

// newSigner returns what signs with algorithm.
func newSigner(algorithm Algorithm) (jws.Signer, error) {
	if ours, isECDSA := ecdsaOf(algorithm); isECDSA {
		return ours, nil
	}
	return jws.NewSigner(algorithm.jwa())
}

func ecdsaOf(algorithm Algorithm) (ours ecdsaAlgorithm, isECDSA bool) {
	switch algorithm {
	case ES256:
		return ecdsaAlgorithm{algorithm.jwa(), crypto.SHA256, 32}, true
	case ES384:
		return ecdsaAlgorithm{algorithm.jwa(), crypto.SHA384, 48}, true
	case ES512:
		return ecdsaAlgorithm{algorithm.jwa(), crypto.SHA512, 66}, true
	default:
		return ecdsaAlgorithm{}, false
	}
}
