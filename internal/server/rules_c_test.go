package server_test

import (
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/bcrypt"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
)

func TestC1_each_client_has_exactly_one_method(t *testing.T) {
	d := deploy(t, vaulted)
	byMAC := func(id string) part { return proof(mac(t, jose.HS256, payload(warehouseSecret), d.of(id))) }
	byKey := func(id string) part { return proof(sign(t, "billing.ES256", d.of(id))) }
	d.judge(t,
		allow("private_key_jwt", clientCredentials(byKey("billing"), resource("https://invoices.example.com"))),
		allow("client_secret_jwt", clientCredentials(byMAC("warehouse"))),
		allow("client_secret_basic", clientCredentials(basic("portal", portalSecret))),
		allow("client_secret_post", clientCredentials(post("mobile", mobileSecret))),

		deny("private_key_jwt that uses a shared secret", clientCredentials(byMAC("billing")), strangeClient("key_unknown")),
		deny("private_key_jwt that uses Basic", clientCredentials(basic("billing", portalSecret)), strangeClient("method_wrong")),
		deny("private_key_jwt that uses a secret in the form", clientCredentials(post("billing", mobileSecret)), strangeClient("method_wrong")),
		deny("private_key_jwt that uses nothing", clientCredentials(clientID("billing")), strangeClient("method_wrong")),
		deny("client_secret_jwt that uses a key", clientCredentials(byKey("warehouse")), strangeClient("key_unknown")),
		deny("client_secret_jwt that sends its secret", clientCredentials(post("warehouse", string(payload(warehouseSecret)))), strangeClient("method_wrong")),
		deny("client_secret_jwt that sends its secret as Basic", clientCredentials(basic("warehouse", string(payload(warehouseSecret)))), strangeClient("method_wrong")),
		deny("client_secret_jwt that uses nothing", clientCredentials(clientID("warehouse")), strangeClient("method_wrong")),
		deny("client_secret_basic that uses the form", clientCredentials(post("portal", portalSecret)), strangeClient("method_wrong")),
		deny("client_secret_basic that uses an assertion", clientCredentials(byKey("portal")), strangeClient("method_wrong")),
		deny("client_secret_basic that signs with its secret", clientCredentials(proof(mac(t, jose.HS256, []byte(portalSecret+"........"), d.of("portal")))), strangeClient("method_wrong")),
		deny("client_secret_basic that uses nothing", clientCredentials(clientID("portal")), strangeClient("method_wrong")),
		deny("client_secret_post that uses Basic", clientCredentials(basic("mobile", mobileSecret)), strangeClient("method_wrong")),
		deny("client_secret_post that uses an assertion", clientCredentials(byKey("mobile")), strangeClient("method_wrong")),
		deny("client_secret_post that uses nothing", clientCredentials(clientID("mobile")), strangeClient("method_wrong")),
	)
}

func TestC1_a_client_without_authentication_is_for_the_JWT_grant_alone(t *testing.T) {
	d := deploy(t, acme)
	vouched := func() string { return sign(t, "idp.ES256", d.about("alice", idp)) }
	d.judge(t,
		allow("it names itself", jwtBearer(vouched(), clientID("mail-app"))),
		deny("client_credentials", clientCredentials(clientID("mail-app")),
			unauthorizedClient("grant_not_allowed", "the client is not registered for this grant_type")),
		deny("with a secret in the form", jwtBearer(vouched(), post("mail-app", "some-secret-or-other")), strangeClient("method_wrong")),
		deny("with Basic", jwtBearer(vouched(), basic("mail-app", "")), strangeClient("method_wrong")),
		deny("with an assertion", jwtBearer(vouched(), proof(sign(t, "billing.ES256", d.of("mail-app")))), strangeClient("method_wrong")),
	)
}

