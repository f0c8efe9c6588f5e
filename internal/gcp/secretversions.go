package gcp

import (
	"context"
	"errors"
	"slices"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	pb "cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"golang.org/x/sync/errgroup"
	"google.golang.org/api/iterator"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/countersign/internal/keys"
)

// Versions returns all versions of the secret, oldest first, with the payloads of the enabled ones. Destroyed versions are
// among them: Google lists them for as long as the secret exists.
//
// It is all or nothing. A version that is disabled or destroyed while the call runs is returned in its new state; any other
// fault of one payload fails the call, because a ring that lacks a key without knowing it would refuse good tokens.
//
// Every call fetches every payload. Whoever calls again and again uses [SecretManager.Source], which remembers them.
func (m *SecretManager) Versions(ctx context.Context, secret string) ([]keys.Version, error) {
	return m.versions(ctx, secret, new(payloadMemory))
}

func (m *SecretManager) versions(ctx context.Context, secret string, memory *payloadMemory) ([]keys.Version, error) {
	r := &versionReader{secret: secret, memory: memory, checksumOptional: m.emulated}
	versions, err := m.listed(ctx, r)
	if err != nil {
		return nil, err
	}
	memory.recall(versions)
	if err := r.fillPayloads(ctx, versions); err != nil {
		return nil, err
	}
	return versions, nil
}

// listed connects a reader, and returns what it lists.
func (m *SecretManager) listed(ctx context.Context, r *versionReader) (versions []keys.Version, err error) {
	if _, _, err := splitSecretName(r.secret); err != nil {
		return nil, err
	}
	if r.client, err = m.clients.get(ctx); err != nil {
		return nil, &callError{doing: "connecting to read", name: r.secret, cause: err}
	}
	versions, err = patiently(ctx, func() ([]keys.Version, error) { return r.list(ctx) })
	if err != nil {
		return nil, &callError{doing: "listing the versions of", name: r.secret, cause: err}
	}
	return versions, nil
}

// versionReader is one reading of one secret.
type versionReader struct {
	client           *secretmanager.Client
	secret           string
	memory           *payloadMemory
	checksumOptional bool // some emulators send no checksum; Google always does
}

func (r *versionReader) list(ctx context.Context) ([]keys.Version, error) {
	pages := r.client.ListSecretVersions(ctx, &pb.ListSecretVersionsRequest{Parent: r.secret})
	var versions []keys.Version
	for {
		listed, err := pages.Next()
		if errors.Is(err, iterator.Done) {
			slices.SortFunc(versions, byNumber)
			return versions, nil
		}
		if err != nil {
			return nil, err
		}
		version, err := versionOf(listed)
		if err != nil {
			return nil, err
		}
		versions = append(versions, version)
	}
}

// versionOf refuses a version without a create time: the ring takes the age of a key from it, and the zero time would make
// a key sign that no verifier has seen yet (protocol J2). A state that we do not know stays the zero State, which is unusable.
func versionOf(listed *pb.SecretVersion) (keys.Version, error) {
	number, err := versionNumber(listed.GetName(), "/versions/")
	if err != nil {
		return keys.Version{}, err
	}
	if err := listed.GetCreateTime().CheckValid(); err != nil {
		return keys.Version{}, errors.New("version " + number + " has no valid create time")
	}
	return keys.Version{ID: number, Created: listed.GetCreateTime().AsTime(), State: stateOf(listed.GetState())}, nil
}

func stateOf(state pb.SecretVersion_State) keys.State {
	switch state {
	case pb.SecretVersion_ENABLED:
		return keys.Enabled
	case pb.SecretVersion_DISABLED:
		return keys.Disabled
	case pb.SecretVersion_DESTROYED:
		return keys.Destroyed
	default:
		return 0
	}
}

// fillPayloads fetches what the memory did not have.
func (r *versionReader) fillPayloads(ctx context.Context, versions []keys.Version) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelReads)
	for i := range versions {
		if version := &versions[i]; version.State == keys.Enabled && version.Payload == nil {
			group.Go(func() error { return r.fillPayload(ctx, version) })
		}
	}
	return group.Wait()
}

// fillPayload accesses one enabled version. Where that is refused, the version may have been disabled or destroyed since it
// was listed, and is asked for its state; should that say enabled (it was enabled again), it is accessed once more.
func (r *versionReader) fillPayload(ctx context.Context, version *keys.Version) error {
	payload, err := r.access(ctx, version.ID)
	if status.Code(err) == codes.FailedPrecondition {
		var found *pb.SecretVersion
		found, err = r.get(ctx, version.ID)
		version.State = stateOf(found.GetState())
		if err == nil && version.State == keys.Enabled {
			payload, err = r.access(ctx, version.ID)
		}
	}
	if err != nil {
		return &callError{doing: "reading version " + version.ID + " of", name: r.secret, cause: err}
	}
	version.Payload = payload
	r.memory.remember(*version)
	return nil
}

func (r *versionReader) access(ctx context.Context, number string) ([]byte, error) {
	request := &pb.AccessSecretVersionRequest{Name: r.secret + "/versions/" + number}
	answer, err := patiently(ctx, func() (*pb.AccessSecretVersionResponse, error) {
		return r.client.AccessSecretVersion(ctx, request, withoutRetry())
	})
	if err != nil {
		return nil, err
	}
	return r.verified(answer.GetPayload())
}

// verified checks what Google recommends to check (Secret Manager, "Data integrity assurance"). A key that was damaged on
// its way would otherwise be reported as one that does not parse, and be skipped.
func (r *versionReader) verified(payload *pb.SecretPayload) ([]byte, error) {
	if payload == nil {
		return nil, errors.New("the answer has no payload")
	}
	if payload.DataCrc32C == nil && r.checksumOptional {
		return payload.GetData(), nil
	}
	if payload.DataCrc32C == nil || payload.GetDataCrc32C() != checksum(payload.GetData()) {
		return nil, errors.New("the payload does not match its checksum")
	}
	return payload.GetData(), nil
}

// get asks for one version without its payload.
func (r *versionReader) get(ctx context.Context, number string) (*pb.SecretVersion, error) {
	request := &pb.GetSecretVersionRequest{Name: r.secret + "/versions/" + number}
	return patiently(ctx, func() (*pb.SecretVersion, error) { return r.client.GetSecretVersion(ctx, request) })
}
