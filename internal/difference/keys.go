package difference

import (
	"cmp"
	"fmt"
	"reflect"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
)

const whyKey = "another key can speak for the party"

// keys compares what verifies the assertions of a party: the keys themselves where they are known, and else the place
// that they are in. It is the same key in whatever form and file it is written.
func (c *comparison) keys(at place, before, after config.Keys) error {
	at = at.within("", before.At, after.At)
	written := before
	written.At = after.At
	if reflect.DeepEqual(written, after) && len(filesOf(after)) == 0 {
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
	c.list(at, "keys", was, is, whyKey)
	if after.Federation.TrustAnchors != nil && before.Federation.TrustAnchors != nil {
		c.federation(at, before.Federation, after.Federation)
	}
	if fetched(before) && fetched(after) {
		return c.fetching(at, before.Fetching, after.Fetching)
	}
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
		return []string{"whatever is in " + configured.Secret + rsaKeys(configured)}, nil
	case configured.JWKSURI != "":
		return []string{"whatever is at " + configured.JWKSURI + rsaKeys(configured)}, nil
	case configured.Discovery:
		return []string{"whatever the metadata of the issuer name" + rsaKeys(configured)}, nil
	case configured.Federation.TrustAnchors != nil:
		return d.anchors(configured)
	case configured.PEM != "":
		return parsed([]byte(configured.PEM), configured.Algorithm)
	case configured.File != "":
		text, err := d.file(configured.File)
		if err != nil {
			return nil, err
		}
		return parsed(text, configured.Algorithm)
	default:
		return parsed(configured.JWKS, configured.Algorithm)
	}
}

// rsaKeys says what a place that is known by its name alone does not: what its RSA keys without alg are for.
func rsaKeys(configured config.Keys) string {
	if configured.Algorithm == "" {
		return ""
	}
	return ", RSA keys without alg for " + configured.Algorithm
}

// file returns the content of a file that the document names.
func (d Document) file(name string) ([]byte, error) {
	content, read := d.Files[name]
	if !read {
		return nil, fmt.Errorf("the file %s has not been read", name)
	}
	return content, nil
}

// parsed describes each key of a JWK Set or of PEM.
func parsed(text []byte, algorithm string) ([]string, error) {
	// The algorithm of RSA keys that name none is that of the service.
	set, err := jose.ParseRegisteredKeys(text, cmp.Or(jose.Algorithm(algorithm), jose.RS256))
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
