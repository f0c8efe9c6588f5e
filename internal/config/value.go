package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// A value is one place of the document, and the way to name that place in a fault.
//
// Reading a value never fails: it reports what is wrong and goes on, so that one reading finds every fault. A value
// that is absent, or that a fault has been reported of, reads as the zero value or as the default.
type value struct {
	findings *findings
	node     *yaml.Node // nil where nothing is written, or nothing that can be read
	line     int        // of the field's name or the list's item; where nothing is written, of what it is missing from
	parent   string     // the path of the mapping that it stands in
	name     string     // for example lifetime, grants[1], claims["https://example.com/team"]; empty for the document
}

// value returns what is written in node, and refuses the features of YAML by which a document says something other
// than what is written on the line: whoever reviews a grant must not have to expand it first.
func (f *findings) value(node *yaml.Node, line int, parent, name string) value {
	v := value{findings: f, node: node, line: line, parent: parent, name: name}
	switch {
	case node.Kind == yaml.AliasNode:
		v.fault("is an alias; write the value itself")
	case node.Anchor != "":
		v.fault("has an anchor; leave it out, since aliases are not used here")
	case hasTag(node):
		v.fault("has an explicit tag; leave it out")
	case node.ShortTag() == "!!null":
		v.fault("has no value; give it one")
	default:
		return v
	}
	v.node = nil
	return v
}

// hasTag reports whether a tag is written before the value. The library marks every tag by the style, except "!".
func hasTag(node *yaml.Node) bool {
	return node.Style&yaml.TaggedStyle != 0 || node.Tag == "!"
}

// path returns the whole path, for example clients[0].grants[1].
func (v value) path() string {
	if v.parent == "" {
		return v.name
	}
	return v.parent + "." + v.name
}

func (v value) position() Position {
	return Position{Document: v.findings.document, Line: v.line, Path: v.path()}
}

// at returns the place of what is written, for those who find faults later. It is zero where nothing is.
func (v value) at() Position {
	if v.node == nil {
		return Position{}
	}
	return v.position()
}

// fault reports what is wrong, in words that follow the value's name: "is …; write …".
func (v value) fault(format string, args ...any) {
	v.findings.fault(v.position(), v.subject()+" "+fmt.Sprintf(format, args...))
}

// warn reports what is allowed and dangerous, in words that follow the value's name.
func (v value) warn(problem string) {
	v.findings.warn(v.position(), v.subject()+" "+problem)
}

func (v value) subject() string {
	if v.name == "" {
		return "the document"
	}
	return v.name
}

// text reads text, which is never empty.
func (v value) text() string {
	switch {
	case v.node == nil:
		return ""
	case v.node.Kind != yaml.ScalarNode:
		v.fault("is %s; write text", kind(v.node))
		return ""
	case v.node.ShortTag() != "!!str":
		v.fault("is %s; write it in quotes, so that it is text", kind(v.node))
		return ""
	case v.node.Value == "":
		v.fault("is empty; give it a value")
		return ""
	}
	return v.node.Value
}

// flag reads true or false; absent is false.
func (v value) flag() bool {
	if v.node == nil {
		return false
	}
	if v.node.Kind != yaml.ScalarNode || v.node.ShortTag() != "!!bool" {
		v.fault("is %s; write true or false", kind(v.node))
		return false
	}
	return strings.EqualFold(v.node.Value, "true")
}

// count reads a whole number from least to most, and returns otherwise where there is none.
func (v value) count(otherwise, least, most int) int {
	if v.node == nil {
		return otherwise
	}
	n, err := strconv.Atoi(v.node.Value)
	switch {
	case v.node.Kind != yaml.ScalarNode || v.node.ShortTag() != "!!int":
		v.fault("is %s; write a whole number", kind(v.node))
		return otherwise
	case err != nil || n < least || n > most || strconv.Itoa(n) != v.node.Value:
		v.fault("is %s; it can be %d at least and %d at most", quote(v.node.Value), least, most)
		return otherwise
	}
	return n
}

// oneOf reads one of the allowed words, and returns otherwise where there is none.
func (v value) oneOf(otherwise string, allowed ...string) string {
	word := v.text()
	if word == "" {
		return otherwise
	}
	if !slices.Contains(allowed, word) {
		v.fault("is %s; use one of %s", quote(word), strings.Join(allowed, ", "))
		return otherwise
	}
	return word
}

// only reads a field that has one word to say and is left out otherwise.
func (v value) only(word string) bool {
	written := v.text()
	if written != "" && written != word {
		v.fault("is %s; write %s, or leave it out", quote(written), word)
	}
	return written == word
}

// durationForm is narrower than Go's: whole numbers down to the second, since exp and iat are whole seconds in practice
// and a fraction would be cut off unseen.
var durationForm = matching(`\A([0-9]+h)?([0-9]+m)?([0-9]+s)?\z`)

// duration reads a duration from shortest to longest, and returns otherwise where there is none.
func (v value) duration(otherwise, shortest, longest time.Duration) time.Duration {
	if v.node == nil {
		return otherwise
	}
	written := v.node.Value
	if v.node.Kind != yaml.ScalarNode || written == "" || !durationForm.MatchString(written) {
		v.fault("is not a duration; write whole seconds, minutes and hours, such as 30s, 10m or 1h30m")
		return otherwise
	}
	d, err := time.ParseDuration(written)
	if err != nil || d < shortest || d > longest {
		v.fault("is %s; it can be %s at least and %s at most", quote(written), brief(shortest), brief(longest))
		return otherwise
	}
	return d
}

// brief formats a duration without the zero minutes and seconds that Duration.String adds.
func brief(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// lifetime reads how long something that cannot be taken back may live.
func (v value) lifetime(otherwise time.Duration) time.Duration {
	d := v.duration(otherwise, time.Second, year)
	if v.node != nil && d > day {
		v.warn("is more than a day: whoever steals what lives so long can use it for as long")
	}
	return d
}

// items returns the items of a list, which is never empty.
func (v value) items() []value {
	switch {
	case v.node == nil:
		return nil
	case v.node.Kind != yaml.SequenceNode:
		v.fault("is %s; write a list", kind(v.node))
		return nil
	case len(v.node.Content) == 0:
		v.fault("is empty; list at least one")
		return nil
	}
	items := make([]value, len(v.node.Content))
	for i, node := range v.node.Content {
		items[i] = v.findings.value(node, node.Line, v.parent, v.name+"["+strconv.Itoa(i)+"]")
	}
	return items
}

// list reads every item of a list.
func list[T any](v value, read func(value) T) []T {
	items := v.items()
	if len(items) == 0 {
		return nil
	}
	all := make([]T, len(items))
	for i, item := range items {
		all[i] = read(item)
	}
	return all
}

// distinct reads a list of texts, none of them twice. What cannot be read is left out.
func distinct(v value, read func(value) string) []string {
	var all []string
	seen := map[string]bool{}
	for _, item := range v.items() {
		text := read(item)
		if text == "" {
			continue
		}
		if seen[text] {
			item.fault("is %s again; list it once", quote(text))
			continue
		}
		seen[text] = true
		all = append(all, text)
	}
	return all
}

// kind says what is written, in the words of somebody who writes it.
func kind(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch node.ShortTag() {
	case "!!null":
		return "a null"
	case "!!bool":
		return "a boolean"
	case "!!int", "!!float":
		return "a number"
	case "!!timestamp":
		return "a date"
	case "!!merge":
		return "a merge key"
	}
	return "text"
}

// quote returns text as it can stand in a fault: on one line, and not too long to be read.
func quote(text string) string {
	const longest = 100
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return strconv.Quote(text)
}
