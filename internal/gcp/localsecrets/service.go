package localsecrets

import (
	"context"
	"fmt"
	"maps"
	"time"

	pb "cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// service is the API. The calls about secrets are in this file, those about versions in versions.go; whatever is not
// implemented answers UNIMPLEMENTED.
type service struct {
	pb.UnimplementedSecretManagerServiceServer
	store *store
	now   func() time.Time
}

// moment is the present, as exact as Google gives times, so that an answer is the same before and after a restart.
func (s *service) moment() time.Time { return s.now().UTC().Truncate(time.Microsecond) }

// CreateSecret makes a secret without versions.
func (s *service) CreateSecret(_ context.Context, request *pb.CreateSecretRequest) (*pb.Secret, error) {
	parent, err := parseProject(request.GetParent())
	if err != nil {
		return nil, err
	}
	if !secretPattern.MatchString(request.GetSecretId()) {
		return nil, status.Errorf(codes.InvalidArgument, "The secret ID [%s] is not of the form %s.", request.GetSecretId(), secretPattern)
	}
	if err := checkNewSecret(request.GetSecret()); err != nil {
		return nil, err
	}
	created := &secret{
		Name:        parent + "/secrets/" + request.GetSecretId(),
		Created:     s.moment(),
		Labels:      maps.Clone(request.GetSecret().GetLabels()),
		Annotations: maps.Clone(request.GetSecret().GetAnnotations()),
	}
	err = s.store.change(func(all secrets) error {
		if all[created.Name] != nil {
			return status.Errorf(codes.AlreadyExists, "Secret [%s] already exists.", created.Name)
		}
		all[created.Name] = created
		return nil
	})
	if err != nil {
		return nil, err
	}
	return created.proto(), nil
}

// checkNewSecret accepts what the laptop can honour. The fields that Google ignores on input are ignored here as well.
func checkNewSecret(given *pb.Secret) error {
	if given.GetReplication().GetReplication() == nil {
		return status.Error(codes.InvalidArgument, "Field [secret.replication] is required.")
	}
	var err error
	given.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		switch field.Name() {
		case "name", "create_time", "etag", "labels", "annotations":
		case "replication":
			if given.GetReplication().GetAutomatic() == nil || given.GetReplication().GetAutomatic().CustomerManagedEncryption != nil {
				err = status.Error(codes.Unimplemented, "The local Secret Manager knows only automatic replication without encryption keys.")
			}
		default:
			err = status.Errorf(codes.Unimplemented, "The local Secret Manager does not know [secret.%s].", field.Name())
		}
		return err == nil
	})
	return err
}

// GetSecret answers with a secret's metadata.
func (s *service) GetSecret(_ context.Context, request *pb.GetSecretRequest) (*pb.Secret, error) {
	name, err := parseSecret(request.GetName())
	if err != nil {
		return nil, err
	}
	found, err := s.store.read().find(name)
	if err != nil {
		return nil, err
	}
	return found.proto(), nil
}

// DeleteSecret removes a secret and all its versions. A new one of that name begins with version 1 again.
func (s *service) DeleteSecret(_ context.Context, request *pb.DeleteSecretRequest) (*emptypb.Empty, error) {
	name, err := parseSecret(request.GetName())
	if err != nil {
		return nil, err
	}
	err = s.store.change(func(all secrets) error {
		found, err := all.find(name)
		if err != nil {
			return err
		}
		if err := checkEtag(name, request.GetEtag(), found.etag()); err != nil {
			return err
		}
		delete(all, name)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

func (s secrets) find(name string) (*secret, error) {
	if found := s[name]; found != nil {
		return found, nil
	}
	return nil, status.Errorf(codes.NotFound, "Secret [%s] not found.", name)
}

// checkEtag compares the etag that a request may have with that of what it would change (Secret Manager, "Use entity tags
// for optimistic concurrency control").
func checkEtag(name, given, current string) error {
	if given != "" && given != current {
		return status.Errorf(codes.FailedPrecondition, "The etag of [%s] is not the one in the request.", name)
	}
	return nil
}

// etag needs no revision: nothing here updates a secret's metadata, and a change of a version is none of the secret.
func (s *secret) etag() string { return fmt.Sprintf("%q", fmt.Sprintf("%x", s.Created.UnixMicro())) }

func (s *secret) proto() *pb.Secret {
	automatic := &pb.Replication_Automatic_{Automatic: &pb.Replication_Automatic{}}
	return &pb.Secret{
		Name:        s.Name,
		Replication: &pb.Replication{Replication: automatic},
		CreateTime:  timestamppb.New(s.Created),
		Labels:      maps.Clone(s.Labels),
		Annotations: maps.Clone(s.Annotations),
		Etag:        s.etag(),
	}
}
