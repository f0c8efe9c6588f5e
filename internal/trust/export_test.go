package trust

import (
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// CheckAddress decides about an address as if it were about to be dialled, which a test must not do: for a host that is
// anywhere, or for one that is this machine.
func CheckAddress(address netip.Addr, local bool) error { return reach{local: local}.check(address) }

// Lifetime is what the headers of an answer say, before it is bounded.
func Lifetime(header http.Header, now time.Time) time.Duration { return lifetime(header, now) }

// ParseMetadata reads an issuer's metadata.
func ParseMetadata(document []byte, issuer string) (string, error) {
	return parseMetadata(document, issuer)
}

// ParseURL reads a URL that may be fetched.
func ParseURL(written string, local bool) (*url.URL, error) { return parseURL(written, local) }
