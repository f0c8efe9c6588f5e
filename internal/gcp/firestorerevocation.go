package gcp

import (
	"context"
	"errors"
	"strconv"

	firestore "cloud.google.com/go/firestore/apiv1"
	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"example.com/countersign/internal/revocation"
)

// revocationsCollection is constant, because the TTL policy is for a collection.
const revocationsCollection = "countersign_revocations"

// idField is the jti of a revoked token. Nothing here reads it: it is for who lists the revoked tokens.
const idField = "jti"

// RevocationStore is a [revocation.Store] that any number of instances share. It is safe for concurrent use.
//
// Each revoked token is a document of the collection countersign_revocations, which is created where there is none. A
// token has been taken back exactly where its document exists, whatever is in it; Firestore reads what was last written,
// so that every instance knows it as soon as the revocation was answered.
//
// TTL may delete a document when its token has expired. By whose clock does not matter: it is kept an hour longer.
//
// It needs what a [ReplayStore] needs, and the same two settings for its own collection:
//
//	gcloud firestore fields ttls update expires --collection-group=countersign_revocations --enable-ttl --database=D
//	gcloud firestore indexes fields update expires --collection-group=countersign_revocations --disable-indexes --database=D
type RevocationStore struct {
	firestore *Firestore
	database  string
	issuer    string
}

// RevocationStore returns the store of one issuer in a database, projects/P/databases/D. Like NewFirestore it touches
// nothing.
func (f *Firestore) RevocationStore(database, issuer string) (*RevocationStore, error) {
	if err := checkDatabaseName(database); err != nil {
		return nil, err
	}
	if issuer == "" {
		return nil, errors.New("a store of revocations needs an issuer")
	}
	return &RevocationStore{firestore: f, database: database, issuer: issuer}, nil
}

func (s *RevocationStore) documentName(token revocation.Token) string {
	expires := strconv.FormatInt(token.Expires.Unix(), 10)
	return documentName(s.database, revocationsCollection, s.issuer, token.Client, token.ID, expires)
}

// Revoke implements [revocation.Store]. It ends when patience does, after three seconds unless it is configured, or
// by the deadline of its context where that is earlier.
func (s *RevocationStore) Revoke(ctx context.Context, token revocation.Token) error {
	ctx, cancel := context.WithTimeout(ctx, s.firestore.patience)
	defer cancel()
	const doing = "remembering a revocation in"
	client, err := s.firestore.clients.get(ctx)
	if err != nil {
		return &callError{doing: doing, name: s.database, cause: err}
	}
	name := s.documentName(token)
	err = create(ctx, client, s.database, &pb.Document{Name: name, Fields: map[string]*pb.Value{
		expiresField: {ValueType: &pb.Value_TimestampValue{TimestampValue: timestamppb.New(expiryOf(token.Expires))}},
		idField:      {ValueType: &pb.Value_StringValue{StringValue: token.ID}},
	}})
	switch status.Code(err) {
	case codes.AlreadyExists, codes.FailedPrecondition:
		// It exists, be it by an attempt of this call whose answer was lost. But the codes have other meanings too, such
		// as a database of another mode, so it is looked at.
		refused := err
		var exists bool
		if exists, err = s.exists(ctx, client, name); err == nil && !exists {
			err = refused
		}
	}
	if err != nil {
		return &callError{doing: doing, name: s.database, cause: err}
	}
	return nil
}

// create makes a document that must not exist. It is repeated where the answer was lost.
func create(ctx context.Context, client *firestore.Client, database string, document *pb.Document) error {
	request := &pb.CommitRequest{Database: database, Writes: []*pb.Write{{
		Operation:       &pb.Write_Update{Update: document},
		CurrentDocument: &pb.Precondition{ConditionType: &pb.Precondition_Exists{Exists: false}},
	}}}
	_, err := persistently(ctx, func() (*pb.CommitResponse, error) { return client.Commit(ctx, request, withoutRetry()) })
	return err
}

// Revoked implements [revocation.Store], with the deadline of Revoke. It costs one round trip.
func (s *RevocationStore) Revoked(ctx context.Context, token revocation.Token) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.firestore.patience)
	defer cancel()
	const doing = "looking for a revocation in"
	client, err := s.firestore.clients.get(ctx)
	if err != nil {
		return false, &callError{doing: doing, name: s.database, cause: err}
	}
	exists, err := s.exists(ctx, client, s.documentName(token))
	if err != nil {
		return false, &callError{doing: doing, name: s.database, cause: err}
	}
	return exists, nil
}

func (s *RevocationStore) exists(ctx context.Context, client *firestore.Client, name string) (bool, error) {
	found, err := persistently(ctx, func() (map[string]*pb.Document, error) {
		return readDocuments(ctx, client, s.database, []string{name})
	})
	return found[name] != nil, err
}
