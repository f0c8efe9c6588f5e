package oauth

import "log/slog"

// Secret is text that must never be printed: a client secret, an assertion, a token. Every way of formatting it gives
// the same placeholder; only [Secret.Reveal] gives the text.
type Secret struct{ text string }

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{text} }

const redacted = "[redacted]"

// Reveal returns the text, for the one place that checks it.
func (s Secret) Reveal() string { return s.text }

// IsZero reports whether there is no text at all.
func (s Secret) IsZero() bool { return s.text == "" }

// String keeps the text out of %v and %s.
func (Secret) String() string { return redacted }

// GoString keeps the text out of %#v.
func (Secret) GoString() string { return redacted }

// LogValue keeps the text out of slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText keeps the text out of JSON and of everything else that encodes.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
