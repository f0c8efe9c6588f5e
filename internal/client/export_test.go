package client

// Attribute is an attribute of a name, for tests.
type Attribute struct {
	OID   string
	Text  bool
	Value string
}

// ParseDN is the reader of names as they are written down, NameOf that of names in DER.
func ParseDN(text string) ([][]Attribute, error) { return exported(parseDN(text)) }

// NameOf reads a name in DER.
func NameOf(der []byte) ([][]Attribute, error) { return exported(nameOf(der)) }

func exported(name distinguishedName, err error) (sets [][]Attribute, _ error) {
	for _, set := range name {
		var attributes []Attribute
		for _, a := range set {
			attributes = append(attributes, Attribute{a.oid, a.text, a.value})
		}
		sets = append(sets, attributes)
	}
	return sets, err
}
