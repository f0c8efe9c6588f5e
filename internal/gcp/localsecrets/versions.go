package localsecrets

import (
	"context"
	"fmt"

	pb "cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// AddSecretVersion appends an enabled version.
func (s *service) AddSecretVersion(_ context.Context, request *pb.AddSecretVersionRequest) (*pb.SecretVersion, error) {
	name, err := parseSecret(request.GetParent())
	if err != nil {
		return nil, err
	}
	if err := checkPayload(request.GetPayload()); err != nil {
		return nil, err
	}
	added := version{
		State:    enabled,
		Payload:  request.GetPayload().GetData(),
		Checksum: checksum(request.GetPayload().GetData()),
		Verified: request.GetPayload().DataCrc32C != nil,
	}
	var answer *pb.SecretVersion
	err = s.store.change(func(all secrets) error {
		found, err := all.find(name)
		if err != nil {
			return err
		}
		added.Created = s.moment() // one at a time, so that a later version is not older
		found.Versions = append(found.Versions, added)
		answer = found.version(len(found.Versions)).proto()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

func checkPayload(payload *pb.SecretPayload) error {
	switch {
	case payload == nil:
		return status.Error(codes.InvalidArgument, "Field [payload] is required.")
	case len(payload.GetData()) == 0:
		return status.Error(codes.InvalidArgument, "Secret Payload cannot be empty.")
	case len(payload.GetData()) > maximumPayload:
		return status.Errorf(codes.InvalidArgument, "The payload has more than %d bytes.", maximumPayload)
	case payload.DataCrc32C != nil && payload.GetDataCrc32C() != int64(checksum(payload.GetData())):
		return status.Error(codes.InvalidArgument, "The payload does not match its checksum.")
	default:
		return nil
	}
}

// GetSecretVersion answers with a version's metadata.
func (s *service) GetSecretVersion(_ context.Context, request *pb.GetSecretVersionRequest) (*pb.SecretVersion, error) {
	found, err := s.store.read().findVersion(request.GetName())
	if err != nil {
		return nil, err
	}
	return found.proto(), nil
}

// AccessSecretVersion answers with the payload of an enabled version. The latest one is not skipped where it is disabled:
// the alias stands for the version that was created last.
func (s *service) AccessSecretVersion(_ context.Context, request *pb.AccessSecretVersionRequest) (*pb.AccessSecretVersionResponse, error) {
	found, err := s.store.read().findVersion(request.GetName())
	if err != nil {
		return nil, err
	}
	if found.State != enabled {
		return nil, found.wrongState()
	}
	sum := int64(found.Checksum)
	return &pb.AccessSecretVersionResponse{
		Name:    found.name(),
		Payload: &pb.SecretPayload{Data: found.Payload, DataCrc32C: &sum},
	}, nil
}

// EnableSecretVersion makes a version accessible again.
func (s *service) EnableSecretVersion(_ context.Context, request *pb.EnableSecretVersionRequest) (*pb.SecretVersion, error) {
	return s.setState(request, enabled)
}

// DisableSecretVersion makes a version inaccessible and keeps its payload.
func (s *service) DisableSecretVersion(_ context.Context, request *pb.DisableSecretVersionRequest) (*pb.SecretVersion, error) {
	return s.setState(request, disabled)
}

// DestroySecretVersion forgets a version's payload for good.
func (s *service) DestroySecretVersion(_ context.Context, request *pb.DestroySecretVersionRequest) (*pb.SecretVersion, error) {
	return s.setState(request, destroyed)
}

// setState is the three changes of state. Nothing leaves the state of being destroyed, and nothing enters it twice. A change
// to the state that a version has already succeeds and gives it a new etag, as at Google.
func (s *service) setState(request stateRequest, to state) (*pb.SecretVersion, error) {
	var answer *pb.SecretVersion
	err := s.store.change(func(all secrets) error {
		found, err := all.findVersion(request.GetName())
		if err != nil {
			return err
		}
		if found.State == destroyed {
			return found.wrongState()
		}
		if err := checkEtag(found.name(), request.GetEtag(), found.etag()); err != nil {
			return err
		}
		found.State = to
		found.Revision++
		if to == destroyed {
			found.Destroyed, found.Payload = s.moment(), nil
		}
		answer = found.proto()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// stateRequest is what the requests for the three changes of state have in common.
type stateRequest interface {
	GetName() string
	GetEtag() string
}

// foundVersion is a version and its place. The version itself is the one in the store (or in the clone that is edited).
type foundVersion struct {
	*version
	secret string // canonical name
	number int
}

// findVersion resolves the name of a version, or its alias.
func (s secrets) findVersion(name string) (foundVersion, error) {
	secret, number, err := parseVersion(name)
	if err != nil {
		return foundVersion{}, err
	}
	parent, err := s.find(secret)
	if err != nil {
		return foundVersion{}, err
	}
	if number == 0 {
		number = len(parent.Versions)
	}
	if number == 0 || number > len(parent.Versions) {
		return foundVersion{}, status.Errorf(codes.NotFound, "Secret Version [%s] not found.", name)
	}
	return parent.version(number), nil
}

func (s *secret) version(number int) foundVersion {
	return foundVersion{version: &s.Versions[number-1], secret: s.Name, number: number}
}

func (v foundVersion) name() string { return fmt.Sprintf("%s/versions/%d", v.secret, v.number) }

func (v foundVersion) wrongState() error {
	return status.Errorf(codes.FailedPrecondition, "Secret Version [%s] is in %s state.", v.name(), v.State)
}

// etag changes with every change of the version, and with nothing else.
func (v foundVersion) etag() string {
	return fmt.Sprintf("%q", fmt.Sprintf("%x", v.Created.UnixMicro()+v.Revision))
}

func (v foundVersion) proto() *pb.SecretVersion {
	automatic := &pb.ReplicationStatus_Automatic{Automatic: &pb.ReplicationStatus_AutomaticStatus{}}
	answer := &pb.SecretVersion{
		Name:                           v.name(),
		CreateTime:                     timestamppb.New(v.Created),
		State:                          pb.SecretVersion_State(pb.SecretVersion_State_value[string(v.State)]),
		ReplicationStatus:              &pb.ReplicationStatus{ReplicationStatus: automatic},
		Etag:                           v.etag(),
		ClientSpecifiedPayloadChecksum: v.Verified,
	}
	if v.State == destroyed {
		answer.DestroyTime = timestamppb.New(v.Destroyed)
	}
	return answer
}
