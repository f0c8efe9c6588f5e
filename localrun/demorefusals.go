package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// refusals shows what is not let through. That is as much a part of the product as what is.
func (d *demonstration) refusals(ctx context.Context, first exchanged, bound []exchanged) error {
	d.section("What is refused")
	d.printf("\n")
	if first.held.token.IsZero() {
		d.printf("   There is no token to try it with.\n\n")
		return nil
	}
	if err := d.refusedByAPI(ctx, first); err != nil {
		return err
	}
	for _, of := range bound {
		if err := d.refusedToThieves(ctx, of); err != nil {
			return err
		}
	}
	return d.refusedByServer(ctx, first)
}

// refusedToThieves shows that a token that is bound is worth nothing alone.
func (d *demonstration) refusedToThieves(ctx context.Context, of exchanged) error {
	if of.held.token.IsZero() {
		return nil // there was none, and that has been shown
	}
	answer, err := d.ask(ctx, http.MethodGet, of.held.stolen())
	if err != nil {
		return err
	}
	d.refusal(of.thief, answer.status, http.StatusUnauthorized, answer.message)
	return nil
}

func (d *demonstration) refusedByAPI(ctx context.Context, first exchanged) error {
	answer, err := d.ask(ctx, http.MethodGet, held{})
	if err != nil {
		return err
	}
	d.refusal("GET / without a token", answer.status, http.StatusUnauthorized, "WWW-Authenticate: "+answer.challenge)
	if slices.Contains(first.scope, d.write) {
		return nil // the configuration has been changed, and lets this token write
	}
	if answer, err = d.ask(ctx, http.MethodPost, first.held); err != nil {
		return err
	}
	d.refusal("POST / with a token that is good for reading", answer.status, http.StatusForbidden, "WWW-Authenticate: "+answer.challenge)
	return nil
}

func (d *demonstration) refusedByServer(ctx context.Context, first exchanged) error {
	again := d.ownKey().request(first.assertion)
	if err := d.refusedRequest(ctx, "the first assertion once more", again, http.StatusUnauthorized); err != nil {
		return err
	}
	other := d.vouched("try-it")
	assertion, err := other.claims.sign(other.key, "JWT", time.Now())
	if err != nil {
		return err
	}
	return d.refusedRequest(ctx, "a job of the branch try-it", other.request(assertion), http.StatusBadRequest)
}

func (d *demonstration) refusedRequest(ctx context.Context, what string, request tokenRequest, want int) error {
	_, err := request.send(ctx, d.http)
	d.journal.nextDecision()
	refused, isRefused := errors.AsType[*refusal](err)
	if err != nil && !isRefused {
		return err
	}
	if !isRefused {
		refused = &refusal{Status: http.StatusOK, Code: "a token, and there should be none"}
	}
	d.refusal("POST /token with "+what, refused.Status, want, refused.Error())
	return nil
}

// refusal shows one, or counts it as a failure where the status is another one.
func (d *demonstration) refusal(what string, status, want int, how string) {
	look := green
	if status != want {
		look = red
		d.failures++
	}
	d.printf("   %s  %s\n", d.styled(look, fmt.Sprint(status)), what)
	for _, line := range wrap(how, width-8) {
		d.printf("        %s\n", d.styled(faint, line))
	}
	d.printf("\n")
}
