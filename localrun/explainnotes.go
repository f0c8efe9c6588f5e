package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/trace"
)

// refusal says of the check that ended the request what the caller is told, and more.
func (w witness) refusal(step trace.Step) []string {
	reason := strings.TrimPrefix(w.explanation.Reason, w.use.parameter()+"_")
	notes := []string{strings.TrimPrefix(w.explanation.Description, w.use.parameter()+": ")}
	switch {
	case step.Check == "key":
		return w.notesOnKey(reason)
	case reason == "signature":
		return []string{"the key that it names has not made this signature: another one has, or something was changed since"}
	case step.Check == "typ":
		return append(notes, nonEmpty(nearMiss(w.says.header["typ"], step.Want))...)
	case step.Check == "aud", step.Check == "sub":
		return append(notes, w.nearClaim(step)...)
	case step.Check == "exp", step.Check == "nbf", step.Check == "iat":
		return append(notes, w.notesOnTime(step.Check)...)
	case step.Check == "scope":
		return append(notes, nearEach(strings.Fields(w.requestedScope()), step.Want)...)
	case step.Check == "resource":
		notes = append(notes, nearEach(w.resources, step.Want)...)
	}
	return append(notes, w.notesOn(reason)...)
}

func nonEmpty(note string) []string {
	if note == "" {
		return nil
	}
	return []string{note}
}

func (w witness) nearClaim(step trace.Step) []string {
	wants := step.Want
	if step.Check == "sub" {
		wants = []string{w.says.text("iss")}
	}
	values, isList := w.says.claims[step.Check].([]any)
	if !isList {
		return nonEmpty(nearMiss(w.says.claims[step.Check], wants))
	}
	for _, value := range values {
		if miss := nearMiss(value, wants); miss != "" {
			return []string{shown(value) + ": " + miss}
		}
	}
	return nil
}

// nearEach compares what was asked for and is not among what there is.
func nearEach(asked, wants []string) []string {
	var notes []string
	for _, value := range asked {
		if slices.Contains(wants, value) {
			continue
		}
		if miss := nearMiss(value, wants); miss != "" {
			notes = append(notes, quoted(value)+": "+miss)
		}
	}
	return notes
}

func (w witness) notesOnTime(name string) []string {
	date, isDate := w.says.date(name)
	switch {
	case !isDate:
		return nil
	case name != "exp":
		skew := w.rehearsal.configuration.ClockSkew
		return []string{fmt.Sprintf("a clock may be ahead of this one by %s (clock_skew)", skew)}
	}
	before := date.Add(-1)
	if issued, isDate := w.says.date("iat"); isDate {
		before = issued
	}
	return []string{"to see what it was good for: -at " + before.Format("2006-01-02T15:04:05Z")}
}

// notesOnKey says why no key was found. The caller is told nothing of that (protocol T8).
func (w witness) notesOnKey(reason string) []string {
	switch {
	case w.claimant.disabled:
		return []string{w.claimant.name + " is disabled in the configuration"}
	case !w.claimant.known:
		notes := []string{"nobody is registered under this iss: " + w.says.claim("iss")}
		return append(notes, nonEmpty(nearMiss(w.says.claims["iss"], w.names()))...)
	case reason == "key_unknown" || reason == "key_ambiguous":
		notes := []string{map[string]string{
			"key_unknown":   "no registered key has this kid and this alg",
			"key_ambiguous": "more than one registered key has this alg, and no kid says which it is",
		}[reason]}
		return append(notes, w.registeredKeys()...)
	default:
		return []string{w.claimant.name + w.notForThis()}
	}
}

// names are those under which somebody is registered.
func (w witness) names() []string {
	var names []string
	for _, issuer := range w.rehearsal.configuration.Issuers {
		names = append(names, issuer.Issuer)
	}
	for _, registered := range w.rehearsal.configuration.Clients {
		names = append(names, registered.ID)
	}
	return names
}

// notForThis says why a client that is registered does not count.
func (w witness) notForThis() string {
	registered, isClient := clientNamed(w.rehearsal.configuration, w.says.text("iss"))
	switch {
	case !isClient:
		return " is not registered for this"
	case w.use.parameter() == clientAssertionParameter:
		return " authenticates by " + registered.Authentication + ", and not by an assertion"
	case !slices.Contains(registered.Grants, oauth.JWTBearer):
		return " is not registered for the JWT authorization grant"
	default:
		return " has no keys, and can only bring the assertions of others"
	}
}

// registeredKeys lists the keys that could have verified it, by alg and kid.
func (w witness) registeredKeys() []string {
	keys := *w.claimant.keys
	if replaced := w.rehearsal.replaced; replaced.SharedSecret != "" {
		return []string{"registered: " + replaced.Algorithm + " with " + placeOfKeys(replaced)}
	} else if !replaced.IsZero() {
		return []string{"registered: public keys, " + placeOfKeys(replaced) + ", which have no such alg"}
	}
	document := keys.JWKS
	switch {
	case keys.PEM != "":
		document = []byte(keys.PEM)
	case keys.File != "":
		path := keys.File
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(w.path), path)
		}
		document, _ = os.ReadFile(path) // the service has read it
	}
	set, _, _ := jose.ParseKeySet(document, rsaAlgorithmOf(keys))
	var notes []string
	for _, key := range set {
		notes = append(notes, "registered: "+key.String())
	}
	return notes
}

// notesOn says what may help against the other refusals.
func (w witness) notesOn(reason string) []string {
	switch reason {
	case "client_missing", "client_not_proved":
		return []string{"-client ID explains it as sent by that client"}
	case "resource_ambiguous":
		return []string{"-resource URI says which"}
	case "not_compact":
		return w.notesOnForm()
	case "claim_type":
		return w.notesOnClaimTypes()
	default:
		return nil
	}
}

func (w witness) notesOnForm() []string {
	text := w.assertion.Reveal()
	switch {
	case strings.HasPrefix(text, "{"):
		return []string{"it is JSON; the JWT is perhaps a member of it"}
	case strings.HasPrefix(strings.ToLower(text), "bearer "):
		return []string{"it begins with Bearer, which belongs to the header that a token is sent in"}
	case strings.ContainsAny(text, " \t\r\n"):
		return []string{"it has white space in it"}
	case strings.ContainsAny(text, "=+/"):
		return []string{"it has characters (+, / or =) that base64url does not have"}
	default:
		return []string{fmt.Sprintf("it has %d parts", strings.Count(text, ".")+1)}
	}
}

// notesOnClaimTypes finds the registered claims that are not of their type.
func (w witness) notesOnClaimTypes() []string {
	var notes []string
	for _, name := range []string{"iss", "sub", "jti", "aud", "exp", "nbf", "iat"} {
		value, present := w.says.claims[name]
		isDate := name == "exp" || name == "nbf" || name == "iat"
		_, isNumber := value.(json.Number)
		_, isText := value.(string)
		_, isList := value.([]any)
		switch _, dated := w.says.date(name); {
		case !present, isDate && dated, !isDate && isText && value != "", name == "aud" && isList:
		case isDate && isNumber:
			notes = append(notes, name+" is "+shown(value)+", which is perhaps milliseconds; seconds since 1970 are expected")
		default:
			notes = append(notes, name+" is "+shown(value))
		}
	}
	return notes
}

func rsaAlgorithmOf(keys config.Keys) jose.Algorithm {
	if algorithm := jose.Algorithm(keys.Algorithm); algorithm != "" && !algorithm.Symmetric() {
		return algorithm
	}
	return jose.RS256
}
