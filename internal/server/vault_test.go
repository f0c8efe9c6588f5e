package server_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/gcp/localsecrets"
)

// A vault is the embedded Secret Manager, behind a door that a test can shut.
type vault struct {
	secretmanagerpb.UnimplementedSecretManagerServiceServer
	t      testing.TB
	behind secretmanagerpb.SecretManagerServiceClient
	ours   *gcp.SecretManager // the client that the server uses
	answer atomic.Uint32      // the code that a shut door answers with
}

// newVault makes the secrets. The payload of each follows from its name, except that signing keys have one, and that
// those whose names end in -jwks are for the test to fill.
func newVault(d *deployment, names []string) *vault {
	d.t.Helper()
	embedded, err := localsecrets.Start(localsecrets.Config{Now: d.clock.now})
	d.must(err)
	d.t.Cleanup(func() { _ = embedded.Close() })
	connection, err := grpc.NewClient("passthrough:///"+embedded.Address(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	d.must(err)
	d.t.Cleanup(func() { _ = connection.Close() })
	v := &vault{t: d.t, behind: secretmanagerpb.NewSecretManagerServiceClient(connection)}

	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	d.must(err)
	door := grpc.NewServer(grpc.UnaryInterceptor(v.enter))
	secretmanagerpb.RegisterSecretManagerServiceServer(door, v)
	go func() { _ = door.Serve(listener) }()
	d.t.Cleanup(door.Stop)
	v.ours, err = gcp.NewSecretManager(gcp.SecretManagerConfig{EmulatorHost: listener.Addr().String()})
	d.must(err)
	d.t.Cleanup(func() { _ = v.ours.Close() })
	for _, name := range names {
		d.must(v.ours.CreateSecret(context.Background(), name))
		rings := d.configuration.SigningKeys.Rings()
		ring := slices.IndexFunc(rings, func(ring config.KeyRing) bool { return ring.Secret == name })
		switch {
		case ring >= 0:
			v.add(name, d.firstKeyOf(rings[ring]))
		case name == d.configuration.OpaqueTokens.Secret:
			v.add(name, sealingKey(name))
		case !strings.HasSuffix(name, "-jwks"):
			v.add(name, payload(name))
		}
		d.remember(string(payload(name)))
	}
	return v
}

// add adds a version to a secret.
func (v *vault) add(name string, content []byte) {
	v.t.Helper()
	if _, err := v.ours.AddVersion(context.Background(), name, content); err != nil {
		v.t.Fatal(err)
	}
}

// disable disables a version of a secret.
func (v *vault) disable(name, version string) {
	v.t.Helper()
	request := &secretmanagerpb.DisableSecretVersionRequest{Name: name + "/versions/" + version}
	if _, err := v.behind.DisableSecretVersion(context.Background(), request); err != nil {
		v.t.Fatal(err)
	}
}

func (v *vault) shut(answer codes.Code) { v.answer.Store(uint32(answer)) }
func (v *vault) open()                  { v.answer.Store(uint32(codes.OK)) }

func (v *vault) enter(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if answer := codes.Code(v.answer.Load()); answer != codes.OK {
		return nil, status.Error(answer, "The door is shut.")
	}
	return handle(ctx, request)
}

func (v *vault) CreateSecret(ctx context.Context, r *secretmanagerpb.CreateSecretRequest) (*secretmanagerpb.Secret, error) {
	return v.behind.CreateSecret(ctx, r)
}

func (v *vault) AddSecretVersion(ctx context.Context, r *secretmanagerpb.AddSecretVersionRequest) (*secretmanagerpb.SecretVersion, error) {
	return v.behind.AddSecretVersion(ctx, r)
}

func (v *vault) ListSecretVersions(ctx context.Context, r *secretmanagerpb.ListSecretVersionsRequest) (*secretmanagerpb.ListSecretVersionsResponse, error) {
	return v.behind.ListSecretVersions(ctx, r)
}

func (v *vault) AccessSecretVersion(ctx context.Context, r *secretmanagerpb.AccessSecretVersionRequest) (*secretmanagerpb.AccessSecretVersionResponse, error) {
	return v.behind.AccessSecretVersion(ctx, r)
}

func (v *vault) GetSecretVersion(ctx context.Context, r *secretmanagerpb.GetSecretVersionRequest) (*secretmanagerpb.SecretVersion, error) {
	return v.behind.GetSecretVersion(ctx, r)
}
