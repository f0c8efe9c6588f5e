package failures

import (
	"testing"
	"time"
)

// The keys of issuers and of clients who publish them serve on for 24 hours, and nobody else is concerned.
func TestKeysOfOthers(t *testing.T) {
	play(t, []row{
		{
			name: "their JWKS is down when an instance first needs it", config: withIssuer,
			fault: []step{keysOfTheIssuer(down)},
			asks:  vouchedFor, gets: unavailable, told: "fetched_keys", others: client,
			mend: []step{keysOfTheIssuer(works)},
		},
		{
			name: "their JWKS hangs when an instance first needs it", config: withIssuer,
			fault: []step{keysOfTheIssuer(hanging)},
			asks:  vouchedFor, gets: unavailable, waits: 5 * time.Second, told: "fetched_keys", others: client,
			mend: []step{keysOfTheIssuer(works)},
		},
		{
			name: "their JWKS is down for 23 h", config: withIssuer,
			fault: []step{inTheMeantime(vouchedFor), keysOfTheIssuer(down), after(23 * time.Hour)},
			asks:  vouchedFor, gets: good, told: "fetched_keys", others: client,
			mend: []step{keysOfTheIssuer(works)},
		},
		{
			name: "their JWKS hangs for 23 h", config: withIssuer,
			fault: []step{inTheMeantime(vouchedFor), keysOfTheIssuer(hanging), after(23 * time.Hour)},
			asks:  vouchedFor, gets: good, waits: time.Second, told: "fetched_keys", others: client,
			mend: []step{keysOfTheIssuer(works)},
		},
		{
			name: "their JWKS is down for 24 h", config: withIssuer,
			fault: []step{inTheMeantime(vouchedFor), keysOfTheIssuer(down), after(24 * time.Hour)},
			asks:  vouchedFor, gets: unavailable, told: "fetched_keys", others: client,
			mend: []step{keysOfTheIssuer(works)},
		},
		{
			name: "it is down, and the issuer signs with a new key", config: withIssuer,
			fault: []step{inTheMeantime(vouchedFor), keysOfTheIssuer(down), after(2 * time.Minute), issuerRotates},
			asks:  vouchedFor, gets: unavailable, told: "fetched_keys", others: client,
			mend: []step{keysOfTheIssuer(works)},
		},
		{
			name: "the issuer signs with a new key", config: withIssuer,
			fault: []step{inTheMeantime(vouchedFor), after(2 * time.Minute), issuerRotates},
			asks:  vouchedFor, gets: good, others: client,
		},
		{
			name: "a stranger signs with a key that the issuer never had", config: withIssuer,
			fault: []step{inTheMeantime(vouchedFor), after(2 * time.Minute)},
			asks:  stranger, gets: badGrant, others: client,
		},
		{
			name: "the issuer publishes a set without keys", config: withIssuer,
			fault: []step{inTheMeantime(vouchedFor), issuerPublishesNothing, after(5 * time.Minute)},
			asks:  vouchedFor, gets: badGrant, others: client,
			mend: []step{issuerRotates},
		},
	})
}

func issuerRotates(w *world) { w.issuerRotates() }

func issuerPublishesNothing(w *world) {
	none := []byte(`{"keys":[]}`)
	w.publisher.set.Store(&none)
}

