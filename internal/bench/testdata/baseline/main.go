// Program baseline is a function that does nothing and has what any token service on this platform is made of: a library
// of signatures, and the client of Secret Manager. It makes neither a key nor a client until a request asks for that,
// which none does: the linker keeps what could be called.
package main

import (
	"net/http"

	secretmanager "cloud.google.com/go/secretmanager/apiv1"
	pb "cloud.google.com/go/secretmanager/apiv1/secretmanagerpb"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/lestrrat-go/jwx/v2/jws"

	"example.com/countersign/internal/bench/testdata/served"
)

func init() {
	functions.HTTP("AuthorizationServer", func(w http.ResponseWriter, r *http.Request) {
		if name := r.Header.Get("Sign-With"); name != "" {
			sign(w, r, name)
		}
	})
}

func sign(w http.ResponseWriter, r *http.Request, name string) {
	client, err := secretmanager.NewClient(r.Context())
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	defer func() { _ = client.Close() }()
	for range client.ListSecretVersions(r.Context(), &pb.ListSecretVersionsRequest{Parent: name}).All() {
		break
	}
	version, err := client.AccessSecretVersion(r.Context(), &pb.AccessSecretVersionRequest{Name: name})
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	key, err := jwk.ParseKey(version.GetPayload().GetData())
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	signed, err := jws.Sign([]byte("{}"), jws.WithKey(jwa.ES256, key))
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(signed)
}

func main() { served.Start() }
