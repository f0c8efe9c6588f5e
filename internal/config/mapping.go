package config

import (
	"iter"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// A mapping is the fields of one section. It remembers which fields were asked for, so that what nobody asked for is
// refused without a second list of names that could differ from the first. Whoever opens a mapping closes it, and does
// not use it any more then:
//
//	m := v.mapping()
//	defer m.refuseOthers()
type mapping struct {
	value
	inside string  // the path that its fields begin with
	fields []field // in the order of the document
	asked  []string
	free   bool // the names are the document's own, and all were asked for
}

// A field is what stands under a name, and the line that the name is on.
type field struct {
	name string
	line int
	node *yaml.Node
}

// mapping opens a section. An absent section is a mapping that misses nothing, so that its defaults can be read.
func (v value) mapping() *mapping {
	m := v.findings.open(v)
	if v.node == nil {
		return m
	}
	m.inside = v.path()
	switch {
	case v.node.Kind != yaml.MappingNode:
		v.fault("is %s; write a mapping of fields", kind(v.node))
		m.node = nil
		return m
	case len(v.node.Content) == 0:
		v.fault("is empty; give it a field")
		m.node = nil
		return m
	}
	m.readFields()
	return m
}

// readFields takes the fields from the node, and refuses a name that is given twice: readers of YAML disagree about
// which of the two holds.
func (m *mapping) readFields() {
	m.asked = slices.Grow(m.asked, 16)
	m.fields = slices.Grow(m.fields, len(m.node.Content)/2)
	lines := map[string]int{}
	for i := 0; i+1 < len(m.node.Content); i += 2 {
		key := m.node.Content[i]
		if !m.plainKey(key) {
			continue
		}
		f := field{name: key.Value, line: key.Line, node: m.node.Content[i+1]}
		if first, twice := lines[f.name]; twice {
			m.named(f).fault("is given twice, first on line %d; give it once", first)
			continue
		}
		lines[f.name] = f.line
		m.fields = append(m.fields, f)
	}
}

// plainKey reports whether a key is plain text, and refuses any other: a merge key brings in fields that are written
// elsewhere, and 1, true or ~ are keys that YAML readers disagree about.
func (m *mapping) plainKey(key *yaml.Node) bool {
	here := m.value
	here.line = key.Line
	switch {
	case key.Kind != yaml.ScalarNode || key.Anchor != "" || hasTag(key):
		here.fault("has a field name that is not plain text; write it without alias, anchor and tag")
	case key.ShortTag() == "!!merge":
		here.fault("has a merge key (<<); write the fields themselves")
	case key.ShortTag() != "!!str":
		here.fault("has a field name that is %s; write it in quotes, so that it is text", kind(key))
	case key.Value == "":
		here.fault("has a field without a name; give it one")
	default:
		return true
	}
	return false
}

// optional asks for a field that may be absent.
func (m *mapping) optional(name string) value {
	if m.node == nil {
		return m.place(name)
	}
	if !slices.Contains(m.asked, name) {
		m.asked = append(m.asked, name)
	}
	f, ok := m.find(name)
	if !ok {
		return m.place(name)
	}
	return m.findings.value(f.node, f.line, m.inside, name)
}

// find looks a field up. A section has so few that a map of them would cost more than it saves.
func (m *mapping) find(name string) (field, bool) {
	for _, f := range m.fields {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

// required asks for a field that must be written.
func (m *mapping) required(name string) value {
	v := m.optional(name)
	if m.node != nil && !m.has(name) {
		v.fault("is missing")
	}
	return v
}

// has reports whether a field is written, readable or not.
func (m *mapping) has(name string) bool {
	_, ok := m.find(name)
	return ok
}

// place returns the place of a field without reading it: its own line, or that of the section where it is absent.
func (m *mapping) place(name string) value {
	line := m.line
	if f, ok := m.find(name); ok {
		line = f.line
	}
	return value{findings: m.findings, line: line, parent: m.inside, name: name}
}

// named returns the place of a field that is not one of ours, under a name that is safe to print.
func (m *mapping) named(f field) value {
	name := f.name
	if !simpleName.MatchString(name) {
		name = quote(name)
	}
	return value{findings: m.findings, line: f.line, parent: m.inside, name: name}
}

// need refuses the absence of a field that another field makes necessary.
func (m *mapping) need(name, why string, args ...any) {
	if m.node != nil && !m.has(name) {
		m.place(name).fault("is missing: "+why, args...)
	}
}

// forbid refuses a field that another field makes meaningless: it would look like protection and be none.
func (m *mapping) forbid(name, why string, args ...any) {
	if m.has(name) {
		m.place(name).fault("does not belong here: "+why, args...)
	}
}

// exactlyOne refuses none and several of the alternatives.
func (m *mapping) exactlyOne(alternatives ...string) {
	if m.node == nil {
		return
	}
	var given []string
	for _, name := range alternatives {
		if m.has(name) {
			given = append(given, name)
		}
	}
	switch len(given) {
	case 0:
		m.fault("has none of %s; give exactly one", strings.Join(alternatives, ", "))
	case 1:
	default:
		m.fault("has %s; give exactly one of them", strings.Join(given, " and "))
	}
}

// all asks for every field, in the order of the document, where the names are the document's own.
func (m *mapping) all() iter.Seq2[string, value] {
	m.free = true
	return func(yield func(string, value) bool) {
		for _, f := range m.fields {
			if !yield(f.name, m.findings.value(f.node, f.line, m.parent, m.name+step(f.name))) {
				return
			}
		}
	}
}

// refuseOthers refuses every field that was not asked for: a misspelt condition must not be a condition left out. It
// closes the mapping.
func (m *mapping) refuseOthers() {
	defer m.findings.close(m)
	if m.free {
		return
	}
	for _, f := range m.fields {
		if slices.Contains(m.asked, f.name) {
			continue
		}
		if meant := Nearest(f.name, m.asked); meant != "" {
			m.named(f).fault("is not a field here; did you mean %s?", meant)
			continue
		}
		m.named(f).fault("is not a field here; the fields are %s", strings.Join(m.asked, ", "))
	}
}

// simpleName matches the names that can stand in a path as they are.
var simpleName = matching(`\A[A-Za-z0-9_-]{1,64}\z`)

// step returns the part of a path that leads to a name of the document's own.
func step(name string) string {
	if simpleName.MatchString(name) {
		return "." + name
	}
	return "[" + quote(name) + "]"
}
