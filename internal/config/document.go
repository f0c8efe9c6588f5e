package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

const (
	// maxDocument is far beyond what people write, and what Secret Manager stores, and still read within a second.
	maxDocument = 8 << 20
	// maxDepth is several times the depth of the deepest field. It keeps every recursion over the tree shallow.
	maxDepth = 32
)

// parse returns the one value that the document holds. Where there is none it reports why, and returns an absent value.
func (f *findings) parse(source []byte) value {
	absent := value{findings: f, line: 1}
	if len(source) > maxDocument {
		absent.fault("has %d bytes; a configuration has at most %d", len(source), maxDocument)
		return absent
	}
	if line, ok := invalidLine(source); !ok {
		absent.line = line
		absent.fault("is not UTF-8 on this line; save it as UTF-8 text")
		return absent
	}
	loader, err := yaml.NewLoader(bytes.NewReader(source),
		yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		absent.fault("cannot be read: %s", err)
		return absent
	}
	root, err := compose(loader)
	if errors.Is(err, io.EOF) {
		absent.fault("is empty; it needs at least %s", f.needs)
		return absent
	}
	if err != nil {
		f.syntaxFault(source, err)
		return absent
	}
	f.refuseSecond(loader, source)
	return f.value(root, root.Line, "", "")
}

// refuseSecond refuses whatever follows the first document: which of two would hold is for nobody to guess.
func (f *findings) refuseSecond(loader *yaml.Loader, source []byte) {
	second, err := compose(loader)
	switch {
	case errors.Is(err, io.EOF):
	case err != nil:
		f.syntaxFault(source, err)
	default:
		v := value{findings: f, line: second.Line}
		v.fault("has a second YAML document that begins here; a configuration is a single one")
	}
}

// compose returns the root of the loader's next document, or io.EOF.
//
// The YAML library panics where it contradicts itself. A new version of the configuration must not be able to end an
// instance that serves with the last good one, so here, and only around the library, a panic becomes an error.
func compose(loader *yaml.Loader) (root *yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			root, err = nil, errors.New("the YAML library cannot read it")
		}
	}()
	var document yaml.Node
	if err := loader.Load(&document); err != nil {
		return nil, err
	}
	if document.Kind != yaml.DocumentNode || len(document.Content) != 1 {
		return nil, errors.New("it does not hold exactly one value")
	}
	return document.Content[0], nil
}

// syntaxFault reports what the YAML library refused.
func (f *findings) syntaxFault(source []byte, err error) {
	v := value{findings: f, line: 1}
	var refused *yaml.LoadError
	if !errors.As(err, &refused) {
		v.fault("is not YAML: %s", err)
		return
	}
	v.line = refused.Mark.Line
	if v.line < 1 {
		// What the library refuses before it counts lines has an offset only.
		v.line = lineOf(source, refused.Mark.Index)
	}
	problem := refused.Message
	if refused.ContextMsg != "" {
		problem = fmt.Sprintf("%s (%s)", refused.Message, refused.ContextMsg)
	}
	if refused.Stage == yaml.ComposerStage {
		// The one stage whose messages repeat the document: *hunter2 may be a password that lacks its quotes.
		problem = "an alias has no anchor; write the value itself, in quotes if it begins with *"
	}
	v.fault("is not YAML: %s", problem)
}

// invalidLine returns the line of the first byte that is not UTF-8.
func invalidLine(source []byte) (line int, ok bool) {
	if utf8.Valid(source) {
		return 0, true
	}
	for i := 0; i < len(source); {
		r, size := utf8.DecodeRune(source[i:])
		if r == utf8.RuneError && size == 1 {
			return lineOf(source, i), false
		}
		i += size
	}
	return 1, false
}

func lineOf(source []byte, offset int) int {
	offset = min(max(offset, 0), len(source))
	return 1 + bytes.Count(source[:offset], []byte("\n"))
}
