package config_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/config"
)

// checkInvariants holds a Config without faults to the comments of its types. It is written from them and not from the
// code that reads documents, so that the two can disagree.
func checkInvariants(t *testing.T, c *config.Config) {
	t.Helper()
	i := invariants{
		T: t, config: c,
		signers: map[string]bool{}, scopes: map[string][]string{}, parties: map[string]bool{c.Issuer: true},
	}
	i.service()
	for _, resource := range c.Resources {
		i.resource(resource)
	}
	for _, client := range c.Clients {
		i.party(client.ID)
		i.client(client)
	}
	for _, to := range c.IdentityAssertions {
		i.identityAssertions(to)
	}
	for _, issuer := range c.Issuers {
		i.party(issuer.Issuer)
		i.issuer(issuer)
	}
}

type invariants struct {
	*testing.T
	config  *config.Config
	signers map[string]bool     // the algorithms of the rings that sign
	scopes  map[string][]string // by resource
	parties map[string]bool     // what an iss can name
}

// must reports what a Config promises and does not keep.
func (i invariants) must(kept bool, promise string, of any) {
	i.Helper()
	if !kept {
		i.Errorf("%s: %#v", promise, of)
	}
}

func (i invariants) service() {
	c := i.config
	u, err := url.Parse(c.Issuer)
	i.must(err == nil && u.Host != "" && u.User == nil, "the issuer is a URL with a host", c.Issuer)
	i.must(strings.HasPrefix(c.Issuer, "https://") ||
		strings.HasPrefix(c.Issuer, "http://") && contains([]string{"127.0.0.1", "::1", "localhost"}, u.Hostname()),
		"the issuer is https, or http on this machine", c.Issuer)
	i.must(!strings.ContainsAny(c.Issuer, "?# \n"), "the issuer has no query and fragment", c.Issuer)
	i.signingKeys(c.SigningKeys)
	i.must(c.ClockSkew >= 0 && c.ClockSkew <= time.Minute, "a clock skew of a minute at most", c.ClockSkew)
	i.lifetime(c.AccessTokens.Lifetime)
	i.mutualTLS(c.MutualTLS)
	if !c.StopList.IsZero() {
		i.private(c.StopList.Secret)
	}
	if c.DPoP.Nonces != "" {
		i.private(c.DPoP.Nonces)
	}
	database := strings.Split(c.Replay.Firestore, "/")
	i.must(c.Replay.Firestore == "" || len(database) == 4 && database[0] == "projects" && database[2] == "databases",
		"the name of a database", c.Replay)
	i.must(c.Profile == "" || c.Profile == "fapi2" && !c.Troubleshooting.RecToken, "a known profile", c.Profile)
	i.must(len(c.Resources) > 0, "at least one resource", c.Resources)
}

func (i invariants) signingKeys(s config.SigningKeys) {
	i.must(!s.PublishOnly, "the first ring signs", s)
	i.must(s.JWKSMaxAge >= time.Second && s.JWKSMaxAge <= 24*time.Hour, "a JWKS is kept for a day at most", s)
	i.must(s.RefreshInterval >= time.Second && s.RefreshInterval <= time.Hour, "keys are used for an hour at most", s)
	var places []string
	for _, ring := range append([]config.KeyRing{s.KeyRing}, s.Additional...) {
		i.must(ring.At.Line > 0, "a ring has a place", ring)
		i.must(asymmetric(ring.Algorithm), "an asymmetric algorithm", ring)
		i.must(ring.Secret == "" || secretName(ring.Secret), "the name of a secret", ring)
		if ring.KMS != "" {
			i.must(kmsKeyName(ring.KMS), "the name of a key in Cloud KMS", ring)
			i.must(!contains(strings.Fields("ES512 PS384 RS384"), ring.Algorithm), "an algorithm that Cloud KMS has", ring)
		}
		given := 0
		for kind, name := range map[string]string{"secret": ring.Secret, "directory": ring.Directory, "kms": ring.KMS} {
			if name != "" {
				given++
				places = append(places, kind+" "+name)
			}
		}
		i.must(given == 1, "exactly one place of keys", ring)
		if !ring.PublishOnly {
			i.must(!i.signers[ring.Algorithm], "one ring signs with an algorithm", s)
			i.signers[ring.Algorithm] = true
		}
	}
	i.distinct(places)
}

// shared holds a secret that somebody else has to what that means.
func (i invariants) shared(name string) {
	i.must(secretName(name), "the name of a secret", name)
	for _, ring := range append([]config.KeyRing{i.config.SigningKeys.KeyRing}, i.config.SigningKeys.Additional...) {
		i.must(ring.Secret != name, "our own keys are not shared", name)
	}
}