func TestC1_two_hashes_are_good_at_once(t *testing.T) {
	d := deploy(t, acme)
	d.judge(t,
		allow("the current one, argon2id", clientCredentials(basic("portal", portalSecret))),
		allow("the next one, bcrypt", clientCredentials(basic("portal", portalNextSecret))),
		allow("the current one again", clientCredentials(basic("portal", portalSecret))),
		allow("the next one again", clientCredentials(basic("portal", portalNextSecret))),
		deny("a part of one", clientCredentials(basic("portal", portalSecret[:len(portalSecret)-1])), strangeClient("secret_wrong")),
		deny("one with more behind it", clientCredentials(basic("portal", portalNextSecret+"x")), strangeClient("secret_wrong")),
		deny("both", clientCredentials(basic("portal", portalSecret+portalNextSecret)), strangeClient("secret_wrong")),
		deny("another client's", clientCredentials(basic("portal", mobileSecret)), strangeClient("secret_wrong")),
		deny("none", clientCredentials(basic("portal", "")), strangeClient("secret_wrong")),
		deny("the hash itself", clientCredentials(basic("portal", "$argon2id$v=19$m=64,t=1,p=1$f0Y4efikBUU$2aKtyboevh+TiGuyB2ri1A")), strangeClient("secret_wrong")),
	)
}

// bcrypt looks at 72 bytes and drops the rest.
func TestC1_a_secret_that_is_longer_than_bcrypt_reads_never_fits(t *testing.T) {
	secret := strings.Repeat("0123456789ab", 6)
	hash, err := bcrypt.GenerateFromPassword([]byte(secret), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	d := deploy(t, variant(t, acme, "$2a$04$SQhg/SBifBBKktyTdFrsEe7ep2VhHPleP82ZHrkeZGYfwitJr67Ca", string(hash)))
	d.judge(t,
		allow("72 bytes", clientCredentials(basic("portal", secret))),
		deny("73 bytes", clientCredentials(basic("portal", secret+"x")), strangeClient("secret_wrong")),
		deny("71 bytes", clientCredentials(basic("portal", secret[:71])), strangeClient("secret_wrong")),
		deny("with a NUL behind", clientCredentials(basic("portal", secret+"\x00")), strangeClient("secret_wrong")),
	)
}

// RFC 6749 §2.3.1: both are form-encoded before they are joined.
func TestC1_Basic_credentials_are_form_encoded(t *testing.T) {
	const id, secret = "https://portal.example.com", "a:secret with 100%+more"
	hash, err := argon2id.CreateHash(secret, &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 8, KeyLength: 16})
	if err != nil {
		t.Fatal(err)
	}
	document := variant(t, acme, "id: portal ", "id: "+id+" ")
	d := deploy(t, variant(t, document, "$argon2id$v=19$m=64,t=1,p=1$f0Y4efikBUU$2aKtyboevh+TiGuyB2ri1A", hash))
	as := func(credentials string) request {
		return clientCredentials(header("Authorization", "Basic "+credentials))
	}
	malformed := invalidClient("basic_malformed", "the Authorization header is not Basic credentials: base64 of the form-encoded client_id, a colon, and the form-encoded secret")
	d.judge(t,
		allow("encoded", clientCredentials(basic(id, secret))),
		allow("the scheme in capitals", clientCredentials(basic(id, secret), func(r *request) {
			r.header.Set("Authorization", strings.Replace(r.header.Get("Authorization"), "Basic", "BASIC", 1))
		})),
		deny("as they are", as("aHR0cHM6Ly9wb3J0YWwuZXhhbXBsZS5jb206YTpzZWNyZXQgd2l0aCAxMDAlK21vcmU="), malformed),
		deny("no base64", as("portal:secret"), malformed),
		deny("base64url", as("_-_-"), malformed),
		deny("base64 without padding", as("cG9ydGFsOnM"), malformed),
		deny("base64 that is not canonical", as("cG9ydGFsOnN="), malformed),
		deny("without a colon", as("cG9ydGFs"), malformed),
		deny("without an id", as("OnNlY3JldA=="), malformed),
		deny("with two spaces", as(" cG9ydGFsOnM="), malformed),
		deny("with something behind", as("cG9ydGFsOnM= x"), malformed),
		deny("nothing", clientCredentials(header("Authorization", "Basic")), malformed),
	)
}

