package gcp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/replay/replaytest"
)

func TestReplayStore_is_a_Store(t *testing.T) {
	host := firestoreEmulator(t)
	replaytest.TestStore(t, func(t *testing.T, now func() time.Time) replay.Store {
		return newPatientStore(t, host, newDatabase(), now)
	})
}

func TestReplayStore_in_a_named_database_is_one(t *testing.T) {
	store := newStore(t, firestoreEmulator(t), strings.Replace(newDatabase(), "(default)", "replay", 1), atMoment)
	wantPass(t, store, useOf("a"), useOf("b"))
	wantReplayed(t, store, useOf("a"))
}

func TestReplayStore_is_refused_what_it_could_not_work_with(t *testing.T) {
	f := newFirestore(t, "127.0.0.1:1")
	deny := func(database, issuer string, now func() time.Time) {
		t.Helper()
		if store, err := f.ReplayStore(database, issuer, now); err == nil || store != nil {
			t.Errorf("%q, %q: %v, %v", database, issuer, store, err)
		}
	}
	const good = "projects/p/databases/(default)"
	if _, err := f.ReplayStore(good, storeIssuer, atMoment); err != nil {
		t.Error(err)
	}
	for _, database := range []string{
		"", "(default)", "projects/p", "projects//databases/d", "projects/p/databases/", "project/p/databases/d",
		"/projects/p/databases/d", good + "/", good + "/documents", "projects/p/secrets/s", "projects/p/databases",
	} {
		deny(database, storeIssuer, atMoment)
	}
	deny(good, "", atMoment)
	deny(good, storeIssuer, nil)
	for _, host := range []string{"localhost", "http://localhost:8080", ":8080", "localhost:0"} {
		if _, err := gcp.NewFirestore(gcp.FirestoreConfig{EmulatorHost: host}); err == nil {
			t.Errorf("%q is taken", host)
		}
	}
}

func TestReplayStore_touches_nothing_before_it_is_used(t *testing.T) {
	lane := newLane(t, "127.0.0.1:1")
	f := newFirestore(t, lane.Addr().String())
	if _, err := f.ReplayStore(newDatabase(), storeIssuer, atMoment); err != nil {
		t.Fatal(err)
	}
	stop(t, f)
	if n := lane.connections(); n != 0 {
		t.Errorf("it made %d connections", n)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "missing.json"))
	google, err := gcp.NewFirestore(gcp.FirestoreConfig{})
	if err != nil {
		t.Fatalf("it looked for credentials: %v", err)
	}
	store, err := google.ReplayStore(newDatabase(), storeIssuer, atMoment)
	if err != nil {
		t.Fatal(err)
	}
	wantUndecided(t, store, secretUse)
	stop(t, google)
}

func TestReplayStore_that_is_closed_decides_nothing(t *testing.T) {
	host := firestoreEmulator(t)
	for _, used := range []bool{false, true} {
		f := newFirestore(t, host)
		store, err := f.ReplayStore(newDatabase(), storeIssuer, atMoment)
		if err != nil {
			t.Fatal(err)
		}
		if used {
			wantPass(t, store, useOf("a"))
		}
		stop(t, f)
		stop(t, f)
		wantUndecided(t, store, secretUse)
		store.Start()
	}
}

func TestReplayStore_needs_one_call_for_a_use_and_none_where_none_is_needed(t *testing.T) {
	front := newFront(t, nil)
	store := newStore(t, front.address, newDatabase(), atMoment)
	for i := range 10 {
		wantPass(t, store, useOf(fmt.Sprint("one ", i)))
		front.wantCalls(t, map[string]int{"Commit": 1})
		wantPass(t, store, useOf(fmt.Sprint("a ", i)), useOf(fmt.Sprint("b ", i)), useOf(fmt.Sprint("c ", i)))
		front.wantCalls(t, map[string]int{"Commit": 1})
	}
	wantReplayed(t, store, useOf("one 0"))
	front.wantCalls(t, map[string]int{"Commit": 1, "BatchGetDocuments": 1})
	expired := useOf("expired")
	expired.Until = moment
	expired.Purpose = replay.ForProof
	wantPass(t, store)
	for _, uses := range [][]replay.Use{{expired}, {useOf("new"), expired}, {useOf("new"), expired, expired}} {
		if err := store.Use(t.Context(), uses); !errors.Is(err, replay.Replayed{Purpose: replay.ForProof}) {
			t.Errorf("Use(%v) = %#v", uses, err)
		}
	}
	twice := []replay.Use{useOf("a"), useOf("a")}
	if err := store.Use(t.Context(), twice); !errors.Is(err, replay.Replayed{Purpose: replay.ForGrant}) {
		t.Errorf("twice in one call: %#v", err)
	}
	front.wantCalls(t, map[string]int{})
}

