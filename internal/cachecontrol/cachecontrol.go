// Package cachecontrol reads for how long an answer may be kept, as its headers say (RFC 9111 §4.2): the JWK Sets and
// metadata of others, and our own JWK Set at an API.
//
// It must never take for longer-lived what contradicts itself or cannot be read: a key that was taken back would verify on.
package cachecontrol

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Lifetime returns how much longer an answer is good that came at now, by its own headers; silent, where these do not say,
// which §4.2.2 leaves to whoever keeps it. Zero, or less, is an answer that is not to be kept. What contradicts itself or
// cannot be read counts as that, as §4.2.1 advises. Who asks keeps it for itself alone, so s-maxage does not count.
func Lifetime(header http.Header, now time.Time, silent time.Duration) time.Duration {
	directives, readable := parseCacheControl(header.Values("Cache-Control"))
	_, noStore := directives["no-store"]
	_, noCache := directives["no-cache"]
	maxAge, hasMaxAge := directives["max-age"]
	switch {
	case !readable || noStore || noCache:
		return 0
	case hasMaxAge:
		period, valid := parseSeconds(maxAge)
		if !valid {
			return 0
		}
		return period - age(header)
	case len(header.Values("Expires")) > 0:
		return untilExpires(header, now)
	default:
		return silent
	}
}

// untilExpires is the lifetime by Expires and Date (RFC 9111 §4.2.1, §5.3). Their difference counts, since the sender's
// clock may not be ours.
func untilExpires(header http.Header, now time.Time) time.Duration {
	expires, err := http.ParseTime(header.Get("Expires"))
	if err != nil || len(header.Values("Expires")) > 1 {
		return 0 // Expires: 0 is what many write for now
	}
	sent, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		sent = now
	}
	if !expires.After(sent) {
		return 0
	}
	return expires.Sub(sent) - age(header)
}

// age is how long the answer lay in a cache on its way (RFC 9111 §5.1). One that cannot be read is ignored.
func age(header http.Header) time.Duration {
	first, _, _ := strings.Cut(header.Get("Age"), ",")
	period, _ := parseSeconds(strings.TrimSpace(first))
	return period
}

// manySeconds is what a longer period counts as (RFC 9111 §1.2.2).
const manySeconds = 1_000_000_000

// parseSeconds reads delta-seconds (RFC 9111 §1.2.2).
func parseSeconds(text string) (period time.Duration, valid bool) {
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
		return 0, false
	}
	seconds, err := strconv.Atoi(text)
	if err != nil || seconds > manySeconds {
		seconds = manySeconds
	}
	return time.Duration(seconds) * time.Second, true
}

// parseCacheControl takes the lines of Cache-Control apart (RFC 9111 §5.2): the arguments by the names in lower case.
// The argument of a name that comes twice is none, so that nobody can take it for a number.
func parseCacheControl(lines []string) (directives map[string]string, readable bool) {
	directives = make(map[string]string)
	for _, line := range lines {
		for line != "" {
			var directive string
			if directive, line, readable = cutDirective(line); !readable {
				return nil, false
			}
			name, argument, _ := strings.Cut(directive, "=")
			name = strings.ToLower(strings.TrimSpace(name))
			if _, twice := directives[name]; twice {
				argument = ""
			}
			// Either form of an argument is to be taken (RFC 9111 §5.2).
			directives[name] = strings.Trim(strings.TrimSpace(argument), `"`)
		}
	}
	return directives, true
}

// cutDirective returns what comes before the first comma outside of quotes, and what comes behind. Quotes without an
// end make the line unreadable: nobody can tell what they hold.
func cutDirective(line string) (directive, rest string, readable bool) {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\\' && quoted:
			i++
		case c == ',' && !quoted:
			return line[:i], line[i+1:], true
		}
	}
	return line, "", !quoted
}
