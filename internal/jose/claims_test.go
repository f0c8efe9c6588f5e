package jose_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.com/countersign/internal/jose"
)

func TestClaims_are_typed(t *testing.T) {
	token, err := jose.Parse(withPayload(`{
		"iss": "https://idp.example.com", "sub": "é😀", "jti": "1", "aud": ["a", "b"],
		"exp": 1764000000.5, "nbf": 0, "iat": 1.764e9,
		"text": "", "yes": true, "nothing": null, "whole": -7, "zero": 0, "broken": 0.25, "large": 9223372036854775807,
		"larger": 9223372036854775808, "list": [1, "2", []], "object": {"a": {}}
	}`))
	if err != nil {
		t.Fatal(err)
	}
	claims := token.Unverified()
	want := jose.Claims{
		Issuer: "https://idp.example.com", Subject: "é😀", ID: "1",
		Audience:  jose.Audience{Values: []string{"a", "b"}, Array: true},
		ExpiresAt: time.Unix(1764000000, 500000000), NotBefore: time.Unix(0, 0), IssuedAt: time.Unix(1764000000, 0),
	}
	if difference := cmp.Diff(want, claims, cmpopts.IgnoreUnexported(jose.Claims{})); difference != "" {
		t.Error(difference)
	}
	all := map[string]any{
		"iss": "https://idp.example.com", "sub": "é😀", "jti": "1", "aud": []any{"a", "b"},
		"exp": 1764000000.5, "nbf": int64(0), "iat": 1.764e9,
		"text": "", "yes": true, "nothing": nil, "whole": int64(-7), "zero": int64(0), "broken": 0.25,
		"large": int64(9223372036854775807), "larger": 9223372036854775808.0,
		"list": []any{int64(1), "2", []any{}}, "object": map[string]any{"a": map[string]any{}},
	}
	if difference := cmp.Diff(all, claims.All()); difference != "" {
		t.Error(difference)
	}
}

