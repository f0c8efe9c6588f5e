// Package client knows the registered clients and finds out which of them sent a request (RFC 6749 §2.3,
// RFC 7521 §4.2, RFC 7523 §2.2, RFC 8705 §2, OpenID Connect Core §9).
//
// [Registry.Authenticate] takes a parsed request and hands on an [Authenticated], which says who the client is and
// whether it has proved it. Each client is registered for exactly one method, and only that one is believed.
//
// It must never tell an unknown client from a known one with a wrong credential, in words or, within reason, in time
// (protocol T8).
package client

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/budget"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/replay"
	"example.com/countersign/internal/stoplist"
)

// Registration is one registered client. The zero value of a field is its strictest.
type Registration struct {
	ID       string
	Disabled bool     // refused as if it were unknown
	Method   string   // the one way to authenticate; oauth.NoAuthentication only identifies
	Grants   []string // grant_type values

	Introspects []string // the resources whose tokens it may ask about (RFC 7662); none: it may ask about none

	Keys        assertion.Keys        // verify client assertions; nil: none verifies
	Audience    string                // the one aud of its client assertions (protocol C4); empty: only by an exception
	MaxLifetime time.Duration         // of its client assertions (protocol C6)
	Exceptions  []assertion.Exception // what its client assertions may be weaker in
	Secrets     []*SecretHash         // one of them must fit the client_secret

	// Certificate is whom the certificate of a client names, for tls_client_auth and nothing else. For
	// self_signed_tls_client_auth the key of the certificate must be one of Keys.
	Certificate CertificateName

	Constraint     oauth.Constraint // to what its tokens must be bound
	Algorithms     []jose.Algorithm // of its client assertions and DPoP proofs; none: all that its keys have
	AudienceString bool             // aud of its client assertions is a string, and not an array of one (protocol C4)
}

// Allows reports whether the client is registered for grant.
func (r *Registration) Allows(grant string) bool { return slices.Contains(r.Grants, grant) }

// Registry is the registered clients. It is safe for concurrent use.
type Registry struct {
	clients  map[string]*Registration
	verifier *assertion.Verifier
	now      func() time.Time
	roots    *x509.CertPool
	names    map[string]naming        // by id: whom the certificate must name
	holders  map[string]holder        // by id: which has the key of the certificate
	stops    *stoplist.Following      // who is refused as if it were disabled
	budgets  *budget.Budgets          // who has failed too often
	hashing  chan struct{}            // bounds how many slow hashes run at a time
	decoys   map[string][]*SecretHash // by method: the hashes of the client that has the most
}

// Config is what a [Registry] is made of. Verifier and Now are required.
type Config struct {
	Registrations []*Registration // with unique ids
	Verifier      *assertion.Verifier
	Now           func() time.Time

	// Roots are the authorities that issue the certificates of tls_client_auth. Nil: no client can be registered for that;
	// those of the machine are never taken, since they issue certificates to everybody.
	Roots *x509.CertPool

	Stops *stoplist.Following // who is refused as if it were disabled; nil: nobody is

	Budgets *budget.Budgets // who has failed too often, and is not looked at; nil: nobody has
}

// New returns a registry.
func New(config Config) (*Registry, error) {
	if config.Verifier == nil || config.Now == nil {
		return nil, errors.New("client: a verifier and a clock are required")
	}
	registry := &Registry{
		clients:  make(map[string]*Registration, len(config.Registrations)),
		verifier: config.Verifier,
		now:      config.Now,
		roots:    config.Roots,
		stops:    config.Stops,
		budgets:  config.Budgets,
		names:    make(map[string]naming),
		holders:  make(map[string]holder),
		hashing:  make(chan struct{}, hashesAtOnce),
		decoys:   make(map[string][]*SecretHash),
	}
	for _, registration := range config.Registrations {
		if _, twice := registry.clients[registration.ID]; twice || registration.ID == "" {
			return nil, fmt.Errorf("client: the id %q is empty or there twice", registration.ID)
		}
		if err := registry.prepareCertificates(registration); err != nil {
			return nil, fmt.Errorf("client: %q: %w", registration.ID, err)
		}
		registry.clients[registration.ID] = registration
		if len(registration.Secrets) > len(registry.decoys[registration.Method]) {
			registry.decoys[registration.Method] = registration.Secrets
		}
	}
	return registry, nil
}

