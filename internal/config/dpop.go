package config

// RequiredWord is the value of dpop and of mtls. Who needs neither writes neither.
const RequiredWord = "required"

// DPoP is what holds for every DPoP proof (RFC 9449). Proofs are accepted without it.
type DPoP struct {
	At     Position
	Nonces string // projects/P/secrets/S, each enabled version of which makes nonces (RFC 9449 §8); empty: proofs need no nonce
}
