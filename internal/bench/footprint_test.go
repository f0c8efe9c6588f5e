package bench

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// BenchmarkSize is the size of the program that is deployed, as it is built and without what is for debuggers, against
// that of a function that only links jwx and Secret Manager's client.
func BenchmarkSize(b *testing.B) {
	for b.Loop() {
		for what, flags := range map[string][]string{"built": nil, "stripped": {"-ldflags=-s -w"}} {
			ours, baseline := size(b, build(b, "countersign", flags...)), size(b, build(b, "baseline", flags...))
			b.ReportMetric(ours/(1<<20), what+"-MiB")
			b.ReportMetric(ours/baseline, what+"-ratio")
			b.ReportMetric(size(b, build(b, "bare", flags...))/baseline, what+"-bare")
		}
	}
	b.ReportMetric(0, "ns/op")
}

func size(tb testing.TB, path string) float64 {
	tb.Helper()
	info, err := os.Stat(path)
	if err != nil {
		tb.Fatal(err)
	}
	return float64(info.Size())
}

// BenchmarkProcessMemory is the memory of a function in a process of its own after its first token and after all: what is
// live on its heap, and what the system has given it. Run it with -benchtime 100000x.
func BenchmarkProcessMemory(b *testing.B) {
	d := deploy(b, "ES256", "ES256", small)
	p := d.start(b, build(b, "countersign"))
	p.listening(b)
	p.ask(b, d.form(b))
	firstResident, first := p.resident(), p.liveHeap(b)
	for b.Loop() {
		p.ask(b, d.form(b))
	}
	resident, live := p.resident(), p.liveHeap(b)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(first/(1<<20), "first-live-MiB")
	b.ReportMetric(live/(1<<20), "live-MiB")
	if firstResident > 0 {
		b.ReportMetric(firstResident/(1<<20), "first-resident-MiB")
		b.ReportMetric(resident/(1<<20), "resident-MiB")
	}
}

// resident returns the bytes of memory that the system has given the process, or 0 where it does not say.
func (p *process) resident() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return 0
	}
	_, line, _ := strings.Cut(string(text), "VmRSS:")
	var kib float64
	if _, err := fmt.Sscan(line, &kib); err != nil {
		return 0
	}
	return kib * 1024
}
