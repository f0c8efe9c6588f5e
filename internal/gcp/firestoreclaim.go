package gcp

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	firestore "cloud.google.com/go/firestore/apiv1"
	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"example.com/countersign/internal/replay"
)

// usesCollection is constant, because the TTL policy is for a collection.
const usesCollection = "countersign_uses"

// The fields of a document.
const (
	expiresField = "expires" // when TTL may delete it
	byField      = "by"      // random bytes of the call that made it
)

// kept is how much longer than it is needed a document is kept. TTL deletes by Google's clock, and what it deletes
// while ours is still before Until could be used again.
const kept = time.Hour

// documentName names the document of a use.
func (s *ReplayStore) documentName(use replay.Use) string {
	return documentName(s.database, usesCollection, s.issuer, string(use.Purpose), use.Party, use.ID)
}

// expiryOf rounds up to what Firestore keeps, which is microseconds: it would round down, and so forget early.
func expiryOf(until time.Time) time.Time {
	rounded := until.Truncate(time.Microsecond)
	if rounded.Before(until) {
		rounded = rounded.Add(time.Microsecond)
	}
	return rounded.Add(kept)
}

// claim is one call: the documents that it wants to be its own, all or none.
type claim struct {
	client    *firestore.Client
	database  string
	now       time.Time // of the whole call
	by        []byte
	documents []claimed // in the order of the uses
}

// claimed is one of them.
type claimed struct {
	name    string
	purpose replay.Purpose
	expires time.Time
	expired *timestamppb.Timestamp // when the document that may be replaced was last changed; nil: there must be none
}

func (c *claim) has(name string) bool {
	return slices.ContainsFunc(c.documents, func(d claimed) bool { return d.name == name })
}

// commit writes all documents or none. It is repeated where the answer was lost, since the second attempt can tell from
// its own by that the first was successful.
func (c *claim) commit(ctx context.Context) error {
	request := &pb.CommitRequest{Database: c.database}
	for _, d := range c.documents {
		request.Writes = append(request.Writes, d.write(c.by))
	}
	_, err := persistently(ctx, func() (*pb.CommitResponse, error) {
		return c.client.Commit(ctx, request, withoutRetry())
	})
	return err
}

func (d *claimed) write(by []byte) *pb.Write {
	condition := &pb.Precondition{ConditionType: &pb.Precondition_Exists{Exists: false}}
	if d.expired != nil {
		condition = &pb.Precondition{ConditionType: &pb.Precondition_UpdateTime{UpdateTime: d.expired}}
	}
	return &pb.Write{
		Operation: &pb.Write_Update{Update: &pb.Document{Name: d.name, Fields: map[string]*pb.Value{
			expiresField: {ValueType: &pb.Value_TimestampValue{TimestampValue: timestamppb.New(d.expires)}},
			byField:      {ValueType: &pb.Value_BytesValue{BytesValue: by}},
		}}},
		CurrentDocument: condition,
	}
}

// look finds out why a commit was refused. Ours says that an earlier attempt of this call was successful, though its
// answer was lost. Otherwise a live document is a [replay.Replayed], and without one the next commit replaces those
// that have expired.
func (c *claim) look(ctx context.Context) (ours bool, err error) {
	found, err := persistently(ctx, func() (map[string]*pb.Document, error) { return c.read(ctx) })
	if err != nil {
		return false, err
	}
	for _, d := range c.documents {
		// One is enough: they were written together, and another can have expired for somebody else since.
		if bytes.Equal(found[d.name].GetFields()[byField].GetBytesValue(), c.by) {
			return true, nil
		}
	}
	for i := range c.documents {
		d := &c.documents[i]
		d.expired = nil
		document := found[d.name]
		if document == nil {
			continue
		}
		expires := document.GetFields()[expiresField].GetTimestampValue()
		if expires == nil || document.GetUpdateTime() == nil {
			return false, errNoUse
		}
		if until := expires.AsTime().Add(-kept); !until.Before(c.now) {
			return false, replay.Replayed{Purpose: d.purpose}
		}
		d.expired = document.GetUpdateTime()
	}
	return false, nil
}

// errNoUse is about a document that nothing of ours has written. Whether it is live cannot be told.
var errNoUse = errors.New("a document in " + usesCollection + " is not the document of a use")

// read returns the documents by their names; nil: there is none.
func (c *claim) read(ctx context.Context) (map[string]*pb.Document, error) {
	names := make([]string, len(c.documents))
	for i, d := range c.documents {
		names[i] = d.name
	}
	return readDocuments(ctx, c.client, c.database, names)
}
