package gcp_test

import (
	"context"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	pb "cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/gcp/localsecrets"
)

const secretName = "projects/local/secrets/signing-keys"

// startServer runs the embedded Secret Manager until the end of the test.
func startServer(t *testing.T, config localsecrets.Config) *localsecrets.Server {
	t.Helper()
	if config.Now == nil {
		config.Now = time.Now
	}
	server, err := localsecrets.Start(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, server) })
	return server
}

func stop(t *testing.T, closer io.Closer) {
	t.Helper()
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
}

// newManager returns a SecretManager for an emulator.
func newManager(t *testing.T, host string) *gcp.SecretManager {
	t.Helper()
	manager, err := gcp.NewSecretManager(gcp.SecretManagerConfig{EmulatorHost: host})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = manager.Close() })
	return manager
}

// newSecret makes the secret with one version for each payload.
func newSecret(t *testing.T, manager *gcp.SecretManager, payloads ...string) {
	t.Helper()
	if err := manager.CreateSecret(t.Context(), secretName); err != nil {
		t.Fatal(err)
	}
	for _, payload := range payloads {
		if _, err := manager.AddVersion(t.Context(), secretName, []byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
}

// backend is a server as the API sees it, without any of our code.
type backend = pb.SecretManagerServiceClient

func rawClient(t *testing.T, address string) backend {
	t.Helper()
	connection, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, connection) })
	return pb.NewSecretManagerServiceClient(connection)
}

// forwarder is the API in front of another server, so that a test can come between a call and its answer.
type forwarder struct {
	pb.UnimplementedSecretManagerServiceServer
	behind backend
}

func (f forwarder) CreateSecret(ctx context.Context, r *pb.CreateSecretRequest) (*pb.Secret, error) {
	return f.behind.CreateSecret(ctx, r)
}

func (f forwarder) AddSecretVersion(ctx context.Context, r *pb.AddSecretVersionRequest) (*pb.SecretVersion, error) {
	return f.behind.AddSecretVersion(ctx, r)
}

func (f forwarder) ListSecretVersions(ctx context.Context, r *pb.ListSecretVersionsRequest) (*pb.ListSecretVersionsResponse, error) {
	return f.behind.ListSecretVersions(ctx, r)
}

func (f forwarder) AccessSecretVersion(ctx context.Context, r *pb.AccessSecretVersionRequest) (*pb.AccessSecretVersionResponse, error) {
	return f.behind.AccessSecretVersion(ctx, r)
}

func (f forwarder) GetSecretVersion(ctx context.Context, r *pb.GetSecretVersionRequest) (*pb.SecretVersion, error) {
	return f.behind.GetSecretVersion(ctx, r)
}

func (f forwarder) EnableSecretVersion(ctx context.Context, r *pb.EnableSecretVersionRequest) (*pb.SecretVersion, error) {
	return f.behind.EnableSecretVersion(ctx, r)
}

func (f forwarder) DisableSecretVersion(ctx context.Context, r *pb.DisableSecretVersionRequest) (*pb.SecretVersion, error) {
	return f.behind.DisableSecretVersion(ctx, r)
}

func (f forwarder) DestroySecretVersion(ctx context.Context, r *pb.DestroySecretVersionRequest) (*pb.SecretVersion, error) {
	return f.behind.DestroySecretVersion(ctx, r)
}

func (f forwarder) GetSecret(ctx context.Context, r *pb.GetSecretRequest) (*pb.Secret, error) {
	return f.behind.GetSecret(ctx, r)
}

func (f forwarder) DeleteSecret(ctx context.Context, r *pb.DeleteSecretRequest) (*emptypb.Empty, error) {
	return f.behind.DeleteSecret(ctx, r)
}

// between is what a test does with a call: look at the request, change something behind, forward it or not, change the answer.
type between func(ctx context.Context, behind backend, request any, forward handler) (any, error)

// handler forwards a call and returns the answer.
type handler = func() (any, error)

// intercepted runs a server in front of a fresh embedded one, and returns its address.
func intercepted(t *testing.T, do between) string {
	t.Helper()
	behind := rawClient(t, startServer(t, localsecrets.Config{}).Address())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(
		func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
			return do(ctx, behind, request, func() (any, error) { return handle(ctx, request) })
		}))
	pb.RegisterSecretManagerServiceServer(server, forwarder{behind: behind})
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

// crowd counts calls that are under way at a time. None of them ends before four have come.
type crowd struct {
	mu           sync.Mutex
	inside, most int
	four         chan struct{}
}

func newCrowd() *crowd { return &crowd{four: make(chan struct{})} }

// visit is one call.
func (c *crowd) visit(ctx context.Context) {
	c.mu.Lock()
	c.inside++
	if c.most < 4 && c.inside == 4 {
		close(c.four)
	}
	c.most = max(c.most, c.inside)
	c.mu.Unlock()
	select {
	case <-c.four:
	case <-ctx.Done():
	}
	for range 1000 {
		runtime.Gosched() // to whoever should not come in as well
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inside--
}

// wantFour wants that there were four at most, and once.
func (c *crowd) wantFour(t *testing.T) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.most != 4 {
		t.Errorf("%d at a time", c.most)
	}
}

// lane is a TCP proxy on loopback.
type lane struct {
	net.Listener
	target string

	mu     sync.Mutex
	opened []*carried
}

// carried is one connection through a lane.
type carried struct {
	net.Conn
	mu     sync.Mutex
	frozen bool
}

// Read of a frozen connection gives nothing, and says nothing.
func (c *carried) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		c.mu.Lock()
		frozen := c.frozen
		c.mu.Unlock()
		if err != nil || !frozen {
			return n, err
		}
	}
}

func newLane(t *testing.T, target string) *lane {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &lane{Listener: listener, target: target}
	go l.serve()
	t.Cleanup(func() { stop(t, l) })
	return l
}

func (l *lane) serve() {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", l.target)
		if err != nil {
			_ = in.Close()
			continue
		}
		through := &carried{Conn: in}
		l.mu.Lock()
		l.opened = append(l.opened, through)
		l.mu.Unlock()
		go carry(out, through)
		go carry(in, out)
	}
}

func carry(to io.WriteCloser, from io.Reader) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
}

func (l *lane) connections() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.opened)
}

// cut breaks every connection off.
func (l *lane) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.opened {
		_ = c.Close()
	}
}

// freeze lets every connection that there is hang; new ones work.
func (l *lane) freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.opened {
		c.mu.Lock()
		c.frozen = true
		c.mu.Unlock()
	}
}

// Close stops accepting and ends what was accepted.
func (l *lane) Close() error {
	l.cut()
	return l.Listener.Close()
}
