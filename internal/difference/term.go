package difference

import (
	"slices"
	"strings"
	"time"

	"example.com/countersign/internal/config"
)

// A term is one thing that is accepted of assertions, for ever or through a day. The strict rule is a term without an
// end, and an exception is another beside it. Whether a day has passed is not asked: it counts all the same.
type term struct {
	audience string    // another one is another thing; empty where the term is not about aud
	weakness int64     // of two terms about the same thing, the weaker accepts what the other does
	words    string    // as the document would write it
	until    time.Time // its last day; zero: it has no end
}

func (t term) covers(other term) bool {
	lasts := t.until.IsZero() || !other.until.IsZero() && !t.until.Before(other.until)
	return t.audience == other.audience && t.weakness >= other.weakness && lasts
}

func (t term) String() string {
	if t.until.IsZero() {
		return t.words
	}
	return t.words + " until " + t.until.Format(time.DateOnly)
}

// terms are what is accepted in one respect: what any of them accepts. None of them covers another.
type terms []term

func (all terms) cover(t term) bool {
	return slices.ContainsFunc(all, func(other term) bool { return other.covers(t) })
}

// with adds a term, unless that adds nothing.
func (all terms) with(t term) terms {
	if all.cover(t) {
		return all
	}
	return append(slices.DeleteFunc(slices.Clone(all), t.covers), t)
}

func (all terms) String() string {
	words := make([]string, len(all))
	for i, t := range all {
		words[i] = t.String()
	}
	return strings.Join(words, ", ")
}

// accepted compares what is accepted of assertions in one respect.
func (c *comparison) accepted(at place, what string, before, after terms, why string) {
	c.value(at, what, before.String(), after.String(), !before.coverAll(after), why)
}

func (all terms) coverAll(others terms) bool {
	return !slices.ContainsFunc(others, func(t term) bool { return !all.cover(t) })
}

// lifetimes returns how far ahead exp may be (protocol C6, G5).
func lifetimes(strict time.Duration, exceptions []config.Exception) terms {
	longest := func(d time.Duration) term { return term{weakness: int64(d), words: duration(d)} }
	all := terms{longest(strict)}
	for _, e := range exceptions {
		if e.MaxLifetime > 0 {
			t := longest(e.MaxLifetime)
			t.until = e.Until
			all = all.with(t)
		}
	}
	return all
}

// jtis returns what is asked of jti (protocol C3). strictly is the word for what is asked without an exception.
func jtis(strictly string, exceptions []config.Exception) terms {
	weakness := int64(slices.Index([]string{jtiRequired, jtiOptional, jtiReusable}, strictly))
	all := terms{{weakness: weakness, words: strictly}}
	for _, e := range exceptions {
		if e.JTIOptional {
			all = all.with(term{weakness: 1, words: jtiOptional, until: e.Until})
		}
	}
	return all
}

// audience returns that an aud is accepted.
func audience(name string, until time.Time) term {
	return term{audience: name, words: name, until: until}
}

// withAudiences adds those that are accepted by exceptions.
func (all terms) withAudiences(exceptions []config.Exception) terms {
	for _, e := range exceptions {
		if e.Audience != "" {
			all = all.with(audience(e.Audience, e.Until))
		}
	}
	return all
}
