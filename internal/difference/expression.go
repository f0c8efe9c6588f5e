package difference

import (
	"regexp"
	"strings"
)

// spaced returns an expression with one space wherever there is white space, so that two that differ in nothing else are
// the same text. Inside quotes that would be another text, so it leaves them as they are; and it leaves the whole as it is where the end of a quote is not plain to see (escapes,
// triple quotes) or a line break counts (behind a comment).
func spaced(text string) string {
	if strings.Contains(text, `\`) || strings.Contains(text, `"""`) || strings.Contains(text, "'''") {
		return text
	}
	var out strings.Builder
	var quote rune
	space := false
	for i, c := range text {
		switch {
		case quote == 0 && strings.ContainsRune(" \t\r\n", c):
			space = true
			continue
		case quote == 0 && strings.HasPrefix(text[i:], "//"):
			return text
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		}
		if space && out.Len() > 0 {
			out.WriteByte(' ')
		}
		space = false
		out.WriteRune(c)
	}
	return out.String()
}

// joined matches a mapping that joins texts and claims with +, the first of them a text without escapes.
var joined = regexp.MustCompile(`\A"([^"\\]*)"(?: \+ (?:"[^"\\]*"|claims(?:\.[A-Za-z_][A-Za-z0-9_]*)+))*\z`)

// beginsOtherwise reports whether a mapping of the subject plainly never gives name, since it begins with another text.
func beginsOtherwise(mapping, name string) bool {
	plain := joined.FindStringSubmatch(spaced(mapping))
	return plain != nil && !strings.HasPrefix(name, plain[1])
}