// What clients and issuers have in Secret Manager serves on for 24 hours as well. What signs is in Cloud KMS here.
func TestSecretsOfClients(t *testing.T) {
	play(t, []row{
		{
			name: "Secret Manager is down when an instance starts", config: withSharedSecret,
			fault: []step{secretManager(down), anInstanceStarts},
			asks:  warehouse, gets: unavailable, told: "shared_secret", others: client,
			mend: []step{secretManager(works)},
		},
		{
			name: "Secret Manager is down for 23 h", config: withSharedSecret,
			fault: []step{inTheMeantime(warehouse), secretManager(down), after(23 * time.Hour)},
			asks:  warehouse, gets: good, told: "shared_secret", others: client,
			mend: []step{secretManager(works)},
		},
		{
			name: "Secret Manager is down for 24 h", config: withSharedSecret,
			fault: []step{inTheMeantime(warehouse), secretManager(down), after(24 * time.Hour)},
			asks:  warehouse, gets: unavailable, told: "shared_secret", others: client,
			mend: []step{secretManager(works)},
		},
		{
			name: "a new version is too short for the algorithm", config: withSharedSecret,
			fault: []step{inTheMeantime(warehouse), newVersion(clientSecret, "short"), after(time.Minute)},
			asks:  warehouse, gets: good, told: "shared_secret", others: client,
		},
		{
			name: "all versions are disabled", config: withSharedSecret,
			fault: []step{inTheMeantime(warehouse), allVersionsDisabled(clientSecret), after(time.Minute)},
			asks:  warehouse, gets: badClient, others: client,
			mend: []step{enabled(clientSecret)},
		},
	})
}

// Where nobody knows who is stopped, nobody gets anything.
func TestStopList(t *testing.T) {
	play(t, []row{
		{
			name: "it cannot be read when an instance starts", config: withKMSAndStops,
			fault: []step{secretManager(down), anInstanceStarts},
			gets:  unavailable, notReady: true, told: "stop_list",
			mend: []step{secretManager(works)},
		},
		{
			name: "Secret Manager hangs when an instance starts", config: withKMSAndStops,
			fault: []step{secretManager(hanging), anInstanceStarts},
			gets:  unavailable, waits: 5 * time.Second, notReady: true, told: "stop_list",
			mend: []step{secretManager(works)},
		},
		{
			name: "it cannot be read for 23 h", config: withKMSAndStops,
			fault: []step{secretManager(down), after(23 * time.Hour)},
			gets:  good, told: "stop_list",
			mend: []step{secretManager(works)},
		},
		{
			name: "it cannot be read for 24 h", config: withKMSAndStops,
			fault: []step{secretManager(down), after(24 * time.Hour)},
			gets:  unavailable, notReady: true, told: "stop_list",
			mend: []step{secretManager(works)},
		},
		{
			name: "a new version has faults", config: withKMSAndStops,
			fault: []step{newVersion(stopSecret, "entries: ["), after(time.Minute)},
			gets:  good,
		},
		{
			name: "all versions are disabled, within 24 h", config: withKMSAndStops,
			fault: []step{allVersionsDisabled(stopSecret), after(time.Minute)},
			gets:  good, told: "stop_list",
			mend: []step{newVersion(stopSecret, "entries: []\n")},
		},
	})
}

func TestCloudKMS(t *testing.T) {
	play(t, []row{
		{
			name: "it is down", config: withKMS,
			fault: []step{kms(down)},
			gets:  unavailable,
			mend:  []step{kms(works)},
		},
		{
			name: "it hangs", config: withKMS,
			fault: []step{kms(hanging)},
			gets:  unavailable, waits: 5 * time.Second,
			mend: []step{kms(works)},
		},
		{
			name: "a signature takes 0.5 s", config: withKMS,
			fault: []step{kms(late(500 * time.Millisecond))},
			gets:  good,
		},
		{
			name: "the permission is taken away", config: withKMS,
			fault: []step{kms(forbidden)},
			gets:  unavailable,
			mend:  []step{kms(works)},
		},
		{
			name: "it is down for longer than 6 minutes", config: withKMS,
			fault: []step{kms(down), after(6 * time.Minute)},
			gets:  unavailable, notReady: true, jwksGone: true, told: "signing_keys",
			mend: []step{kms(works)},
		},
		{
			name: "it is down when an instance starts", config: withKMS,
			fault: []step{kms(down), anInstanceStarts},
			gets:  unavailable, notReady: true, jwksGone: true, told: "signing_keys",
			mend: []step{kms(works)},
		},
	})
}
