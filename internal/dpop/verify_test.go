package dpop_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/replay"
)

// RFC 9449 §4.1 (with the request of §5) and §7.1, at the second in which they were made. §6.1 prints the thumbprint.
func TestRFC9449_the_examples_are_accepted_for_their_requests_alone(t *testing.T) {
	now := time.Unix(1562262618, 0)
	verifier := verifierAt(t, func() time.Time { return now }, nil)
	const thumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
	token := dpop.Request{Method: "POST", URLs: []string{"https://server.example.com/token"}}
	api := dpop.Request{
		Method: "GET", URLs: []string{"https://resource.example.org/protectedresource"},
		AccessToken: "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU", Thumbprint: thumbprint,
	}
	for name, request := range map[string]dpop.Request{"rfc9449-4.1.jwt": token, "rfc9449-7.1.jwt": api} {
		proof, err := verifier.Verify(context.Background(), example(t, name), request)
		if err != nil || proof.Thumbprint() != thumbprint {
			t.Errorf("%s: %q, %v", name, proof.Thumbprint(), err)
		}
	}
	judge(t, verifier, api, deny("that of the token endpoint at the API", example(t, "rfc9449-4.1.jwt"), dpop.ErrMethod))
	judge(t, verifier, token, deny("that of the API at the token endpoint", example(t, "rfc9449-7.1.jwt"), dpop.ErrMethod))
}

// RFC 9449 §4.3 items 1 and 2: one well-formed JWT. What a good form is the tests of package jose say.
func TestD1_a_proof_is_one_JWT(t *testing.T) {
	h := newHolder(t)
	proof := h.proof(t, good())
	judge(t, newVerifier(t, nil), atTokenEndpoint,
		allow("one", proof),
		deny("none", "", jose.ErrCompact),
		deny("two in one header", proof+","+h.proof(t, good().with("jti", "2")), jose.ErrEncrypted),
		deny("white space in front", " "+proof, jose.ErrCompact),
		deny("padding", proof+"==", jose.ErrCompact),
		deny("an encrypted one", proof+".AA.AA", jose.ErrEncrypted),
		deny("a scheme in front", "DPoP "+proof, jose.ErrCompact),
		deny("crit", h.sign(t, h.header(`,"crit":["exp"]`), good()), jose.ErrCritical),
		deny("b64", h.sign(t, h.header(`,"b64":false`), good()), jose.ErrUnencoded),
		deny("a key twice", h.sign(t, h.header(`,"jwk":`+h.jwk), good()), jose.ErrJSON),
	)
}

func TestD1_a_proof_has_8_KiB_at_most(t *testing.T) {
	h := newHolder(t)
	of := func(length int) string {
		for fill := length / 2; ; fill++ {
			if text := h.proof(t, good().with("more", strings.Repeat("a", fill))); len(text) >= length {
				return text
			}
		}
	}
	fits := of(8<<10 - 3)
	if len(fits) > 8<<10 {
		t.Fatalf("%d bytes", len(fits))
	}
	judge(t, newVerifier(t, nil), atTokenEndpoint,
		allow("8 KiB", fits),
		deny("more", of(8<<10+1), dpop.ErrTooLong),
		deny("a megabyte of dots", strings.Repeat(".", 1<<20), dpop.ErrTooLong),
	)
}

// RFC 9449 §4.3 item 3.
func TestD1_a_proof_has_jti_htm_htu_and_iat(t *testing.T) {
	h := newHolder(t)
	but := func(name string, value any) string { return h.proof(t, good().with(name, value)) }
	judge(t, newVerifier(t, nil), atTokenEndpoint,
		allow("claims that nobody knows", but("more", []int{1})),
		deny("no jti", but("jti", nil), dpop.ErrIDMissing),
		deny("an empty jti", but("jti", ""), jose.ErrClaimType),
		deny("a jti that is a number", but("jti", 1), jose.ErrClaimType),
		deny("no htm", but("htm", nil), dpop.ErrMethodMissing),
		deny("an empty htm", but("htm", ""), dpop.ErrMethodMissing),
		deny("an htm that is an array", but("htm", []string{"POST"}), dpop.ErrMethodMissing),
		deny("no htu", but("htu", nil), dpop.ErrURLMissing),
		deny("an empty htu", but("htu", ""), dpop.ErrURLMissing),
		deny("an htu that is an array", but("htu", []string{endpoint}), dpop.ErrURLMissing),
		deny("no iat", but("iat", nil), dpop.ErrIssuedAtMissing),
		deny("an iat that is a text", but("iat", "1772366400"), jose.ErrClaimType),
		deny("an iat in milliseconds", but("iat", epoch.UnixMilli()), jose.ErrClaimType),
		deny("exp in the place of iat", h.proof(t, good().with("iat", nil).with("exp", epoch.Unix()+30)), dpop.ErrIssuedAtMissing),
		deny("nothing", h.proof(t, claims{}), dpop.ErrIDMissing),
	)
}

