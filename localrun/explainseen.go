package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"example.com/countersign/internal/oauth"
)

// unproved is what an assertion says, read as generously as can be: to be shown beside the checks, never to decide
// anything. What cannot be read is empty.
type unproved struct {
	header, claims map[string]any
}

func readUnproved(assertion oauth.Secret) unproved {
	parts := strings.Split(assertion.Reveal(), ".")
	if len(parts) < 2 {
		return unproved{}
	}
	return unproved{readPart(parts[0]), readPart(parts[1])}
}

func readPart(part string) map[string]any {
	text, err := base64.RawURLEncoding.DecodeString(strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(part))
	if err != nil {
		return nil
	}
	return readObject(text)
}

// readObject reads JSON and keeps numbers as they are written.
func readObject(text []byte) map[string]any {
	var object map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&object) != nil {
		return nil
	}
	return object
}

// text returns a claim that is text; empty: it is not there, or something else.
func (u unproved) text(name string) string {
	text, _ := u.claims[name].(string)
	return text
}

// value returns the claim at a path such as run.id; a name with dots in it comes before a path.
func (u unproved) value(path string) (value any, present bool) {
	return valueAt(u.claims, path)
}

func valueAt(object map[string]any, path string) (value any, present bool) {
	if value, present = object[path]; present {
		return value, true
	}
	for at, c := range path {
		if c != '.' {
			continue
		}
		if inner, isObject := object[path[:at]].(map[string]any); isObject {
			if value, present = valueAt(inner, path[at+1:]); present {
				return value, true
			}
		}
	}
	return nil, false
}

// shown writes a value of an assertion for people.
func shown(value any) string {
	if text, isText := value.(string); isText {
		return clip(quoted(text), maxShown)
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil {
		return "?"
	}
	return clip(printable(strings.TrimSpace(text.String())), maxShown)
}

// maxShown bounds how much of one value is shown, in characters.
const maxShown = 300

// claim returns how a claim of the assertion is shown.
func (u unproved) claim(path string) string {
	switch value, present := u.value(path); {
	case !present:
		return "absent"
	case value == nil:
		return "null, which counts as absent"
	case value == "":
		return "empty, which counts as absent"
	default:
		return shown(value)
	}
}

// date returns a date of the assertion.
func (u unproved) date(name string) (date time.Time, isDate bool) {
	number, isNumber := u.claims[name].(json.Number)
	if !isNumber {
		return time.Time{}, false
	}
	seconds, err := number.Float64()
	if err != nil || seconds < 0 || seconds > lastDate {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0).UTC(), true
}

// lastDate is the end of the year 9999, in seconds since 1970, beyond which no date of an assertion is one.
const lastDate = 253402300799

// dateText shows a date and how far it is from when the assertion is looked at.
func (u unproved) dateText(name string, at time.Time) string {
	date, isDate := u.date(name)
	if !isDate {
		return u.claim(name)
	}
	distance := date.Sub(at.Truncate(time.Second))
	switch {
	case distance > 0:
		return fmt.Sprintf("%s, in %s", momentText(date), longDuration(distance))
	case distance < 0:
		return fmt.Sprintf("%s, %s ago", momentText(date), longDuration(-distance))
	default:
		return momentText(date) + ", now"
	}
}

func momentText(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05") + " UTC" }

// longDuration writes days as days: 3d4h.
func longDuration(duration time.Duration) string {
	const day = 24 * time.Hour
	if duration < day {
		return shortDuration(int64(duration.Seconds()))
	}
	days, rest := duration/day, (duration % day).Truncate(time.Minute)
	if rest == 0 {
		return fmt.Sprintf("%dd", days)
	}
	return fmt.Sprintf("%dd%s", days, shortDuration(int64(rest.Seconds())))
}
