package federation_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/trust/federation"
)

// header makes an attempt at every place with another header.
func header(name string, because *federation.Fault, member string, value any) []attempt {
	return each(name, because, func(e *exchange, place int) { e.chain[place].header[member] = value })
}

// claim makes an attempt at every place with another claim; nil takes it away.
func claim(name string, because *federation.Fault, member string, value any) []attempt {
	return each(name, because, func(e *exchange, place int) {
		e.about(place)[member] = value
		if value == nil {
			delete(e.about(place), member)
		}
	})
}

// RFC 8725 §3.11: no other JWT passes for an entity statement.
func TestF4_typ_is_that_of_an_entity_statement(t *testing.T) {
	judge(t, slices.Concat(
		header("with application/", nil, "typ", "application/entity-statement+jwt"),
		header("in capital letters", nil, "typ", "Entity-Statement+JWT"),
		header("none", federation.ErrStatement, "typ", nil),
		header("JWT", federation.ErrStatement, "typ", "JWT"),
		header("an access token", federation.ErrStatement, "typ", "at+jwt"),
		header("a client assertion", federation.ErrStatement, "typ", "client-authentication+jwt"),
		header("a trust mark", federation.ErrStatement, "typ", "trust-mark+jwt"),
		header("the answer of a resolver", federation.ErrStatement, "typ", "resolve-response+jwt"),
		header("the answer to a registration", federation.ErrStatement, "typ", "explicit-registration-response+jwt"),
		header("something behind it", federation.ErrStatement, "typ", "entity-statement+jwt "),
		header("another tree", federation.ErrStatement, "typ", "text/entity-statement+jwt"),
		header("no string", federation.ErrStatement, "typ", []any{"entity-statement+jwt"}),
	)...)
}

func TestF4_the_header_of_a_statement_passes_the_same_gate_as_every_other(t *testing.T) {
	judge(t, slices.Concat(
		header("unknown members", nil, "x", object{"y": 1}),
		header("crit", federation.ErrStatement, "crit", []any{"exp"}),
		header("b64", federation.ErrStatement, "b64", false),
		header("a JWT in a JWT", federation.ErrStatement, "cty", "JWT"),
		header("a key in the header", nil, "jwk", object{"kty": "EC"}), // which nobody looks at
		header("a chain in the chain", federation.ErrStatement, "trust_chain", []any{"a.b.c"}),
		header("an empty chain in the chain", federation.ErrStatement, "trust_chain", []any{}),
		header("a kid that is empty", federation.ErrStatement, "kid", ""),
		header("a kid that is a number", federation.ErrStatement, "kid", 1),
	)...)
	p := newParties(t)
	for place := range 4 {
		for name, change := range map[string]func(string) string{
			"encrypted": func(text string) string { return text + ".a.b" },
			"detached": func(text string) string {
				return text[:strings.IndexByte(text, '.')] + ".." + text[strings.LastIndexByte(text, '.')+1:]
			},
			"with padding":    func(text string) string { return text + "=" },
			"with a space":    func(text string) string { return " " + text },
			"with a line end": func(text string) string { return text + "\n" },
			"claims twice": func(text string) string {
				return text[:strings.IndexByte(text, '.')] + "." + encode(`{"iss":"a","iss":"b"}`) + ".AAAA"
			},
			"no claims":      func(text string) string { return text[:strings.IndexByte(text, '.')] + "." + encode(`[]`) + ".AAAA" },
			"JSON":           func(text string) string { return `{"payload":"` + text + `","signatures":[]}` },
			"only two parts": func(text string) string { return text[:strings.LastIndexByte(text, '.')] },
		} {
			t.Run(name, func(t *testing.T) {
				e := p.exchange(t, leaf, org, anchor)
				e.addAnchor(t)
				texts := e.texts(t)
				texts[place] = change(texts[place].(string))
				e.assertion.header = object{"trust_chain": texts}
				expect(t, e, federation.ErrStatement)
			})
		}
	}
}

func TestF4_a_statement_without_keys_is_none(t *testing.T) {
	statement := newParties(t).statement(t, org, leaf)
	must(t, federation.ParseStatement(statement.signed(t)))
	for _, keys := range []any{nil, "", object{}, jwks(), object{"keys": nil}, object{"keys": object{}}, []any{}} {
		statement.claims["jwks"] = keys
		if err := federation.ParseStatement(statement.signed(t)); !errors.Is(err, federation.ErrKeys) {
			t.Errorf("%v: %v", keys, err)
		}
	}
}

// Protocol T4: a statement has the bound of every JWT, wherever it comes from.
func TestF4_a_statement_has_16_KiB_at_most(t *testing.T) {
	statement := newParties(t).statement(t, leaf, leaf)
	fill := func(length int) string {
		delete(statement.claims, "x")
		statement.claims["x"] = ""
		least := len(statement.signed(t))
		statement.claims["x"] = strings.Repeat("x", (length-least)*3/4-2)
		return statement.signed(t)
	}
	if text := fill(16 << 10); len(text) > 16<<10 || len(text) < 16<<10-8 {
		t.Fatalf("%d bytes", len(text))
	} else if err := federation.ParseStatement(text); err != nil {
		t.Errorf("just below: %v", err)
	}
	text := fill(16<<10 + 8)
	if err := federation.ParseStatement(text); !errors.Is(err, federation.ErrStatement) || !errors.Is(err, jose.ErrTooLong) {
		t.Errorf("%d bytes: %v", len(text), err)
	}
}

