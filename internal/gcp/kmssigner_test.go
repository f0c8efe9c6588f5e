package gcp_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"hash/crc32"
	"strings"
	"sync/atomic"
	"testing"

	pb "cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/countersign/internal/jose"
)

func crc32c(data []byte) int64 { return int64(crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))) }

func TestEveryAlgorithmSignsTokens(t *testing.T) {
	for algorithm, want := range map[pb.CryptoKeyVersion_CryptoKeyVersionAlgorithm]jose.Algorithm{
		pb.CryptoKeyVersion_EC_SIGN_P256_SHA256:        jose.ES256,
		pb.CryptoKeyVersion_EC_SIGN_P384_SHA384:        jose.ES384,
		pb.CryptoKeyVersion_EC_SIGN_ED25519:            jose.EdDSA,
		pb.CryptoKeyVersion_RSA_SIGN_PKCS1_2048_SHA256: jose.RS256,
		pb.CryptoKeyVersion_RSA_SIGN_PKCS1_3072_SHA256: jose.RS256,
		pb.CryptoKeyVersion_RSA_SIGN_PKCS1_4096_SHA256: jose.RS256,
		pb.CryptoKeyVersion_RSA_SIGN_PKCS1_4096_SHA512: jose.RS512,
		pb.CryptoKeyVersion_RSA_SIGN_PSS_2048_SHA256:   jose.PS256,
		pb.CryptoKeyVersion_RSA_SIGN_PSS_3072_SHA256:   jose.PS256,
		pb.CryptoKeyVersion_RSA_SIGN_PSS_4096_SHA256:   jose.PS256,
		pb.CryptoKeyVersion_RSA_SIGN_PSS_4096_SHA512:   jose.PS512,
	} {
		t.Run(algorithm.String(), func(t *testing.T) {
			if testing.Short() && strings.Contains(algorithm.String(), "_4096_") {
				t.Skip("RSA of 4096 bits takes seconds to be generated")
			}
			address, raw := startKMS(t)
			newKey(t, raw, algorithm, 1)
			key, err := jose.NewSigningKey(readVersions(t, newKeeper(t, address))[0].Signer, want)
			if err != nil {
				t.Fatal(err)
			}
			for _, other := range jose.AsymmetricAlgorithms() {
				if other != want {
					if key, err := jose.NewSigningKey(readVersions(t, newKeeper(t, address))[0].Signer, other); err == nil {
						t.Errorf("it is also %v for %s", key, other)
					}
				}
			}
			wantTokenOf(t, key)
		})
	}
}

// wantTokenOf signs a token, and wants the public half to verify it.
func wantTokenOf(t *testing.T, key jose.SigningKey) {
	t.Helper()
	text, err := key.Sign("at+jwt", []byte(`{"iss":"a"}`))
	if err != nil {
		t.Fatal(err)
	}
	token, err := jose.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if claims, err := token.Verify(key.Verification()); err != nil || claims.Issuer != "a" {
		t.Errorf("%+v, %v", claims, err)
	}
}

func TestWhatDoesNotFitTheAlgorithmIsRefusedBeforeItIsSent(t *testing.T) {
	type ask struct {
		bytes   int
		options crypto.SignerOpts
	}
	pss := func(hash crypto.Hash, salt int) crypto.SignerOpts {
		return &rsa.PSSOptions{Hash: hash, SaltLength: salt}
	}
	none := crypto.Hash(0)
	for algorithm, asks := range map[pb.CryptoKeyVersion_CryptoKeyVersionAlgorithm]map[string]ask{
		pb.CryptoKeyVersion_EC_SIGN_P256_SHA256: {
			"another_hash":         {48, crypto.SHA384},
			"a_hash_as_long":       {32, crypto.SHA3_256},
			"no_hash":              {32, none},
			"no_options":           {32, nil},
			"pss":                  {32, pss(crypto.SHA256, rsa.PSSSaltLengthEqualsHash)},
			"a_digest_too_short":   {31, crypto.SHA256},
			"a_digest_too_long":    {33, crypto.SHA256},
			"no_digest":            {0, crypto.SHA256},
			"the_options_of_eddsa": {32, &ed25519.Options{Hash: crypto.SHA256}},
		},
		pb.CryptoKeyVersion_EC_SIGN_P384_SHA384: {
			"another_hash": {32, crypto.SHA256},
		},
		pb.CryptoKeyVersion_EC_SIGN_ED25519: {
			"a_hash":     {64, crypto.SHA512},
			"prehashing": {64, &ed25519.Options{Hash: crypto.SHA512}},
			"a_context":  {64, &ed25519.Options{Context: "countersign"}},
			"pss":        {64, pss(none, rsa.PSSSaltLengthEqualsHash)},
		},
		pb.CryptoKeyVersion_RSA_SIGN_PKCS1_2048_SHA256: {
			"another_hash": {64, crypto.SHA512},
			"pss":          {32, pss(crypto.SHA256, rsa.PSSSaltLengthEqualsHash)},
			"no_hash":      {32, none},
		},
		pb.CryptoKeyVersion_RSA_SIGN_PSS_2048_SHA256: {
			"pkcs1":          {32, crypto.SHA256},
			"another_hash":   {64, pss(crypto.SHA512, rsa.PSSSaltLengthEqualsHash)},
			"any_salt":       {32, pss(crypto.SHA256, rsa.PSSSaltLengthAuto)},
			"a_shorter_salt": {32, pss(crypto.SHA256, 20)},
			"no_hash":        {32, pss(none, rsa.PSSSaltLengthEqualsHash)},
		},
	} {
		t.Run(algorithm.String(), func(t *testing.T) {
			_, raw := startKMS(t)
			newKey(t, raw, algorithm, 1)
			var sent atomic.Int32
			address, _ := kmsFront(t, raw, func(_ context.Context, request any, forward func() (any, error)) (any, error) {
				if _, signing := request.(*pb.AsymmetricSignRequest); signing {
					sent.Add(1)
				}
				return forward()
			})
			signer := readVersions(t, newKeeper(t, address))[0].Signer
			for name, asked := range asks {
				signature, err := signer.Sign(nil, make([]byte, asked.bytes), asked.options)
				if err == nil || signature != nil {
					t.Errorf("%s: %x, %v", name, signature, err)
				}
				wantNamed(t, err)
			}
			if n := sent.Load(); n != 0 {
				t.Errorf("%d were sent", n)
			}
		})
	}
}

