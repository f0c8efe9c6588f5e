package failures

import (
	"testing"
	"time"
)

const broken = "issuer: ["

// The configuration serves on for 24 hours. What signs is in Cloud KMS where Secret Manager is away for longer than keys
// serve on.
func TestConfiguration(t *testing.T) {
	play(t, []row{
		{
			name:    "a new version has faults, then one has none",
			follows: true,
			fault:   []step{newVersion(configurationSecret, broken), after(time.Minute)},
			gets:    good,
			mend:    []step{newVersion(configurationSecret, withLaterClient)}, afterwards: laterClient,
		},
		{
			name:    "a new version names signing keys that cannot be had",
			follows: true,
			fault:   []step{newVersion(configurationSecret, withKeysOfNobody), after(time.Minute)},
			gets:    good, told: "configuration",
			mend: []step{newVersion(configurationSecret, withLaterClient)}, afterwards: laterClient,
		},
		{
			name:    "the newest version has faults when an instance starts",
			follows: true,
			fault:   []step{newVersion(configurationSecret, broken), anInstanceStarts},
			gets:    good,
		},
		{
			name:    "every version has faults when an instance starts",
			follows: true,
			fault:   []step{allVersionsDisabled(configurationSecret), newVersion(configurationSecret, broken), anInstanceStarts},
			gets:    unavailable, notReady: true, jwksGone: true, told: "configuration",
			mend: []step{newVersion(configurationSecret, usual)},
		},
		{
			name:    "all versions are disabled",
			follows: true,
			fault:   []step{allVersionsDisabled(configurationSecret), after(time.Minute)},
			gets:    unavailable, notReady: true, jwksGone: true,
			mend: []step{newVersion(configurationSecret, usual)},
		},
		{
			name:    "Secret Manager is down when an instance starts",
			follows: true,
			fault:   []step{secretManager(down), anInstanceStarts},
			gets:    unavailable, notReady: true, jwksGone: true, told: "configuration",
			mend: []step{secretManager(works)},
		},
		{
			name:    "Secret Manager hangs when an instance starts",
			follows: true,
			fault:   []step{secretManager(hanging), anInstanceStarts},
			gets:    unavailable, waits: 5 * time.Second, notReady: true, jwksGone: true, told: "configuration",
			mend: []step{secretManager(works)},
		},
		{
			name:    "Secret Manager is down for 23 h",
			follows: true, config: withKMS,
			fault: []step{secretManager(down), after(23 * time.Hour)},
			gets:  good, told: "configuration",
			mend: []step{secretManager(works)},
		},
		{
			name:    "Secret Manager is down for 24 h",
			follows: true, config: withKMS,
			fault: []step{secretManager(down), after(24 * time.Hour)},
			gets:  unavailable, notReady: true, jwksGone: true, told: "configuration",
			mend: []step{secretManager(works)},
		},
	})
}
