package gcp_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	pb "cloud.google.com/go/firestore/apiv1/firestorepb"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/replay"
)

// reuses uses a jti two hours before the moment, in a JWT that has expired since, and returns the use of another JWT
// with the same jti that has not.
func reuses(t *testing.T, database, id string) replay.Use {
	t.Helper()
	use := useOf(id)
	use.Until = moment.Add(-time.Minute)
	wantPass(t, newStore(t, firestoreEmulator(t), database, func() time.Time { return moment.Add(-2 * time.Hour) }), use)
	return useOf(id)
}

func TestReplayStore_replaces_what_has_expired_and_is_there_still(t *testing.T) {
	database := newDatabase()
	front := newFront(t, nil)
	store := newStore(t, front.address, database, atMoment)
	again, both := reuses(t, database, "again"), []replay.Use{reuses(t, database, "one"), reuses(t, database, "two")}
	wantPass(t, store, useOf("new"), again)
	front.wantCalls(t, map[string]int{"Commit": 2, "BatchGetDocuments": 1})
	wantPass(t, store, both...)
	for _, use := range append(both, again, useOf("new")) {
		wantReplayed(t, store, use)
	}
	wantReplayed(t, store, reuses(t, database, "three"), again)
	wantPass(t, store, useOf("three"))
	if n := len(storedUses(t, rawFirestore(t), database)); n != 5 {
		t.Errorf("there are %d documents", n)
	}
}

func TestReplayStore_uses_what_TTL_has_deleted(t *testing.T) {
	raw, database := rawFirestore(t), newDatabase()
	store := newStore(t, firestoreEmulator(t), database, atMoment)
	wantPass(t, store, useOf("live"))
	again := reuses(t, database, "again")
	forgetUses(t, raw, database, moment.Add(time.Hour))
	if n := len(storedUses(t, raw, database)); n != 1 {
		t.Fatalf("there are %d documents", n)
	}
	wantPass(t, store, again)
	wantReplayed(t, store, again)
	wantReplayed(t, store, useOf("live"))
}

func TestReplayStore_survives_TTL_between_its_calls(t *testing.T) {
	raw, database := rawFirestore(t), newDatabase()
	for before, nth := range map[string]int64{"BatchGetDocuments": 1, "Commit": 2} {
		again := reuses(t, database, "again "+before)
		var calls atomic.Int64
		front := newFront(t, func(_ context.Context, method string, _ []byte, forward forwarding) ([][]byte, error) {
			if method == before && calls.Add(1) == nth {
				forgetUses(t, raw, database, moment.Add(time.Hour))
			}
			return forward()
		})
		wantPass(t, newStore(t, front.address, database, atMoment), again)
		wantReplayed(t, newStore(t, front.address, database, atMoment), again)
	}
}

func TestR1_of_a_hundred_simultaneous_uses_in_the_place_of_an_expired_one_exactly_one_wins(t *testing.T) {
	host, database := firestoreEmulator(t), newDatabase()
	var stores []*gcp.ReplayStore
	for _, offset := range []time.Duration{0, 30 * time.Second, -30 * time.Second} {
		stores = append(stores, newPatientStore(t, host, database, func() time.Time { return moment.Add(offset) }))
	}
	for round := range 3 {
		one, two := reuses(t, database, fmt.Sprint("one ", round)), reuses(t, database, fmt.Sprint("two ", round))
		passed := together(t, stores, func(call int) []replay.Use {
			return [][]replay.Use{{one}, {one, two}, {two, one}}[call%3]
		})
		if passed != 1 {
			t.Errorf("%d of 100 passed", passed)
		}
	}
}

