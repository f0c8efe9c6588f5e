package dpop

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"slices"
	"time"

	"example.com/countersign/internal/jose"
)

const (
	// maxLength is the length in bytes beyond which a proof is refused unread. One with the largest RSA key that is
	// accepted, its signature and every claim has about half of it.
	maxLength = 8 << 10

	// maxID is the length of the longest jti in bytes: it is remembered, and strangers can send it. 96 random bits are
	// enough (RFC 9449 §4.2).
	maxID = 256

	// window is how far iat may be from now, in either direction (RFC 9449 §11.1, protocol D1). nbf may be as far
	// ahead: a clock that is fast shows in both.
	window = time.Minute

	// skew is the clock difference that is forgiven to exp.
	skew = 10 * time.Second

	// proofType is the typ of a proof (RFC 9449 §4.2).
	proofType = "dpop+jwt"
)

// check holds what RFC 9449 §4.3 asks of a proof besides its form, its signature and its nonce.
func (v *Verifier) check(presented jose.Proof, r Request) error {
	// RFC 8725 §3.11: another kind of JWT must not pass for a proof.
	if jose.MediaType(presented.Type()) != proofType {
		return ErrType
	}
	if len(r.Algorithms) > 0 && !slices.Contains(r.Algorithms, presented.Algorithm()) {
		return ErrAlgorithm
	}
	claims := presented.Unverified()
	if err := checkID(claims); err != nil {
		return err
	}
	if err := checkRequest(claims, r); err != nil {
		return err
	}
	if err := checkTimes(claims, v.now()); err != nil {
		return err
	}
	return checkBinding(presented.Thumbprint(), claims, r)
}

func checkID(claims jose.Claims) error {
	switch {
	case claims.ID == "":
		return ErrIDMissing
	case len(claims.ID) > maxID:
		return ErrIDTooLong
	}
	return nil
}

// checkRequest holds items 8 and 9: the proof was made for this request.
func checkRequest(claims jose.Claims, r Request) error {
	switch method := stringOf(claims, "htm"); method {
	case r.Method:
	case "":
		return ErrMethodMissing
	default:
		return ErrMethod
	}
	url := stringOf(claims, "htu")
	if url == "" {
		return ErrURLMissing
	}
	return checkURL(url, r.URLs)
}

// checkTimes holds item 11 and, where a proof has exp or nbf, RFC 7519 §4.1.4 and §4.1.5.
func checkTimes(claims jose.Claims, now time.Time) error {
	switch {
	case claims.IssuedAt.IsZero():
		return ErrIssuedAtMissing
	case claims.IssuedAt.Add(window).Before(now):
		return ErrIssuedLongAgo
	case claims.IssuedAt.After(now.Add(window)):
		return ErrIssuedInFuture
	case !claims.ExpiresAt.IsZero() && !now.Before(claims.ExpiresAt.Add(skew)):
		return ErrExpired
	case claims.NotBefore.After(now.Add(window)):
		return ErrNotYetValid
	}
	return nil
}

// checkBinding holds item 12: the proof is for this access token, and the access token for this key.
func checkBinding(thumbprint string, claims jose.Claims, r Request) error {
	if r.AccessToken != "" {
		hash := stringOf(claims, "ath")
		if hash == "" {
			return ErrAccessTokenMissing
		}
		if !same(hash, hashOf(r.AccessToken)) {
			return ErrAccessToken
		}
	}
	if (r.AccessToken != "" || r.Thumbprint != "") && thumbprint != r.Thumbprint {
		return ErrKey
	}
	return nil
}

// checkNonce holds item 10. Where the server gives out no nonces, whatever a proof has there is nobody's.
func (v *Verifier) checkNonce(ctx context.Context, claims jose.Claims) error {
	if v.nonces == nil {
		return nil
	}
	known, err := v.nonces.knows(ctx, stringOf(claims, "nonce"))
	if err != nil {
		return err
	}
	if !known {
		return ErrNonce
	}
	return nil
}

// hashOf is the ath of an access token (RFC 9449 §4.2).
func hashOf(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// same compares in a time that does not tell where the difference is.
func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// stringOf returns a claim that is a string, and nothing where it is none.
func stringOf(claims jose.Claims, name string) string {
	value, _ := claims.All()[name].(string)
	return value
}
