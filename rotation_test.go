package countersign

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/countersign/internal/keys"
)

// The ring lives in the secret and in no process: it goes on where it was when every process is a new one.
func TestRotation_goes_on_across_restarts(t *testing.T) {
	t.Parallel()
	const clock = "refresh_interval: 1s, jwks_max_age: 1s"
	r := newRotated(t, clock)
	var seen []string
	var service *process
	for round := 1; round <= 3; round++ {
		if status := r.deliver(due(r.canonical(), time.Now())); status < 200 || status > 299 {
			t.Fatalf("the notice is answered with %d", status)
		}
		service = r.start("AuthorizationServer", clock) // anew in every round, beside those before
		kid := r.awaitKey(service, seen)
		seen = append(seen, kid)
	}
	public := r.published(service)
	for deadline := time.Now().Add(patience); !slices.Equal(public, seen[1:]) && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		public = r.published(service) // until the last token of the second key has expired
	}
	if !slices.Equal(public, seen[1:]) {
		t.Errorf("%v is public, want the key that signs and the one before it, %v", public, seen[1:])
	}
	r.expectStates("three rotations", keys.Enabled, keys.Enabled, keys.Enabled)
	r.deliver(due(r.canonical(), time.Now()))
	r.expectStates("the next one tidies up", keys.Disabled, keys.Disabled, keys.Enabled, keys.Enabled)
}

// awaitKey asks for tokens until one is signed with a key that was not seen before. Each must be one of the JWK Set.
func (r *rotated) awaitKey(service *process, seen []string) string {
	r.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		kid := r.tokenKey(service)
		if !slices.Contains(r.published(service), kid) {
			r.t.Fatalf("the key %s signs and is not public", kid)
		}
		if !slices.Contains(seen, kid) {
			return kid
		}
	}
	r.t.Fatalf("no new key signs:\n%s", service.log())
	return ""
}

// published returns the kids of the JWK Set.
func (r *rotated) published(service *process) (kids []string) {
	r.t.Helper()
	response, err := http.Get(service.url + "/.well-known/jwks.json")
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	var set struct{ Keys []struct{ Kid string } }
	if err := json.NewDecoder(response.Body).Decode(&set); err != nil {
		r.t.Fatal(err)
	}
	for _, key := range set.Keys {
		kids = append(kids, key.Kid)
	}
	return kids
}

// tokenKey returns the kid of a new token.
func (r *rotated) tokenKey(service *process) string {
	r.t.Helper()
	return keyOf(r.t, r.token(service))
}

// keyOf returns the kid of a token.
func keyOf(t *testing.T, token string) string {
	t.Helper()
	encoded, _, _ := strings.Cut(token, ".")
	var named struct{ Kid string }
	if err := json.Unmarshal(decodePart(t, encoded), &named); err != nil {
		t.Fatal(err)
	}
	return named.Kid
}

// token returns a new token.
func (r *rotated) token(service *process) string {
	r.t.Helper()
	claims := fmt.Sprintf(`{"iss":"batch","sub":"batch","aud":"https://auth.example.com","exp":%d,"jti":"%d"}`, time.Now().Unix()+30, time.Now().UnixNano())
	assertion := encodePart([]byte(`{"alg":"ES256"}`)) + "." + encodePart([]byte(claims))
	form := "grant_type=client_credentials&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=" +
		assertion + "." + encodePart(signature(r.t, "ES256", "test-es256.pem", assertion))
	response, err := http.Post(service.url+"/token", "application/x-www-form-urlencoded", strings.NewReader(form))
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	<-service.audit
	var answer struct {
		Token string `json:"access_token"`
		Error string `json:"error_description"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.Token == "" {
		r.t.Fatalf("no token: %d %s, %v", response.StatusCode, answer.Error, err)
	}
	return answer.Token
}
