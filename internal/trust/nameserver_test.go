package trust_test

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// nameserver answers DNS on loopback. It knows the names that a test gives it.
type nameserver struct {
	mu      sync.Mutex
	answers map[string][][]netip.Addr // by name: those of the first query, the second, and the last for all further ones
	queries map[dnsmessage.Question]int
}

// resolving returns a resolver that asks a new nameserver alone.
func resolving(t testing.TB, answers map[string][][]netip.Addr) *net.Resolver {
	t.Helper()
	listener, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	server := &nameserver{answers: answers, queries: map[dnsmessage.Question]int{}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.serve(t, listener)
	}()
	t.Cleanup(func() {
		listener.Close()
		<-ended
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", listener.LocalAddr().String())
	}}
}

func (n *nameserver) serve(t testing.TB, listener net.PacketConn) {
	query := make([]byte, 4096)
	for {
		length, from, err := listener.ReadFrom(query)
		if err != nil {
			return // the test is over
		}
		answer, err := n.answer(query[:length])
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = listener.WriteTo(answer, from)
	}
}

func (n *nameserver) answer(query []byte) ([]byte, error) {
	var parser dnsmessage.Parser
	header, err := parser.Start(query)
	if err != nil {
		return nil, err
	}
	question, err := parser.Question()
	if err != nil {
		return nil, err
	}
	addresses, known := n.look(question)
	answer := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: header.ID, Response: true, Authoritative: true, RecursionAvailable: true},
		Questions: []dnsmessage.Question{question},
	}
	if !known {
		answer.RCode = dnsmessage.RCodeNameError
	}
	for _, address := range addresses {
		resource := dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Type: question.Type, Class: question.Class},
		}
		switch {
		case address.Is4() && question.Type == dnsmessage.TypeA:
			resource.Body = &dnsmessage.AResource{A: address.As4()}
		case address.Is6() && question.Type == dnsmessage.TypeAAAA:
			resource.Body = &dnsmessage.AAAAResource{AAAA: address.As16()}
		default:
			continue
		}
		answer.Answers = append(answer.Answers, resource)
	}
	return answer.Pack()
}

func (n *nameserver) look(question dnsmessage.Question) (addresses []netip.Addr, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	answers, known := n.answers[strings.TrimSuffix(strings.ToLower(question.Name.String()), ".")]
	if !known {
		return nil, false
	}
	number := n.queries[question]
	n.queries[question]++
	return answers[min(number, len(answers)-1)], true
}

// always is the answer of a name that is what it was.
func always(addresses ...string) [][]netip.Addr {
	return [][]netip.Addr{parseAddresses(addresses...)}
}

func parseAddresses(texts ...string) []netip.Addr {
	var addresses []netip.Addr
	for _, text := range texts {
		addresses = append(addresses, netip.MustParseAddr(text))
	}
	return addresses
}
