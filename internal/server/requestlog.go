package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"example.com/countersign/internal/budget"
	"example.com/countersign/internal/client"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/policy"
)

// NewLog returns a log of JSON lines in the field names that Cloud Logging reads.
func NewLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{ReplaceAttr: cloudNames}))
}

func cloudNames(groups []string, attribute slog.Attr) slog.Attr {
	if len(groups) > 0 {
		return attribute
	}
	switch attribute.Key {
	case slog.LevelKey:
		attribute.Key = "severity"
		if attribute.Value.Any() == slog.LevelWarn {
			attribute.Value = slog.StringValue("WARNING")
		}
	case slog.MessageKey:
		attribute.Key = "message"
	}
	return attribute
}

// audit writes the one line of a decision, granted or denied; of those that are turned away undecided, see told. What the
// caller only claims is called claimed; no secret, assertion or token is in it, only their jti.
func (s *Server) audit(r *http.Request, x *exchange, status int, err error) {
	if !told(err) {
		return
	}
	attributes := make([]slog.Attr, 0, 20)
	add := func(name, value string) {
		if value != "" {
			attributes = append(attributes, slog.String(name, clip(value)))
		}
	}
	attributes = append(attributes, slog.String("event", "token"), slog.Int("status", status))
	// One that we do not have is not repeated: developers have sent assertions there.
	switch grantType := x.request.GrantType; grantType {
	case oauth.ClientCredentials, oauth.JWTBearer, oauth.TokenExchange:
		add("grant_type", grantType)
	}
	s.addParties(add, x)
	if used := slices.Concat(x.client.Assertion().Exceptions(), x.authorization.Assertion().Exceptions(),
		x.authorization.ActorAssertion().Exceptions()); len(used) > 0 {
		attributes = append(attributes, slog.Any("exceptions", used))
	}
	level, message := slog.LevelInfo, "token granted"
	if err != nil {
		level, message = describeRefusal(add, status, err), "token refused"
		attributes = append(attributes, x.refused(err)...)
	} else {
		add("decision", "granted")
		add("jti", x.token.ID)
		add("kid", x.token.KeyID)
		add("cnf_jkt", x.token.Confirmation.JWKThumbprint)
		add("cnf_x5t_s256", x.token.Confirmation.CertificateThumbprint)
		attributes = append(attributes,
			slog.Int64("expires_in", x.token.ExpiresIn), slog.Int64("key_age", int64(x.token.KeyAge.Seconds())))
	}
	attributes = append(attributes, shadows(policy.Shadows(x.decision, err))...)
	add("logging.googleapis.com/trace", s.cloudTrace(r))
	s.config.Log.LogAttrs(context.WithoutCancel(r.Context()), level, message, attributes...)
}

// refused says where a request that was refused comes from, under which name its caller may ask why, and why.
func (x *checks) refused(err error) (attributes []slog.Attr) {
	if x.source.IsValid() {
		attributes = append(attributes, slog.String("client_address", x.source.String()))
	}
	attributes = append(attributes, slog.String("trace_id", x.traceID))
	if exhausted, is := errors.AsType[*budget.Exhausted](err); is {
		attributes = append(attributes, slog.Int("turned_away", exhausted.Times))
	}
	return append(attributes, slog.Any("trace", written(x.trace.Steps())))
}

// addParties names who took part, as far as the request came.
func (s *Server) addParties(add func(name, value string), x *exchange) {
	s.addClient(add, x.client, x.request.ClientID)
	if grantAssertion := x.authorization.Assertion(); !grantAssertion.IsZero() {
		add("assertion_iss", grantAssertion.Issuer())
		add("assertion_sub", grantAssertion.Subject())
		add("assertion_jti", grantAssertion.ID())
	}
	addExchange(add, x)
	add("sub", x.decision.Subject())
	add("aud", strings.Join(x.decision.Audience(), " "))
	add("scope", x.decision.Scope().String())
	add("rule", strings.Join(x.decision.Rules(), " "))
}

