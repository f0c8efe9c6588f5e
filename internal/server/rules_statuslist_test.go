package server_test

import (
	"bytes"
	"compress/zlib"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/server"
	"example.com/countersign/internal/stoplist"
)

// listing is stopping with an API whose tokens are on the status list.
var listing = strings.Replace(stopping, "id: https://mail.example.com, scopes: [email]", "id: https://mail.example.com, scopes: [email], status_list: true", 1)

const listURI = us + "/statuslists/1"

// statusOf does what an API does that reads the status of a token (draft-ietf-oauth-status-list §8.3), and believes nothing
// but the token, which has been verified, and the JWK Set.
func (d *deployment) statusOf(t *testing.T, token map[string]any) int {
	t.Helper()
	reference, _ := token["status"].(map[string]any)["status_list"].(map[string]any)
	uri, _ := reference["uri"].(string)
	index, isNumber := reference["idx"].(float64)
	path, ours := strings.CutPrefix(uri, us)
	if !ours || !isNumber || len(reference) != 2 {
		t.Fatalf("the token has the status %v", token["status"])
	}
	array := d.statusList(t, path, uri)
	if int(index)/8 >= len(array) {
		t.Fatalf("%v is not on the list", index)
	}
	return int(array[int(index)/8] >> (int(index) % 8) & 1)
}

// statusList fetches the list, and returns its bits.
func (d *deployment) statusList(t *testing.T, path, uri string) []byte {
	t.Helper()
	got := d.send(t, ask(method("GET"), target(path), contentType(), header("Accept", "application/statuslist+jwt")))
	if got.status != 200 || got.header.Get("Content-Type") != "application/statuslist+jwt" {
		t.Fatalf("got %d %v %s", got.status, got.header, got.body)
	}
	token, err := jose.Parse(got.body)
	d.must(err)
	set, _, err := jose.ParseKeySet([]byte(d.send(t, get(server.JWKSPath)).body), "")
	d.must(err)
	key, err := set.Find(token)
	d.must(err)
	verified, err := token.Verify(key)
	d.must(err)
	claims := verified.All()
	list, _ := claims["status_list"].(map[string]any)
	lst, _ := list["lst"].(string)
	delete(list, "lst")
	iat := verified.IssuedAt.Unix()
	want := map[string]any{
		"iss": us, "sub": uri, "iat": float64(iat), "exp": float64(iat + 3600), "ttl": float64(60), "status_list": map[string]any{"bits": float64(1)},
	}
	if difference := cmp.Diff(any(want), plain(t, claims)); difference != "" || token.Type != "statuslist+jwt" || verified.IssuedAt.After(d.clock.now()) {
		t.Errorf("typ %q, claims, want -, got +:\n%s", token.Type, difference)
	}
	reader, err := zlib.NewReader(bytes.NewReader(decode(t, lst)))
	d.must(err)
	array, err := io.ReadAll(reader)
	d.must(err)
	if len(array) != 1<<20/8 {
		t.Errorf("the list has %d bytes", len(array))
	}
	return array
}

// ones counts the bits that are set.
func ones(array []byte) (count int) {
	for _, b := range array {
		for ; b != 0; b &= b - 1 {
			count++
		}
	}
	return count
}

func (d *deployment) mailToken(t *testing.T) map[string]any {
	t.Helper()
	return plain(t, d.grant(t, jwtBearer(sign(t, "idp.ES256", d.about("alice", idp)))).claims).(map[string]any)
}

func TestStatusList_a_token_that_is_stopped_by_its_jti_is_invalid(t *testing.T) {
	d := withStops(t, listing)
	one, other := d.mailToken(t), d.mailToken(t)
	if d.statusOf(t, one) != 0 || d.statusOf(t, other) != 0 || ones(d.statusList(t, "/statuslists/1", listURI)) != 0 {
		t.Error("nothing has been taken back")
	}
	d.stop("{jti: "+one["jti"].(string)+"}", "{subject: nobody}")
	d.clock.advance(stoplist.Bound)
	if d.statusOf(t, one) != 1 {
		t.Error("a token that has been taken back is valid")
	}
	if d.statusOf(t, other) != 0 || ones(d.statusList(t, "/statuslists/1", listURI)) != 1 {
		t.Error("another token is invalid too")
	}
	d.stop("{issuer: https://idp.example.com, jti: " + one["jti"].(string) + "}")
	d.clock.advance(stoplist.Bound)
	if d.statusOf(t, one) != 0 {
		t.Error("the jti of an assertion is taken for that of a token")
	}
}

func TestStatusList_only_the_tokens_of_those_who_want_it_name_it(t *testing.T) {
	d := withStops(t, listing)
	if status := d.grant(t, clientCredentials(d.proves("billing"))).claims["status"]; status != nil {
		t.Errorf("got %v", status)
	}
	if d.mailToken(t)["status"] == nil {
		t.Error("the API that wants it has none")
	}
	withStops(t, stopping).expectNoStatusList(t)
	deploy(t, acme).expectNoStatusList(t)
}

func (d *deployment) expectNoStatusList(t *testing.T) {
	t.Helper()
	if got := d.send(t, get("/statuslists/1")); got.status != 404 {
		t.Errorf("there is a list: %d %s", got.status, got.body)
	}
	if _, has := d.mailToken(t)["status"]; has {
		t.Error("a token names it")
	}
}

