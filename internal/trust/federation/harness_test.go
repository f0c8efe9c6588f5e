package federation_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/trust/federation"
)

// The entities of the federation. The leaf is the party whose assertions are looked at.
const (
	leaf     = "https://leaf.example.com"
	org      = "https://org.example.com"
	upper    = "https://upper.example.com"
	anchor   = "https://anchor.example.org"
	stranger = "https://stranger.example.net"

	oauthClient = "oauth_client"
)

// now is the clock of every test. Statements are good for a day around it.
var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const skew = 10 * time.Second

type object = map[string]any

// signer makes the signature over header and payload, and says which alg that is.
type signer struct {
	algorithm string
	kid       string
	sign      func(input string) ([]byte, error)
	public    crypto.PublicKey // nil: a shared secret
}

func encode[T string | []byte](text T) string {
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

func decode(t testing.TB, text string) string {
	t.Helper()
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	must(t, err)
	return string(decoded)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func marshal(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	must(t, err)
	return string(text)
}

// parsed reads JSON as package jose does: whole numbers are int64.
func parsed(t testing.TB, text string) any {
	t.Helper()
	token, err := jose.Parse(encode(`{"alg":"ES256"}`) + "." + encode(`{"x":`+text+`}`) + ".AAAA")
	must(t, err)
	return token.Unverified().All()["x"]
}

// newSigner makes an ES256 key.
func newSigner(t testing.TB, kid string) signer {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return signer{"ES256", kid, func(input string) ([]byte, error) {
		digest := sha256.Sum256([]byte(input))
		r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
		if err != nil {
			return nil, err
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), nil
	}, private.Public()}
}

func newRSASigner(t testing.TB, kid string) signer {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	return signer{"RS256", kid, func(input string) ([]byte, error) {
		digest := sha256.Sum256([]byte(input))
		return rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:])
	}, private.Public()}
}

// newEdDSASigner makes the same key for the same kid, in every process of a fuzzer.
func newEdDSASigner(_ testing.TB, kid string) signer {
	seed := sha256.Sum256([]byte(kid))
	private := ed25519.NewKeyFromSeed(seed[:])
	return signer{"EdDSA", kid, func(input string) ([]byte, error) { return ed25519.Sign(private, []byte(input)), nil }, private.Public()}
}

// macSigner signs with a secret, under the kid of another key.
func macSigner(secret []byte, kid string) signer {
	return signer{"HS256", kid, func(input string) ([]byte, error) {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(input))
		return mac.Sum(nil), nil
	}, nil}
}

func (s signer) key(t testing.TB) jose.VerificationKey {
	t.Helper()
	key, err := jose.NewVerificationKey(s.public, jose.Algorithm(s.algorithm), s.kid)
	must(t, err)
	return key
}

// jwk is the public key as a JWK.
func (s signer) jwk(t testing.TB) object {
	t.Helper()
	document, err := jose.EncodeKeySet(jose.KeySet{s.key(t)})
	must(t, err)
	var set struct{ Keys []object }
	must(t, json.Unmarshal(document, &set))
	return set.Keys[0]
}

func jwks(keys ...object) object {
	list := make([]any, len(keys))
	for i, key := range keys {
		list[i] = key
	}
	return object{"keys": list}
}

func (s signer) jwks(t testing.TB) object { return jwks(s.jwk(t)) }

// draft is a JWT that is not signed yet.
type draft struct {
	header object // alg and kid are the signer's where they are not here
	claims object
	by     signer
}

func (d *draft) signed(t testing.TB) string {
	t.Helper()
	header := object{"alg": d.by.algorithm, "kid": d.by.kid}
	maps.Copy(header, d.header)
	maps.DeleteFunc(header, func(_ string, value any) bool { return value == nil })
	return compact(t, header, marshal(t, d.claims), d.by)
}

func compact(t testing.TB, header object, claims string, by signer) string {
	t.Helper()
	input := encode(marshal(t, header)) + "." + encode(claims)
	signature, err := by.sign(input)
	must(t, err)
	return input + "." + encode(signature)
}

// parties are the keys of everybody. They are made once for a test and shared by its cases.
type parties struct {
	statements map[string]signer // by entity: for entity statements
	protocol   signer            // the leaf's for assertions
}

func newParties(t testing.TB) parties {
	t.Helper()
	return newPartiesWith(t, newSigner)
}

func newPartiesWith(t testing.TB, newSigner func(t testing.TB, kid string) signer) parties {
	t.Helper()
	p := parties{map[string]signer{}, newSigner(t, "protocol-1")}
	for _, entity := range []string{leaf, org, upper, anchor, stranger} {
		p.statements[entity] = newSigner(t, strings.TrimPrefix(entity, "https://")+"-1")
	}
	return p
}

// statement is one of issuer about subject, good in every way.
func (p parties) statement(t testing.TB, issuer, subject string) *draft {
	t.Helper()
	return &draft{
		header: object{"typ": "entity-statement+jwt"},
		claims: object{
			"iss": issuer, "sub": subject,
			"iat": now.Add(-12 * time.Hour).Unix(), "exp": now.Add(12 * time.Hour).Unix(),
			"jwks": p.statements[subject].jwks(t),
		},
		by: p.statements[issuer],
	}
}

// exchange is an assertion with a trust chain, and what is registered of its party.
type exchange struct {
	parties
	assertion *draft
	chain     []*draft
	config    federation.Config
}

