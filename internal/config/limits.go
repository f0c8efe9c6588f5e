package config

// Limits bounds how often somebody may fail in a minute, at one instance, before requests of his are turned away unread.
type Limits struct {
	At             Position
	ClientFailures int // of one client; 60 unless set
	SourceFailures int // of one address, by whoever has not proved to be a client; 600 unless set
	// ForwardedFor is how many addresses at the end of X-Forwarded-For were written by proxies that are ours. The first of
	// these is where a request comes from. 0: nobody knows where, and no address has a budget.
	ForwardedFor int
}

// The limits unless they are set, and their bounds.
const (
	defaultClientFailures = 60
	defaultSourceFailures = 600
	maxFailures           = 1_000_000
	maxForwardedFor       = 8
)

// readLimits reads how often somebody may fail. What an address may do wants to be known by its address.
func readLimits(v value) Limits {
	m := v.mapping()
	defer m.refuseOthers()
	ofSource, forwarded := m.optional("source_failures"), m.optional("forwarded_for")
	if ofSource.node != nil && forwarded.node == nil {
		ofSource.fault("needs forwarded_for, which says where a request comes from: 1 on Cloud Run itself, 2 behind Google's load balancer")
	}
	return Limits{
		At:             m.at(),
		ClientFailures: m.optional("client_failures").count(defaultClientFailures, 1, maxFailures),
		SourceFailures: ofSource.count(defaultSourceFailures, 1, maxFailures),
		ForwardedFor:   forwarded.count(0, 1, maxForwardedFor),
	}
}
