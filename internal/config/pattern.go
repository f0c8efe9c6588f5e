package config

import (
	"regexp"
	"sync"
)

// pattern is a regular expression that is compiled when something is first held against it. Most are of presets and of
// fields that a given configuration does not have, and to compile all of them took a tenth of a function's start.
type pattern func() *regexp.Regexp

func matching(expression string) pattern {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}

// MatchString reports whether the text has a match. What has to match as a whole says so, \A(?:…)\z.
func (p pattern) MatchString(text string) bool { return p().MatchString(text) }
