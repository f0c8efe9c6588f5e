package trust

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// provider is what an issuer's metadata say (OpenID Connect Discovery 1.0 §3, RFC 8414 §2), as far as it matters here.
type provider struct {
	jwksURI string
	fresh   time.Duration
}

// wellKnown is where an issuer's metadata can be.
type wellKnown struct {
	openID string // behind the path (OpenID Connect Discovery 1.0 §4.1)
	oauth  string // before the path (RFC 8414 §3.1)
}

// wellKnownOf returns the two places. A final slash of the issuer is in neither.
func wellKnownOf(issuer *url.URL) wellKnown {
	origin, path := issuer.Scheme+"://"+issuer.Host, strings.TrimSuffix(issuer.EscapedPath(), "/")
	return wellKnown{
		openID: origin + path + "/.well-known/openid-configuration",
		oauth:  origin + "/.well-known/oauth-authorization-server" + path,
	}
}

// discover fetches the metadata of the issuer: those of OpenID Connect, which most have, and those of RFC 8414 where
// the answer is that there are none of the former. Any other failure ends it, since an outage of the one place must not
// lead to the other.
func (s *source) discover(ctx context.Context, issuer string) (provider, error) {
	places := wellKnownOf(s.configured)
	found, err := s.get(ctx, places.openID)
	if isNotThere(err) {
		var other error
		if found, other = s.get(ctx, places.oauth); other != nil {
			return provider{}, errors.Join(err, other)
		}
	} else if err != nil {
		return provider{}, err
	}
	jwksURI, err := parseMetadata(found.body, issuer)
	if err != nil {
		return provider{}, err
	}
	if _, err := parseURL(jwksURI, s.local); err != nil {
		return provider{}, fmt.Errorf("jwks_uri: %w", err)
	}
	return provider{jwksURI, found.fresh}, nil
}

// isNotThere reports whether err is an answer that it is no use to ask for this document: 4xx, other than those that
// say later. Servers that know only one of the two places answer 404, gateways before them 401 or 403.
func isNotThere(err error) bool {
	status, is := errors.AsType[statusError](err)
	later := status == http.StatusRequestTimeout || status == http.StatusTooManyRequests
	return is && status >= 400 && status < 500 && !later
}

// parseMetadata returns the jwks_uri of metadata that are those of issuer, character by character (OpenID Connect
// Discovery 1.0 §4.3, RFC 8414 §3.3). A name that comes twice makes them unreadable, since two readers must not read
// two things.
func parseMetadata(document []byte, issuer string) (jwksURI string, err error) {
	var members struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(document, &members); err != nil {
		return "", errors.New("the metadata are not one JSON object with unique names, or issuer or jwks_uri is no string")
	}
	if members.Issuer != issuer {
		return "", fmt.Errorf("the metadata are those of another issuer, %.200q", members.Issuer)
	}
	if members.JWKSURI == "" {
		return "", errors.New("the metadata have no jwks_uri")
	}
	return members.JWKSURI, nil
}
