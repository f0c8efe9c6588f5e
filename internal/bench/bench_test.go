// Package bench measures the token endpoint against what it cannot go below, in one process and one run, so that the
// figures are ratios and hold on a machine that others use too. `make bench` runs it.
package bench

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
)

// block is how many requests of one side are measured before the other side's turn.
const block = 50

// compare measures two sides in turns and reports the processor time of each and the ratio. forms makes the forms of a
// block; that is not measured.
func compare(b *testing.B, names [2]string, forms [2]func() string, sides [2]func(form string)) {
	b.Helper()
	var spent [2]time.Duration
	for done := 0; done < b.N; done += block {
		for side := range sides {
			prepared := make([]string, block)
			for i := range prepared {
				prepared[i] = forms[side]()
			}
			before := cpuTime()
			for _, form := range prepared {
				sides[side](form)
			}
			spent[side] += cpuTime() - before
		}
	}
	count := time.Duration((b.N + block - 1) / block * block)
	b.ReportMetric(0, "ns/op")
	for side, name := range names {
		b.ReportMetric(float64((spent[side]/count).Nanoseconds())/1000, name+"-cpu-µs")
	}
	b.ReportMetric(float64(spent[0])/float64(spent[1]), "ratio")
}

// BenchmarkFloor is the processor time of one token, over HTTP, against the floor. Aim: 1.25 for ES256, 1.1 for RS256.
func BenchmarkFloor(b *testing.B) {
	for _, algorithm := range []jose.Algorithm{jose.ES256, jose.EdDSA, jose.RS256} {
		b.Run(string(algorithm), func(b *testing.B) {
			s := newSystem(b, algorithm, 10)
			form := func() string { return s.form(b) }
			compare(b, [2]string{"token", "floor"},
				[2]func() string{form, form},
				[2]func(string){over(b, s.handler), over(b, floor(b, algorithm))})
		})
	}
}

// BenchmarkClients is the processor time of one token among 10,000 registered clients against that among 10. Aim: 1.
func BenchmarkClients(b *testing.B) {
	many, few := newSystem(b, jose.ES256, 10_000), newSystem(b, jose.ES256, 10)
	compare(b, [2]string{"many", "few"},
		[2]func() string{func() string { return many.form(b) }, func() string { return few.form(b) }},
		[2]func(string){over(b, many.handler), over(b, few.handler)})
}

// BenchmarkMemory is the memory that is live after all requests against that after the first tenth, while used
// assertions come and go. Run it with -benchtime 1000000x. Aim: 1.
func BenchmarkMemory(b *testing.B) {
	s := newSystem(b, jose.ES256, 10)
	var early uint64
	for i := range b.N {
		if i%100 == 0 {
			s.clock.Add(1) // 100 requests a second, each assertion good for 60 s
		}
		request := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(s.form(b)))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		recorder := httptest.NewRecorder()
		s.handler.ServeHTTP(recorder, request)
		if recorder.Code != http.StatusOK {
			text, _ := io.ReadAll(recorder.Body)
			b.Fatalf("request %d: %d %s", i, recorder.Code, text)
		}
		if i == b.N/10 {
			early = liveHeap()
		}
	}
	late := liveHeap()
	b.ReportMetric(float64(late)/(1<<20), "live-MiB")
	b.ReportMetric(float64(late)/float64(max(early, 1)), "ratio")
	runtime.KeepAlive(s)
}

func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
