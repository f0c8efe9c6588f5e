package trust_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/trust"
)

// Protocol F1. Each network is tried at its first and last address, and at their neighbours outside.
func TestAddresses_of_the_public_internet_alone_are_fetched_from(t *testing.T) {
	for _, allowed := range []string{
		"1.0.0.0", "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
		"128.0.0.0", "168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
		"191.255.255.255", "192.0.1.0", "192.0.1.255", "192.0.3.0", "192.88.98.255", "192.88.100.0", "192.167.255.255",
		"192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0",
		"223.255.255.255",
		"2000::", "2001:200::", "2001:4860:4860::8888", "2001:db7:ffff::", "2001:db9::", "2003::", "2606:4700:4700::1111",
		"2a00:1450::", "3ffe:ffff::", "3fff:1000::",
		"::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
	} {
		if err := trust.CheckAddress(netip.MustParseAddr(allowed), false); err != nil {
			t.Errorf("%s: %v", allowed, err)
		}
	}
	for _, denied := range forbidden {
		if err := trust.CheckAddress(netip.MustParseAddr(denied), false); !errors.Is(err, trust.ErrAddress) {
			t.Errorf("%s: %v", denied, err)
		}
	}
	if err := trust.CheckAddress(netip.Addr{}, false); !errors.Is(err, trust.ErrAddress) {
		t.Errorf("none: %v", err)
	}
}

// Whatever localhost resolves to: plain http must not leave the machine.
func TestAddresses_of_this_machine_alone_are_what_a_local_host_leads_to(t *testing.T) {
	for address, allowed := range map[string]bool{
		"127.0.0.1": true, "127.1.2.3": true, "::1": true, "::ffff:127.0.0.1": true,
		"8.8.8.8": false, "10.0.0.1": false, "0.0.0.0": false, "::": false, "169.254.169.254": false, "2001:4860:4860::8888": false,
	} {
		if err := trust.CheckAddress(netip.MustParseAddr(address), true); (err == nil) != allowed {
			t.Errorf("%s: %v", address, err)
		}
	}
}

var forbidden = append(append(forbidden4, forbidden6...), disguised()...)

var forbidden4 = []string{
	"0.0.0.0", "0.255.255.255",
	"10.0.0.0", "10.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255",
	"100.64.0.0", "100.100.100.200", "100.127.255.255",
	"127.0.0.0", "127.0.0.1", "127.255.255.255",
	"168.63.129.16",
	"169.254.0.0", "169.254.169.254", "169.254.170.2", "169.254.255.255",
	"192.0.0.0", "192.0.0.192", "192.0.0.255", "192.0.2.0", "192.0.2.255", "192.88.99.0", "192.88.99.255",
	"198.18.0.0", "198.19.255.255", "198.51.100.0", "198.51.100.255", "203.0.113.0", "203.0.113.255",
	"224.0.0.0", "224.0.0.1", "239.255.255.255", "240.0.0.0", "255.255.255.254", "255.255.255.255",
}

var forbidden6 = []string{
	"::", "::1", "::2", "::ffff", "100::", "100::ffff", "64:ff9b:1::", "64:ff9b:1::8.8.8.8", "64:ff9b:0:0:0:1::",
	"1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::",
	"2001:1ff:ffff::", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2002:808:808::", "3fff::",
	"3fff:fff:ffff::", "4000::", "5f00::1", "fbff::", "fc00::", "fd00::1", "fd00:ec2::254", "fd20:ce::254", "fdff::",
	"fe00::", "fe80::", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "ff02::1", "ffff::",
	"2a00:1450::1%eth0", "fd00::1%eth0",
	"::8.8.8.8", // the IPv4-compatible form is out of use
	"64:ff9b::7f00:1%eth0",
}

// disguised are the IPv4 addresses in the forms that IPv6 has for them.
func disguised() (forms []string) {
	for _, text := range forbidden4 {
		b := netip.MustParseAddr(text).As4()
		forms = append(forms, "::ffff:"+text, "::"+text, "64:ff9b::"+text, "64:ff9b:1::"+text,
			fmt.Sprintf("2002:%x:%x::1", uint16(b[0])<<8|uint16(b[1]), uint16(b[2])<<8|uint16(b[3])))
	}
	return forms
}

