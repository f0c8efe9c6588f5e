package gcp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/replay"
)

func unavailableError() error {
	return status.Error(codes.Unavailable, "The service is currently unavailable.")
}

func TestR3_a_store_that_is_down_fails_the_use_and_is_used_again_when_it_is_back(t *testing.T) {
	t.Parallel()
	front := newFront(t, nil)
	store := newStore(t, front.address, newDatabase(), atMoment)
	wantPass(t, store, useOf("before"))
	front.stop()
	err := wantUndecided(t, store, secretUse)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%v does not say why", err)
	}
	front.start(t)
	wantPass(t, store, secretUse)
	wantReplayed(t, store, useOf("before"))
}

func TestR3_a_store_that_does_not_answer_fails_the_use_in_time(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, listener) })
	t.Run("nobody_accepts", func(t *testing.T) {
		t.Parallel()
		_ = wantUndecided(t, newStore(t, listener.Addr().String(), newDatabase(), atMoment), secretUse)
	})
	for _, hangs := range []string{"Commit", "BatchGetDocuments"} {
		t.Run(hangs+"_hangs", func(t *testing.T) {
			t.Parallel()
			var well atomic.Bool
			front := newFront(t, func(ctx context.Context, method string, _ []byte, forward forwarding) ([][]byte, error) {
				if method == hangs && !well.Load() {
					<-ctx.Done()
				}
				return forward()
			})
			database := newDatabase()
			wantPass(t, newStore(t, firestoreEmulator(t), database, atMoment), secretUse)
			store := newStore(t, front.address, database, atMoment)
			if err := wantUndecided(t, store, secretUse); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			well.Store(true)
			wantReplayed(t, store, secretUse)
			wantPass(t, store, useOf("another"))
		})
	}
}

