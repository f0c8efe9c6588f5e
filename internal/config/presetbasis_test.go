package config_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"example.com/countersign/internal/config"
)

// written returns claims as a condition has them, with the members of objects.
func written(of string, types config.ClaimTypes) []string {
	var claims []string
	for name, claim := range types {
		claims = append(append(claims, of+"."+name), written(of+"."+name, claim.Members)...)
	}
	return claims
}

// What a warning tells an author to add is a claim that the provider sends, and makes the warning go away.
func TestWhatAPresetAdvisesHelps(t *testing.T) {
	more := map[string]string{
		"github-actions": "", "gitlab-ci": "", "google": "", "kubernetes": "issuer: " + anEKS, "aws": "issuer: " + anAWS,
		"azure":                      "issuer: " + tenant + "\n    audiences: [a]",
		"spiffe":                     "issuer: https://spire.example.org\n    trust_domain: example.org",
		"google-service-account-key": "issuer: robot@acme.example\n    keys: {file: a}",
	}
	warned := map[string]int{}
	for name, fields := range more {
		issuer := expectFaults(t, preset("preset: "+name+"\n    "+fields)).Issuers[0]
		sent := written("claims", issuer.ClaimTypes)
		for _, claim := range sent {
			_, warning := issuer.Examine([]string{claim}, nil)
			_, advice, found := strings.Cut(warning, "; add ")
			if !found {
				continue
			}
			warned[name]++
			fault, still := issuer.Examine([]string{claim, advice}, nil)
			if !slices.Contains(sent, advice) || fault != "" || still != "" {
				t.Errorf("%s: %q: %q, %q", name, warning, fault, still)
			}
		}
		if known, found := config.FindPreset(name); !found || known.Example() == "" {
			t.Errorf("%s has no example", name)
		}
	}
	equal(t, "how many claims are names", warned, map[string]int{"github-actions": 7, "gitlab-ci": 9, "google": 3, "azure": 7})
	if _, found := config.FindPreset(""); found {
		t.Error("there is a preset without a name")
	}
}

func TestDescribe(t *testing.T) {
	for _, test := range []struct{ preset, claim, text, want string }{
		{"github-actions", "claims.sub", "repo:octo-org/octo-repo:ref:refs/heads/main", "GitHub's classic form"},
		{"github-actions", "claims.sub", "repo:octo-org/octo-repo:environment:Production%3AV1", "GitHub's classic form"},
		{"github-actions", "claims.sub", "repo:octo-org/octo-repo:pull_request", "GitHub's classic form"},
		{"github-actions", "claims.sub", "repo:octo-org@123456/octo-repo@456789:ref:refs/heads/main", "GitHub's immutable form"},
		{"github-actions", "claims.sub", "repo:octo-org@123456/octo-repo@456789:pull_request", "GitHub's immutable form"},
		{"github-actions", "claims.sub", "repository_owner:monalisa:repository_visibility:private", "a form that the repository or its organization has chosen"},
		{"github-actions", "claims.sub", "job_workflow_ref:octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main", "a form that the repository or its organization has chosen"},
		{"github-actions", "claims.sub", "repository_id:74", "a form with an id"},
		{"github-actions", "claims.sub", "main", ""},
		{"github-actions", "claims.ref", "repo:octo-org/octo-repo:ref:refs/heads/main", ""},
		{"gitlab-ci", "claims.sub", "project_path:my-group/my-project:ref_type:branch:ref:feature-branch-1", "GitLab's own form"},
		{"gitlab-ci", "claims.sub", "project_path:my-group/my-project", "a form that the project has chosen"},
		{"google", "claims.sub", "112010400000000710080", "the unique id of an account"},
		{"google", "claims.sub", "robot@acme.iam.gserviceaccount.com", "an e-mail address, which sub never is"},
		{"kubernetes", "claims.sub", "system:serviceaccount:payments:default", "a default service account"},
		{"kubernetes", "claims.sub", "system:serviceaccount:payments:deployer", "a service account"},
		{"spiffe", "claims.sub", "spiffe://example.org/payments", "a SPIFFE ID"},
		{"spiffe", "claims.sub", "spiffe://example.org", "a trust domain, and no workload"},
		{"aws", "claims.sub", "arn:aws:iam::123456789012:role/deployer", "the ARN of a role"},
		{"aws", "claims.sub", "arn:aws:sts::123456789012:assumed-role/deployer/session", "the ARN of a session, which sub never is"},
		{"azure", "claims.oid", "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb", "an object id"},
		{"azure", "claims.oid", "AAAAAAAA-0000-1111-2222-BBBBBBBBBBBB", "an object id with capital letters, which oid never has"},
	} {
		known, _ := config.FindPreset(test.preset)
		if got := known.Describe(test.claim, test.text); got != test.want {
			t.Errorf("%s, %s %q: %q, want %q", test.preset, test.claim, test.text, got, test.want)
		}
	}
}

