package difference

import (
	"cmp"
	"fmt"
	"reflect"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
)

// keys compares what verifies the assertions of a party: the keys themselves where they are known, and else the place
// that they are in. It is the same key in whatever form and file it is written.
func (c *comparison) keys(at place, before, after config.Keys) error {
	at = at.within("", before.At, after.At)
	written := before
	written.At = after.At
	if reflect.DeepEqual(written, after) && after.File == "" {
		return nil
	}
	was, err := c.before.keys(before)
	if err != nil {
		return fmt.Errorf("the keys of %s before: %w", at.party, err)
	}
	is, err := c.after.keys(after)
	if err != nil {
		return fmt.Errorf("the keys of %s after: %w", at.party, err)
	}
	c.list(at, "keys", was, is, "another key can speak for the party")
	return nil
}

// keys describes each key of a party, or the one place that they are in.
func (d Document) keys(configured config.Keys) ([]string, error) {
	switch {
	case configured.IsZero():
		return nil, nil
	case configured.SharedSecret != "":
		return []string{"the shared secret " + configured.SharedSecret + ", " + configured.Algorithm}, nil
	case configured.Secret != "":
		place := "whatever is in " + configured.Secret
		if configured.Algorithm != "" {
			place += ", RSA keys without alg for " + configured.Algorithm
		}
		return []string{place}, nil
	}
	text := configured.JWKS
	switch {
	case configured.PEM != "":
		text = []byte(configured.PEM)
	case configured.File != "":
		content, read := d.Files[configured.File]
		if !read {
			return nil, fmt.Errorf("the file %s has not been read", configured.File)
		}
		text = content
	}
	// The algorithm of RSA keys that name none is that of the service.
	set, err := jose.ParseRegisteredKeys(text, cmp.Or(jose.Algorithm(configured.Algorithm), jose.RS256))
	if err != nil {
		return nil, err
	}
	described := make([]string, len(set))
	for i, key := range set {
		if described[i], err = describe(key); err != nil {
			return nil, err
		}
	}
	return described, nil
}

// describe names a key by all that tells which assertions it verifies: the algorithm, the kid, and the key itself by
// its thumbprint (RFC 7638).
func describe(key jose.VerificationKey) (string, error) {
	thumbprint, err := key.Thumbprint()
	if err != nil {
		return "", err
	}
	if key.ID() == thumbprint {
		return fmt.Sprintf("%s key %s", key.Algorithm(), thumbprint), nil
	}
	return fmt.Sprintf("%s key %q, thumbprint %s", key.Algorithm(), key.ID(), thumbprint), nil
}