// What is remembered is bounded, since strangers can have it remembered (protocol R2).
func TestD1_a_jti_has_256_bytes_at_most(t *testing.T) {
	h := newHolder(t)
	judge(t, newVerifier(t, nil), atTokenEndpoint,
		allow("256", h.proof(t, good().with("jti", strings.Repeat("a", 256)))),
		deny("257", h.proof(t, good().with("jti", strings.Repeat("a", 257))), dpop.ErrIDTooLong),
		deny("129 letters of two bytes", h.proof(t, good().with("jti", strings.Repeat("é", 129))), dpop.ErrIDTooLong),
	)
}

// RFC 9449 §4.3 item 4, RFC 8725 §3.11: what somebody signed for another purpose is no proof.
func TestD1_typ_is_dpop_jwt(t *testing.T) {
	h := newHolder(t)
	typed := func(member string) string { return h.sign(t, `{`+member+`"alg":"ES256","jwk":`+h.jwk+`}`, good()) }
	judge(t, newVerifier(t, nil), atTokenEndpoint,
		allow("as it is registered", typed(`"typ":"dpop+jwt",`)),
		allow("with the prefix that may be left out (RFC 7515 §4.1.9)", typed(`"typ":"application/dpop+jwt",`)),
		allow("in other letters, as media types are compared", typed(`"typ":"DPoP+JWT",`)),
		deny("none", typed(``), dpop.ErrType),
		deny("JWT", typed(`"typ":"JWT",`), dpop.ErrType),
		deny("an access token", typed(`"typ":"at+jwt",`), dpop.ErrType),
		deny("a client assertion", typed(`"typ":"client-authentication+jwt",`), dpop.ErrType),
		deny("another type that begins so", typed(`"typ":"dpop+jwt2",`), dpop.ErrType),
		deny("a parameter", typed(`"typ":"dpop+jwt;v=1",`), dpop.ErrType),
		deny("white space", typed(`"typ":"dpop+jwt ",`), dpop.ErrType),
		deny("empty", typed(`"typ":"",`), jose.ErrHeader),
		deny("a number", typed(`"typ":1,`), jose.ErrHeader),
	)
}

// RFC 9449 §4.3 item 5, §11.6.
func TestD1_alg_is_asymmetric_and_accepted(t *testing.T) {
	h := newHolder(t)
	fapi := atTokenEndpoint
	fapi.Algorithms = []jose.Algorithm{jose.ES256, jose.PS256, jose.EdDSA}
	others := map[jose.Algorithm]string{}
	for _, algorithm := range dpop.Algorithms() {
		key, err := jose.GenerateSigningKey(algorithm)
		if err != nil {
			t.Fatal(err)
		}
		proof, err := dpop.Sign(key, dpop.Claims{Method: "POST", URL: endpoint, IssuedAt: epoch})
		if err != nil {
			t.Fatal(err)
		}
		others[algorithm] = proof
		judge(t, newVerifier(t, nil), atTokenEndpoint, allow("where nothing is asked for "+string(algorithm), proof))
	}
	hmacHeader := encode(`{"typ":"dpop+jwt","alg":"HS256","jwk":`+h.jwk+`}`) + "." + strings.Split(h.proof(t, good()), ".")[1]
	mac := hmac.New(sha256.New, []byte(h.jwk))
	mac.Write([]byte(hmacHeader))
	judge(t, newVerifier(t, nil), fapi,
		allow("ES256", others[jose.ES256]),
		allow("PS256", others[jose.PS256]),
		allow("EdDSA", others[jose.EdDSA]),
		deny("RS256", others[jose.RS256], dpop.ErrAlgorithm),
		deny("ES384", others[jose.ES384], dpop.ErrAlgorithm),
		deny("none", h.sign(t, `{"typ":"dpop+jwt","alg":"none","jwk":`+h.jwk+`}`, good()), jose.ErrAlgorithm),
		deny("no alg", h.sign(t, `{"typ":"dpop+jwt","jwk":`+h.jwk+`}`, good()), jose.ErrAlgorithm),
		deny("HMAC under the public key", hmacHeader+"."+encode(mac.Sum(nil)), jose.ErrAlgorithm),
		deny("one that does not fit the key", h.sign(t, `{"typ":"dpop+jwt","alg":"PS256","jwk":`+h.jwk+`}`, good()), jose.ErrKeyType),
	)
}

