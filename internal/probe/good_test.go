package probe_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/jose"
	"example.com/countersign/internal/probe"
)

func TestA_good_server_is_as_it_must_be(t *testing.T) {
	t.Parallel()
	for name, d := range map[string]deployment{
		"ES256":                           {},
		"an RS256 client":                 {client: jose.RS256},
		"a PS256 client and RS256 tokens": {client: jose.PS256, own: jose.RS256},
		"an EdDSA client and PS256 tokens": {
			client: jose.EdDSA, own: jose.PS256,
		},
		"an ES512 client and EdDSA tokens":  {client: jose.ES512, own: jose.EdDSA},
		"ES384":                             {client: jose.ES384, own: jose.ES384},
		"an issuer with a path":             {path: "/tenants/1"},
		"an issuer with a slash at its end": {path: "/"},
		// A set that may change at any moment is not kept, and that is as it must be.
		"keys that change in this second": {change: func(good http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				given := answerOf(good, r)
				if strings.HasSuffix(r.URL.Path, jwksPath) {
					given.Result().Header.Set("Cache-Control", "no-cache")
				}
				send(w, given, given.Body.Bytes())
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := deploy(t, d).probe(t)
			expect(t, report)
			if skipped := by(report, probe.NotRun); len(skipped) > 0 || report.Stopped != "" {
				t.Errorf("not run: %v %s", skipped, report.Stopped)
			}
			if report.ClocksDiffer() || !report.ClockKnown {
				t.Errorf("the clocks differ by %v (known: %v)", report.Clock, report.ClockKnown)
			}
		})
	}
}

// An attack that was refused because it is malformed would show nothing: each is refused by the check that it is about.
func TestEach_attack_is_refused_for_its_own_reason(t *testing.T) {
	t.Parallel()
	site := deploy(t, deployment{})
	report := site.probe(t)
	want := map[string]string{
		"replay": "client_assertion_replayed", "alg_none": "client_assertion_not_compact",
		"hs256_service_key": "key_unknown", "hs256_client_key_pem": "key_unknown",
		"hs256_client_key_der": "key_unknown", "hs256_client_key_jwk": "key_unknown",
		"embedded_jwk": "signature", "embedded_jku": "signature", "embedded_x5c": "signature", "wrong_key": "signature",
		"truncated_signature": "signature", "zero_signature": "signature", "jwe": "client_assertion_encrypted",
		"unknown_crit": "client_assertion_header_crit", "unencoded_payload": "client_assertion_header_b64",
		"own_access_token": "client_unknown", "wrong_aud": "client_assertion_aud", "several_aud": "client_assertion_aud_several",
		"aud_slash": "client_assertion_aud", "aud_endpoint": "client_assertion_aud", "no_aud": "client_assertion_aud_missing", "expired": "client_assertion_expired",
		"no_exp": "client_assertion_exp_missing", "exp_far_ahead": "client_assertion_lifetime",
		"nbf_in_future": "client_assertion_not_yet_valid", "iat_in_future": "client_assertion_iat_in_future",
		"wrong_iss": "client_unknown", "wrong_sub": "client_assertion_sub", "no_jti": "client_assertion_jti_missing",
		"duplicate_claim": "client_assertion_json_malformed",
		"two_methods":     "several_credentials", "repeated_parameter": "parameter_repeated", "query_parameter": "grant_type_missing",
		"scope_beyond": "scope_not_allowed", "unknown_resource": "resource_not_allowed", "own_token_as_grant": "assertion_party_unknown",
		"unknown_client": "client_unknown", "unlisted_issuer": "assertion_party_unknown", "unsupported_grant": "unsupported_grant_type",
		"no_client": "client_missing", "get": "method", "json_body": "content_type", "large_body": "body_too_large",
	}
	got := map[string]string{}
	reasons := site.log.reasons(t)
	for _, f := range report.Findings {
		if f.Kind == probe.Refuses && !strings.HasPrefix(f.Sent, "the answers") && !strings.HasPrefix(f.Sent, "all ") && len(reasons) > 0 {
			got[f.Name], reasons = reasons[0], reasons[1:]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(reasons) > 0 {
		t.Errorf("reasons (-want +got), %d left:\n%s", len(reasons), diff)
	}
}

// The usual budgets are 60 failures of a client, and 600 of an address, a minute.
func TestTwo_probes_in_a_row_fit_into_the_budget_of_failures(t *testing.T) {
	t.Parallel()
	site := deploy(t, deployment{
		more: "limits: {client_failures: 60, source_failures: 600, forwarded_for: 1}\n",
		change: func(good http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				r.Header.Set("X-Forwarded-For", "192.0.2.1")
				good.ServeHTTP(w, r)
			})
		},
	})
	for range 2 {
		if report := site.probe(t); report.Stopped != "" || len(by(report, probe.NotAsItMustBe)) > 0 {
			t.Errorf("stopped: %s; not: %v", report.Stopped, by(report, probe.NotAsItMustBe))
		}
	}
}

func TestWithout_a_client_only_what_strangers_can_ask_for_is_asked(t *testing.T) {
	t.Parallel()
	report := run(t, probe.Config{URL: deploy(t, deployment{}).url})
	expect(t, report)
	for _, name := range []string{"token", "token_verifies", "replay", "scope_beyond", "unknown_client_like_wrong_key"} {
		if f := find(t, report, name); f.Outcome != probe.NotRun || f.Why == "" || f.Came != "" {
			t.Errorf("%s: %+v", name, f)
		}
	}
	for _, name := range []string{"metadata", "jwks_public", "ready", "unknown_client", "unlisted_issuer", "large_body", "refusals_no_store"} {
		if f := find(t, report, name); f.Outcome != probe.AsItMustBe {
			t.Errorf("%s: %+v", name, f)
		}
	}
}

// Past a load balancer the server is asked at another URL, and its metadata name the issuer's.
func TestThe_issuer_may_be_another_than_the_URL(t *testing.T) {
	t.Parallel()
	site := deploy(t, deployment{})
	direct := strings.Replace(site.url, "127.0.0.1", "localhost", 1)
	config := probe.Config{URL: direct, Issuer: site.url, Client: "prober", Key: site.key}
	expect(t, run(t, config))
	config.Issuer = ""
	report := run(t, config)
	for _, name := range []string{"metadata_issuer", "metadata_endpoints", "token"} {
		if f := find(t, report, name); f.Outcome != probe.NotAsItMustBe {
			t.Errorf("with the URL for the issuer, %s is %+v", name, f)
		}
	}
}