func TestReplayStore_ends_by_the_deadline_of_its_caller(t *testing.T) {
	front := newFront(t, func(ctx context.Context, _ string, _ []byte, _ forwarding) ([][]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	store := newStore(t, front.address, newDatabase(), atMoment)
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := store.Use(short, []replay.Use{secretUse}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after its deadline: %v", err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := store.Use(cancelled, []replay.Use{secretUse}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestReplayStore_that_is_slow_decides_as_ever(t *testing.T) {
	t.Parallel()
	front := newFront(t, func(ctx context.Context, _ string, _ []byte, forward forwarding) ([][]byte, error) {
		select { // the delay is the fault that is tested
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
		}
		return forward()
	})
	store := newStore(t, front.address, newDatabase(), atMoment)
	wantPass(t, store, useOf("a"), useOf("b"))
	wantReplayed(t, store, useOf("b"))
	front.wantCalls(t, map[string]int{"Commit": 2, "BatchGetDocuments": 1})
}

// Half of the calls are not answered, or not made.
func TestReplayStore_that_flaps_lets_each_use_pass_once(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	front := newFront(t, func(_ context.Context, _ string, _ []byte, forward forwarding) ([][]byte, error) {
		switch calls.Add(1) % 6 {
		case 0:
			return nil, unavailableError()
		case 2:
			return nil, status.Error(codes.Aborted, "Too much contention on these documents.")
		case 4:
			_, _ = forward()
			return nil, unavailableError()
		default:
			return forward()
		}
	})
	database := newDatabase()
	stores := []*gcp.ReplayStore{
		newStore(t, front.address, database, atMoment), newStore(t, front.address, database, atMoment),
	}
	for i := range 20 {
		wantPass(t, stores[i%2], useOf(fmt.Sprint("a ", i)), useOf(fmt.Sprint("b ", i)))
		wantReplayed(t, stores[i%2], useOf(fmt.Sprint("b ", i)))
		wantReplayed(t, stores[(i+1)%2], useOf(fmt.Sprint("new ", i)), useOf(fmt.Sprint("a ", i)))
	}
}

func TestReplayStore_that_stays_unavailable_fails_the_use(t *testing.T) {
	for _, code := range []codes.Code{codes.Unavailable, codes.Aborted} {
		t.Run(code.String(), func(t *testing.T) {
			t.Parallel()
			front := newFront(t, func(context.Context, string, []byte, forwarding) ([][]byte, error) {
				return nil, status.Error(code, "not now")
			})
			store := newStore(t, front.address, newDatabase(), atMoment)
			if err := wantUndecided(t, store, secretUse); status.Code(err) != code && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A write that happened is no replay of itself.
func TestReplayStore_takes_no_lost_answer_for_a_replay(t *testing.T) {
	t.Parallel()
	old := useOf("expired")
	for _, withConnection := range []bool{false, true} {
		for name, uses := range map[string][]replay.Use{
			"one": {useOf("a")}, "two": {useOf("a"), useOf("b")}, "one in the place of an expired one": {useOf("a"), old},
		} {
			t.Run(fmt.Sprintf("%s, with the connection %t", name, withConnection), func(t *testing.T) {
				losing := newLosing(t)
				reuses(t, losing.database, old.ID)
				for _, lost := range []string{"Commit", "BatchGetDocuments"} {
					losing.lose(lost, withConnection)
				}
				store := newStore(t, losing.lane.Addr().String(), losing.database, atMoment)
				wantPass(t, store, uses...)
				if losing.lost.Load() == 0 {
					t.Error("no answer was lost")
				}
				for _, use := range uses {
					wantReplayed(t, store, use)
				}
			})
		}
	}
}

func TestReplayStore_finds_the_replay_of_another_behind_a_lost_answer(t *testing.T) {
	losing := newLosing(t)
	wantPass(t, newStore(t, firestoreEmulator(t), losing.database, atMoment), useOf("a"))
	losing.lose("Commit", true)
	wantReplayed(t, newStore(t, losing.lane.Addr().String(), losing.database, atMoment), useOf("b"), useOf("a"))
	if losing.lost.Load() != 1 {
		t.Error("no answer was lost")
	}
	wantPass(t, newStore(t, firestoreEmulator(t), losing.database, atMoment), useOf("b"))
}

func TestReplayStore_survives_a_connection_that_breaks(t *testing.T) {
	lane := newLane(t, firestoreEmulator(t))
	store := newStore(t, lane.Addr().String(), newDatabase(), atMoment)
	for i := range 20 {
		wantPass(t, store, useOf(fmt.Sprint(i)))
		lane.cut()
		wantReplayed(t, store, useOf(fmt.Sprint(i)))
		lane.cut()
	}
}

// losing is a front that forwards and then loses the answer, of the next call that changes or finds something.
type losing struct {
	database string
	lane     *lane
	lost     atomic.Int64
	commits  atomic.Int64 // what is to be done with the next: 1 lose its answer, 2 break the connection too
	reads    atomic.Int64
}

func newLosing(t *testing.T) *losing {
	l := &losing{database: newDatabase()}
	front := newFront(t, func(_ context.Context, method string, _ []byte, forward forwarding) ([][]byte, error) {
		answers, err := forward()
		next := &l.commits
		if method == "BatchGetDocuments" {
			next = &l.reads
		}
		what := next.Swap(0)
		if what == 0 {
			return answers, err
		}
		l.lost.Add(1)
		if what == 2 {
			l.lane.cut()
		}
		return nil, unavailableError()
	})
	l.lane = newLane(t, front.address)
	return l
}

func (l *losing) lose(method string, withConnection bool) {
	what := int64(1)
	if withConnection {
		what = 2
	}
	if method == "BatchGetDocuments" {
		l.reads.Store(what)
	} else {
		l.commits.Store(what)
	}
}

func TestR3_a_store_that_refuses_fails_the_use_at_once(t *testing.T) {
	for _, code := range []codes.Code{
		codes.PermissionDenied, codes.Unauthenticated, codes.InvalidArgument, codes.ResourceExhausted, codes.Internal,
		codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.OutOfRange, codes.DataLoss, codes.Canceled,
	} {
		front := newFront(t, func(context.Context, string, []byte, forwarding) ([][]byte, error) {
			return nil, status.Error(code, "Missing or insufficient permissions.")
		})
		store := newStore(t, front.address, newDatabase(), atMoment)
		if err := wantUndecided(t, store, secretUse); status.Code(err) != code {
			t.Errorf("%v: %v", code, err)
		}
		front.wantCalls(t, map[string]int{"Commit": 1})
	}
}

func TestR3_a_refusal_to_read_is_no_replay(t *testing.T) {
	for _, code := range []codes.Code{
		codes.PermissionDenied, codes.NotFound, codes.FailedPrecondition, codes.AlreadyExists,
	} {
		front := newFront(t, func(_ context.Context, method string, _ []byte, forward forwarding) ([][]byte, error) {
			if method == "BatchGetDocuments" {
				return nil, status.Error(code, "no")
			}
			return forward()
		})
		store := newStore(t, front.address, newDatabase(), atMoment)
		wantPass(t, store, secretUse)
		err := wantUndecided(t, store, secretUse)
		if status.Code(err) != code || errors.Is(err, gcp.ErrNotFound) != (code == codes.NotFound) {
			t.Errorf("%v: %v", code, err)
		}
		front.wantCalls(t, map[string]int{"Commit": 2, "BatchGetDocuments": 1})
	}
}

// The answer contradicts the documents, for ever.
func TestReplayStore_gives_up_where_others_keep_changing_the_documents(t *testing.T) {
	for _, code := range []codes.Code{codes.AlreadyExists, codes.FailedPrecondition, codes.NotFound} {
		front := newFront(t, func(_ context.Context, method string, _ []byte, forward forwarding) ([][]byte, error) {
			if method == "Commit" {
				return nil, status.Error(code, "no")
			}
			return forward()
		})
		_ = wantUndecided(t, newStore(t, front.address, newDatabase(), atMoment), secretUse)
		front.wantCalls(t, map[string]int{"Commit": 5, "BatchGetDocuments": 5})
	}
}

// Start is for the best case; it must not be what fails in the worst.
func TestReplayStore_that_cannot_be_started_works_when_it_can(t *testing.T) {
	t.Parallel()
	front := newFront(t, nil)
	front.stop()
	store := newStore(t, front.address, newDatabase(), atMoment)
	store.Start()
	_ = wantUndecided(t, store, secretUse)
	store.Start()
	front.start(t)
	wantPass(t, store, secretUse)
}
