package bench

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"example.com/countersign/internal/replay"
)

// remembering is a memory in which as many uses are live as there have been in the last minute.
type remembering struct {
	memory *replay.Memory
	now    time.Time
	each   time.Duration // the time from one use to the next
	used   int
}

func newRemembering(tb testing.TB, live int) *remembering {
	tb.Helper()
	r := &remembering{now: time.Unix(1_800_000_000, 0), each: time.Minute / time.Duration(live)}
	var err error
	if r.memory, err = replay.NewMemory(func() time.Time { return r.now }, 2*live); err != nil {
		tb.Fatal(err)
	}
	for range live {
		r.use(tb)
	}
	return r
}

func (r *remembering) use(tb testing.TB) {
	r.now = r.now.Add(r.each)
	r.used++
	use := replay.Use{Purpose: replay.ForClient, Party: "client-0", ID: fmt.Sprint(r.used), Until: r.now.Add(time.Minute)}
	if err := r.memory.Use(context.Background(), []replay.Use{use}); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkReplayMemory is the processor time of one use in a memory with a million live ones against that in one with a
// thousand, and what each of the million takes. Aim: 2, and 100 bytes.
func BenchmarkReplayMemory(b *testing.B) {
	const many = 1_000_000
	before := liveHeap()
	large := newRemembering(b, many)
	b.ReportMetric(float64(liveHeap()-before)/many, "bytes/use")
	small := newRemembering(b, 1000)
	sides := [2]*remembering{large, small}
	var spent [2]time.Duration
	for range b.N {
		for i, side := range sides {
			began := cpuTime()
			for range 1000 {
				side.use(b)
			}
			spent[i] += cpuTime() - began
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(spent[0].Nanoseconds())/float64(b.N)/1000, "large-cpu-ns")
	b.ReportMetric(float64(spent[1].Nanoseconds())/float64(b.N)/1000, "small-cpu-ns")
	b.ReportMetric(float64(spent[0])/float64(spent[1]), "ratio")
	runtime.KeepAlive(large)
}
