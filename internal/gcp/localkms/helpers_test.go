package localkms_test

import (
	"hash/crc32"
	"sync"
	"testing"
	"time"

	kms "cloud.google.com/go/kms/apiv1"
	pb "cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"example.com/countersign/internal/gcp/localkms"
)

const (
	location = "projects/local/locations/global"
	keyRing  = location + "/keyRings/r"
)

// es256 is the algorithm of keys where a test does not care.
const es256 = pb.CryptoKeyVersion_EC_SIGN_P256_SHA256

// clock is a time that moves a second forward each time it is looked at.
type clock struct {
	mu   sync.Mutex
	next time.Time
}

func newClock() *clock { return &clock{next: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time { return c.pass(time.Second) }

func (c *clock) pass(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = c.next.Add(d)
	return c.next
}

// start runs a server with one key ring until the end of the test, and returns Google's client for it.
func start(t testing.TB) (*kms.KeyManagementClient, *clock) {
	t.Helper()
	time := newClock()
	server, err := localkms.Start(localkms.Config{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, server) })
	connection, err := grpc.NewClient("passthrough:///"+server.Address(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	client, err := kms.NewKeyManagementClient(t.Context(), option.WithGRPCConn(connection))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if _, err := client.CreateKeyRing(t.Context(), &pb.CreateKeyRingRequest{Parent: location, KeyRingId: "r"}); err != nil {
		t.Fatal(err)
	}
	return client, time
}

func stop(t testing.TB, server *localkms.Server) {
	t.Helper()
	if err := server.Close(); err != nil {
		t.Error(err)
	}
}

// newKey is what a request to create one must say at least.
func newKey(algorithm pb.CryptoKeyVersion_CryptoKeyVersionAlgorithm) *pb.CryptoKey {
	return &pb.CryptoKey{
		Purpose:         pb.CryptoKey_ASYMMETRIC_SIGN,
		VersionTemplate: &pb.CryptoKeyVersionTemplate{Algorithm: algorithm},
	}
}

// create makes a key with version 1, and returns its name.
func create(t testing.TB, client *kms.KeyManagementClient, id string, algorithm pb.CryptoKeyVersion_CryptoKeyVersionAlgorithm) string {
	t.Helper()
	key, err := client.CreateCryptoKey(t.Context(), &pb.CreateCryptoKeyRequest{
		Parent: keyRing, CryptoKeyId: id, CryptoKey: newKey(algorithm),
	})
	if err != nil {
		t.Fatal(err)
	}
	return key.GetName()
}

func add(t testing.TB, client *kms.KeyManagementClient, key string) *pb.CryptoKeyVersion {
	t.Helper()
	version, err := client.CreateCryptoKeyVersion(t.Context(), &pb.CreateCryptoKeyVersionRequest{Parent: key})
	if err != nil {
		t.Fatal(err)
	}
	return version
}

// change calls one of the methods that change a version's state.
func change(t testing.TB, client *kms.KeyManagementClient, how, version string) (*pb.CryptoKeyVersion, error) {
	t.Helper()
	update := &pb.UpdateCryptoKeyVersionRequest{
		CryptoKeyVersion: &pb.CryptoKeyVersion{Name: version},
		UpdateMask:       &fieldmaskpb.FieldMask{Paths: []string{"state"}},
	}
	switch how {
	case "enable":
		update.CryptoKeyVersion.State = pb.CryptoKeyVersion_ENABLED
		return client.UpdateCryptoKeyVersion(t.Context(), update)
	case "disable":
		update.CryptoKeyVersion.State = pb.CryptoKeyVersion_DISABLED
		return client.UpdateCryptoKeyVersion(t.Context(), update)
	case "destroy":
		return client.DestroyCryptoKeyVersion(t.Context(), &pb.DestroyCryptoKeyVersionRequest{Name: version})
	case "restore":
		return client.RestoreCryptoKeyVersion(t.Context(), &pb.RestoreCryptoKeyVersionRequest{Name: version})
	default:
		t.Fatalf("no such change: %s", how)
		return nil, nil
	}
}

func wantCode(t testing.TB, err error, want codes.Code) {
	t.Helper()
	if got := status.Code(err); got != want {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
}

func crc32c(data []byte) *wrapperspb.Int64Value {
	return wrapperspb.Int64(int64(crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))))
}
