package gcp_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	pb "cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/gcp/localkms"
	"example.com/countersign/internal/keys"
)

const (
	location = "projects/local/locations/global"
	keyRing  = location + "/keyRings/countersign"
	keyName  = keyRing + "/cryptoKeys/signing-keys"
)

func versionName(number string) string { return keyName + "/cryptoKeyVersions/" + number }

// kmsAPI is a server as the API sees it, without any of our code.
type kmsAPI = pb.KeyManagementServiceClient

// startKMS runs a local KMS until the end of the test.
func startKMS(t *testing.T) (address string, raw kmsAPI) {
	t.Helper()
	return startKMSAt(t, time.Now)
}

func startKMSAt(t *testing.T, now func() time.Time) (address string, raw kmsAPI) {
	t.Helper()
	server, err := localkms.Start(localkms.Config{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, server) })
	connection, err := grpc.NewClient("passthrough:///"+server.Address(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, connection) })
	return server.Address(), pb.NewKeyManagementServiceClient(connection)
}

// newKMS returns a KMS for an emulator.
func newKMS(t *testing.T, host string) *gcp.KMS {
	t.Helper()
	made, err := gcp.NewKMS(gcp.KMSConfig{EmulatorHost: host})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = made.Close() })
	return made
}

// newKeeper returns the keeper of keyName in an emulator.
func newKeeper(t *testing.T, host string) keys.Keeper {
	t.Helper()
	return newKMS(t, host).Keeper(keyName)
}

