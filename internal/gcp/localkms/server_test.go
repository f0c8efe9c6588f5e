package localkms_test

import (
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	pb "cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/grpc/codes"

	"example.com/countersign/internal/gcp/localkms"
)

func TestAddress(t *testing.T) {
	deny := []string{
		"0.0.0.0:0", ":0", ":8085", "[::]:0", "192.0.2.1:8085", "10.0.0.1:0", "169.254.169.254:80",
		"[::ffff:192.0.2.1]:0", "localhost:0", "example.com:443", "127.0.0.1", "127.0.0.1:", "127.0.0.1:port",
		"127.1:0", "http://127.0.0.1:0", "[fe80::1]:0",
	}
	for _, address := range deny {
		t.Run("refused_"+address, func(t *testing.T) {
			server, err := localkms.Start(localkms.Config{Address: address, Now: time.Now})
			if err == nil {
				stop(t, server)
				t.Fatal("it listens")
			}
			if !strings.Contains(err.Error(), "loopback") {
				t.Errorf("%v does not say why", err)
			}
		})
	}
	for _, address := range []string{"", "127.0.0.1:0"} {
		t.Run("allowed_"+address, func(t *testing.T) {
			server, err := localkms.Start(localkms.Config{Address: address, Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			defer stop(t, server)
			if got := server.Address(); !strings.HasPrefix(got, "127.0.0.1:") || strings.HasSuffix(got, ":0") {
				t.Errorf("its address is %q", got)
			}
		})
	}
}

func TestAnAddressThatIsTakenIsAnError(t *testing.T) {
	taken, err := localkms.Start(localkms.Config{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, taken)
	if server, err := localkms.Start(localkms.Config{Address: taken.Address(), Now: time.Now}); err == nil {
		stop(t, server)
		t.Error("two servers listen on one address")
	}
}

func TestAServerNeedsAClock(t *testing.T) {
	if server, err := localkms.Start(localkms.Config{}); err == nil {
		stop(t, server)
		t.Error("it starts without one")
	}
}

func TestClosingTwiceIsFine(t *testing.T) {
	server, err := localkms.Start(localkms.Config{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	stop(t, server)
	stop(t, server)
}

func TestCallsThatTestsDoNotNeedAreUnimplemented(t *testing.T) {
	client, _ := start(t)
	key := create(t, client, "k", es256)
	_, err := client.Encrypt(t.Context(), &pb.EncryptRequest{Name: key})
	wantCode(t, err, codes.Unimplemented)
	_, err = client.AsymmetricDecrypt(t.Context(), &pb.AsymmetricDecryptRequest{Name: key + "/cryptoKeyVersions/1"})
	wantCode(t, err, codes.Unimplemented)
	_, err = client.MacSign(t.Context(), &pb.MacSignRequest{Name: key + "/cryptoKeyVersions/1"})
	wantCode(t, err, codes.Unimplemented)
	_, err = client.UpdateCryptoKey(t.Context(), &pb.UpdateCryptoKeyRequest{CryptoKey: &pb.CryptoKey{Name: key}})
	wantCode(t, err, codes.Unimplemented)
	_, err = client.ImportCryptoKeyVersion(t.Context(), &pb.ImportCryptoKeyVersionRequest{Parent: key})
	wantCode(t, err, codes.Unimplemented)
	_, err = client.ListCryptoKeys(t.Context(), &pb.ListCryptoKeysRequest{Parent: keyRing}).Next()
	wantCode(t, err, codes.Unimplemented)
	_, err = client.GetIamPolicy(t.Context(), &iampb.GetIamPolicyRequest{Resource: key})
	wantCode(t, err, codes.Unimplemented)
}
