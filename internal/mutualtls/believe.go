package mutualtls

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
)

// minSecret is how long a secret has to be, in bytes. A guess costs a request, and a shorter one is somebody's word.
const minSecret = 16

var errSecrets = errors.New("no secret of the proxy has 16 bytes or more")

// believe returns nil where the headers are from the proxy.
func (p *Proxy) believe(ctx context.Context, header func(name string) []string) error {
	if p.config.Secrets == nil {
		return nil
	}
	sent := header(p.config.SecretHeader)
	// A proxy that adds its header to that of a stranger must not vouch for the stranger's others.
	if len(sent) != 1 || sent[0] == "" {
		return ErrProxy
	}
	secrets, err := p.config.Secrets(ctx)
	if err != nil {
		return fmt.Errorf("getting the secret of the proxy: %w", err)
	}
	return compare(sent[0], secrets)
}

// compare looks at all of secrets in a time that tells neither which one it is nor how much of it is right.
func compare(sent string, secrets []string) error {
	hashed := sha256.Sum256([]byte(sent))
	usable, same := 0, 0
	for _, secret := range secrets {
		secret = strings.TrimRight(secret, "\r\n")
		if len(secret) < minSecret {
			continue
		}
		usable++
		want := sha256.Sum256([]byte(secret))
		same |= subtle.ConstantTimeCompare(hashed[:], want[:])
	}
	switch {
	case usable == 0:
		return errSecrets
	case same != 1:
		return ErrProxy
	}
	return nil
}
