package server_test

import (
	"testing"
	"time"

	"example.com/countersign/internal/assertion"
	"example.com/countersign/internal/oauth"
)

// named is an actor as an act claim has it.
func named(sub string, more ...claims) claims {
	actor := claims{"sub": sub}
	for _, members := range more {
		for name, value := range members {
			actor[name] = value
		}
	}
	return actor
}

func within(actor claims) claims { return claims{"act": actor} }

func TestX1_an_actor_is_who_brings_a_token_of_its_own_or_whom_an_issuer_names(t *testing.T) {
	d := deploy(t, exchanging)
	alices := func() string { return d.issue(d.ours()) }
	by := func(kind, actor string, parts ...part) request {
		return d.swap("agent", oauth.TypeAccessToken, alices(), append(parts, actedBy(kind, actor))...)
	}
	agents := d.grant(t, clientCredentials(d.proves("agent"))).Token
	const actor = "actor_token"
	d.judge(t,
		deny("a word", by(oauth.TypeAccessToken, "token"), inactive(actor)),
		deny("a stranger's", by(oauth.TypeJWT, sign(t, "idp.ES256", d.about("x", "https://nobody.example.com"))), strangeToken(actor, "party_unknown")),
		deny("one for somebody else", by(oauth.TypeJWT, sign(t, "idp.ES256", d.about("x", idp).but("aud", "x"))), tokenFault(actor, assertion.ErrAudience)),
		deny("one that has expired", by(oauth.TypeAccessToken, d.issue(d.ours().but("client_id", "agent").but("exp", d.clock.in(-1)))), inactive(actor)),
		deny("another client's", by(oauth.TypeAccessToken, alices()),
			invalidRequest("actor_of_other_client", "actor_token: it is an access token of another client than the one that sends the request")),
		deny("one by which somebody else acts", by(oauth.TypeAccessToken, d.issue(d.ours().but("client_id", "agent").but("act", named("x")))),
			invalidRequest("actor_delegated", "actor_token: it has an act claim, so its subject is not who acts")),
		deny("nobody, where the rule asks for one", d.swap("agent", oauth.TypeAccessToken, alices()), noExchange),
		deny("one whom the rule does not want", by(oauth.TypeJWT, sign(t, "idp.ES256", d.about("nobody", idp))), noExchange),
		deny("more than the subject may", by(oauth.TypeAccessToken, agents, scope("admin")), invalidScope("scope_not_allowed", "no rule allows all of this scope for the resource")),
	)
	d.grant(t, by(oauth.TypeAccessToken, agents)).expectClaims(t, claims{
		"sub": "alice", "client_id": "agent", "act": named("agent", claims{"client_id": "agent"}), "exp": float64(d.clock.in(10 * time.Minute)),
	})
	if event := d.log.lastDecision(t); event["act_sub"] != "agent" || event["exchanged_sub"] != "alice" || event["exchanged_client_id"] != "batch" {
		t.Errorf("the log says %v", event)
	}
	d.grant(t, by(oauth.TypeJWT, sign(t, "idp.ES256", d.about("robot", idp)))).expectClaims(t, claims{
		"sub": "alice", "act": named("robot", claims{"iss": idp}), "exp": float64(d.clock.in(5 * time.Minute)),
	})
}

