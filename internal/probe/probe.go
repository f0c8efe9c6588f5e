// Package probe asks a deployed authorization server, from outside, for what it must give and for what it must refuse.
//
// It is the other side of what internal/server promises: every check names the rule of the protocol, or the attack, that
// it comes from, and what was expected and came. What it needs to judge an answer it does by itself (signatures,
// thumbprints, claims): a fault that it shared with the server it would not see. Only what an honest client sends is
// made by package jose.
//
// It is made for production: it sends some fifty small requests, one after the other, and changes nothing there. It must
// never call passed what it has not seen, follow an answer elsewhere, or let an assertion, a token or a key into its
// report.
package probe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"example.com/countersign/internal/jose"
)

// Config says whom to ask, and as whom. URL, Timeout and Now are required.
type Config struct {
	URL    string // where the server is asked, up to the paths of its endpoints
	Issuer string // its issuer identifier; empty: URL

	Client   string          // a client with private_key_jwt and client_credentials; empty: only what strangers can ask for is asked
	Key      jose.SigningKey // its private key; needed with Client
	Scope    string          // of the tokens to ask for; empty: what the client gets by default
	Resource string          // likewise

	Transport http.RoundTripper // nil: http.DefaultTransport
	Timeout   time.Duration     // for each request
	Now       func() time.Time
}

// check refuses what no probe can be made with. A credential never goes over the network in the clear (RFC 6749 §3.2).
func (c Config) check() error {
	if c.Timeout <= 0 || c.Now == nil {
		return errors.New("probe: a time-out and a clock are required")
	}
	for _, text := range []string{c.URL, c.Issuer} {
		place, err := url.Parse(text)
		if err != nil || place.Hostname() == "" || place.User != nil || place.RawQuery != "" || place.Fragment != "" {
			return fmt.Errorf("%q is not a URL like https://auth.example.com", text)
		}
		if place.Scheme != "https" && (place.Scheme != "http" || !isLoopback(place.Hostname())) {
			return fmt.Errorf("%q is not https, and only this machine itself can be asked without", text)
		}
	}
	switch {
	case c.Client != "" && c.Key.IsZero():
		return errors.New("a client needs its private key, to prove that it is this client")
	case c.Client == "" && !c.Key.IsZero():
		return errors.New("a key needs the id of the client whose it is")
	case c.Key.Algorithm().Symmetric():
		return errors.New("the key must be a private key, for private_key_jwt")
	}
	return nil
}

func isLoopback(host string) bool {
	address := net.ParseIP(host)
	return host == "localhost" || address != nil && address.IsLoopback()
}

// run is a probe under way: what is known of the server so far.
type run struct {
	config Config
	http   *http.Client
	report Report

	base     string // URL without a final slash
	marker   string // is in whatever we make up, and so in no honest answer
	own      forger // has the client's key; zero: there is no client
	stranger forger // has a key that nobody knows

	metadata map[string]any // nil: none came
	jwks     answer
	keys     []jwk // published; none: none came

	first   string // the assertion that got the first token
	granted grant  // zero: the server gave no token

	asked    []exchange        // what was refused, or was to be
	named    map[string]answer // by the name of their checks: answers that a later check looks at
	told     []string          // assertions and tokens, which must be in no answer to them and in no report
	silences int               // how many requests in a row had no answer
	silentAt int               // the finding of the first of them
}

// Run makes a probe. The error says that there was nothing to ask; whatever came of asking is in the report.
func Run(ctx context.Context, config Config) (Report, error) {
	if config.Issuer == "" {
		config.Issuer = config.URL
	}
	if err := config.check(); err != nil {
		return Report{}, err
	}
	r := &run{
		config: config,
		http: &http.Client{
			Transport:     config.Transport,
			Timeout:       config.Timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		report: Report{URL: config.URL, Issuer: config.Issuer, Client: config.Client, Started: config.Now().UTC()},
		base:   strings.TrimSuffix(config.URL, "/"),
		marker: "probe" + rand.Text(),
		named:  make(map[string]answer),
	}
	var err error
	if r.stranger, err = newStranger(); err != nil {
		return Report{}, err
	}
	if config.Client != "" {
		if r.own, err = newForger(config.Key); err != nil {
			return Report{}, err
		}
	}
	for _, c := range checks() {
		r.judge(ctx, c)
	}
	return r.report, nil
}

// check is one thing that is looked at.
type check struct {
	name     string // snake_case; stable, since alerts go by it
	kind     Kind
	rule     string // of the protocol, or the number of the attack
	sent     string // what was sent, in one phrase
	expected string
	needs    need
	judge    func(context.Context, *run) verdict
}

// need is what a check has to have before it says anything.
type need int

const (
	nothing need = iota
	aClient      // in whose name it asks
	aToken       // granted to that client: where the honest request is refused, a refusal says nothing
)

// verdict is what came of a check.
type verdict struct {
	came string
	ok   bool
	skip string // why it could not be made; empty: it was
}

// checks returns all, in the order in which they are made.
func checks() []check {
	all := slices.Concat(metadataChecks(), keyChecks(), healthChecks(), tokenChecks())
	for _, f := range forgeries() {
		all = append(all, f.check())
	}
	for _, m := range misuses() {
		all = append(all, m.check())
	}
	return append(all, refusalChecks()...)
}

// judge makes one check, or says why not.
func (r *run) judge(ctx context.Context, c check) {
	finding := Finding{Name: c.name, Kind: c.kind, Rule: c.rule, Sent: c.sent, Expected: c.expected, Outcome: NotRun}
	switch {
	case r.report.Stopped != "":
		finding.Why = r.report.Stopped
	case c.needs >= aClient && r.config.Client == "":
		finding.Why = "it needs a client, and none was given"
	case c.needs >= aToken && r.granted.token == "":
		finding.Why = "the client got no token, so that a refusal would say nothing"
	default:
		v := c.judge(ctx, r)
		switch {
		case r.report.Stopped != "":
			finding.Why = r.report.Stopped
		case v.skip != "":
			finding.Why = v.skip
		case v.ok:
			finding.Came, finding.Outcome = v.came, AsItMustBe
		default:
			finding.Came, finding.Outcome = v.came, NotAsItMustBe
		}
	}
	r.report.Findings = append(r.report.Findings, finding)
}
