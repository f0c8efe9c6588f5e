package gcp_test

import (
	"context"
	"crypto"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	pb "cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"example.com/countersign/internal/gcp"
	"example.com/countersign/internal/keys"
)

func TestConstructingAndClosingAKMSTouchesNothing(t *testing.T) {
	address, _ := startKMS(t)
	proxy := newLane(t, address)
	made := newKMS(t, proxy.Addr().String())
	_ = made.Keeper(keyName)
	stop(t, made)
	if n := proxy.connections(); n != 0 {
		t.Errorf("it made %d connections", n)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "missing.json"))
	googles, err := gcp.NewKMS(gcp.KMSConfig{})
	if err != nil {
		t.Fatalf("it looked for credentials: %v", err)
	}
	if _, err := googles.Keeper(keyName).Versions(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("used without credentials: %v", err)
	}
	stop(t, googles)
}

// wantNoUse wants an error of everything that a keeper can do, and returns the errors.
func wantNoUse(t *testing.T, keeper keys.Keeper) []error {
	t.Helper()
	versions, errVersions := keeper.Versions(t.Context())
	id, errAdd := keeper.Add(t.Context(), nil)
	all := []error{errVersions, errAdd, keeper.Disable(t.Context(), "1"), keeper.Destroy(t.Context(), "1")}
	for i, err := range all {
		if err == nil {
			t.Errorf("call %d is taken", i)
		}
	}
	if versions != nil || id != "" {
		t.Errorf("got %v and %q with an error", versions, id)
	}
	return all
}

func TestAClosedKMSIsOfNoUse(t *testing.T) {
	address, raw := startKMS(t)
	newES256Keys(t, raw, 1)
	used := newKMS(t, address)
	signer := readVersions(t, used.Keeper(keyName))[0].Signer
	for _, closed := range []*gcp.KMS{used, newKMS(t, address)} {
		stop(t, closed)
		stop(t, closed)
		wantNoUse(t, closed.Keeper(keyName))
	}
	if signature, err := signer.Sign(nil, make([]byte, 32), crypto.SHA256); err == nil || signature != nil {
		t.Errorf("it signs: %x, %v", signature, err)
	}
	if state := stateBehind(t, raw, "1"); state != pb.CryptoKeyVersion_ENABLED {
		t.Errorf("the version is %v", state)
	}
}

func TestANameThatIsNoKeysIsRefusedBeforeAnythingIsSentToTheKMS(t *testing.T) {
	address, _ := startKMS(t)
	proxy := newLane(t, address)
	made := newKMS(t, proxy.Addr().String())
	for _, name := range []string{
		"", "signing-keys", location, keyRing, keyName + "/", "/" + keyName, versionName("1"), strings.ToUpper(keyName),
		"projects//locations/global/keyRings/r/cryptoKeys/k", "projects/p/locations//keyRings/r/cryptoKeys/k",
		"projects/p/locations/global/keyRings//cryptoKeys/k", "projects/p/locations/global/keyRings/r/cryptoKeys/",
		"projects/p/locations/global/keyRings/r/importJobs/k", "projects/p/secrets/s",
		"//cloudkms.googleapis.com/" + keyName,
	} {
		t.Run(name, func(t *testing.T) { wantNoUse(t, made.Keeper(name)) })
	}
	if n := proxy.connections(); n != 0 {
		t.Errorf("it made %d connections", n)
	}
}

func TestAKeyThatDoesNotExistIsNotFound(t *testing.T) {
	address, _ := startKMS(t)
	for _, err := range wantNoUse(t, newKeeper(t, address)) {
		wantNamed(t, err)
		if !errors.Is(err, gcp.ErrNotFound) || status.Code(err) != codes.NotFound {
			t.Errorf("got %v", err)
		}
	}
}

func TestAKeyOfAnotherPurposeIsLeftAlone(t *testing.T) {
	keeper, raw := damagedKeeper(t, 1, onlyAnswer(func(key *pb.CryptoKey) { key.Purpose = pb.CryptoKey_ENCRYPT_DECRYPT }))
	for _, err := range wantNoUse(t, keeper) {
		wantNamed(t, err)
		if !strings.Contains(err.Error(), "ENCRYPT_DECRYPT") || !strings.Contains(err.Error(), "ASYMMETRIC_SIGN") {
			t.Errorf("%v does not say why", err)
		}
	}
	if state := stateBehind(t, raw, "1"); state != pb.CryptoKeyVersion_ENABLED {
		t.Errorf("its version is %v", state)
	}
}

func TestTheAnswerAboutAnotherKeyIsRefused(t *testing.T) {
	keeper, _ := damagedKeeper(t, 1, onlyAnswer(func(key *pb.CryptoKey) { key.Name += "-2" }))
	for _, err := range wantNoUse(t, keeper) {
		wantNamed(t, err)
	}
}

func TestThePurposeIsAskedForUntilItIsKnown(t *testing.T) {
	asked := 0
	keeper, _ := damagedKeeper(t, 1, func(answer any) error {
		if _, isKey := answer.(*pb.CryptoKey); isKey {
			if asked++; asked == 1 {
				return status.Error(codes.PermissionDenied, "Permission denied.")
			}
		}
		return nil
	})
	if _, err := keeper.Versions(t.Context()); status.Code(err) != codes.PermissionDenied {
		t.Errorf("without the permission: %v", err)
	}
	for range 3 {
		readVersions(t, keeper)
	}
	if asked != 2 {
		t.Errorf("it asked %d times", asked)
	}
}

// Google's library logs requests and answers whole where the environment asks for it.
func TestDebugLoggingOfTheLibraryTellsNothingOfASignature(t *testing.T) {
	t.Setenv("GOOGLE_SDK_GO_LOGGING_LEVEL", "debug")
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	before := os.Stderr
	os.Stderr = writer // the library takes it when the client is made; no test here is parallel to this one
	defer func() { os.Stderr = before }()

	address, raw := startKMS(t)
	newES256Keys(t, raw, 1)
	versions, err := newKeeper(t, address).Versions(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := versions[0].Signer.Sign(nil, make([]byte, 32), crypto.SHA256); err != nil {
		t.Error(err)
	}
	stop(t, writer)
	printed, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	if len(printed) != 0 {
		t.Errorf("it printed %s", printed)
	}
}
