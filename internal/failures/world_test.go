package failures

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/kms/apiv1/kmspb"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/gcp/localkms"
	"example.com/countersign/internal/gcp/localsecrets"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/resource"
	"example.com/countersign/internal/revocation"
	"example.com/countersign/internal/server"
	"example.com/countersign/internal/service"
)

// What there is in a world, as its configuration names it.
const (
	ownIssuer           = "http://127.0.0.1:8080" // on loopback, or no keys could be fetched there
	api                 = "https://api.example.com"
	signingSecret       = "projects/acme/secrets/signing-keys"
	configurationSecret = "projects/acme/secrets/configuration"
	stopSecret          = "projects/acme/secrets/stop-list"
	clientSecret        = "projects/acme/secrets/warehouse"
	database            = "projects/acme/databases/countersign"
	kmsKey              = "projects/acme/locations/global/keyRings/auth/cryptoKeys/signing"
)

// sharedSecret is what a client has in Secret Manager instead of a key pair.
const sharedSecret = "a secret of tests, which is as long as HS256 wants it"

// tokensLive is how long tokens are good for in this configuration.
const tokensLive = time.Hour

// The usual configuration, and what some rows have besides.
const (
	usual = `
issuer: ` + ownIssuer + `
signing_keys: {secret: ` + signingSecret + `}
access_tokens: {lifetime: 1h}
resources:
  - {id: ` + api + `, scopes: [read]}
clients:
  - id: batch
    authentication: private_key_jwt
    keys: {file: party.json}
    grants: [client_credentials]
    allow: [{resource: ` + api + `, scopes: [read]}]
  - id: api
    authentication: private_key_jwt
    keys: {file: party.json}
    introspects: [` + api + `]
`
	withFirestore = usual + "replay: {firestore: " + database + "}\n"
	withIssuer    = usual + `issuers:
  - issuer: https://idp.example.com
    keys: {jwks_uri: PUBLISHER}
    allow: [{resource: ` + api + `, scopes: [read]}]
`
)

var (
	withKMS          = strings.Replace(usual, "secret: "+signingSecret, "kms: "+kmsKey, 1)
	withSharedSecret = strings.Replace(withKMS, "  - id: api\n", `  - id: warehouse
    authentication: client_secret_jwt
    keys: {shared_secret: `+clientSecret+`, algorithm: HS256}
    grants: [client_credentials]
    allow: [{resource: `+api+`, scopes: [read]}]
  - id: api
`, 1)
	withKMSAndStops = withKMS + "stop_list: {secret: " + stopSecret + "}\n"
	withLaterClient = strings.Replace(usual, "  - id: api\n", `  - id: later
    authentication: private_key_jwt
    keys: {file: party.json}
    grants: [client_credentials]
    allow: [{resource: `+api+`, scopes: [read]}]
  - id: api
`, 1)
	withKeysOfNobody = strings.Replace(withLaterClient, signingSecret, signingSecret+"-of-nobody", 1)
)

// world is one instance of the service, all that it depends on, a client and an API. Everything is real but Google's
// clouds, and the time: that stands still until a row moves it.
type world struct {
	t         *testing.T
	time      atomic.Pointer[time.Time]
	config    string
	follows   bool // the configuration is in Secret Manager
	folder    string
	capacity  int           // of the memory of used assertions; 0: that of the service
	drift     time.Duration // how much the instance's clock is ahead
	clientIs  time.Duration // how much that of the client and of the issuer is
	apiIs     time.Duration // how much that of the API is
	secrets   *grpcDoor
	firestore *grpcDoor
	kms       *grpcDoor
	publisher *publisher
	operator  *gcp.SecretManager // comes in by another door
	secretsAt string             // which is here
	party     jose.SigningKey    // of the client
	issuer    jose.SigningKey    // that signs what the issuer vouches for
	log       *logbook
	url       string
	held      string    // a token from before the fault
	since     time.Time // when that was issued
	instance  atomic.Pointer[http.Handler]
	running   *resource.Verifier // of an API that has run for a while
}

