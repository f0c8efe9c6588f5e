package jose

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"math/big"
	"slices"
)

// checkEd25519 refuses what is not a canonical point on edwards25519 (RFC 8032 §5.1.3), and the points of small order:
// under such a key (all zeros is one) anybody can make signatures. crypto/ed25519 accepts both.
func checkEd25519(key ed25519.PublicKey) error {
	encoded := slices.Clone(key)
	encoded[31] &= 0x7f // the sign of x, which plays no part here
	slices.Reverse(encoded)
	y := new(big.Int).SetBytes(encoded)
	if !isEdwardsOrdinate(y) {
		return ErrKeyCurve
	}
	if hasSmallOrder(y) {
		return ErrKeyWeak
	}
	return nil
}

// fieldPrime returns 2^255 - 19, the prime of the field (RFC 8032 §5.1).
func fieldPrime() *big.Int {
	prime := new(big.Int).Lsh(big.NewInt(1), 255)
	return prime.Sub(prime, big.NewInt(19))
}

// isEdwardsOrdinate reports whether y is reduced and has an x: x² = (y² - 1) / (d·y² + 1), with d = -121665/121666
// (RFC 8032 §5.1). With d's denominator multiplied out, that is a square exactly where
// 121666·(y² - 1)·(121666 - 121665·y²) is one.
func isEdwardsOrdinate(y *big.Int) bool {
	prime := fieldPrime()
	if y.Cmp(prime) >= 0 {
		return false
	}
	square := new(big.Int).Mul(y, y)
	left := new(big.Int).Sub(square, big.NewInt(1))
	left.Mul(left, big.NewInt(121666))
	right := new(big.Int).Mul(square, big.NewInt(121665))
	right.Sub(big.NewInt(121666), right)
	left.Mul(left, right)
	return big.Jacobi(left.Mod(left, prime), prime) >= 0
}

// hasSmallOrder reports whether eight times the point is the neutral one. X25519 says so: its scalars are multiples of
// eight, and it refuses a result of zero (RFC 7748 §6.1). The point's place there is u = (1 + y) / (1 - y) (§4.1).
func hasSmallOrder(y *big.Int) bool {
	prime, one := fieldPrime(), big.NewInt(1)
	u := new(big.Int).Sub(one, y)
	if u.Mod(u, prime).Sign() == 0 {
		return true // y = 1 is the neutral point itself
	}
	u.ModInverse(u, prime)
	u.Mul(u, new(big.Int).Add(one, y))
	encoded := u.Mod(u, prime).FillBytes(make([]byte, 32))
	slices.Reverse(encoded)
	point, err := ecdh.X25519().NewPublicKey(encoded)
	if err != nil {
		return true
	}
	scalar, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return true
	}
	_, err = scalar.ECDH(point)
	return err != nil
}
