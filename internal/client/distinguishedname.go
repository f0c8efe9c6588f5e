package client

import (
	"bytes"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// distinguishedName is the name of a subject, in the order of a certificate (RFC 5280 §4.1.2.4). Each of its sets has
// its attributes in one order.
type distinguishedName [][]attribute

// attribute is one attribute of a name. Two are the same where they are equal.
type attribute struct {
	oid   string // of its type, in decimal with dots
	text  bool   // the value is text, however that is encoded
	value string // the text, or the DER
}

// matches reports whether two names are the same: the same sets in the same order, each with the same attributes.
// Values are compared character by character, which is stricter than RFC 5280 §7.1: no two names that one CA tells
// apart are ever taken for each other.
func (n distinguishedName) matches(other distinguishedName) bool {
	return slices.EqualFunc(n, other, slices.Equal)
}

// attributeTypes are the names of attribute types that can be written, in lower case: those of RFC 4514 §3, and those
// of RFC 4519, RFC 2985, X.520 and the certificates of the web, of payment services and of open banking.
var attributeTypes = map[string]string{
	"cn": "2.5.4.3", "commonname": "2.5.4.3",
	"l": "2.5.4.7", "localityname": "2.5.4.7",
	"st": "2.5.4.8", "stateorprovincename": "2.5.4.8",
	"o": "2.5.4.10", "organizationname": "2.5.4.10",
	"ou": "2.5.4.11", "organizationalunitname": "2.5.4.11",
	"c": "2.5.4.6", "countryname": "2.5.4.6",
	"street": "2.5.4.9", "streetaddress": "2.5.4.9",
	"dc": "0.9.2342.19200300.100.1.25", "domaincomponent": "0.9.2342.19200300.100.1.25",
	"uid": "0.9.2342.19200300.100.1.1", "userid": "0.9.2342.19200300.100.1.1",

	"sn": "2.5.4.4", "surname": "2.5.4.4",
	"serialnumber": "2.5.4.5",
	"title":        "2.5.4.12",
	"description":  "2.5.4.13", "businesscategory": "2.5.4.15", "postalcode": "2.5.4.17",
	"name": "2.5.4.41", "givenname": "2.5.4.42", "gn": "2.5.4.42",
	"initials": "2.5.4.43", "generationqualifier": "2.5.4.44",
	"dnqualifier": "2.5.4.46", "pseudonym": "2.5.4.65", "organizationidentifier": "2.5.4.97",
	"emailaddress": "1.2.840.113549.1.9.1", "e": "1.2.840.113549.1.9.1",
	"jurisdictionlocalityname":        "1.3.6.1.4.1.311.60.2.1.1",
	"jurisdictionstateorprovincename": "1.3.6.1.4.1.311.60.2.1.2",
	"jurisdictioncountryname":         "1.3.6.1.4.1.311.60.2.1.3",
}

// sorted puts the attributes of a set into the one order in which sets are compared.
func sorted(set []attribute) []attribute {
	slices.SortFunc(set, func(a, b attribute) int {
		return strings.Compare(a.oid+"="+a.value, b.oid+"="+b.value)
	})
	return set
}

// relativeNameSET is one set of attributes; package asn1 knows by the end of its name that it is one.
type relativeNameSET []struct {
	Type  asn1.ObjectIdentifier
	Value asn1.RawValue
}

var errName = errors.New("it is not a distinguished name in DER")

// nameOf reads the subject of a certificate.
func nameOf(subject []byte) (distinguishedName, error) {
	var sets []relativeNameSET
	if rest, err := asn1.Unmarshal(subject, &sets); err != nil || len(rest) > 0 {
		return nil, errName
	}
	name := make(distinguishedName, 0, len(sets))
	for _, set := range sets {
		var attributes []attribute
		for _, written := range set {
			attributes = append(attributes, valueOf(written.Value).of(written.Type.String()))
		}
		name = append(name, sorted(attributes))
	}
	return name, nil
}

func (a attribute) of(oid string) attribute {
	a.oid = oid
	return a
}

// valueOf reads the value of an attribute. What is no text, or no correct text, stays what it is.
func valueOf(value asn1.RawValue) attribute {
	if text, is := textOf(value); is {
		return attribute{text: true, value: text}
	}
	return attribute{value: string(value.FullBytes)}
}

// textOf reads the kinds of strings that a DirectoryString can be (RFC 5280 §4.1.2.4), and IA5String, which e-mail
// addresses and domain components are. Of a TeletexString only ASCII means the same to all.
func textOf(value asn1.RawValue) (string, bool) {
	if value.Class != asn1.ClassUniversal || value.IsCompound {
		return "", false
	}
	switch value.Tag {
	case asn1.TagUTF8String:
		return string(value.Bytes), utf8.Valid(value.Bytes)
	case asn1.TagPrintableString, asn1.TagIA5String, asn1.TagNumericString, asn1.TagT61String:
		return string(value.Bytes), !bytes.ContainsFunc(value.Bytes, func(r rune) bool { return r > 0x7f })
	case asn1.TagBMPString:
		return textOfBMP(value.Bytes)
	default:
		return "", false
	}
}

// textOfBMP reads UTF-16 without surrogates.
func textOfBMP(units []byte) (string, bool) {
	if len(units)%2 != 0 {
		return "", false
	}
	var text strings.Builder
	for ; len(units) > 0; units = units[2:] {
		unit := rune(units[0])<<8 | rune(units[1])
		if utf16.IsSurrogate(unit) {
			return "", false
		}
		text.WriteRune(unit)
	}
	return text.String(), true
}

var errEmptyValue = errors.New("a value is empty")

// hexValue reads the value of an attribute that is written as the hexadecimal digits of its DER (RFC 4514 §2.4).
func hexValue(digits string) (attribute, error) {
	der, err := hex.DecodeString(digits)
	if err != nil || len(der) == 0 {
		return attribute{}, errors.New(`a value that begins with # has pairs of hexadecimal digits; a # as it is stands as \#`)
	}
	var value asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &value); err != nil || len(rest) > 0 {
		return attribute{}, errors.New("a value that begins with # is not one value in DER")
	}
	read := valueOf(value)
	if read.value == "" {
		return attribute{}, errEmptyValue
	}
	return read, nil
}
