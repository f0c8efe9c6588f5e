package client_test

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/client"
)

// written writes a name down in the one form in which nothing is left to read in two ways.
func written(name [][]client.Attribute) string {
	var sets []string
	for _, set := range slices.Backward(name) {
		var attributes []string
		for _, a := range set {
			value := "#" + hex.EncodeToString([]byte(a.Value))
			if a.Text {
				value = escaped(a.Value)
			}
			attributes = append(attributes, a.OID+"="+value)
		}
		sets = append(sets, strings.Join(attributes, "+"))
	}
	return strings.Join(sets, ",")
}

// escaped writes every byte of a value in hexadecimal.
func escaped(value string) string {
	var text strings.Builder
	for _, c := range []byte(value) {
		text.WriteString(`\` + hex.EncodeToString([]byte{c}))
	}
	return text.String()
}

// FuzzParseDN holds that a name that is read is written down and read again as the same, and that none is empty.
func FuzzParseDN(f *testing.F) {
	for _, text := range []string{
		"CN=batch, O=Example, C=DE", "UID=jsmith,DC=example,DC=net", `OU=Sales+CN=J.  Smith,DC=example,DC=net`, `CN=James \"Jim\" Smith\, III`,
		`CN=Lu\C4\8Di\C4\87`, `1.3.6.1.4.1.1466.0=#04024869`, "CN=#13056261746368", `CN=\ \"\+\,\;\<\>\#\=\\\20`, "CN=", ",", `CN=\`, "+", "2.5.4.3=a+2.5.4.3=b",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, err := client.ParseDN(text)
		if (err != nil) != (len(name) == 0) {
			t.Fatalf("%v came with %v", name, err)
		}
		if err != nil {
			return
		}
		for _, set := range name {
			for _, a := range set {
				if a.OID == "" || a.Value == "" || a.Text && !utf8.ValidString(a.Value) {
					t.Errorf("%q has %v", text, a)
				}
			}
		}
		again, err := client.ParseDN(written(name))
		if diff := cmp.Diff(name, again); err != nil || diff != "" {
			t.Errorf("%q, written down as %q: %v\n%s", text, written(name), err, diff)
		}
	})
}

// FuzzSubject holds that what a certificate says, written down as RFC 4514 asks, is that certificate's name and no other's.
func FuzzSubject(f *testing.F) {
	f.Add("batch", "Example", false)
	f.Add(` "+,;<>#=\ `, "#", true)
	f.Add("a\x00b", "b\u00fc", true)
	f.Fuzz(func(t *testing.T, one, two string, together bool) {
		if one == "" || two == "" || !utf8.ValidString(one) || !utf8.ValidString(two) {
			return
		}
		attribute := func(oid asn1.ObjectIdentifier, value string) pkix.AttributeTypeAndValue {
			return pkix.AttributeTypeAndValue{Type: oid, Value: asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(value)}}
		}
		first, second := attribute(asn1.ObjectIdentifier{2, 5, 4, 10}, one), attribute(asn1.ObjectIdentifier{2, 5, 4, 3}, two)
		sequence, between := pkix.RDNSequence{{first}, {second}}, ","
		if together {
			sequence, between = pkix.RDNSequence{{first, second}}, "+"
		}
		der, err := asn1.Marshal(sequence)
		must(t, err)
		got, err := client.NameOf(der)
		must(t, err)
		want, err := client.ParseDN("CN=" + escaped(two) + between + "O=" + escaped(one))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q, %q: %v\n%s", one, two, err, diff)
		}
		other, err := client.ParseDN("CN=" + escaped(two+"x") + between + "O=" + escaped(one))
		if err != nil || cmp.Equal(other, got) {
			t.Errorf("%q is taken for %q", two+"x", two)
		}
	})
}

// FuzzNameOf holds that no bytes are more than one name.
func FuzzNameOf(f *testing.F) {
	for _, text := range []string{"", "3000", "30023100", "3010310e300c06035504030c056261746368", "3010310e300c06035504031e04006200fc"} {
		der, err := hex.DecodeString(text)
		must(f, err)
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		name, err := client.NameOf(der)
		if err != nil && name != nil {
			t.Fatalf("%v came with %v", name, err)
		}
		if behind, err := client.NameOf(append(der[:len(der):len(der)], 0)); err == nil && name != nil {
			t.Errorf("with a byte behind it is %v", behind)
		}
	})
}
