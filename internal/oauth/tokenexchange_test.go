package oauth_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/oauth"
)

// swap is a token exchange with these parameters besides.
func swap(pairs ...string) oauth.Form {
	return form(append([]string{"grant_type", oauth.TokenExchange, "subject_token", "s", "subject_token_type", oauth.TypeJWT}, pairs...)...)
}

func TestX1_an_exchange_has_what_belongs_together(t *testing.T) {
	long := strings.Repeat("a", 16<<10)
	only := func(pairs ...string) oauth.Form {
		return form(append([]string{"grant_type", oauth.TokenExchange}, pairs...)...)
	}
	judge(t,
		allow("a subject", swap()),
		allow("a subject of 16 KiB", only("subject_token", long, "subject_token_type", "x")),
		allow("an actor", swap("actor_token", "a", "actor_token_type", "x")),
		allow("audiences", swap("audience", "a", "audience", "b", "audience", "")),
		allow("a grant that has none of it", form("grant_type", "x", "subject_token_type", "y", "actor_token_type", "z")),
		deny("nothing", only(), oauth.InvalidRequest, "subject_token_missing"),
		deny("a type alone", only("subject_token_type", "x"), oauth.InvalidRequest, "subject_token_missing"),
		deny("a token alone", only("subject_token", "x"), oauth.InvalidRequest, "subject_token_type_missing"),
		deny("one byte more", only("subject_token", long+"a", "subject_token_type", "x"), oauth.InvalidRequest, "subject_token_too_long"),
		deny("one byte more of an actor", swap("actor_token", long+"a", "actor_token_type", "x"), oauth.InvalidRequest, "actor_token_too_long"),
		deny("an actor without a type", swap("actor_token", "a"), oauth.InvalidRequest, "actor_token_type_missing"),
		deny("an actor's type without an actor", swap("actor_token_type", "a"), oauth.InvalidRequest, "actor_token_missing"),
		deny("two subjects", swap("subject_token", "t"), oauth.InvalidRequest, "parameter_repeated"),
		deny("audiences of another grant", form("grant_type", oauth.JWTBearer, "audience", "a", "audience", "b"), oauth.InvalidRequest, "parameter_repeated"),
	)
	request, err := oauth.ParseTokenRequest(swap("actor_token", "a", "actor_token_type", "x", "requested_token_type", "w", "audience", "b", "audience", "", "audience", "a", "audience", "b"))
	if err != nil {
		t.Fatal(err)
	}
	want := oauth.Exchange{
		Subject: oauth.PresentedToken{Token: oauth.NewSecret("s"), Type: oauth.TypeJWT},
		Actor:   oauth.PresentedToken{Token: oauth.NewSecret("a"), Type: "x"},
		Wanted:  "w", Audience: []string{"b", "a"},
	}
	if diff := cmp.Diff(want, request.Exchange, cmp.AllowUnexported(oauth.Secret{})); diff != "" {
		t.Error(diff)
	}
}

func TestX1_an_act_claim_names_each_actor_by_its_sub(t *testing.T) {
	act := func(sub string, before any) any { return map[string]any{"sub": sub, "act": before} }
	for name, claim := range map[string]any{
		"text": "a", "a list": []any{}, "an object without sub": map[string]any{}, "an empty sub": map[string]any{"sub": ""},
		"a sub that is null": map[string]any{"sub": nil}, "an iss of no type": map[string]any{"sub": "a", "iss": 1},
		"an empty client_id": map[string]any{"sub": "a", "client_id": ""}, "text within": act("a", "b"),
		"five": act("a", act("b", act("c", act("d", act("e", nil))))),
	} {
		if actor, err := oauth.ParseActor(claim, ""); actor != nil || !errors.Is(err, oauth.ErrActor) {
			t.Errorf("%s: %v, %v", name, actor, err)
		}
	}
	if actor, err := oauth.ParseActor(nil, "x"); actor != nil || err != nil || actor.Claim() != nil || actor.Count() != 0 {
		t.Errorf("none: %v, %v", actor, err)
	}
	four, err := oauth.ParseActor(act("a", act("b", act("c", act("d", nil)))), "")
	if err != nil || four.Count() != oauth.MaxActors {
		t.Errorf("four: %v, %v", four, err)
	}
	got, err := oauth.ParseActor(map[string]any{
		"sub": "a", "exp": int64(1), "act": map[string]any{"sub": "b", "iss": "https://b.example", "client_id": "c"},
	}, "https://a.example")
	want := map[string]any{
		"iss": "https://a.example", "sub": "a", "act": map[string]any{"iss": "https://b.example", "sub": "b", "client_id": "c"},
	}
	if diff := cmp.Diff(want, got.Claim()); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}
