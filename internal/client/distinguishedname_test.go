package client_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"

	"example.com/countersign/internal/client"
)

// pair is an attribute of a subject.
type pair struct {
	oid   string
	value any // text, or what is encoded already
}

// oidOf reads an object identifier in decimal.
func oidOf(t testing.TB, text string) (oid asn1.ObjectIdentifier) {
	t.Helper()
	for arc := range strings.SplitSeq(text, ".") {
		n := 0
		for _, digit := range []byte(arc) {
			n = n*10 + int(digit-'0')
		}
		oid = append(oid, n)
	}
	return oid
}

// subjectOf is a subject of these sets, in the order of a certificate.
func subjectOf(t testing.TB, sets ...[]pair) change {
	t.Helper()
	var sequence pkix.RDNSequence
	for _, set := range sets {
		var attributes pkix.RelativeDistinguishedNameSET
		for _, p := range set {
			attributes = append(attributes, pkix.AttributeTypeAndValue{Type: oidOf(t, p.oid), Value: p.value})
		}
		sequence = append(sequence, attributes)
	}
	der, err := asn1.Marshal(sequence)
	must(t, err)
	return func(c *x509.Certificate) { c.RawSubject = der }
}

// one is a subject of sets with one attribute each, in the order of a certificate.
func one(t testing.TB, pairs ...pair) change {
	t.Helper()
	var sets [][]pair
	for _, p := range pairs {
		sets = append(sets, []pair{p})
	}
	return subjectOf(t, sets...)
}

const (
	cn, country, organization, unit = "2.5.4.3", "2.5.4.6", "2.5.4.10", "2.5.4.11"
	component, userID, emailAddress = "0.9.2342.19200300.100.1.25", "0.9.2342.19200300.100.1.1", "1.2.840.113549.1.9.1"
)

// encoded is text as a string of another kind.
func encoded(tag int, bytes string) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassUniversal, Tag: tag, Bytes: []byte(bytes)}
}

func dn(text string) client.CertificateName { return client.CertificateName{SubjectDN: text} }

