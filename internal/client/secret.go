package client

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/bcrypt"

	"example.com/countersign/internal/oauth"
)

// hashesAtOnce is how many slow hashes one instance computes at a time: each may take 64 MiB.
const hashesAtOnce = 2

// Bounds on the cost of a registered hash, so that a configuration cannot make one request expensive for all.
const (
	maxArgonMemory     = 64 << 10 // KiB
	maxArgonIterations = 10
	minArgonSalt       = 8  // bytes
	minArgonHash       = 16 // bytes
	maxBcryptCost      = 14
	maxBcryptSecret    = 72 // bytes; bcrypt looks at no more
)

// The forms of hashes, since the libraries overlook what stands between and behind the parts. They are compiled where a
// client has one: a start pays for what its configuration has.
var (
	argonForm = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\A\$argon2id\$v=19\$m=[0-9]+,t=[0-9]+,p=[0-9]+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+\z`)
	})
	bcryptForm = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\A\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}\z`)
	})
)

// SecretHash is a hash of a client secret: argon2id in PHC form, or bcrypt.
//
// Machines send the same secret with every request, so the first success is remembered as an HMAC under a key that lives
// in this value alone, and the slow hash runs only for what has not been seen to fit.
type SecretHash struct {
	argon2id string
	bcrypt   []byte

	key    [32]byte
	fitted atomic.Pointer[[sha256.Size]byte]
}

// ParseSecretHash reads a hash. The error says what would be right.
func ParseSecretHash(text string) (*SecretHash, error) {
	hash := &SecretHash{}
	rand.Read(hash.key[:])
	switch {
	case strings.HasPrefix(text, "$argon2id$"):
		params, _, _, err := argon2id.DecodeHash(text)
		if err != nil || !argonForm().MatchString(text) {
			return nil, errors.New("this is not an argon2id hash in PHC form: $argon2id$v=19$m=…,t=…,p=…$salt$hash")
		}
		// RFC 9106 §3.1. The library computes with what is less than that until it panics, and a hash of one byte fits
		// one secret in 256.
		if params.Iterations < 1 || params.Parallelism < 1 || params.Memory < 8*uint32(params.Parallelism) ||
			params.SaltLength < minArgonSalt || params.KeyLength < minArgonHash {
			return nil, fmt.Errorf("this argon2id hash is too weak: it needs t and p of at least 1, m of at least 8 p, and %d bytes of salt and %d of hash", minArgonSalt, minArgonHash)
		}
		if params.Memory > maxArgonMemory || params.Iterations > maxArgonIterations {
			return nil, fmt.Errorf("this argon2id hash is too expensive to check on each request: use at most m=%d, t=%d", maxArgonMemory, maxArgonIterations)
		}
		hash.argon2id = text
	case strings.HasPrefix(text, "$2"):
		cost, err := bcrypt.Cost([]byte(text))
		if err != nil || !bcryptForm().MatchString(text) {
			return nil, errors.New("this is not a bcrypt hash: $2b$, the cost in two digits, $, and 53 characters")
		}
		if cost > maxBcryptCost {
			return nil, fmt.Errorf("this bcrypt hash is too expensive to check on each request: use a cost of at most %d", maxBcryptCost)
		}
		hash.bcrypt = []byte(text)
	default:
		return nil, errors.New("a secret is registered by its hash, argon2id ($argon2id$…) or bcrypt ($2b$…), never as it is")
	}
	return hash, nil
}

// remembers reports whether secret has been seen to fit.
func (h *SecretHash) remembers(secret string) bool {
	fitted, seen := h.fitted.Load(), h.fingerprint(secret)
	return fitted != nil && hmac.Equal(fitted[:], seen[:])
}

// fits reports whether secret is the one that was hashed, the slow way.
func (h *SecretHash) fits(secret string) bool {
	fits := false
	if h.bcrypt != nil {
		// A longer one never fits, and costs the same.
		read := []byte(secret[:min(len(secret), maxBcryptSecret)])
		fits = bcrypt.CompareHashAndPassword(h.bcrypt, read) == nil && len(read) == len(secret)
	} else {
		match, err := argon2id.ComparePasswordAndHash(secret, h.argon2id)
		fits = err == nil && match
	}
	if fits {
		seen := h.fingerprint(secret)
		h.fitted.Store(&seen)
	}
	return fits
}

func (h *SecretHash) fingerprint(secret string) [sha256.Size]byte {
	mac := hmac.New(sha256.New, h.key[:])
	mac.Write([]byte(secret))
	return [sha256.Size]byte(mac.Sum(nil))
}

// bySecret holds RFC 6749 §2.3.1.
func (r *Registry) bySecret(ctx context.Context, request oauth.TokenRequest, among known) (Authenticated, error) {
	if err := r.admit(request, request.ClientID); err != nil {
		return Authenticated{}, err
	}
	registration, found := among.find(request.ClientID)
	var secrets []*SecretHash
	if found && registration.Method == request.Method {
		secrets = registration.Secrets
	}
	fits, err := r.anyFits(ctx, secrets, r.decoys[request.Method], request.ClientSecret.Reveal())
	switch {
	case err != nil:
		return Authenticated{}, oauth.Unavailable("busy", err)
	case !found:
		return Authenticated{}, among.absent(request.ClientID)
	case registration.Method != request.Method:
		return Authenticated{}, refused("method_wrong", nil)
	case !fits:
		return Authenticated{}, refused("secret_wrong", nil)
	}
	return Authenticated{request: request, registration: registration, proved: true, valid: true}, nil
}

// anyFits reports whether secret is one of secrets. Every refusal costs as many slow hashes as there are decoys, be the
// client unknown, registered for another method, or one with fewer hashes than another: what a decoy says is not
// looked at.
func (r *Registry) anyFits(ctx context.Context, secrets, decoys []*SecretHash, secret string) (bool, error) {
	for _, hash := range secrets {
		if hash.remembers(secret) {
			return true, nil
		}
	}
	select {
	case r.hashing <- struct{}{}:
		defer func() { <-r.hashing }()
	case <-ctx.Done():
		return false, fmt.Errorf("waiting to check a secret: %w", ctx.Err())
	}
	for _, hash := range secrets {
		if hash.fits(secret) {
			return true, nil
		}
	}
	for _, decoy := range decoys[min(len(secrets), len(decoys)):] {
		decoy.fits(secret)
	}
	return false, nil
}
