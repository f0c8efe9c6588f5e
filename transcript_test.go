package countersign

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// transcript is one file of testdata/exchanges while it is played. The format is described in the README.md there.
//
// It shares no code with the service: it signs and verifies with nothing but the standard library.
type transcript struct {
	*testing.T
	system *system
	began  time.Time
	values map[string]string // what $NAME stands for
	times  map[int64]string  // how the transcript writes the times of its assertions: 1767225600 is "+5m"

	sent, received time.Time // of the last request
	response       string
	line           []byte // the log's, if it has one
	expires        int64  // exp of its access token
	expiresIn      int64
	token          granted
}

// granted is when the last access token was issued, and for how many seconds.
type granted struct {
	sent, received time.Time
	expiresIn      int64
}

// The kinds of sections, by their titles.
var (
	signedSection   = regexp.MustCompile(`\A([A-Z_]+) (?:signed with (\S+)|unsigned)\z`)
	verifiedSection = regexp.MustCompile(`\A([A-Z_]+) verified with (the JWKS|\S+)\z`)
)

// play plays a file against the system, and returns it with the expectations as they should have been.
func (s *system) play(t *testing.T, archive *txtar.Archive) *txtar.Archive {
	p := &transcript{T: t, system: s, began: time.Now(), values: map[string]string{}, times: map[int64]string{}}
	played := &txtar.Archive{Comment: archive.Comment}
	unanswered := false
	for _, section := range archive.Files {
		if unanswered && section.Name != "response" {
			t.Errorf("a request has no response before %q", section.Name)
		}
		unanswered = strings.HasSuffix(section.Name, "request")
		text := strings.TrimRight(string(section.Data), "\n") // a blank line may stand behind each section
		if got, expectation := p.step(section.Name, text); expectation {
			got = strings.TrimRight(got, "\n")
			if got != text && !*update {
				t.Errorf("%s (-transcript +service):\n%s", section.Name, cmp.Diff(text, got))
			}
			text = got
		}
		if text != "" {
			text += "\n"
		}
		played.Files = append(played.Files, txtar.File{Name: section.Name, Data: []byte(text + "\n")})
	}
	if unanswered {
		t.Error("the last request has no response")
	}
	last := &played.Files[len(played.Files)-1]
	last.Data = bytes.TrimSuffix(last.Data, []byte("\n"))
	return played
}

// step does what a section says. Where it is an expectation, step returns what it should have been.
func (p *transcript) step(title, text string) (got string, expectation bool) {
	p.Helper()
	if signed := signedSection.FindStringSubmatch(title); signed != nil {
		p.sign(signed[1], signed[2], text)
		return "", false
	}
	if verified := verifiedSection.FindStringSubmatch(title); verified != nil {
		return p.verify(verified[1], verified[2]), true
	}
	switch title {
	case "request", "raw request":
		p.exchange(text, title == "raw request")
	case "response":
		return p.response, true
	case "log":
		return p.logged(), true
	case "Secret Manager starts":
		p.system.startSecretManager(p.T)
	case "Secret Manager stops":
		p.system.stopSecretManager()
	default:
		p.Fatalf("there is no such section: %q", title)
	}
	return "", false
}

var (
	placeholder = regexp.MustCompile(`\$[A-Z_]+`)
	encoded     = regexp.MustCompile(`base64\(([^)]*)\)`)
	repeated    = regexp.MustCompile(`repeat\((.*), *([0-9]+)\)`)
	timeMember  = regexp.MustCompile(`"(iat|nbf|exp)": "(now|[+-][0-9hms]+)"`)
	dateMember  = regexp.MustCompile(`"(iat|nbf|exp)": ([0-9]+)`)
)

// fill puts in what $NAME, base64(…) and repeat(…, n) stand for.
func (p *transcript) fill(text string) string {
	p.Helper()
	text = placeholder.ReplaceAllStringFunc(text, func(name string) string {
		value, known := p.values[name]
		if !known {
			p.Fatalf("%s is not known before it is used", name)
		}
		return value
	})
	text = encoded.ReplaceAllStringFunc(text, func(call string) string {
		secret := encoded.FindStringSubmatch(call)[1]
		_, password, _ := strings.Cut(secret, ":")
		credentials := base64.StdEncoding.EncodeToString([]byte(secret))
		p.system.keepSecret(password)
		p.system.keepSecret(credentials)
		return credentials
	})
	return repeated.ReplaceAllStringFunc(text, func(call string) string {
		match := repeated.FindStringSubmatch(call)
		times, _ := strconv.Atoi(match[2])
		return strings.Repeat(match[1], times)
	})
}

