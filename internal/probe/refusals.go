package probe

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
)

// refusalChecks look at all refusals together.
func refusalChecks() []check {
	return []check{
		{
			name: "unknown_client_like_wrong_key", kind: Refuses, rule: "T8", sent: "the answers to both", needs: aToken,
			expected: "the same status, code and description", judge: judgeAlike,
		},
		ofRefusals("refusals_no_token", "T7", "no refusal holds a token", func(r *run, e exchange) string {
			if bytes.Contains(e.body, []byte(`"access_token"`)) || len(r.granted.token) >= telling && bytes.Contains(e.body, []byte(r.granted.token)) {
				return "a token"
			}
			return ""
		}),
		ofRefusals("refusals_no_store", "T6", "Cache-Control: no-store on every refusal", func(_ *run, e exchange) string {
			if !e.directive("no-store") {
				return "no no-store"
			}
			return ""
		}),
		ofRefusals("refusals_repeat_nothing", "T6", "no refusal repeats what was sent", func(r *run, e exchange) string {
			if r.repeats(e.body) {
				return "what was sent"
			}
			return ""
		}),
	}
}

// judgeAlike holds protocol T8: whoever guesses must not learn which clients there are.
func judgeAlike(_ context.Context, r *run) verdict {
	unknown, wrong := r.named["unknown_client"], r.named["wrong_key"]
	switch {
	case unknown.failure != "" || wrong.failure != "":
		return verdict{came: "there are not two answers"}
	case unknown.status != wrong.status || unknown.code() != wrong.code():
		return verdict{came: fmt.Sprintf("%v and %v", unknown, wrong)}
	case unknown.code() == "":
		return verdict{came: "neither is a refusal"}
	case unknown.description() != wrong.description():
		return verdict{came: "different descriptions"}
	}
	return verdict{came: unknown.String() + ", twice", ok: true}
}

// ofRefusals is a check of every refusal that there was; fault says what one has that it must not.
func ofRefusals(name, rule, expected string, fault func(*run, exchange) string) check {
	return check{
		name: name, kind: Refuses, rule: rule, sent: "all the refusals above", expected: expected,
		judge: func(_ context.Context, r *run) verdict {
			refusals, at, what := 0, []string{}, ""
			for _, e := range r.asked {
				if e.status < http.StatusBadRequest {
					continue // its own check has failed
				}
				refusals++
				if has := fault(r, e); has != "" {
					what, at = has, append(at, e.name)
				}
			}
			switch {
			case refusals == 0:
				return verdict{came: "nothing was refused"}
			case len(at) > 0:
				return verdict{came: clip(fmt.Sprintf("%s in %d of %s: %s", what, len(at), counted(refusals, "refusal"), strings.Join(at, ", ")))}
			}
			return verdict{came: counted(refusals, "refusal"), ok: true}
		},
	}
}

// telling is how long a part of an assertion or a token is that is in an answer by no chance.
const telling = 20

// repeats reports whether a body holds what we have made up, or a part of an assertion or a token.
func (r *run) repeats(body []byte) bool {
	text := string(body)
	if strings.Contains(strings.ToLower(text), strings.ToLower(r.marker)) {
		return true
	}
	for _, secret := range r.told {
		for part := range strings.SplitSeq(secret, ".") {
			if len(part) >= telling && strings.Contains(text, part) {
				return true
			}
		}
	}
	return false
}
