package probe

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// grant is a successful answer of the token endpoint (RFC 6749 §5.1).
type grant struct {
	token     string
	tokenType string
	expiresIn float64
	scope     string
	hasScope  bool
}

// grantOf reads it, as far as it is one.
func grantOf(a answer) grant {
	members := a.members()
	var g grant
	if a.status != http.StatusOK {
		return g
	}
	g.token, _ = members["access_token"].(string)
	g.tokenType, _ = members["token_type"].(string)
	g.expiresIn, _ = members["expires_in"].(float64)
	g.scope, g.hasScope = members["scope"].(string)
	return g
}

// tokenChecks ask for what an honest client gets.
func tokenChecks() []check {
	return []check{
		{
			name: "token", kind: Gives, rule: "T5, K1", sent: "client_credentials with a good assertion", needs: aClient,
			expected: "200 with access_token, token_type Bearer, expires_in and the scope", judge: judgeGrant,
		},
		{
			name: "token_no_store", kind: Gives, rule: "T5", sent: "the answer with the token", needs: aToken,
			expected: "Cache-Control: no-store",
			judge: func(_ context.Context, r *run) verdict {
				a := r.named["token"]
				return verdict{came: clip("Cache-Control: " + a.header.Get("Cache-Control")), ok: a.directive("no-store")}
			},
		},
		{
			name: "token_verifies", kind: Gives, rule: "W2, A5", sent: "the token", needs: aToken,
			expected: "a JWT that a published key verifies, named by its kid", judge: judgeSignature,
		},
		{
			name: "token_claims", kind: Gives, rule: "W1", sent: "the token", needs: aToken,
			expected: "typ at+jwt; iss, aud, client_id, scope and jti; exp - iat is expires_in", judge: judgeClaims,
		},
		{
			name: "token_jti", kind: Gives, rule: "W1", sent: "the same with a second assertion", needs: aToken,
			expected: "200 with another token, whose jti is another",
			judge: func(ctx context.Context, r *run) verdict {
				a := r.post(ctx, post{form: r.form(r.honest(nil))})
				second := grantOf(a)
				r.told = append(r.told, second.token)
				_, one := jwtOf(r.granted.token)
				_, other := jwtOf(second.token)
				if second.token != "" && (other["jti"] == nil || one["jti"] == other["jti"]) {
					return verdict{came: "200 with a token without a jti of its own"}
				}
				return verdict{came: a.explained(), ok: second.token != ""}
			},
		},
	}
}

func judgeGrant(ctx context.Context, r *run) verdict {
	assertion := r.honest(nil)
	a := r.post(ctx, post{form: r.form(assertion)})
	g := grantOf(a)
	r.named["token"], r.first, r.granted = a, assertion, g
	r.told = append(r.told, g.token)
	switch {
	case g.token == "":
		return verdict{came: a.explained()}
	case !a.isJSON():
		return verdict{came: "200 with a Content-Type that is not JSON"}
	case !strings.EqualFold(g.tokenType, "Bearer"):
		return verdict{came: "200 with another token_type"}
	case g.expiresIn < 1 || g.expiresIn != float64(int64(g.expiresIn)):
		return verdict{came: "200 without a good expires_in"}
	case !g.hasScope || r.config.Scope != "" && !sameScope(r.config.Scope, g.scope):
		return verdict{came: "200 without scope, or with another than was asked for"}
	}
	return verdict{came: a.String(), ok: true}
}

// sameScope compares as RFC 6749 §3.3 does: order does not matter.
func sameScope(one, other string) bool {
	a, b := strings.Fields(one), strings.Fields(other)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

// judgeSignature verifies as an API does, but by itself.
func judgeSignature(_ context.Context, r *run) verdict {
	header, _ := jwtOf(r.granted.token)
	if header == nil {
		return verdict{came: "it is opaque, or no JWT; the probe's client needs an API whose tokens are JWTs"}
	}
	kid, _ := header["kid"].(string)
	key := r.published(kid)
	end := strings.LastIndex(r.granted.token, ".")
	signature, err := base64.RawURLEncoding.DecodeString(r.granted.token[end+1:])
	switch {
	case key == nil:
		return verdict{came: "its kid is not that of one published key"}
	case header["alg"] != key["alg"]:
		return verdict{came: "its alg is not that of the key"}
	case err != nil || !key.verifies(r.granted.token[:end], signature):
		return verdict{came: "the signature does not verify"}
	}
	return verdict{came: "it verifies", ok: true}
}

// judgeClaims looks at the claims of RFC 9068 §2.2, whether or not the signature verifies: that is another check.
func judgeClaims(_ context.Context, r *run) verdict {
	header, claims := jwtOf(r.granted.token)
	text := func(name string) string { value, _ := claims[name].(string); return value }
	issued, _ := claims["iat"].(float64)
	expires, _ := claims["exp"].(float64)
	typ, _ := header["typ"].(string)
	for _, fault := range []struct {
		is   bool
		what string
	}{
		{header == nil || claims == nil, "it is opaque, or no JWT"},
		{strings.TrimPrefix(strings.ToLower(typ), "application/") != "at+jwt", "another typ"},
		{text("iss") != r.config.Issuer, "another iss"},
		{!r.isFor(claims["aud"]), "another aud, or none"},
		{text("client_id") != r.config.Client, "another client_id"},
		{text("sub") == "", "no sub"},
		{text("jti") == "", "no jti"},
		{text("scope") != r.granted.scope, "another scope than the answer says"},
		{expires-issued != r.granted.expiresIn, "exp - iat is not expires_in"},
	} {
		if fault.is {
			return verdict{came: fault.what}
		}
	}
	return verdict{came: "they are", ok: true}
}

// isFor reports whether aud names the API that was asked for, or any where none was.
func (r *run) isFor(aud any) bool {
	list, _ := aud.([]any)
	if text, isText := aud.(string); isText {
		list = []any{text}
	}
	if r.config.Resource == "" {
		return len(list) > 0
	}
	return len(list) == 1 && list[0] == r.config.Resource
}

// jwtOf takes a JWT apart; nil: it is none.
func jwtOf(token string) (header, claims map[string]any) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, nil
	}
	for i, into := range []*map[string]any{&header, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(text, into) != nil {
			return nil, nil
		}
	}
	return header, claims
}
