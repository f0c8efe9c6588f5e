package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/server"
	"example.com/countersign/internal/service"
)

// BenchmarkLoad is the processor time that it takes to make a service of a large configuration (10,000 clients, and 1,000
// rules with conditions of their own) against that of the YAML library for the same bytes, and the memory that it holds
// then. Aims: 300 ms and 100 MB on one core.
func BenchmarkLoad(b *testing.B) {
	for _, kept := range []string{"secrets", "jwks"} {
		b.Run(kept, func(b *testing.B) {
			document := large(b, kept == "jwks")
			var spent [2]time.Duration
			var made *service.Service
			empty := liveHeap()
			for range b.N {
				made = nil // or two of them are live
				spent[0] += measure(func() { made = load(b, document) })
				spent[1] += measure(func() {
					var tree yaml.Node
					if err := yaml.Load(document, &tree); err != nil {
						b.Fatal(err)
					}
				})
			}
			live := liveHeap() - empty
			runtime.KeepAlive(made)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(spent[0].Microseconds())/1000/float64(b.N), "load-cpu-ms")
			b.ReportMetric(float64(spent[1].Microseconds())/1000/float64(b.N), "yaml-cpu-ms")
			b.ReportMetric(float64(spent[0])/float64(spent[1]), "ratio")
			b.ReportMetric(float64(live)/(1<<20), "live-MiB")
		})
	}
}

func load(tb testing.TB, document []byte) *service.Service {
	made, _, faults := service.Load("bench.yaml", document, service.Surroundings{
		Secrets: func(string) keys.Source { return none{} },
		Now:     func() time.Time { return time.Unix(0, 0) },
		Log:     server.NewLog(io.Discard),
	})
	if len(faults) > 0 {
		tb.Fatal(faults)
	}
	return made
}

// none is a secret without a version: to load a configuration asks for none.
type none struct{}

// Versions returns none.
func (none) Versions(context.Context) ([]keys.Version, error) { return nil, nil }

// measure returns the processor time of one side, which does not pay for what the other left behind.
func measure(side func()) time.Duration {
	runtime.GC()
	before := cpuTime()
	side()
	return cpuTime() - before
}

// large is a configuration with 10,000 clients, whose keys are in a secret each or written down, and an issuer with
// 1,000 rules.
func large(tb testing.TB, inline bool) []byte {
	tb.Helper()
	var text bytes.Buffer
	fmt.Fprintf(&text, "issuer: %s\nsigning_keys: {secret: projects/acme/secrets/keys}\n", issuer)
	text.WriteString("resources:\n  - {id: 'https://api.example.com', scopes: [read, write]}\nclients:\n")
	for i := range 10_000 {
		kept := fmt.Sprintf("{secret: projects/acme/secrets/client-%d}", i)
		if inline {
			kept = "{jwks: '" + string(ownKeySet(tb, i+1, jose.SigningKey{})) + "'}"
		}
		fmt.Fprintf(&text, "  - id: client-%d\n    authentication: private_key_jwt\n    keys: %s\n", i, kept)
		text.WriteString("    grants: [client_credentials]\n    allow:\n      - {resource: 'https://api.example.com', scopes: [read]}\n")
	}
	text.WriteString("issuers:\n  - issuer: https://ci.example.com\n    keys: {secret: projects/acme/secrets/ci}\n    allow:\n")
	for i := range 1000 {
		fmt.Fprintf(&text, "      - if: claims.repository_id == \"%d\" && claims.ref == \"refs/heads/main\"\n", i)
		text.WriteString(`        subject: '"repo:" + claims.repository'
        resource: https://api.example.com
        scopes: [write]
        lifetime: 5m
`)
	}
	return text.Bytes()
}