// RFC 9449 §4.3 items 6 and 7.
func TestD1_the_key_in_the_header_is_public_and_has_signed(t *testing.T) {
	h, other := newHolder(t), newHolder(t)
	keyless := func(more string) string { return h.sign(t, `{"typ":"dpop+jwt","alg":"ES256"`+more+`}`, good()) }
	proof := h.proof(t, good())
	parts := strings.Split(proof, ".")
	otherClaims := strings.Split(h.proof(t, good().with("jti", "2")), ".")[1]
	scalar, err := h.private.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	private := strings.TrimSuffix(h.jwk, "}") + `,"d":"` + encode(scalar) + `"}`
	judge(t, newVerifier(t, nil), atTokenEndpoint,
		deny("another has signed", other.sign(t, h.header(""), good()), jose.ErrSignature),
		deny("other claims", parts[0]+"."+otherClaims+"."+parts[2], jose.ErrSignature),
		deny("r and s are zero", parts[0]+"."+parts[1]+"."+encode(make([]byte, 64)), jose.ErrSignature),
		deny("the private key", h.sign(t, `{"typ":"dpop+jwt","alg":"ES256","jwk":`+private+`}`, good()), jose.ErrKeyPrivate),
		deny("no key", keyless(""), jose.ErrNoProofKey),
		deny("a kid", keyless(`,"kid":"`+h.key.ID()+`"`), jose.ErrNoProofKey),
		deny("a place to fetch it from", keyless(`,"jku":"https://127.0.0.1:1/"`), jose.ErrNoProofKey),
	)
}

// RFC 9449 §4.3 item 8.
func TestD1_htm_is_the_method_of_the_request(t *testing.T) {
	h := newHolder(t)
	but := func(method string) string { return h.proof(t, good().with("htm", method)) }
	judge(t, newVerifier(t, nil), atTokenEndpoint,
		allow("POST", but("POST")),
		deny("GET", but("GET"), dpop.ErrMethod),
		deny("in small letters: methods have regard to case", but("post"), dpop.ErrMethod),
		deny("white space", but("POST "), dpop.ErrMethod),
		deny("two", but("POST,GET"), dpop.ErrMethod),
		deny("any", but("*"), dpop.ErrMethod),
	)
}

// RFC 9449 §4.3 item 11, §11.1: 60 s in either direction, both included, so that a clock that is 10 s off is no reason.
func TestD1_iat_is_within_60_seconds(t *testing.T) {
	h := newHolder(t)
	at := func(offset float64) string { return h.proof(t, good().with("iat", float64(epoch.Unix())+offset)) }
	judge(t, newVerifier(t, nil), atTokenEndpoint,
		allow("now", at(0)),
		allow("10 s ago", at(-10)),
		allow("in 10 s", at(10)),
		allow("60 s ago", at(-60)),
		allow("in 60 s", at(60)),
		allow("a fraction of a second", at(-0.5)),
		deny("60.5 s ago", at(-60.5), dpop.ErrIssuedLongAgo),
		deny("61 s ago", at(-61), dpop.ErrIssuedLongAgo),
		deny("in 60.5 s", at(60.5), dpop.ErrIssuedInFuture),
		deny("in 61 s", at(61), dpop.ErrIssuedInFuture),
		deny("1970", h.proof(t, good().with("iat", 0)), dpop.ErrIssuedLongAgo),
		deny("9999", h.proof(t, good().with("iat", 253402300799)), dpop.ErrIssuedInFuture),
	)
}