func TestM2_the_subject_is_the_registered_one(t *testing.T) {
	three := one(t, pair{country, "DE"}, pair{organization, "Example"}, pair{cn, "batch"})
	names(t, true,
		nameRow{"one attribute", dn("CN=batch"), one(t, pair{cn, "batch"})},
		nameRow{"three, the last first", dn("CN=batch,O=Example,C=DE"), three},
		nameRow{"with spaces", dn("CN=batch, O=Example,  C=DE"), three},
		nameRow{"types in any letters", dn("cn=batch,o=Example,countryName=DE"), three},
		nameRow{"types in numbers", dn("2.5.4.3=batch,2.5.4.10=Example,2.5.4.6=DE"), three},
		nameRow{"values in numbers", dn("CN=#13056261746368,O=#0C074578616D706C65,C=DE"), three},
		nameRow{"values in other strings", dn("CN=batch"), one(t, pair{cn, encoded(asn1.TagUTF8String, "batch")})},
		nameRow{"a BMPString", dn("CN=b\u00fc"), one(t, pair{cn, encoded(asn1.TagBMPString, "\x00b\x00\xfc")})},
		nameRow{"a TeletexString in ASCII", dn("CN=batch"), one(t, pair{cn, encoded(asn1.TagT61String, "batch")})},
		nameRow{"an attribute in a set", dn("CN=batch+UID=17,O=Example"), subjectOf(t, []pair{{organization, "Example"}}, []pair{{cn, "batch"}, {userID, "17"}})},
		nameRow{"the set in another order", dn("UID=17+ CN=batch,O=Example"), subjectOf(t, []pair{{organization, "Example"}}, []pair{{cn, "batch"}, {userID, "17"}})},
		nameRow{"two attributes of a type", dn("OU=b,OU=a"), one(t, pair{unit, "a"}, pair{unit, "b"})},
		nameRow{"an e-mail address", dn("EMAILADDRESS=a@example.com"), one(t, pair{emailAddress, encoded(asn1.TagIA5String, "a@example.com")})},
		nameRow{"a number of payment services", dn("organizationIdentifier=PSDDE-BAFIN-123456"), one(t, pair{"2.5.4.97", "PSDDE-BAFIN-123456"})},
		// The examples of RFC 4514 §4.
		nameRow{"RFC 4514, one", dn("UID=jsmith,DC=example,DC=net"), one(t, pair{component, "net"}, pair{component, "example"}, pair{userID, "jsmith"})},
		nameRow{"RFC 4514, two", dn("OU=Sales+CN=J.  Smith,DC=example,DC=net"), subjectOf(t, []pair{{component, "net"}}, []pair{{component, "example"}}, []pair{{unit, "Sales"}, {cn, "J.  Smith"}})},
		nameRow{"RFC 4514, three", dn(`CN=James \"Jim\" Smith\, III,DC=example,DC=net`), one(t, pair{component, "net"}, pair{component, "example"}, pair{cn, `James "Jim" Smith, III`})},
		nameRow{"RFC 4514, four", dn(`CN=Before\0dAfter,DC=example,DC=net`), one(t, pair{component, "net"}, pair{component, "example"}, pair{cn, encoded(asn1.TagUTF8String, "Before\rAfter")})},
		nameRow{"RFC 4514, six", dn(`CN=Lu\C4\8Di\C4\87`), one(t, pair{cn, "Lu\u010di\u0107"})},
		nameRow{"RFC 4514, six, as it is", dn("CN=Lu\u010di\u0107"), one(t, pair{cn, "Lu\u010di\u0107"})},
		nameRow{"everything that is escaped", dn(`CN=\ \"\+\,\;\<\>\#\=\\\20`), one(t, pair{cn, ` "+,;<>#=\ `})},
		nameRow{"what need not be", dn("CN=a#b=c d"), one(t, pair{cn, "a#b=c d"})},
		nameRow{"a comma in hexadecimal", dn(`CN=a\2Cb`), one(t, pair{cn, "a,b"})},
	)
}

func TestM2_a_subject_that_differs_in_anything_is_refused(t *testing.T) {
	three := one(t, pair{country, "DE"}, pair{organization, "Example"}, pair{cn, "batch"})
	set := subjectOf(t, []pair{{organization, "Example"}}, []pair{{cn, "batch"}, {userID, "17"}})
	names(t, false,
		nameRow{"another value", dn("CN=portal"), one(t, pair{cn, "batch"})},
		nameRow{"in capitals", dn("CN=Batch"), one(t, pair{cn, "batch"})},
		nameRow{"a space more inside", dn("CN=a  b"), one(t, pair{cn, "a b"})},
		nameRow{"a space behind", dn("CN=batch"), one(t, pair{cn, "batch "})},
		nameRow{"a beginning", dn("CN=batch"), one(t, pair{cn, "batch2"})},
		// RFC 8705 §7.4: the null byte by which one parser reads less than another.
		nameRow{"a null byte", dn("CN=batch"), one(t, pair{cn, encoded(asn1.TagUTF8String, "batch\x00.evil.example")})},
		nameRow{"another letter that looks alike", dn("CN=batch"), one(t, pair{cn, "b\u0430tch"})},
		nameRow{"the same letter composed otherwise", dn("CN=b\u00fc"), one(t, pair{cn, "bu\u0308"})},
		nameRow{"another type", dn("CN=batch"), one(t, pair{unit, "batch"})},
		nameRow{"two types that look alike", dn("SN=batch"), one(t, pair{"2.5.4.5", "batch"})},
		nameRow{"only the common name of it", dn("CN=batch"), three},
		nameRow{"less than all of it", dn("CN=batch,O=Example"), three},
		nameRow{"more than all of it", dn("CN=batch,OU=a,O=Example,C=DE"), three},
		nameRow{"the first one first", dn("C=DE,O=Example,CN=batch"), three},
		nameRow{"two of them changed", dn("O=Example,CN=batch,C=DE"), three},
		nameRow{"of two of a type, in another order", dn("OU=a,OU=b"), one(t, pair{unit, "a"}, pair{unit, "b"})},
		nameRow{"a value that holds the others", dn("CN=batch,O=Example,C=DE"), one(t, pair{cn, "batch,O=Example,C=DE"})},
		nameRow{"others that a value holds", dn(`CN=batch\,O=Example\,C=DE`), three},
		nameRow{"a set that is two", dn("CN=batch,UID=17,O=Example"), set},
		nameRow{"two that are a set", dn("CN=batch+O=Example,C=DE"), three},
		nameRow{"less than the set", dn("CN=batch,O=Example"), set},
		nameRow{"more than the set", dn("CN=batch+UID=17+OU=a,O=Example"), set},
		nameRow{"no subject at all", dn("CN=batch"), subjectOf(t)},
		nameRow{"a TeletexString of other letters", dn("CN=b\u00fc"), one(t, pair{cn, encoded(asn1.TagT61String, "b\xfc")})},
	)
}