func TestX1_no_actor_is_taken_out_of_the_chain(t *testing.T) {
	d := deploy(t, exchanging)
	chain := func(actors ...string) claims {
		c := named(actors[len(actors)-1])
		for i := len(actors) - 2; i >= 0; i-- {
			c = named(actors[i], within(c))
		}
		return c
	}
	acted := func(act any) string { return d.issue(d.ours().but("act", act)) }
	agents := d.grant(t, clientCredentials(d.proves("agent"))).Token
	next := func(act any) request {
		return d.swap("agent", oauth.TypeAccessToken, acted(act), actedBy(oauth.TypeAccessToken, agents))
	}
	kept := func(act any) request { return d.swap("agent", oauth.TypeAccessToken, acted(act)) }
	deep := invalidRequest("act_too_deep", "the token would name more than four actors")
	strange := invalidRequest("act", "subject_token: its act claim is not one that can be carried on")
	d.judge(t,
		deny("a fifth actor", next(chain("a", "b", "c", "d")), deep),
		deny("five actors", kept(chain("a", "b", "c", "d", "e")), strange),
		deny("a name in place of an actor", kept("agent"), strange),
		deny("an actor without a name", kept(claims{"client_id": "a"}), strange),
		deny("an actor with an empty name", kept(named("")), strange),
		deny("an actor whose name is a number", kept(claims{"sub": 1}), strange),
		deny("an actor of a strange kind within", kept(named("a", claims{"act": []string{"b"}})), strange),
	)
	d.grant(t, kept(chain("a", "b", "c", "d"))).expectClaims(t, claims{"act": chain("a", "b", "c", "d")})
	d.grant(t, kept(named("a", claims{"exp": 1, "email": "a@example.com"}))).expectClaims(t, claims{"act": named("a")})
	d.grant(t, next(chain("a", "b", "c"))).expectClaims(t, claims{"act": named("agent", claims{"client_id": "agent"}, within(chain("a", "b", "c")))})
}

func TestX1_actors_that_an_issuer_names_are_its_own(t *testing.T) {
	d := deploy(t, exchanging)
	says := func(act any) request {
		return d.swap("front", oauth.TypeJWT, sign(t, "idp.ES256", d.about("alice", idp).but("act", act)))
	}
	strange := invalidRequest("act", "subject_token: its act claim is not one that can be carried on")
	d.judge(t,
		deny("one of ours", says(named("front", claims{"iss": us})), strange),
		deny("one of ours, further in", says(named("a", within(named("front", claims{"iss": us})))), strange),
	)
	d.grant(t, says(named("front"))).expectClaims(t, claims{"act": named("front", claims{"iss": idp})})
	d.grant(t, says(named("a", within(named("b", claims{"iss": partner}))))).expectClaims(t, claims{
		"act": named("a", claims{"iss": idp}, within(named("b", claims{"iss": partner}))),
	})
}

func TestX1_may_act_names_who_may(t *testing.T) {
	d := deploy(t, exchanging)
	agents := d.grant(t, clientCredentials(d.proves("agent"))).Token
	acts := func(may any) request {
		return d.swap("agent", oauth.TypeAccessToken, d.issue(d.ours().but("may_act", may)), actedBy(oauth.TypeAccessToken, agents))
	}
	alone := func(may any) request {
		return d.swap("front", oauth.TypeAccessToken, d.issue(d.ours().but("may_act", may)), resource(backAPI))
	}
	foreign := func(may any, actor part) request {
		return d.swap("agent", oauth.TypeJWT, sign(t, "idp.ES256", d.about("alice", idp).but("may_act", may)), actor)
	}
	ours := func() part { return actedBy(oauth.TypeAccessToken, agents) }
	robot := func() part { return actedBy(oauth.TypeJWT, sign(t, "idp.ES256", d.about("robot", idp))) }
	partners := func() part { return actedBy(oauth.TypeJWT, sign(t, "partner.ES256", d.about("robot", partner))) }
	notTheActor := invalidRequest("may_act", "subject_token: its may_act claim does not name the actor")
	notTheClient := invalidRequest("may_act", "subject_token: its may_act claim does not name the client")
	d.judge(t,
		deny("another actor", acts(named("front")), notTheActor),
		deny("another client", acts(claims{"client_id": "front"}), notTheActor),
		deny("the actor, of another client", acts(named("agent", claims{"client_id": "front"})), notTheActor),
		deny("the actor, of somebody else", acts(named("agent", claims{"iss": idp})), notTheActor),
		deny("the actor, and what cannot be compared", acts(named("agent", claims{"email": "agent@example.com"})), notTheActor),
		deny("nobody", acts(claims{}), notTheActor),
		deny("an issuer alone", acts(claims{"iss": us}), notTheActor),
		deny("a name", acts("agent"), notTheActor),
		deny("a list", acts([]claims{named("agent")}), notTheActor),
		deny("a number", acts(claims{"sub": 1}), notTheActor),
		deny("the actor, while nobody acts", alone(named("agent")), notTheClient),
		deny("ours, by a name that is the issuer's", foreign(named("agent"), ours()), notTheActor),
		deny("the issuer's, while another of that name acts", foreign(named("robot"), partners()), notTheActor),
		allow("the actor", acts(named("agent"))),
		allow("the actor by both of its names", acts(named("agent", claims{"client_id": "agent", "iss": us}))),
		allow("the client, while nobody acts", alone(named("front"))),
		allow("the issuer's", foreign(named("robot"), robot())),
		allow("another issuer's", foreign(named("robot", claims{"iss": partner}), partners())),
		allow("ours", foreign(named("agent", claims{"iss": us}), ours())),
	)
}