// exchange goes through these entities, the leaf first and the anchor last.
func (p parties) exchange(t testing.TB, path ...string) *exchange {
	t.Helper()
	own := p.statement(t, path[0], path[0])
	own.claims["authority_hints"] = []any{path[1]}
	own.claims["metadata"] = object{oauthClient: object{"jwks": p.protocol.jwks(t)}}
	chain := []*draft{own}
	for i, subject := range path[:len(path)-1] {
		chain = append(chain, p.statement(t, path[i+1], subject))
	}
	return &exchange{
		parties:   p,
		assertion: &draft{claims: object{"iss": path[0], "sub": path[0], "exp": now.Unix() + 60}, by: p.protocol},
		chain:     chain,
		config: federation.Config{
			Entity: leaf, EntityType: oauthClient, Intermediates: 2, Skew: skew,
			Anchors: map[string]jose.KeySet{anchor: {p.statements[anchor].key(t)}},
			Now:     func() time.Time { return now },
		},
	}
}

// own is what the leaf says of itself, and about what the superior at this place says, from 1.
func (e *exchange) own() object            { return e.chain[0].claims }
func (e *exchange) about(place int) object { return e.chain[place].claims }

// client is the leaf's own metadata.
func (e *exchange) client() object { return e.own()["metadata"].(object)[oauthClient].(object) }

func (e *exchange) texts(t testing.TB) []any {
	t.Helper()
	texts := make([]any, len(e.chain))
	for i, statement := range e.chain {
		texts[i] = statement.signed(t)
	}
	return texts
}

// token is the assertion with the chain in its header, unless it has another one.
func (e *exchange) token(t testing.TB) *jose.Token {
	t.Helper()
	header := object{"trust_chain": e.texts(t)}
	maps.Copy(header, e.assertion.header)
	signed := &draft{header, e.assertion.claims, e.assertion.by}
	token, err := jose.Parse(signed.signed(t))
	must(t, err)
	return token
}

// find is what the stages behind do: the key, and then the signature.
func find(t testing.TB, keys *federation.Keys, token *jose.Token) error {
	t.Helper()
	key, err := keys.Find(t.Context(), token)
	if key.IsZero() != (err != nil) {
		t.Errorf("%v came with %v", key, err)
	}
	if err != nil {
		return err
	}
	_, err = token.Verify(key)
	return err
}

// is reports whether err is want, or is none where none is wanted.
func is(err, want error) bool {
	return want == nil && err == nil || want != nil && errors.Is(err, want)
}

// attempt is one row of a table: a change to an exchange that is good, and what becomes of it.
type attempt struct {
	name    string
	change  func(t *testing.T, e *exchange)
	refusal *federation.Fault // nil: it is accepted
}

func allow(name string, change func(*exchange)) attempt {
	return attempt{name, func(_ *testing.T, e *exchange) { change(e) }, nil}
}

func deny(name string, because *federation.Fault, change func(*exchange)) attempt {
	return attempt{name, func(_ *testing.T, e *exchange) { change(e) }, because}
}

// judge holds a chain with one intermediate to the attempts.
func judge(t *testing.T, attempts ...attempt) {
	t.Helper()
	p := newParties(t)
	judgeOn(t, func(t *testing.T) *exchange { return p.exchange(t, leaf, org, anchor) }, attempts...)
}

func judgeOn(t *testing.T, good func(*testing.T) *exchange, attempts ...attempt) {
	t.Helper()
	for _, attempt := range attempts {
		t.Run(attempt.name, func(t *testing.T) {
			t.Helper()
			e := good(t)
			attempt.change(t, e)
			expect(t, e, attempt.refusal)
		})
	}
}

func expect(t *testing.T, e *exchange, refusal *federation.Fault) {
	t.Helper()
	keys, err := federation.New(e.config)
	must(t, err)
	err = find(t, keys, e.token(t))
	if refusal == nil {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	// What it says of the chain is for the log. Whoever sent it is told what every stranger is told (protocol T8).
	if fault, _ := errors.AsType[*federation.Fault](err); fault != refusal || !assertion.TellsWhoExists(err) {
		t.Errorf("got %v, want %v", err, refusal)
	}
}

// set and unset are changes of one claim.
func set(place int, claim string, value any) func(*exchange) {
	return func(e *exchange) { e.about(place)[claim] = value }
}

func unset(place int, claim string) func(*exchange) {
	return func(e *exchange) { delete(e.about(place), claim) }
}

// fromNow is a date in a claim.
func fromNow(seconds int) int64 { return now.Unix() + int64(seconds) }

// each makes one attempt of every place in the chain, which ends with what the anchor says of itself.
func each(name string, because *federation.Fault, change func(e *exchange, place int)) []attempt {
	var attempts []attempt
	for place, who := range []string{"the entity itself", "its superior", "the anchor", "the anchor of itself"} {
		attempts = append(attempts, attempt{name + ", in what is said by " + who, func(t *testing.T, e *exchange) {
			e.addAnchor(t)
			change(e, place)
		}, because})
	}
	return attempts
}

// addAnchor appends what the anchor says of itself.
func (e *exchange) addAnchor(t testing.TB) {
	t.Helper()
	e.chain = append(e.chain, e.statement(t, anchor, anchor))
}
