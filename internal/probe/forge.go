package probe

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"time"

	"example.com/countersign/internal/jose"
)

// forger signs what package jose refuses to: any header over any bytes.
type forger struct {
	private   crypto.Signer
	algorithm string
	id        string // thumbprint
}

// newForger takes the private key out of its wrapping.
func newForger(key jose.SigningKey) (forger, error) {
	document, err := key.EncodePKCS8()
	if err != nil {
		return forger{}, fmt.Errorf("the client's key: %w", err)
	}
	block, _ := pem.Decode(document)
	if block == nil {
		return forger{}, errors.New("the client's key has no PKCS#8 form")
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return forger{}, errors.New("the client's key has no PKCS#8 form")
	}
	signer, can := private.(crypto.Signer)
	if !can {
		return forger{}, errors.New("the client's key does not sign")
	}
	return forger{signer, string(key.Algorithm()), key.ID()}, nil
}

// newStranger makes a key that is registered nowhere.
func newStranger() (forger, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return forger{}, fmt.Errorf("making a key: %w", err)
	}
	public, err := describe(private.Public())
	if err != nil {
		return forger{}, err
	}
	return forger{private, "ES256", public.thumbprint()}, nil
}

// header is that of an honest JWT with changes; nil takes a member out.
func (f forger) header(changes map[string]any) map[string]any {
	return with(map[string]any{"alg": f.algorithm, "kid": f.id, "typ": "JWT"}, changes)
}

// with returns members with changes; nil takes one out.
func with(members, changes map[string]any) map[string]any {
	changed := map[string]any{}
	for _, from := range []map[string]any{members, changes} {
		for name, value := range from {
			changed[name] = value
			if value == nil {
				delete(changed, name)
			}
		}
	}
	return changed
}

// sign makes a JWT of whatever it is given.
func (f forger) sign(header map[string]any, payload string) string {
	input := encodeJSON(header) + "." + encode([]byte(payload))
	return input + "." + encode(f.signature(input))
}

// signature is JWS's (RFC 7518 §3.3 to §3.5, RFC 8037 §3.1). The zero forger, and one that cannot, has an empty one.
func (f forger) signature(input string) []byte {
	hash, digest := digestOf(f.algorithm, input)
	switch key := f.private.(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, digest)
		if err != nil {
			return nil
		}
		size := (key.Curve.Params().BitSize + 7) / 8
		signature := make([]byte, 2*size)
		r.FillBytes(signature[:size])
		s.FillBytes(signature[size:])
		return signature
	case nil:
		return nil
	default:
		var options crypto.SignerOpts = hash
		if f.algorithm[0] == 'P' {
			options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
		}
		signature, _ := key.Sign(rand.Reader, digest, options) // a key of ours signs; without a signature it is refused all the same
		return signature
	}
}

// digestOf returns what an algorithm signs of input, and the hash that made it; 0: it signs input itself.
func digestOf(algorithm, input string) (hash crypto.Hash, digest []byte) {
	if hash = hashOf(algorithm); hash == 0 {
		return 0, []byte(input)
	}
	h := hash.New()
	h.Write([]byte(input))
	return hash, h.Sum(nil)
}

// hashOf returns the hash of an algorithm; 0: it has none of its own.
func hashOf(algorithm string) crypto.Hash {
	if len(algorithm) != len("ES256") {
		return 0
	}
	switch algorithm[2:] {
	case "256":
		return crypto.SHA256
	case "384":
		return crypto.SHA384
	case "512":
		return crypto.SHA512
	default:
		return 0
	}
}

// hs256 makes a JWT whose HMAC has the given bytes as its secret (RFC 8725 §2.1).
func hs256(secret []byte, kid, payload string) string {
	input := encodeJSON(map[string]any{"alg": "HS256", "kid": kid, "typ": "JWT"}) + "." + encode([]byte(payload))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(input))
	return input + "." + encode(mac.Sum(nil))
}

// certificate is one that the forger has made for itself, as x5c has it (RFC 7515 §4.1.6).
func (f forger) certificate(name string, now time.Time) string {
	template := &x509.Certificate{SerialNumber: big.NewInt(now.Unix()), DNSNames: []string{name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, f.private.Public(), f.private)
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(der)
}

// public describes the key of the forger.
func (f forger) public() jwk {
	key, _ := describe(f.private.Public()) // it was described when the forger was made, or is a key of jose's
	return key
}

func encode(text []byte) string { return base64.RawURLEncoding.EncodeToString(text) }

func encodeJSON(value any) string { return encode(marshal(value)) }

func marshal(value any) []byte {
	text, _ := json.Marshal(value) // maps of texts and numbers always encode
	return text
}
