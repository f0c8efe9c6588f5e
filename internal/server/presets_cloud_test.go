package server_test

import (
	"encoding/json"
	"testing"
	"time"

	"example.com/countersign/internal/assertion"
)

func TestPreset_google(t *testing.T) {
	d := deploy(t, withIssuers+`
  - preset: google
    keys: {file: provider.RS256.json}
    allow:
      - if: claims.sub == "107517467455664443766"
        resource: https://invoices.example.com
        scopes: [invoices.read]
      - if: claims.email == "batch@acme.iam.gserviceaccount.com" && claims.google.compute_engine.project_number == 739419398126
        resource: https://deploy.example.com
        scopes: [deploy.read]
`)
	r := rows{deployment: d, good: d.provides("google")}
	good := r.good
	r.all = append(r.all, allow("an account", d.presents(good)), allow("the same token again, since it has no jti", d.presents(good)))
	r.allow("without an e-mail address", good.but(nil, "email").but(nil, "email_verified"))
	r.allow("without details of the machine", good.but(nil, "google"))
	r.deny("another account", good.but("107517467455664443767", "sub"), noRule)
	r.deny("an account that was made again under the address", good.but("117517467455664443766", "sub"), noRule)
	r.deny("an address that is not verified", good.but(false, "email_verified"), noRule)
	r.deny("an address of which nobody says that it is verified", good.but(nil, "email_verified"), noRule)
	r.deny("an address that is verified in words", good.but("true", "email_verified"), noRule)
	r.deny("an address as sub", good.but("billing@acme.iam.gserviceaccount.com", "sub"), noRule)
	r.deny("another issuer of Google's", good.but("accounts.google.com", "iss"), strangeIssuer("party_unknown"))
	r.deny("for another service", good.but("https://other.example.com", "aud"), grantFault(assertion.ErrAudience))
	r.deny("two hours' lifetime", good.but(d.clock.in(2*time.Hour), "exp"), grantFault(assertion.ErrLifetime))

	batch := good.but("101", "sub").but("batch@acme.iam.gserviceaccount.com", "email")
	r.allow("an address in a project", batch)
	r.deny("an address in another project", batch.but(json.Number("739419398127"), "google", "compute_engine", "project_number"), noRule)
	r.deny("an address in a project whose number is text", batch.but("739419398126", "google", "compute_engine", "project_number"), noRule)
	r.deny("an address without details of the machine", batch.but(nil, "google"), noRule)
	r.deny("an address in a project, not verified", batch.but(false, "email_verified"), noRule)
	r.deny("an address in a project, and sub is no number", batch.but("batch", "sub"), noRule)
	d.judge(t, r.all...)
}

func TestPreset_google_service_account_key(t *testing.T) {
	d := deploy(t, withIssuers+`
  - preset: google-service-account-key
    issuer: robot@acme.iam.gserviceaccount.com
    keys: {file: provider.RS256.json}
    allow:
      - {resource: https://invoices.example.com, scopes: [invoices.read]}
`)
	r := rows{deployment: d, good: d.provides("google-service-account-key")}
	good := r.good
	beyond := invalidScope("scope_not_allowed", "no rule allows all of this scope for the resource")
	r.allow("as Go's library asks", good)
	r.allow("as those for Python and Java do", good.but("https://oauth2.googleapis.com/token", "aud"))
	r.allow("with itself as sub", good.but("robot@acme.iam.gserviceaccount.com", "sub"))
	r.allow("without a scope", good.but(nil, "scope"))
	r.deny("with somebody else as sub", good.but("alice@acme.example", "sub"), grantFault(assertion.ErrSubject))
	r.deny("another account", good.but("robot2@acme.iam.gserviceaccount.com", "iss"), strangeIssuer("party_unknown"))
	r.deny("a scope that no rule has", good.but("deploy.write", "scope"), beyond)
	r.deny("a scope beside it", good.but("invoices.read deploy.write", "scope"), beyond)
	r.deny("a scope that is a list", good.but([]string{"invoices.read"}, "scope"), invalidScope("scope_claim", "the assertion's scope is not a string"))
	r.deny("for Google's other endpoint", good.but("https://www.googleapis.com/oauth2/v4/token", "aud"), grantFault(assertion.ErrAudience))
	r.deny("a key of two hours", good.but(d.clock.in(2*time.Hour), "exp"), grantFault(assertion.ErrLifetime))
	d.judge(t, r.all...)
	if got := d.grant(t, d.presents(good)); got.claims["sub"] != "robot@acme.iam.gserviceaccount.com" || got.Scope != "invoices.read" {
		t.Errorf("got %v", got.claims)
	}
}

