package server_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/server"
	"example.com/countersign/internal/service"
)

// publishedApart has a secret for everything that can have one, and its public keys apart.
var publishedApart = strings.Replace(vaulted, "{secret: projects/acme/secrets/signing-keys}",
	"{secret: projects/acme/secrets/signing-keys, public_keys: projects/acme/secrets/halves-jwks}", 1) + `
opaque_tokens: {secret: projects/acme/secrets/opaque}
stop_list: {secret: projects/acme/secrets/stops}
dpop: {nonces: projects/acme/secrets/nonces}
`

// A desk is the vault as somebody sees it who may list these secrets and read some of them.
type desk struct {
	lists, reads []string

	mu      sync.Mutex
	refused []string
}

func (d *desk) enter(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	may := false
	switch request := request.(type) {
	case *secretmanagerpb.ListSecretVersionsRequest:
		may = slices.Contains(d.lists, request.GetParent())
	case *secretmanagerpb.AccessSecretVersionRequest:
		secret, _, _ := strings.Cut(request.GetName(), "/versions/")
		may = slices.Contains(d.reads, secret)
	}
	if !may {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.refused = append(d.refused, request.(interface{ String() string }).String())
		return nil, status.Error(codes.PermissionDenied, "Permission denied.")
	}
	return handle(ctx, request)
}

// followAt serves the JWK Set alone, of the configuration in the vault, to somebody who is served at a desk.
func (d *deployment) followAt(desk *desk) {
	d.t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	d.must(err)
	door := grpc.NewServer(grpc.UnaryInterceptor(desk.enter))
	secretmanagerpb.RegisterSecretManagerServiceServer(door, d.vault)
	go func() { _ = door.Serve(listener) }()
	d.t.Cleanup(door.Stop)
	manager, err := gcp.NewSecretManager(gcp.SecretManagerConfig{EmulatorHost: listener.Addr().String()})
	d.must(err)
	d.t.Cleanup(func() { _ = manager.Close() })
	follower, err := service.Follow(configurationSecret, "projects/acme/secrets/trust", service.Surroundings{
		Secrets: manager.Source, Listed: manager.Listing, PublishOnly: true,
		Folder: d.folder, Now: d.clock.now, Log: server.NewLog(d.log),
	})
	d.must(err)
	follower.Start()
	served := httptest.NewServer(follower.Handler((*server.Server).JWKS))
	d.t.Cleanup(served.Close)
	d.url = served.URL
}

// publishHalves does what a rotation does for the rings of a configuration that have public_keys.
func (d *deployment) publishHalves(document string) {
	d.t.Helper()
	configuration, faults := config.Load("config.yaml", []byte(document))
	d.must(faults.Err())
	for _, ring := range configuration.SigningKeys.Rings() {
		made := service.Surroundings{Now: d.clock.now, Log: server.NewLog(d.log)}.RingConfig(configuration, ring, d.vault.ours.Keeper(ring.Secret))
		made.Public = d.vault.ours.Keeper(ring.PublicKeys)
		_, err := keys.Publish(context.Background(), made)
		d.must(err)
	}
}

// expectPublished compares the kids of the JWK Set with those of these keys.
func (d *deployment) expectPublished(why string, want ...string) {
	d.t.Helper()
	got := d.send(d.t, get("/.well-known/jwks.json"))
	set, _, err := jose.ParseKeySet([]byte(got.body), "")
	if got.status != http.StatusOK || err != nil {
		d.t.Errorf("%s: %d %s", why, got.status, got.body)
		return
	}
	var kids, wanted []string
	for _, key := range set {
		kids = append(kids, key.ID())
	}
	for _, name := range want {
		wanted = append(wanted, signingKey(d.t, name).ID())
	}
	if !slices.Equal(kids, wanted) {
		d.t.Errorf("%s: %v is published, want %v", why, kids, wanted)
	}
}

func TestJ1_the_JWK_Set_is_published_without_access_to_anything_private(t *testing.T) {
	d := prepare(t, publishedApart)
	d.must(d.vault.ours.CreateSecret(context.Background(), configurationSecret))
	d.vault.add(configurationSecret, []byte(publishedApart))
	d.publishHalves(publishedApart)
	const private, public = "projects/acme/secrets/signing-keys", "projects/acme/secrets/halves-jwks"
	const morePrivate, morePublic = "projects/acme/secrets/more-keys", "projects/acme/secrets/more-halves-jwks"
	clerk := &desk{
		lists: []string{configurationSecret, private, public, morePrivate, morePublic},
		reads: []string{configurationSecret, public, morePublic},
	}
	d.followAt(clerk)
	d.expectPublished("at first", "own.ES256")

	d.clock.advance(time.Second)
	next, err := signingKey(t, "next.ES256").EncodePKCS8()
	d.must(err)
	d.vault.add(private, next)
	d.publishHalves(publishedApart)
	d.clock.advance(ringFresh)
	d.expectPublished("with the next key", "own.ES256", "next.ES256")
	d.vault.disable(private, "1")
	d.clock.advance(ringFresh)
	d.expectPublished("with one that is disabled", "next.ES256")

	more := strings.Replace(publishedApart, "halves-jwks}", "halves-jwks, additional: [{secret: "+morePrivate+", public_keys: "+morePublic+
		", algorithm: EdDSA, publish_only: true}]}", 1)
	d.must(d.vault.ours.CreateSecret(context.Background(), morePrivate))
	d.must(d.vault.ours.CreateSecret(context.Background(), morePublic))
	former, err := signingKey(t, "old.EdDSA").EncodePKCS8()
	d.must(err)
	d.vault.add(morePrivate, former)
	d.configure(more)
	d.expectPublished("a configuration whose public keys cannot be had does not take over", "next.ES256")
	d.publishHalves(more)
	d.clock.advance(ringFresh)
	d.expectPublished("and does when they can", "next.ES256", "old.EdDSA")
	clerk.mu.Lock()
	defer clerk.mu.Unlock()
	if len(clerk.refused) > 0 {
		t.Errorf("it asked for more than it may have: %v", clerk.refused)
	}
}
