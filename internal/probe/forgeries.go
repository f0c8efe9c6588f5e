package probe

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// forgery is an assertion that must not authenticate the client. All are answered 401 invalid_client: of a fault the
// client is told which check has failed, of a wrong key nothing (protocol T7, T8).
type forgery struct {
	name, rule, sent string
	assertion        func(*run) string
}

func (f forgery) check() check {
	return check{
		name: f.name, kind: Refuses, rule: f.rule, sent: f.sent, expected: "401 invalid_client", needs: aToken,
		judge: func(ctx context.Context, r *run) verdict {
			a := r.post(ctx, post{form: r.form(f.assertion(r))})
			return r.refused(f.name, a, http.StatusUnauthorized, "invalid_client")
		},
	}
}

// refused judges the answer to what had to be refused, and keeps it for the checks of all refusals.
func (r *run) refused(name string, a answer, status int, code string) verdict {
	r.asked = append(r.asked, exchange{name, a})
	r.named[name] = a
	return verdict{came: a.String(), ok: a.status == status && a.code() == code && !a.holdsToken()}
}

// forgeries are the attacks with an assertion. The first must be the first: it needs one that is still good.
func forgeries() []forgery {
	return append(append(
		[]forgery{
			{"replay", "C7, CVE-2020-5300", "the assertion of the first token once more", func(r *run) string { return r.first }},
		},
		forgedSignatures()...), wrongClaims()...)
}

// forgedSignatures are assertions that the client has not signed, or not all of them.
func forgedSignatures() []forgery {
	return []forgery{
		{"alg_none", "A2, RFC 8725 2.1", "alg none, without a signature", func(r *run) string {
			return encodeJSON(map[string]any{"alg": "none", "typ": "JWT"}) + "." + encode(marshal(r.claims(nil))) + "."
		}},
		{"hs256_service_key", "A2, CVE-2022-29217", "HS256 keyed with a key from the JWK Set", func(r *run) string {
			if len(r.keys) == 0 {
				return hs256(nil, "", string(marshal(r.claims(nil))))
			}
			return hs256(marshal(r.keys[0]), r.keys[0].text("kid"), string(marshal(r.claims(nil))))
		}},
		{"hs256_client_key_pem", "A2, CVE-2022-29217", "HS256 keyed with the client's key in PEM", func(r *run) string {
			return r.confuse(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: r.own.spki()}))
		}},
		{"hs256_client_key_der", "A2, CVE-2022-29217", "HS256 keyed with the client's key in DER", func(r *run) string {
			return r.confuse(r.own.spki())
		}},
		{"hs256_client_key_jwk", "A2, CVE-2022-29217", "HS256 keyed with the client's key as JWK", func(r *run) string {
			return r.confuse(marshal(r.own.public()))
		}},
		{"embedded_jwk", "A4, CVE-2018-0114", "another key, in the header as jwk", func(r *run) string {
			return r.strange(map[string]any{"jwk": r.stranger.public()})
		}},
		{"embedded_jku", "A4, CVE-2018-0114", "another key, behind the jku of the header", func(r *run) string {
			// A data URL needs no host of ours: a server that goes where jku says finds the key in it.
			key := with(r.stranger.public(), map[string]any{"kid": r.own.id, "use": "sig", "alg": r.stranger.algorithm})
			set := base64.StdEncoding.EncodeToString(marshal(map[string]any{"keys": []any{key}}))
			return r.strange(map[string]any{"jku": "data:application/json;base64," + set})
		}},
		{"embedded_x5c", "A4, CVE-2018-0114", "another key, in the header's x5c", func(r *run) string {
			return r.strange(map[string]any{"x5c": []any{r.stranger.certificate(r.marker, r.config.Now())}})
		}},
		{"wrong_key", "T8", "the client's name with another key", func(r *run) string { return r.strange(nil) }},
		{"truncated_signature", "A7", "a signature without its last three bytes", func(r *run) string {
			return resigned(r.honest(nil), func(signature []byte) []byte { return signature[:max(0, len(signature)-3)] })
		}},
		{"zero_signature", "A7, CVE-2022-21449", "a signature of zeros (r = s = 0)", func(r *run) string {
			return resigned(r.honest(nil), func(signature []byte) []byte { return make([]byte, len(signature)) })
		}},
		{"jwe", "A1, CVE-2026-9793", "five parts, as of an encrypted JWT", func(r *run) string {
			inner := encodeJSON(map[string]any{"alg": "none"}) + "." + encode(marshal(r.claims(nil))) + "."
			return encodeJSON(map[string]any{"alg": "dir", "enc": "A128GCM", "cty": "JWT"}) + ".." + encode(make([]byte, 12)) + "." + encode([]byte(inner)) + "." + encode(make([]byte, 16))
		}},
		{"unknown_crit", "A4, CVE-2025-59420", "a crit header that nobody knows", func(r *run) string {
			return r.own.sign(r.own.header(map[string]any{"crit": []any{"urn:example:probe"}, "urn:example:probe": true}), string(marshal(r.claims(nil))))
		}},
		{"unencoded_payload", "A4, RFC 7797", "b64: false in the header", func(r *run) string {
			return r.own.sign(r.own.header(map[string]any{"b64": false}), string(marshal(r.claims(nil))))
		}},
		{"own_access_token", "C5", "the access token in the place of the assertion", func(r *run) string { return r.granted.token }},
	}
}