func (i invariants) resource(r config.Resource) {
	u, err := url.Parse(r.ID)
	i.must(err == nil && u.Scheme != "" && !strings.Contains(r.ID, "#"), "an absolute URI without fragment", r.ID)
	i.must(i.scopes[r.ID] == nil, "a resource has an id of its own", r.ID)
	i.must(len(r.Scopes) > 0, "a resource has scopes", r)
	i.distinct(r.Scopes)
	for _, scope := range r.Scopes {
		for _, b := range []byte(scope) {
			i.must(b > ' ' && b < 0x7F && b != '"' && b != '\\', "a scope is a scope token", scope)
		}
	}
	i.scopes[r.ID] = r.Scopes
	i.must(!r.MTLSRequired || !i.config.MutualTLS.IsZero(), "a certificate that is asked for is believed", r)
	own := r.AccessTokens
	i.must(symmetric(own.Algorithm) == (own.SharedSecret != ""), "an HMAC algorithm and a shared secret go together", own)
	if own.SharedSecret != "" {
		i.shared(own.SharedSecret)
	} else {
		i.must(own.Algorithm == "" || i.signers[own.Algorithm], "a ring that signs", own)
	}
}

func (i invariants) party(name string) {
	i.must(!i.parties[name], "an iss names one party", name)
	i.parties[name] = true
	i.printable(name)
}

func (i invariants) client(c config.Client) {
	i.must(len(c.Grants) > 0 || len(c.Introspects) > 0, "a client has a grant, or introspects", c.ID)
	i.must(len(c.Grants) > 0 || len(c.Allow) == 0 && !c.DPoPRequired && !c.MTLSRequired, "a client without grants gets nothing", c.ID)
	i.distinct(c.Introspects)
	for _, resource := range c.Introspects {
		i.must(i.scopes[resource] != nil, "a client introspects a known resource", resource)
		i.must(c.Authentication != config.NoAuthentication, "a client that introspects authenticates", c.ID)
	}
	i.distinct(c.Grants)
	for _, grant := range c.Grants {
		i.must(grant == config.ClientCredentials || grant == config.JWTBearer || grant == config.TokenExchange, "a known grant", grant)
	}
	asserts, exchanges := contains(c.Grants, config.JWTBearer), contains(c.Grants, config.TokenExchange)
	i.must(asserts || c.Assertion.At == config.Position{}, "an assertion only with its grant", c.ID)
	i.must(c.Assertion.At == config.Position{} || !c.Keys.IsZero(), "own assertions are verified with keys", c.ID)
	i.authentication(c, asserts)
	if !c.Keys.IsZero() {
		i.keys(c.Keys, c.ID)
		i.must(!c.Keys.Discovery, "discovery is for issuers", c.ID)
	}
	i.must(c.Profile == "" || c.Profile == "fapi2", "a known profile", c.Profile)
	if i.config.FAPI2(c) {
		i.fapi2(c)
	}
	i.lifetime(c.ClientAssertion.MaxLifetime)
	i.must(c.ClientAssertion.MaxLifetime <= 10*time.Minute, "a client assertion lives for 10 m without an exception", c)
	i.exceptions(c.ClientAssertion.Exceptions, "client_assertion.", 10*time.Minute)
	i.assertion(c.Assertion, time.Hour)
	i.must(exchanges || c.Exchange == nil, "rules for an exchange only with its grant", c.ID)
	i.must(!exchanges || c.Authentication != config.NoAuthentication, "whoever exchanges tokens is known", c.ID)
	if len(c.Grants) > 0 && (!exchanges || len(c.Allow) > 0) {
		i.rules(c.Allow)
	}
	if c.Exchange != nil {
		i.rules(c.Exchange)
	}
	for _, rule := range c.Exchange {
		i.must(rule.Subject.Text == "" && !rule.ExpiresWithAssertion, "an exchange leaves the subject and the end alone", rule)
	}
}