func TestC2_more_than_one_method_is_refused(t *testing.T) {
	d := deploy(t, acme)
	several := invalidRequest("several_credentials", "the request authenticates its client in more than one way")
	secret := param("client_secret", mobileSecret)
	d.judge(t,
		deny("Basic and a secret", clientCredentials(basic("portal", portalSecret), secret), several),
		deny("Basic and the same secret", clientCredentials(basic("portal", portalSecret), post("portal", portalSecret)), several),
		deny("Basic and an assertion", clientCredentials(basic("portal", portalSecret), d.proves("billing")), several),
		deny("a secret and an assertion", clientCredentials(post("mobile", mobileSecret), d.proves("billing")), several),
		deny("all three", clientCredentials(basic("portal", portalSecret), post("mobile", mobileSecret), d.proves("billing")), several),
		deny("an assertion and a header of another scheme", clientCredentials(d.proves("billing"), header("Authorization", "Bearer abc")), several),
		deny("a wrong one and a right one", clientCredentials(basic("nobody", "x"), d.proves("billing")), several),
		deny("beside an assertion that is a grant", jwtBearer(sign(t, "idp.ES256", d.about("alice", idp)), basic("portal", portalSecret), d.proves("reporting")), several),
	)
}

func TestC2_client_id_is_the_client_that_authenticated(t *testing.T) {
	d := deploy(t, acme)
	otherIssuer := invalidClient("client_id_mismatch", "client_id is not the iss of the client assertion")
	otherHeader := invalidRequest("client_id_mismatch", "client_id is not the client of the Authorization header")
	d.judge(t,
		allow("the same as the assertion's", clientCredentials(d.proves("billing"), clientID("billing"))),
		allow("the same as the header's", clientCredentials(basic("portal", portalSecret), clientID("portal"))),
		deny("another one than the assertion's", clientCredentials(d.proves("billing"), clientID("reporting")), otherIssuer),
		deny("one that does not exist", clientCredentials(d.proves("billing"), clientID("nobody")), otherIssuer),
		deny("in capitals", clientCredentials(d.proves("billing"), clientID("Billing")), otherIssuer),
		deny("with a space behind", clientCredentials(d.proves("billing"), clientID("billing ")), otherIssuer),
		deny("one without authentication", jwtBearer(sign(t, "idp.ES256", d.about("alice", idp)), d.proves("reporting"), clientID("mail-app")), otherIssuer),
		deny("another one than the header's", clientCredentials(basic("portal", portalSecret), clientID("mobile")), otherHeader),
		deny("a secret without a client", clientCredentials(param("client_secret", mobileSecret)),
			invalidRequest("client_id_missing", "client_secret is there without a client_id")),
	)
}

func TestC2_an_assertion_and_its_type_come_together(t *testing.T) {
	d := deploy(t, acme)
	credential := sign(t, "billing.ES256", d.of("billing"))
	wrongType := invalidClient("client_assertion_type_unknown", "client_assertion_type must be "+oauth.ClientAssertionTypeJWTBearer)
	as := func(kind string) part {
		return both(param("client_assertion", credential), param("client_assertion_type", kind))
	}
	d.judge(t,
		deny("no type", clientCredentials(param("client_assertion", credential)),
			invalidRequest("client_assertion_type_missing", "client_assertion is there without a client_assertion_type")),
		deny("a type alone", clientCredentials(param("client_assertion_type", oauth.ClientAssertionTypeJWTBearer)),
			invalidRequest("client_assertion_missing", "client_assertion_type is there without a client_assertion")),
		deny("a type beside a secret", clientCredentials(post("mobile", mobileSecret), param("client_assertion_type", oauth.ClientAssertionTypeJWTBearer)),
			invalidRequest("client_assertion_missing", "client_assertion_type is there without a client_assertion")),
		deny("SAML", clientCredentials(as("urn:ietf:params:oauth:client-assertion-type:saml2-bearer")), wrongType),
		deny("the grant's type", clientCredentials(as(oauth.JWTBearer)), wrongType),
		deny("the type in capitals", clientCredentials(as(strings.ToUpper(oauth.ClientAssertionTypeJWTBearer))), wrongType),
		allow("after all that it is still good", clientCredentials(proof(credential))),
	)
}

