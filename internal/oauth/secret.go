package oauth

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is text that must never be printed: a client secret, an assertion, a token. Every way of formatting it gives
// the same placeholder; only [Secret.Reveal] gives the text.
type Secret struct {
	// Behind a pointer, since fmt calls no method on a Secret in an unexported field of somebody's struct. It does not
	// follow a pointer inside a struct either.
	text *string
}

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{&text} }

const redacted = "[redacted]"

// Reveal returns the text, for the one place that checks it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is no text at all.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// Format keeps the text out of every verb of fmt.
func (Secret) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, redacted) // fmt's own buffer takes it
}

// String keeps the text out of what prints without fmt.
func (Secret) String() string { return redacted }

// LogValue keeps the text out of slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText keeps the text out of JSON and of everything else that encodes.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
