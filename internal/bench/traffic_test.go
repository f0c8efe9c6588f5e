package bench

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/jose"
)

// A function on one processor, at which as many requests are at once as Cloud Run lets in when its concurrency is 80.
const (
	oneProcessor   = "GOMAXPROCS=1"
	goodWorkers    = 16
	idle           = 200
	requestsFrom   = "198.51.100.1"
	tokensInARound = 4000
)

// BenchmarkTraffic is what one processor gives: tokens for each second of processor time, and how long a client waits
// while there are always 16 at once, or few. Run it with -benchtime 4x, for four rounds.
func BenchmarkTraffic(b *testing.B) {
	for _, algorithm := range []string{"ES256", "RS256"} {
		b.Run(algorithm, func(b *testing.B) {
			number := tokensInARound
			if algorithm == "RS256" {
				number /= 8
			}
			d := deploy(b, algorithm, "ES256", busy{algorithm: jose.Algorithm(algorithm)}.configure)
			p := d.start(b, build(b, "countersign"), oneProcessor)
			p.listening(b)
			p.clients(b, goodWorkers, 0, d.requests(b, number)) // the first round warms up
			first := p.liveHeap(b)
			var spent time.Duration
			var busy, calm []time.Duration
			for b.Loop() {
				requests := d.requests(b, number)
				before := p.cpuTime()
				busy = append(busy, p.clients(b, goodWorkers, 0, requests)...)
				spent += p.cpuTime() - before
				calm = append(calm, p.clients(b, 2, 5*time.Millisecond, d.requests(b, number/10))...)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(len(busy))/spent.Seconds(), "tokens/cpu-s")
			report(b, "busy", busy)
			report(b, "calm", calm)
			b.ReportMetric(p.liveHeap(b)/first, "live-ratio")
			b.ReportMetric(p.resident()/(1<<20), "resident-MiB")
		})
	}
}

func report(b *testing.B, name string, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(percentile(took, 50), name+"-p50-ms")
	b.ReportMetric(percentile(took, 99), name+"-p99-ms")
}

// good are the clients beside which there is a flood: as many as keep the processor busy, or few.
type good struct {
	name    string
	workers int
	pause   time.Duration // of each worker between two requests
	number  int           // of requests in a round
}

// BenchmarkFlood is how long good clients wait beside 200 idle connections and a flood of bad requests, against how long
// they wait without. The flood comes from so many connections at once, as fast as it is answered. Quiet and flooded phases
// alternate; the figures are medians over the rounds, and noise is how far the quiet phases differ among themselves. Run
// it with -benchtime 3x, for three rounds. Aim: 2.
func BenchmarkFlood(b *testing.B) {
	program := build(b, "countersign")
	for _, limits := range []struct{ name, section string }{{"unlimited", ""}, {"limited", "limits: {forwarded_for: 1}"}} {
		d := deploy(b, "ES256", "ES256", busy{section: limits.section}.configure)
		p := d.start(b, program, oneProcessor)
		p.listening(b)
		p.clients(b, goodWorkers, 0, d.requests(b, tokensInARound))
		for _, beside := range []good{{"busy", goodWorkers, 0, tokensInARound}, {"calm", 2, 5 * time.Millisecond, tokensInARound / 8}} {
			for _, bad := range []int{16, 64} {
				b.Run(fmt.Sprintf("%s/%s/%d", limits.name, beside.name, bad), func(b *testing.B) { d.beside(b, p, beside, bad) })
			}
		}
		p.end()
	}
}

// beside measures good clients without a flood of so many workers and with it.
func (d *deployment) beside(b *testing.B, p *process, beside good, bad int) {
	var quiet, flooded, half, halfFlooded []float64
	var answered, seconds float64
	for b.Loop() {
		took := p.clients(b, beside.workers, beside.pause, d.requests(b, beside.number))
		quiet, half = append(quiet, percentile(took, 99)), append(half, percentile(took, 50))

		requests, badRequests := d.requests(b, beside.number), badRequests(b, time.Now().Unix())
		release, stop := p.idle(b, idle), p.flood(b, bad, badRequests)
		began := time.Now()
		took = p.clients(b, beside.workers, beside.pause, requests)
		seconds += time.Since(began).Seconds()
		answered += float64(stop())
		release()
		flooded, halfFlooded = append(flooded, percentile(took, 99)), append(halfFlooded, percentile(took, 50))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(quiet), "quiet-p99-ms")
	b.ReportMetric(median(flooded), "flooded-p99-ms")
	b.ReportMetric(median(flooded)/median(quiet), "p99-ratio")
	b.ReportMetric(median(halfFlooded)/median(half), "p50-ratio")
	b.ReportMetric(slices.Max(quiet)/slices.Min(quiet), "noise")
	b.ReportMetric(answered/seconds, "bad/s")
}

// idle holds so many connections open over which nothing comes.
func (p *process) idle(tb testing.TB, number int) (release func()) {
	tb.Helper()
	all := make([]*connection, number)
	for i := range all {
		all[i] = p.dial(tb)
	}
	return func() {
		for _, each := range all {
			_ = each.Close()
		}
	}
}

// requests are so many of the measured client, each with an assertion of its own.
func (d *deployment) requests(tb testing.TB, number int) [][]byte {
	tb.Helper()
	all := make([][]byte, number)
	for i := range all {
		all[i] = post(requestsFrom, d.form(tb))
	}
	return all
}

// cpuTime is the processor time that the process has taken so far, to a hundredth of a second, or 0 where the system does
// not say.
func (p *process) cpuTime() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.command.Process.Pid))
	if err != nil {
		return 0
	}
	_, behind, _ := strings.Cut(string(text), ") ") // proc_pid_stat(5): what follows the name begins with field 3
	fields := strings.Fields(behind)
	if len(fields) < 13 {
		return 0
	}
	var user, system time.Duration
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0
	}
	return (user + system) * 10 * time.Millisecond // USER_HZ is 100
}