func (i invariants) authentication(c config.Client, asserts bool) {
	hashes := len(c.Secrets)
	written := c.ClientAssertion.At != config.Position{}
	switch c.Authentication {
	case config.PrivateKeyJWT:
		i.must(!c.Keys.IsZero() && c.Keys.SharedSecret == "", "private_key_jwt has public keys", c)
		i.must(hashes == 0, "private_key_jwt has no secrets", c)
	case config.ClientSecretJWT:
		i.must(c.Keys.SharedSecret != "", "client_secret_jwt has a shared secret", c)
		i.must(hashes == 0, "client_secret_jwt has no hashes", c)
	case config.ClientSecretBasic, config.ClientSecretPost:
		i.must(hashes == 1 || hashes == 2, "a client with a secret has one or two hashes", c)
		i.must(!written, "a client with a secret has no client assertion", c)
		i.must(asserts || c.Keys.IsZero(), "keys are there to verify something", c)
	case config.NoAuthentication:
		i.must(hashes == 0 && !written, "a client without authentication has no credentials", c)
		i.must(asserts && len(c.Grants) == 1, "a client without authentication has the JWT grant alone", c)
	case config.TLSClientAuth, config.SelfSignedTLSClientAuth:
		i.must(hashes == 0 && !written, "a client with a certificate has no other credential", c)
		i.must(!i.config.MutualTLS.IsZero(), "somebody is believed about its certificate", c)
		if c.Authentication == config.TLSClientAuth {
			i.must(i.config.MutualTLS.CA+i.config.MutualTLS.CAFile != "", "somebody has issued the certificate", c)
			i.must(asserts || c.Keys.IsZero(), "keys are there to verify something", c)
		} else {
			i.must(!c.Keys.IsZero() && c.Keys.SharedSecret == "" && c.Keys.Federation.TrustAnchors == nil, "a key is its own", c)
		}
	default:
		i.Errorf("a client authenticates in a way that does not exist: %q", c.Authentication)
	}
	i.certificateName(c)
	i.must(!c.MTLSRequired || !i.config.MutualTLS.IsZero(), "a certificate that is asked for is believed", c)
	for _, secret := range c.Secrets {
		i.must(strings.HasPrefix(secret.Hash, "$argon2id$") || strings.HasPrefix(secret.Hash, "$2"), "a hash", secret)
		i.must(secret.At.Line > 0, "a hash has a place", secret)
	}
}

func (i invariants) issuer(s config.Issuer) {
	i.must(!s.Keys.IsZero(), "an issuer has keys", s.Issuer)
	i.keys(s.Keys, s.Issuer)
	strict := time.Hour
	if s.Preset != "" {
		strict = 25 * time.Hour // the longest of those that providers give their tokens
	}
	i.assertion(s.Assertion, strict)
	i.must(contains([]string{config.ClientNotNeeded, config.ClientIdentified, config.ClientAuthenticated}, s.Client),
		"a known demand on the client", s.Client)
	i.must(i.config.Profile == "" || s.Client == config.ClientAuthenticated, "clients are confidential", s)
	i.rules(s.Allow)
	_, known := config.FindPreset(s.Preset)
	i.must(known || s.Preset == "", "a known preset", s.Preset)
	i.must((s.TrustDomain != "") == (s.Preset == "spiffe"), "a trust domain goes with spiffe", s)
	i.must(known == (s.ClaimTypes != nil) || s.ClaimTypes != nil, "the claims of a known provider are known", s)
	if s.ClaimTypes != nil {
		i.must(s.ClaimTypes["sub"].Name == "string" && s.ClaimTypes["exp"].Name == "int", "registered claims have their types", s)
		i.claimTypes(s.ClaimTypes)
	}
	for _, rule := range s.Allow {
		i.must(known || rule.Require == nil, "only a preset requires more than the rule", rule)
		for _, requirement := range rule.Require {
			i.must(requirement.Condition != "" && requirement.Reason != "", "a requirement has a condition and a reason", rule)
		}
	}
}

func (i invariants) claimTypes(types config.ClaimTypes) {
	for name, claim := range types {
		i.must(name != "" && name != "*", "a claim has a name", name)
		if claim.Members != nil {
			i.must(claim.Name == "" && len(claim.Members) > 0, "an object has members", name)
			i.claimTypes(claim.Members)
			continue
		}
		scalar := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(claim.Name, "list("), "map(string, "), ")")
		i.must(contains(strings.Fields("string bool int double dyn"), scalar), "a claim has a type", claim)
	}
}

func (i invariants) assertion(a config.Assertion, strict time.Duration) {
	i.lifetime(a.MaxLifetime)
	i.must(!a.JTIRequired || !a.Reusable, "a jti that is required is looked at", a)
	i.must(a.MaxLifetime <= strict, "no assertion lives longer than the strict rule says without an exception", a)
	i.exceptions(a.Exceptions, "assertion.", a.MaxLifetime)
	for _, e := range a.Exceptions {
		i.must(!contains(a.Audiences, e.Audience), "what has an end is not listed without one", a)
		i.must(a.JTIRequired || !e.JTIOptional, "a jti is required but for its exception", a)
		i.must(!e.Until.IsZero() || e.MaxLifetime > 0, "what is no exception without an end has one", a)
	}
	for _, names := range [][]string{a.Audiences, a.Types} {
		i.distinct(names)
		for _, name := range names {
			i.printable(name)
		}
	}
}