// Find returns the client with this id, disabled ones excepted.
func (r *Registry) Find(id string) (*Registration, bool) {
	registration, found := r.clients[id]
	if !found || registration.Disabled {
		return nil, false
	}
	return registration, true
}

// Has reports whether the id is taken, be the client disabled or not.
func (r *Registry) Has(id string) bool {
	_, found := r.clients[id]
	return found
}

// Authenticated is a request together with what is known of its client. Only [Registry.Authenticate] makes one.
type Authenticated struct {
	request      oauth.TokenRequest
	registration *Registration // nil: the request names no client
	proved       bool
	assertion    assertion.Verified
	stops        stoplist.List
	valid        bool
}

// IsZero reports whether no request was looked at.
func (a Authenticated) IsZero() bool { return !a.valid }

// Request returns the request.
func (a Authenticated) Request() oauth.TokenRequest { return a.request }

// Client returns the client that the request names; false: it names none. Whether the client has proved to be this one
// is what Proved says.
func (a Authenticated) Client() (*Registration, bool) { return a.registration, a.registration != nil }

// Proved reports whether the client has authenticated, and not only said who it is.
func (a Authenticated) Proved() bool { return a.proved }

// Assertion returns the client assertion; its zero value where the client used another method.
func (a Authenticated) Assertion() assertion.Verified { return a.assertion }

// Stops returns who was stopped when the request came, for the stages that come to know more of it.
func (a Authenticated) Stops() stoplist.List { return a.stops }

// Authenticate finds out which client sent request. The error is an *oauth.Error.
func (r *Registry) Authenticate(ctx context.Context, request oauth.TokenRequest) (Authenticated, error) {
	if request.IsZero() {
		return Authenticated{}, &oauth.Error{Code: oauth.ServerError, Description: "the request was not parsed"}
	}
	stops, err := r.stops.List(ctx)
	if err != nil {
		return Authenticated{}, oauth.Unavailable("stop_list_unavailable", err)
	}
	authenticated, err := r.by(ctx, request, known{r, stops})
	authenticated.stops = stops
	return authenticated, err
}

// by goes by the credential of the request.
func (r *Registry) by(ctx context.Context, request oauth.TokenRequest, among known) (Authenticated, error) {
	switch request.Method {
	case oauth.PrivateKeyJWT:
		return r.byAssertion(ctx, request, among)
	case oauth.ClientSecretBasic, oauth.ClientSecretPost:
		return r.bySecret(ctx, request, among)
	default:
		return r.byName(ctx, request, among)
	}
}

// admit turns away who has failed too often as claimed, before what the request has to prove it with costs anything. It
// treats clients that exist as those that do not (protocol T8).
func (r *Registry) admit(request oauth.TokenRequest, claimed string) error {
	if err := r.budgets.Admit(request.Source, claimed); err != nil {
		return oauth.Exhausted(err)
	}
	return nil
}

// byName identifies a client that is registered to have no credential (protocol C1), or by its certificate.
func (r *Registry) byName(ctx context.Context, request oauth.TokenRequest, among known) (Authenticated, error) {
	if request.ClientID == "" {
		return Authenticated{request: request, valid: true}, nil
	}
	if err := r.admit(request, request.ClientID); err != nil {
		return Authenticated{}, err
	}
	registration, found := among.find(request.ClientID)
	if found && registration.Method == oauth.NoAuthentication {
		return Authenticated{request: request, registration: registration, valid: true}, nil
	}
	return r.byCertificate(ctx, request, among)
}

