package server_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/server"
	"example.com/countersign/internal/service"
	"example.com/countersign/internal/trust"
)

// A deployment is one configuration at work: the whole server, behind a real listener.
type deployment struct {
	t             testing.TB
	configuration *config.Config
	folder        string // what the configuration's file names are relative to
	clock         *clock
	log           *logbook
	vault         *vault // nil where the configuration names no secret
	kms           func(key string) keys.Source
	shared        *sharedStores // nil where the configuration names no database
	snapshots     []trust.Snapshot
	service       *service.Service
	url           string

	mu   sync.Mutex
	told []string // the assertions, secrets and tokens that went over the wire
}

// deploy serves a configuration.
func deploy(t testing.TB, document string) *deployment {
	t.Helper()
	d := prepare(t, document)
	d.serve()
	return d
}

// prepare makes what a configuration names, from its names: the public keys of NAME.ALG in the file NAME.ALG.json, a
// payload in projects/acme/secrets/NAME, and the key that signs tokens.
func prepare(t testing.TB, document string) *deployment {
	t.Helper()
	d := &deployment{t: t, folder: t.TempDir(), clock: newClock(), log: &logbook{}}
	var faults config.Faults
	d.configuration, faults = config.Load("config.yaml", []byte(document))
	if err := faults.Err(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(document, "\nlimits:") { // Tables of refusals are no flood.
		d.configuration.Limits.ClientFailures = 1_000_000
	}
	for _, name := range regexp.MustCompile(`[\w-]+\.[A-Z]\w+\.json`).FindAllString(document, -1) {
		set, err := jose.EncodeKeySet(jose.KeySet{signingKey(t, strings.TrimSuffix(name, ".json")).Verification()})
		d.must(err)
		d.must(os.WriteFile(filepath.Join(d.folder, name), set, 0o600))
	}
	own := d.firstKeyOf(d.configuration.SigningKeys.KeyRing)
	if directory := d.configuration.SigningKeys.Directory; directory != "" {
		d.must(os.Mkdir(filepath.Join(d.folder, directory), 0o700))
		file := filepath.Join(d.folder, directory, "first.pem")
		d.must(os.WriteFile(file, own, 0o600))
		d.must(os.Chtimes(file, noon(), noon()))
	}
	if names := regexp.MustCompile(`projects/acme/secrets/[\w-]+`).FindAllString(document, -1); len(names) > 0 {
		slices.Sort(names)
		d.vault = newVault(d, slices.Compact(names))
	}
	t.Cleanup(d.expectNothingSecretInTheLog)
	return d
}

// firstKeyOf returns the first private key of a ring: own.ALG, or, of one that only publishes, old.ALG.
func (d *deployment) firstKeyOf(ring config.KeyRing) []byte {
	name := "own." + ring.Algorithm
	if ring.PublishOnly {
		name = "old." + ring.Algorithm
	}
	key, err := signingKey(d.t, name).EncodePKCS8()
	d.must(err)
	return key
}

// serve builds the server and opens the listener.
func (d *deployment) serve() {
	d.t.Helper()
	surroundings := service.Surroundings{
		Secrets: keepsNoSecrets, Folder: d.folder, Now: d.clock.now, Log: server.NewLog(d.log), Version: "v1.2.3", Project: "acme",
	}
	surroundings.KMS, surroundings.Snapshots = d.kms, d.snapshots
	if d.shared != nil {
		surroundings.Replay, surroundings.Revocations = d.shared.replay, d.shared.revocations
	}
	if d.vault != nil {
		surroundings.Secrets = d.vault.ours.Source
	}
	var faults config.Faults
	d.service, faults = service.New(d.configuration, surroundings)
	d.must(faults.Err())
	d.service.Start()
	d.listen(d.service.Server)
}

func (d *deployment) listen(served *server.Server) {
	listener := httptest.NewServer(served.Handler())
	d.t.Cleanup(listener.Close)
	d.url = listener.URL
}

func (d *deployment) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// A clock stands still until a test moves it. Every test begins at noon.
type clock struct {
	tells atomic.Pointer[func() time.Time]
}

func noon() time.Time { return time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC) }

func newClock() *clock {
	c := &clock{}
	c.set(noon())
	return c
}

func (c *clock) now() time.Time             { return (*c.tells.Load())() }
func (c *clock) set(to time.Time)           { c.replace(func() time.Time { return to }) }
func (c *clock) advance(by time.Duration)   { c.set(c.now().Add(by)) }
func (c *clock) replace(f func() time.Time) { c.tells.Store(&f) }

// in is a date of a JWT.
func (c *clock) in(d time.Duration) int64 { return c.now().Add(d).Unix() }

// A logbook is what the server has logged.
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

// decisions returns the audit events in this part of the log.
func decisions(t testing.TB, log string) (events []map[string]any) {
	t.Helper()
	for line := range strings.Lines(log) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if entry["event"] == nil {
			t.Errorf("a line says not what it is about: %s", line)
		}
		if entry["decision"] == "granted" || entry["decision"] == "denied" {
			events = append(events, entry)
		}
	}
	return events
}

func (l *logbook) lastDecision(t testing.TB) map[string]any {
	t.Helper()
	log := l.String()
	at := max(strings.LastIndex(log, `"decision":"granted"`), strings.LastIndex(log, `"decision":"denied"`))
	if at < 0 {
		t.Fatal("no decision was logged")
	}
	events := decisions(t, log[strings.LastIndex(log[:at], "\n")+1:])
	return events[len(events)-1]
}

// lastFailure returns the last line about a load of this kind that failed.
func (l *logbook) lastFailure(t testing.TB, what string) (entry map[string]any) {
	t.Helper()
	log := l.String()
	at := strings.LastIndex(log, `"event":"load_failed","what":"`+what+`"`)
	if at < 0 {
		t.Fatalf("the log has nothing about %s:\n%s", what, log)
	}
	line, _, _ := strings.Cut(log[strings.LastIndex(log[:at], "\n")+1:], "\n")
	if err := json.Unmarshal([]byte(line), &entry); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return entry
}

// remember takes note of what must never be in the log.
func (d *deployment) remember(secrets ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = append(d.told, secrets...)
}

// expectNothingSecretInTheLog looks for whatever was secret so far.
func (d *deployment) expectNothingSecretInTheLog() {
	d.mu.Lock()
	defer d.mu.Unlock()
	_ = decisions(d.t, d.log.String()) // Every line is JSON, and says what it is about.
	if leak := leaked(d.log.String(), d.told); leak != "" {
		d.t.Errorf("something secret is in the log: %.400s", leak)
	}
}

// leaked returns where log holds one of the secrets, or 24 bytes of a longer one: the parts of JWTs as they are, since
// the log may say what they claim, and anything else decoded as well.
func leaked(log string, secrets []string) string {
	for _, secret := range secrets {
		forms := strings.Split(secret, ".")
		if len(forms) == 1 {
			for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
				if decoded, err := encoding.DecodeString(secret); err == nil {
					forms = append(forms, string(decoded))
				}
			}
		}
		for _, form := range forms {
			for part := range slices.Chunk([]byte(form), 24) {
				if at := strings.Index(log, string(part)); at >= 0 && len(part) >= 10 {
					return log[max(0, at-150):]
				}
			}
		}
	}
	return ""
}

// allocated returns how many bytes this process has allocated.
func allocated() uint64 {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return memory.TotalAlloc
}

// ringFresh is how long keys are used before they are looked at again.
const ringFresh = time.Minute

// ringValid is how long they are used where they cannot be looked at again: the JWK Set's max-age and that minute.
const ringValid = 5*time.Minute + ringFresh
