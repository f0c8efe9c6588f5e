package probe

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// metadataChecks look at what the server says of itself (RFC 8414, protocol J3).
func metadataChecks() []check {
	return []check{
		{
			name: "metadata", kind: Gives, rule: "J3", sent: "GET /.well-known/oauth-authorization-server",
			expected: "200 with a JSON object",
			judge: func(ctx context.Context, r *run) verdict {
				a := r.get(ctx, metadataPlace(r.config.URL), "")
				r.named["metadata"], r.metadata = a, a.members()
				return verdict{came: a.String(), ok: a.status == http.StatusOK && a.isJSON() && r.metadata != nil}
			},
		},
		{
			name: "metadata_openid", kind: Gives, rule: "J3", sent: "GET /.well-known/openid-configuration",
			expected: "200 with the same metadata",
			judge: func(ctx context.Context, r *run) verdict {
				a := r.get(ctx, r.base+"/.well-known/openid-configuration", "")
				same := a.status == http.StatusOK && bytes.Equal(a.body, r.named["metadata"].body)
				if a.status == http.StatusOK && !same {
					return verdict{came: "200 with other metadata"}
				}
				return verdict{came: a.String(), ok: same && a.isJSON()}
			},
		},
		{
			name: "metadata_issuer", kind: Gives, rule: "J3, RFC 8414 3.3", sent: "the metadata from above",
			expected: "issuer is the issuer identifier, character by character", judge: judgeIssuer,
		},
		{
			name: "metadata_endpoints", kind: Gives, rule: "J3", sent: "the metadata from above",
			expected: "token_endpoint, jwks_uri and every other endpoint are below the issuer", judge: judgeEndpoints,
		},
	}
}

const noMetadata = "there are no metadata"

func judgeIssuer(_ context.Context, r *run) verdict {
	if r.metadata == nil {
		return verdict{came: noMetadata}
	}
	issuer, _ := r.metadata["issuer"].(string)
	return verdict{came: clip(fmt.Sprintf("issuer is %q", issuer)), ok: issuer == r.config.Issuer}
}

// judgeEndpoints holds the endpoints to the issuer, whose scheme is https but on loopback. Any other place would get the
// credentials of clients.
func judgeEndpoints(_ context.Context, r *run) verdict {
	if r.metadata == nil {
		return verdict{came: noMetadata}
	}
	for _, name := range []string{"token_endpoint", "jwks_uri"} {
		if _, there := r.metadata[name]; !there {
			return verdict{came: name + " is missing"}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.metadata)) {
		if (strings.HasSuffix(name, "_endpoint") || name == "jwks_uri") && r.below(name) == "" {
			return verdict{came: clip(fmt.Sprintf("%s is %v", name, r.metadata[name]))}
		}
	}
	return verdict{came: "they are", ok: true}
}

// below returns the path below the issuer of what the metadata name; empty: it is not there.
func (r *run) below(member string) string {
	place, _ := r.metadata[member].(string)
	path, is := strings.CutPrefix(place, strings.TrimSuffix(r.config.Issuer, "/")+"/")
	if !is || path == "" || strings.ContainsAny(path, "?#") || strings.Contains(path, "..") {
		return ""
	}
	return "/" + path
}

// endpoint returns where to ask: what the metadata name, below the URL that we were given. An assertion is sent nowhere
// else, whatever the metadata say.
func (r *run) endpoint(member, otherwise string) string {
	if path := r.below(member); path != "" {
		return r.base + path
	}
	return r.base + otherwise
}

// metadataPlace puts the well-known path before that of the URL (RFC 8414 §3.1).
func metadataPlace(address string) string {
	place, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return place.Scheme + "://" + place.Host + "/.well-known/oauth-authorization-server" + strings.TrimSuffix(place.EscapedPath(), "/")
}

// healthChecks ask whether it lives, and could sign.
func healthChecks() []check {
	asks := func(name, path, expected string) check {
		return check{
			name: name, kind: Gives, rule: "T7", sent: "GET " + path, expected: expected,
			judge: func(ctx context.Context, r *run) verdict {
				a := r.get(ctx, r.base+path, "")
				return verdict{came: a.String(), ok: a.status == http.StatusOK && a.failure == ""}
			},
		}
	}
	return []check{
		asks("health", "/health", "200: the process answers"),
		asks("ready", "/ready", "200: a token could be signed"),
	}
}
