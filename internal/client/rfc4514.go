package client

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// special are the characters of RFC 4514 §3 that a value can have only behind a backslash, and escapable are all that
// can stand behind one as they are.
const (
	special   = `"+,;<>`
	escapable = special + ` #=\`
)

// numericOID is an object identifier in decimal (RFC 4512 §1.4).
var numericOID = regexp.MustCompile(`\A[0-2](?:\.(?:0|[1-9][0-9]*))+\z`)

// parseDN reads a distinguished name as RFC 4514 §3 writes it: the last set of the certificate comes first. Beyond that
// grammar spaces may follow a comma or a plus, since nothing else can begin there with a space, and most tools write
// one. A name without any attribute, or with an empty one, is refused: it would be good for a certificate that names
// nobody.
func parseDN(text string) (distinguishedName, error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("it is not UTF-8")
	}
	if text == "" {
		return nil, errors.New("it is empty")
	}
	var name distinguishedName
	var set []attribute
	for rest := text; ; {
		read, behind, err := parseAttribute(rest)
		if err != nil {
			return nil, err
		}
		set = append(set, read)
		if behind == "" || behind[0] == ',' {
			name, set = append(name, sorted(set)), nil
		}
		if behind == "" {
			break
		}
		rest = strings.TrimLeft(behind[1:], " ")
	}
	slices.Reverse(name)
	return name, nil
}

// parseAttribute reads a type and its value, and returns what is behind: nothing, or what begins with a comma or a
// plus.
func parseAttribute(text string) (attribute, string, error) {
	kind, rest, found := strings.Cut(text, "=")
	if !found {
		return attribute{}, "", errors.New("each part is TYPE=value, with a backslash before a comma in a value")
	}
	oid, known := attributeTypes[strings.ToLower(kind)]
	if numericOID.MatchString(kind) {
		oid, known = kind, true
	}
	if !known {
		return attribute{}, "", fmt.Errorf("the attribute type %q is not known; write its object identifier, such as 2.5.4.3", kind)
	}
	end := endOfValue(rest)
	read, err := parseValue(rest[:end])
	if err != nil {
		return attribute{}, "", fmt.Errorf("%s: %w", kind, err)
	}
	return read.of(oid), rest[end:], nil
}

// endOfValue returns where the first comma or plus is that no backslash stands in front of.
func endOfValue(text string) int {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case ',', '+':
			return i
		}
	}
	return len(text)
}

func parseValue(text string) (attribute, error) {
	if digits, isHex := strings.CutPrefix(text, "#"); isHex {
		return hexValue(digits)
	}
	if strings.HasPrefix(text, " ") {
		return attribute{}, errors.New(`a value begins with a space; one that belongs to it stands behind a backslash`)
	}
	var value strings.Builder
	for rest := text; rest != ""; {
		c := rest[0]
		switch {
		case c == '\\':
			meant, length, err := unescape(rest)
			if err != nil {
				return attribute{}, err
			}
			value.WriteByte(meant)
			rest = rest[length:]
			continue
		case c == 0 || strings.IndexByte(special, c) >= 0:
			return attribute{}, fmt.Errorf(`%q stands in a value as \%02X`, c, c)
		case c == ' ' && rest == " ":
			return attribute{}, errors.New(`a value ends with a space; one that belongs to it stands behind a backslash`)
		}
		value.WriteByte(c)
		rest = rest[1:]
	}
	if value.Len() == 0 {
		return attribute{}, errEmptyValue
	}
	if !utf8.ValidString(value.String()) {
		return attribute{}, errors.New("what stands behind backslashes is not UTF-8")
	}
	return attribute{text: true, value: value.String()}, nil
}

// unescape reads a backslash and what it escapes, and says how long both are.
func unescape(text string) (meant byte, length int, err error) {
	if len(text) > 1 && strings.IndexByte(escapable, text[1]) >= 0 {
		return text[1], 2, nil
	}
	if len(text) > 2 {
		high, isHigh := hexDigit(text[1])
		low, isLow := hexDigit(text[2])
		if isHigh && isLow {
			return high<<4 | low, 3, nil
		}
	}
	return 0, 0, fmt.Errorf("behind a backslash stands one of %s or two hexadecimal digits", escapable)
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	default:
		return 0, false
	}
}