// newWorld makes a world in which all is well: the service has been running for a day.
func newWorld(t *testing.T, config string, follows bool, capacity int) *world {
	t.Helper()
	w := &world{t: t, config: config, follows: follows, capacity: capacity, folder: t.TempDir(), log: &logbook{}}
	begin := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	w.time.Store(&begin)
	var err error
	w.party, err = jose.GenerateSigningKey(jose.ES256)
	w.must(err)
	w.must(os.WriteFile(filepath.Join(w.folder, "party.json"), w.public(w.party), 0o600))
	w.publisher = newPublisher(t)
	w.issuerRotates()
	w.config = strings.ReplaceAll(w.config, "PUBLISHER", w.publisher.address)
	w.startSecretManager()
	w.firestore = newGRPCDoor(t, startFirestore(t))
	w.startKMS()
	w.advance(24 * time.Hour)
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { (*w.instance.Load()).ServeHTTP(rw, r) }))
	t.Cleanup(front.Close)
	w.url = front.URL
	w.begin()
	w.running = w.newAPI()
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) now() time.Time           { return *w.time.Load() }
func (w *world) ours() time.Time          { return w.now().Add(w.drift) }
func (w *world) advance(by time.Duration) { to := w.now().Add(by); w.time.Store(&to) }
func (w *world) context() context.Context { return context.Background() }
func (w *world) public(key jose.SigningKey) []byte {
	set, err := jose.EncodeKeySet(jose.KeySet{key.Verification()})
	w.must(err)
	return set
}

// issuerRotates gives the issuer a new key, and publishes no other.
func (w *world) issuerRotates() {
	var err error
	w.issuer, err = jose.GenerateSigningKey(jose.ES256)
	w.must(err)
	set := w.public(w.issuer)
	w.publisher.set.Store(&set)
}

func (w *world) startSecretManager() {
	w.t.Helper()
	embedded, err := localsecrets.Start(localsecrets.Config{Now: w.now})
	w.must(err)
	w.t.Cleanup(func() { _ = embedded.Close() })
	w.secrets = newGRPCDoor(w.t, embedded.Address())
	w.secretsAt = embedded.Address()
	w.operator, err = gcp.NewSecretManager(gcp.SecretManagerConfig{EmulatorHost: embedded.Address()})
	w.must(err)
	w.t.Cleanup(func() { _ = w.operator.Close() })
	own, err := jose.GenerateSigningKey(jose.ES256)
	w.must(err)
	encoded, err := own.EncodePKCS8()
	w.must(err)
	for name, payload := range map[string]string{
		signingSecret: string(encoded), configurationSecret: w.config, stopSecret: "entries: []\n", clientSecret: sharedSecret,
	} {
		w.must(w.operator.CreateSecret(w.context(), name))
		w.add(name, payload)
	}
}

// add adds a version to a secret. Versions have an order, so that the clock goes on.
func (w *world) add(secret, payload string) {
	w.t.Helper()
	w.advance(time.Second)
	_, err := w.operator.AddVersion(w.context(), secret, []byte(payload))
	w.must(err)
}

// disable disables every version of a secret.
func (w *world) disable(secret string) {
	w.t.Helper()
	keeper := w.operator.Keeper(secret)
	versions, err := keeper.Versions(w.context())
	w.must(err)
	for _, version := range versions {
		w.must(keeper.Disable(w.context(), version.ID))
	}
}

func (w *world) startKMS() {
	w.t.Helper()
	embedded, err := localkms.Start(localkms.Config{Now: w.now})
	w.must(err)
	w.t.Cleanup(func() { _ = embedded.Close() })
	w.kms = newGRPCDoor(w.t, embedded.Address())
	operator := kmspb.NewKeyManagementServiceClient(dial(w.t, embedded.Address()))
	_, err = operator.CreateKeyRing(w.context(), &kmspb.CreateKeyRingRequest{Parent: "projects/acme/locations/global", KeyRingId: "auth"})
	w.must(err)
	_, err = operator.CreateCryptoKey(w.context(), &kmspb.CreateCryptoKeyRequest{
		Parent: "projects/acme/locations/global/keyRings/auth", CryptoKeyId: "signing",
		CryptoKey: &kmspb.CryptoKey{
			Purpose:         kmspb.CryptoKey_ASYMMETRIC_SIGN,
			VersionTemplate: &kmspb.CryptoKeyVersionTemplate{Algorithm: kmspb.CryptoKeyVersion_EC_SIGN_P256_SHA256},
		},
	})
	w.must(err)
}