func TestF4_a_statement_has_iss_sub_iat_and_exp(t *testing.T) {
	judge(t, slices.Concat(
		claim("unknown claims", nil, "x", object{"y": []any{1}}),
		claim("a jti, which is not looked at", nil, "jti", "1"),
		claim("no iss", federation.ErrClaims, "iss", nil),
		claim("no sub", federation.ErrClaims, "sub", nil),
		claim("no iat", federation.ErrClaims, "iat", nil),
		claim("no exp", federation.ErrClaims, "exp", nil),
		claim("iss that is a list", federation.ErrStatement, "iss", []any{leaf}),
		claim("sub that is an object", federation.ErrStatement, "sub", object{}),
		claim("iss that is empty", federation.ErrStatement, "iss", ""),
		claim("iat that is text", federation.ErrStatement, "iat", "1764000000"),
		claim("exp that is text", federation.ErrStatement, "exp", "1764000000"),
		claim("exp in the year 10000", federation.ErrStatement, "exp", 253402300800),
	)...)
}

// §3.1: a policy or a constraint where nobody applies it must not look as if it held.
func TestF4_claims_stand_where_they_belong(t *testing.T) {
	var attempts []attempt
	for _, test := range []struct {
		name  string
		value any
		own   bool // it belongs into what an entity says of itself; else into what a superior says
	}{
		{"constraints", object{}, false}, {"metadata_policy", object{}, false}, {"source_endpoint", org + "/fetch", false},
		{"authority_hints", []any{org}, true}, {"trust_anchor_hints", []any{anchor}, true}, {"trust_marks", []any{}, true},
		{"trust_mark_issuers", object{}, true}, {"trust_mark_owners", object{}, true},
	} {
		for place, own := range []bool{true, false, false, true} {
			refusal := federation.ErrClaims
			if own == test.own {
				refusal = nil
			}
			attempts = append(attempts, attempt{test.name, func(t *testing.T, e *exchange) {
				e.addAnchor(t)
				e.about(place)[test.name] = test.value
			}, refusal})
		}
	}
	judge(t, attempts...)
	judge(t, slices.Concat(
		claim("crit", federation.ErrCritical, "crit", []any{"jti"}),
		claim("crit of nothing", federation.ErrCritical, "crit", []any{}),
		claim("crit of a claim that is known", federation.ErrCritical, "crit", []any{"exp"}),
		claim("crit that is no list", federation.ErrCritical, "crit", false),
		claim("metadata_policy_crit", federation.ErrCritical, "metadata_policy_crit", []any{"regexp"}),
		claim("metadata_policy_crit of an operator that is known", federation.ErrCritical, "metadata_policy_crit", []any{"value"}),
		claim("metadata_policy_crit of nothing", federation.ErrCritical, "metadata_policy_crit", []any{}),
		claim("trust_anchor", federation.ErrClaims, "trust_anchor", anchor),
	)...)
}

func TestF4_claims_are_of_their_type(t *testing.T) {
	hints := func(name string, value any) attempt {
		return deny("authority_hints that "+name, federation.ErrClaims, set(0, "authority_hints", value))
	}
	metadata := func(name string, value any) []attempt {
		return claim("metadata that "+name, federation.ErrClaims, "metadata", value)
	}
	judge(t, slices.Concat(
		[]attempt{
			hints("is empty", []any{}), hints("is a string", org), hints("is null", nil), hints("has a number", []any{org, 1}),
			hints("has an empty string", []any{org, ""}), hints("is an object", object{org: true}),
			deny("metadata that is null", federation.ErrClaims, set(0, "metadata", nil)),
			deny("metadata that is null with the superior", federation.ErrClaims, set(1, "metadata", nil)),
			deny("constraints that are null", federation.ErrClaims, set(1, "constraints", nil)),
			deny("constraints that are a list", federation.ErrClaims, set(1, "constraints", []any{})),
			deny("a policy that is null", federation.ErrPolicyForm, set(1, "metadata_policy", nil)),
			deny("a policy that is a list", federation.ErrPolicyForm, set(1, "metadata_policy", []any{})),
		},
		metadata("is a list", []any{}),
		metadata("has an entity type that is null", object{oauthClient: nil}),
		metadata("has an entity type that is a list", object{oauthClient: []any{}}),
		metadata("has a parameter that is null", object{oauthClient: object{"client_name": nil}}),
		metadata("has a parameter of another entity type that is null", object{"openid_provider": object{"issuer": nil}}),
	)...)
}