// ZITADEL's bypasses: what counts is not what a name looks like.
func TestNames_are_decided_about_by_what_they_resolve_to(t *testing.T) {
	answers := map[string][][]netip.Addr{}
	for i, address := range forbidden {
		if !strings.Contains(address, "%") { // which no record can hold
			answers[fmt.Sprintf("n%d.example.com", i)] = always(address)
		}
	}
	answers["all.example.com"] = always("127.0.0.1", "10.1.2.3", "::1", "fd00:ec2::254", "::ffff:169.254.169.254")
	p, signed := newPublisher(t), newParty(t).signs(t, "k")
	resolver := resolving(t, answers)
	for name, addresses := range answers {
		r := &remote{clock: &clock{}}
		r.follow(t, p, r.using(t, names(resolver)), at("https://"+name+p.port()+jwksPath), inNoNetwork)
		r.failsWith(t, signed, trust.ErrAddress)
		if t.Failed() {
			t.Fatalf("%s at %v", name, addresses)
		}
	}
	p.want(t, 0)
}

func inNoNetwork(c *trust.RemoteConfig) { c.Networks = nil }

func TestAddresses_that_are_written_down_are_decided_about_too(t *testing.T) {
	p, signed := newPublisher(t), newParty(t).signs(t, "k")
	resolver := resolving(t, nil) // which knows no name
	for _, host := range []string{
		"127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "10.0.0.1", "169.254.169.254", "[::ffff:169.254.169.254]",
		"[fd00:ec2::254]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]", "0.0.0.0", "[::]", "[fe80::1%25lo]",
	} {
		r := &remote{clock: &clock{}}
		r.follow(t, p, r.using(t, names(resolver)), at("https://"+host+p.port()+jwksPath), inNoNetwork)
		r.failsWith(t, signed, trust.ErrAddress)
		if t.Failed() {
			t.Fatal(host)
		}
	}
	// Other ways of writing an address are names that nobody has.
	for _, host := range []string{"127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "localhost."} {
		r := &remote{clock: &clock{}}
		r.follow(t, p, r.using(t, names(resolver)), at("https://"+host+p.port()+jwksPath), inNoNetwork)
		undecided(t, r, signed)
	}
	p.want(t, 0)
}

// inNetwork puts the configured host into networks.
func inNetwork(texts ...string) func(*trust.RemoteConfig) {
	return func(c *trust.RemoteConfig) {
		c.Networks = nil
		for _, text := range texts {
			c.Networks = append(c.Networks, netip.MustParsePrefix(text))
		}
	}
}

// twins are two publishers at one port of two addresses.
func twins(t *testing.T, first, second string) (a, b *publisher) {
	t.Helper()
	listen := func(address string) *publisher {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Skipf("this machine has no such address: %v", err)
		}
		p := newIdlePublisher(t)
		p.Listener.Close()
		p.Listener = listener
		p.StartTLS()
		return p
	}
	a = listen(first + ":0")
	return a, listen(second + a.port())
}

