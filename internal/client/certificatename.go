package client

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
)

// CertificateName is whom the certificate of a client names (RFC 8705 §2.1.2): exactly one of the fields is set. A name
// in the certificate that it does not ask for counts for nothing; above all a common name is never a host name.
type CertificateName struct {
	SubjectDN string // the whole distinguished name of the subject, as RFC 4514 writes it
	SANDNS    string // a host name
	SANURI    string // a URI, compared character by character
	SANIP     string // an address
	SANEmail  string // an address of electronic mail, compared character by character
}

// IsZero reports whether nobody is named.
func (n CertificateName) IsZero() bool { return n == CertificateName{} }

// Validate returns what is wrong with the name, for whoever has written it down.
func (n CertificateName) Validate() error {
	_, err := n.parse()
	return err
}

// naming reports whether a certificate names somebody.
type naming func(*x509.Certificate) bool

var errNames = errors.New("want exactly one of a subject DN and a SAN (DNS name, URI, IP address, e-mail address)")

func (n CertificateName) parse() (naming, error) {
	kinds := []struct {
		written, what string
		parse         func(string) (naming, error)
	}{
		{n.SubjectDN, "the subject DN", parseSubject},
		{n.SANDNS, "the DNS name", parseDNS},
		{n.SANURI, "the URI", parseURI},
		{n.SANIP, "the IP address", parseIP},
		{n.SANEmail, "the e-mail address", parseEmail},
	}
	var names naming
	for _, kind := range kinds {
		if kind.written == "" {
			continue
		}
		if names != nil {
			return nil, errNames
		}
		var err error
		if names, err = kind.parse(kind.written); err != nil {
			return nil, fmt.Errorf("%s: %w", kind.what, err)
		}
	}
	if names == nil {
		return nil, errNames
	}
	return names, nil
}

func parseSubject(text string) (naming, error) {
	registered, err := parseDN(text)
	if err != nil {
		return nil, fmt.Errorf("as RFC 4514 writes it: %w", err)
	}
	return func(certificate *x509.Certificate) bool {
		subject, err := nameOf(certificate.RawSubject)
		return err == nil && registered.matches(subject)
	}, nil
}

// hostName is a name without a wildcard, whose labels are ASCII (RFC 5280 §4.2.1.6).
var hostName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\A[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\z`)
})

func parseDNS(text string) (naming, error) {
	if !hostName().MatchString(text) || len(text) > 253 {
		return nil, errors.New("it is not a host name in ASCII, without a wildcard and without a dot at its end")
	}
	return anySAN(sanDNS, func(name []byte) bool { return equalASCIIFold(string(name), text) }), nil
}

// equalASCIIFold does not take letters of other alphabets for those of ASCII, as strings.EqualFold does.
func equalASCIIFold(a, b string) bool {
	lower := func(c rune) rune {
		if c >= 'A' && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}
	return strings.Map(lower, a) == strings.Map(lower, b)
}

func parseURI(text string) (naming, error) {
	uri, err := url.Parse(text)
	if err != nil || !uri.IsAbs() || !isVisibleASCII(text) {
		return nil, errors.New("it is not an absolute URI")
	}
	return anySAN(sanURI, func(name []byte) bool { return string(name) == text }), nil
}

// parseIP reads an address, which is compared as a number: it can be written in several ways.
func parseIP(text string) (naming, error) {
	address, err := netip.ParseAddr(text)
	if err != nil || address.Zone() != "" || address.Is4In6() {
		return nil, errors.New("it is not an IPv4 or IPv6 address")
	}
	return anySAN(sanIP, func(name []byte) bool { return string(name) == string(address.AsSlice()) }), nil
}

func parseEmail(text string) (naming, error) {
	local, host, _ := strings.Cut(text, "@")
	if local == "" || !hostName().MatchString(host) || !isVisibleASCII(text) {
		return nil, errors.New("it is not an e-mail address in ASCII")
	}
	return anySAN(sanEmail, func(name []byte) bool { return string(name) == text }), nil
}

func isVisibleASCII(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c > '~' })
}

// The tags of a GeneralName (RFC 5280 §4.2.1.6).
const (
	sanEmail = 1
	sanDNS   = 2
	sanURI   = 6
	sanIP    = 7
)

var oidSAN = asn1.ObjectIdentifier{2, 5, 29, 17}

// anySAN returns what reports whether one of a certificate's alternative names of this kind is. It looks at the bytes
// of the certificate, since a URI that was parsed need not come out as it went in.
func anySAN(tag int, is func(name []byte) bool) naming {
	return func(certificate *x509.Certificate) bool {
		for _, extension := range certificate.Extensions { // of which there are no two of a kind
			if !extension.Id.Equal(oidSAN) {
				continue
			}
			var names []asn1.RawValue
			if rest, err := asn1.Unmarshal(extension.Value, &names); err != nil || len(rest) > 0 {
				return false
			}
			for _, name := range names {
				if name.Class == asn1.ClassContextSpecific && name.Tag == tag && !name.IsCompound && is(name.Bytes) {
					return true
				}
			}
		}
		return false
	}
}
