package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"example.com/countersign/internal/dpop"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
)

// held is a token, and what its holder has beside it.
type held struct {
	token  oauth.Secret    // zero: there is none
	scheme string          // of the Authorization header; empty: Bearer
	prover jose.SigningKey // what the token is bound to; zero: no proof goes with it
	client *http.Client    // nil: that of everybody, who has no certificate
}

// stolen is what a thief has of it.
func (h held) stolen() held { return held{token: h.token} }

// apiAnswer is what the API answered, as far as the demonstration shows it.
type apiAnswer struct {
	status    int
	challenge string // the WWW-Authenticate of Bearer tokens
	message   string
}

// ask calls the API, with a token unless there is none.
func (d *demonstration) ask(ctx context.Context, method string, h held) (apiAnswer, error) {
	request, err := http.NewRequestWithContext(ctx, method, d.apiURL+"/", http.NoBody)
	if err != nil {
		return apiAnswer{}, err
	}
	if !h.token.IsZero() {
		scheme := firstOf(h.scheme, oauth.TokenTypeBearer)
		request.Header.Set("Authorization", scheme+" "+h.token.Reveal())
	}
	if !h.prover.IsZero() {
		claims := dpop.Claims{Method: method, URL: d.apiURL + "/", IssuedAt: time.Now(), AccessToken: h.token.Reveal()}
		if err := prove(request, h.prover, claims); err != nil {
			return apiAnswer{}, err
		}
	}
	client := h.client
	if client == nil {
		client = d.http
	}
	answer, body, err := exchange(client, request)
	if err != nil {
		return apiAnswer{}, err
	}
	return apiAnswer{answer.StatusCode, bearerChallenge(answer.Header), messageOf(body)}, nil
}

// bearerChallenge returns what an API says to those who send Bearer tokens or none. Where its metadata are, which comes
// last, does not fit on a line.
func bearerChallenge(header http.Header) string {
	for _, challenge := range header.Values("WWW-Authenticate") {
		if strings.HasPrefix(challenge, oauth.TokenTypeBearer) {
			said, _, _ := strings.Cut(challenge, ", resource_metadata=")
			return printable(said)
		}
	}
	return ""
}
