package jose

import (
	"crypto/ed25519"
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

// hasSmallOrder reports whether eight times the point with this y is the neutral one. There are five such y: 1, -1, 0, and
// two of order eight, which are each other's negative (Chalkias et al., "Taming the Many EdDSAs", 2020).
func hasSmallOrder(y *big.Int) bool {
	if y.IsInt64() && y.Int64() <= 1 {
		return true
	}
	negative := new(big.Int).Sub(fieldPrime(), y)
	for _, small := range []string{"1", orderEight} {
		value, _ := new(big.Int).SetString(small, 16)
		if y.Cmp(value) == 0 || negative.Cmp(value) == 0 {
			return true
		}
	}
	return false
}

// orderEight is the y of two points of order eight, in hexadecimal.
const orderEight = "5fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826"