// Here 127.0.0.2 stands for the public internet, and 127.0.0.1 for what nobody may reach.
func TestNames_that_resolve_to_something_else_the_next_time_lead_nowhere(t *testing.T) {
	public, private := twins(t, "127.0.0.2", "127.0.0.1")
	good, forged := newParty(t), newParty(t)
	public.publishes(good.jwks(t, "k"))
	private.publishes(forged.jwks(t, "k"))
	resolver := resolving(t, map[string][][]netip.Addr{
		"rebound.example.com": {parseAddresses("127.0.0.2"), parseAddresses("127.0.0.1")},
		"both.example.com":    always("127.0.0.1", "127.0.0.2"),
		"flips.example.com": {
			parseAddresses("127.0.0.1"), parseAddresses("127.0.0.2"), parseAddresses("127.0.0.1"), parseAddresses("127.0.0.2"),
		},
	})
	follow := func(name string) *remote {
		r := &remote{clock: &clock{}}
		uri := "https://" + name + public.port() + jwksPath
		return r.follow(t, public, r.using(t, names(resolver)), at(uri), inNetwork("127.0.0.2/32"))
	}

	rebound := follow("rebound.example.com")
	accept(t, rebound, good.signs(t, "k"))
	public.want(t, 1)
	for range 5 {
		rebound.clock.advance(silent)
		accept(t, rebound, good.signs(t, "k")) // the last good one
		refuse(t, rebound, forged.signs(t, "k"), jose.ErrSignature)
	}
	public.want(t, 1)
	if heard := rebound.errors(); len(heard) != 5 || !errors.Is(heard[4], trust.ErrAddress) {
		t.Errorf("heard %v", heard)
	}

	accept(t, follow("both.example.com"), good.signs(t, "k"))

	flips := follow("flips.example.com")
	flips.failsWith(t, good.signs(t, "k"), trust.ErrAddress)
	flips.clock.advance(rest)
	accept(t, flips, good.signs(t, "k"))
	private.want(t, 0)
}

func TestNetworks_open_private_addresses_for_one_source_alone(t *testing.T) {
	p, signer := newPublisher(t), newParty(t)
	p.publishes(signer.jwks(t, "k"))
	signed := signer.signs(t, "k")
	for name, test := range map[string]struct {
		networks []string
		reached  bool
	}{
		"its own address": {[]string{"127.0.0.1/32"}, true},
		"its network":     {[]string{"10.0.0.0/8", "127.0.0.0/8"}, true},
		"none":            {nil, false},
		"other addresses": {[]string{"127.0.0.2/32"}, false},
		"other networks":  {[]string{"10.0.0.0/8", "fc00::/7", "::1/128"}, false},
		"one next to it":  {[]string{"127.0.0.128/25"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := following(t, p, inNetwork(test.networks...))
			if test.reached {
				accept(t, r, signed)
			} else {
				r.failsWith(t, signed, trust.ErrAddress)
			}
		})
	}
}

func TestNetworks_never_open_a_metadata_server(t *testing.T) {
	p, signed := newPublisher(t), newParty(t).signs(t, "k")
	for _, host := range []string{
		"[fd00:ec2::254]", "[fd20:ce::254]", "100.100.100.200", "169.254.169.254", "[::ffff:100.100.100.200]",
	} {
		r := following(t, p, at("https://"+host+p.port()+jwksPath), inNetwork("fc00::/7", "100.64.0.0/10", "10.0.0.0/8"))
		r.failsWith(t, signed, trust.ErrAddress)
		if t.Failed() {
			t.Fatal(host)
		}
	}
}

func TestNewRemote_takes_private_networks_only(t *testing.T) {
	base := trust.RemoteConfig{Fetcher: fetcher(t, &clock{}), JWKSURI: "https://keys.example.com/"}
	for network, good := range map[string]bool{
		"10.0.0.0/8": true, "10.96.0.1/32": true, "172.16.0.0/12": true, "192.168.7.0/24": true, "100.64.0.0/10": true,
		"127.0.0.1/32": true, "::1/128": true, "fc00::/7": true, "fd12:3456::/32": true,

		"0.0.0.0/0": false, "::/0": false, "10.0.0.0/7": false, "172.16.0.0/11": false, "169.254.0.0/16": false,
		"169.254.169.254/32": false, "8.8.8.0/24": false, "224.0.0.0/4": false, "0.0.0.0/8": false, "fe80::/10": false,
		"2000::/3": false, "::/96": false, "::ffff:10.0.0.0/104": false, "fc00::/6": false,
	} {
		config := base
		inNetwork(network)(&config)
		if _, err := trust.NewRemote(config); (err == nil) != good {
			t.Errorf("%s: %v", network, err)
		}
	}
	base.Networks = []netip.Prefix{{}}
	if _, err := trust.NewRemote(base); err == nil {
		t.Error("no network is accepted as one")
	}
}