// begin starts an instance, in place of the one before.
func (w *world) begin() {
	w.t.Helper()
	secrets, err := gcp.NewSecretManager(gcp.SecretManagerConfig{EmulatorHost: w.secrets.address})
	w.must(err)
	firestore, err := gcp.NewFirestore(gcp.FirestoreConfig{EmulatorHost: w.firestore.address})
	w.must(err)
	kms, err := gcp.NewKMS(gcp.KMSConfig{EmulatorHost: w.kms.address})
	w.must(err)
	w.t.Cleanup(func() { _, _, _ = secrets.Close(), firestore.Close(), kms.Close() })
	surroundings := service.Surroundings{
		Secrets: secrets.Source,
		KMS:     func(key string) keys.Source { return kms.Keeper(key) },
		Replay: func(database, issuer string) (replay.Store, error) {
			if w.capacity > 0 {
				return replay.NewMemory(w.ours, w.capacity)
			}
			return firestore.ReplayStore(database, issuer, w.ours)
		},
		Revocations: func(database, issuer string) (revocation.Store, error) {
			return firestore.RevocationStore(database, issuer)
		},
		Folder: w.folder, Now: w.ours, Log: server.NewLog(w.log), Version: "test",
	}
	var handler http.Handler
	if w.follows {
		follower, err := service.Follow(configurationSecret, "", surroundings)
		w.must(err)
		follower.Start()
		handler = follower.Handler((*server.Server).Handler)
	} else {
		built, _, faults := service.Load("config.yaml", []byte(w.config), surroundings)
		w.must(faults.Err())
		built.Start()
		handler = built.Server.Handler()
	}
	w.instance.Store(&handler)
}

// newAPI is an API that has just begun.
func (w *world) newAPI() *resource.Verifier {
	verifier, err := resource.New(resource.Config{
		Issuer: ownIssuer, Audience: api, JWKSURI: w.url + server.JWKSPath, Client: http.DefaultClient,
		Now: func() time.Time { return w.now().Add(w.apiIs) }, Skew: 10 * time.Second,
	})
	w.must(err)
	return verifier
}

// logbook is what an instance has logged.
type logbook struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logbook) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// last is the end of it, for errors.
func (l *logbook) last() string {
	text := l.String()
	return text[max(0, len(text)-2000):]
}

// entry is of a line what this page tells.
type entry struct {
	Event, What, Serving, Decision, Reason, Warning string
	Severity, Error                                 string
}

// entries returns the lines from this place on.
func (l *logbook) entries(t *testing.T, from int) (all []entry) {
	t.Helper()
	for line := range strings.Lines(l.String()[from:]) {
		var e entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, e)
	}
	return all
}

// unproved is what the log must not have: anything that looks like a JWT or a private key.
var unproved = regexp.MustCompile(`eyJ[\w-]+\.eyJ|BEGIN PRIVATE|MIGHAgEA`)

func (l *logbook) expectNoSecret(t *testing.T) {
	t.Helper()
	if leak := unproved.FindString(l.String()); leak != "" {
		t.Errorf("the log has a secret: %s", leak)
	}
}

// sprint writes a wait as the page does.
func sprint(d time.Duration) string {
	return "after " + strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + " s"
}

// about does the same for what takes its time, in minutes: a request may start a load for those who come later, so that
// the second is a matter of chance.
func about(d time.Duration) string {
	switch {
	case d == 0:
		return "at once"
	case d <= 10*time.Second:
		return sprint(d)
	default:
		return fmt.Sprintf("within %d min", (d+time.Minute-1)/time.Minute)
	}
}
