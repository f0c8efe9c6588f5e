package countersign

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/gcp/localsecrets"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/seal"
)

// rotated is a secret of signing keys, and the function that rotates it.
type rotated struct {
	t        *testing.T
	secret   string
	client   *gcp.SecretManager
	address  string
	function *process
}

// newRotated starts the function, with a configuration that has the rest in it, and with no key in the secret. It uses
// the Secret Manager that SECRET_MANAGER_EMULATOR_HOST names, or the embedded one.
func newRotated(t *testing.T, signingKeys string) *rotated {
	t.Helper()
	r := &rotated{t: t, address: os.Getenv("SECRET_MANAGER_EMULATOR_HOST")}
	if r.address == "" {
		embedded, err := localsecrets.Start(localsecrets.Config{Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = embedded.Close() })
		r.address = embedded.Address()
	}
	r.secret = "projects/acme/secrets/test-rotation-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	var err error
	if r.client, err = gcp.NewSecretManager(gcp.SecretManagerConfig{EmulatorHost: r.address}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.client.Close() })
	if err := r.client.CreateSecret(t.Context(), r.secret); err != nil {
		t.Fatal(err)
	}
	r.function = r.start("RotateKeys", signingKeys)
	return r
}

// start starts a function of the same configuration.
func (r *rotated) start(target, signingKeys string) *process {
	r.t.Helper()
	folder := r.t.TempDir()
	writeFile(r.t, filepath.Join(folder, "config.yaml"), r.configuration(signingKeys))
	return start(r.t, folder, "FUNCTION_TARGET="+target, "SECRET_MANAGER_EMULATOR_HOST="+r.address)
}

// configuration is what all functions have.
func (r *rotated) configuration(signingKeys string) string {
	return `
issuer: https://auth.example.com
signing_keys: {secret: ` + r.secret + `, ` + signingKeys + `}
clock_skew: 0s
access_tokens: {lifetime: 2s}
resources: [{id: "https://api.example.com", scopes: [read]}]
clients:
  - id: batch
    authentication: private_key_jwt
    keys: {pem: "` + strings.ReplaceAll(string(keyFile(r.t, "test-es256.public.pem")), "\n", `\n`) + `"}
    grants: [client_credentials]
    allow: [{resource: "https://api.example.com", scopes: [read]}]
`
}

// canonical is what Secret Manager calls the secret.
func (r *rotated) canonical() string {
	r.t.Helper()
	name, err := r.client.CanonicalName(r.t.Context(), r.secret)
	if err != nil {
		r.t.Fatal(err)
	}
	return name
}

// expectStates compares the states of the versions.
func (r *rotated) expectStates(why string, want ...keys.State) []keys.Version {
	r.t.Helper()
	versions, err := r.client.Versions(r.t.Context(), r.secret)
	if err != nil {
		r.t.Fatal(err)
	}
	var got []keys.State
	for _, version := range versions {
		got = append(got, version.State)
	}
	if !slices.Equal(got, want) {
		r.t.Errorf("%s: the versions are %v, want %v", why, got, want)
	}
	return versions
}

// message is a Pub/Sub message of Secret Manager.
type message map[string]string

func due(secret string, at time.Time) message {
	return message{"eventType": "SECRET_ROTATE", "secretId": secret, "dataFormat": "JSON_API_V1", "timestamp": at.Format(time.RFC3339Nano)}
}

func (m message) with(name, value string) message {
	changed := maps.Clone(m)
	changed[name] = value
	if value == "" {
		delete(changed, name)
	}
	return changed
}

