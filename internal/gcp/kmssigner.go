package gcp

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"time"

	pb "cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// signatureTimeout is how long one signature may take, its repetitions included. Google answers within a few dozen
// milliseconds, an HSM within some hundred; the client that waits for its token must hear of an outage before it gives
// up.
const signatureTimeout = 5 * time.Second

// kmsSigner signs with one version of a key. It is a [crypto.Signer].
type kmsSigner struct {
	kms       *KMS
	version   string // its full name
	algorithm pb.CryptoKeyVersion_CryptoKeyVersionAlgorithm
	public    crypto.PublicKey // nil where no token has the algorithm
}

// Public returns the public half, or nil where the version is of an algorithm that no token has.
func (s *kmsSigner) Public() crypto.PublicKey { return s.public }

// Algorithm returns the one JWS algorithm that the version signs with (RFC 7518 §3.1, RFC 8037 §3.1), or "" where that
// is none. Whoever may not sign sees by it what would be refused.
func (s *kmsSigner) Algorithm() string {
	scheme, _ := schemeOf(s.algorithm)
	return scheme.jws
}

// Sign signs a digest, or with Ed25519 the message itself. options must be those of the version's one algorithm: its
// hash, and for RSASSA-PSS a salt of that hash's length. It takes no longer than five seconds. A signature changes
// nothing, so it is asked for again where the connection breaks. Randomness is Google's: the reader is not used.
func (s *kmsSigner) Sign(_ io.Reader, message []byte, options crypto.SignerOpts) ([]byte, error) {
	signature, err := s.sign(message, options)
	if err != nil {
		return nil, &callError{doing: "signing with", name: s.version, cause: err}
	}
	return signature, nil
}

func (s *kmsSigner) sign(message []byte, options crypto.SignerOpts) ([]byte, error) {
	scheme, known := schemeOf(s.algorithm)
	if !known || !scheme.is(options) {
		return nil, fmt.Errorf("its algorithm is %v, and what is asked for is another", s.algorithm)
	}
	request, err := scheme.request(s.version, message)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), signatureTimeout)
	defer cancel()
	client, err := s.kms.clients.get(ctx)
	if err != nil {
		return nil, err
	}
	answer, err := patiently(ctx, func() (*pb.AsymmetricSignResponse, error) {
		return client.AsymmetricSign(ctx, request, withoutRetry())
	})
	if err != nil {
		return nil, err
	}
	return verifiedSignature(request, answer)
}

// verifiedSignature checks what Google recommends to check (Cloud KMS, "Verifying end-to-end data integrity"): that the
// version which we asked signed what we sent, and that the signature arrived as it was made.
func verifiedSignature(request *pb.AsymmetricSignRequest, answer *pb.AsymmetricSignResponse) ([]byte, error) {
	switch {
	case answer.GetName() != request.GetName():
		return nil, errOtherName
	case answer.GetVerifiedDigestCrc32C() != (request.GetDigestCrc32C() != nil),
		answer.GetVerifiedDataCrc32C() != (request.GetDataCrc32C() != nil):
		return nil, errors.New("the answer does not say that what was signed matched its checksum")
	case len(answer.GetSignature()) == 0, answer.GetSignatureCrc32C().GetValue() != checksum(answer.GetSignature()):
		return nil, errors.New("the signature does not match its checksum")
	}
	return answer.GetSignature(), nil
}

// scheme is how an algorithm signs.
type scheme struct {
	jws  string      // the name of the algorithm in a JWS
	hash crypto.Hash // 0: the message itself is signed, with Ed25519
	pss  bool
}

// schemeOf knows the algorithms that a JWS can have (RFC 7518 §3.1, RFC 8037 §3.1).
func schemeOf(algorithm pb.CryptoKeyVersion_CryptoKeyVersionAlgorithm) (of scheme, known bool) {
	switch algorithm {
	case pb.CryptoKeyVersion_EC_SIGN_ED25519:
		return scheme{jws: "EdDSA"}, true
	case pb.CryptoKeyVersion_EC_SIGN_P256_SHA256:
		return scheme{jws: "ES256", hash: crypto.SHA256}, true
	case pb.CryptoKeyVersion_RSA_SIGN_PKCS1_2048_SHA256,
		pb.CryptoKeyVersion_RSA_SIGN_PKCS1_3072_SHA256,
		pb.CryptoKeyVersion_RSA_SIGN_PKCS1_4096_SHA256:
		return scheme{jws: "RS256", hash: crypto.SHA256}, true
	case pb.CryptoKeyVersion_EC_SIGN_P384_SHA384:
		return scheme{jws: "ES384", hash: crypto.SHA384}, true
	case pb.CryptoKeyVersion_RSA_SIGN_PKCS1_4096_SHA512:
		return scheme{jws: "RS512", hash: crypto.SHA512}, true
	case pb.CryptoKeyVersion_RSA_SIGN_PSS_2048_SHA256,
		pb.CryptoKeyVersion_RSA_SIGN_PSS_3072_SHA256,
		pb.CryptoKeyVersion_RSA_SIGN_PSS_4096_SHA256:
		return scheme{jws: "PS256", hash: crypto.SHA256, pss: true}, true
	case pb.CryptoKeyVersion_RSA_SIGN_PSS_4096_SHA512:
		return scheme{jws: "PS512", hash: crypto.SHA512, pss: true}, true
	default:
		return scheme{}, false
	}
}

// is reports whether options ask for this scheme.
func (s scheme) is(options crypto.SignerOpts) bool {
	if options == nil || options.HashFunc() != s.hash {
		return false
	}
	switch options := options.(type) {
	case *rsa.PSSOptions:
		// Google's salt has the hash's length. Who leaves the length to the signer takes any, but expects the longest.
		return s.pss && (options.SaltLength == rsa.PSSSaltLengthEqualsHash || options.SaltLength == s.hash.Size())
	case *ed25519.Options:
		return s.hash == 0 && options.Context == ""
	default:
		return !s.pss
	}
}

// request puts the message into a request, with its checksum. It fails where a digest is not as long as its hash makes
// it.
func (s scheme) request(version string, message []byte) (*pb.AsymmetricSignRequest, error) {
	sum := wrapperspb.Int64(checksum(message))
	if s.hash == 0 {
		return &pb.AsymmetricSignRequest{Name: version, Data: message, DataCrc32C: sum}, nil
	}
	if len(message) != s.hash.Size() {
		return nil, fmt.Errorf("%d bytes are not a digest of %v", len(message), s.hash)
	}
	digest := new(pb.Digest)
	switch s.hash {
	case crypto.SHA256:
		digest.Digest = &pb.Digest_Sha256{Sha256: message}
	case crypto.SHA384:
		digest.Digest = &pb.Digest_Sha384{Sha384: message}
	case crypto.SHA512:
		digest.Digest = &pb.Digest_Sha512{Sha512: message}
	}
	return &pb.AsymmetricSignRequest{Name: version, Digest: digest, DigestCrc32C: sum}, nil
}
