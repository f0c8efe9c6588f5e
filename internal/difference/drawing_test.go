package difference_test

import (
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/alexedwards/argon2id"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
)

// A drawing is a small configuration drawn at random: every field as it would be written, or absent. What does not
// belong to a party because of another field is left out when it is written, not when it is drawn.
type drawing struct {
	world   *world
	service fields
	clients map[string]*drawnParty
	issuers map[string]*drawnParty
}

// drawnParty is a client or an issuer.
type drawnParty struct {
	fields fields
	rules  []fields
}

// fields are what is written of a section; a nil value is not written.
type fields map[string]any

// world is what drawings and requests are made of, and the same for all.
type world struct {
	keys    []jose.SigningKey // of parties
	jwks    []json.RawMessage // the public ones
	secrets []string
	hashes  []string
}

// The few names that there are, so that drawings and requests meet.
var (
	clientNames = []string{"c1", "c2"}
	issuerNames = []string{"i1", "i2"}
	someScopes  = []string{"a", "b", "c"}
	resources   = []string{"urn:one", "urn:two"}
	bothGrants  = []string{config.ClientCredentials, config.JWTBearer}
)

const theIssuer = "https://auth.example.com"

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{secrets: []string{"first secret", "second secret"}}
	for range 3 {
		key, err := jose.GenerateSigningKey(jose.EdDSA)
		if err != nil {
			t.Fatal(err)
		}
		set, err := jose.EncodeKeySet(jose.KeySet{key.Verification()})
		if err != nil {
			t.Fatal(err)
		}
		var members struct{ Keys []json.RawMessage }
		if err := json.Unmarshal(set, &members); err != nil {
			t.Fatal(err)
		}
		w.keys, w.jwks = append(w.keys, key), append(w.jwks, members.Keys[0])
	}
	for _, secret := range w.secrets {
		// As cheap as is accepted: a refusal costs a whole one.
		hash, err := argon2id.CreateHash(secret, &argon2id.Params{Memory: 8, Iterations: 1, Parallelism: 1, SaltLength: 8, KeyLength: 16})
		if err != nil {
			t.Fatal(err)
		}
		w.hashes = append(w.hashes, hash)
	}
	return w
}

// one draws one of values.
func one[T any](random *rand.Rand, values ...T) T { return values[random.IntN(len(values))] }

// part draws a part of all, in some order, of at least so many.
func part[T any](random *rand.Rand, least int, all ...T) []T {
	drawn := slices.Clone(all)
	random.Shuffle(len(drawn), func(i, j int) { drawn[i], drawn[j] = drawn[j], drawn[i] })
	return drawn[:least+random.IntN(len(all)-least+1)]
}

// perhaps returns a list, or nil where it is empty: an empty one cannot be written.
func perhaps[T any](list []T) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

func (w *world) drawService(random *rand.Rand) fields {
	return fields{
		"access_tokens":   fields{"lifetime": one(random, "10m", "15m")},
		"clock_skew":      one[any](random, nil, "30s"),
		"metadata":        one[any](random, nil, nil, fields{"mcp_clients": true}),
		"limits":          one[any](random, nil, nil, fields{"client_failures": 1000}), // so many that no test uses them up
		"troubleshooting": one[any](random, nil, nil, fields{"rec_token": true}),
	}
}

// The last days of exceptions: one has passed at noon, and one is the day itself.
const passed, today = "2027-01-14", "2027-01-15"

// dated draws a value, mostly with an end.
func dated(random *rand.Rand, value any) any {
	return one[any](random, value, fields{"value": value, "until": passed}, fields{"value": value, "until": today})
}

// drawAssertion draws what bounds the assertions of a grant.
func drawAssertion(random *rand.Rand) fields {
	return fields{
		"audiences":    perhaps(part[any](random, 0, "x", dated(random, "y"))),
		"types":        perhaps(part(random, 0, "x+jwt")),
		"max_lifetime": one[any](random, nil, nil, "5m", dated(random, "2h")),
		"jti":          one(random, nil, "required", "reusable", dated(random, "optional")),
		"subject":      one[any](random, nil, nil, "claim", "issuer"),
		"scope":        one[any](random, nil, nil, "parameter", "claim"),
	}
}

