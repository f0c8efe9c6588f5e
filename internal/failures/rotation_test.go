package failures

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/gcp/localsecrets"
)

// rotation is the function RotateKeys, and the Secret Manager that it works with. A first notice has made a first key.
type rotation struct {
	*process
	t        *testing.T
	at       string // its URL
	door     *grpcDoor
	operator *gcp.SecretManager
	first    time.Time // of the first notice
}

func newRotation(t *testing.T) *rotation {
	t.Helper()
	embedded, err := localsecrets.Start(localsecrets.Config{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = embedded.Close() })
	r := &rotation{t: t, door: newGRPCDoor(t, embedded.Address()), first: time.Now()}
	if r.operator, err = gcp.NewSecretManager(gcp.SecretManagerConfig{EmulatorHost: embedded.Address()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.operator.Close() })
	if err := r.operator.CreateSecret(t.Context(), signingSecret); err != nil {
		t.Fatal(err)
	}
	r.process = startProcess(t, usual, "FUNCTION_TARGET=RotateKeys", "SECRET_MANAGER_EMULATOR_HOST="+r.door.address)
	r.at = r.url()
	if status := r.notice(signingSecret, r.first); status != http.StatusOK {
		t.Fatalf("the first notice is answered with %d:\n%s", status, r.log())
	}
	return r
}

func (r *rotation) notice(secret string, asked time.Time) int {
	r.t.Helper()
	return r.post(r.at, map[string]string{"eventType": "SECRET_ROTATE", "secretId": secret, "timestamp": asked.Format(time.RFC3339Nano)})
}

// withGarbage stands for the secret when somebody has added what is no key.
const withGarbage = signingSecret + " with garbage"

func (r *rotation) addGarbage() {
	r.t.Helper()
	if _, err := r.operator.AddVersion(r.t.Context(), signingSecret, []byte("garbage")); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rotation) versions() int {
	r.t.Helper()
	versions, err := r.operator.Versions(r.t.Context(), signingSecret)
	if err != nil {
		r.t.Fatal(err)
	}
	return len(versions)
}

// Pub/Sub delivers a notice at least once, in no order, and again for as long as it is not taken.
func TestRotation(t *testing.T) {
	t.Parallel()
	seen := newTable(t, "fault", "Pub/Sub gets", "new keys", "the log")
	for _, row := range []struct {
		name   string
		fault  condition
		secret string
		older  bool // than the first notice
		again  int  // so often it is delivered besides
		taken  bool
		keys   int
		error  string // of the log; empty: there is none
	}{
		{"none; a notice comes", works, signingSecret, false, 0, true, 1, ""},
		{"a notice comes three times", works, signingSecret, false, 2, true, 1, ""},
		{"a notice comes after a later one", works, signingSecret, true, 0, true, 0, ""},
		{"a notice about a secret of somebody else", works, signingSecret + "-of-nobody", false, 0, true, 0, "rotation"},
		{"the secret has a version that holds no key", works, withGarbage, false, 0, true, 1, "key_version"},
		{"Secret Manager is down", down, signingSecret, false, 0, false, 0, "rotation"},
		{"the permission is taken away", forbidden, signingSecret, false, 0, false, 0, "rotation"},
	} {
		seen.expect(row.name)
		t.Run(row.name, func(t *testing.T) {
			r := newRotation(t)
			if row.secret == withGarbage {
				r.addGarbage()
				row.secret = signingSecret
			}
			before := r.versions()
			r.door.become(row.fault)
			asked := time.Now()
			if row.older {
				asked = r.first.Add(-time.Minute)
			}
			var status int
			for range 1 + row.again {
				status = r.notice(row.secret, asked)
			}
			if taken := status < 300; taken != row.taken || !taken && status < 500 {
				t.Errorf("the notice is answered with %d:\n%s", status, r.log())
			}
			made := r.versions() - before
			if made != row.keys {
				t.Errorf("there are %d new keys", made)
			}
			said := "–"
			if row.error != "" {
				r.await("say so", func() bool { return strings.Contains(r.log(), "ERROR") })
				said = r.errorLine(func(e entry) string {
					if e.Event != row.error || e.Error == "" {
						t.Errorf("the log does not say why: %v", e)
					}
					return "`" + e.Event + "` " + cmp.Or(e.Decision, "error")
				})
			}
			seen.record(row.name, fmt.Sprint(status), fmt.Sprint(made), said)
		})
	}
}
