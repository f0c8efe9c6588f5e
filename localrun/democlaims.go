package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"example.com/countersign/internal/oauth"
)

// claims shows what a JWT states, in the column of the party that signed it.
func (d *demonstration) claims(who party, token oauth.Secret) {
	stated := payload(token)
	names := claimOrder(stated)
	width := 0
	for _, name := range names {
		width = max(width, len(name))
	}
	for _, name := range names {
		d.states(who, name, width, claimText(name, stated[name]))
	}
}

// payload decodes the claims of a JWT without verifying anything: they are to be looked at, not to be believed.
func payload(token oauth.Secret) map[string]any {
	_, rest, _ := strings.Cut(token.Reveal(), ".")
	encoded, _, _ := strings.Cut(rest, ".")
	text, _ := base64.RawURLEncoding.DecodeString(encoded)
	var stated map[string]any
	_ = json.Unmarshal(text, &stated) // what is no JWT has no claims to show
	return stated
}

// claimOrder puts the claims into the order in which they are told: who, for whom, what, how long.
func claimOrder(stated map[string]any) []string {
	usual := []string{"iss", "sub", "aud", "client_id", "scope", "iat", "exp", "jti"}
	var order []string
	for _, name := range usual[:5] {
		if _, there := stated[name]; there {
			order = append(order, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(stated)) {
		if !slices.Contains(usual, name) {
			order = append(order, name)
		}
	}
	for _, name := range usual[5:] {
		if _, there := stated[name]; there {
			order = append(order, name)
		}
	}
	return order
}

// claimText shows times as a clock does; the number of seconds since 1970 tells people nothing.
func claimText(name string, value any) string {
	if seconds, isNumber := value.(float64); isNumber && (name == "iat" || name == "exp") {
		at := time.Unix(int64(seconds), 0)
		text := at.Format(time.TimeOnly)
		if left := time.Until(at); left > 0 {
			text += fmt.Sprintf(", in %.0f s", math.Ceil(left.Seconds()))
		}
		return text
	}
	if _, isObject := value.(map[string]any); isObject {
		return shown(value)
	}
	return printable(fmt.Sprint(value))
}

// messageOf returns the sentence of the API's answer.
func messageOf(body []byte) string {
	var answer greeting
	_ = json.Unmarshal(body, &answer) // what is none has no sentence
	return printable(answer.Message)
}