func TestClaims_that_are_absent_are_zero(t *testing.T) {
	token, err := jose.Parse(withPayload(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	claims := token.Unverified()
	if difference := cmp.Diff(jose.Claims{}, claims, cmpopts.IgnoreUnexported(jose.Claims{})); difference != "" {
		t.Error(difference)
	}
	if len(claims.All()) != 0 {
		t.Error(claims.All())
	}
}

func TestAudience_tells_a_string_from_an_array(t *testing.T) {
	for payload, want := range map[string]jose.Audience{
		`{"aud":"a"}`:     {Values: []string{"a"}},
		`{"aud":["a"]}`:   {Values: []string{"a"}, Array: true},
		`{"aud":["a,b"]}`: {Values: []string{"a,b"}, Array: true},
	} {
		token, err := jose.Parse(withPayload(payload))
		if err != nil {
			t.Fatal(err)
		}
		if difference := cmp.Diff(want, token.Unverified().Audience); difference != "" {
			t.Errorf("%s: %s", payload, difference)
		}
	}
}

// Also CVE-2025-30144 (iss as an array), and the empty claims that matched an empty rule in Flux and Note Mark.
func TestA6_strings_where_strings_belong(t *testing.T) {
	judge(t, parse(t),
		allow("strings", withPayload(`{"iss":"a","sub":"b","jti":"c","aud":"d"}`)),
		allow("an array of audiences", withPayload(`{"aud":["a","b"]}`)),

		deny("iss_as_an_array_is_refused", withPayload(`{"iss":["https://good.example"]}`), jose.ErrClaimType),
		deny("iss as an array of two", withPayload(`{"iss":["https://evil.example","https://good.example"]}`), jose.ErrClaimType),
		deny("iss as an object", withPayload(`{"iss":{"https://good.example":1}}`), jose.ErrClaimType),
		deny("iss as a number", withPayload(`{"iss":1}`), jose.ErrClaimType),
		deny("iss as true", withPayload(`{"iss":true}`), jose.ErrClaimType),
		deny("iss as null", withPayload(`{"iss":null}`), jose.ErrClaimType),
		deny("an empty iss", withPayload(`{"iss":""}`), jose.ErrClaimType),
		deny("sub as a number", withPayload(`{"sub":1234}`), jose.ErrClaimType),
		deny("sub as null", withPayload(`{"sub":null}`), jose.ErrClaimType),
		deny("an empty sub", withPayload(`{"sub":""}`), jose.ErrClaimType),
		deny("sub as an array", withPayload(`{"sub":["a"]}`), jose.ErrClaimType),
		deny("jti as a number", withPayload(`{"jti":1}`), jose.ErrClaimType),
		deny("jti as null", withPayload(`{"jti":null}`), jose.ErrClaimType),
		deny("an empty jti", withPayload(`{"jti":""}`), jose.ErrClaimType),
		deny("aud as a number", withPayload(`{"aud":1}`), jose.ErrClaimType),
		deny("aud as null", withPayload(`{"aud":null}`), jose.ErrClaimType),
		deny("aud as an object", withPayload(`{"aud":{"a":"b"}}`), jose.ErrClaimType),
		deny("an empty aud", withPayload(`{"aud":""}`), jose.ErrClaimType),
		deny("an empty array as aud", withPayload(`{"aud":[]}`), jose.ErrClaimType),
		deny("an empty string in aud", withPayload(`{"aud":["a",""]}`), jose.ErrClaimType),
		deny("a number in aud", withPayload(`{"aud":["a",1]}`), jose.ErrClaimType),
		deny("null in aud", withPayload(`{"aud":[null]}`), jose.ErrClaimType),
		deny("a nested aud", withPayload(`{"aud":[["a"]]}`), jose.ErrClaimType),
	)
}

func TestA6_dates_are_numbers_from_1970_to_9999(t *testing.T) {
	for _, name := range []string{"exp", "nbf", "iat"} {
		date := func(number string) string { return withPayload(`{"` + name + `":` + number + `}`) }
		t.Run(name, func(t *testing.T) {
			judge(t, parse(t),
				allow("1970", date(`0`)),
				allow("minus zero is zero", date(`-0`)),
				allow("minus zero with a fraction is zero", date(`-0.0`)),
				allow("a fraction", date(`1764000000.123456`)),
				allow("an exponent", date(`1.764e9`)),
				allow("the last second of 9999", date(`253402300799`)),

				deny("the year 10000", date(`253402300800`), jose.ErrClaimType),
				deny("a fraction behind the end of 9999", date(`253402300799.5`), jose.ErrClaimType),
				deny("milliseconds", date(`1764000000000`), jose.ErrClaimType),
				deny("negative", date(`-1`), jose.ErrClaimType),
				deny("a negative fraction", date(`-0.5`), jose.ErrClaimType),
				deny("the largest integer", date(`9223372036854775807`), jose.ErrClaimType),
				deny("more than the largest integer", date(`9223372036854775808`), jose.ErrClaimType),
				deny("the smallest integer", date(`-9223372036854775808`), jose.ErrClaimType),
				deny("the largest float", date(`1.7976931348623157e308`), jose.ErrClaimType),
				deny("an overflow", date(`1e400`), jose.ErrJSON),
				deny("a negative overflow", date(`-1e400`), jose.ErrJSON),
				deny("a string", date(`"1764000000"`), jose.ErrClaimType),
				deny("a date", date(`"2026-01-01T00:00:00Z"`), jose.ErrClaimType),
				deny("null", date(`null`), jose.ErrClaimType),
				deny("true", date(`true`), jose.ErrClaimType),
				deny("a list", date(`[1764000000]`), jose.ErrClaimType),
				deny("NaN", date(`NaN`), jose.ErrJSON),
				deny("Infinity", date(`Infinity`), jose.ErrJSON),
				deny("a plus sign", date(`+1`), jose.ErrJSON),
				deny("a leading zero", date(`01`), jose.ErrJSON),
				deny("hexadecimal", date(`0x10`), jose.ErrJSON),
			)
		})
	}
}

func TestClaims_of_minus_zero_are_there(t *testing.T) {
	token, err := jose.Parse(withPayload(`{"exp":-0,"iat":-0.0}`))
	if err != nil {
		t.Fatal(err)
	}
	claims := token.Unverified()
	if claims.ExpiresAt.IsZero() || !claims.ExpiresAt.Equal(time.Unix(0, 0)) || !claims.IssuedAt.Equal(time.Unix(0, 0)) {
		t.Errorf("exp %v, iat %v: neither 1970 nor absent", claims.ExpiresAt, claims.IssuedAt)
	}
}