func TestReplayStore_decides_nothing_by_a_document_that_is_not_its_own(t *testing.T) {
	raw, database := rawFirestore(t), newDatabase()
	store := newStore(t, firestoreEmulator(t), database, atMoment)
	wantPass(t, store, secretUse)
	name := storedUses(t, raw, database)[0].GetName()
	for _, fields := range []map[string]*pb.Value{
		{},
		{"expires": {ValueType: &pb.Value_IntegerValue{IntegerValue: 1}}},
		{"expires": {ValueType: &pb.Value_StringValue{StringValue: "2020-01-01T00:00:00Z"}}},
		{"until": {ValueType: &pb.Value_NullValue{}}, "by": {ValueType: &pb.Value_StringValue{StringValue: "somebody"}}},
	} {
		request := &pb.UpdateDocumentRequest{Document: &pb.Document{Name: name, Fields: fields}}
		if _, err := raw.UpdateDocument(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		_ = wantUndecided(t, store, secretUse)
		_ = wantUndecided(t, store, useOf("new"), secretUse)
	}
	wantPass(t, store, useOf("new"))
}

// What expires while it is used has expired by a later reading of the clock, and not by the one that let it in.
func TestReplayStore_reads_the_clock_once(t *testing.T) {
	database := newDatabase()
	wantPass(t, newStore(t, firestoreEmulator(t), database, atMoment), useOf("a"))
	now := useOf("a").Until.Add(-1)
	store := newStore(t, firestoreEmulator(t), database, func() time.Time {
		defer func() { now = now.Add(time.Hour) }()
		return now
	})
	wantReplayed(t, store, useOf("a"))
}

func TestR1_instances_whose_clocks_differ_let_a_use_pass_once(t *testing.T) {
	t.Parallel()
	host, database := firestoreEmulator(t), newDatabase()
	now := moment
	var stores []*gcp.ReplayStore
	for _, offset := range []time.Duration{0, 30 * time.Second, -30 * time.Second} {
		stores = append(stores, newPatientStore(t, host, database, func() time.Time { return now.Add(offset) }))
	}
	end := useOf("").Until
	for first := range stores {
		use := useOf(fmt.Sprint("a ", first))
		now = moment
		wantPass(t, stores[first], use)
		for _, now = range []time.Time{
			moment, end.Add(-31 * time.Second), end.Add(-30*time.Second - 1), end.Add(-30 * time.Second),
			end.Add(-30*time.Second + 1), end.Add(-1), end, end.Add(1), end.Add(30*time.Second - 1),
			end.Add(30 * time.Second), end.Add(time.Minute),
		} {
			for _, store := range stores {
				wantReplayed(t, store, use)
			}
		}
	}
}

// A world of three instances and Google, each with a clock of its own, and JWTs of which many bear the same jti.
func TestR1_no_JWT_passes_twice_whatever_the_clocks_and_TTL_do(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			world := newClockWorld(t, seed)
			for range 300 {
				world.step(t)
			}
			if world.passed < 10 || world.replayed < 10 {
				t.Errorf("%d passed and %d were replays", world.passed, world.replayed)
			}
		})
	}
}

type clockWorld struct {
	*rand.Rand
	database string
	now      time.Time
	stores   []*gcp.ReplayStore
	forget   func()
	jwts     []replay.Use
	used     map[replay.Use]bool

	passed, replayed int
}

func newClockWorld(t *testing.T, seed uint64) *clockWorld {
	t.Helper()
	w := &clockWorld{
		Rand: rand.New(rand.NewPCG(seed, 0)), database: newDatabase(), now: moment, used: make(map[replay.Use]bool),
	}
	host, raw := firestoreEmulator(t), rawFirestore(t)
	for range 3 {
		offset := w.between(-30*time.Second, 30*time.Second)
		w.stores = append(w.stores, newPatientStore(t, host, w.database, func() time.Time { return w.now.Add(offset) }))
	}
	googles := w.between(-50*time.Minute, 50*time.Minute)
	w.forget = func() { forgetUses(t, raw, w.database, w.now.Add(googles)) }
	return w
}

func (w *clockWorld) between(least, most time.Duration) time.Duration {
	return least + time.Duration(w.Int64N(int64(most-least)))
}

func (w *clockWorld) step(t *testing.T) {
	t.Helper()
	switch w.IntN(8) {
	case 0:
		w.now = w.now.Add(w.between(0, 20*time.Second))
	case 1:
		w.forget()
	case 2:
		w.now = w.now.Add(w.between(0, 20*time.Second))
		use := useOf(fmt.Sprint(w.IntN(2)))
		use.Until = w.now.Add(w.between(0, 90*time.Second))
		w.jwts = append(w.jwts, use)
	default:
		w.use(t)
	}
}

// use presents a JWT to an instance, one of the latest.
func (w *clockWorld) use(t *testing.T) {
	t.Helper()
	if len(w.jwts) == 0 {
		return
	}
	use := w.jwts[max(0, len(w.jwts)-1-w.IntN(4))]
	switch err := w.stores[w.IntN(3)].Use(t.Context(), []replay.Use{use}); {
	case err == nil && w.used[use]:
		t.Errorf("%v passed twice", use)
	case err == nil:
		w.passed++
		w.used[use] = true
	case errors.Is(err, replay.ErrReplayed):
		w.replayed++
	default:
		t.Error(err)
	}
}