func (i invariants) exceptions(all []config.Exception, section string, lifetime time.Duration) {
	var names []string
	for _, e := range all {
		names = append(names, e.Name)
		i.must(e.At.Line > 0, "an exception has a place", e)
		i.must(strings.HasPrefix(e.Name, section) && len(e.Name) > len(section), "an exception has a name", e)
		i.must(e.Until.IsZero() || e.Until.Year() >= 2000 && e.Until.Equal(e.Until.UTC().Truncate(24*time.Hour)), "it holds through a day", e)
		i.must(e.Until.IsZero() == e.End().IsZero() && (e.Until.IsZero() || e.End().Sub(e.Until) == 24*time.Hour), "it ends with its day", e)
		kinds := 0
		for _, given := range []bool{e.Audience != "", e.MaxLifetime != 0, e.JTIOptional} {
			if given {
				kinds++
			}
		}
		i.must(kinds == 1, "an exception is of one kind", e)
		if e.Audience != "" {
			i.printable(e.Audience)
		}
		if e.MaxLifetime != 0 {
			i.lifetime(e.MaxLifetime)
			i.must(e.MaxLifetime > lifetime, "an exception is weaker than the strict rule", e)
		}
	}
	i.distinct(names)
}

func (i invariants) oneOf(what string, given ...bool) {
	i.Helper()
	count := 0
	for _, is := range given {
		if is {
			count++
		}
	}
	i.must(count == 1, "exactly one "+what, count)
}

func (i invariants) rules(rules []config.Rule) {
	i.must(len(rules) > 0, "there is a rule", rules)
	for _, r := range rules {
		i.must(r.At.Line > 0, "a rule has a place", r)
		i.must(len(r.Scopes) > 0 && within(r.Scopes, i.scopes[r.Resource]), "scopes are within the resource's", r)
		i.must(len(r.DefaultScopes) > 0 && within(r.DefaultScopes, r.Scopes), "default scopes are within the rule's", r)
		i.distinct(r.Scopes)
		i.distinct(r.DefaultScopes)
		i.lifetime(r.Lifetime)
		i.must((r.If.Text == "") == (r.If.At.Line == 0), "a condition has a place", r)
		i.must((r.Subject.Text == "") == (r.Subject.At.Line == 0), "a subject has a place", r)
		for name, source := range r.Claims {
			i.must(name != "" && source.Text != "" && source.At.Line > 0, "a claim has a name, a source and a place", r)
			i.must(!contains(strings.Fields("iss sub aud exp iat nbf jti client_id cnf scope act may_act status"), name),
				"a claim is not a reserved one", name)
		}
	}
}

func (i invariants) lifetime(d time.Duration) {
	i.Helper()
	i.must(d > 0 && d <= 365*24*time.Hour && d%time.Second == 0, "a lifetime is whole seconds, within a year", d)
}

func (i invariants) printable(name string) {
	i.Helper()
	i.must(name != "", "a name is not empty", name)
	for _, b := range []byte(name) {
		i.must(b >= ' ' && b <= '~', "a name is printable ASCII", name)
	}
}

func (i invariants) distinct(names []string) {
	i.Helper()
	for n, name := range names {
		i.must(!contains(names[:n], name), "nothing is listed twice", names)
	}
}

func within(names, allowed []string) bool {
	for _, name := range names {
		if !contains(allowed, name) {
			return false
		}
	}
	return true
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

func symmetric(algorithm string) bool {
	return contains(strings.Fields("HS256 HS384 HS512"), algorithm)
}

func asymmetric(algorithm string) bool {
	return contains(strings.Fields("ES256 ES384 ES512 PS256 PS384 PS512 RS256 RS384 RS512 EdDSA"), algorithm)
}

func secretName(name string) bool {
	parts := strings.Split(name, "/")
	return len(parts) == 4 && parts[0] == "projects" && parts[1] != "" && parts[2] == "secrets" && parts[3] != ""
}

func kmsKeyName(name string) bool {
	parts := strings.Split(name, "/")
	if len(parts) != 8 {
		return false
	}
	for n, part := range parts {
		if part == "" || n%2 == 0 && part != strings.Fields("projects locations keyRings cryptoKeys")[n/2] {
			return false
		}
	}
	return true
}
