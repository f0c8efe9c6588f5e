package trust

import (
	"errors"
	"net/netip"
	"slices"
)

// ErrAddress says that a connection would have gone where nothing is fetched from: to this machine, the network that it
// is in, a metadata server, or nobody.
var ErrAddress = errors.New("the address is not a public one")

// The IANA registries of special-purpose addresses (RFC 6890), less what is public all the same. Of IPv6 only 2000::/3
// is given out at all.
var (
	special4 = networks(
		"0.0.0.0/8",        // this network
		"10.0.0.0/8",       // private
		"100.64.0.0/10",    // between a provider and its customers; some clouds keep metadata there
		"127.0.0.0/8",      // loopback
		"169.254.0.0/16",   // link-local, metadata servers
		"172.16.0.0/12",    // private
		"192.0.0.0/24",     // protocol assignments, a metadata server
		"192.0.2.0/24",     // documentation
		"192.88.99.0/24",   // relays of 6to4
		"192.168.0.0/16",   // private
		"198.18.0.0/15",    // benchmarks
		"198.51.100.0/24",  // documentation
		"203.0.113.0/24",   // documentation
		"224.0.0.0/4",      // multicast
		"240.0.0.0/4",      // reserved, broadcast
		"168.63.129.16/32", // registered as public, and yet the platform itself for a machine on Azure
	)
	global6  = netip.MustParsePrefix("2000::/3")
	special6 = networks(
		"2001::/23",     // protocol assignments: Teredo, benchmarks, ORCHID
		"2001:db8::/32", // documentation
		"2002::/16",     // 6to4, out of use (RFC 7526): an IPv4 address in disguise
		"3fff::/20",     // documentation
	)
	// nat64 is how a machine that has only IPv6 reaches IPv4 (RFC 6052 §2.1): the last four bytes say where.
	nat64 = netip.MustParsePrefix("64:ff9b::/96")
)

// private are the networks in which a source may be said to be.
var private = networks(
	"10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
	"::1/128", "fc00::/7",
)

// metadata are the servers within private that hand a machine's own credentials to whoever asks.
var metadata = networks(
	"100.100.100.200/32", // Alibaba Cloud
	"fd00:ec2::/32",      // AWS
	"fd20:ce::254/128",   // Google Cloud
)

func networks(texts ...string) []netip.Prefix {
	var parsed []netip.Prefix
	for _, text := range texts {
		parsed = append(parsed, netip.MustParsePrefix(text))
	}
	return parsed
}

func within(address netip.Addr, these []netip.Prefix) bool {
	return slices.ContainsFunc(these, func(p netip.Prefix) bool { return p.Contains(address) })
}

// reach is where connections to one host may go. The zero reach is the public internet.
type reach struct {
	local  bool           // to this machine, and nowhere else
	opened []netip.Prefix // to these networks too
}

// check decides about one address that is about to be dialled.
func (r reach) check(address netip.Addr) error {
	address = address.Unmap()
	permitted := public(address) || within(address, r.opened) && !within(address, metadata)
	if r.local {
		permitted = address.IsLoopback()
	}
	if !permitted {
		return ErrAddress
	}
	return nil
}

// public reports whether an address is one that the public internet routes. One within a zone is not.
func public(address netip.Addr) bool {
	switch {
	case address.Is4():
		return !within(address, special4)
	case nat64.Contains(address):
		bytes := address.As16()
		return public(netip.AddrFrom4([4]byte(bytes[12:])))
	default:
		return global6.Contains(address) && !within(address, special6)
	}
}

// openable reports whether network is one that a source may be said to be in: private, and nothing but.
func openable(network netip.Prefix) bool {
	return network.IsValid() && slices.ContainsFunc(private, func(p netip.Prefix) bool {
		return p.Bits() <= network.Bits() && p.Contains(network.Addr())
	})
}
