package revocation_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"example.com/countersign/internal/revocation"
	"example.com/countersign/internal/revocation/revocationtest"
)

func TestMemory_is_a_Store(t *testing.T) {
	revocationtest.TestStore(t, func(t *testing.T, now func() time.Time) revocation.Store {
		return newMemory(t, now, 1000)
	})
}

func newMemory(t *testing.T, now func() time.Time, capacity int) *revocation.Memory {
	t.Helper()
	memory, err := revocation.NewMemory(now, capacity)
	if err != nil {
		t.Fatal(err)
	}
	return memory
}

func TestMemory_that_is_full_refuses_and_forgets_nothing(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	memory := newMemory(t, func() time.Time { return now }, 3)
	token := func(id int, lifetime time.Duration) revocation.Token {
		return revocation.Token{Client: "batch", ID: fmt.Sprint(id), Expires: now.Add(lifetime)}
	}
	kept := []revocation.Token{token(1, time.Minute), token(2, 2*time.Minute), token(3, 3*time.Minute)}
	expect := func(want error, tokens ...revocation.Token) {
		t.Helper()
		for _, token := range tokens {
			if err := memory.Revoke(t.Context(), token); !errors.Is(err, want) {
				t.Errorf("%s: %v; want %v", token.ID, err, want)
			}
			if is, err := memory.Revoked(t.Context(), token); err != nil || is != (want == nil) {
				t.Errorf("%s: %t, %v", token.ID, is, err)
			}
		}
	}
	expect(nil, kept...)
	expect(revocation.ErrFull, token(4, time.Hour), token(5, time.Second))
	expect(nil, kept...)
	now = now.Add(time.Minute - time.Second)
	expect(revocation.ErrFull, token(6, time.Hour))
	expect(nil, kept...)
	now = now.Add(time.Second)
	expect(nil, token(7, time.Hour))
	expect(revocation.ErrFull, token(8, time.Hour))
	expect(nil, kept[1:]...)
	now = now.Add(2 * time.Minute)
	expect(nil, token(9, time.Hour), token(10, time.Hour))
	expect(revocation.ErrFull, token(11, time.Hour))
}

func TestMemory_needs_a_clock_and_room(t *testing.T) {
	for _, capacity := range []int{-1, 0} {
		if memory, err := revocation.NewMemory(time.Now, capacity); err == nil || memory != nil {
			t.Errorf("%d is taken", capacity)
		}
	}
	if memory, err := revocation.NewMemory(nil, 1); err == nil || memory != nil {
		t.Error("no clock is taken")
	}
}