func TestTheSaltOfThatLengthMayBeAskedForByNumber(t *testing.T) {
	address, raw := startKMS(t)
	newKey(t, raw, pb.CryptoKeyVersion_RSA_SIGN_PSS_2048_SHA256, 1)
	signer := readVersions(t, newKeeper(t, address))[0].Signer
	digest := sha256.Sum256([]byte("message"))
	options := &rsa.PSSOptions{Hash: crypto.SHA256, SaltLength: 32}
	signature, err := signer.Sign(nil, digest[:], options)
	if err != nil {
		t.Fatal(err)
	}
	if err := rsa.VerifyPSS(signer.Public().(*rsa.PublicKey), crypto.SHA256, digest[:], signature, options); err != nil {
		t.Error(err)
	}
}

// signerBehind returns a signer, behind something that comes between each request to sign and its answer.
func signerBehind(t *testing.T, algorithm pb.CryptoKeyVersion_CryptoKeyVersionAlgorithm,
	do func(request *pb.AsymmetricSignRequest, forward func() (any, error)) (any, error),
) crypto.Signer {
	t.Helper()
	_, raw := startKMS(t)
	newKey(t, raw, algorithm, 1)
	address, _ := kmsFront(t, raw, func(_ context.Context, request any, forward func() (any, error)) (any, error) {
		if signing, is := request.(*pb.AsymmetricSignRequest); is {
			return do(signing, forward)
		}
		return forward()
	})
	return readVersions(t, newKeeper(t, address))[0].Signer
}