// RFC 7519 §4.1.4 and §4.1.5: RFC 9449 does not ask for these claims, and whoever sets them means them.
func TestD1_exp_and_nbf_are_honoured_where_they_are_there(t *testing.T) {
	h := newHolder(t)
	but := func(name string, offset int64) string { return h.proof(t, good().with(name, epoch.Unix()+offset)) }
	judge(t, newVerifier(t, nil), atTokenEndpoint,
		allow("exp in a minute", but("exp", 60)),
		allow("exp 9 s ago, by a clock that is slow", but("exp", -9)),
		allow("nbf as iat, by a clock that is fast", h.proof(t, good().with("nbf", epoch.Unix()+60).with("iat", epoch.Unix()+60))),
		deny("exp 10 s ago", but("exp", -10), dpop.ErrExpired),
		deny("nbf in 61 s", but("nbf", 61), dpop.ErrNotYetValid),
		deny("exp in 1970", h.proof(t, good().with("exp", 0)), dpop.ErrExpired),
		deny("exp is null", h.sign(t, h.header(""), claims{"exp": nil}), jose.ErrClaimType),
		deny("exp is a text", h.proof(t, good().with("exp", "tomorrow")), jose.ErrClaimType),
	)
}

// RFC 9449 §4.3 item 12 and §11.8: a token is of use to nobody but the holder of its key, and a proof with no other
// token.
func TestD4_at_an_API_a_proof_is_for_its_token_and_the_token_for_its_key(t *testing.T) {
	h, other := newHolder(t), newHolder(t)
	const token = "header.claims.signature"
	sum := sha256.Sum256([]byte(token))
	hash := encode(sum[:])
	api := dpop.Request{Method: "POST", URLs: []string{endpoint}, AccessToken: token, Thumbprint: h.key.ID()}
	but := func(value any) string { return h.proof(t, good().with("ath", value)) }
	judge(t, newVerifier(t, nil), api,
		allow("its own token", but(hash)),
		deny("no ath: a proof for the token endpoint", but(nil), dpop.ErrAccessTokenMissing),
		deny("an empty ath", but(""), dpop.ErrAccessTokenMissing),
		deny("an ath that is a number", but(1), dpop.ErrAccessTokenMissing),
		deny("another token", but(encode(make([]byte, 32))), dpop.ErrAccessToken),
		deny("the token itself", but(token), dpop.ErrAccessToken),
		deny("the beginning of the hash", but(hash[:42]), dpop.ErrAccessToken),
		deny("padding", but(hash+"="), dpop.ErrAccessToken),
		deny("somebody else's key", other.proof(t, good().with("ath", hash)), dpop.ErrKey),
	)
	unbound := api
	unbound.Thumbprint = ""
	judge(t, newVerifier(t, nil), unbound, deny("a token that is bound to no key", but(hash), dpop.ErrKey))
	foreign := api
	foreign.Thumbprint = other.key.ID()
	judge(t, newVerifier(t, nil), foreign, deny("a token that is bound to another key", but(hash), dpop.ErrKey))
	prefix := api
	prefix.Thumbprint = h.key.ID()[:42]
	judge(t, newVerifier(t, nil), prefix, deny("a token that is bound to the beginning of a thumbprint", but(hash), dpop.ErrKey))
}

// Protocol I4: an assertion can demand a key at the token endpoint too, where there is no token yet.
func TestD4_a_key_can_be_demanded_without_a_token(t *testing.T) {
	h, other := newHolder(t), newHolder(t)
	request := atTokenEndpoint
	request.Thumbprint = h.key.ID()
	judge(t, newVerifier(t, nil), request,
		allow("this key", h.proof(t, good())),
		allow("an ath that nobody asks for", h.proof(t, good().with("ath", "x"))),
		deny("another key", other.proof(t, good()), dpop.ErrKey),
	)
}

// RFC 9449 §11.1: what is remembered is the key and the jti, however often they are signed anew.
func TestD1_a_proof_is_named_by_its_key_and_its_jti(t *testing.T) {
	h, other := newHolder(t), newHolder(t)
	verifier := newVerifier(t, nil)
	use := func(text string) replay.Use {
		t.Helper()
		proof, err := verifier.Verify(context.Background(), text, atTokenEndpoint)
		if err != nil {
			t.Fatal(err)
		}
		return proof.Use()
	}
	first := use(h.proof(t, good()))
	want := replay.Use{Purpose: replay.ForProof, Party: h.key.ID(), ID: "1", Until: first.Until}
	if first != want {
		t.Errorf("%+v", first)
	}
	if again := use(h.sign(t, h.header(`,"kid":"2"`), good().with("more", 1))); again != first {
		t.Errorf("signed anew it is %+v", again)
	}
	if another := use(other.proof(t, good())); another == first || another.ID != "1" {
		t.Errorf("by another key it is %+v", another)
	}
	if another := use(h.proof(t, good().with("jti", "2"))); another == first {
		t.Errorf("with another jti it is %+v", another)
	}
}

