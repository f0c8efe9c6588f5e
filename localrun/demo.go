package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
)

// demonstration is a client that gets tokens and calls the API with them, and a terminal that shows it.
type demonstration struct {
	diagram
	http     *http.Client
	journal  *journal
	api      *demoAPI
	issuer   string // identifier of the authorization server: the aud of assertions
	server   string // where it is
	apiURL   string
	write    string // the scope that POST at the API needs
	report   jose.SigningKey
	mirror   jose.SigningKey // zero: the configuration does not have its client
	ci       jose.SigningKey
	ledger   *http.Client // shows the certificate of a client; nil: there is none
	sections int          // that have a number
	failures int          // steps that did not go as they should
}

// section begins the next part of the demonstration.
func (t terminal) section(number int, title string) {
	t.printf("%s  %s\n", t.styled(bold, fmt.Sprint(number)), t.styled(bold, title))
}

func (d *demonstration) section(title string) {
	d.sections++
	d.terminal.section(d.sections, title)
}

func (d *demonstration) endpoint() string { return d.server + "/token" }

// show runs the whole demonstration. The error says that it could not go on; steps that went wrong are counted.
func (d *demonstration) show(ctx context.Context) error {
	first, err := d.exchange(ctx, d.ownKey())
	if err != nil {
		return err
	}
	if _, err := d.exchange(ctx, d.vouched("main")); err != nil {
		return err
	}
	var bound []exchanged
	for _, f := range d.boundFlows() {
		got, err := d.exchange(ctx, f)
		if err != nil {
			return err
		}
		bound = append(bound, got)
	}
	return d.refusals(ctx, first, bound)
}

// exchanged is what a flow leaves behind.
type exchanged struct {
	assertion oauth.Secret
	held      held
	scope     []string
	thief     string // what somebody who has stolen the token does with it; empty: he can use it
}

// exchange shows one flow: a proof of who asks, a token for it, a call with the token.
func (d *demonstration) exchange(ctx context.Context, f flow) (exchanged, error) {
	d.section(f.title)
	d.printf("   %s\n\n", d.styled(faint, f.means))
	d.names([3]string{f.name, "Countersign", "demo API"})
	d.space()

	assertion, err := d.introduces(f)
	if err != nil {
		return exchanged{}, err
	}
	request := f.request(assertion)
	label := "POST /token"
	if !request.Prover.IsZero() {
		label += " with a proof"
	}
	d.sends(caller, issuer, label, normal, 0)

	begun := time.Now()
	answer, err := request.send(ctx, d.client(f))
	took := time.Since(begun)
	d.journal.nextDecision()
	if refused, isRefused := errors.AsType[*refusal](err); isRefused {
		d.sends(issuer, caller, fmt.Sprint(refused.Status, " ", refused.Code), red, took)
		d.failed(refused.Error())
		return exchanged{assertion: assertion}, nil
	}
	if err != nil {
		return exchanged{}, err
	}
	d.does(issuer, "verifies it and signs a token", 0)
	d.claims(issuer, answer.AccessToken)
	d.sends(issuer, caller, fmt.Sprintf("200 a token for %.0f s", answer.ExpiresIn.Seconds()), green, took)
	d.space()
	h := held{token: answer.AccessToken, scheme: answer.TokenType, prover: request.Prover, client: d.client(f)}
	return exchanged{assertion, h, strings.Fields(answer.Scope), f.thief}, d.call(ctx, f, h)
}

// introduces shows how the caller says who it is, and returns its assertion; zero: it has a certificate.
func (d *demonstration) introduces(f flow) (oauth.Secret, error) {
	if f.client != nil {
		d.does(caller, "opens TLS with its certificate", 0)
		return oauth.Secret{}, nil
	}
	begun := time.Now()
	assertion, err := f.claims.sign(f.key, "JWT", begun)
	if err != nil {
		return oauth.Secret{}, err
	}
	d.does(caller, "signs an assertion ("+string(f.key.Algorithm())+")", time.Since(begun))
	d.claims(caller, assertion)
	return assertion, nil
}

// client returns what sends the requests of a flow.
func (d *demonstration) client(f flow) *http.Client {
	if f.client != nil {
		return f.client
	}
	return d.http
}

// call shows a call of the API.
func (d *demonstration) call(ctx context.Context, f flow, h held) error {
	d.sends(caller, api, f.method+" / "+f.with(), normal, 0)
	fetched := d.api.keys.sent.Load()
	begun := time.Now()
	answer, err := d.ask(ctx, f.method, h)
	if err != nil {
		return err
	}
	took := time.Since(begun)
	if d.api.keys.sent.Load() > fetched {
		d.sends(api, issuer, "GET /.well-known/jwks.json", normal, time.Duration(d.api.keys.took.Load()))
	}
	d.does(api, f.verifies(), 0)
	if answer.status != http.StatusOK {
		d.sends(api, caller, fmt.Sprint(answer.status), red, took)
		d.failed("the API refused the token: " + answer.message)
		return nil
	}
	d.sends(api, caller, "200 "+answer.message, green, took)
	d.printf("\n")
	return nil
}

// failed ends a diagram in which something was refused that should not have been.
func (d *demonstration) failed(why string) {
	d.failures++
	d.printf("\n   %s\n", d.styled(red, "refused"))
	for _, line := range wrap(why, width-3) {
		d.printf("   %s\n", line)
	}
	d.printf("\n")
}
