package gcp

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"strings"

	pb "cloud.google.com/go/kms/apiv1/kmspb"
	"golang.org/x/sync/errgroup"
	"google.golang.org/api/iterator"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/countersign/internal/keys"
)

const cryptoKeyVersions = "/cryptoKeyVersions/"

// Versions returns all versions of the key, oldest first, with the signers of the enabled ones. Destroyed versions are
// among them: Google lists them for as long as they are not deleted. A public key is asked for once, and the signer
// remembered until the version is no longer enabled.
//
// It is all or nothing. A version that is disabled or destroyed while the call runs is returned in its new state; any
// other fault of one version fails the call, because a ring that lacks a key without knowing it would refuse good
// tokens. An enabled version of an algorithm that no token has (secp256k1, RSA without an encoding, ML-DSA) is no
// fault: its signer has no public key and signs nothing, so that it is found out where keys are looked at, and takes no
// other down.
func (k *kmsKeeper) Versions(ctx context.Context) ([]keys.Version, error) {
	client, err := k.connect(ctx, "read")
	if err != nil {
		return nil, err
	}
	listed, err := patiently(ctx, func() ([]*pb.CryptoKeyVersion, error) { return k.list(ctx, client) })
	if err != nil {
		return nil, &callError{doing: "listing the versions of", name: k.key, cause: err}
	}
	versions := make([]keys.Version, len(listed))
	group, readCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallelReads)
	for i := range listed {
		group.Go(func() (err error) {
			versions[i], err = k.read(readCtx, client, listed[i])
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	k.forgetOthersThan(versions)
	slices.SortFunc(versions, byNumber)
	return versions, nil
}

// list returns every page. The view is the one without attestations, which are long and of no use here.
func (k *kmsKeeper) list(ctx context.Context, client *kmsClient) ([]*pb.CryptoKeyVersion, error) {
	pages := client.ListCryptoKeyVersions(ctx, &pb.ListCryptoKeyVersionsRequest{Parent: k.key}, withoutRetry())
	var listed []*pb.CryptoKeyVersion
	for {
		version, err := pages.Next()
		if errors.Is(err, iterator.Done) {
			return listed, nil
		}
		if err != nil {
			return nil, err
		}
		listed = append(listed, version)
	}
}

// read makes of what is listed what the ring wants, and asks for the public key of an enabled version. Where that is
// refused, the version may have been disabled or destroyed since it was listed, and is asked for its state; should that
// say enabled (it was enabled again), the public key is asked for once more.
func (k *kmsKeeper) read(ctx context.Context, client *kmsClient, listed *pb.CryptoKeyVersion) (keys.Version, error) {
	version, err := k.versionOf(listed)
	if err != nil {
		return keys.Version{}, &callError{doing: "listing the versions of", name: k.key, cause: err}
	}
	if version.State != keys.Enabled {
		return version, nil
	}
	signer, err := k.signer(ctx, client, listed)
	if status.Code(err) == codes.FailedPrecondition {
		if version.State, err = kmsState(ctx, client, listed.GetName()); err == nil && version.State == keys.Enabled {
			signer, err = k.signer(ctx, client, listed)
		}
	}
	if err != nil {
		return keys.Version{}, &callError{doing: "reading", name: listed.GetName(), cause: err}
	}
	if version.State == keys.Enabled {
		version.Signer = signer
	}
	return version, nil
}

// versionOf takes for the age of a version the time at which its key was generated. In an HSM that can be a while after
// the version was created, and nobody can have seen a public key in between. A version without a time is refused: the
// zero time would make a key sign that no verifier has seen yet (protocol J2).
func (k *kmsKeeper) versionOf(listed *pb.CryptoKeyVersion) (keys.Version, error) {
	number, err := k.number(listed)
	if err != nil {
		return keys.Version{}, err
	}
	created := listed.GetGenerateTime()
	if created == nil { // not generated yet, or imported
		created = listed.GetCreateTime()
	}
	if err := created.CheckValid(); err != nil {
		return keys.Version{}, errors.New("version " + number + " has no valid generate or create time")
	}
	return keys.Version{ID: number, Created: created.AsTime(), State: kmsStateOf(listed.GetState())}, nil
}

// number returns the number of one of the key's versions.
func (k *kmsKeeper) number(version *pb.CryptoKeyVersion) (string, error) {
	number, err := versionNumber(version.GetName(), cryptoKeyVersions)
	if err != nil {
		return "", err
	}
	if version.GetName() != k.key+cryptoKeyVersions+number {
		return "", errOtherName
	}
	return number, nil
}

// kmsStateOf takes a version for destroyed once it is scheduled to be, although an operator could still restore it.
// What is being generated or imported, or failed to be, stays the zero State, which is unusable, and so does what we do
// not know.
func kmsStateOf(state pb.CryptoKeyVersion_CryptoKeyVersionState) keys.State {
	switch state {
	case pb.CryptoKeyVersion_ENABLED:
		return keys.Enabled
	case pb.CryptoKeyVersion_DISABLED:
		return keys.Disabled
	case pb.CryptoKeyVersion_DESTROY_SCHEDULED, pb.CryptoKeyVersion_DESTROYED,
		pb.CryptoKeyVersion_PENDING_EXTERNAL_DESTRUCTION, pb.CryptoKeyVersion_EXTERNAL_DESTRUCTION_FAILED:
		return keys.Destroyed
	default:
		return 0
	}
}

func kmsState(ctx context.Context, client *kmsClient, version string) (keys.State, error) {
	answer, err := patiently(ctx, func() (*pb.CryptoKeyVersion, error) {
		return client.GetCryptoKeyVersion(ctx, &pb.GetCryptoKeyVersionRequest{Name: version}, withoutRetry())
	})
	if err != nil {
		return 0, err
	}
	if answer.GetName() != version {
		return 0, errOtherName
	}
	return kmsStateOf(answer.GetState()), nil
}

// signer returns the one signer of an enabled version. Two calls that meet may both ask for the public key, and get the
// same.
func (k *kmsKeeper) signer(ctx context.Context, client *kmsClient, listed *pb.CryptoKeyVersion) (*kmsSigner, error) {
	k.mu.Lock()
	known := k.signers[listed.GetName()]
	k.mu.Unlock()
	if known != nil {
		return known, nil
	}
	made := &kmsSigner{kms: k.kms, version: listed.GetName(), algorithm: listed.GetAlgorithm()}
	if _, usable := schemeOf(made.algorithm); usable {
		var err error
		if made.public, err = publicKey(ctx, client, listed); err != nil {
			return nil, err
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if known := k.signers[made.version]; known != nil {
		return known, nil
	}
	k.signers[made.version] = made
	return made, nil
}

// forgetOthersThan keeps the signers of the versions that are enabled.
func (k *kmsKeeper) forgetOthersThan(versions []keys.Version) {
	enabled := make(map[string]bool)
	for _, version := range versions {
		enabled[k.key+cryptoKeyVersions+version.ID] = version.State == keys.Enabled
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for name := range k.signers {
		if !enabled[name] {
			delete(k.signers, name)
		}
	}
}

// publicKey asks for the public half of a version, and checks what Google recommends to check (Cloud KMS, "Verifying
// end-to-end data integrity").
func publicKey(ctx context.Context, client *kmsClient, version *pb.CryptoKeyVersion) (any, error) {
	answer, err := patiently(ctx, func() (*pb.PublicKey, error) {
		return client.GetPublicKey(ctx, &pb.GetPublicKeyRequest{Name: version.GetName()}, withoutRetry())
	})
	switch {
	case err != nil:
		return nil, err
	case answer.GetName() != version.GetName():
		return nil, errOtherName
	case answer.GetPemCrc32C().GetValue() != checksum([]byte(answer.GetPem())):
		return nil, errors.New("the public key does not match its checksum")
	case answer.GetAlgorithm() != version.GetAlgorithm():
		return nil, errors.New("the public key is of another algorithm than its version")
	}
	block, rest := pem.Decode([]byte(answer.GetPem()))
	if block == nil || block.Type != "PUBLIC KEY" || strings.TrimSpace(string(rest)) != "" {
		return nil, errors.New("the public key is not one block of PEM")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the public key cannot be read")
	}
	return public, nil
}
