package localkms

import (
	"context"
	"crypto"
	"fmt"
	"slices"
	"time"

	pb "cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// version is one key pair of a key; service.mu guards what of it can change.
type version struct {
	state              pb.CryptoKeyVersion_CryptoKeyVersionState
	created, generated time.Time
	destruction        time.Time     // when it will be destroyed, or was; zero in the other states
	private            crypto.Signer // nil when it is destroyed
}

// destroyAfter is how long a version can be restored (CryptoKey.destroy_scheduled_duration, where a key does not say).
const destroyAfter = 30 * 24 * time.Hour

// generate makes an enabled version that has no times and no number yet.
func (k *cryptoKey) generate() (*version, error) {
	with, _ := algorithmOf(k.algorithm)
	private, err := with.generate()
	if err != nil {
		return nil, status.Errorf(codes.Internal, "A key cannot be generated: %v", err)
	}
	return &version{state: pb.CryptoKeyVersion_ENABLED, private: private}, nil
}

// CreateCryptoKeyVersion adds an enabled version with a new key pair.
func (s *service) CreateCryptoKeyVersion(_ context.Context, request *pb.CreateCryptoKeyVersionRequest) (*pb.CryptoKeyVersion, error) {
	if state := request.GetCryptoKeyVersion().GetState(); state > pb.CryptoKeyVersion_ENABLED {
		return nil, status.Errorf(codes.Unimplemented, "The local KMS does not create a version in state %v.", state)
	}
	s.mu.Lock()
	parent, err := s.find(request.GetParent())
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	added, err := parent.generate() // without the lock, since RSA takes a second
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	added.created, added.generated = s.now(), s.now() // one at a time, so that a later version is not older
	parent.versions = append(parent.versions, added)
	return parent.version(len(parent.versions)).proto(), nil
}

// GetCryptoKeyVersion answers with a version's metadata.
func (s *service) GetCryptoKeyVersion(_ context.Context, request *pb.GetCryptoKeyVersionRequest) (*pb.CryptoKeyVersion, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.findVersion(request.GetName())
	if err != nil {
		return nil, err
	}
	return found.proto(), nil
}

// UpdateCryptoKeyVersion enables or disables a version that is either.
func (s *service) UpdateCryptoKeyVersion(_ context.Context, request *pb.UpdateCryptoKeyVersionRequest) (*pb.CryptoKeyVersion, error) {
	to := request.GetCryptoKeyVersion().GetState()
	switch paths := request.GetUpdateMask().GetPaths(); {
	case len(paths) == 0:
		return nil, status.Error(codes.InvalidArgument, "The field [update_mask] is required.")
	case !slices.Equal(paths, []string{"state"}):
		return nil, status.Error(codes.Unimplemented, "The local KMS updates [state] and nothing else.")
	case to != pb.CryptoKeyVersion_ENABLED && to != pb.CryptoKeyVersion_DISABLED:
		return nil, status.Errorf(codes.InvalidArgument, "A version cannot be updated to state %v.", to)
	}
	return s.move(request.GetCryptoKeyVersion().GetName(), func(v *version) bool {
		allowed := v.state == pb.CryptoKeyVersion_ENABLED || v.state == pb.CryptoKeyVersion_DISABLED
		if allowed {
			v.state = to
		}
		return allowed
	})
}

// DestroyCryptoKeyVersion schedules a version for destruction.
func (s *service) DestroyCryptoKeyVersion(_ context.Context, request *pb.DestroyCryptoKeyVersionRequest) (*pb.CryptoKeyVersion, error) {
	return s.move(request.GetName(), func(v *version) bool {
		allowed := v.state == pb.CryptoKeyVersion_ENABLED || v.state == pb.CryptoKeyVersion_DISABLED
		if allowed {
			v.state, v.destruction = pb.CryptoKeyVersion_DESTROY_SCHEDULED, s.now().Add(destroyAfter)
		}
		return allowed
	})
}

// RestoreCryptoKeyVersion takes a version back that is scheduled for destruction, disabled.
func (s *service) RestoreCryptoKeyVersion(_ context.Context, request *pb.RestoreCryptoKeyVersionRequest) (*pb.CryptoKeyVersion, error) {
	return s.move(request.GetName(), func(v *version) bool {
		allowed := v.state == pb.CryptoKeyVersion_DESTROY_SCHEDULED
		if allowed {
			v.state, v.destruction = pb.CryptoKeyVersion_DISABLED, time.Time{}
		}
		return allowed
	})
}

// move changes the state of a version, where it allows that.
func (s *service) move(name string, change func(*version) (allowed bool)) (*pb.CryptoKeyVersion, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.findVersion(name)
	if err != nil {
		return nil, err
	}
	if !change(found.version) {
		return nil, found.wrongState()
	}
	return found.proto(), nil
}

// foundVersion is a version and its place.
type foundVersion struct {
	*version
	key    *cryptoKey
	number int
}

// findVersion returns a version in the state that it has by now. s.mu is held.
func (s *service) findVersion(name string) (foundVersion, error) {
	keyName, number, err := splitVersion(name)
	if err != nil {
		return foundVersion{}, err
	}
	key, err := s.find(keyName)
	if err != nil {
		return foundVersion{}, err
	}
	if number > len(key.versions) {
		return foundVersion{}, notFound(name)
	}
	found := key.version(number)
	found.settle(s.now())
	return found, nil
}

// settle destroys the version where the time for that has come.
func (v *version) settle(now time.Time) {
	if v.state == pb.CryptoKeyVersion_DESTROY_SCHEDULED && !now.Before(v.destruction) {
		v.state, v.private = pb.CryptoKeyVersion_DESTROYED, nil
	}
}

func (k *cryptoKey) version(number int) foundVersion {
	return foundVersion{version: k.versions[number-1], key: k, number: number}
}

func (v foundVersion) name() string {
	return fmt.Sprintf("%s/cryptoKeyVersions/%d", v.key.name, v.number)
}

func (v foundVersion) wrongState() error {
	return status.Errorf(codes.FailedPrecondition, "%s is in state %v.", v.name(), v.state)
}

func (v foundVersion) proto() *pb.CryptoKeyVersion {
	answer := &pb.CryptoKeyVersion{
		Name:            v.name(),
		State:           v.state,
		ProtectionLevel: pb.ProtectionLevel_SOFTWARE,
		Algorithm:       v.key.algorithm,
		CreateTime:      timestamppb.New(v.created),
		GenerateTime:    timestamppb.New(v.generated),
	}
	switch v.state {
	case pb.CryptoKeyVersion_DESTROY_SCHEDULED:
		answer.DestroyTime = timestamppb.New(v.destruction)
	case pb.CryptoKeyVersion_DESTROYED:
		answer.DestroyEventTime = timestamppb.New(v.destruction)
	}
	return answer
}
