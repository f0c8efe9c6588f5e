package config

import (
	"errors"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// StopList says where the list of those is who get nothing any more. Its zero value: there is none.
type StopList struct {
	At     Position
	Secret string // projects/P/secrets/S: the newest enabled version without faults counts, see LoadStops
}

// IsZero reports whether there is none.
func (s StopList) IsZero() bool { return s.At == Position{} }

// readStopList reads where the list is. Whoever can write it decides who gets nothing, so its secret is for nothing else.
func readStopList(v value, rings *ringReader) StopList {
	m := v.mapping()
	defer m.refuseOthers()
	secret := m.required("secret")
	s := StopList{At: m.at(), Secret: secret.secretName()}
	rings.enterPrivate(secret, s.Secret)
	return s
}

// readStatusList reads whether the tokens of an API are on the status list. Without a stop list nothing ever would be.
func readStatusList(v value, stops StopList) bool {
	wanted := v.flag()
	if wanted && stops.IsZero() {
		v.fault("needs stop_list: without it every token is valid, and the list says so for ever")
	}
	return wanted
}

// Stop is one entry of a stop list: whoever and whatever has all that it names is stopped. It names something.
type Stop struct {
	At           Position
	Issuer       string    // who makes assertions, by iss
	Client       string    // a client, by its id
	KeyID        string    // a key that assertions are signed with, by its kid or RFC 7638 thumbprint; never with Subject or ID
	Subject      string    // whom an assertion or a token is about, by sub
	ID           string    // an assertion or a token, by jti
	IssuedBefore time.Time // only tokens that are older; zero: all, and there are no new ones. Only with Client and Subject
}

// LoadStops reads a stop list: entries, each on what it stops. The name is what faults call the document.
//
// The stops are those of a document without faults; where there are any, the list must not be used.
func LoadStops(name string, document []byte) ([]Stop, Faults) {
	f := &findings{document: name, needs: "entries"}
	m := f.parse(document).mapping()
	stops := readStops(m.required("entries"))
	m.refuseOthers()
	return stops, f.sorted()
}

// readStops reads the entries. There may be none: then nobody is stopped, and somebody has said so.
func readStops(v value) []Stop {
	if v.node != nil && v.node.Kind == yaml.SequenceNode && len(v.node.Content) == 0 {
		return nil
	}
	return list(v, readStop)
}

// What an entry can name.
var stopFields = []string{"issuer", "client", "kid", "subject", "jti"}

func readStop(v value) Stop {
	m := v.mapping()
	defer m.refuseOthers()
	s := Stop{
		At:           m.position(),
		Issuer:       m.optional("issuer").text(),
		Client:       m.optional("client").text(),
		KeyID:        m.optional("kid").text(),
		Subject:      m.optional("subject").text(),
		ID:           m.optional("jti").text(),
		IssuedBefore: m.optional("issued_before").moment(),
	}
	if m.node != nil && !m.hasAny(stopFields...) {
		m.fault("stops nobody; give one of %s", strings.Join(stopFields, ", "))
	}
	if m.has("kid") {
		m.forbid("subject", "a kid goes alone, or with the issuer or client whose key it is")
		m.forbid("jti", "a kid goes alone, or with the issuer or client whose key it is")
	}
	if m.has("issued_before") {
		m.forbid("issuer", "a token does not say on whose word it was issued; leave issued_before out, or name client or subject")
		m.forbid("kid", "a token does not say whose key it rests on; leave issued_before out, or name client or subject")
		m.forbid("jti", "a token with this jti was issued once; leave issued_before out")
	}
	return s
}

// hasAny reports whether one of the fields is written.
func (m *mapping) hasAny(names ...string) bool {
	for _, name := range names {
		if m.has(name) {
			return true
		}
	}
	return false
}

// moment reads a date with its time, RFC 3339. YAML knows it with and without quotes. The fault never says that a moment
// is too late: documents have no clock.
func (v value) moment() time.Time {
	if v.node == nil {
		return time.Time{}
	}
	moment, err := time.Parse(time.RFC3339, v.node.Value)
	if v.node.Kind != yaml.ScalarNode {
		err = errors.New("not a scalar")
	}
	if err != nil || moment.Year() < 2000 {
		v.fault("is not a moment; write date, time and zone, such as 2027-03-31T12:00:00Z")
		return time.Time{}
	}
	return moment
}
