package trust

import (
	"net/netip"
	"net/url"
)

// CheckAddress decides about an address as if it were about to be dialled, which a test must not do: for a host that is
// anywhere, or for one that is this machine.
func CheckAddress(address netip.Addr, local bool) error { return reach{local: local}.check(address) }

// ParseMetadata reads an issuer's metadata.
func ParseMetadata(document []byte, issuer string) (string, error) {
	return parseMetadata(document, issuer)
}

// ParseURL reads a URL that may be fetched.
func ParseURL(written string, local bool) (*url.URL, error) { return parseURL(written, local) }