// newKey makes keyName, with that many versions.
func newKey(t *testing.T, raw kmsAPI, algorithm pb.CryptoKeyVersion_CryptoKeyVersionAlgorithm, versions int) {
	t.Helper()
	if _, err := raw.CreateKeyRing(t.Context(), &pb.CreateKeyRingRequest{Parent: location, KeyRingId: "countersign"}); err != nil {
		t.Fatal(err)
	}
	_, err := raw.CreateCryptoKey(t.Context(), &pb.CreateCryptoKeyRequest{
		Parent:      keyRing,
		CryptoKeyId: "signing-keys",
		CryptoKey: &pb.CryptoKey{
			Purpose:         pb.CryptoKey_ASYMMETRIC_SIGN,
			VersionTemplate: &pb.CryptoKeyVersionTemplate{Algorithm: algorithm},
		},
		SkipInitialVersionCreation: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for range versions {
		if _, err := raw.CreateCryptoKeyVersion(t.Context(), &pb.CreateCryptoKeyVersionRequest{Parent: keyName}); err != nil {
			t.Fatal(err)
		}
	}
}

// newES256Keys makes keyName with versions that sign with ES256.
func newES256Keys(t *testing.T, raw kmsAPI, versions int) {
	t.Helper()
	newKey(t, raw, pb.CryptoKeyVersion_EC_SIGN_P256_SHA256, versions)
}

func setState(ctx context.Context, raw kmsAPI, number string, to pb.CryptoKeyVersion_CryptoKeyVersionState) error {
	_, err := raw.UpdateCryptoKeyVersion(ctx, &pb.UpdateCryptoKeyVersionRequest{
		CryptoKeyVersion: &pb.CryptoKeyVersion{Name: versionName(number), State: to},
		UpdateMask:       &fieldmaskpb.FieldMask{Paths: []string{"state"}},
	})
	return err
}

func scheduleDestruction(ctx context.Context, raw kmsAPI, number string) error {
	_, err := raw.DestroyCryptoKeyVersion(ctx, &pb.DestroyCryptoKeyVersionRequest{Name: versionName(number)})
	return err
}

// stateBehind returns the state of a version as the API has it.
func stateBehind(t *testing.T, raw kmsAPI, number string) pb.CryptoKeyVersion_CryptoKeyVersionState {
	t.Helper()
	version, err := raw.GetCryptoKeyVersion(t.Context(), &pb.GetCryptoKeyVersionRequest{Name: versionName(number)})
	if err != nil {
		t.Fatal(err)
	}
	return version.GetState()
}

// readVersions reads the versions with a generous deadline.
func readVersions(t *testing.T, keeper keys.Keeper) []keys.Version {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	versions, err := keeper.Versions(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return versions
}

// kmsForwarder is the API in front of another server, so that a test can come between a call and its answer.
type kmsForwarder struct {
	pb.UnimplementedKeyManagementServiceServer
	behind kmsAPI
}

func (f kmsForwarder) GetCryptoKey(ctx context.Context, r *pb.GetCryptoKeyRequest) (*pb.CryptoKey, error) {
	return f.behind.GetCryptoKey(ctx, r)
}

func (f kmsForwarder) ListCryptoKeyVersions(ctx context.Context, r *pb.ListCryptoKeyVersionsRequest) (*pb.ListCryptoKeyVersionsResponse, error) {
	return f.behind.ListCryptoKeyVersions(ctx, r)
}

func (f kmsForwarder) GetCryptoKeyVersion(ctx context.Context, r *pb.GetCryptoKeyVersionRequest) (*pb.CryptoKeyVersion, error) {
	return f.behind.GetCryptoKeyVersion(ctx, r)
}

func (f kmsForwarder) CreateCryptoKeyVersion(ctx context.Context, r *pb.CreateCryptoKeyVersionRequest) (*pb.CryptoKeyVersion, error) {
	return f.behind.CreateCryptoKeyVersion(ctx, r)
}

func (f kmsForwarder) UpdateCryptoKeyVersion(ctx context.Context, r *pb.UpdateCryptoKeyVersionRequest) (*pb.CryptoKeyVersion, error) {
	return f.behind.UpdateCryptoKeyVersion(ctx, r)
}

func (f kmsForwarder) DestroyCryptoKeyVersion(ctx context.Context, r *pb.DestroyCryptoKeyVersionRequest) (*pb.CryptoKeyVersion, error) {
	return f.behind.DestroyCryptoKeyVersion(ctx, r)
}

func (f kmsForwarder) GetPublicKey(ctx context.Context, r *pb.GetPublicKeyRequest) (*pb.PublicKey, error) {
	return f.behind.GetPublicKey(ctx, r)
}

func (f kmsForwarder) AsymmetricSign(ctx context.Context, r *pb.AsymmetricSignRequest) (*pb.AsymmetricSignResponse, error) {
	return f.behind.AsymmetricSign(ctx, r)
}

// kmsBetween is what a test does with a call to a KMS: look at the request, change it or something behind, forward it
// or not, change the answer.
type kmsBetween func(ctx context.Context, request any, forward func() (any, error)) (any, error)

// kmsFront serves in front of another server, and returns where.
func kmsFront(t *testing.T, behind kmsAPI, do kmsBetween) (address string, server *grpc.Server) {
	t.Helper()
	return kmsFrontAt(t, "127.0.0.1:0", behind, do)
}

func kmsFrontAt(t *testing.T, address string, behind kmsAPI, do kmsBetween) (served string, server *grpc.Server) {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server = grpc.NewServer(grpc.UnaryInterceptor(
		func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
			return do(ctx, request, func() (any, error) { return handle(ctx, request) })
		}))
	pb.RegisterKeyManagementServiceServer(server, kmsForwarder{behind: behind})
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String(), server
}

// damagedKeeper returns a keeper of keyName with that many versions, behind something that may change each answer, or
// put an error in its place.
func damagedKeeper(t *testing.T, versions int, damage func(answer any) error) (keys.Keeper, kmsAPI) {
	t.Helper()
	_, raw := startKMS(t)
	newES256Keys(t, raw, versions)
	address, _ := kmsFront(t, raw, func(_ context.Context, _ any, forward func() (any, error)) (any, error) {
		answer, err := forward()
		if err == nil {
			err = damage(answer)
		}
		return answer, err
	})
	return newKeeper(t, address), raw
}

// onlyAnswer makes a damage of answers of one kind.
func onlyAnswer[T any](damage func(T)) func(any) error {
	return func(answer any) error {
		if a, ok := answer.(T); ok {
			damage(a)
		}
		return nil
	}
}

// wantNamed wants an error that names the key and does not say that it does not exist.
func wantNamed(t *testing.T, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), keyName) {
		t.Errorf("the error is %v", err)
	}
}