func TestExamine(t *testing.T) {
	const (
		github = "https://token.actions.githubusercontent.com"
		gitlab = "https://gitlab.com"
		google = "https://accounts.google.com"
	)
	rests := func(claim, id string) string {
		return fmt.Sprintf("rests on %s, a name that can be given up and taken by somebody else; add %s", claim, id)
	}
	for _, test := range []struct {
		preset, issuer string
		claims, texts  string
		fault, warning string // the beginning
	}{
		{"github-actions", github, "claims.repository_id claims.ref", "", "", ""},
		{"github-actions", github, "claims.repository claims.repository_id", "", "", ""},
		{"github-actions", github, "claims.repository claims.repository_owner_id", "", "", ""},
		{"github-actions", github, "claims.repository claims.ref", "acme/app", "", rests("claims.repository", "claims.repository_id")},
		{"github-actions", github, "claims.ref claims.repository_owner", "acme", "", rests("claims.repository_owner", "claims.repository_owner_id")},
		{"github-actions", github, "claims.sub", "repo:acme/app:ref:refs/heads/main", "", rests("claims.sub", "claims.repository_id")},
		{"github-actions", github, "claims.sub", "repo:acme@12/app@34:ref:refs/heads/main", "", ""},
		{"github-actions", github, "claims.sub", "repo:acme@12/", "", ""},
		{"github-actions", github, "claims.sub", "repository_id:34", "", ""},
		{"github-actions", github, "claims.ref", "repo:acme@12/app@34:ref:refs/heads/main", "does not say whose tokens it is for, and everybody on GitHub can have tokens of this issuer; write for example claims.repository_id == ", ""},
		{"github-actions", github, "claims.job_workflow_ref", "acme/ci/.github/workflows/deploy.yml@refs/heads/main", "", rests("claims.job_workflow_ref", "claims.repository_owner_id")},
		{"github-actions", github, "claims.ref claims.environment", "production", "does not say whose tokens it is for", ""},
		{"github-actions", github, "", "", "does not say whose tokens it is for", ""},
		{"github-actions", github + "/acme", "", "", "", ""},
		{"github-actions", github + "/acme", "claims.repository", "acme/app", "", rests("claims.repository", "claims.repository_id")},
		{"gitlab-ci", gitlab, "claims.project_id", "34", "", ""},
		{"gitlab-ci", gitlab, "claims.project_path claims.ref_protected", "acme/app true", "", rests("claims.project_path", "claims.project_id")},
		{"gitlab-ci", gitlab, "claims.namespace_path", "acme", "", rests("claims.namespace_path", "claims.namespace_id")},
		{"gitlab-ci", gitlab, "claims.sub", "project_path:acme/app:ref_type:branch:ref:main", "", rests("claims.sub", "claims.project_id")},
		{"gitlab-ci", gitlab, "claims.ref", "main", "does not say whose tokens it is for, and everybody on GitLab.com", ""},
		{"gitlab-ci", "https://gitlab.example.com", "claims.ref", "main", "", ""},
		{"google", google, "claims.sub", "112010400000000710080", "", ""},
		{"google", google, "claims.sub claims.email", "robot@acme.iam.gserviceaccount.com", "", ""},
		{"google", google, "claims.email", "robot@acme.iam.gserviceaccount.com", "", rests("claims.email", "claims.sub")},
		{"google", google, "claims.google.compute_engine.project_id", "acme", "", rests("claims.google.compute_engine.project_id", "claims.google.compute_engine.project_number")},
		{"google", google, "claims.email_verified", "", "does not say whose tokens it is for, and everybody with a Google account", ""},
		{"azure", tenant, "claims.oid claims.preferred_username", "", "", ""},
		{"azure", tenant, "claims.azp", "", "", ""},
		{"azure", tenant, "claims.preferred_username", "alice@acme.example", "", rests("claims.preferred_username", "claims.oid")},
		{"azure", tenant, "claims.name claims.roles", "Alice", "", rests("claims.name", "claims.oid")},
		{"azure", tenant, "claims.roles", "Deploy", "", ""},
		{"kubernetes", anEKS, "claims.sub", "system:serviceaccount:payments:deployer", "", ""},
		{"aws", anAWS, "", "", "", ""},
		{"", "https://idp.example.com", "claims.repository", "", "", ""},
	} {
		issuer := config.Issuer{Preset: test.preset, Issuer: test.issuer}
		fault, warning := issuer.Examine(strings.Fields(test.claims), strings.Fields(test.texts))
		begins := func(got, want string) bool { return got == want || want != "" && strings.HasPrefix(got, want) }
		if !begins(fault, test.fault) || !begins(warning, test.warning) {
			t.Errorf("%s of %s, %q: fault %q, warning %q; want %q, %q", test.claims, test.issuer, test.texts, fault, warning, test.fault, test.warning)
		}
	}
}
