package failures

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"example.com/countersign/internal/jose"
)

// The keys that sign serve on for six minutes: jwks_max_age and refresh_interval.
func TestSecretManager(t *testing.T) {
	play(t, []row{
		{
			name:  "it is down when an instance starts",
			fault: []step{secretManager(down), anInstanceStarts},
			gets:  unavailable, notReady: true, jwksGone: true, told: "signing_keys",
			mend: []step{secretManager(works)},
		},
		{
			name:  "it hangs when an instance starts",
			fault: []step{secretManager(hanging), anInstanceStarts},
			gets:  unavailable, waits: 5 * time.Second, notReady: true, jwksGone: true, told: "signing_keys",
			mend: []step{secretManager(works)},
		},
		{
			name:  "it takes 0.5 s a call when an instance starts",
			fault: []step{secretManager(late(500 * time.Millisecond)), anInstanceStarts},
			gets:  good, waits: time.Second,
		},
		{
			name:  "it takes 3 s a call when an instance starts",
			fault: []step{secretManager(late(3 * time.Second)), anInstanceStarts},
			gets:  unavailable, waits: 5 * time.Second, notReady: true, jwksGone: true, told: "signing_keys",
			mend: []step{secretManager(works)},
		},
		{
			name:  "it is down for 5 minutes",
			fault: []step{secretManager(down), after(5 * time.Minute)},
			gets:  good, told: "signing_keys",
			mend: []step{secretManager(works)},
		},
		{
			name:  "it is down for longer than 6 minutes",
			fault: []step{secretManager(down), after(6 * time.Minute)},
			gets:  unavailable, notReady: true, jwksGone: true, told: "signing_keys",
			mend: []step{secretManager(works)},
		},
		{
			name:  "it hangs for 5 minutes",
			fault: []step{secretManager(hanging), after(5 * time.Minute)},
			gets:  good, waits: time.Second, told: "signing_keys",
			mend: []step{secretManager(works)},
		},
		{
			name:  "it takes 3 s a call",
			fault: []step{secretManager(late(3 * time.Second)), after(5 * time.Minute)},
			gets:  good, waits: time.Second,
		},
		{
			name:  "the permission is taken away, 5 minutes",
			fault: []step{secretManager(forbidden), after(5 * time.Minute)},
			gets:  good, told: "signing_keys",
			mend: []step{secretManager(works)},
		},
		{
			name:  "the permission is taken away, longer",
			fault: []step{secretManager(forbidden), after(6 * time.Minute)},
			gets:  unavailable, notReady: true, jwksGone: true, told: "signing_keys",
			mend: []step{secretManager(works)},
		},
		{
			name:  "the secret is deleted, 5 minutes",
			fault: []step{secretManager(condition{answer: codes.NotFound}), after(5 * time.Minute)},
			gets:  good, told: "signing_keys",
			mend: []step{secretManager(works)},
		},
		{
			name:  "the secret is deleted, longer",
			fault: []step{secretManager(condition{answer: codes.NotFound}), after(6 * time.Minute)},
			gets:  unavailable, notReady: true, jwksGone: true, told: "signing_keys",
			mend: []step{secretManager(works)},
		},
		{
			name:  "all versions are disabled, then one is enabled again",
			fault: []step{allVersionsDisabled(signingSecret), after(6 * time.Minute)},
			gets:  unavailable, notReady: true, refused: true,
			mend: []step{enabled(signingSecret)},
		},
		{
			name:  "all versions are disabled, then a new one is added",
			fault: []step{allVersionsDisabled(signingSecret), after(6 * time.Minute)},
			gets:  unavailable, notReady: true, refused: true,
			mend: []step{newSigningKey},
		},
		{
			name:  "no key is added for a year, since nobody rotates",
			fault: []step{after(365 * 24 * time.Hour)},
			gets:  good,
		},
		{
			name:  "a version that holds no key",
			fault: []step{newVersion(signingSecret, "garbage"), after(time.Minute)},
			gets:  good,
		},
	})
}

// newSigningKey is what RotateKeys does, or an operator.
func newSigningKey(w *world) {
	key, err := jose.GenerateSigningKey(jose.ES256)
	w.must(err)
	encoded, err := key.EncodePKCS8()
	w.must(err)
	w.add(signingSecret, string(encoded))
}
