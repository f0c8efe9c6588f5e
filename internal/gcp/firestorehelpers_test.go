package gcp_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	firestore "cloud.google.com/go/firestore/apiv1"
	pb "cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/replay"
)

const storeIssuer = "https://auth.example.com"

// moment is what the clocks of these tests show unless they say otherwise.
var moment = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func atMoment() time.Time { return moment }

// firestoreEmulator returns the address of Google's emulator.
func firestoreEmulator(t testing.TB) string {
	t.Helper()
	host := os.Getenv("FIRESTORE_EMULATOR_HOST")
	if host == "" {
		t.Skip("NOT TESTED: the replay store that instances share. It is tested against Google's emulator of Firestore: " +
			"run `.ci/firestore go test ./internal/gcp`, which needs gcloud with its component cloud-firestore-emulator, " +
			"and Java; or set FIRESTORE_EMULATOR_HOST to the host:port of one that runs.")
	}
	return host
}

// newDatabase names a database that nobody has used. The emulator makes it when it is first written to.
func newDatabase() string {
	return "projects/test-" + strings.ToLower(rand.Text()) + "/databases/(default)"
}

// newFirestore returns the client for an emulator.
func newFirestore(t testing.TB, host string) *gcp.Firestore {
	t.Helper()
	return newFirestoreWith(t, gcp.FirestoreConfig{EmulatorHost: host})
}

