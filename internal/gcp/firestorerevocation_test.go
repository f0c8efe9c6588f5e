package gcp_test

import (
	"context"
	"errors"
	"path"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/revocation"
	"example.com/countersign/internal/revocation/revocationtest"
)

func TestRevocationStore_is_a_Store(t *testing.T) {
	host := firestoreEmulator(t)
	revocationtest.TestStore(t, func(t *testing.T, _ func() time.Time) revocation.Store {
		patient := newFirestoreWith(t, gcp.FirestoreConfig{EmulatorHost: host, Patience: time.Minute})
		store, err := patient.RevocationStore(newDatabase(), storeIssuer)
		if err != nil {
			t.Fatal(err)
		}
		return store
	})
}

// newRevocations returns a store with a client of its own, as another instance has it.
func newRevocations(t testing.TB, host, database string) *gcp.RevocationStore {
	t.Helper()
	store, err := newFirestore(t, host).RevocationStore(database, storeIssuer)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// secretToken is one whose parts are found wherever they are told.
var secretToken = revocation.Token{
	Client: "client-that-nobody-may-see", ID: "jti-that-nobody-may-see", Expires: moment.Add(10 * time.Minute),
}

func wantRevoked(t *testing.T, store revocation.Store, want bool, tokens ...revocation.Token) {
	t.Helper()
	for _, token := range tokens {
		if is, err := store.Revoked(t.Context(), token); err != nil || is != want {
			t.Errorf("Revoked(%v) = %t, %v; want %t", token, is, err, want)
		}
	}
}

func revoke(t *testing.T, store revocation.Store, token revocation.Token) {
	t.Helper()
	if err := store.Revoke(t.Context(), token); err != nil {
		t.Errorf("Revoke(%v) = %v", token, err)
	}
}

// wantNeither wants that neither a revocation nor a question is answered, in time, and without telling of the token.
func wantNeither(t *testing.T, store revocation.Store) (revoking, asking error) {
	t.Helper()
	begin := time.Now()
	revoking = store.Revoke(t.Context(), secretToken)
	is, asking := store.Revoked(t.Context(), secretToken)
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	if revoking == nil || asking == nil || is {
		t.Fatalf("Revoke: %v; Revoked: %t, %v", revoking, is, asking)
	}
	for _, told := range []string{secretToken.Client, secretToken.ID} {
		if strings.Contains(revoking.Error()+asking.Error(), told) {
			t.Errorf("%v or %v tells of %s", revoking, asking, told)
		}
	}
	return revoking, asking
}

func TestO2_a_revocation_is_known_to_every_instance_at_once(t *testing.T) {
	host, database := firestoreEmulator(t), newDatabase()
	one, other := newRevocations(t, host, database), newRevocations(t, host, database)
	wantRevoked(t, other, false, secretToken)
	revoke(t, one, secretToken)
	wantRevoked(t, other, true, secretToken)
	revoke(t, other, secretToken)
	wantRevoked(t, one, true, secretToken)
}

func TestRevocationStore_needs_one_call_for_each(t *testing.T) {
	front := newFront(t, nil)
	store := newRevocations(t, front.address, newDatabase())
	wantRevoked(t, store, false, secretToken)
	front.wantCalls(t, map[string]int{"BatchGetDocuments": 1})
	revoke(t, store, secretToken)
	front.wantCalls(t, map[string]int{"Commit": 1})
	wantRevoked(t, store, true, secretToken)
	front.wantCalls(t, map[string]int{"BatchGetDocuments": 1})
}

func TestRevocationStore_is_refused_what_it_could_not_work_with(t *testing.T) {
	f := newFirestore(t, "127.0.0.1:1")
	for _, database := range []string{"", "(default)", "projects/p", "projects//databases/d", "projects/p/secrets/s"} {
		if store, err := f.RevocationStore(database, storeIssuer); err == nil || store != nil {
			t.Errorf("%q is taken", database)
		}
	}
	if store, err := f.RevocationStore("projects/p/databases/(default)", ""); err == nil || store != nil {
		t.Error("no issuer is taken")
	}
}

func TestRevocationStore_keeps_those_of_issuers_apart_that_share_a_database(t *testing.T) {
	f, database := newFirestore(t, firestoreEmulator(t)), newDatabase()
	for _, issuer := range []string{storeIssuer, storeIssuer + "/", storeIssuer + "/tenant", "https://auth.example.org"} {
		store, err := f.RevocationStore(database, issuer)
		if err != nil {
			t.Fatal(err)
		}
		wantRevoked(t, store, false, secretToken)
		revoke(t, store, secretToken)
		wantRevoked(t, store, true, secretToken)
	}
}

func TestRevocationStore_keeps_what_TTL_needs(t *testing.T) {
	database := newDatabase()
	revoke(t, newRevocations(t, firestoreEmulator(t), database), secretToken)
	documents := storedDocuments(t, rawFirestore(t), database, "countersign_revocations")
	if len(documents) != 1 {
		t.Fatalf("there are %d documents", len(documents))
	}
	fields := documents[0].GetFields()
	if id := path.Base(documents[0].GetName()); !regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`).MatchString(id) {
		t.Errorf("its name is %q", id)
	}
	if expires := fields["expires"].GetTimestampValue().AsTime(); !expires.Equal(moment.Add(70 * time.Minute)) {
		t.Errorf("it expires at %v", expires)
	}
	if id := fields["jti"].GetStringValue(); id != secretToken.ID || len(fields) != 2 {
		t.Errorf("its fields are %v", fields)
	}
}

func TestO2_a_store_that_is_down_decides_nothing_and_is_used_again_when_it_is_back(t *testing.T) {
	t.Parallel()
	front := newFront(t, nil)
	store := newRevocations(t, front.address, newDatabase())
	revoke(t, store, secretToken)
	front.stop()
	revoking, asking := wantNeither(t, store)
	if !errors.Is(revoking, context.DeadlineExceeded) || !errors.Is(asking, context.DeadlineExceeded) {
		t.Errorf("%v and %v do not say why", revoking, asking)
	}
	front.start(t)
	wantRevoked(t, store, true, secretToken)
}

func TestO2_a_store_that_refuses_decides_nothing(t *testing.T) {
	for _, code := range []codes.Code{
		codes.PermissionDenied, codes.NotFound, codes.FailedPrecondition, codes.AlreadyExists, codes.ResourceExhausted, codes.Internal,
		codes.Unknown, codes.DeadlineExceeded, codes.Unimplemented, codes.Canceled,
	} {
		front := newFront(t, func(context.Context, string, []byte, forwarding) ([][]byte, error) {
			return nil, status.Error(code, "no")
		})
		revoking, asking := wantNeither(t, newRevocations(t, front.address, newDatabase()))
		if status.Code(revoking) != code || status.Code(asking) != code {
			t.Errorf("%v: %v, %v", code, revoking, asking)
		}
	}
}

// Of a document that an answer leaves out nobody knows whether it exists.
func TestO2_an_answer_that_leaves_the_token_out_decides_nothing(t *testing.T) {
	front := newFront(t, func(_ context.Context, method string, _ []byte, _ forwarding) ([][]byte, error) {
		if method == "BatchGetDocuments" {
			return nil, nil
		}
		return nil, status.Error(codes.AlreadyExists, "no")
	})
	_, _ = wantNeither(t, newRevocations(t, front.address, newDatabase()))
}

// A refusal to create means that the document exists only where it does.
func TestO2_a_refusal_is_no_revocation_unless_the_document_is_there(t *testing.T) {
	for _, code := range []codes.Code{codes.AlreadyExists, codes.FailedPrecondition} {
		front := newFront(t, func(_ context.Context, method string, _ []byte, forward forwarding) ([][]byte, error) {
			if method == "Commit" {
				return nil, status.Error(code, "no")
			}
			return forward()
		})
		database := newDatabase()
		store := newRevocations(t, front.address, database)
		if err := store.Revoke(t.Context(), secretToken); status.Code(err) != code {
			t.Errorf("%v: %v", code, err)
		}
		revoke(t, newRevocations(t, firestoreEmulator(t), database), secretToken)
		revoke(t, store, secretToken)
	}
}

func TestRevocationStore_takes_no_lost_answer_for_a_failure(t *testing.T) {
	t.Parallel()
	for _, withConnection := range []bool{false, true} {
		losing := newLosing(t)
		store := newRevocations(t, losing.lane.Addr().String(), losing.database)
		for _, lost := range []string{"Commit", "BatchGetDocuments"} {
			losing.lose(lost, withConnection)
		}
		revoke(t, store, secretToken)
		wantRevoked(t, store, true, secretToken)
		if losing.lost.Load() != 2 {
			t.Errorf("%d answers were lost", losing.lost.Load())
		}
	}
}

func TestRevocationStore_ends_by_the_deadline_of_its_caller(t *testing.T) {
	front := newFront(t, func(ctx context.Context, _ string, _ []byte, _ forwarding) ([][]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	store := newRevocations(t, front.address, newDatabase())
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := store.Revoke(short, secretToken); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Revoke: %v", err)
	}
	if is, err := store.Revoked(short, secretToken); is || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Revoked: %t, %v", is, err)
	}
}
