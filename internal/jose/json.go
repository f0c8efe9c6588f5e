package jose

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxDepth bounds the nesting of a header or of claims (protocol A6).
const maxDepth = 16

// ErrJSON says that a part is not one JSON object with unique names.
var ErrJSON = &Fault{"json_malformed", "a part of the JWT is not one JSON object with unique names, in UTF-8, nested at most 16 deep"}

// decodeObject reads exactly one JSON object (RFC 8259): no duplicate names at any depth, no invalid UTF-8 or lone
// surrogates, nothing behind it. Whole numbers that fit become int64, others float64, so that conditions see types.
// The error is ErrJSON.
func decodeObject(text []byte) (map[string]any, error) { return decodeWith(&jsontext.Decoder{}, text) }

// decodeWith is decodeObject with a decoder that may have read something before: what it remembers names in is used
// again.
func decodeWith(decoder *jsontext.Decoder, text []byte) (map[string]any, error) {
	decoder.Reset(bytes.NewBuffer(text))
	if decoder.PeekKind() != '{' {
		return nil, ErrJSON
	}
	value, err := decodeValue(decoder)
	if err != nil {
		return nil, ErrJSON
	}
	if _, err := decoder.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, ErrJSON
	}
	return value.(map[string]any), nil
}

func decodeValue(decoder *jsontext.Decoder) (any, error) {
	token, err := decoder.ReadToken()
	if err != nil {
		return nil, err
	}
	if decoder.StackDepth() > maxDepth {
		return nil, ErrJSON
	}
	switch token.Kind() {
	case '{':
		return decodeMembers(decoder)
	case '[':
		return decodeElements(decoder)
	case '"':
		return token.String(), nil
	case '0':
		return decodeNumber(token)
	case 't', 'f':
		return token.Bool(), nil
	default:
		return nil, nil
	}
}

func decodeMembers(decoder *jsontext.Decoder) (map[string]any, error) {
	object := map[string]any{} // no size hint: a token can hold thousands of empty objects
	for decoder.PeekKind() != '}' {
		token, err := decoder.ReadToken()
		if err != nil {
			return nil, err
		}
		name := token.String()
		if object[name], err = decodeValue(decoder); err != nil {
			return nil, err
		}
	}
	_, err := decoder.ReadToken()
	return object, err
}

func decodeElements(decoder *jsontext.Decoder) ([]any, error) {
	elements := []any{}
	for decoder.PeekKind() != ']' {
		element, err := decodeValue(decoder)
		if err != nil {
			return nil, err
		}
		elements = append(elements, element)
	}
	_, err := decoder.ReadToken()
	return elements, err
}

// decodeNumber refuses what overflows: a number that cannot be compared must not be believed.
func decodeNumber(token jsontext.Token) (any, error) {
	if !strings.ContainsAny(token.String(), ".eE") {
		if whole, err := token.Int(); err == nil {
			return whole, nil
		}
	}
	number, err := token.Float()
	if err != nil || math.IsInf(number, 0) || math.IsNaN(number) {
		return nil, ErrJSON
	}
	return number, nil
}
