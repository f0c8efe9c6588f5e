package failures

import (
	"time"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
)

// Secret Manager, Firestore, Cloud KMS and the publisher of an issuer's keys, as everybody but the operator finds them.

func secretManager(is condition) step { return func(w *world) { w.secrets.become(is) } }

func firestore(is condition) step { return func(w *world) { w.firestore.become(is) } }

func kms(is condition) step { return func(w *world) { w.kms.become(is) } }

func keysOfTheIssuer(are condition) step { return func(w *world) { w.publisher.become(are) } }

// after lets time pass.
func after(d time.Duration) step { return func(w *world) { w.advance(d) } }

// Clocks that are wrong from now on. By less than nothing is behind.

func clockOfTheClient(ahead time.Duration) step { return func(w *world) { w.clientIs = ahead } }

func clockOfTheInstance(ahead time.Duration) step { return func(w *world) { w.drift = ahead } }

func clockOfTheAPI(ahead time.Duration) step { return func(w *world) { w.apiIs = ahead } }

// anInstanceStarts, and gets the requests from now on.
func anInstanceStarts(w *world) { w.begin() }

func newVersion(secret, payload string) step { return func(w *world) { w.add(secret, payload) } }

// allVersionsDisabled disables every version that there is.
func allVersionsDisabled(secret string) step { return func(w *world) { w.disable(secret) } }

// inTheMeantime somebody sends a request, whatever becomes of it.
func inTheMeantime(asks asking) step { return func(w *world) { w.send(asks(w)) } }

// times does something again and again.
func times(n int, do step) step {
	return func(w *world) {
		for range n {
			do(w)
		}
	}
}

// enabled enables the first version of a secret.
func enabled(secret string) step {
	return func(w *world) {
		request := &secretmanagerpb.EnableSecretVersionRequest{Name: secret + "/versions/1"}
		_, err := secretmanagerpb.NewSecretManagerServiceClient(dial(w.t, w.secretsAt)).EnableSecretVersion(w.context(), request)
		w.must(err)
	}
}

// timePasses is what mends some things.
func timePasses(*world) {}
