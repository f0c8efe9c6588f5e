package jose

import (
	"encoding/base64"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxLength is the length in bytes beyond which a JWT is refused unread (protocol T4).
const maxLength = 16 << 10

// The ways in which a JWT is not one that we read.
var (
	ErrTooLong   = &Fault{"too_long", "the JWT is longer than 16 KiB"}
	ErrEncrypted = &Fault{"encrypted", "the JWT is encrypted (five parts); only a signed one with three parts is accepted"}
	ErrCompact   = &Fault{"not_compact", "the JWT is not three parts of canonical base64url with dots between them"}
	ErrHeader    = &Fault{"header_malformed", "a header parameter of the JWT (alg, kid, typ, cty) is empty or not a string"}
	ErrCritical  = &Fault{"header_crit", "the JWT has a crit header, and this server knows no extension"}
	ErrUnencoded = &Fault{"header_b64", "the JWT has a b64 header that is not true"}
	ErrNested    = &Fault{"nested", "the cty header says that the JWT is nested or compressed"}
	ErrAlgorithm = &Fault{"algorithm", "the alg header is not an algorithm that this server accepts"}
	ErrClaimType = &Fault{"claim_type", "a registered claim is empty or not of its type: iss, sub, jti strings, aud a string or strings, exp, nbf, iat seconds since 1970"}
)

// Token is a compact JWS (RFC 7515 §3.1) taken apart. Its form is good; its signature has not been looked at.
type Token struct {
	Algorithm Algorithm // as the header claims: used to refuse, never to choose
	KeyID     string    // kid; empty: none
	Type      string    // typ as written; empty: none

	claims     Claims
	signed     []byte // header and payload as signed
	signature  []byte
	trustChain any // as it is in the header
	chained    bool
	key        any // jwk, as it is in the header; nil: none
}

// Parse takes a compact JWS apart. It decides everything that can be decided without a key (protocol A1, A4, A6);
// the error is one of the Faults above or ErrJSON.
func Parse(text string) (*Token, error) {
	parts, err := parseParts(text)
	if err != nil {
		return nil, err
	}
	object, err := decodeWith(parts.decoder, parts.payload)
	if err != nil {
		return nil, err
	}
	if parts.token.claims, err = newClaims(object); err != nil {
		return nil, err
	}
	return parts.token, nil
}

// parts are those of a JWT, of which the payload is decoded and not yet read.
type parts struct {
	token   *Token // without its claims
	payload []byte
	decoder *jsontext.Decoder // has read the header
}

// parseParts is Parse without the claims.
func parseParts(text string) (parts, error) {
	header, body, signature, err := split(text)
	if err != nil {
		return parts{}, err
	}
	p := parts{token: &Token{signed: []byte(text[:len(header)+1+len(body)])}, decoder: &jsontext.Decoder{}}
	if err := p.token.parseHeader(p.decoder, header); err != nil {
		return parts{}, err
	}
	if p.token.signature, err = decodePart(signature); err != nil {
		return parts{}, err
	}
	if p.payload, err = decodePart(body); err != nil {
		return parts{}, err
	}
	return p, nil
}

// split cuts without allocating, however many dots there are.
func split(text string) (header, payload, signature string, err error) {
	if len(text) > maxLength {
		return "", "", "", ErrTooLong
	}
	switch strings.Count(text, ".") {
	case 2:
	case 4:
		return "", "", "", ErrEncrypted
	default:
		return "", "", "", ErrCompact
	}
	header, rest, _ := strings.Cut(text, ".")
	payload, signature, _ = strings.Cut(rest, ".")
	if header == "" || payload == "" || signature == "" {
		return "", "", "", ErrCompact
	}
	return header, payload, signature, nil
}

// decodePart is base64url without padding, canonical: a text has one encoding only. The decoder of the standard
// library skips line breaks, so they are refused here.
func decodePart(part string) ([]byte, error) {
	if strings.ContainsAny(part, "\r\n") {
		return nil, ErrCompact
	}
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return nil, ErrCompact
	}
	return decoded, nil
}

func (t *Token) parseHeader(decoder *jsontext.Decoder, part string) error {
	text, err := decodePart(part)
	if err != nil {
		return err
	}
	header, err := decodeWith(decoder, text)
	if err != nil {
		return err
	}
	// RFC 7515 §4.1.11: a crit that is not understood is fatal, and none is understood here.
	if _, present := header["crit"]; present {
		return ErrCritical
	}
	// RFC 7797 §7: without crit a b64 of false has no meaning, and accepting it has been a hole.
	if encoded, present := header["b64"]; present && encoded != true {
		return ErrUnencoded
	}
	var algorithm, contentType string
	for _, member := range []struct {
		name string
		into *string
	}{{"alg", &algorithm}, {"kid", &t.KeyID}, {"typ", &t.Type}, {"cty", &contentType}} {
		if err := stringMember(header, member.name, member.into); err != nil {
			return err
		}
	}
	if _, compressed := header["zip"]; compressed || contentType != "" {
		return ErrNested
	}
	// jwk, jku, x5u, x5c are not looked at: a header never supplies a key (protocol A4). A trust_chain is kept for the
	// one who asks for it, and a jwk for ParseProof, where it shows that the sender has this key, and nothing more.
	t.trustChain, t.chained = header["trust_chain"]
	t.key = header["jwk"]
	t.Algorithm = algorithmOf(algorithm)
	if !t.Algorithm.Known() {
		return ErrAlgorithm
	}
	return nil
}

func stringMember(object map[string]any, name string, into *string) error {
	value, present := object[name]
	if !present {
		return nil
	}
	text, ok := value.(string)
	if !ok || text == "" {
		return ErrHeader
	}
	*into = text
	return nil
}

// MediaType returns a typ in the form in which it is compared: in small letters, and without the application/ that may be
// left out (RFC 7515 §4.1.9).
func MediaType(typ string) string { return strings.TrimPrefix(strings.ToLower(typ), "application/") }

// Unverified returns the claims of a token whose signature nobody has looked at: good to find the key that must have
// signed it and to refuse early, never to grant.
func (t *Token) Unverified() Claims { return t.claims }

// Verify returns the claims if key made the signature over exactly these bytes (RFC 7515 §5.2). The error is
// ErrSignature.
func (t *Token) Verify(key VerificationKey) (Claims, error) {
	if key.IsZero() || key.algorithm != t.Algorithm {
		return Claims{}, ErrSignature
	}
	if err := key.verify(t.signed, t.signature); err != nil {
		return Claims{}, ErrSignature
	}
	return t.claims, nil
}
