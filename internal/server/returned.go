package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"example.com/countersign/internal/client"
	"example.com/countersign/internal/issued"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/replay"
)

// returned is a request about a token that comes back, as far as the request came. What was not reached is zero.
type returned struct {
	request     oauth.TokenRequest
	client      client.Authenticated
	token       issued.Token // zero: it is not an active token of ours
	inactive    error        // why the token is none, or none for this client, for the log alone
	takesEffect bool         // the client is told what it says; or takes it back
	checks
}

// readReturned finds out who asks, as the token endpoint does. Nothing of the token is looked at before.
func (s *Server) readReturned(w http.ResponseWriter, r *http.Request) (x returned, err error) {
	if err := s.begin(r, &x.checks); err != nil {
		return x, err
	}
	form, err := s.readForm(w, r)
	if !x.passes("form", err) {
		return x, err
	}
	if x.request, err = oauth.ParseClientRequest(form); !x.passes("request", err) {
		return x, err
	}
	x.request.Trace, x.request.Source = x.trace, x.source
	x.client, err = s.config.Clients.Authenticate(r.Context(), x.request)
	x.passes("client", err)
	return x, err
}

// uses returns the client assertion, which is good for one request at every endpoint.
func (x returned) uses() []replay.Use {
	if use := x.client.Assertion().Use(); !use.IsZero() {
		return []replay.Use{use}
	}
	return nil
}

func clientMissing(description string) *oauth.Error {
	return &oauth.Error{Code: oauth.InvalidClient, Description: description, Reason: "client_missing"}
}

// ours returns the token where it is an active one of ours, and otherwise why it is not. The error says that this could
// not be decided.
func (s *Server) ours(ctx context.Context, text oauth.Secret) (token issued.Token, inactive, err error) {
	token, err = s.config.Issued.Verify(ctx, text.Reveal())
	switch {
	case errors.Is(err, issued.ErrInactive):
		return issued.Token{}, err, nil
	case err == nil:
		return token, nil, nil
	}
	if refusal, isRefusal := errors.AsType[*oauth.Error](err); isRefusal {
		return issued.Token{}, nil, refusal
	}
	return issued.Token{}, nil, oauth.Unavailable("signing_key_unavailable", err)
}

// outcome is how the log calls what an endpoint does.
type outcome struct {
	event         string
	effect        string // what takesEffect means
	done, refused string // messages
}

// auditReturned writes the one line of a request about a token. The token itself is not in it, only its jti.
func (s *Server) auditReturned(r *http.Request, x returned, o outcome, status int, err error) {
	if !told(err) {
		return
	}
	attributes := make([]slog.Attr, 0, 16)
	add := func(name, value string) {
		if value != "" {
			attributes = append(attributes, slog.String(name, clip(value)))
		}
	}
	attributes = append(attributes, slog.String("event", o.event), slog.Int("status", status))
	s.addClient(add, x.client, x.request.ClientID)
	if used := x.client.Assertion().Exceptions(); len(used) > 0 {
		attributes = append(attributes, slog.Any("exceptions", used))
	}
	add("jti", x.token.ID)
	add("token_client_id", x.token.ClientID)
	add("aud", strings.Join(x.token.Audience, " "))
	level, message := slog.LevelInfo, o.done
	if err != nil {
		level, message = describeRefusal(add, status, err), o.refused
		attributes = append(attributes, x.refused(err)...)
	} else {
		add("decision", "granted")
		attributes = append(attributes, slog.Bool(o.effect, x.takesEffect))
		if x.inactive != nil {
			add("why_not", x.inactive.Error())
		}
	}
	add("logging.googleapis.com/trace", s.cloudTrace(r))
	s.config.Log.LogAttrs(context.WithoutCancel(r.Context()), level, message, attributes...)
}
