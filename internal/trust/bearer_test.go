package trust_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/trust"
)

func TestBearer_is_shown_to_the_configured_server_alone(t *testing.T) {
	p, other, good := newPublisher(t), newPublisher(t), newParty(t)
	number := 0
	bearer := func(c *trust.RemoteConfig) {
		c.Bearer = func(context.Context) (string, error) { number++; return fmt.Sprint("token-", number), nil }
	}
	p.publishes(good.jwks(t, "k"))
	r := following(t, p, bearer)
	accept(t, r, good.signs(t, "k"))
	r.clock.advance(silent)
	accept(t, r, good.signs(t, "k")) // tokens of Kubernetes change every hour
	other.publishes(good.jwks(t, "k"))
	accept(t, following(t, other), good.signs(t, "k"))
	var shown []string
	for _, request := range append(slices.Clone(p.asked), other.asked...) {
		shown = append(shown, request.Header.Get("Authorization"))
	}
	if diff := cmp.Diff([]string{"Bearer token-1", "Bearer token-2", ""}, shown); diff != "" {
		t.Error(diff)
	}
}

func TestBearer_that_cannot_be_had_or_sent_is_nobodys_fault_but_ours(t *testing.T) {
	p, good := newPublisher(t), newParty(t)
	p.publishes(good.jwks(t, "k"))
	errNoToken := errors.New("no token")
	for name, bearer := range map[string]func(context.Context) (string, error){
		"none":                func(context.Context) (string, error) { return "", errNoToken },
		"a fault":             func(context.Context) (string, error) { return "", jose.ErrSignature },
		"one with a new line": func(context.Context) (string, error) { return "hunter2\r\nX-Other: 1", nil },
		"a panic":             func(context.Context) (string, error) { panic("hunter2") },
	} {
		t.Run(name, func(t *testing.T) {
			r := following(t, p, func(c *trust.RemoteConfig) { c.Bearer = bearer })
			undecided(t, r, good.signs(t, "k"))
			if heard := r.errors(); len(heard) != 1 || strings.Contains(heard[0].Error(), "hunter2") {
				t.Errorf("heard %v", heard)
			}
		})
	}
	p.want(t, 0)
}