// §1.2.
func TestF4_an_entity_is_named_by_an_https_URL(t *testing.T) {
	p := newParties(t)
	named := func(name string) error {
		statement := p.statement(t, leaf, leaf)
		statement.claims["iss"], statement.claims["sub"] = name, name
		own := federation.ParseStatement(statement.signed(t))
		statement.claims["iss"] = anchor
		if about := federation.ParseStatement(statement.signed(t)); !errors.Is(about, own) {
			t.Errorf("%q: %v as iss, %v as sub", name, own, about)
		}
		e := p.exchange(t, leaf, anchor)
		e.config.Entity = name
		if _, err := federation.New(e.config); (err == nil) != (own == nil) {
			t.Errorf("%q: %v in a statement, %v in the configuration", name, own, err)
		}
		return own
	}
	for _, name := range []string{
		leaf, leaf + "/", leaf + "/a/b", leaf + ":8443", leaf + ":8443/a", "https://credential_issuer.example.org",
		"https://LEAF.example.com", "https://192.0.2.1", "https://[2001:db8::1]/a", "https://localhost", "https://xn--bcher-kva.example",
	} {
		if err := named(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"leaf", "leaf.example.com", "http://leaf.example.com", "HTTPS://leaf.example.com", "https:leaf.example.com", "https:/leaf.example.com",
		"https://", "https:///a", "https://:443", "ftp://leaf.example.com", "urn:leaf", "//leaf.example.com", " " + leaf, leaf + " ",
		leaf + "?", leaf + "?a=b", leaf + "#", leaf + "/#a", "https://me@leaf.example.com", "https://me:pw@leaf.example.com",
		"https://leaf.example.com.", "https://leaf..example.com", "https://.example.com", "https://*.example.com", "https://leaf.example.com:x",
		"https://bücher.example", "https://leaf%2eexample.com", "https://leaf.example.com\x00", "https://leaf.example.com\n", "https://[2001:db8::1",
		"https://a,b.example.com", "https://leaf.example.com\\evil", "https://[fe80::1%25eth0]",
	} {
		if err := named(name); !errors.Is(err, federation.ErrClaims) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestF4_the_keys_for_entity_statements_have_a_kid_of_their_own(t *testing.T) {
	p := newParties(t)
	other := newSigner(t, "other").jwk(t)
	without := func(jwk object, member string) object {
		changed := object{}
		for name, value := range jwk {
			if name != member {
				changed[name] = value
			}
		}
		return changed
	}
	kid := func(value any) object {
		changed := without(other, "kid")
		changed["kid"] = value
		return changed
	}
	// The key that signs stays, and another one comes.
	with := func(more object) func(e *exchange, place int) {
		return func(e *exchange, place int) {
			keys := e.about(place)["jwks"].(object)["keys"].([]any)
			e.about(place)["jwks"] = object{"keys": append(slices.Clone(keys), more)}
		}
	}
	twice := func(e *exchange, place int) {
		keys := e.about(place)["jwks"].(object)["keys"].([]any)
		e.about(place)["jwks"] = object{"keys": append(slices.Clone(keys), keys[0])}
	}
	private := kid("private")
	private["d"] = other["x"]
	forEncryption := kid("encryption")
	forEncryption["use"] = "enc"
	privateForEncryption := kid("encryption")
	privateForEncryption["use"], privateForEncryption["d"] = "enc", other["x"]
	judgeOn(t, func(t *testing.T) *exchange { return p.exchange(t, leaf, org, anchor) }, slices.Concat(
		each("another key", nil, with(other)),
		each("a key for encryption", nil, with(forEncryption)),
		each("a key of a kind that is not known", nil, with(object{"kty": "AKP", "kid": "akp", "pub": "AAAA"})),
		each("a key without kid", federation.ErrKeys, with(without(other, "kid"))),
		each("a key with an empty kid", federation.ErrKeys, with(kid(""))),
		each("a key whose kid is a number", federation.ErrKeys, with(kid(1))),
		each("a key twice", federation.ErrKeys, twice),
		each("a key for encryption without kid", federation.ErrKeys, with(without(forEncryption, "kid"))),
		each("a private key", federation.ErrPrivateKey, with(private)),
		each("a private key for encryption", federation.ErrPrivateKey, with(privateForEncryption)),
		each("a shared secret", federation.ErrPrivateKey, with(object{"kty": "oct", "kid": "secret", "k": strings.Repeat("A", 43)})),
		claim("no jwks", federation.ErrKeys, "jwks", nil),
		claim("jwks that is a list", federation.ErrKeys, "jwks", []any{other}),
		claim("jwks that is a string", federation.ErrKeys, "jwks", "https://leaf.example.com/jwks"),
		claim("jwks without keys", federation.ErrKeys, "jwks", object{}),
		claim("jwks of nothing", federation.ErrKeys, "jwks", jwks()),
		claim("jwks of null", federation.ErrKeys, "jwks", object{"keys": []any{nil}}),
		claim("jwks of text", federation.ErrKeys, "jwks", object{"keys": []any{"key"}}),
		claim("jwks under another name", federation.ErrKeys, "jwks", object{"Keys": []any{other}}),
		claim("a key instead of jwks", federation.ErrKeys, "jwks", other),
		claim("no key for signatures", federation.ErrKeys, "jwks", jwks(forEncryption)),
	)...)
}
