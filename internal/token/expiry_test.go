package token_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"example.com/countersign/internal/oauth"
)

// Protocol S3.
func TestS3_a_token_lives_as_long_as_its_rule_and_its_assertion_allow(t *testing.T) {
	b := newBench(t)
	in := func(d time.Duration) claims { return claims{"exp": epoch.Add(d).Unix()} }
	for name, test := range map[string]struct {
		request request
		want    int64 // expires_in
	}{
		"the rule's lifetime":                       {request{lifetime: time.Hour}, 3600},
		"whatever the assertion's":                  {request{lifetime: time.Hour, claims: in(time.Minute)}, 3600},
		"the shortest lifetime":                     {request{lifetime: time.Second}, 1},
		"bound to an assertion that lives longer":   {request{lifetime: time.Minute, claims: in(time.Hour), bound: true}, 60},
		"bound to an assertion that lives as long":  {request{lifetime: time.Minute, claims: in(time.Minute), bound: true}, 60},
		"bound to one that expires a second before": {request{lifetime: time.Minute, claims: in(59 * time.Second), bound: true}, 59},
		"bound to one that expires soon":            {request{lifetime: time.Hour, claims: in(2 * time.Second), bound: true}, 2},
		"bound, and the lifetime is the shortest":   {request{lifetime: time.Second, claims: in(time.Hour), bound: true}, 1},
		"a fraction of a second is not rounded up":  {request{lifetime: time.Hour, claims: claims{"exp": float64(epoch.Unix()) + 60.9}, bound: true}, 60},
	} {
		t.Run(name, func(t *testing.T) {
			made, read := b.issue(t, test.request)
			if made.ExpiresIn != test.want || made.ExpiresAt != epoch.Unix()+test.want || read.Unverified().ExpiresAt.Unix() != made.ExpiresAt {
				t.Errorf("got %+v, %v; want %d s", made, read.Unverified().ExpiresAt, test.want)
			}
		})
	}
}

// An assertion is good for Skew after its exp. What ends with it would be handed out when it has ended.
func TestS3_a_token_that_would_end_at_once_is_not_made(t *testing.T) {
	b := newBench(t)
	for _, ahead := range []float64{1, 0.5, 0, -1, -9} {
		decision := b.decide(t, request{claims: claims{"exp": float64(epoch.Unix()) + ahead}, bound: true})
		b.refuse(t, decision, oauth.InvalidGrant, "expires_too_soon")
		if made, _ := b.issue(t, request{claims: claims{"exp": float64(epoch.Unix()) + ahead}}); made.ExpiresIn != 600 {
			t.Errorf("not bound to it: %+v", made)
		}
	}
	decision := b.decide(t, request{claims: claims{"exp": epoch.Unix() + 3}, bound: true})
	b.now = epoch.Add(2 * time.Second)
	b.refuse(t, decision, oauth.InvalidGrant, "expires_too_soon")
}

// The clock is between two seconds, a token's dates are not.
func TestS3_whatever_the_clock_a_token_has_a_life_and_none_beyond_its_bounds(t *testing.T) {
	b := newBench(t)
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		r := request{lifetime: time.Second * time.Duration(1+random.IntN(20)), bound: random.IntN(4) > 0}
		limit := epoch.Add(time.Second * time.Duration(1+random.IntN(20)))
		r.claims = claims{"exp": limit.Unix()}
		decision := b.decide(t, r)
		b.now = epoch.Add(time.Duration(random.Int64N(int64(20 * time.Second))))
		draft, err := b.Draft(t.Context(), decision)
		if err != nil {
			if !r.bound || limit.After(b.now.Add(time.Second)) {
				t.Fatalf("%+v at %v: %v", r, b.now, err)
			}
			continue
		}
		made, err := draft.Sign()
		must(t, err)
		expires := time.Unix(made.ExpiresAt, 0)
		if made.ExpiresIn < 1 || expires.After(b.now.Add(r.lifetime)) || r.bound && expires.After(limit) || made.ExpiresAt-made.ExpiresIn != b.now.Unix() {
			t.Fatalf("%+v at %v: %+v", r, b.now, made)
		}
	}
}
