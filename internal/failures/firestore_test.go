package failures

import (
	"context"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"example.com/countersign/internal/gcp/loopback"
)

// documents is as much of Firestore as our stores use: documents that are created where there is none, and read. What is
// exact about the stores themselves is tested against Google's emulator, in package gcp; here it is there to fail.
type documents struct {
	firestorepb.UnimplementedFirestoreServer
	mu   sync.Mutex
	kept map[string]*firestorepb.Document
}

// startFirestore returns where it listens.
func startFirestore(t *testing.T) string {
	t.Helper()
	served, err := loopback.Serve("", func(s *grpc.Server) {
		firestorepb.RegisterFirestoreServer(s, &documents{kept: map[string]*firestorepb.Document{}})
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = served.Close() })
	return served.Address()
}

// Commit makes all documents of a request or none.
func (d *documents) Commit(_ context.Context, r *firestorepb.CommitRequest) (*firestorepb.CommitResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, write := range r.GetWrites() {
		if write.GetUpdate() == nil || write.GetCurrentDocument().GetConditionType() == nil {
			return nil, status.Error(codes.Unimplemented, "only documents are written, and only on a condition")
		}
		existing, want := d.kept[write.GetUpdate().GetName()], write.GetCurrentDocument()
		switch {
		case want.GetUpdateTime() == nil && existing != nil:
			return nil, status.Error(codes.AlreadyExists, "the document exists")
		case want.GetUpdateTime() != nil && !want.GetUpdateTime().AsTime().Equal(existing.GetUpdateTime().AsTime()):
			return nil, status.Error(codes.FailedPrecondition, "the document has changed")
		}
	}
	for _, write := range r.GetWrites() {
		write.GetUpdate().UpdateTime = timestamppb.New(time.Now())
		d.kept[write.GetUpdate().GetName()] = write.GetUpdate()
	}
	return &firestorepb.CommitResponse{}, nil
}

// BatchGetDocuments reads.
func (d *documents) BatchGetDocuments(r *firestorepb.BatchGetDocumentsRequest, stream firestorepb.Firestore_BatchGetDocumentsServer) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range r.GetDocuments() {
		answer := &firestorepb.BatchGetDocumentsResponse{Result: &firestorepb.BatchGetDocumentsResponse_Missing{Missing: name}}
		if found := d.kept[name]; found != nil {
			answer.Result = &firestorepb.BatchGetDocumentsResponse_Found{Found: found}
		}
		if err := stream.Send(answer); err != nil {
			return err
		}
	}
	return nil
}
