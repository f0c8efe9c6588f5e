package bench

import (
	"bufio"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
)

// asymmetric are what tokens and assertions can be signed with, and the sizes that RSA keys have.
var asymmetric = []string{
	"ES384", "ES512", "EdDSA", "RS256-2048", "RS256-3072", "RS256-4096", "PS256-2048", "PS256-3072", "PS256-4096",
}

// BenchmarkSignatures is the processor time of one signature, and of one verification, against those of ES256. Run it with
// -benchtime 300x.
func BenchmarkSignatures(b *testing.B) {
	const claims = `{"iss":"https://auth.example.com","sub":"client-0","aud":"https://api.example.com","client_id":"client-0",` +
		`"iat":1772366400,"exp":1772367000,"jti":"ZGQ5MmQ0NDYtNmE2ZS00ZmQ","scope":"read"}`
	sign := func(key jose.SigningKey) func(string) {
		return func(string) {
			if _, err := key.Sign("at+jwt", []byte(claims)); err != nil {
				b.Fatal(err)
			}
		}
	}
	verify := func(key jose.SigningKey) func(string) {
		token, err := key.Sign("at+jwt", []byte(claims))
		if err != nil {
			b.Fatal(err)
		}
		return func(string) {
			parsed, err := jose.Parse(token)
			if err == nil {
				_, err = parsed.Verify(key.Verification())
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	nothing := func() string { return "" }
	reference := newKey(b, "ES256")
	for _, name := range asymmetric {
		key := newKey(b, name)
		for what, side := range map[string]func(jose.SigningKey) func(string){"sign": sign, "verify": verify} {
			b.Run(what+"/"+name, func(b *testing.B) {
				compare(b, [2]string{"this", "ES256"}, [2]func() string{nothing, nothing}, [2]func(string){side(key), side(reference)})
			})
		}
	}
}

// BenchmarkTokens is the processor time of one token, in a process of its own, against that of one that is signed by
// ES256 for a client that signs by ES256; and what it weighs. Run it with -benchtime 4x, for four rounds.
func BenchmarkTokens(b *testing.B) {
	program := build(b, "countersign")
	serve := func(b *testing.B, signing, client string, c busy) side {
		d := deploy(b, signing, client, c.configure)
		p := d.start(b, program, oneProcessor)
		p.listening(b)
		s := side{d, p}
		s.tokens(b, 200) // the first ones warm up
		return s
	}
	reference := serve(b, "ES256", "ES256", busy{})
	against := func(name string, number int, serve func(b *testing.B) side) {
		b.Run(name, func(b *testing.B) {
			s := serve(b)
			var spent, floor time.Duration
			for b.Loop() {
				floor += reference.tokens(b, 2000)
				spent += s.tokens(b, number)
			}
			each := spent.Seconds() / float64(b.N*number)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(each/(floor.Seconds()/float64(b.N*2000)), "ratio")
			b.ReportMetric(each*1e6, "cpu-s/million")
			b.ReportMetric(float64(len(s.process.ask(b, s.form(b)))), "answer-bytes")
			b.ReportMetric(float64(len(s.process.get(b, "/.well-known/jwks.json"))), "jwks-bytes")
		})
	}
	few := func(name string) int { // so that no round takes long
		if strings.Contains(name, "S256-") {
			return 300
		}
		return 2000
	}
	against("signed/ES256", 2000, func(b *testing.B) side { return serve(b, "ES256", "ES256", busy{}) })
	for _, name := range asymmetric {
		against("signed/"+name, few(name), func(b *testing.B) side { return serve(b, name, "ES256", busy{algorithm: algorithmOf(name)}) })
	}
	against("signed/HS256", 2000, func(b *testing.B) side {
		return serve(b, "ES256", "ES256", busy{resource: ", access_tokens: {algorithm: HS256, shared_secret: " + sharedKey + "}"})
	})
	against("opaque", 2000, func(b *testing.B) side {
		return serve(b, "ES256", "ES256", busy{resource: ", access_tokens: {format: opaque}", section: "opaque_tokens: {secret: " + opaqueKeys + "}"})
	})
	for _, name := range asymmetric {
		against("client/"+name, few(name), func(b *testing.B) side { return serve(b, "ES256", name, busy{}) })
	}
}

// algorithmOf returns the algorithm of a name of newKey.
func algorithmOf(name string) jose.Algorithm {
	algorithm, _, _ := strings.Cut(name, "-")
	return jose.Algorithm(algorithm)
}

// side is one function that is measured, and what it was started with.
type side struct {
	*deployment
	process *process
}

// tokens gets so many, and returns the processor time that they took the function.
func (s side) tokens(tb testing.TB, number int) time.Duration {
	tb.Helper()
	requests := s.requests(tb, number)
	before := s.process.cpuTime()
	s.process.clients(tb, 4, 0, requests)
	return s.process.cpuTime() - before
}

// BenchmarkOpenSSL is the processor time of one RSA signature of Go's library against that of one by the program openssl,
// where there is one. Run it with -benchtime 100x.
func BenchmarkOpenSSL(b *testing.B) {
	if _, err := exec.LookPath("openssl"); err != nil {
		b.Skip("there is no openssl here")
	}
	digest := sha256.Sum256([]byte("a token"))
	for _, bits := range []int{2048, 3072, 4096} {
		b.Run(fmt.Sprint(bits), func(b *testing.B) {
			key, err := rsa.GenerateKey(rand.Reader, bits)
			if err != nil {
				b.Fatal(err)
			}
			before, number := cpuTime(), 0
			for b.Loop() {
				if _, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:]); err != nil {
					b.Fatal(err)
				}
				number++
			}
			ours := (cpuTime() - before).Seconds() / float64(number)
			theirs := opensslSigns(b, bits)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(ours*1000, "go-ms")
			b.ReportMetric(theirs*1000, "openssl-ms")
			b.ReportMetric(ours/theirs, "ratio")
		})
	}
}

// opensslSigns returns the seconds of processor time that openssl says one signature takes.
func opensslSigns(tb testing.TB, bits int) float64 {
	tb.Helper()
	output, err := exec.Command("openssl", "speed", "-mr", "-seconds", "1", fmt.Sprintf("rsa%d", bits)).Output()
	if err != nil {
		tb.Fatal(err)
	}
	for lines := bufio.NewScanner(strings.NewReader(string(output))); lines.Scan(); {
		var index, size int
		var signs float64
		if _, err := fmt.Sscanf(lines.Text(), "+F2:%d:%d:%f:", &index, &size, &signs); err == nil && size == bits {
			if signs > 1 { // versions differ: it is how many a second, or how long one takes
				signs = 1 / signs
			}
			return signs
		}
	}
	tb.Fatalf("openssl speed says something else: %s", output)
	return 0
}
