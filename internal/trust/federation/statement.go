package federation

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"example.com/countersign/internal/jose"
)

// mediaType is the typ of every entity statement, so that no other JWT passes for one (§3).
const mediaType = "entity-statement+jwt"

// A statement is an entity statement (§3) of good form, of which nothing is believed.
type statement struct {
	token     *jose.Token
	issuer    string
	subject   string
	issuedAt  time.Time
	notBefore time.Time // zero: not there
	expiresAt time.Time

	keys        any // the JWK Set of the subject, for entity statements
	hints       []string
	metadata    map[string]parameters // by entity type
	policy      policy
	constraints constraints
}

// parameters are the metadata of one entity type, by name. None is null (§5).
type parameters map[string]any

// isConfiguration reports whether it is an entity's statement about itself (§3.1).
func (s statement) isConfiguration() bool { return s.issuer == s.subject }

// parseStatement holds what §3.2 says of a statement that stands alone. The error is a *Fault.
func parseStatement(text string) (statement, error) {
	token, err := jose.Parse(text)
	if err != nil {
		return statement{}, fmt.Errorf("%w: %w", ErrStatement, err)
	}
	if jose.MediaType(token.Type) != mediaType || token.KeyID == "" {
		return statement{}, ErrStatement
	}
	// §4.3: a chain inside of a chain would be one that nobody looks at.
	if _, err := token.TrustChain(); !errors.Is(err, jose.ErrNoTrustChain) {
		return statement{}, ErrStatement
	}
	claims := token.Unverified()
	s := statement{
		token:     token,
		issuer:    claims.Issuer,
		subject:   claims.Subject,
		issuedAt:  claims.IssuedAt,
		notBefore: claims.NotBefore,
		expiresAt: claims.ExpiresAt,
	}
	if !isEntity(s.issuer) || !isEntity(s.subject) || s.issuedAt.IsZero() || s.expiresAt.IsZero() {
		return statement{}, ErrClaims
	}
	if err := s.checkPlaces(claims.All()); err != nil {
		return statement{}, err
	}
	if err := s.read(claims.All()); err != nil {
		return statement{}, err
	}
	return s, nil
}

// checkPlaces refuses claims that do not belong in this kind of statement (§3.1). A policy in an entity's statement
// about itself, for instance, looks as if it held, and nobody applies it.
func (s statement) checkPlaces(claims map[string]any) error {
	// Both name extensions that must be understood, and none is.
	for _, name := range []string{"crit", "metadata_policy_crit"} {
		if _, present := claims[name]; present {
			return ErrCritical
		}
	}
	misplaced := []string{"trust_anchor"} // for the answer to a registration
	if s.isConfiguration() {
		misplaced = append(misplaced, "constraints", "metadata_policy", "source_endpoint")
	} else {
		misplaced = append(misplaced, "authority_hints", "trust_anchor_hints", "trust_marks", "trust_mark_issuers", "trust_mark_owners")
	}
	for _, name := range misplaced {
		if _, present := claims[name]; present {
			return ErrClaims
		}
	}
	return nil
}

// read takes the claims that a chain needs. Trust marks and whatever else there is are not looked at.
func (s *statement) read(claims map[string]any) error {
	var err error
	if s.keys = claims["jwks"]; !haveKeyIDs(s.keys) {
		return ErrKeys
	}
	if hints, present := claims["authority_hints"]; present {
		if s.hints, err = readNames(hints); err != nil || len(s.hints) == 0 {
			return ErrClaims
		}
	}
	if metadata, present := claims["metadata"]; present {
		if s.metadata, err = readMetadata(metadata); err != nil {
			return err
		}
	}
	if metadataPolicy, present := claims["metadata_policy"]; present {
		if s.policy, err = readPolicy(metadataPolicy); err != nil {
			return err
		}
	}
	if constraints, present := claims["constraints"]; present {
		if s.constraints, err = readConstraints(constraints); err != nil {
			return err
		}
	}
	return nil
}

// readNames reads an array of strings, none of them empty. The result is not nil.
func readNames(claim any) ([]string, error) {
	elements, isArray := claim.([]any)
	if !isArray {
		return nil, ErrClaims
	}
	names := make([]string, len(elements))
	for i, element := range elements {
		name, isText := element.(string)
		if !isText || name == "" {
			return nil, ErrClaims
		}
		names[i] = name
	}
	return names, nil
}

// readMetadata refuses null, which would look like a parameter and is none (§5).
func readMetadata(claim any) (map[string]parameters, error) {
	types, isObject := claim.(map[string]any)
	if !isObject {
		return nil, ErrClaims
	}
	metadata := make(map[string]parameters, len(types))
	for entityType, value := range types {
		named, isObject := value.(map[string]any)
		if !isObject {
			return nil, ErrClaims
		}
		for _, parameter := range named {
			if parameter == nil {
				return nil, ErrClaims
			}
		}
		metadata[entityType] = named
	}
	return metadata, nil
}

// hostOf returns the host of an entity identifier in small letters. It reports whether it is one: an https URL with a
// host, and perhaps with a port and a path (§1.2).
func hostOf(entity string) (host string, isEntity bool) {
	parsed, err := url.Parse(entity)
	if err != nil || !strings.HasPrefix(entity, "https://") || parsed.User != nil || strings.ContainsAny(entity, "?#") {
		return "", false
	}
	host = strings.ToLower(parsed.Hostname())
	return host, isHostName(host) || isAddress(host)
}

func isEntity(identifier string) bool {
	_, is := hostOf(identifier)
	return is
}

func isAddress(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.Zone() == ""
}

// isHostName reports whether host is a name in small letters of ASCII, without a dot at its end: a second way to write a
// name would be a way around the naming constraints.
func isHostName(host string) bool {
	return !isAddress(host) && !slices.ContainsFunc(strings.Split(host, "."), func(label string) bool {
		return label == "" || strings.ContainsFunc(label, func(r rune) bool {
			return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
		})
	})
}
