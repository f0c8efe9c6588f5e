package federation_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/trust/federation"
)

// Whatever is accepted is an entity statement to others too; whatever is not is somebody's fault.
func FuzzParseStatement(f *testing.F) {
	p := newPartiesWith(f, newEdDSASigner)
	e := p.exchange(f, leaf, org, anchor)
	constrain(2, "max_path_length", 1)(e)
	constrain(2, "naming_constraints", object{"permitted": []any{".example.com"}, "excluded": []any{"x.example.com"}})(e)
	constrain(2, "allowed_entity_types", []any{oauthClient})(e)
	e.about(1)["metadata_policy"] = object{oauthClient: object{"p": object{"one_of": []any{"a"}, "essential": true}}}
	for _, statement := range e.chain {
		header := object{"alg": "ES256", "kid": "k"}
		for name, value := range statement.header {
			header[name] = value
		}
		f.Add(marshal(f, header), marshal(f, statement.claims))
	}
	f.Fuzz(func(t *testing.T, header, claims string) {
		err := federation.ParseStatement(encode(header) + "." + encode(claims) + "." + encode("signature"))
		if err != nil {
			if _, isFault := errors.AsType[*federation.Fault](err); !isFault {
				t.Fatal(err)
			}
			return
		}
		var read struct {
			Typ, Kid   string
			Iss, Sub   string
			Iat, Exp   float64
			Crit       any
			Constraint any `json:"constraints"`
			Jwks       struct{ Keys []struct{ Kid string } }
		}
		if json.Unmarshal([]byte(header), &read) != nil || json.Unmarshal([]byte(claims), &read) != nil {
			t.Fatal("others cannot read it")
		}
		if read.Typ == "" || read.Kid == "" || read.Iss == "" || read.Sub == "" || read.Crit != nil || len(read.Jwks.Keys) == 0 {
			t.Fatalf("accepted: %+v", read)
		}
		if read.Constraint != nil && read.Iss == read.Sub {
			t.Fatal("constraints that nobody applies")
		}
	})
}

// The claims are whatever they are, and the signatures are right: a chain that leads to a key is one by the rules of
// §10.2, read here without the package.
func FuzzChain(f *testing.F) {
	p := newPartiesWith(f, newEdDSASigner)
	e := p.exchange(f, leaf, org, anchor)
	assertionOf := func(t testing.TB, claims ...string) (*jose.Token, error) {
		var chain []any
		for i, issuer := range []string{leaf, org, anchor} {
			by := p.statements[issuer]
			header := object{"alg": by.algorithm, "kid": by.kid, "typ": "entity-statement+jwt"}
			chain = append(chain, compact(t, header, claims[i], by))
		}
		signed := &draft{object{"trust_chain": chain}, e.assertion.claims, e.assertion.by}
		return jose.Parse(signed.signed(t))
	}
	seed := func() {
		f.Add(marshal(f, e.own()), marshal(f, e.about(1)), marshal(f, e.about(2)))
	}
	seed()
	constrain(2, "max_path_length", 1)(e)
	e.about(1)["metadata"] = object{oauthClient: object{"scope": "a b"}}
	e.about(1)["metadata_policy"] = object{oauthClient: object{"scope": object{"subset_of": []any{"a"}}}}
	e.about(2)["metadata_policy"] = object{oauthClient: object{"jwks": object{"essential": true}}}
	seed()
	f.Fuzz(func(t *testing.T, own, superior, top string) {
		keys, err := federation.New(e.config) // which remember nothing
		must(t, err)
		token, err := assertionOf(t, own, superior, top)
		if err != nil {
			return // too long
		}
		key, err := keys.Find(t.Context(), token)
		if key.IsZero() != (err != nil) {
			t.Fatalf("%v came with %v", key, err)
		}
		if err != nil {
			if _, isFault := errors.AsType[*federation.Fault](err); !isFault {
				t.Fatal(err)
			}
			return
		}
		var chain [3]struct {
			Iss, Sub string
			Iat, Exp float64
			Hints    []string `json:"authority_hints"`
			Metadata map[string]map[string]any
		}
		for i, claims := range []string{own, superior, top} {
			if err := json.Unmarshal([]byte(claims), &chain[i]); err != nil {
				t.Fatal(err)
			}
			if chain[i].Exp <= float64(now.Unix()-10) || chain[i].Iat > float64(now.Unix()+10) {
				t.Fatalf("statement %d is not good now", i)
			}
		}
		if chain[0].Iss != leaf || chain[0].Sub != leaf || chain[1].Sub != leaf || chain[2].Sub != chain[1].Iss || chain[2].Iss != anchor {
			t.Fatalf("no chain: %+v", chain)
		}
		if _, has := chain[0].Metadata[oauthClient]; !has || !slices.Contains(chain[0].Hints, chain[1].Iss) {
			t.Fatalf("not of this type or not of this superior: %+v", chain[0])
		}
	})
}

// Two superiors and metadata, as they come: nothing gets through that one policy alone forbids.
func FuzzPolicy(f *testing.F) {
	for _, seed := range [][3]string{
		{`{"value":"a"}`, `{"one_of":["a","b"]}`, `"b"`},
		{`{"add":["a"],"subset_of":["a","b"]}`, `{"superset_of":["b"],"essential":true}`, `["b",{"x":1}]`},
		{`{"default":[1,2.0]}`, `{"subset_of":[1e0]}`, ``},
		{`{"value":null}`, `{"essential":false,"regexp":"."}`, `true`},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	read := func(text string) (value any, isJSON bool) {
		token, err := jose.Parse(encode(`{"alg":"ES256"}`) + "." + encode(`{"x":`+text+`}`) + ".AAAA")
		if err != nil {
			return nil, false
		}
		return token.Unverified().All()["x"], true
	}
	f.Fuzz(func(t *testing.T, superior, lower, parameter string) {
		above, isJSON := read(superior)
		below, isJSONToo := read(lower)
		if !isJSON || !isJSONToo {
			return
		}
		metadata := object{}
		if value, isJSON := read(parameter); isJSON && value != nil {
			metadata["p"] = value
		}
		got, err := federation.Resolve(metadata, object{"p": above}, object{"p": below})
		if err != nil {
			if _, isFault := errors.AsType[*federation.Fault](err); !isFault || got != nil {
				t.Fatal(got, err)
			}
			return
		}
		value, present := got["p"]
		if fault := judgeResolution([]map[string]any{above.(object), below.(object)}, value, present); fault != "" {
			t.Fatalf("%s: it became %v", fault, value)
		}
	})
}
