package probe

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// misuse is a request that is refused for what it is, or for what it asks for.
type misuse struct {
	name, rule, sent string
	status           int
	code             string
	needs            need
	request          func(*run) post
}

func (m misuse) check() check {
	return check{
		name: m.name, kind: Refuses, rule: m.rule, sent: m.sent, expected: fmt.Sprintf("%d %s", m.status, m.code), needs: m.needs,
		judge: func(ctx context.Context, r *run) verdict {
			return r.refused(m.name, r.post(ctx, m.request(r)), m.status, m.code)
		},
	}
}

const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// tooLarge is a body beyond the 64 KiB of protocol T4.
const tooLarge = 70 << 10

func misuses() []misuse { return append(misusesOfAClient(), misusesOfAnybody()...) }

// misusesOfAClient have a good assertion of the client. None is in a URL, which proxies log.
func misusesOfAClient() []misuse {
	form := func(r *run, change func(url.Values)) post {
		values := r.form(r.honest(nil))
		change(values)
		return post{form: values}
	}
	return []misuse{
		{"two_methods", "C2, CVE-2026-16093", "a good assertion, and a client secret", http.StatusBadRequest, "invalid_request", aToken, func(r *run) post {
			return post{form: r.form(r.honest(nil)), user: r.config.Client}
		}},
		{"repeated_parameter", "T3", "grant_type twice", http.StatusBadRequest, "invalid_request", aToken, func(r *run) post {
			return form(r, func(v url.Values) { v.Add("grant_type", "client_credentials") })
		}},
		{"query_parameter", "T2", "grant_type in the query, the rest in the body", http.StatusBadRequest, "invalid_request", aToken, func(r *run) post {
			p := form(r, func(v url.Values) { v.Del("grant_type") })
			p.query = "grant_type=client_credentials"
			return p
		}},
		{"scope_beyond", "S1", "a scope that no rule has", http.StatusBadRequest, "invalid_scope", aToken, func(r *run) post {
			return form(r, func(v url.Values) { v.Set("scope", strings.TrimSpace(r.config.Scope+" "+r.marker)) })
		}},
		{"unknown_resource", "S2", "a resource that no rule has", http.StatusBadRequest, "invalid_target", aToken, func(r *run) post {
			return form(r, func(v url.Values) { v.Set("resource", r.nowhere()) })
		}},
		{"own_token_as_grant", "G2", "the access token as jwt-bearer's assertion", http.StatusBadRequest, "invalid_grant", aToken, func(r *run) post {
			return post{form: url.Values{"grant_type": {jwtBearer}, "assertion": {r.granted.token}}}
		}},
	}
}

// misusesOfAnybody need no client.
func misusesOfAnybody() []misuse {
	return []misuse{
		{"unknown_client", "T8", "an assertion of a client that there is not", http.StatusUnauthorized, "invalid_client", nothing, func(r *run) post {
			claims := r.claims(map[string]any{"iss": r.marker, "sub": r.marker})
			return post{form: r.form(r.stranger.sign(r.stranger.header(nil), string(marshal(claims))))}
		}},
		{"unlisted_issuer", "G2", "jwt-bearer of an issuer that nobody trusts", http.StatusBadRequest, "invalid_grant", nothing, func(r *run) post {
			claims := r.claims(map[string]any{"iss": r.nowhere(), "sub": r.marker})
			return post{form: url.Values{"grant_type": {jwtBearer}, "assertion": {r.stranger.sign(r.stranger.header(nil), string(marshal(claims)))}}}
		}},
		{"unsupported_grant", "T6", "a grant_type that there is not", http.StatusBadRequest, "unsupported_grant_type", nothing, func(r *run) post {
			return post{form: url.Values{"grant_type": {"urn:example:" + r.marker}}}
		}},
		{"no_client", "K1", "client_credentials of nobody", http.StatusUnauthorized, "invalid_client", nothing, func(*run) post {
			return post{form: url.Values{"grant_type": {"client_credentials"}}}
		}},
		{"get", "T1", "GET in the place of POST", http.StatusMethodNotAllowed, "invalid_request", nothing, func(r *run) post {
			return post{method: http.MethodGet, query: "grant_type=client_credentials&client_id=" + r.marker}
		}},
		{"json_body", "T1", "the parameters as JSON", http.StatusBadRequest, "invalid_request", nothing, func(r *run) post {
			return post{contentType: "application/json", body: string(marshal(map[string]any{"grant_type": "client_credentials", "client_id": r.marker}))}
		}},
		// What stands in front may refuse a length, in its own way. Without one the body comes through, and has to be cut off.
		{"large_body", "T4", "a body of 70 KiB, without its length", http.StatusRequestEntityTooLarge, "invalid_request", nothing, func(*run) post {
			return post{form: url.Values{"grant_type": {"client_credentials"}, "padding": {strings.Repeat("x", tooLarge)}}, unmeasured: true}
		}},
	}
}
