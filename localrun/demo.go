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
	ci       jose.SigningKey
	failures int // steps that did not go as they should
}

// flow is one way to a token and to the API.
type flow struct {
	number  int
	title   string
	means   string // what the specifications call it
	name    string // of the caller, above its column
	method  string // of the call to the API
	key     jose.SigningKey
	claims  assertionClaims
	request func(assertion oauth.Secret) tokenRequest
}

// ownKey is the flow of a client that signs for itself.
func (d *demonstration) ownKey() flow {
	return flow{
		number: 1, name: reportName, method: http.MethodGet, key: d.report,
		title: "A client proves with its own key who it is",
		means: "grant client_credentials, authentication private_key_jwt",
		claims: assertionClaims{
			Issuer: reportName, Subject: reportName, Audience: []string{d.issuer}, Lifetime: time.Minute,
		},
		request: func(assertion oauth.Secret) tokenRequest {
			return tokenRequest{
				Endpoint: d.endpoint(), Grant: oauth.ClientCredentials,
				Client: clientCredential{Method: oauth.PrivateKeyJWT, Assertion: assertion},
			}
		},
	}
}

// vouched is the flow of a job for which its CI system signs.
func (d *demonstration) vouched(branch string) flow {
	return flow{
		number: 2, name: "a job of ci.example.com", method: http.MethodPost, key: d.ci,
		title: "An issuer that is trusted vouches for somebody",
		means: "grant urn:ietf:params:oauth:grant-type:jwt-bearer",
		claims: assertionClaims{
			Issuer: ciIssuer, Subject: "job-4711", Audience: []string{d.issuer}, Lifetime: time.Minute,
			Extra: map[string]any{"project": "acme/shop", "branch": branch},
		},
		request: func(assertion oauth.Secret) tokenRequest {
			return tokenRequest{
				Endpoint: d.endpoint(), Grant: oauth.JWTBearer, Assertion: assertion, Scope: d.write,
			}
		},
	}
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
	return d.refusals(ctx, first)
}

// exchanged is what a flow leaves behind.
type exchanged struct {
	assertion oauth.Secret
	token     oauth.Secret // zero: there was none
	scope     []string
}

// exchange shows one flow: an assertion, a token for it, a call with the token.
func (d *demonstration) exchange(ctx context.Context, f flow) (exchanged, error) {
	d.printf("%s  %s\n   %s\n\n", d.styled(bold, fmt.Sprint(f.number)), d.styled(bold, f.title), d.styled(faint, f.means))
	d.names([3]string{f.name, "Countersign", "demo API"})
	d.space()

	begun := time.Now()
	assertion, err := f.claims.sign(f.key, "JWT", begun)
	if err != nil {
		return exchanged{}, err
	}
	d.does(caller, "signs an assertion ("+string(f.key.Algorithm())+")", time.Since(begun))
	d.claims(caller, assertion)
	d.sends(caller, issuer, "POST /token", normal, 0)

	begun = time.Now()
	answer, err := f.request(assertion).send(ctx, d.http)
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
	return exchanged{assertion, answer.AccessToken, strings.Fields(answer.Scope)}, d.call(ctx, f.method, answer.AccessToken)
}

// call shows a call of the API.
func (d *demonstration) call(ctx context.Context, method string, token oauth.Secret) error {
	d.sends(caller, api, method+" / with the token", normal, 0)
	fetched := d.api.keys.sent.Load()
	begun := time.Now()
	answer, err := d.ask(ctx, method, token)
	if err != nil {
		return err
	}
	took := time.Since(begun)
	if d.api.keys.sent.Load() > fetched {
		d.sends(api, issuer, "GET /.well-known/jwks.json", normal, time.Duration(d.api.keys.took.Load()))
	}
	d.does(api, "verifies it with the public keys", 0)
	if answer.status != http.StatusOK {
		d.sends(api, caller, fmt.Sprint(answer.status), red, took)
		d.failed("the API refused the token: " + answer.message)
		return nil
	}
	d.sends(api, caller, "200 "+answer.message, green, took)
	d.printf("\n")
	return nil
}

// apiAnswer is what the API answered, as far as the demonstration shows it.
type apiAnswer struct {
	status    int
	challenge string // WWW-Authenticate
	message   string
}

// ask calls the API, with a token unless it is zero.
func (d *demonstration) ask(ctx context.Context, method string, token oauth.Secret) (apiAnswer, error) {
	request, err := http.NewRequestWithContext(ctx, method, d.apiURL+"/", http.NoBody)
	if err != nil {
		return apiAnswer{}, err
	}
	if !token.IsZero() {
		request.Header.Set("Authorization", "Bearer "+token.Reveal())
	}
	answer, body, err := exchange(d.http, request)
	if err != nil {
		return apiAnswer{}, err
	}
	return apiAnswer{answer.StatusCode, printable(answer.Header.Get("WWW-Authenticate")), messageOf(body)}, nil
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