// confuse makes an assertion whose HMAC has what everybody may know of the client's key as its secret.
func (r *run) confuse(secret []byte) string {
	return hs256(secret, r.own.id, string(marshal(r.claims(nil))))
}

// strange makes an assertion of the client that another key has signed, under the kid of the client's.
func (r *run) strange(header map[string]any) string {
	return r.stranger.sign(with(r.stranger.header(header), map[string]any{"kid": r.own.id}), string(marshal(r.claims(nil))))
}

// resigned changes the signature of a JWT.
func resigned(signed string, change func([]byte) []byte) string {
	end := strings.LastIndex(signed, ".") + 1
	signature, _ := base64.RawURLEncoding.DecodeString(signed[end:]) // we have encoded it
	return signed[:end] + encode(change(signature))
}

// spki is the public key as DER (RFC 5280 §4.1).
func (f forger) spki() []byte {
	der, _ := x509.MarshalPKIXPublicKey(f.private.Public()) // a key that jose has read
	return der
}

// wrongClaims are assertions that the client has signed and that say what they must not.
func wrongClaims() []forgery {
	claim := func(name, rule, sent string, changes func(r *run) map[string]any) forgery {
		return forgery{name, rule, sent, func(r *run) string { return r.honest(changes(r)) }}
	}
	at := func(r *run, in time.Duration) int64 { return r.config.Now().Add(in).Unix() }
	return []forgery{
		claim("wrong_aud", "C4, CVE-2026-55669", "aud of another server", func(r *run) map[string]any {
			return map[string]any{"aud": r.nowhere()}
		}),
		claim("several_aud", "C4", "aud of this server and another", func(r *run) map[string]any {
			return map[string]any{"aud": []any{r.config.Issuer, r.nowhere()}}
		}),
		claim("aud_slash", "C4", "aud with one slash more, or less, at its end", func(r *run) map[string]any {
			if without, has := strings.CutSuffix(r.config.Issuer, "/"); has {
				return map[string]any{"aud": without}
			}
			return map[string]any{"aud": r.config.Issuer + "/"}
		}),
		claim("aud_endpoint", "C4", "aud of the token endpoint", func(r *run) map[string]any {
			return map[string]any{"aud": r.endpoint("token_endpoint", "/token")}
		}),
		claim("no_aud", "C3, CVE-2026-55669", "no aud", func(*run) map[string]any { return map[string]any{"aud": nil} }),
		claim("expired", "C6", "exp five minutes ago", func(r *run) map[string]any {
			return map[string]any{"iat": at(r, -6*time.Minute), "exp": at(r, -5*time.Minute)}
		}),
		claim("no_exp", "C3", "no exp", func(*run) map[string]any { return map[string]any{"exp": nil} }),
		claim("exp_far_ahead", "C6", "exp in a day", func(r *run) map[string]any {
			return map[string]any{"exp": at(r, 24*time.Hour)}
		}),
		claim("nbf_in_future", "C6", "nbf in five minutes", func(r *run) map[string]any {
			return map[string]any{"nbf": at(r, 5*time.Minute), "exp": at(r, 6*time.Minute)}
		}),
		claim("iat_in_future", "C6", "iat in five minutes", func(r *run) map[string]any {
			return map[string]any{"iat": at(r, 5*time.Minute), "exp": at(r, 6*time.Minute)}
		}),
		claim("wrong_iss", "C3", "iss of another, with the client's key", func(r *run) map[string]any {
			return map[string]any{"iss": r.marker}
		}),
		claim("wrong_sub", "C3", "sub of another", func(r *run) map[string]any { return map[string]any{"sub": r.marker} }),
		claim("no_jti", "C3", "no jti", func(*run) map[string]any { return map[string]any{"jti": nil} }),
		{"duplicate_claim", "A6", "sub twice, of another and of the client", func(r *run) string {
			rest := marshal(r.claims(map[string]any{"sub": nil}))
			return r.own.sign(r.own.header(nil), fmt.Sprintf(`{"sub":%q,"sub":%s,%s`, r.marker, marshal(r.config.Client), rest[1:]))
		}},
	}
}

// nowhere is a URL of nobody's (RFC 2606 §2).
func (r *run) nowhere() string { return "https://" + strings.ToLower(r.marker) + ".invalid" }
