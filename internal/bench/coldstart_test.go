package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
)

// starts are the times of one program's starts, in milliseconds.
type starts struct {
	program                 string
	environment             []string
	listening, listeningCPU []float64
	answered, answeredCPU   []float64
}

// BenchmarkColdStart is the time from the start of a process until it listens, and until it has answered its first
// request, which for ours is a token, signed by a key from a Secret Manager on loopback. Both are measured against a
// function that only links jwx and Secret Manager's client, from the same libraries, and as it would be by itself. Run it
// with -benchtime 20x. Aim: no more than 1.5.
//
// roomy is ours with GOGC=400, which saves the collection of garbage that falls into the start.
func BenchmarkColdStart(b *testing.B) {
	d := deploy(b, "ES256", "ES256", small)
	ours, baseline := &starts{program: build(b, "countersign")}, &starts{program: build(b, "baseline")}
	alone, bare := &starts{program: build(b, "baseline", alone(b)...)}, &starts{program: build(b, "bare")}
	roomy := &starts{program: ours.program, environment: []string{"GOGC=400"}}
	all := []*starts{ours, baseline, alone, bare, roomy}
	for _, each := range all {
		d.startTwice(b, &starts{program: each.program}) // it is in the page cache from here on
	}
	for b.Loop() {
		for _, each := range all {
			d.startTwice(b, each)
		}
	}
	b.ReportMetric(0, "ns/op")
	report := func(what string, of func(*starts) []float64) {
		floor := median(of(baseline))
		b.ReportMetric(median(of(ours)), what+"-ms")
		b.ReportMetric(median(of(ours))/floor, what+"-ratio")
		b.ReportMetric(median(of(ours))/median(of(alone)), what+"-ratio-alone")
		b.ReportMetric(median(of(bare))/floor, what+"-bare")
		b.ReportMetric(median(of(roomy))/floor, what+"-roomy")
	}
	report("listening", func(s *starts) []float64 { return s.listening })
	report("listening-cpu", func(s *starts) []float64 { return s.listeningCPU })
	report("token", func(s *starts) []float64 { return s.answered })
	report("token-cpu", func(s *starts) []float64 { return s.answeredCPU })
}

// startTwice starts a program to see when it listens, and again to see when it has answered a request.
func (d *deployment) startTwice(tb testing.TB, s *starts) {
	tb.Helper()
	p := d.start(tb, s.program, s.environment...)
	s.listening = append(s.listening, milliseconds(p.listening(tb)))
	s.listeningCPU = append(s.listeningCPU, milliseconds(p.end()))

	form := d.form(tb)
	p = d.start(tb, s.program, s.environment...)
	p.listening(tb)
	p.ask(tb, form)
	s.answered = append(s.answered, milliseconds(time.Since(p.began)))
	s.answeredCPU = append(s.answeredCPU, milliseconds(p.end()))
}

// alone returns the flags that build a program as it would be outside this module, whose go.mod asks for a later reflect2
// than the framework does: the earlier one looks at every type of the program when it starts.
func alone(tb testing.TB) (flags []string) {
	tb.Helper()
	module, sums := read(tb, "../../go.mod"), read(tb, "../../go.sum")
	module = strings.NewReplacer(
		"json-iterator/go v1.1.12", "json-iterator/go v1.1.10",
		"reflect2 v1.0.2", "reflect2 v0.0.0-20180701023420-4b7aa43c6742",
	).Replace(module)
	sums += `github.com/json-iterator/go v1.1.10 h1:Kz6Cvnvv2wGdaG/V8yMvfkmNiXq9Ya2KUv4rouJJr68=
github.com/json-iterator/go v1.1.10/go.mod h1:KdQUCv79m/52Kvf8AW2vK1V8akMuk1QjK/uOdHXbAo4=
github.com/modern-go/reflect2 v0.0.0-20180701023420-4b7aa43c6742 h1:Esafd1046DLDQ0W1YjYsBW+p8U2u7vzgW2SQVmlNazg=
github.com/modern-go/reflect2 v0.0.0-20180701023420-4b7aa43c6742/go.mod h1:bx2lNnkwVCuqBIxFjflWJWanXIb3RllmbCylyMrvgv0=
`
	path := filepath.Join(tb.TempDir(), "alone")
	for suffix, text := range map[string]string{".mod": module, ".sum": sums} {
		if err := os.WriteFile(path+suffix, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return []string{"-modfile", path + ".mod"}
}

func read(tb testing.TB, path string) string {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func median(of []float64) float64 {
	of = slices.Sorted(slices.Values(of))
	return (of[len(of)/2] + of[(len(of)-1)/2]) / 2
}

// small is the configuration of the README: a client with a key, and an issuer whose rule has a condition.
func small(client jose.SigningKey) string {
	set, err := jose.EncodeKeySet(jose.KeySet{client.Verification()})
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`issuer: %s
signing_keys: {secret: %s}
resources:
  - {id: 'https://api.example.com', scopes: [read, write]}
  - {id: 'https://deploy.example.com', scopes: [deploy.write]}
clients:
  - id: client-0
    authentication: private_key_jwt
    keys: {jwks: '%s'}
    grants: [client_credentials]
    allow:
      - {resource: 'https://api.example.com', scopes: [read, write]}
issuers:
  - preset: github-actions
    allow:
      - if: claims.repository_id == "1234" && claims.ref == "refs/heads/main"
        subject: '"repo:" + claims.repository'
        resource: https://deploy.example.com
        scopes: [deploy.write]
        lifetime: 5m
`, issuer, signingKeys, set)
}