func TestPreset_aws(t *testing.T) {
	d := deploy(t, withIssuers+`
  - preset: aws
    issuer: https://abc123-def456-ghi789-jkl012.tokens.sts.global.api.aws
    keys: {file: provider.RS256.json}
    allow:
      - if: >-
          claims.sub == "arn:aws:iam::123456789012:role/deployer" &&
          claims["https://sts.amazonaws.com/"].principal_tags.environment == "production"
        resource: https://deploy.example.com
        scopes: [deploy.write]
`)
	const aws = "https://sts.amazonaws.com/"
	r := rows{deployment: d, good: d.provides("aws")}
	good := r.good
	r.allow("a role", good)
	r.deny("another role", good.but("arn:aws:iam::123456789012:role/deployer2", "sub"), noRule)
	r.deny("a role of that name in another account", good.but("arn:aws:iam::210987654321:role/deployer", "sub"), noRule)
	r.deny("a session of the role", good.but("arn:aws:sts::123456789012:assumed-role/deployer/session", "sub"), noRule)
	r.deny("another tag", good.but("staging", aws, "principal_tags", "environment"), noRule)
	r.deny("no tags", good.but(nil, aws, "principal_tags"), noRule)
	r.deny("a tag of the request and not of the principal", good.but(nil, aws, "principal_tags").but("production", aws, "request_tags", "environment"), noRule)
	r.deny("none of AWS's claims", good.but(nil, aws), noRule)
	r.deny("another account's issuer", good.but("https://zzz123-def456-ghi789-jkl012.tokens.sts.global.api.aws", "iss"), strangeIssuer("party_unknown"))
	r.deny("for another service", good.but("https://other.example.com", "aud"), grantFault(assertion.ErrAudience))
	r.deny("no jti", good.but(nil, "jti"), grantFault(assertion.ErrIDMissing))
	r.all = append(r.all, deny("twice", d.presents(good.once("a role")), grantFault(assertion.ErrReplayed)))
	d.judge(t, r.all...)
}

func TestPreset_azure(t *testing.T) {
	d := deploy(t, withIssuers+`
  - preset: azure
    issuer: https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0
    audiences: [11112222-bbbb-3333-cccc-4444dddd5555]
    keys: {file: provider.RS256.json}
    allow:
      - if: claims.oid == "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb" && "Invoices.Read" in claims.roles
        resource: https://invoices.example.com
        scopes: [invoices.read]
`)
	r := rows{deployment: d, good: d.provides("azure")}
	good := r.good
	other := "bbbbaaaa-0000-cccc-1111-dddd2222eeee"
	r.allow("a managed identity", good)
	r.deny("another identity", good.but("cccccccc-0000-1111-2222-bbbbbbbbbbbb", "oid"), noRule)
	r.deny("an id in capital letters", good.but("AAAAAAAA-0000-1111-2222-BBBBBBBBBBBB", "oid"), noRule)
	r.deny("no role", good.but(nil, "roles"), noRule)
	r.deny("another role", good.but([]string{"Invoices.Write"}, "roles"), noRule)
	r.deny("a role that is no list", good.but("Invoices.Read", "roles"), noRule)
	r.deny("another tenant under this issuer", good.but(other, "tid"), noRule)
	r.deny("no tenant", good.but(nil, "tid"), noRule)
	r.deny("version 1.0", good.but("1.0", "ver"), noRule)
	r.deny("another tenant", good.but("https://login.microsoftonline.com/"+other+"/v2.0", "iss").but(other, "tid"), strangeIssuer("party_unknown"))
	r.deny("the tenant's other issuer", good.but("https://sts.windows.net/aaaabbbb-0000-cccc-1111-dddd2222eeee/", "iss"), strangeIssuer("party_unknown"))
	r.deny("for Microsoft Graph", good.but("00000003-0000-0000-c000-000000000000", "aud"), grantFault(assertion.ErrAudience))
	r.deny("two days' lifetime", good.but(d.clock.in(48*time.Hour), "exp"), grantFault(assertion.ErrLifetime))
	d.judge(t, r.all...)
}

// Where nobody answers under the issuer's name, nothing is verified (protocol T7).
func TestPreset_whose_keys_cannot_be_had_verifies_nothing(t *testing.T) {
	const nowhere = "https://127.0.0.1:1"
	d := deploy(t, withIssuers+`
  - preset: gitlab-ci
    issuer: `+nowhere+`
    allow:
      - {resource: https://deploy.example.com, scopes: [deploy.read], if: claims.project_id == "20"}
`)
	r := d.presents(d.provides("gitlab-ci").but(nowhere, "iss"))
	d.expectRefusal(t, r, d.send(t, r), unavailable("issuer_keys_unavailable"))
}