func TestReplayStore_tells_the_first_of_the_uses_that_was_replayed(t *testing.T) {
	store := newStore(t, firestoreEmulator(t), newDatabase(), atMoment)
	client, grant, proof := useOf("a"), useOf("a"), useOf("a")
	client.Purpose, proof.Purpose = replay.ForClient, replay.ForProof
	wantPass(t, store, grant, proof)
	for _, test := range []struct {
		uses []replay.Use
		want replay.Purpose
	}{
		{[]replay.Use{client, grant, proof}, replay.ForGrant},
		{[]replay.Use{client, proof, grant}, replay.ForProof},
		{[]replay.Use{proof, client, grant}, replay.ForProof},
	} {
		err := store.Use(t.Context(), test.uses)
		if replayed, is := errors.AsType[replay.Replayed](err); !is || replayed.Purpose != test.want {
			t.Errorf("got %#v; want a replay for %s", err, test.want)
		}
	}
	wantPass(t, store, client)
}

func TestReplayStore_keeps_what_TTL_needs_and_nothing_of_the_use(t *testing.T) {
	var requests [][]byte
	front := newFront(t, func(_ context.Context, _ string, request []byte, forward forwarding) ([][]byte, error) {
		requests = append(requests, request)
		return forward()
	})
	database := newDatabase()
	store := newStore(t, front.address, database, atMoment)
	use := useOf("a jti that nobody else may see")
	use.Until = use.Until.Add(1001)
	wantPass(t, store, use)
	wantReplayed(t, store, use)
	for _, request := range requests {
		for _, told := range []string{use.ID, use.Party, storeIssuer} {
			if bytes.Contains(request, []byte(told)) {
				t.Errorf("a request holds %q", told)
			}
		}
	}
	documents := storedUses(t, rawFirestore(t), database)
	if len(documents) != 1 {
		t.Fatalf("there are %d documents", len(documents))
	}
	fields := documents[0].GetFields()
	if id := path.Base(documents[0].GetName()); !regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).MatchString(id) {
		t.Errorf("its name is %q", id)
	}
	expires, want := fields["expires"].GetTimestampValue().AsTime(), moment.Add(70*time.Minute+2*time.Microsecond)
	if !expires.Equal(want) {
		t.Errorf("it expires at %v; want %v, rounded up", expires, want)
	}
	if by := fields["by"].GetBytesValue(); len(by) != 16 || len(fields) != 2 {
		t.Errorf("its fields are %v", fields)
	}
}

func TestReplayStore_keeps_the_uses_of_issuers_apart_that_share_a_database(t *testing.T) {
	f := newFirestore(t, firestoreEmulator(t))
	database := newDatabase()
	for _, issuer := range []string{storeIssuer, storeIssuer + "/", storeIssuer + "/tenant", "https://auth.example.org"} {
		store, err := f.ReplayStore(database, issuer, atMoment)
		if err != nil {
			t.Fatal(err)
		}
		wantPass(t, store, useOf("a"))
		wantReplayed(t, store, useOf("a"))
	}
}

func TestR1_of_a_hundred_simultaneous_uses_in_three_instances_exactly_one_wins(t *testing.T) {
	host, database := firestoreEmulator(t), newDatabase()
	stores := []*gcp.ReplayStore{
		newPatientStore(t, host, database, atMoment), newPatientStore(t, host, database, atMoment), newPatientStore(t, host, database, atMoment),
	}
	for round := range 5 {
		shared := useOf(fmt.Sprint("shared ", round))
		passed := together(t, stores, func(call int) []replay.Use {
			own := useOf(fmt.Sprint("own ", round, " ", call))
			return [][]replay.Use{{shared}, {own, shared}, {shared, own}}[call%3]
		})
		if passed != 1 {
			t.Errorf("%d of 100 passed", passed)
		}
	}
}

// together makes a hundred calls at the same time, spread over the stores, and returns how many passed. The others must
// be replays.
func together(t *testing.T, stores []*gcp.ReplayStore, uses func(call int) []replay.Use) int {
	t.Helper()
	var passed atomic.Int64
	var all sync.WaitGroup
	start := make(chan struct{})
	for call := range 100 {
		all.Go(func() {
			<-start
			switch err := stores[call/3%len(stores)].Use(t.Context(), uses(call)); {
			case err == nil:
				passed.Add(1)
			case !errors.Is(err, replay.ErrReplayed):
				t.Errorf("call %d: %v", call, err)
			}
		})
	}
	close(start)
	all.Wait()
	return int(passed.Load())
}

func TestReplayStore_that_was_started_is_connected_once(t *testing.T) {
	read := make(chan struct{}, 1)
	front := newFront(t, func(_ context.Context, method string, _ []byte, forward forwarding) ([][]byte, error) {
		if method == "BatchGetDocuments" {
			defer func() { read <- struct{}{} }()
		}
		return forward()
	})
	lane := newLane(t, front.address)
	store := newStore(t, lane.Addr().String(), newDatabase(), atMoment)
	store.Start()
	<-read
	front.wantCalls(t, map[string]int{"BatchGetDocuments": 1})
	wantPass(t, store, useOf("a"))
	front.wantCalls(t, map[string]int{"Commit": 1})
	if n := lane.connections(); n != 1 {
		t.Errorf("there were %d connections", n)
	}
}
