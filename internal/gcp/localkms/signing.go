package localkms

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"hash/crc32"

	pb "cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// maximumData is the limit for data that is signed without a digest.
const maximumData = 64 << 10

// GetPublicKey answers with the public half of an enabled version, in PEM.
func (s *service) GetPublicKey(_ context.Context, request *pb.GetPublicKeyRequest) (*pb.PublicKey, error) {
	if request.GetPublicKeyFormat() != pb.PublicKey_PUBLIC_KEY_FORMAT_UNSPECIFIED {
		return nil, status.Error(codes.Unimplemented, "The local KMS gives public keys in [pem] alone.")
	}
	private, algorithm, err := s.enabled(request.GetName())
	if err != nil {
		return nil, err
	}
	encoded, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return nil, status.Errorf(codes.Internal, "The public key cannot be encoded: %v", err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: encoded})
	return &pb.PublicKey{
		Pem:             string(text),
		PemCrc32C:       checksum(text),
		Algorithm:       algorithm,
		Name:            request.GetName(),
		ProtectionLevel: pb.ProtectionLevel_SOFTWARE,
	}, nil
}

// AsymmetricSign signs with an enabled version: a digest of the hash of its algorithm, or data where that has none.
func (s *service) AsymmetricSign(_ context.Context, request *pb.AsymmetricSignRequest) (*pb.AsymmetricSignResponse, error) {
	private, name, err := s.enabled(request.GetName())
	if err != nil {
		return nil, err
	}
	with, _ := algorithmOf(name)
	message, err := messageOf(request, with.options.HashFunc())
	if err != nil {
		return nil, err
	}
	signature, err := private.Sign(rand.Reader, message, with.options)
	if err != nil {
		return nil, status.Errorf(codes.Internal, "The version does not sign: %v", err)
	}
	return &pb.AsymmetricSignResponse{
		Signature:            signature,
		SignatureCrc32C:      checksum(signature),
		VerifiedDigestCrc32C: request.GetDigestCrc32C() != nil,
		VerifiedDataCrc32C:   request.GetDataCrc32C() != nil,
		Name:                 request.GetName(),
		ProtectionLevel:      pb.ProtectionLevel_SOFTWARE,
	}, nil
}

// enabled returns the private key of a version that may be used, and its algorithm.
func (s *service) enabled(name string) (crypto.Signer, pb.CryptoKeyVersion_CryptoKeyVersionAlgorithm, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.findVersion(name)
	if err != nil {
		return nil, 0, err
	}
	if found.state != pb.CryptoKeyVersion_ENABLED {
		return nil, 0, found.wrongState()
	}
	return found.private, found.key.algorithm, nil
}

// messageOf returns what is to be signed, in the form that the hash asks for.
func messageOf(request *pb.AsymmetricSignRequest, hash crypto.Hash) ([]byte, error) {
	digest, digestHash := digestOf(request.GetDigest())
	switch data := request.GetData(); {
	case request.GetDigest() != nil && len(data) > 0:
		return nil, status.Error(codes.InvalidArgument, "Only one of [digest] and [data] can be signed.")
	case hash != 0 && len(data) > 0:
		return nil, status.Error(codes.Unimplemented, "The local KMS makes no digests.")
	case (hash == 0) != (request.GetDigest() == nil) || hash != digestHash || len(digest) != size(hash):
		return nil, status.Error(codes.InvalidArgument, "The digest is not one of the version's algorithm.")
	case len(data) > maximumData:
		return nil, status.Errorf(codes.InvalidArgument, "The data has more than %d bytes.", maximumData)
	case !matches(request.GetDigestCrc32C(), digest):
		return nil, status.Error(codes.InvalidArgument, "The digest does not match its checksum.")
	case !matches(request.GetDataCrc32C(), data):
		return nil, status.Error(codes.InvalidArgument, "The data does not match its checksum.")
	case hash == 0:
		return data, nil
	default:
		return digest, nil
	}
}

// digestOf returns a digest and the hash that it is said to be of, 0 where there is none.
func digestOf(digest *pb.Digest) ([]byte, crypto.Hash) {
	switch given := digest.GetDigest().(type) {
	case *pb.Digest_Sha256:
		return given.Sha256, crypto.SHA256
	case *pb.Digest_Sha384:
		return given.Sha384, crypto.SHA384
	case *pb.Digest_Sha512:
		return given.Sha512, crypto.SHA512
	default:
		return nil, 0
	}
}

func size(hash crypto.Hash) int {
	if hash == 0 {
		return 0
	}
	return hash.Size()
}

// matches reports whether the bytes have the checksum, if one is given.
func matches(given *wrapperspb.Int64Value, data []byte) bool {
	return given == nil || given.GetValue() == checksum(data).GetValue()
}

// checksum is CRC32C (Castagnoli), as AsymmetricSignResponse.signature_crc32c wants it.
func checksum(data []byte) *wrapperspb.Int64Value {
	return wrapperspb.Int64(int64(crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))))
}
