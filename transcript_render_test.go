package countersign

import (
	"bytes"
	"crypto/hmac"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// How a transcript writes what came back.

// incidental are the header fields that say nothing about the protocol, and those that internal/server holds on every
// response.
var incidental = []string{"Connection", "Content-Length", "Date", "Pragma", "X-Content-Type-Options"}

// spelling is that of the specifications, where Go's own differs.
var spelling = strings.NewReplacer("Etag", "ETag", "Www-", "WWW-")

var (
	strongTag = regexp.MustCompile(`\A"[^"]+"\z`)
	version   = regexp.MustCompile(`"version": "[^"]*"`)
)

// render writes a response as a transcript has it.
func (p *transcript) render(response *http.Response, body []byte) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s %s\n", response.Proto, response.Status)
	for _, name := range slices.Sorted(maps.Keys(response.Header)) {
		for _, value := range response.Header[name] {
			if name == "Etag" && strongTag.MatchString(value) {
				p.values["$ETAG"], value = value, "$ETAG"
			}
			if !slices.Contains(incidental, name) {
				fmt.Fprintf(&text, "%s: %s\n", spelling.Replace(name), value)
			}
		}
	}
	if len(body) > 0 {
		text.WriteString("\n" + version.ReplaceAllString(p.settle(body, p.knownDate), `"version": "$$VERSION"`))
	}
	return text.String()
}

// settle indents JSON and writes what differs from run to run by its name. dateOf writes a date, or says that it is of
// nobody's making.
func (p *transcript) settle(text []byte, dateOf func(claim string, date int64) (written string, known bool)) string {
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", "  "); err != nil {
		return string(text)
	}
	settled := indented.String()
	for name, value := range p.values {
		settled = strings.ReplaceAll(settled, `"`+value+`"`, `"`+name+`"`)
	}
	settled = traceID.ReplaceAllString(settled, ` (trace $$TRACE_ID)"`)
	settled = dateMember.ReplaceAllStringFunc(settled, func(member string) string {
		match := dateMember.FindStringSubmatch(member)
		date, _ := strconv.ParseInt(match[2], 10, 64)
		if written, known := dateOf(match[1], date); known {
			return fmt.Sprintf("%q: %q", match[1], written)
		}
		return member
	})
	if written, with := p.endsWithAssertion(); with {
		left, _ := time.ParseDuration(written)
		settled = strings.ReplaceAll(settled, fmt.Sprintf(`"expires_in": %d`, p.expiresIn), fmt.Sprintf(`"expires_in": %.0f`, left.Seconds()))
	}
	return settled + "\n"
}

// endsWithAssertion reports whether the access token ends when an assertion does, and how the transcript writes that.
// Lifetimes of the tokens' own are whole minutes in every configuration here, and those of such assertions are not.
func (p *transcript) endsWithAssertion() (written string, with bool) {
	written, with = p.times[p.expires]
	return written, with && p.expiresIn%60 != 0
}

// assertionDate writes a date that an assertion has.
func (p *transcript) assertionDate(_ string, date int64) (written string, known bool) {
	written, known = p.times[date]
	return written, known
}

// knownDate writes a date that an assertion has, or the last access token.
func (p *transcript) knownDate(claim string, date int64) (written string, known bool) {
	if written, known = p.assertionDate(claim, date); known {
		return written, true
	}
	lifetime := time.Duration(p.token.expiresIn) * time.Second
	if written = "now"; claim == "exp" {
		written, date = "+"+brief(lifetime), date-p.token.expiresIn
	}
	return written, p.token.sent.Unix() <= date && date <= p.token.received.Unix()
}

// tokenDate writes a date of the access token, which was made between the last request and its response.
func (p *transcript) tokenDate(claim string, date int64) (written string, known bool) {
	switch {
	case claim == "iat":
		return "now", p.sent.Unix() <= date && date <= p.received.Unix()
	case p.expiresIn%60 != 0:
		return p.assertionDate(claim, date)
	default:
		return "+" + brief(time.Duration(p.expiresIn)*time.Second), date == p.expires
	}
}

// brief writes a duration without the zeros that Duration.String adds.
func brief(duration time.Duration) string {
	return strings.TrimSuffix(strings.TrimSuffix(duration.String(), "0s"), "h0m") + map[bool]string{true: "h"}[duration%time.Hour == 0]
}

// logged is the log's line of the last request.
func (p *transcript) logged() string {
	p.Helper()
	if p.line == nil {
		p.Fatal("the last request leaves no line in the log")
	}
	return p.settle(aging.ReplaceAll(p.line, nil), p.assertionDate)
}

// aging is what of a line is another at each playing.
var aging = regexp.MustCompile(`"time":"[^"]*",|,"key_age":[0-9]+`)

// verify takes a token apart whose signature verifies, and fails where it does not.
func (p *transcript) verify(name, with string) string {
	p.Helper()
	token := p.values["$"+name]
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		p.Fatalf("there is no $%s in three parts", name)
	}
	header := decodePart(p, parts[0])
	var named struct{ Alg, Kid string }
	if err := json.Unmarshal(header, &named); err != nil {
		p.Fatal(err)
	}
	signed, made := parts[0]+"."+parts[1], decodePart(p, parts[2])
	var verifies bool
	switch {
	case with == "the JWKS":
		verifies = verifiesWith(publishedKey(p, p.system.process.url, named.Kid), named.Alg, signed, made)
	case strings.HasPrefix(named.Alg, "HS"):
		verifies = hmac.Equal(signature(p, named.Alg, with, signed), made)
	default:
		verifies = verifiesWith(privateKey(p, with).Public(), named.Alg, signed, made)
	}
	if !verifies {
		p.Errorf("the signature of $%s does not verify with %s", name, with)
	}
	return spaced.Replace(string(header)) + "\n" + p.settle(decodePart(p, parts[1]), p.tokenDate)
}

// spaced puts the spaces into a header that people do.
var spaced = strings.NewReplacer(`":"`, `": "`, `","`, `", "`)