func TestM2_what_is_no_distinguished_name_cannot_be_registered(t *testing.T) {
	for what, text := range map[string]string{
		"white space":                   " ",
		"no type":                       "batch",
		"an empty type":                 "=batch",
		"an unknown type":               "CM=batch",
		"a space in front":              " CN=batch",
		"a space behind the type":       "CN =batch",
		"a space in front of the value": "CN= batch",
		"a space behind the value":      "CN=batch ",
		"a space in front of a comma":   "CN=batch ,O=Example",
		"an empty value":                "CN=",
		"an empty value among others":   "CN=,O=Example",
		"a comma in front":              ",CN=batch",
		"a comma behind":                "CN=batch,",
		"a comma and a space behind":    "CN=batch, ",
		"two commas":                    "CN=batch,,O=Example",
		"a plus behind":                 "CN=batch+",
		"semicolons, as RFC 1779":       "CN=batch;O=Example",
		"slashes, as OpenSSL":           "/C=DE/O=Example/CN=batch",
		"quotation marks, as RFC 1779":  `CN="batch"`,
		"a comma that is not escaped":   "CN=Smith, III",
		"a quotation mark inside":       `CN=a"b`,
		"angle brackets":                "CN=<batch>",
		"a null byte":                   "CN=a\x00b",
		"a backslash behind":            `CN=batch\`,
		"a backslash and a letter":      `CN=\batch\x`,
		"one hexadecimal digit":         `CN=batch\0`,
		"bytes that are not UTF-8":      `CN=\FF`,
		"half a letter":                 `CN=\C4`,
		"text that is not UTF-8":        "CN=\xff",
		"OID in front of the number":    "OID.2.5.4.3=batch",
		"a number with leading zeros":   "2.5.4.03=batch",
		"one number":                    "2=batch",
		"a number that cannot be":       "3.5.4.3=batch",
		"a number with a dot behind":    "2.5.4.3.=batch",
		"no digits":                     "CN=#",
		"an odd number of digits":       "CN=#130",
		"what are no digits":            "CN=#xyz",
		"DER cut off":                   "CN=#1305626174",
		"DER with more behind":          "CN=#1305626174636800",
		"an empty string in DER":        "CN=#0C00",
		"a length that is too long":     "CN=#138105" + "6261746368",
		"a type in other letters":       "\u0421N=batch",
		"a type in full-width letters":  "\uff23\uff2e=batch",
		"a line break":                  "CN=batch,\nO=Example",
	} {
		if err := dn(text).Validate(); err == nil {
			t.Errorf("%s: %q is accepted", what, text)
		}
	}
}