func TestASignatureThatIsDamagedIsRefused(t *testing.T) {
	const marker = "claims-that-no-log-may-see-padded" // of 33 bytes
	answers := map[string]func(*pb.AsymmetricSignResponse){
		"another_signature":         func(a *pb.AsymmetricSignResponse) { a.Signature[len(a.Signature)-1]++ },
		"no_signature":              func(a *pb.AsymmetricSignResponse) { a.Signature, a.SignatureCrc32C.Value = nil, 0 },
		"another_checksum":          func(a *pb.AsymmetricSignResponse) { a.SignatureCrc32C.Value ^= 1 << 40 },
		"no_checksum":               func(a *pb.AsymmetricSignResponse) { a.SignatureCrc32C = nil },
		"of_another_version":        func(a *pb.AsymmetricSignResponse) { a.Name += "0" },
		"of_no_version":             func(a *pb.AsymmetricSignResponse) { a.Name = "" },
		"of_something_not_verified": func(a *pb.AsymmetricSignResponse) { a.VerifiedDigestCrc32C, a.VerifiedDataCrc32C = false, false },
		"of_something_else_verified": func(a *pb.AsymmetricSignResponse) {
			a.VerifiedDigestCrc32C, a.VerifiedDataCrc32C = a.VerifiedDataCrc32C, a.VerifiedDigestCrc32C
		},
	}
	requests := map[string]func(*pb.AsymmetricSignRequest){
		"the_digest_on_its_way": func(r *pb.AsymmetricSignRequest) {
			if sha256, is := r.GetDigest().GetDigest().(*pb.Digest_Sha256); is {
				sha256.Sha256[0]++
			} else {
				r.Data[0]++
			}
		},
		"its_checksum_on_its_way": func(r *pb.AsymmetricSignRequest) {
			if r.DigestCrc32C != nil {
				r.DigestCrc32C.Value++
			} else {
				r.DataCrc32C.Value++
			}
		},
		"its_checksum_lost": func(r *pb.AsymmetricSignRequest) { r.DigestCrc32C, r.DataCrc32C = nil, nil },
	}
	for algorithm, options := range map[pb.CryptoKeyVersion_CryptoKeyVersionAlgorithm]crypto.Hash{
		pb.CryptoKeyVersion_EC_SIGN_P256_SHA256: crypto.SHA256,
		pb.CryptoKeyVersion_EC_SIGN_ED25519:     0,
	} {
		refuse := func(t *testing.T, do func(*pb.AsymmetricSignRequest, func() (any, error)) (any, error)) {
			t.Helper()
			signature, err := signerBehind(t, algorithm, do).Sign(nil, []byte(marker[:32]), options)
			if err == nil || signature != nil {
				t.Errorf("got %x, %v", signature, err)
			}
			wantNamed(t, err)
			if err != nil && strings.Contains(err.Error(), marker[1:8]) {
				t.Errorf("%v tells what was signed", err)
			}
		}
		for name, damage := range answers {
			t.Run(algorithm.String()+"/"+name, func(t *testing.T) {
				refuse(t, func(_ *pb.AsymmetricSignRequest, forward func() (any, error)) (any, error) {
					answer, err := forward()
					if err == nil {
						damage(answer.(*pb.AsymmetricSignResponse))
					}
					return answer, err
				})
			})
		}
		for name, damage := range requests {
			t.Run(algorithm.String()+"/"+name, func(t *testing.T) {
				refuse(t, func(request *pb.AsymmetricSignRequest, forward func() (any, error)) (any, error) {
					damage(request)
					return forward()
				})
			})
		}
	}
}

func TestAVersionThatIsNotEnabledSignsNothing(t *testing.T) {
	address, raw := startKMS(t)
	newES256Keys(t, raw, 1)
	signer := readVersions(t, newKeeper(t, address))[0].Signer
	if err := setState(t.Context(), raw, "1", pb.CryptoKeyVersion_DISABLED); err != nil {
		t.Fatal(err)
	}
	signature, err := signer.Sign(nil, make([]byte, 32), crypto.SHA256)
	if status.Code(err) != codes.FailedPrecondition || signature != nil {
		t.Errorf("got %x, %v", signature, err)
	}
}

func TestASignatureIsAskedForFourTimes(t *testing.T) {
	for name, test := range map[string]struct {
		unavailable int32
		want        codes.Code
	}{
		"three_times_in_vain": {3, codes.OK},
		"always_in_vain":      {1000, codes.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			var calls atomic.Int32
			signer := signerBehind(t, pb.CryptoKeyVersion_EC_SIGN_P256_SHA256,
				func(_ *pb.AsymmetricSignRequest, forward func() (any, error)) (any, error) {
					if calls.Add(1) <= test.unavailable {
						return nil, status.Error(codes.Unavailable, "The service is currently unavailable.")
					}
					return forward()
				})
			signature, err := signer.Sign(nil, make([]byte, 32), crypto.SHA256)
			if status.Code(err) != test.want || (signature != nil) != (test.want == codes.OK) {
				t.Errorf("got %x, %v", signature, err)
			}
			if n := calls.Load(); n != 4 {
				t.Errorf("it was asked for %d times", n)
			}
		})
	}
}

func TestASignatureThatIsRefusedIsNotAskedForAgain(t *testing.T) {
	var calls atomic.Int32
	signer := signerBehind(t, pb.CryptoKeyVersion_EC_SIGN_P256_SHA256,
		func(*pb.AsymmetricSignRequest, func() (any, error)) (any, error) {
			calls.Add(1)
			return nil, status.Error(codes.PermissionDenied, "Permission denied.")
		})
	signature, err := signer.Sign(nil, make([]byte, 32), crypto.SHA256)
	if status.Code(err) != codes.PermissionDenied || signature != nil {
		t.Errorf("got %x, %v", signature, err)
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("it was asked for %d times", n)
	}
}

func TestASignatureThatHangsEndsByItself(t *testing.T) {
	if testing.Short() {
		t.Skip("a signature may take 5 s")
	}
	t.Parallel()
	done := make(chan struct{})
	defer close(done)
	signer := signerBehind(t, pb.CryptoKeyVersion_EC_SIGN_P256_SHA256,
		func(_ *pb.AsymmetricSignRequest, forward func() (any, error)) (any, error) {
			<-done
			return forward()
		})
	signature, err := signer.Sign(nil, make([]byte, 32), crypto.SHA256)
	if !errors.Is(err, context.DeadlineExceeded) || signature != nil {
		t.Errorf("got %x, %v", signature, err)
	}
	wantNamed(t, err)
}
