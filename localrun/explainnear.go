package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// nearMiss says in what little thing a value differs from one of those that would have passed; empty: it is something
// else altogether.
func nearMiss(seen any, wants []string) string {
	for _, want := range wants {
		var miss string
		switch seen := seen.(type) {
		case string:
			miss = nearText(seen, want)
		case json.Number, bool:
			if fmt.Sprint(seen) == want {
				miss = fmt.Sprintf("it is the %s %v in the assertion, and text is expected", kindOf(seen), seen)
			}
		case []any:
			miss = nearList(seen, want)
		}
		if miss != "" {
			return miss
		}
	}
	return ""
}

func kindOf(value any) string {
	switch value.(type) {
	case json.Number:
		return "number"
	case bool:
		return "truth value"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	default:
		return "text"
	}
}

func nearList(seen []any, want string) string {
	for _, element := range seen {
		if fmt.Sprint(element) == want {
			return fmt.Sprintf("it is an array, and %s is in it; one text is expected", quoted(want))
		}
	}
	return ""
}

// nearText compares the ways in which texts are mistaken for each other, the most telling first.
func nearText(seen, want string) string {
	switch {
	case seen == want:
		return "it is text in the assertion, and a number or a truth value is expected"
	case strings.EqualFold(seen, want):
		return "it differs from " + quoted(want) + " in capital letters only"
	case strings.TrimSpace(seen) == want:
		return "it has white space around " + quoted(want)
	case seen == want+"/":
		return "it has a slash at the end, and " + quoted(want) + " has none"
	case seen+"/" == want:
		return "it has no slash at the end, and " + quoted(want) + " has one"
	case withoutScheme(seen) == withoutScheme(want):
		return "it differs from " + quoted(want) + " in the scheme only"
	}
	if miss := nearGitHubSubject(seen, want); miss != "" {
		return miss
	}
	switch {
	case endsAt(want, seen, "/:"):
		return fmt.Sprintf("it is only the end of %s, without %s", quoted(want), strings.TrimSuffix(want, seen))
	case endsAt(seen, want, "/:"):
		return fmt.Sprintf("it has %s in front of %s", strings.TrimSuffix(seen, want), quoted(want))
	}
	return nearLetters(seen, want)
}

func withoutScheme(text string) string {
	for _, scheme := range []string{"https://", "http://"} {
		if rest, found := strings.CutPrefix(text, scheme); found {
			return rest
		}
	}
	return text
}

// endsAt reports whether text ends in end, behind one of these characters.
func endsAt(text, end, behind string) bool {
	start, found := strings.CutSuffix(text, end)
	return found && end != "" && start != "" && strings.ContainsRune(behind, rune(start[len(start)-1]))
}

// gitHubSubject is the sub of a GitHub Actions token in either form: the classic one with names alone, and the
// immutable one, which has the numeric IDs of the owner and the repository behind their names.
var gitHubSubject = regexp.MustCompile(`\Arepo:([^/@:]+)(@[0-9]+)?/([^/@:]+)(@[0-9]+)?(:.*)\z`)

func nearGitHubSubject(seen, want string) string {
	of, expected := gitHubSubject.FindStringSubmatch(seen), gitHubSubject.FindStringSubmatch(want)
	if of == nil || expected == nil || (of[2] == "") == (expected[2] == "") {
		return ""
	}
	miss := "it is GitHub's immutable form; the rule expects the classic form"
	if of[2] == "" {
		miss = "it is GitHub's classic form; the rule expects the immutable form"
	}
	if of[1] != expected[1] || of[3] != expected[3] || of[5] != expected[5] {
		miss += "; it differs besides"
	}
	return miss
}

// nearLetters is for slips of the pen: at most three characters that differ, in one place of a longer text.
func nearLetters(seen, want string) string {
	const most = 3
	front := 0
	for front < min(len(seen), len(want)) && seen[front] == want[front] {
		front++
	}
	back := 0
	for back < min(len(seen), len(want))-front && seen[len(seen)-1-back] == want[len(want)-1-back] {
		back++
	}
	has, expected := seen[front:len(seen)-back], want[front:len(want)-back]
	differ := max(len(has), len(expected))
	if differ > most || front+back < 2*differ || !utf8.ValidString(has+expected) {
		return ""
	}
	switch {
	case has == "":
		return fmt.Sprintf("it lacks %s of %s", quoted(expected), quoted(want))
	case expected == "":
		return fmt.Sprintf("it has %s more than %s", quoted(has), quoted(want))
	default:
		return fmt.Sprintf("it has %s where %s has %s", quoted(has), quoted(want), quoted(expected))
	}
}

// quoted writes text so that its ends are seen, and nothing in it steers a terminal.
func quoted(text string) string { return `"` + printable(text) + `"` }
