package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/config"
	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/oauth"
	"example.com/countersign/internal/server"
	"example.com/countersign/internal/trace"
)

// explanation is what the service would do with an assertion in one of its uses, and why.
type explanation struct {
	Parameter  string           `json:"parameter"` // that the assertion comes in
	GrantType  string           `json:"grant_type"`
	Party      string           `json:"party"` // whose assertion it claims to be
	At         time.Time        `json:"at"`
	Checks     []explainedCheck `json:"checks"`
	NotReached []string         `json:"not_reached"` // names of checks

	Granted bool `json:"granted"`
	Status  int  `json:"status"` // of HTTP

	// Of a refusal.
	Code        oauth.Code `json:"error,omitempty"`
	Description string     `json:"error_description,omitempty"` // without the id of the trace
	Reason      string     `json:"reason,omitempty"`            // in the log

	// Of a token.
	Claims    map[string]any `json:"claims,omitempty"`
	Scope     string         `json:"scope,omitempty"`
	ExpiresIn int64          `json:"expires_in,omitempty"` // seconds
}

// explainedCheck is a check of the service with what the assertion says beside it.
type explainedCheck struct {
	Name   string       `json:"check"`
	Result trace.Result `json:"result"`         // of the service's own trace, or assumed
	Text   string       `json:"text,omitempty"` // the condition that does not hold
	Seen   []seenValue  `json:"seen"`           // what was looked at
	Want   []string     `json:"want"`           // one of these would have passed
	Notes  []string     `json:"notes"`          // sentences
}

// assumed is the result of a check that a stand-in has passed.
const assumed trace.Result = "assumed"

// seenValue is something that the assertion or the request says, as it is shown.
type seenValue struct {
	Name  string `json:"name,omitempty"` // a claim; empty: what the check is about
	Value string `json:"value"`
}

// explain rehearses each use that the assertion can have.
func (q question) explain(ctx context.Context) ([]explanation, error) {
	configuration, faults := config.Load(inputName(q.path), q.document)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	says := readUnproved(q.assertion)
	var explanations []explanation
	for _, use := range usesOf(configuration, says.text("iss"), q.grant) {
		explained, err := q.explainUse(ctx, use, says)
		if err != nil {
			return nil, err
		}
		explanations = append(explanations, explained)
	}
	return explanations, nil
}

func (q question) explainUse(ctx context.Context, use assertionUse, says unproved) (explanation, error) {
	r, err := q.newRehearsal()
	if err != nil {
		return explanation{}, err
	}
	of := use.claimantOf(r.configuration, says.text("iss"))
	presented := q.assertion
	if token, err := jose.Parse(q.assertion.Reveal()); err == nil {
		if presented, err = r.provideKeys(q, of, token); err != nil {
			return explanation{}, err
		}
	}
	if err := r.ask(q, use, presented); err != nil {
		return explanation{}, err
	}
	answer, err := r.rehearse(ctx, q)
	if err != nil {
		return explanation{}, err
	}
	e := explanation{Parameter: use.parameter(), GrantType: use.grant, Party: of.name, At: q.at.UTC()}
	if err := e.read(answer, r.sealing.claimsOf); err != nil {
		return explanation{}, err
	}
	w := witness{question: q, rehearsal: r, use: use, claimant: of, says: says, explanation: e}
	for _, step := range answer.steps {
		e.Checks = append(e.Checks, w.check(step))
	}
	e.NotReached = notReached(use, answer.steps)
	return e, nil
}

// read takes what the token endpoint has answered, and from its token what claimsOf makes of it.
func (e *explanation) read(answer answered, claimsOf func(token oauth.Secret) (map[string]any, error)) (err error) {
	var body struct {
		Code        oauth.Code `json:"error"`
		Description string     `json:"error_description"`
		Token       string     `json:"access_token"`
		ExpiresIn   int64      `json:"expires_in"`
		Scope       string     `json:"scope"`
	}
	if err := json.Unmarshal(answer.body, &body); err != nil {
		return errors.New("the service has given an answer that is none, which is a defect")
	}
	e.Status, e.Code, e.Reason = answer.status, body.Code, answer.reason
	e.Description, _, _ = strings.Cut(body.Description, " (trace ")
	if e.Granted = body.Token != ""; e.Granted {
		if e.Claims, err = claimsOf(oauth.NewSecret(body.Token)); err != nil {
			return err
		}
		withoutThumbprints(e.Claims)
		e.Scope, e.ExpiresIn = body.Scope, body.ExpiresIn
	}
	return nil
}

// notReached returns the names of the checks behind the one that failed.
func notReached(use assertionUse, steps []trace.Step) []string {
	names := []string{}
	last := steps[len(steps)-1]
	if last.Result == trace.Passed {
		return names
	}
	for _, stage := range server.Stages() {
		if stage == stageOf(use) {
			for _, check := range assertion.Checks() {
				names = append(names, use.parameter()+"."+check)
			}
		}
		names = append(names, stage)
	}
	return slices.DeleteFunc(names, func(name string) bool {
		return name == stageOf(use) && last.Part == use.parameter() || slices.ContainsFunc(steps, func(step trace.Step) bool {
			return name == step.Name() || name == step.Part
		})
	})
}

// stageOf returns the stage in which an assertion of this use is looked at.
func stageOf(use assertionUse) string {
	if use.parameter() == clientAssertionParameter {
		return "client"
	}
	return "grant"
}