// sign makes the assertion that a section describes.
func (p *transcript) sign(name, key, description string) {
	p.Helper()
	description = placeholder.ReplaceAllStringFunc(description, func(name string) string {
		if p.values[name] == "" {
			p.values[name] = rand.Text()
		}
		return p.values[name]
	})
	description = timeMember.ReplaceAllStringFunc(description, func(member string) string {
		match := timeMember.FindStringSubmatch(member)
		offset, _ := time.ParseDuration(strings.Replace(match[2], "now", "0s", 1))
		date := p.began.Add(offset).Unix()
		p.times[date] = match[2]
		return fmt.Sprintf("%q: %d", match[1], date)
	})
	var header, claims json.RawMessage
	decoder := json.NewDecoder(strings.NewReader(description))
	if err := decoder.Decode(&header); err != nil {
		p.Fatalf("%s: the header: %v", name, err)
	}
	if err := decoder.Decode(&claims); err != nil {
		p.Fatalf("%s: the claims: %v", name, err)
	}
	var algorithm struct{ Alg string }
	if err := json.Unmarshal(header, &algorithm); err != nil {
		p.Fatalf("%s: the header: %v", name, err)
	}
	token := encodePart(compact(p, header)) + "." + encodePart(compact(p, claims))
	token += "." + encodePart(signature(p, algorithm.Alg, key, token))
	p.values["$"+name] = token
	p.system.keepSecret(token)
}

func compact(t testing.TB, text json.RawMessage) []byte {
	t.Helper()
	var compacted bytes.Buffer
	if err := json.Compact(&compacted, text); err != nil {
		t.Fatal(err)
	}
	return compacted.Bytes()
}

// exchange sends a request and takes the response. The body of a form has one parameter a line, as it is before it is
// encoded; a raw one is sent as it stands.
func (p *transcript) exchange(text string, raw bool) {
	p.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	requestLine, fields, _ := strings.Cut(head, "\n")
	method, path, _ := strings.Cut(strings.TrimSuffix(strings.TrimSpace(requestLine), " HTTP/1.1"), " ")
	if raw || body == "" {
		body = p.fill(body)
	} else {
		body = p.form(body)
	}
	request, err := http.NewRequestWithContext(p.Context(), method, p.system.process.url+path, strings.NewReader(body))
	if err != nil {
		p.Fatal(err)
	}
	for field := range strings.Lines(fields) {
		name, value, _ := strings.Cut(strings.TrimSpace(field), ": ")
		request.Header.Add(name, p.fill(value))
	}
	request.Host = request.Header.Get("Host")
	p.sent = time.Now()
	response, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		p.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		p.Fatal(err)
	}
	p.received = time.Now()
	p.line = p.system.audited(p, path, response.StatusCode)
	p.keep(answer)
	p.keepTrace(answer)
	p.response = p.render(response, answer)
}

func (p *transcript) form(body string) string {
	p.Helper()
	var parameters []string
	for line := range strings.Lines(body) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		value = p.fill(value)
		if name == "client_secret" {
			p.system.keepSecret(value)
		}
		parameters = append(parameters, url.QueryEscape(name)+"="+url.QueryEscape(value))
	}
	return strings.Join(parameters, "&")
}

// keep makes the access token of a response known as $ACCESS_TOKEN, and its jti as $TOKEN_JTI. The token before becomes
// $EARLIER_TOKEN.
func (p *transcript) keep(answer []byte) {
	p.Helper()
	p.expires, p.expiresIn = 0, 0
	var response struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
	}
	if json.Unmarshal(answer, &response) != nil || response.AccessToken == "" {
		return
	}
	p.system.keepSecret(response.AccessToken)
	if p.values["$ACCESS_TOKEN"] != "" {
		p.values["$EARLIER_TOKEN"], p.values["$EARLIER_TOKEN_JTI"] = p.values["$ACCESS_TOKEN"], p.values["$TOKEN_JTI"]
	}
	p.values["$ACCESS_TOKEN"] = response.AccessToken
	p.token = granted{p.sent, p.received, response.ExpiresIn}
	says := p.line // of an opaque token nobody else knows more
	if parts := strings.Split(response.AccessToken, "."); len(parts) == 3 {
		says = decodePart(p, parts[1])
	}
	var claims struct {
		Issued  int64  `json:"iat"`
		Expires int64  `json:"exp"`
		ID      string `json:"jti"`
	}
	if err := json.Unmarshal(says, &claims); err != nil || claims.ID == "" {
		p.Fatalf("the access token has no claims to speak of: %v", err)
	}
	p.values["$TOKEN_JTI"] = claims.ID
	if claims.Expires == 0 {
		return
	}
	if claims.Expires-claims.Issued != response.ExpiresIn {
		p.Errorf("expires_in is %d, and the token's exp %d after its iat", response.ExpiresIn, claims.Expires-claims.Issued)
	}
	p.expires, p.expiresIn = claims.Expires, response.ExpiresIn
}

// traceID is what the description of a refusal ends with.
var traceID = regexp.MustCompile(` \(trace ([A-Z2-7]{10})\)"`)

// keepTrace makes the id of a refusal known as $TRACE_ID.
func (p *transcript) keepTrace(answer []byte) {
	delete(p.values, "$TRACE_ID")
	if found := traceID.FindSubmatch(answer); found != nil {
		p.values["$TRACE_ID"] = string(found[1])
	}
}
