package assertion

import (
	"slices"
	"time"
)

// Exception is one thing in which an assertion may be weaker than its profile asks, for as long as it holds. One of
// Audience, MaxLifetime and IDOptional says what. The zero Exception excuses nothing.
type Exception struct {
	Name    string    // what the log calls it; empty: it never holds, since nobody could tell that it was used
	End     time.Time // it holds before this moment
	Endless bool      // it holds whatever End is

	Audience    string        // this aud is accepted as well
	MaxLifetime time.Duration // exp may be so far ahead of now, and of iat
	IDOptional  bool          // jti may be absent
}

func (e Exception) holds(now time.Time) bool {
	return e.Name != "" && (e.Endless || now.Before(e.End))
}

// weaken returns profile with one thing less to ask.
func (e Exception) weaken(profile Profile) Profile {
	if e.Audience != "" {
		profile.Audiences = append(slices.Clip(profile.Audiences), e.Audience)
	}
	if e.IDOptional {
		profile.IDRequired = false
	}
	profile.MaxLifetime = max(profile.MaxLifetime, e.MaxLifetime)
	return profile
}

// excuse finds an exception that holds and with which check passes.
func (a *asserted) excuse(check check) (name string, excused bool) {
	for _, exception := range a.profile.Exceptions {
		weaker, weakened := *a, exception.weaken(*a.profile)
		weaker.profile = &weakened
		if exception.holds(a.now) && check.fault(&weaker) == nil {
			return exception.Name, true
		}
	}
	return "", false
}
