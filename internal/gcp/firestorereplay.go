package gcp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/countersign/internal/replay"
)

const (
	// startTimeout is for what Start does, which nobody waits for.
	startTimeout = 10 * time.Second

	// useRounds is how often a use is tried where documents have expired. The first attempt finds that there are some, and
	// the second replaces them, unless somebody else has done so meanwhile: then a third look finds a live one. More are
	// needed only where TTL deletes in between.
	useRounds = 5
)

// errUndecided is what is left when every round was disturbed by others.
var errUndecided = errors.New("others kept changing the same documents, so it was not decided")

// ReplayStore is a [replay.Store] that any number of instances share. It is safe for concurrent use.
//
// Each use is a document of the collection countersign_uses, and a call is one commit that creates all of its documents
// or none, if none of them exists. So a first use costs one round trip, and Firestore decides which of many is first.
//
// A document that has expired may be there still: Google's TTL deletes a day late and more, and only where there is a
// policy for it. A use replaces it, on condition that it is unchanged. That is exact, however much the clocks of
// instances differ: a document counts as expired when its Until is before the time at which this very call finds its
// own Until not reached, so what replaces it lives longer. Under one configuration a JWT has one Until, and so no JWT
// ever replaces itself.
//
// Only what TTL deletes depends on Google's clock, which is why a document is kept an hour longer than it is needed.
//
// It needs the permissions datastore.entities.create, .get and .update, which roles/datastore.user has; that role can
// be granted on one database by a condition. The policy, and the exemption from an index over ever growing times,
// which would bound how much can be written:
//
//	gcloud firestore fields ttls update expires --collection-group=countersign_uses --enable-ttl --database=D
//	gcloud firestore indexes fields update expires --collection-group=countersign_uses --disable-indexes --database=D
type ReplayStore struct {
	firestore *Firestore
	database  string
	issuer    string
	now       func() time.Time
}

// ReplayStore returns the store of one issuer in a database, projects/P/databases/D. The uses of different issuers do
// not meet, so that deployments can share a database. Like NewFirestore it touches nothing.
func (f *Firestore) ReplayStore(database, issuer string, now func() time.Time) (*ReplayStore, error) {
	if err := checkDatabaseName(database); err != nil {
		return nil, err
	}
	if issuer == "" || now == nil {
		return nil, errors.New("a replay store needs an issuer and a clock")
	}
	return &ReplayStore{firestore: f, database: database, issuer: issuer, now: now}, nil
}

// checkDatabaseName refuses what Google would refuse as well, but with a message about permissions.
func checkDatabaseName(name string) error {
	parts := strings.Split(name, "/")
	if len(parts) != 4 || parts[0] != "projects" || parts[1] == "" || parts[2] != "databases" || parts[3] == "" {
		return fmt.Errorf("%q is not a database's name: want projects/P/databases/D", name)
	}
	return nil
}

// Start looks for credentials, connects and reads one document that does not exist, so that the first use need not wait
// for all that. It returns at once. What fails is not told: a use that meets the same fault will.
func (s *ReplayStore) Start() {
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		if client, err := s.firestore.clients.get(ctx); err == nil {
			nothing := claim{client: client, database: s.database, documents: []claimed{{name: s.documentName(replay.Use{})}}}
			_, _ = nothing.read(ctx)
		}
	}()
}

// Use implements [replay.Store]. It ends after three seconds, or by the deadline of its context where that is
// earlier. An error other than a [replay.Replayed] leaves open whether the uses are remembered: the request fails,
// and its JWTs may be lost for another.
func (s *ReplayStore) Use(ctx context.Context, uses []replay.Use) error {
	if len(uses) == 0 {
		return nil
	}
	c, err := s.claim(uses)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.firestore.patience)
	defer cancel()
	if c.client, err = s.firestore.clients.get(ctx); err != nil {
		return &callError{doing: "connecting to remember uses in", name: s.database, cause: err}
	}
	err = c.settle(ctx)
	if _, replayed := errors.AsType[replay.Replayed](err); err != nil && !replayed {
		return &callError{doing: "remembering uses in", name: s.database, cause: err}
	}
	return err
}

// claim checks what can be known without the database. The clock is read once: what has expired and what has not must
// be told by the same time, or a JWT that expires during the call could replace itself.
func (s *ReplayStore) claim(uses []replay.Use) (*claim, error) {
	c := &claim{database: s.database, now: s.now(), by: make([]byte, 16)}
	rand.Read(c.by)
	for _, use := range uses {
		name := s.documentName(use)
		if !c.now.Before(use.Until) || c.has(name) {
			return nil, replay.Replayed{Purpose: use.Purpose}
		}
		c.documents = append(c.documents, claimed{name: name, purpose: use.Purpose, expires: expiryOf(use.Until)})
	}
	return c, nil
}

// settle commits until it is decided whose the documents are.
func (c *claim) settle(ctx context.Context) error {
	for range useRounds {
		err := c.commit(ctx)
		switch status.Code(err) {
		case codes.AlreadyExists, codes.FailedPrecondition, codes.NotFound:
			// One of them exists, or one that was to be replaced does not. These codes have other meanings too, such as
			// that there is no such database: then the look fails with the same.
		default:
			return err
		}
		if ours, err := c.look(ctx); ours || err != nil {
			return err
		}
	}
	return errUndecided
}
