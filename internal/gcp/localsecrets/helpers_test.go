package localsecrets_test

import (
	"context"
	"hash/crc32"
	"sync"
	"testing"
	"time"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	pb "cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"example.com/countersign/internal/gcp/localsecrets"
)

// clock is a time that moves a second forward each time it is looked at.
type clock struct {
	mu   sync.Mutex
	next time.Time
}

func newClock() *clock { return &clock{next: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = c.next.Add(time.Second)
	return c.next
}

// start runs a server until the end of the test, and returns Google's client for it.
func start(t testing.TB, directory string) (*localsecrets.Server, *secretmanager.Client) {
	t.Helper()
	server, err := localsecrets.Start(localsecrets.Config{Directory: directory, Now: newClock().Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, server) })
	return server, connect(t, server)
}

func connect(t testing.TB, server *localsecrets.Server) *secretmanager.Client {
	t.Helper()
	connection, err := grpc.NewClient("passthrough:///"+server.Address(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	client, err := secretmanager.NewClient(t.Context(), option.WithGRPCConn(connection))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func stop(t testing.TB, server *localsecrets.Server) {
	t.Helper()
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}

// newSecret is what a request to create one must say at least.
func newSecret() *pb.Secret {
	automatic := &pb.Replication_Automatic_{Automatic: &pb.Replication_Automatic{}}
	return &pb.Secret{Replication: &pb.Replication{Replication: automatic}}
}

// create makes projects/local/secrets/ID with one version for each payload, and returns what was answered.
func create(t testing.TB, client *secretmanager.Client, id string, payloads ...string) *pb.Secret {
	t.Helper()
	secret, err := client.CreateSecret(t.Context(), &pb.CreateSecretRequest{
		Parent: "projects/local", SecretId: id, Secret: newSecret(),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, payload := range payloads {
		add(t, client, secret.GetName(), payload)
	}
	return secret
}

func add(t testing.TB, client *secretmanager.Client, secret, payload string) *pb.SecretVersion {
	t.Helper()
	version, err := client.AddSecretVersion(t.Context(), &pb.AddSecretVersionRequest{
		Parent: secret, Payload: &pb.SecretPayload{Data: []byte(payload)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return version
}

func access(ctx context.Context, client *secretmanager.Client, version string) (string, error) {
	answer, err := client.AccessSecretVersion(ctx, &pb.AccessSecretVersionRequest{Name: version})
	return string(answer.GetPayload().GetData()), err
}

func wantCode(t testing.TB, err error, want codes.Code) {
	t.Helper()
	if got := status.Code(err); got != want {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
}

func crc32c(data string) int64 {
	return int64(crc32.Checksum([]byte(data), crc32.MakeTable(crc32.Castagnoli)))
}

// changeState calls one of the three methods that change a version's state.
func changeState(t testing.TB, client *secretmanager.Client, change, version, etag string) (*pb.SecretVersion, error) {
	t.Helper()
	switch change {
	case "enable":
		return client.EnableSecretVersion(t.Context(), &pb.EnableSecretVersionRequest{Name: version, Etag: etag})
	case "disable":
		return client.DisableSecretVersion(t.Context(), &pb.DisableSecretVersionRequest{Name: version, Etag: etag})
	case "destroy":
		return client.DestroySecretVersion(t.Context(), &pb.DestroySecretVersionRequest{Name: version, Etag: etag})
	default:
		t.Fatalf("no such change: %s", change)
		return nil, nil
	}
}