// denyClaims is a row about what a client says of itself.
func (d *deployment) denyClaims(name string, c claims, fault *assertion.Fault) verdict {
	return deny(name, clientCredentials(proof(sign(d.t, "billing.ES256", c))), clientFault(fault))
}

func (d *deployment) allowClaims(name string, c claims) verdict {
	return allow(name, clientCredentials(proof(sign(d.t, "billing.ES256", c))))
}

func TestC3_a_client_assertion_has_iss_sub_aud_exp_and_jti(t *testing.T) {
	d := deploy(t, acme)
	good := func() claims { return d.of("billing") }
	d.judge(t,
		d.allowClaims("all of them", good()),
		d.allowClaims("without iat", good().but("iat", nil)),
		d.allowClaims("with others besides", good().but("foo", map[string]any{"bar": 1})),
		d.denyClaims("without iss", good().but("iss", nil), assertion.ErrIssuerMissing),
		d.denyClaims("without sub", good().but("sub", nil), assertion.ErrSubjectMissing),
		d.denyClaims("without aud", good().but("aud", nil), assertion.ErrAudienceMissing),
		d.denyClaims("without exp", good().but("exp", nil), assertion.ErrExpiryMissing),
		d.denyClaims("without jti", good().but("jti", nil), assertion.ErrIDMissing),
		d.denyClaims("sub is somebody else", good().but("sub", "reporting"), assertion.ErrSubject),
		d.denyClaims("sub in capitals", good().but("sub", "BILLING"), assertion.ErrSubject),
		d.denyClaims("iss is somebody else", good().but("iss", "reporting"), jose.ErrNoKey),
		d.denyClaims("iss and sub are somebody else", d.of("reporting"), jose.ErrNoKey),
		d.denyClaims("empty iss", good().but("iss", ""), jose.ErrClaimType),
		d.denyClaims("empty sub", good().but("sub", ""), jose.ErrClaimType),
		d.denyClaims("empty jti", good().but("jti", ""), jose.ErrClaimType),
		d.denyClaims("iss is an issuer", good().but("iss", idp).but("sub", idp), assertion.ErrNobody).because("client_unknown"),
	)
}

func (v verdict) because(reason string) verdict {
	v.refusal.reason = reason
	return v
}

func TestC3_a_client_can_be_configured_without_jti(t *testing.T) {
	d := deploy(t, variant(t, acme, "keys: {file: billing.ES256.json}", "keys: {file: billing.ES256.json}\n    client_assertion: {jti: optional}"))
	without := d.allowClaims("without jti", d.of("billing").but("jti", nil))
	with := d.of("billing")
	d.judge(t,
		without, without, // nothing to remember it by
		d.allowClaims("with jti", with),
		d.denyClaims("with the same jti", with, assertion.ErrReplayed),
		d.denyClaims("with an empty jti", d.of("billing").but("jti", ""), jose.ErrClaimType),
	)
	if len(d.configuration.Warnings) == 0 {
		t.Error("this is dangerous, and nobody is warned")
	}
}

