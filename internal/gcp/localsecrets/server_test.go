package localsecrets_test

import (
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/iam/apiv1/iampb"
	"google.golang.org/grpc/codes"

	"example.com/countersign/internal/gcp/localsecrets"
)

func TestAddress(t *testing.T) {
	deny := []string{
		"0.0.0.0:0", ":0", ":8085", "[::]:0", "192.0.2.1:8085", "10.0.0.1:0", "169.254.169.254:80",
		"[::ffff:192.0.2.1]:0", "localhost:0", "example.com:443", "127.0.0.1", "127.0.0.1:", "127.0.0.1:port",
		"127.1:0", "http://127.0.0.1:0", "[fe80::1]:0",
	}
	for _, address := range deny {
		t.Run("refused_"+address, func(t *testing.T) {
			server, err := localsecrets.Start(localsecrets.Config{Address: address, Now: time.Now})
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
			server, err := localsecrets.Start(localsecrets.Config{Address: address, Now: time.Now})
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

func TestAnAddressThatIsTakenIsAnErrorAndReleasesTheDirectory(t *testing.T) {
	taken, _ := start(t, "")
	directory := t.TempDir() + "/secrets"
	if _, err := localsecrets.Start(localsecrets.Config{Address: taken.Address(), Directory: directory, Now: time.Now}); err == nil {
		t.Fatal("two servers listen on one address")
	}
	start(t, directory)
}

func TestAServerNeedsAClock(t *testing.T) {
	if _, err := localsecrets.Start(localsecrets.Config{}); err == nil {
		t.Error("it starts without one")
	}
}

func TestClosingTwiceIsFine(t *testing.T) {
	server, _ := start(t, t.TempDir()+"/secrets")
	stop(t, server)
	stop(t, server)
}

func TestCallsThatALaptopDoesNotNeedAreUnimplemented(t *testing.T) {
	_, client := start(t, "")
	secret := create(t, client, "s").GetName()
	_, err := client.UpdateSecret(t.Context(), nil)
	wantCode(t, err, codes.Unimplemented)
	_, err = client.GetIamPolicy(t.Context(), &iampb.GetIamPolicyRequest{Resource: secret})
	wantCode(t, err, codes.Unimplemented)
	_, err = client.SetIamPolicy(t.Context(), &iampb.SetIamPolicyRequest{Resource: secret})
	wantCode(t, err, codes.Unimplemented)
}