// The API that exchanges a token cannot prove what the token is bound to; but whoever has stolen it must not get one that
// is bound to nothing.
func TestX1_what_is_bound_is_exchanged_for_what_is_bound(t *testing.T) {
	d := deploy(t, exchanging)
	bound := d.issue(d.ours().but("cnf", claims{"jkt": thumbprint(t, "phone.ES256")}))
	missing := invalidRequest("constraint_missing", "the token has to be bound to its client, and the request has neither a DPoP header nor a client certificate")
	by := func(parts ...part) request {
		return d.swap("front", oauth.TypeAccessToken, bound, append(parts, resource(backAPI))...)
	}
	d.judge(t,
		deny("without a proof", by(), missing),
		deny("of an issuer, without a proof", d.swap("front", oauth.TypeJWT, sign(t, "idp.ES256", d.about("alice", idp).but("cnf", claims{"jkt": "x"}))), missing),
	)
	got := d.grant(t, by(d.proofBy("front.ES256").sent()))
	got.expectClaims(t, claims{"cnf": claims{"jkt": thumbprint(t, "front.ES256")}})
	if got.Type != "DPoP" {
		t.Errorf("token_type is %s", got.Type)
	}
}

// What says who acts is held to the same: the token lets its holder act in that name.
func TestX1_a_bound_actor_token_is_exchanged_for_what_is_bound(t *testing.T) {
	d := deploy(t, exchanging)
	missing := invalidRequest("constraint_missing", "the token has to be bound to its client, and the request has neither a DPoP header nor a client certificate")
	agents := d.grant(t, clientCredentials(d.proves("agent"), d.proofBy("agent.ES256").sent())).Token
	ours := func() part { return actedBy(oauth.TypeAccessToken, agents) }
	robot := func() part {
		return actedBy(oauth.TypeJWT, sign(t, "idp.ES256", d.about("robot", idp).but("cnf", claims{"jkt": "x"})))
	}
	by := func(parts ...part) request {
		return d.swap("agent", oauth.TypeAccessToken, d.issue(d.ours()), parts...)
	}
	d.judge(t,
		deny("ours, without a proof", by(ours()), missing),
		deny("an issuer's, without a proof", by(robot()), missing),
	)
	for name, actor := range map[string]part{"ours": ours(), "an issuer's": robot()} {
		got := d.grant(t, by(actor, d.proofBy("agent.ES256").sent()))
		if got.Type != "DPoP" {
			t.Errorf("%s: token_type is %s", name, got.Type)
		}
	}
}

// Whatever an issuer writes into a claim, or was written into a token of ours, there is an answer to it.
func TestX1_a_claim_of_any_form_is_answered(t *testing.T) {
	d := deploy(t, exchanging)
	for _, claim := range []string{"act", "may_act", "cnf", "aud", "scope", "client_id", "jti", "iat", "sub", "exp", "iss"} {
		for _, value := range []any{0, -1, 1e300, "", true, []any{}, []any{nil}, claims{}, claims{"sub": nil}, claims{"act": nil}, claims{"jkt": 1}, []any{claims{}}} {
			for _, r := range []request{
				d.swap("front", oauth.TypeAccessToken, d.issue(d.ours().but(claim, value)), resource(backAPI)),
				d.swap("agent", oauth.TypeAccessToken, d.issue(d.ours()), actedBy(oauth.TypeAccessToken, d.issue(d.ours().but("client_id", "agent").but(claim, value)))),
				d.swap("front", oauth.TypeJWT, sign(t, "idp.ES256", d.about("alice", idp).but(claim, value))),
			} {
				if got := d.send(t, r); got.status != 200 && got.status != 400 {
					t.Errorf("%s is %v: %d %s", claim, value, got.status, got.body)
				}
			}
		}
	}
}