func TestC4_aud_is_the_issuer_alone(t *testing.T) {
	d := deploy(t, acme)
	to := func(aud any) claims { return d.of("billing").but("aud", aud) }
	d.judge(t,
		d.allowClaims("a string", to(us)),
		d.allowClaims("an array of one", to([]string{us})),
		d.denyClaims("the token endpoint", to(us+"/token"), assertion.ErrAudience),
		d.denyClaims("the issuer and the token endpoint", to([]string{us, us + "/token"}), assertion.ErrAudienceSeveral),
		d.denyClaims("the issuer and another server", to([]string{us, "https://other.example.com"}), assertion.ErrAudienceSeveral),
		d.denyClaims("the issuer twice", to([]string{us, us}), assertion.ErrAudienceSeveral),
		d.denyClaims("another server", to("https://other.example.com"), assertion.ErrAudience),
		d.denyClaims("with a slash behind", to(us+"/"), assertion.ErrAudience),
		d.denyClaims("in capitals", to("https://AUTH.example.com"), assertion.ErrAudience),
		d.denyClaims("with the port", to("https://auth.example.com:443"), assertion.ErrAudience),
		d.denyClaims("without the scheme", to("auth.example.com"), assertion.ErrAudience),
		d.denyClaims("an array in an array", to([]any{[]string{us}}), jose.ErrClaimType),
		d.denyClaims("an object", to(map[string]any{us: us}), jose.ErrClaimType),
		d.denyClaims("an empty array", to([]string{}), jose.ErrClaimType),
		d.denyClaims("empty", to(""), jose.ErrClaimType),
		d.denyClaims("the issuer and nothing", to([]string{us, ""}), jose.ErrClaimType),
		d.denyClaims("the issuer and null", to([]any{us, nil}), jose.ErrClaimType),
	)
}

func TestC4_a_client_can_be_configured_for_another_exact_value(t *testing.T) {
	d := deploy(t, variant(t, acme, "keys: {file: billing.ES256.json}", "keys: {file: billing.ES256.json}\n    client_assertion: {audience: https://auth.example.com/token}"))
	to := func(aud any) claims { return d.of("billing").but("aud", aud) }
	d.judge(t,
		d.allowClaims("that one", to(us+"/token")),
		d.allowClaims("that one in an array", to([]string{us + "/token"})),
		d.denyClaims("the issuer is not it any longer", to(us), assertion.ErrAudience),
		d.denyClaims("both", to([]string{us + "/token", us}), assertion.ErrAudienceSeveral),
		allow("other clients are as before", clientCredentials(d.proves("reporting"))),
		deny("and not for that one", clientCredentials(proof(sign(t, "reporting.ES256", d.of("reporting").but("aud", us+"/token")))), clientFault(assertion.ErrAudience)),
	)
}

func TestC5_typ_is_absent_or_one_of_two(t *testing.T) {
	d := deploy(t, acme)
	typed := func(header string) request {
		return clientCredentials(proof(handmade(t, privateKey(t, "billing.ES256"), header, string(marshal(t, d.of("billing"))))))
	}
	for _, typ := range []string{"JWT", "jwt", "Jwt", "application/jwt", "client-authentication+jwt", "Client-Authentication+JWT", "application/client-authentication+jwt", "APPLICATION/CLIENT-AUTHENTICATION+JWT"} {
		d.judge(t, allow(typ, typed(`{"alg":"ES256","typ":"`+typ+`"}`)))
	}
	d.judge(t, allow("none", typed(`{"alg":"ES256"}`)))
	for _, typ := range []string{
		"at+jwt", "application/at+jwt", "id+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", "oauth-id-jag+jwt", "token-introspection+jwt",
		"JOSE", "JWE", "JWT ", " JWT", "text/jwt", "application/application/jwt", "client-authentication", "authorization-grant+jwt",
	} {
		d.judge(t, deny(typ, typed(`{"alg":"ES256","typ":"`+typ+`"}`), clientFault(assertion.ErrType)))
	}
	for _, typ := range []string{`""`, `null`, `true`, `["JWT"]`} {
		d.judge(t, deny(typ, typed(`{"alg":"ES256","typ":`+typ+`}`), clientFault(jose.ErrHeader)))
	}
}

