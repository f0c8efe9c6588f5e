package countersign

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	pb "cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/keys"
)

// guarded is a Secret Manager as one service account sees it: whatever it has not been granted is PERMISSION_DENIED.
type guarded struct {
	pb.UnimplementedSecretManagerServiceServer
	behind             pb.SecretManagerServiceClient
	viewable, readable []string // what it may list, and read

	mu      sync.Mutex
	refused []string
	read    int
}

// guard serves in front of another, and returns where.
func guard(t *testing.T, address string, g *guarded) string {
	t.Helper()
	connection, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	g.behind = pb.NewSecretManagerServiceClient(connection)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(g.enter))
	pb.RegisterSecretManagerServiceServer(server, g)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

func (g *guarded) enter(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	granted, name := []string(nil), ""
	switch request := request.(type) {
	case *pb.ListSecretVersionsRequest:
		granted, name = g.viewable, request.GetParent()
	case *pb.AccessSecretVersionRequest:
		name, _, _ = strings.Cut(request.GetName(), "/versions/")
		granted = g.readable
	}
	g.mu.Lock()
	g.read++
	if !slices.Contains(granted, name) {
		g.refused = append(g.refused, info.FullMethod+" "+name)
		g.mu.Unlock()
		return nil, status.Error(codes.PermissionDenied, "Permission denied on resource (or it may not exist).")
	}
	g.mu.Unlock()
	return handle(ctx, request)
}

func (g *guarded) ListSecretVersions(ctx context.Context, r *pb.ListSecretVersionsRequest) (*pb.ListSecretVersionsResponse, error) {
	return g.behind.ListSecretVersions(ctx, r)
}

func (g *guarded) AccessSecretVersion(ctx context.Context, r *pb.AccessSecretVersionRequest) (*pb.AccessSecretVersionResponse, error) {
	return g.behind.AccessSecretVersion(ctx, r)
}