// addExchange names the access token that was exchanged, and who acts on behalf of its subject.
func addExchange(add func(name, value string), x *exchange) {
	if exchanged := x.authorization.Exchanged(); !exchanged.IsZero() {
		add("exchanged_sub", exchanged.Subject)
		add("exchanged_jti", exchanged.ID)
		add("exchanged_client_id", exchanged.ClientID)
	}
	if actor := x.authorization.Actor(); actor != nil {
		add("act_iss", actor.Issuer)
		add("act_sub", actor.Subject)
		add("act_client_id", actor.ClientID)
	}
	add("actor_token_jti", x.authorization.ActorAssertion().ID())
}

// addClient names the client, or whom the request claims to be of.
func (s *Server) addClient(add func(name, value string), authenticated client.Authenticated, claimed string) {
	switch registration, named := authenticated.Client(); {
	case named && authenticated.Proved():
		add("client_id", registration.ID)
	case named:
		add("client_id", registration.ID)
		add("client_authentication", "none")
	default:
		add("claimed_client_id", s.registered(claimed))
	}
	add("client_assertion_jti", authenticated.Assertion().ID())
}

// shadow is what the log says of one rule in shadow mode.
type shadow struct {
	Rule     string `json:"rule"`
	Decision string `json:"decision"`
	Reason   string `json:"reason,omitempty"` // of a refusal
	Subject  string `json:"sub,omitempty"`
	Resource string `json:"resource,omitempty"`
	Scope    string `json:"scope,omitempty"`
	Lifetime int64  `json:"lifetime,omitempty"` // seconds
}

// shadows says what rules in shadow mode would have made of the request; nothing where there is no such rule.
func shadows(told []policy.Shadow) []slog.Attr {
	if len(told) == 0 {
		return nil
	}
	list := make([]shadow, len(told))
	for i, rule := range told {
		list[i] = shadow{
			Rule: rule.Rule, Decision: "would grant", Subject: clip(rule.Subject), Resource: clip(strings.Join(rule.Audience, " ")),
			Scope: clip(rule.Scope.String()), Lifetime: int64(rule.Lifetime.Seconds()),
		}
		if rule.Reason != "" {
			list[i].Decision, list[i].Reason = "would refuse", rule.Reason
		}
	}
	return []slog.Attr{slog.Any("shadow", list)}
}

// registered returns the id of a client that is registered, and does not repeat any other: it may be a secret that stands
// in the wrong field.
func (s *Server) registered(id string) string {
	if id == "" || s.config.Clients.Has(id) {
		return id
	}
	return "(not registered)"
}

// describeRefusal says why, finer than the caller was told (protocol T8).
func describeRefusal(add func(name, value string), status int, err error) slog.Level {
	add("decision", "denied")
	refusal, isRefusal := errors.AsType[*oauth.Error](err)
	if !isRefusal {
		refusal = &oauth.Error{Code: oauth.ServerError, Cause: err}
	}
	reason := refusal.Reason
	if reason == "" {
		reason = string(refusal.Code)
	}
	add("error", string(refusal.Code))
	add("reason", reason)
	add("error_description", refusal.Description)
	add("claimed_iss", refusal.Claimed)
	if refusal.Cause != nil {
		add("cause", refusal.Cause.Error())
	}
	if status >= http.StatusInternalServerError {
		return slog.LevelError
	}
	return slog.LevelWarn
}

// clip bounds what a stranger can put into the log.
func clip(text string) string {
	const most = 256
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// cloudTrace returns the name under which Cloud Logging files the request's trace, from W3C or Google's own header.
func (s *Server) cloudTrace(r *http.Request) string {
	if s.config.Project == "" {
		return ""
	}
	var id string
	if parts := strings.Split(r.Header.Get("Traceparent"), "-"); len(parts) == 4 {
		id = parts[1]
	} else {
		id, _, _ = strings.Cut(r.Header.Get("X-Cloud-Trace-Context"), "/")
	}
	if len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
		return ""
	}
	return "projects/" + s.config.Project + "/traces/" + id
}
