package jose

import (
	"math"
	"time"
)

// Claims are the claims of a JWT (RFC 7519 §4): the registered ones typed, all of them as they came. The zero value
// has none.
type Claims struct {
	Issuer    string
	Subject   string
	Audience  Audience
	ID        string    // jti
	ExpiresAt time.Time // zero: not there
	NotBefore time.Time // zero: not there
	IssuedAt  time.Time // zero: not there

	all map[string]any
}

// Audience is the aud claim, which is one string or an array of them (RFC 7519 §4.1.3). Some profiles tell the two
// apart.
type Audience struct {
	Values []string // empty: the claim is not there
	Array  bool
}

// All returns every claim by its name. Values are string, bool, int64, float64, nil, []any and map[string]any. The map
// is shared: it must not be changed.
func (c Claims) All() map[string]any { return c.all }

// ParseClaims reads the claims set of what is no JWS (RFC 7519 §4) and has been authenticated in another way, by the rules
// for every JWT (protocol A1, A6). The error is ErrJSON or ErrClaimType.
func ParseClaims(text []byte) (Claims, error) {
	object, err := decodeObject(text)
	if err != nil {
		return Claims{}, err
	}
	return newClaims(object)
}

// lastDate is the end of the year 9999, in seconds since 1970 (protocol A6).
const lastDate = 253402300799

// newClaims types the registered claims (protocol A6). The error is ErrClaimType.
func newClaims(all map[string]any) (Claims, error) {
	claims := Claims{all: all}
	for _, member := range []struct {
		name string
		into *string
	}{{"iss", &claims.Issuer}, {"sub", &claims.Subject}, {"jti", &claims.ID}} {
		if err := stringMember(all, member.name, member.into); err != nil {
			return Claims{}, ErrClaimType
		}
	}
	for _, member := range []struct {
		name string
		into *time.Time
	}{{"exp", &claims.ExpiresAt}, {"nbf", &claims.NotBefore}, {"iat", &claims.IssuedAt}} {
		if err := dateMember(all, member.name, member.into); err != nil {
			return Claims{}, err
		}
	}
	if err := claims.Audience.read(all); err != nil {
		return Claims{}, err
	}
	return claims, nil
}

func dateMember(all map[string]any, name string, into *time.Time) error {
	var seconds float64
	switch value := all[name].(type) {
	case nil:
		if _, present := all[name]; present {
			return ErrClaimType
		}
		return nil
	case int64:
		seconds = float64(value)
	case float64:
		seconds = value
	default:
		return ErrClaimType
	}
	if seconds < 0 || seconds > lastDate {
		return ErrClaimType
	}
	whole, fraction := math.Modf(seconds)
	*into = time.Unix(int64(whole), int64(fraction*1e9))
	return nil
}

// read refuses an empty aud in either form: an audience that names nobody would match a setting that was left empty.
func (a *Audience) read(all map[string]any) error {
	switch value := all["aud"].(type) {
	case nil:
		if _, present := all["aud"]; present {
			return ErrClaimType
		}
	case string:
		if value == "" {
			return ErrClaimType
		}
		a.Values = []string{value}
	case []any:
		if len(value) == 0 {
			return ErrClaimType
		}
		a.Array = true
		for _, element := range value {
			text, ok := element.(string)
			if !ok || text == "" {
				return ErrClaimType
			}
			a.Values = append(a.Values, text)
		}
	default:
		return ErrClaimType
	}
	return nil
}