func (w *world) drawIssuer(random *rand.Rand) fields {
	drawn := drawAssertion(random)
	drawn["disabled"] = random.IntN(8) == 0
	drawn["keys"] = fields{"jwks": fields{"keys": part(random, 1, w.jwks...)}}
	drawn["client"] = one[any](random, nil, "optional", "identified", "authenticated")
	return drawn
}

func (w *world) drawClient(random *rand.Rand) fields {
	return fields{
		"disabled": random.IntN(8) == 0,
		"authentication": one(random, config.PrivateKeyJWT, config.PrivateKeyJWT, config.ClientSecretBasic,
			config.ClientSecretPost, config.NoAuthentication),
		"keys":    fields{"jwks": fields{"keys": part(random, 1, w.jwks...)}},
		"secrets": part(random, 1, w.hashes...),
		"client_assertion": one[any](random, nil, fields{
			"audience":     one(random, nil, dated(random, "x")),
			"max_lifetime": one[any](random, nil, "5m", dated(random, "20m")),
			"jti":          one(random, nil, dated(random, "optional")),
		}),
		"grants":    one(random, bothGrants, bothGrants, bothGrants[:1], bothGrants[1:]),
		"assertion": drawAssertion(random),
	}
}

func drawRule(random *rand.Rand) fields {
	allowed := part(random, 1, someScopes...)
	return fields{
		"disabled": random.IntN(8) == 0,
		"mode":     one[any](random, nil, nil, nil, nil, "enforce", "audit"),
		"if":       one[any](random, nil, nil, `claims.team == "x"`, `claims.team != "x"`, `has(claims.name)`),
		"subject":  one[any](random, nil, nil, nil, `claims.name`, `"c" + claims.name`),
		"resource": one(random, resources...),
		"scopes":   allowed, "default_scopes": one[any](random, nil, part(random, 1, allowed...)),
		"lifetime":               one[any](random, nil, "5m", "20m"),
		"narrow":                 random.IntN(4) == 0,
		"expires_with_assertion": random.IntN(6) == 0,
		"claims":                 one[any](random, nil, nil, nil, fields{"team": "claims.team"}),
	}
}

func drawRules(random *rand.Rand) []fields {
	rules := make([]fields, 1+random.IntN(3))
	for i := range rules {
		rules[i] = drawRule(random)
	}
	return rules
}

// draw draws a configuration.
func (w *world) draw(random *rand.Rand) drawing {
	d := drawing{w, w.drawService(random), map[string]*drawnParty{}, map[string]*drawnParty{}}
	for _, name := range part(random, 1, clientNames...) {
		d.clients[name] = &drawnParty{w.drawClient(random), drawRules(random)}
	}
	for _, name := range part(random, 1, issuerNames...) {
		d.issuers[name] = &drawnParty{w.drawIssuer(random), drawRules(random)}
	}
	return d
}

// clone copies what edit changes.
func (d drawing) clone() drawing {
	copied := drawing{d.world, maps.Clone(d.service), map[string]*drawnParty{}, map[string]*drawnParty{}}
	for name, party := range d.clients {
		copied.clients[name] = party.clone()
	}
	for name, party := range d.issuers {
		copied.issuers[name] = party.clone()
	}
	return copied
}

func (p *drawnParty) clone() *drawnParty {
	copied := &drawnParty{fields: maps.Clone(p.fields)}
	for _, rule := range p.rules {
		copied.rules = append(copied.rules, maps.Clone(rule))
	}
	return copied
}

// edit changes one thing (a field, a rule, or who is there) and returns of whom; empty: of everybody.
func (d drawing) edit(random *rand.Rand) string {
	isClient := random.IntN(2) == 0
	parties, draw, name := d.issuers, d.world.drawIssuer, one(random, issuerNames...)
	if isClient {
		parties, draw, name = d.clients, d.world.drawClient, one(random, clientNames...)
	}
	party, there := parties[name]
	switch kind := random.IntN(12); {
	case kind == 0:
		redraw(random, d.service, d.world.drawService(random))
		return ""
	case kind == 1:
		delete(parties, name)
	case kind == 2 || !there:
		parties[name] = &drawnParty{draw(random), drawRules(random)}
	case kind < 7:
		redraw(random, party.fields, draw(random))
	default:
		party.rules = editRules(random, party.rules)
	}
	return name
}

