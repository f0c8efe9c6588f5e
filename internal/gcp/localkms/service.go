package localkms

import (
	"context"
	"maps"
	"sync"
	"time"

	pb "cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// service is the API. The calls about key rings and keys are in this file, those about versions in versions.go and
// listing.go, those that use a version in signing.go; whatever is not implemented answers UNIMPLEMENTED.
type service struct {
	pb.UnimplementedKeyManagementServiceServer
	now func() time.Time

	mu    sync.Mutex
	rings map[string]bool
	keys  map[string]*cryptoKey // by name
}

// cryptoKey is a key; service.mu guards what of it can change.
type cryptoKey struct {
	name      string
	created   time.Time
	labels    map[string]string
	algorithm pb.CryptoKeyVersion_CryptoKeyVersionAlgorithm
	versions  []*version // version 1 first, none ever missing
}

func newService(now func() time.Time) *service {
	return &service{now: now, rings: make(map[string]bool), keys: make(map[string]*cryptoKey)}
}

// CreateKeyRing makes a key ring.
func (s *service) CreateKeyRing(_ context.Context, request *pb.CreateKeyRingRequest) (*pb.KeyRing, error) {
	if err := checkName(request.GetParent(), locationPattern); err != nil {
		return nil, err
	}
	if err := checkName(request.GetKeyRingId(), idPattern); err != nil {
		return nil, err
	}
	name := request.GetParent() + "/keyRings/" + request.GetKeyRingId()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rings[name] {
		return nil, alreadyExists(name)
	}
	s.rings[name] = true
	return &pb.KeyRing{Name: name, CreateTime: timestamppb.New(s.now())}, nil
}

// CreateCryptoKey makes a key, with a version unless the request says otherwise.
func (s *service) CreateCryptoKey(_ context.Context, request *pb.CreateCryptoKeyRequest) (*pb.CryptoKey, error) {
	if err := checkName(request.GetParent(), keyRingPattern); err != nil {
		return nil, err
	}
	if err := checkName(request.GetCryptoKeyId(), idPattern); err != nil {
		return nil, err
	}
	if err := checkNewKey(request.GetCryptoKey()); err != nil {
		return nil, err
	}
	created := &cryptoKey{
		name:      request.GetParent() + "/cryptoKeys/" + request.GetCryptoKeyId(),
		labels:    maps.Clone(request.GetCryptoKey().GetLabels()),
		algorithm: request.GetCryptoKey().GetVersionTemplate().GetAlgorithm(),
	}
	if !request.GetSkipInitialVersionCreation() {
		first, err := created.generate()
		if err != nil {
			return nil, err
		}
		created.versions = append(created.versions, first)
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.rings[request.GetParent()] {
		return nil, notFound(request.GetParent())
	}
	if s.keys[created.name] != nil {
		return nil, alreadyExists(created.name)
	}
	created.created = s.now()
	for _, first := range created.versions {
		first.created, first.generated = s.now(), s.now()
	}
	s.keys[created.name] = created
	return created.proto(), nil
}

// checkNewKey accepts what can be honoured here.
func checkNewKey(given *pb.CryptoKey) error {
	template := given.GetVersionTemplate()
	if given.GetPurpose() == pb.CryptoKey_CRYPTO_KEY_PURPOSE_UNSPECIFIED || template.GetAlgorithm() == 0 {
		return status.Error(codes.InvalidArgument, "A key needs [purpose] and [version_template.algorithm].")
	}
	_, known := algorithmOf(template.GetAlgorithm())
	switch {
	case given.GetPurpose() != pb.CryptoKey_ASYMMETRIC_SIGN:
		return status.Error(codes.Unimplemented, "The local KMS knows only the purpose ASYMMETRIC_SIGN.")
	case !known:
		return status.Errorf(codes.Unimplemented, "The local KMS does not know %v.", template.GetAlgorithm())
	case template.GetProtectionLevel() > pb.ProtectionLevel_SOFTWARE:
		return status.Error(codes.Unimplemented, "The local KMS knows only the protection level SOFTWARE.")
	}
	var err error
	given.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		switch field.Name() {
		case "name", "purpose", "create_time", "version_template", "labels":
		default:
			err = status.Errorf(codes.Unimplemented, "The local KMS does not know [crypto_key.%s].", field.Name())
		}
		return err == nil
	})
	return err
}

// GetCryptoKey answers with a key's metadata.
func (s *service) GetCryptoKey(_ context.Context, request *pb.GetCryptoKeyRequest) (*pb.CryptoKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(request.GetName())
	if err != nil {
		return nil, err
	}
	return found.proto(), nil
}

// find returns a key. s.mu is held.
func (s *service) find(name string) (*cryptoKey, error) {
	if err := checkName(name, keyPattern); err != nil {
		return nil, err
	}
	if found := s.keys[name]; found != nil {
		return found, nil
	}
	return nil, notFound(name)
}

func (k *cryptoKey) proto() *pb.CryptoKey {
	return &pb.CryptoKey{
		Name:       k.name,
		Purpose:    pb.CryptoKey_ASYMMETRIC_SIGN,
		CreateTime: timestamppb.New(k.created),
		Labels:     maps.Clone(k.labels),
		VersionTemplate: &pb.CryptoKeyVersionTemplate{
			ProtectionLevel: pb.ProtectionLevel_SOFTWARE,
			Algorithm:       k.algorithm,
		},
	}
}

func notFound(name string) error { return status.Errorf(codes.NotFound, "%s not found.", name) }

func alreadyExists(name string) error {
	return status.Errorf(codes.AlreadyExists, "%s already exists.", name)
}