// newPublished is a rotated secret whose public halves are published by a function that may read them, the configuration
// and no other secret.
func newPublished(t *testing.T, signingKeys string) (r *rotated, publisher *process, account *guarded) {
	t.Helper()
	unique := strconv.FormatInt(time.Now().UnixNano(), 36)
	halves, configuration := "projects/acme/secrets/test-halves-"+unique, "projects/acme/secrets/test-configuration-"+unique
	signingKeys += ", public_keys: " + halves
	r = newRotated(t, signingKeys)
	for _, secret := range []string{halves, configuration} {
		if err := r.client.CreateSecret(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
	}
	// The secrets that the token endpoint needs are not there at all.
	document := r.configuration(signingKeys) + `
stop_list: {secret: projects/acme/secrets/none-of-yours}
opaque_tokens: {secret: projects/acme/secrets/none-of-yours-either}
dpop: {nonces: projects/acme/secrets/nor-this}
replay: {firestore: projects/acme/databases/(default)}
`
	if _, err := r.client.AddVersion(t.Context(), configuration, []byte(document)); err != nil {
		t.Fatal(err)
	}
	account = &guarded{viewable: []string{r.secret, halves, configuration}, readable: []string{halves, configuration}}
	publisher = start(t, t.TempDir(), "FUNCTION_TARGET=JWKS", "COUNTERSIGN_CONFIG="+configuration,
		"COUNTERSIGN_TRUST_SNAPSHOT=projects/acme/secrets/a-snapshot", "SECRET_MANAGER_EMULATOR_HOST="+guard(t, r.address, account))
	t.Cleanup(func() {
		account.mu.Lock()
		defer account.mu.Unlock()
		if len(account.refused) > 0 || account.read == 0 {
			t.Errorf("of %d calls %d needed more access: %v", account.read, len(account.refused), account.refused)
		}
	})
	return r, publisher, account
}

// obedient is a verifier that keeps a JWK Set for as long as it may, and no longer.
type obedient struct {
	t     *testing.T
	url   string
	set   jose.KeySet
	until time.Time
}

func (o *obedient) verify(token string) {
	o.t.Helper()
	if !time.Now().Before(o.until) {
		o.fetch()
	}
	parsed, err := jose.Parse(token)
	if err != nil {
		o.t.Fatal(err)
	}
	key, err := o.set.Find(parsed)
	if err != nil {
		o.t.Fatalf("no key for a token of %s: %v", parsed.KeyID, err)
	}
	if _, err := parsed.Verify(key); err != nil {
		o.t.Fatal(err)
	}
}

func (o *obedient) fetch() {
	o.t.Helper()
	began := time.Now()
	response, err := http.Get(o.url + "/.well-known/jwks.json")
	if err != nil {
		o.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		o.t.Fatalf("no JWK Set: %d %s, %v", response.StatusCode, body, err)
	}
	if bytes.Contains(body, []byte(`"d":`)) {
		o.t.Fatalf("a private key is published: %s", body)
	}
	var rejected []jose.Rejected
	if o.set, rejected, err = jose.ParseKeySet(body, ""); err != nil || len(rejected) > 0 {
		o.t.Fatalf("%v, %v: %s", err, rejected, body)
	}
	_, age, _ := strings.Cut(response.Header.Get("Cache-Control"), "max-age=")
	seconds, _ := strconv.Atoi(age)
	o.until = began.Add(time.Duration(seconds) * time.Second)
}

// The set of the function that has no private key verifies every token of the one that has them.
func TestJ2_a_function_without_private_keys_publishes_what_verifies_through_rotations(t *testing.T) {
	t.Parallel()
	const clock = "refresh_interval: 1s, jwks_max_age: 2s"
	r, publisher, _ := newPublished(t, clock)
	r.awaitPublished(publisher, r.addByHand()) // A first key signs at once: nobody could have kept a set without it.
	service := r.start("AuthorizationServer", clock)
	verifier := &obedient{t: t, url: publisher.url}
	seen := map[string]bool{}
	for round := 1; round <= 3; round++ {
		for deadline := time.Now().Add(patience); len(seen) < round; {
			if time.Now().After(deadline) {
				t.Fatalf("no new key signs:\n%s", service.log())
			}
			token := r.token(service)
			verifier.verify(token)
			seen[keyOf(t, token)] = true
		}
		if status := r.deliver(due(r.canonical(), time.Now())); status < 200 || status > 299 {
			t.Fatalf("the notice is answered with %d", status)
		}
	}
}

func TestJWKS_follows_what_is_done_by_hand_without_access_to_private_keys(t *testing.T) {
	t.Parallel()
	r, publisher, _ := newPublished(t, "refresh_interval: 1s, jwks_max_age: 1s")
	first := r.addByHand()
	r.awaitPublished(publisher, first)
	second := r.addByHand()
	r.awaitPublished(publisher, first, second)
	if err := r.client.Keeper(r.secret).Disable(t.Context(), "2"); err != nil {
		t.Fatal(err)
	}
	r.awaitPublished(publisher, first)
	r.expectStates("the private keys", keys.Enabled, keys.Disabled)
}

// addByHand adds a key as an operator does, and returns its kid. Secret Manager says so.
func (r *rotated) addByHand() string {
	r.t.Helper()
	key, err := jose.GenerateSigningKey(jose.ES256)
	if err != nil {
		r.t.Fatal(err)
	}
	payload, err := key.EncodePKCS8()
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.client.AddVersion(r.t.Context(), r.secret, payload); err != nil {
		r.t.Fatal(err)
	}
	notice := due(r.canonical(), time.Now()).with("eventType", "SECRET_VERSION_ADD")
	if status := r.deliver(notice); status < 200 || status > 299 {
		r.t.Fatalf("the notice is answered with %d", status)
	}
	return key.ID()
}

// awaitPublished waits until exactly these keys are published.
func (r *rotated) awaitPublished(by *process, want ...string) {
	r.t.Helper()
	var public []string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if public = r.published(by); slices.Equal(public, want) {
			return
		}
	}
	r.t.Fatalf("%v is published, want %v:\n%s", public, want, by.log())
}