func TestC6_a_client_assertion_lives_for_ten_minutes_and_ten_seconds_of_skew(t *testing.T) {
	d := deploy(t, acme)
	in := func(exp, iat, nbf time.Duration) claims {
		return d.of("billing").but("exp", d.clock.in(exp)).but("iat", d.clock.in(iat)).but("nbf", d.clock.in(nbf))
	}
	const s, m = time.Second, time.Minute
	d.judge(t,
		d.allowClaims("exp is 9 s ago", in(-9*s, -m, -m)),
		d.denyClaims("exp is 10 s ago", in(-10*s, -m, -m), assertion.ErrExpired),
		d.denyClaims("exp is an hour ago", in(-60*m, -61*m, -61*m), assertion.ErrExpired),
		d.allowClaims("exp in 10 min 10 s", in(10*m+10*s, 0, 0)),
		d.denyClaims("exp in 10 min 11 s", in(10*m+11*s, 0, 0), assertion.ErrLifetime),
		d.denyClaims("exp in a year", in(365*24*60*m, 0, 0), assertion.ErrLifetime),
		d.denyClaims("exp in 10 min 11 s, without iat", in(10*m+11*s, 0, 0).but("iat", nil), assertion.ErrLifetime),
		d.denyClaims("exp at the end of time", d.of("billing").but("exp", int64(253402300799)), assertion.ErrLifetime),
		d.allowClaims("iat in 10 s", in(5*m, 10*s, 0)),
		d.denyClaims("iat in 11 s", in(5*m, 11*s, 0), assertion.ErrIssuedInFuture),
		d.allowClaims("nbf in 10 s", in(5*m, 0, 10*s)),
		d.denyClaims("nbf in 11 s", in(5*m, 0, 11*s), assertion.ErrNotYetValid),
		d.denyClaims("made an hour ago, and still good", in(5*m, -60*m, 0), assertion.ErrLifetime),
		d.denyClaims("made in 1970, and still good", in(5*m, 0, 0).but("iat", 0), assertion.ErrLifetime),
		d.allowClaims("a fraction of a second", in(0, 0, 0).but("exp", float64(d.clock.in(m))+0.5)),
		d.denyClaims("exp before iat, and past", in(-m, 0, 0), assertion.ErrExpired),
	)
}

func TestC6_lifetime_and_skew_are_configurable(t *testing.T) {
	document := variant(t, acme, "keys: {file: billing.ES256.json}", "keys: {file: billing.ES256.json}\n    client_assertion: {max_lifetime: 1m}")
	d := deploy(t, variant(t, document, "signing_keys:", "clock_skew: 60s\nsigning_keys:"))
	exp := func(in time.Duration) claims { return d.of("billing").but("exp", d.clock.in(in)) }
	d.judge(t,
		d.allowClaims("exp in 2 min", exp(2*time.Minute)),
		d.denyClaims("exp in 2 min 1 s", exp(2*time.Minute+time.Second), assertion.ErrLifetime),
		d.allowClaims("exp 59 s ago", exp(-59*time.Second)),
		d.denyClaims("exp 60 s ago", exp(-60*time.Second), assertion.ErrExpired),
		d.denyClaims("nbf in 61 s", exp(time.Minute).but("nbf", d.clock.in(61*time.Second)), assertion.ErrNotYetValid),
	)
}

func TestC7_a_client_assertion_is_good_for_one_request(t *testing.T) {
	d := deploy(t, acme)
	once := d.of("billing")
	again := d.denyClaims("again", once, assertion.ErrReplayed)
	d.judge(t,
		d.allowClaims("the first time", once),
		again, again,
		d.denyClaims("signed anew with the same jti", once.but("foo", "bar"), assertion.ErrReplayed),
		d.denyClaims("with another exp", once.but("exp", d.clock.in(time.Minute)), assertion.ErrReplayed),
		allow("another client with the same jti", clientCredentials(proof(sign(t, "reporting.ES256", d.of("reporting").but("jti", once["jti"]))))),
		d.allowClaims("another jti", d.of("billing")),
	)
	d.clock.advance(5*time.Minute + 9*time.Second)
	d.judge(t, again)
	d.clock.advance(time.Second)
	d.judge(t, d.denyClaims("when it has expired", once, assertion.ErrExpired))
}