// redraw takes one field over from others.
func redraw(random *rand.Rand, into, from fields) {
	name := one(random, slices.Sorted(maps.Keys(from))...)
	into[name] = from[name]
}

func editRules(random *rand.Rand, rules []fields) []fields {
	i, j := random.IntN(len(rules)), random.IntN(len(rules))
	switch random.IntN(6) {
	case 0:
		return slices.Insert(rules, i, drawRule(random))
	case 1:
		rules[i], rules[j] = rules[j], rules[i]
		return rules
	case 2:
		if len(rules) > 1 {
			return slices.Delete(rules, i, i+1)
		}
		return rules
	default:
		fresh := drawRule(random)
		fresh["default_scopes"] = nil // they would have to be within scopes that are not drawn anew
		redraw(random, rules[i], fresh)
		return rules
	}
}

// write writes the configuration: YAML in the form of JSON.
func (d drawing) write(t *testing.T) []byte {
	t.Helper()
	document := written(d.service)
	document["issuer"] = theIssuer
	document["signing_keys"] = fields{"directory": "keys", "algorithm": "EdDSA"}
	document["resources"] = []fields{{"id": resources[0], "scopes": someScopes}, {"id": resources[1], "scopes": someScopes}}
	var clients, issuers []fields
	for _, id := range slices.Sorted(maps.Keys(d.clients)) {
		clients = append(clients, d.clients[id].writeClient(id))
	}
	for _, name := range slices.Sorted(maps.Keys(d.issuers)) {
		issuer := written(d.issuers[name].fields)
		issuer["issuer"], issuer["allow"] = name, d.issuers[name].writeRules()
		issuers = append(issuers, issuer)
	}
	if clients != nil {
		document["clients"] = clients
	}
	if issuers != nil {
		document["issuers"] = issuers
	}
	text, err := json.MarshalIndent(document, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// audience returns the aud that a client's assertions must have; empty: none is written.
func (p *drawnParty) audience() string {
	bounds, _ := p.fields["client_assertion"].(fields)
	written := bounds["audience"]
	if exception, is := written.(fields); is {
		written = exception["value"]
	}
	audience, _ := written.(string)
	return audience
}

// writeClient leaves out what the method and the grants of a client forbid.
func (p *drawnParty) writeClient(id string) fields {
	client := written(p.fields)
	client["id"] = id
	grants := p.fields["grants"].([]string)
	if client["authentication"] == config.NoAuthentication {
		grants = []string{config.JWTBearer}
	}
	client["grants"] = grants
	asserts := slices.Contains(grants, config.JWTBearer)
	switch client["authentication"] {
	case config.PrivateKeyJWT:
		delete(client, "secrets")
	case config.NoAuthentication:
		delete(client, "secrets")
		delete(client, "client_assertion")
	default:
		delete(client, "client_assertion")
		if !asserts {
			delete(client, "keys")
		}
	}
	if !asserts {
		delete(client, "assertion")
	}
	client["allow"] = p.writeRules()
	return client
}

func (p *drawnParty) writeRules() []fields {
	var rules []fields
	for _, rule := range p.rules {
		rule = written(rule)
		if defaults, is := rule["default_scopes"].([]string); is {
			within := slices.DeleteFunc(slices.Clone(defaults), func(scope string) bool {
				return !slices.Contains(rule["scopes"].([]string), scope)
			})
			if len(within) == 0 {
				delete(rule, "default_scopes")
			} else {
				rule["default_scopes"] = within
			}
		}
		rules = append(rules, rule)
	}
	return rules
}

// written returns the fields that are there, those of sections too.
func written(section fields) fields {
	there := fields{}
	for name, value := range section {
		if deeper, is := value.(fields); is {
			if deeper = written(deeper); len(deeper) == 0 {
				continue
			}
			value = deeper
		}
		if value != nil {
			there[name] = value
		}
	}
	return there
}