// byAssertion holds protocol C3 to C6. One use of the assertion is remembered later, when all else has passed.
func (r *Registry) byAssertion(ctx context.Context, request oauth.TokenRequest, among known) (Authenticated, error) {
	presented, err := assertion.Parse(request.ClientAssertion.Reveal())
	if err != nil {
		return Authenticated{}, faulty("", err)
	}
	if request.ClientID != "" && request.ClientID != presented.Issuer() {
		return Authenticated{}, &oauth.Error{
			Code:        oauth.InvalidClient,
			Description: "client_id is not the iss of the client assertion",
			Reason:      "client_id_mismatch",
			Claimed:     presented.Issuer(),
		}
	}
	if err := r.admit(request, presented.Issuer()); err != nil {
		return Authenticated{}, err
	}
	registration, profile := among.assertionProfile(presented.Issuer())
	profile.Trace = request.Trace
	verified, err := r.verifier.Verify(ctx, presented, profile)
	if errors.Is(err, assertion.ErrNobody) {
		refusal := among.whyNobody(presented.Issuer())
		refusal.Claimed = presented.Issuer()
		return Authenticated{}, refusal
	}
	if err != nil {
		return Authenticated{}, faulty(presented.Issuer(), err)
	}
	if err := among.stops.Check(stoplist.Facts{Client: registration.ID, ID: verified.ID()}); err != nil {
		return Authenticated{}, Stopped(err)
	}
	return Authenticated{request: request, registration: registration, proved: true, assertion: verified, valid: true}, nil
}

// assertionProfile returns what the client's assertion must be. An id that may not use one gets a profile that nothing
// satisfies, and is refused where a wrong signature is.
func (k known) assertionProfile(id string) (*Registration, assertion.Profile) {
	profile := assertion.Profile{Purpose: replay.ForClient, Issuer: id, Keys: assertion.Nobody{}}
	registration, found := k.find(id)
	if !found || registration.Method != oauth.PrivateKeyJWT && registration.Method != oauth.ClientSecretJWT {
		return nil, profile
	}
	profile.Keys = registration.Keys
	if registration.Audience != "" {
		profile.Audiences = []string{registration.Audience}
	}
	profile.SoleAudience, profile.AudienceString = true, registration.AudienceString
	profile.Algorithms = registration.Algorithms
	profile.Types = []string{"client-authentication+jwt"}
	profile.MaxLifetime = registration.MaxLifetime
	profile.IDRequired = true // protocol C3
	profile.Exceptions = registration.Exceptions
	profile.Stopped = KeyStopped(k.stops, stoplist.Facts{Client: id})
	return registration, profile
}

// whyNobody says, for the log alone, why nobody's assertion would do for this id (protocol T8).
func (k known) whyNobody(id string) *oauth.Error {
	if _, found := k.find(id); found {
		return refused("method_wrong", nil)
	}
	return k.absent(id)
}

// faulty turns what package assertion says of an assertion that claims to be of claimed into what the caller is told.
func faulty(claimed string, err error) error {
	fault, isFault := errors.AsType[*assertion.Fault](err)
	var refusal *oauth.Error
	switch {
	case !isFault:
		refusal = oauth.Unavailable("client_keys_unavailable", err)
	case assertion.TellsWhoExists(err):
		refusal = refused(fault.Reason, err)
		if stopped, is := errors.AsType[*stoplist.Stopped](err); is {
			refusal = Stopped(stopped)
		}
	default:
		refusal = &oauth.Error{
			Code:        oauth.InvalidClient,
			Description: "client_assertion: " + fault.Sentence,
			Reason:      "client_assertion_" + fault.Reason,
		}
	}
	refusal.Claimed = claimed
	return refusal
}

// refused is the one answer to an unknown client, a wrong key, a wrong secret and a wrong method (protocol T8).
func refused(reason string, cause error) *oauth.Error {
	return &oauth.Error{
		Code:        oauth.InvalidClient,
		Description: "client authentication failed: the client is unknown, or its credential or its method is wrong",
		Reason:      reason,
		Cause:       cause,
	}
}