func newFirestoreWith(t testing.TB, config gcp.FirestoreConfig) *gcp.Firestore {
	t.Helper()
	f, err := gcp.NewFirestore(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// newStore returns a store with a client of its own, as another instance has it.
func newStore(t testing.TB, host, database string, now func() time.Time) *gcp.ReplayStore {
	t.Helper()
	store, err := newFirestore(t, host).ReplayStore(database, storeIssuer, now)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// newPatientStore is newStore for tests in which a hundred calls want the same at once: an emulator on a busy machine needs
// longer for that than anybody waits for a token.
func newPatientStore(t testing.TB, host, database string, now func() time.Time) *gcp.ReplayStore {
	t.Helper()
	store, err := newFirestoreWith(t, gcp.FirestoreConfig{EmulatorHost: host, Patience: time.Minute}).ReplayStore(database, storeIssuer, now)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// useOf returns a use that expires ten minutes after the moment.
func useOf(id string) replay.Use {
	return replay.Use{
		Purpose: replay.ForGrant, Party: "https://issuer.example", ID: id, Until: moment.Add(10 * time.Minute),
	}
}

func wantPass(t *testing.T, store replay.Store, uses ...replay.Use) {
	t.Helper()
	if err := store.Use(t.Context(), uses); err != nil {
		t.Errorf("Use(%v) = %v; want it to pass", uses, err)
	}
}

func wantReplayed(t *testing.T, store replay.Store, uses ...replay.Use) {
	t.Helper()
	if err := store.Use(t.Context(), uses); !errors.Is(err, replay.ErrReplayed) {
		t.Errorf("Use(%v) = %v; want a Replayed", uses, err)
	}
}

// secretUse is one whose parts are found wherever they are told.
var secretUse = replay.Use{
	Purpose: replay.ForGrant, Party: "https://party.nobody.may.see", ID: "jti-that-nobody-may-see",
	Until: moment.Add(10 * time.Minute),
}

// wantUndecided wants an error that is no replay, and that tells nothing of the uses. It returns it.
func wantUndecided(t *testing.T, store replay.Store, uses ...replay.Use) error {
	t.Helper()
	begin := time.Now()
	err := store.Use(t.Context(), uses)
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	if err == nil || errors.Is(err, replay.ErrReplayed) {
		t.Errorf("got %v; want an error that is no replay", err)
	}
	for _, told := range []string{secretUse.ID, secretUse.Party} {
		if err != nil && strings.Contains(err.Error(), told) {
			t.Errorf("%v tells of %s", err, told)
		}
	}
	return err
}

// rawFirestore is the database as Google's library sees it, without any of our code.
func rawFirestore(t testing.TB) *firestore.Client {
	t.Helper()
	client, err := firestore.NewClient(t.Context(), option.WithGRPCConn(plainConnection(t, firestoreEmulator(t))))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func plainConnection(t testing.TB, address string) *grpc.ClientConn {
	t.Helper()
	connection, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// storedUses returns the documents of the uses in a database.
func storedUses(t testing.TB, raw *firestore.Client, database string) []*pb.Document {
	t.Helper()
	return storedDocuments(t, raw, database, "countersign_uses")
}

func storedDocuments(t testing.TB, raw *firestore.Client, database, collection string) []*pb.Document {
	t.Helper()
	request := &pb.ListDocumentsRequest{Parent: database + "/documents", CollectionId: collection}
	var documents []*pb.Document
	for document, err := range raw.ListDocuments(t.Context(), request).All() {
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, document)
	}
	return documents
}

// forgetUses does what TTL does when Google's clock shows now.
func forgetUses(t testing.TB, raw *firestore.Client, database string, now time.Time) {
	t.Helper()
	for _, document := range storedUses(t, raw, database) {
		if document.GetFields()["expires"].GetTimestampValue().AsTime().Before(now) {
			if err := raw.DeleteDocument(t.Context(), &pb.DeleteDocumentRequest{Name: document.GetName()}); err != nil {
				t.Error(err)
			}
		}
	}
}

// interfering is what a test does with a call: forward it or not, and change the answer. It may be nil.
type interfering func(ctx context.Context, method string, request []byte, forward forwarding) ([][]byte, error)

// forwarding sends a call to the emulator and returns all of its answer.
type forwarding func() ([][]byte, error)

// firestoreFront is a server in front of the emulator. It forwards whatever comes, as bytes, and counts it.
type firestoreFront struct {
	address string
	behind  *grpc.ClientConn
	do      interfering

	mu     sync.Mutex
	server *grpc.Server
	calls  map[string]int
}

func newFront(t testing.TB, do interfering) *firestoreFront {
	t.Helper()
	front := &firestoreFront{
		address: "127.0.0.1:0",
		behind:  plainConnection(t, firestoreEmulator(t)),
		do:      do,
		calls:   make(map[string]int),
	}
	front.start(t)
	t.Cleanup(front.stop)
	return front
}

// start serves; after a stop, at the same address.
func (f *firestoreFront) start(t testing.TB) {
	t.Helper()
	listener, err := net.Listen("tcp", f.address)
	if err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.address = listener.Addr().String()
	server := grpc.NewServer(grpc.UnknownServiceHandler(f.handle), grpc.ForceServerCodec(bytesCodec{}))
	f.server = server
	go func() { _ = server.Serve(listener) }()
}

func (f *firestoreFront) stop() {
	f.mu.Lock()
	server := f.server
	f.mu.Unlock()
	server.Stop()
}

// wantCalls wants that these calls have come since the last time, and no others.
func (f *firestoreFront) wantCalls(t *testing.T, want map[string]int) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !maps.Equal(f.calls, want) {
		t.Errorf("the calls were %v; want %v", f.calls, want)
	}
	clear(f.calls)
}

func (f *firestoreFront) handle(_ any, stream grpc.ServerStream) error {
	full, _ := grpc.MethodFromServerStream(stream)
	var request []byte
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	f.mu.Lock()
	f.calls[path.Base(full)]++
	f.mu.Unlock()
	forward := func() ([][]byte, error) { return f.forward(stream.Context(), full, request) }
	if f.do != nil {
		ours := forward
		forward = func() ([][]byte, error) { return f.do(stream.Context(), path.Base(full), request, ours) }
	}
	answers, err := forward()
	for _, answer := range answers {
		if err := stream.SendMsg(&answer); err != nil {
			return err
		}
	}
	return err
}

func (f *firestoreFront) forward(ctx context.Context, full string, request []byte) ([][]byte, error) {
	incoming, _ := metadata.FromIncomingContext(ctx)
	ctx, cancel := context.WithCancel(metadata.NewOutgoingContext(ctx, incoming))
	defer cancel()
	stream, err := f.behind.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, full, grpc.ForceCodec(bytesCodec{}))
	if err != nil {
		return nil, err
	}
	if err := errors.Join(stream.SendMsg(&request), stream.CloseSend()); err != nil {
		return nil, err
	}
	var answers [][]byte
	for {
		var answer []byte
		switch err := stream.RecvMsg(&answer); {
		case errors.Is(err, io.EOF):
			return answers, nil
		case err != nil:
			return answers, err
		}
		answers = append(answers, answer)
	}
}

// bytesCodec takes messages as they are. Its name is that of the codec in whose place it is.
type bytesCodec struct{}

func (bytesCodec) Name() string { return "proto" }

func (bytesCodec) Marshal(message any) ([]byte, error) { return *message.(*[]byte), nil }

func (bytesCodec) Unmarshal(data []byte, message any) error {
	*message.(*[]byte) = append([]byte(nil), data...) // gRPC uses the buffer again
	return nil
}