// deliver sends a message as Pub/Sub's trigger does, and returns the status of the answer.
func (r *rotated) deliver(attributes message) int {
	r.t.Helper()
	data, err := json.Marshal(map[string]any{
		"message": map[string]any{
			"attributes": attributes, "messageId": "1", "data": base64.StdEncoding.EncodeToString([]byte(`{"name": "` + attributes["secretId"] + `"}`)),
		},
		"subscription": "projects/acme/subscriptions/rotation",
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return r.deliverData(data)
}

func (r *rotated) deliverData(data []byte) int {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.function.url+"/", bytes.NewReader(data))
	if err != nil {
		r.t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "Ce-Id": "1", "Ce-Specversion": "1.0",
		"Ce-Type": "google.cloud.pubsub.topic.v1.messagePublished", "Ce-Source": "//pubsub.googleapis.com/projects/acme/topics/rotation",
	} {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response.StatusCode
}

func TestRotateKeys_makes_one_key_of_one_notice(t *testing.T) {
	t.Parallel()
	r := newRotated(t, "refresh_interval: 1s")
	taken := func(m message) {
		t.Helper()
		if status := r.deliver(m); status < 200 || status > 299 {
			t.Errorf("%v is answered with %d", m, status)
		}
	}
	first := time.Now()
	taken(due(r.secret, first))
	r.expectStates("the first", keys.Enabled)
	taken(due(r.secret, first))
	taken(due(r.canonical(), first))
	r.expectStates("the same again", keys.Enabled)
	second := time.Now()
	taken(due(r.canonical(), second))
	r.expectStates("the next", keys.Enabled, keys.Enabled)
	taken(due(r.secret, first))
	taken(due(r.secret, first.Add(-time.Hour)))
	taken(due(r.secret, second))
	r.expectStates("those before, late", keys.Enabled, keys.Enabled)
}

func TestRotateKeys_adds_a_key_that_seals(t *testing.T) {
	t.Parallel()
	sealing := "projects/acme/secrets/test-sealing-" + strconv.FormatInt(time.Now().UnixNano(), 36)
	r := newRotated(t, "refresh_interval: 1s}\nopaque_tokens: {secret: "+sealing)
	if err := r.client.CreateSecret(t.Context(), sealing); err != nil {
		t.Fatal(err)
	}
	if status := r.deliver(due(sealing, time.Now())); status < 200 || status > 299 {
		t.Fatalf("the notice is answered with %d", status)
	}
	r.expectStates("the ring that signs is another")
	r.secret = sealing
	for _, version := range r.expectStates("the ring that seals", keys.Enabled) {
		if _, err := seal.ParseKey(version.Payload); err != nil {
			t.Error(err)
		}
	}
}

func TestRotateKeys_makes_one_key_of_a_notice_that_reaches_several_instances_at_once(t *testing.T) {
	t.Parallel()
	r := newRotated(t, "refresh_interval: 1s")
	others := []*process{r.function, r.start("RotateKeys", "refresh_interval: 1s"), r.start("RotateKeys", "refresh_interval: 1s")}
	for round := 1; round <= 5; round++ {
		asked := time.Now()
		var all sync.WaitGroup
		for n := range 4 * len(others) {
			all.Go(func() {
				to := *r
				to.function = others[n%len(others)]
				if status := to.deliver(due(r.canonical(), asked)); status < 200 || status > 299 {
					t.Errorf("it is answered with %d", status)
				}
			})
		}
		all.Wait()
		versions, err := r.client.Versions(t.Context(), r.secret)
		if err != nil {
			t.Fatal(err)
		}
		enabled := slices.DeleteFunc(versions, func(v keys.Version) bool { return v.State != keys.Enabled })
		if len(enabled) != round {
			t.Fatalf("%d notices have made %d keys", round, len(enabled))
		}
	}
}

func TestRotateKeys_is_quiet_about_every_other_change(t *testing.T) {
	t.Parallel()
	r := newRotated(t, "refresh_interval: 1s")
	for _, kind := range []string{
		"SECRET_VERSION_ADD", "SECRET_VERSION_ENABLE", "SECRET_VERSION_DISABLE", "SECRET_VERSION_DESTROY",
		"SECRET_VERSION_DESTROY_SCHEDULED", "SECRET_CREATE", "SECRET_UPDATE", "SECRET_DELETE", "TOPIC_CONFIGURED",
	} {
		for _, secret := range []string{r.secret, "projects/acme/secrets/another", ""} {
			if status := r.deliver(due(secret, time.Now()).with("eventType", kind)); status < 200 || status > 299 {
				t.Errorf("%s is answered with %d", kind, status)
			}
		}
	}
	r.expectStates("nothing was asked for")
	if written := r.function.log(); written != "" {
		t.Errorf("the log says %s", written)
	}
}

// What can never be acted on is refused in the log, and taken: it would be delivered for days.
func TestRotateKeys_refuses_what_is_no_notice_about_its_keys(t *testing.T) {
	t.Parallel()
	r := newRotated(t, "refresh_interval: 1s")
	another := r.secret + "-of-another"
	if err := r.client.CreateSecret(t.Context(), another); err != nil {
		t.Fatal(err)
	}
	good := due(r.secret, time.Now())
	for name, data := range map[string]message{
		"a foreign secret":        good.with("secretId", another),
		"one of another project":  good.with("secretId", strings.Replace(r.secret, "acme", "elsewhere", 1)),
		"one that begins as ours": good.with("secretId", r.secret+"x"),
		"ours within another":     good.with("secretId", "projects/elsewhere/secrets/x/"+r.secret),
		"a version of ours":       good.with("secretId", r.secret+"/versions/1"),
		"no secret":               good.with("secretId", ""),
		"no kind":                 good.with("eventType", ""),
		"no time":                 good.with("timestamp", ""),
		"a time that is none":     good.with("timestamp", "yesterday"),
	} {
		before := r.function.log()
		if status := r.deliver(data); status < 200 || status > 299 {
			t.Errorf("%s is answered with %d", name, status)
		}
		r.awaitLog(name, before, `"severity":"ERROR"`, "a notice is refused")
	}
	for _, data := range []string{`{}`, `{"message": []}`, `[]`, `"x"`} {
		if status := r.deliverData([]byte(data)); status < 200 || status > 299 {
			t.Errorf("%s is answered with %d", data, status)
		}
	}
	r.expectStates("nothing of it is for these keys")
	if versions, err := r.client.Versions(t.Context(), another); err != nil || len(versions) > 0 {
		t.Errorf("the foreign secret has %d versions, %v", len(versions), err)
	}
}

// awaitLog waits until the log, behind what it said before, has a line with these texts.
func (r *rotated) awaitLog(why, before string, texts ...string) {
	r.t.Helper()
	said := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		said = strings.TrimPrefix(r.function.log(), before)
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(said, text) }) {
			return
		}
	}
	r.t.Errorf("%s: the log says %q", why, said)
}

