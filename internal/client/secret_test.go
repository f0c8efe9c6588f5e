package client_test

import (
	"context"
	"errors"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/bcrypt"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/client"
	"example.com/countersign/internal/oauth"
)

func bcryptOf(t testing.TB, secret string, cost int) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(secret), cost)
	if err != nil {
		t.Fatal(err)
	}
	return string(hash)
}

func argonOf(t testing.TB, secret string, memory uint32) string {
	t.Helper()
	hash, err := argon2id.CreateHash(secret, &argon2id.Params{Memory: memory, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// registry is one client, "c", that authenticates by client_secret_post with these hashes.
func registry(t testing.TB, hashes ...string) *client.Registry {
	t.Helper()
	registration := &client.Registration{ID: "c", Method: oauth.ClientSecretPost, Grants: []string{oauth.ClientCredentials}}
	for _, text := range hashes {
		hash, err := client.ParseSecretHash(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		registration.Secrets = append(registration.Secrets, hash)
	}
	verifier, err := assertion.NewVerifier(time.Now, 0)
	if err != nil {
		t.Fatal(err)
	}
	registry, err := client.New(client.Config{Registrations: []*client.Registration{registration}, Verifier: verifier, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return registry
}

// authenticate tries a secret.
func authenticate(ctx context.Context, t testing.TB, r *client.Registry, id, secret string) error {
	t.Helper()
	request, err := oauth.ParseTokenRequest(oauth.Form{Parameters: url.Values{
		"grant_type": {oauth.ClientCredentials}, "client_id": {id}, "client_secret": {secret},
	}})
	if err != nil {
		t.Fatal(err)
	}
	authenticated, err := r.Authenticate(ctx, request)
	if (err == nil) != authenticated.Proved() || authenticated.IsZero() != (err != nil) {
		t.Errorf("%v, %v", authenticated, err)
	}
	return err
}

func fits(t testing.TB, r *client.Registry, secret string) {
	t.Helper()
	if err := authenticate(t.Context(), t, r, "c", secret); err != nil {
		t.Errorf("%.80q: %v", secret, err)
	}
}

func fails(t testing.TB, r *client.Registry, secret string) {
	t.Helper()
	refusal, is := errors.AsType[*oauth.Error](authenticate(t.Context(), t, r, "c", secret))
	if !is || refusal.Code != oauth.InvalidClient || refusal.Reason != "secret_wrong" {
		t.Errorf("%.80q: %v", secret, refusal)
	}
}

func TestC1_a_secret_fits_its_hash_and_no_other_does(t *testing.T) {
	const secret = "correct horse battery staple"
	for name, hash := range map[string]string{
		"bcrypt":    bcryptOf(t, secret, bcrypt.MinCost),
		"bcrypt 2b": strings.Replace(bcryptOf(t, secret, bcrypt.MinCost), "$2a$", "$2b$", 1),
		"bcrypt 2y": strings.Replace(bcryptOf(t, secret, bcrypt.MinCost), "$2a$", "$2y$", 1),
		"argon2id":  argonOf(t, secret, 64),
	} {
		t.Run(name, func(t *testing.T) {
			r := registry(t, hash)
			for range 3 {
				fits(t, r, secret)
				for _, wrong := range []string{"x", secret + " ", " " + secret, secret[1:], strings.ToUpper(secret), secret + "\x00", hash, secret + secret} {
					fails(t, r, wrong)
				}
			}
		})
	}
}

func TestC1_two_hashes_are_good_at_once_so_that_a_secret_can_change(t *testing.T) {
	r := registry(t, bcryptOf(t, "old", bcrypt.MinCost), argonOf(t, "new", 64))
	for range 2 {
		fits(t, r, "old")
		fits(t, r, "new")
		fails(t, r, "oldnew")
		fits(t, r, "old")
	}
}

// bcrypt looks at 72 bytes and no more: whoever knows them must not be let in with others behind.
func TestC1_a_secret_longer_than_bcrypt_reads_never_fits(t *testing.T) {
	long := strings.Repeat("a", 72)
	r := registry(t, bcryptOf(t, long, bcrypt.MinCost))
	fails(t, r, long+"b")
	fits(t, r, long)
	fails(t, r, long+"b")
	fails(t, r, long[:71])
	fails(t, r, strings.Repeat("a", 60_000))

	r = registry(t, argonOf(t, long+"b", 64))
	fits(t, r, long+"b")
	fails(t, r, long)
	fails(t, r, long+"c")
}

// An empty hash would fit every secret.
func TestParseSecretHash_refuses_what_is_no_hash(t *testing.T) {
	blow, argon := bcryptOf(t, "s", bcrypt.MinCost), argonOf(t, "s", 64)
	parts := strings.Split(argon, "$") // "", argon2id, v=19, m=…, salt, key
	variant := func(index int, text string) string {
		changed := append([]string(nil), parts...)
		changed[index] = text
		return strings.Join(changed, "$")
	}
	for name, text := range map[string]string{
		"empty":                      "",
		"the secret as it is":        "hunter2",
		"the secret in hexadecimal":  "f52fbd32b2b3b86ff88ef6c490628285f482af15ddcb29541f94bcf526a3f6c7",
		"SHA-512 crypt":              "$6$salt$hash",
		"scrypt":                     "$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBsjjJxD",
		"argon2i":                    variant(1, "argon2i"),
		"argon2d":                    variant(1, "argon2d"),
		"a space in front":           " " + blow,
		"a line break behind bcrypt": blow + "\n",
		"a line break behind argon2": argon + "\n",

		"bcrypt, cut off":              blow[:59],
		"bcrypt, more behind":          blow + "A",
		"bcrypt without salt":          "$2b$10$",
		"bcrypt of an unknown kind":    "$2z$" + blow[4:],
		"bcrypt of a later version":    "$3b$" + blow[4:],
		"bcrypt, letters for the cost": "$2b$xx$" + blow[7:],
		"bcrypt, cost below its least": "$2b$03$" + blow[7:],
		"bcrypt, cost above its most":  "$2b$32$" + blow[7:],
		"bcrypt, other characters":     blow[:30] + "!" + blow[31:],
		"bcrypt, base64's plus":        blow[:10] + "+" + blow[11:],

		"argon2id without a hash":         variant(5, ""),
		"argon2id with a byte of a hash":  variant(5, "AA"),
		"argon2id with 15 bytes of hash":  variant(5, strings.Repeat("A", 20)),
		"argon2id without a salt":         variant(4, ""),
		"argon2id with a byte of salt":    variant(4, "AA"),
		"argon2id in padded base64":       variant(4, "AAAAAAAAAAAAAAAAAAAAAA=="),
		"argon2id in base64url":           variant(4, "AAAAAAAAAAAAAAAAAAA-_w"),
		"argon2id with spare bits":        variant(4, "AAAAAAAAAAAAAAAAAAAAAB"),
		"argon2id, no iteration":          variant(3, "m=64,t=0,p=1"),
		"argon2id, no thread":             variant(3, "m=64,t=1,p=0"),
		"argon2id, no memory":             variant(3, "m=0,t=1,p=1"),
		"argon2id, less memory than it":   variant(3, "m=31,t=1,p=4"),
		"argon2id, too many threads":      variant(3, "m=65536,t=1,p=256"),
		"argon2id, below zero":            variant(3, "m=64,t=-1,p=1"),
		"argon2id, other parameters":      variant(3, "m=64,t=1,p=1,x=1"),
		"argon2id, another order":         variant(3, "t=1,m=64,p=1"),
		"argon2id, rubbish behind them":   variant(3, "m=64,t=1,p=1 rubbish"),
		"argon2id, another version":       variant(2, "v=16"),
		"argon2id, rubbish in version":    variant(2, "v=19x"),
		"argon2id without a version":      "$argon2id$" + strings.Join(parts[3:], "$"),
		"argon2id, cut off":               strings.Join(parts[:5], "$"),
		"argon2id, more behind":           argon + "$x",
		"argon2id in capitals":            strings.Replace(argon, "argon2id", "ARGON2ID", 1),
		"argon2id: too much memory":       variant(3, "m=65537,t=1,p=1"),
		"argon2id: too many iterations":   variant(3, "m=64,t=11,p=1"),
		"argon2id: a number that is none": variant(3, "m=99999999999999999999,t=1,p=1"),
		"bcrypt: too expensive":           "$2b$15$" + blow[7:],
	} {
		hash, err := client.ParseSecretHash(text)
		if err == nil || hash != nil {
			t.Errorf("%s: %q is accepted", name, text)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") || len(text) > 20 && strings.Contains(err.Error(), text[len(text)-10:]) {
			t.Errorf("%s: the error repeats it: %v", name, err)
		}
	}
	for _, text := range []string{blow, argon, variant(3, "m=65536,t=10,p=4"), "$2b$14$" + blow[7:], variant(5, strings.Repeat("A", 22))} {
		if _, err := client.ParseSecretHash(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Machines send the same secret with every request.
func TestC1_a_secret_that_has_fitted_is_remembered_and_no_other(t *testing.T) {
	const memory = 4 << 10 // KiB
	const slow = memory << 10
	r := registry(t, argonOf(t, "right", memory))
	if cost := allocated(func() { fits(t, r, "right") }); cost < slow {
		t.Errorf("the first took %d bytes: it was not hashed", cost)
	}
	if cost := allocated(func() { fits(t, r, "right") }); cost > slow/2 {
		t.Errorf("the second took %d bytes: it was hashed again", cost)
	}
	for range 2 {
		if cost := allocated(func() { fails(t, r, "wrong") }); cost < slow {
			t.Errorf("a wrong one took %d bytes: it was not hashed", cost)
		}
	}
	if cost := allocated(func() { fits(t, r, "right") }); cost > slow/2 {
		t.Errorf("after a wrong one it took %d bytes: the right one is forgotten", cost)
	}
	other := registry(t, argonOf(t, "right", memory))
	if cost := allocated(func() { fails(t, other, "wrong"); fits(t, other, "right") }); cost < 2*slow {
		t.Errorf("another hash took %d bytes: it remembers what is not its own", cost)
	}
}

// Slow hashes wait for each other, or a flood of wrong secrets takes all the memory. Who cannot wait is told to come
// again, and who has been let in before does not wait at all.
func TestC1_slow_hashes_run_a_few_at_a_time(t *testing.T) {
	r := registry(t, bcryptOf(t, "right", 8))
	fits(t, r, "right")
	var flood sync.WaitGroup
	for range 10 {
		flood.Go(func() { fails(t, r, "wrong") })
	}
	done := make(chan struct{})
	go func() { flood.Wait(); close(done) }()
	turnedAway := 0
	for {
		select {
		case <-done:
			if turnedAway == 0 {
				t.Error("none of ten at once had to wait")
			}
			return
		default:
		}
		hurried, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond)
		refusal, _ := errors.AsType[*oauth.Error](authenticate(hurried, t, r, "c", "wrong too"))
		if refusal != nil && refusal.Code == oauth.TemporarilyUnavailable && errors.Is(refusal, context.DeadlineExceeded) {
			turnedAway++
		}
		if err := authenticate(hurried, t, r, "c", "right"); err != nil {
			t.Errorf("a client that was let in before: %v", err)
		}
		cancel()
	}
}
