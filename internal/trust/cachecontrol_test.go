package trust_test

import (
	"net/http"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
)

// date is a moment as HTTP writes it, so long after epoch.
func date(after time.Duration) string { return epoch.Add(after).Format(http.TimeFormat) }

// Protocol F2: within a minute and a day.
func TestRemote_keeps_a_set_for_as_long_as_its_headers_say(t *testing.T) {
	old, next := newParty(t), newParty(t)
	for name, test := range map[string]struct {
		headers []string
		counts  time.Duration
	}{
		"an hour":                 {[]string{"Cache-Control: max-age=3600"}, time.Hour},
		"an hour, less its age":   {[]string{"Cache-Control: max-age=3600", "Age: 600"}, 50 * time.Minute},
		"nothing":                 {nil, silent},
		"less than a minute":      {[]string{"Cache-Control: max-age=59"}, shortest},
		"no-store":                {[]string{"Cache-Control: no-store"}, shortest},
		"older than it should be": {[]string{"Cache-Control: max-age=3600", "Age: 999999999999"}, shortest},
		"a day":                   {[]string{"Cache-Control: max-age=86400"}, stale},
		"more than a day":         {[]string{"Cache-Control: max-age=31536000"}, stale},
		"Expires":                 {[]string{"Date: " + date(0), "Expires: " + date(time.Hour)}, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPublisher(t)
			p.publishes(old.jwks(t, "k"), test.headers...)
			r := following(t, p)
			accept(t, r, old.signs(t, "k"))
			// Until the last quarter nobody asks again. A set that was asked for here would be good until the end below.
			r.clock.advance(test.counts*3/4 - 1)
			accept(t, r, old.signs(t, "k"))
			p.publishes(next.jwks(t, "k"), test.headers...)
			r.clock.advance(test.counts/4 + 1)
			refuse(t, r, old.signs(t, "k"), jose.ErrSignature)
			accept(t, r, next.signs(t, "k"))
			p.want(t, 2)
		})
	}
}