func TestStatusList_other_paths_and_methods_and_times_are_refused(t *testing.T) {
	d := withStops(t, listing)
	for path, want := range map[string]int{"/statuslists": 404, "/statuslists/": 404, "/statuslists/0": 404, "/statuslists/2": 404, "/statuslists/1/": 404,
		"/statuslists/1?time=1686925000": 501, "/statuslists/1?time": 501, "/statuslists/1?other=1": 200} {
		if got := d.send(t, get(path)); got.status != want {
			t.Errorf("%s: %d %s, want %d", path, got.status, got.body, want)
		}
	}
	for _, name := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		if got := d.send(t, ask(method(name), target("/statuslists/1"))); got.status != 405 || got.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d %v", name, got.status, got.header)
		}
	}
}

func TestStatusList_may_be_kept_for_a_minute(t *testing.T) {
	d := withStops(t, listing)
	const path = "/statuslists/1"
	first := d.send(t, get(path))
	tag := first.header.Get("ETag")
	if first.header.Get("Cache-Control") != "public, max-age=60" || first.header.Get("Access-Control-Allow-Origin") != "*" || len(tag) < 18 || tag[0] != '"' {
		t.Errorf("got %v", first.header)
	}
	again := func(when string, want int) answer {
		t.Helper()
		got := d.send(t, ask(method("GET"), target(path), contentType(), header("If-None-Match", tag)))
		if got.status != want || want == 304 && (got.body != "" || got.header.Get("ETag") != tag) {
			t.Errorf("%s: got %d %v, want %d", when, got.status, got.header, want)
		}
		return got
	}
	again("at once", 304)
	d.clock.advance(9 * time.Minute)
	again("nothing has changed", 304)
	if head := d.send(t, ask(method(http.MethodHead), target(path), contentType())); head.status != 200 || head.body != "" || head.header.Get("ETag") != tag {
		t.Errorf("HEAD: %d %v", head.status, head.header)
	}
	d.clock.advance(time.Minute)
	renewed := again("a copy that goes on to its end", 200)
	tag = renewed.header.Get("ETag")
	d.stop("{jti: ABC}")
	again("within the bound", 304)
	d.clock.advance(stoplist.Bound)
	again("something has been taken back", 200)
}

// No instance tells another which places it has given out.
func TestStatusList_two_instances_agree(t *testing.T) {
	document := strings.Replace(listing, "{directory: keys}", "{secret: projects/acme/secrets/signing-keys}", 1)
	d := prepare(t, document)
	d.stop("{jti: ONE}", "{jti: TWO}")
	d.serve()
	token, here := d.mailToken(t), d.statusList(t, "/statuslists/1", listURI)
	d.serve() // another instance
	there := d.statusList(t, "/statuslists/1", listURI)
	if !slices.Equal(here, there) || ones(here) != 2 {
		t.Errorf("%d and %d bits are set, and they are not the same", ones(here), ones(there))
	}
	if d.statusOf(t, token) != 0 {
		t.Error("a token is valid on one instance alone")
	}
	d.stop("{jti: " + token["jti"].(string) + "}")
	d.clock.advance(stoplist.Bound)
	if d.statusOf(t, token) != 1 {
		t.Error("a token of one instance is not taken back on another")
	}
}

func TestStatusList_that_is_not_known_is_not_served(t *testing.T) {
	d := prepare(t, listing)
	d.serve()
	if got := d.send(t, get("/statuslists/1")); got.status != 503 || got.header.Get("Retry-After") == "" || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("with no stop list: %d %v %s", got.status, got.header, got.body)
	}
	d.stop("{jti: ONE}")
	d.clock.advance(3 * time.Second)
	if ones(d.statusList(t, "/statuslists/1", listURI)) != 1 {
		t.Error("it is not the list")
	}
	d.vault.shut(codes.Unavailable)
	d.clock.advance(time.Hour)
	if ones(d.statusList(t, "/statuslists/1", listURI)) != 1 {
		t.Error("in an outage the last good list counts")
	}
	d.clock.advance(24 * time.Hour)
	if got := d.send(t, get("/statuslists/1")); got.status != 503 {
		t.Errorf("after a day: %d", got.status)
	}
}

// The list is no token: what is for APIs to read must not open an API, nor come back as an assertion.
func TestStatusList_is_good_for_nothing_else(t *testing.T) {
	d := withStops(t, listing)
	list := d.send(t, get("/statuslists/1")).body
	d.judge(t,
		deny("as an assertion", jwtBearer(list), strangeIssuer("party_unknown")),
		deny("as a client assertion", clientCredentials(proof(list)), strangeClient("client_unknown")),
	)
}

// A key that does not sign any more must not stand under the list of the next hour.
func TestStatusList_is_signed_anew_when_the_key_changes(t *testing.T) {
	document := strings.Replace(listing, "{directory: keys}", "{secret: projects/acme/secrets/signing-keys}", 1)
	d := withStops(t, document)
	d.statusList(t, "/statuslists/1", listURI)
	next, err := signingKey(t, "next.ES256").EncodePKCS8()
	d.must(err)
	d.clock.advance(time.Second)
	d.vault.add(signingSecret, next)
	signers := map[string]bool{}
	for minute := range 12 {
		d.clock.advance(time.Minute)
		d.statusList(t, "/statuslists/1", listURI) // verifies, with what the JWK Set has then
		token, err := jose.Parse(d.send(t, get("/statuslists/1")).body)
		d.must(err)
		signers[token.KeyID] = true
		if minute == 8 {
			d.vault.disable(signingSecret, "1")
		}
	}
	if len(signers) != 2 {
		t.Errorf("it was signed by %v", signers)
	}
}

func TestStatusList_below_the_path_of_an_issuer(t *testing.T) {
	d := withStops(t, strings.Replace(listing, "issuer: https://auth.example.com\n", "issuer: https://auth.example.com/acme\n", 1))
	for _, path := range []string{"/acme/statuslists/1", "/statuslists/1"} {
		if got := d.send(t, get(path)); got.status != 200 {
			t.Errorf("%s: %d", path, got.status)
		}
	}
}