// RFC 9449 §11.1, protocol R: at no time at which a proof is accepted has its use been forgotten, nor is it refused
// before it was used because it should have been forgotten.
func TestD1_a_use_is_remembered_for_as_long_as_the_proof_is_accepted(t *testing.T) {
	h := newHolder(t)
	for _, offset := range []time.Duration{-60 * time.Second, 0, 60 * time.Second} {
		text := h.proof(t, good().with("iat", epoch.Add(offset).Unix()))
		for later := time.Duration(0); later <= 130*time.Second; later += 500 * time.Millisecond {
			now := epoch
			clock := func() time.Time { return now }
			memory, err := replay.NewMemory(clock, 10)
			if err != nil {
				t.Fatal(err)
			}
			fresh, err := replay.NewMemory(clock, 10)
			if err != nil {
				t.Fatal(err)
			}
			verifier := verifierAt(t, clock, nil)
			proof, err := verifier.Verify(context.Background(), text, atTokenEndpoint)
			if err != nil {
				t.Fatal(err)
			}
			uses := []replay.Use{proof.Use()}
			if err := memory.Use(context.Background(), uses); err != nil {
				t.Fatal(err)
			}
			now = epoch.Add(later)
			if _, err := verifier.Verify(context.Background(), text, atTokenEndpoint); err != nil {
				break // refused from here on
			}
			if err := memory.Use(context.Background(), uses); !errors.Is(err, replay.ErrReplayed) {
				t.Errorf("iat %v, again %v later: %v", offset, later, err)
			}
			if err := fresh.Use(context.Background(), uses); err != nil {
				t.Errorf("iat %v, for the first time %v later: %v", offset, later, err)
			}
		}
	}
}

func TestD1_a_request_without_method_or_URL_is_no_fault_of_the_proof(t *testing.T) {
	h := newHolder(t)
	for name, request := range map[string]dpop.Request{
		"no method": {URLs: []string{endpoint}},
		"no URL":    {Method: "POST"},
	} {
		proof, err := newVerifier(t, nil).Verify(context.Background(), h.proof(t, good()), request)
		if fault := new(dpop.Fault); err == nil || errors.As(err, &fault) || !proof.IsZero() {
			t.Errorf("%s: %+v, %v", name, proof, err)
		}
	}
}

func TestD1_a_verifier_needs_a_clock(t *testing.T) {
	if verifier, err := dpop.New(dpop.Config{}); err == nil || verifier != nil {
		t.Errorf("%v, %v", verifier, err)
	}
}

// Protocol T6: what a caller may read is plain ASCII without quotation marks and backslashes, and each fault has its
// own reason for the audit log.
func TestT6_sentences_can_stand_in_error_description(t *testing.T) {
	description := regexp.MustCompile(`\A[\x20-\x21\x23-\x5B\x5D-\x7E]{10,200}\z`) // RFC 6749 §5.2
	reason := regexp.MustCompile(`\A[a-z0-9]+(?:_[a-z0-9]+)*\z`)
	seen := map[string]bool{}
	for _, fault := range []*dpop.Fault{
		dpop.ErrTooLong, dpop.ErrType, dpop.ErrAlgorithm, dpop.ErrIDMissing, dpop.ErrIDTooLong, dpop.ErrMethodMissing,
		dpop.ErrMethod, dpop.ErrURLMissing, dpop.ErrURLForm, dpop.ErrURL, dpop.ErrIssuedAtMissing, dpop.ErrIssuedLongAgo,
		dpop.ErrIssuedInFuture, dpop.ErrExpired, dpop.ErrNotYetValid, dpop.ErrAccessTokenMissing, dpop.ErrAccessToken,
		dpop.ErrKey, dpop.ErrNonce, dpop.ErrReplayed,
	} {
		if !description.MatchString(fault.Sentence) || strings.HasSuffix(fault.Sentence, ".") {
			t.Errorf("sentence %q", fault.Sentence)
		}
		if !reason.MatchString(fault.Reason) || seen[fault.Reason] {
			t.Errorf("reason %q", fault.Reason)
		}
		seen[fault.Reason] = true
	}
}
