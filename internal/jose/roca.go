package jose

import "math/big"

// hasROCAFingerprint reports whether an RSA modulus comes from the generator of CVE-2017-15361 (ROCA), whose primes can
// be found in days. Every such modulus is a power of 65537 modulo each small prime; of others one in 2^27 is (Nemec et
// al., "The Return of Coppersmith's Attack", 2017, §3.2).
func hasROCAFingerprint(modulus *big.Int) bool {
	remainder := new(big.Int)
	for _, prime := range [...]int64{
		3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
		113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
	} {
		if !isPowerOf65537(remainder.Mod(modulus, big.NewInt(prime)).Int64(), prime) {
			return false
		}
	}
	return true
}

// isPowerOf65537 reports whether some power of 65537 is value modulo prime.
func isPowerOf65537(value, prime int64) bool {
	power := int64(1)
	for {
		if power == value {
			return true
		}
		if power = power * 65537 % prime; power == 1 {
			return false
		}
	}
}
