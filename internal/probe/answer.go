package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Bounds on what a server can make us do. A probe is pointed at what somebody has deployed, and that may be broken in any
// way.
const (
	maxBody     = 256 << 10 // bytes of an answer
	maxSilences = 2         // requests in a row without an answer: then the server is not there
	maxShown    = 160       // characters of what a server says, where the report repeats it
)

// answer is what came back, read to its end or its bound. The zero answer is none.
type answer struct {
	status  int
	header  http.Header
	body    []byte
	failure string // why there is no answer, or no whole one; empty: there is
}

// exchange is a request that had to be refused, and the answer.
type exchange struct {
	name string
	answer
}

// ask sends a request. Where the server says that we have failed too often, or is not there, the probe ends.
func (r *run) ask(request *http.Request) answer {
	if r.report.Stopped != "" {
		return answer{failure: "it was not asked"}
	}
	r.report.Requests++
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "countersign-probe") // in the platform's log of requests
	sent := r.config.Now()
	a := r.exchange(request)
	if a.status == 0 {
		r.hearNothing(a.failure)
		return a
	}
	r.silences = 0
	if date, err := http.ParseTime(a.header.Get("Date")); err == nil && !r.report.ClockKnown {
		r.report.Clock, r.report.ClockKnown = date.Sub(sent.Truncate(time.Second)), true
	}
	if a.status == http.StatusTooManyRequests {
		r.report.Stopped = "the budget of failures is used up: try again in " + waitOf(a.header)
	}
	return a
}

// hearNothing ends the probe where the server is not there. One request alone without an answer is a finding: it may be
// what this one request does to the server.
func (r *run) hearNothing(why string) {
	if r.silences++; r.silences == 1 {
		r.silentAt = len(r.report.Findings)
	}
	if r.silences < maxSilences && r.report.Requests > 1 {
		return
	}
	r.report.Stopped = why
	for i := r.silentAt; i < len(r.report.Findings); i++ {
		f := &r.report.Findings[i]
		f.Came, f.Outcome, f.Why = "", NotRun, why
	}
}

func (r *run) exchange(request *http.Request) answer {
	response, err := r.http.Do(request)
	if err != nil {
		return answer{failure: silence(err)}
	}
	defer response.Body.Close()
	a := answer{status: response.StatusCode, header: response.Header}
	a.body, err = io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	switch {
	case err != nil:
		a.failure = "the answer broke off"
	case len(a.body) > maxBody:
		a.failure = "the answer is larger than 256 KiB"
	}
	return a
}

// silence says why there was no answer. The error of net/http names the URL, which the report has anyway.
func silence(err error) string {
	if failed, is := errors.AsType[*url.Error](err); is {
		err = failed.Err
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return clip("no answer: " + err.Error())
}

func waitOf(header http.Header) string {
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	if err != nil || seconds < 0 || seconds > 3600 {
		return "a minute"
	}
	return fmt.Sprintf("%d s", seconds)
}

// get asks for a document; etag is of the copy that we have, or empty.
func (r *run) get(ctx context.Context, place, etag string) answer {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, place, nil)
	if err != nil {
		return answer{failure: "there is no URL to ask"}
	}
	if etag != "" {
		request.Header.Set("If-None-Match", etag)
	}
	return r.ask(request)
}

// members returns the answer as a JSON object; nil: it is none.
func (a answer) members() map[string]any {
	var members map[string]any
	if a.failure != "" || json.Unmarshal(a.body, &members) != nil {
		return nil
	}
	return members
}

// isJSON reports whether the answer says that it is JSON, or one of the given types.
func (a answer) isJSON(others ...string) bool {
	mediaType, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil {
		return false
	}
	for _, allowed := range append(others, "application/json") {
		if mediaType == allowed {
			return true
		}
	}
	return false
}

var codeForm = regexp.MustCompile(`\A[a-z_]{1,40}\z`)

// code returns the OAuth error code, if it is in the form of one.
func (a answer) code() string {
	code, _ := a.members()["error"].(string)
	if !codeForm.MatchString(code) {
		return ""
	}
	return code
}

// description returns error_description without the id behind it, which differs for every request.
func (a answer) description() string {
	text, _ := a.members()["error_description"].(string)
	text, _, _ = strings.Cut(text, " (trace ")
	return text
}

// directive reports whether Cache-Control has this directive.
func (a answer) directive(name string) bool {
	for _, field := range a.header.Values("Cache-Control") {
		for part := range strings.SplitSeq(field, ",") {
			directive, _, _ := strings.Cut(strings.TrimSpace(part), "=")
			if strings.EqualFold(directive, name) {
				return true
			}
		}
	}
	return false
}

// String says what the answer is, and nothing of what it holds.
func (a answer) String() string {
	switch {
	case a.status == 0:
		return a.failure
	case a.failure != "":
		return fmt.Sprintf("%d, but %s", a.status, a.failure)
	case a.holdsToken():
		return fmt.Sprintf("%d with a token", a.status)
	case a.code() != "":
		return fmt.Sprintf("%d %s", a.status, a.code())
	case a.status >= 300 && a.status < 400 && a.status != http.StatusNotModified:
		return fmt.Sprintf("%d, which leads elsewhere", a.status)
	default:
		return strconv.Itoa(a.status)
	}
}

func (a answer) holdsToken() bool {
	_, there := a.members()["access_token"]
	return there
}

// explained is String with the reason that the server gives to an honest client. A server that repeats an assertion there
// does not get it into the report: nothing of it is a word.
func (a answer) explained() string {
	text := a.description()
	for word := range strings.FieldsSeq(text) {
		if len(word) > 40 {
			return a.String()
		}
	}
	if text == "" {
		return a.String()
	}
	return clip(a.String() + ": " + text)
}

// clip makes what a server says fit to be shown: nothing of it steers a terminal, and it has an end.
func clip(text string) string {
	var short strings.Builder
	n := 0
	for _, c := range text {
		if n++; n > maxShown {
			return short.String() + "…"
		}
		if !unicode.IsPrint(c) {
			c = '?'
		}
		short.WriteRune(c)
	}
	return short.String()
}