// An outage is no reason to lose a rotation: the notice is to be delivered again.
func TestRotateKeys_wants_the_notice_again_where_it_could_not_act(t *testing.T) {
	t.Parallel()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort()))
	r := &rotated{t: t, secret: "projects/acme/secrets/late", address: address}
	r.function = r.start("RotateKeys", "refresh_interval: 1s")
	asked := time.Now()
	if status := r.deliver(due(r.secret, asked)); status < 500 {
		t.Errorf("without Secret Manager it is answered with %d", status)
	}
	r.awaitLog("without Secret Manager", "", `"severity":"ERROR"`, `"event":"rotation"`, r.secret, `"added":""`) // for the alert
	embedded, err := localsecrets.Start(localsecrets.Config{Now: time.Now, Address: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = embedded.Close() })
	if r.client, err = gcp.NewSecretManager(gcp.SecretManagerConfig{EmulatorHost: address}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.client.Close() })
	if err := r.client.CreateSecret(t.Context(), r.secret); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(patience)
	for r.deliver(due(r.secret, asked)) >= 500 && time.Now().Before(deadline) {
		time.Sleep(100 * time.Millisecond)
	}
	r.expectStates("delivered until it is taken", keys.Enabled)
	r.awaitLog("delivered until it is taken", "", `"added":"1"`)
	if written := r.function.log(); strings.Contains(written, "PRIVATE") || strings.Contains(written, `"d":`) {
		t.Errorf("the log says %s", written)
	}
}
