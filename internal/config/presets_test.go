package config_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.com/countersign/internal/config"
)

// preset returns a document with one issuer of these fields.
func preset(fields string) string {
	return inIssuers + `
  - allow: [{resource: https://api.example.com, scopes: [read]}]
    ` + strings.TrimSpace(fields) + "\n"
}

const (
	tenant = "https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0"
	anAWS  = "https://abc123-def456-ghi789-jkl012.tokens.sts.global.api.aws"
	anEKS  = "https://oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF"
)

func TestPreset(t *testing.T) {
	allow(t, "github-actions", preset(`preset: github-actions`))
	allow(t, "github-actions_of_an_enterprise", preset(`
    preset: github-actions
    issuer: https://token.actions.githubusercontent.com/octocat-inc`))
	allow(t, "gitlab-ci", preset(`preset: gitlab-ci`))
	allow(t, "gitlab-ci_of_ones_own", preset(`
    preset: gitlab-ci
    issuer: https://gitlab.example.com`))
	allow(t, "google", preset(`preset: google`))
	allow(t, "google_by_its_name", preset(`
    preset: google
    issuer: https://accounts.google.com`))
	allow(t, "kubernetes", preset(`
    preset: kubernetes
    issuer: `+anEKS))
	allow(t, "spiffe", preset(`
    preset: spiffe
    issuer: https://spire.example.org
    trust_domain: example.org`))
	allow(t, "spiffe_with_a_bundle_and_any_issuer", preset(`
    preset: spiffe
    issuer: SPIRE
    trust_domain: prod_1.example-2.org
    keys: {jwks_uri: https://spire.example.org:8443/}`))
	allow(t, "aws", preset(`
    preset: aws
    issuer: `+anAWS))
	allow(t, "azure", preset(`
    preset: azure
    issuer: `+tenant+`
    audiences: [11112222-bbbb-3333-cccc-4444dddd5555]`))
	allow(t, "azure_of_a_government", preset(`
    preset: azure
    issuer: `+strings.Replace(tenant, ".com", ".us", 1)+`
    audiences: [11112222-bbbb-3333-cccc-4444dddd5555]`))
	allow(t, "google-service-account-key", preset(`
    preset: google-service-account-key
    issuer: robot@acme.iam.gserviceaccount.com
    keys: {file: robot.pem}`))
	allow(t, "everything_that_can_be_written", preset(`
    preset: github-actions
    issuer: https://github.example.com/_services/token
    disabled: true
    keys: {secret: projects/acme/secrets/github}
    audiences: [https://auth.example.com/github]
    types: [at+jwt]
    max_lifetime: 5m
    jti: optional
    client: identified
    claim_types: {department: string}`))

	denyByForm(t, "an_unknown_provider_is_refused", preset(`preset: github   #! issuers[0].preset: preset is "github"; use one of github-actions, gitlab-ci, google, kubernetes, spiffe, aws, azure, google-service-account-key`))
	denyByForm(t, "an_empty_preset_is_refused", preset(`preset: ""   #! issuers[0].preset: preset is empty; give it a value`))
	denyByForm(t, "two_presets_are_refused", preset(`preset: [google, aws]   #! issuers[0].preset: preset is a list; write text`))
	denyByForm(t, "a_preset_of_a_client_is_refused", inClient+`
    authentication: none
    grants: [`+jwtBearer+`]
    preset: google                       #! clients[0].preset: preset is not a field here; …
`)
	denyByForm(t, "a_preset_without_rules_is_refused", inIssuers+`
  - preset: github-actions               #! issuers[0].allow: allow is missing
`)
	for _, name := range []string{"kubernetes", "aws", "google-service-account-key"} {
		document := inIssuers + `
  - preset: ` + name + `                 #! issuers[0].issuer: issuer is missing
    keys: {file: a}
    allow: [{resource: https://api.example.com, scopes: [read]}]
`
		denyByForm(t, "a_provider_of_many_without_an_issuer_is_refused/"+name, document)
	}
	for _, field := range []string{"subject: claim", "subject: issuer", "scope: parameter", "scope: claim"} {
		name, _, _ := strings.Cut(field, ":")
		denyByForm(t, "what_the_preset_knows_is_refused/"+field, preset(`
    preset: github-actions
    `+field+`   #! issuers[0].`+name+`: `+name+` does not belong here: the preset github-actions knows it`))
	}
	denyByMeaning(t, "another_google_is_refused", preset(`
    preset: google
    issuer: https://accounts.google.com/   #! issuers[0].issuer: issuer is "https://accounts.google.com/", which the tokens of google do not have; leave it out`))
}

func TestPresetOfAnIssuerThatIsNoneOfTheProvidersIsRefused(t *testing.T) {
	refused := func(name, issuer, more, says string) {
		t.Helper()
		denyByMeaning(t, name+"/"+issuer, preset(`
    preset: `+name+`
    issuer: "`+issuer+`"   #! issuers[0].issuer: issuer is "`+issuer+`"; write `+says+`
    `+more))
	}
	for _, issuer := range []string{
		"https://login.microsoftonline.com/common/v2.0",
		"https://login.microsoftonline.com/organizations/v2.0",
		"https://login.microsoftonline.com/{tenantid}/v2.0",
		"https://login.microsoftonline.com/acme.onmicrosoft.com/v2.0",
		"https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee",
		"https://login.microsoftonline.com/AAAABBBB-0000-CCCC-1111-DDDD2222EEEE/v2.0",
		"https://sts.windows.net/aaaabbbb-0000-cccc-1111-dddd2222eeee/",
		"https://login.microsoftonline.com.evil.example/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0",
		tenant + "/",
	} {
		refused("azure", issuer, "audiences: [api]", "https://login.microsoftonline.com/TENANT/v2.0 with …")
	}
	for _, issuer := range []string{
		anEKS, "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_abc", "https://sts.amazonaws.com",
		"http://abc.tokens.sts.global.api.aws", "https://evil.example/abc.tokens.sts.global.api.aws", anAWS + "/",
	} {
		refused("aws", issuer, "", "the IssuerIdentifier of the account …")
	}
	for _, issuer := range []string{"kubernetes/serviceaccount", "cluster.local"} {
		refused("kubernetes", issuer, "", "the issuer of the cluster, an https URL: …")
	}
	for _, issuer := range []string{"gitlab.com", "git@gitlab.com"} {
		refused("gitlab-ci", issuer, "", "the URL of the GitLab instance, …")
	}
	for _, issuer := range []string{"https://accounts.google.com", "robot", "robot@", "a@b@c", "a@b/c"} {
		refused("google-service-account-key", issuer, "keys: {file: a}", "the client_email of the key file, …")
	}
}

func TestPresetWithoutWhatOnlyTheDocumentCanSayIsRefused(t *testing.T) {
	denyByForm(t, "a_key_file_without_its_key", inIssuers+`
  - preset: google-service-account-key   #! issuers[0].keys: keys is missing: a key file has no metadata; write its public key, or where it is
    issuer: robot@acme.iam.gserviceaccount.com
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
	denyByForm(t, "azure_without_an_audience", inIssuers+`
  - preset: azure                        #! issuers[0].audiences: audiences is missing: the aud of a token is the client id of the API's registration with Entra ID
    issuer: `+tenant+`
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
	denyByForm(t, "spiffe_without_a_trust_domain", inIssuers+`
  - preset: spiffe                       #! issuers[0].trust_domain: trust_domain is missing: no SPIFFE ID of another one is taken from this issuer
    issuer: https://spire.example.org
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
	for _, domain := range []string{"spiffe://example.org", "example.org/", "Example.org", "example.org/payments", "*.example.org", "a b"} {
		denyByForm(t, "a_trust_domain_that_is_none/"+domain, preset(`
    preset: spiffe
    issuer: https://spire.example.org
    trust_domain: "`+domain+`"   #! issuers[0].trust_domain: trust_domain is "`+domain+`"; write the name alone, in lower case, such as example.org`))
	}
	denyByForm(t, "a_trust_domain_of_another_provider", preset(`
    preset: kubernetes
    issuer: https://k8s.example.com
    trust_domain: example.org   #! issuers[0].trust_domain: trust_domain does not belong here: it goes with the preset spiffe`))
	denyByForm(t, "a_trust_domain_of_no_provider", inIssuer+`
    trust_domain: example.org            #! issuers[0].trust_domain: trust_domain does not belong here: it goes with the preset spiffe
`)
	denyByMeaning(t, "keys_by_discovery_under_a_name", inIssuers+`
  - preset: spiffe                       #! issuers[0].preset: preset needs an issuer that is an https URL without query, since its metadata is there; this one is not an https URL
    issuer: SPIRE
    trust_domain: example.org
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
	denyByMeaning(t, "keys_by_discovery_over_http", inIssuers+`
  - preset: kubernetes                   #! issuers[0].preset: preset needs an issuer that is an https URL without query, since its metadata is there; this one is http beyond this machine
    issuer: http://k8s.example.com
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
}

func TestPresetOfATakenIssuerIsRefused(t *testing.T) {
	denyByMeaning(t, "written", inIssuers+`
  - issuer: https://gitlab.com
    keys: {file: a}
    allow: [{resource: https://api.example.com, scopes: [read]}]
  - preset: gitlab-ci                    #! issuers[1].preset: preset is "https://gitlab.com", which issuers[0].issuer on line 8 is already; a name means one thing
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
	denyByMeaning(t, "filled_in", inIssuers+`
  - preset: google
    allow: [{resource: https://api.example.com, scopes: [read]}]
  - preset: google                       #! issuers[1].preset: preset is "https://accounts.google.com", which issuers[0].preset on line 8 is already; …
    allow: [{resource: https://api.example.com, scopes: [read]}]
`)
}

func TestWhatAPresetFillsIn(t *testing.T) {
	ignore := cmpopts.IgnoreFields(config.Issuer{}, "At", "ClaimTypes", "Client", "Allow")
	ignorePositions := cmpopts.IgnoreTypes(config.Position{})
	discovery := config.Keys{Discovery: true}
	for fields, want := range map[string]config.Issuer{
		`preset: github-actions`: {
			Preset: "github-actions", Issuer: "https://token.actions.githubusercontent.com", Keys: discovery,
			Assertion: config.Assertion{MaxLifetime: 15 * time.Minute, JTIRequired: true},
		},
		`preset: gitlab-ci`: {
			Preset: "gitlab-ci", Issuer: "https://gitlab.com", Keys: discovery,
			Assertion: config.Assertion{MaxLifetime: time.Hour, JTIRequired: true},
		},
		`preset: google`: {
			Preset: "google", Issuer: "https://accounts.google.com", Keys: discovery, Assertion: config.Assertion{MaxLifetime: time.Hour},
		},
		"preset: kubernetes\n    issuer: " + anEKS: {
			Preset: "kubernetes", Issuer: anEKS, Keys: discovery, Assertion: config.Assertion{MaxLifetime: time.Hour, Reusable: true},
		},
		"preset: spiffe\n    issuer: https://spire.example.org\n    trust_domain: example.org": {
			Preset: "spiffe", Issuer: "https://spire.example.org", TrustDomain: "example.org", Keys: discovery,
			Assertion: config.Assertion{MaxLifetime: time.Hour, Types: []string{"JOSE"}, Reusable: true},
		},
		"preset: aws\n    issuer: " + anAWS: {
			Preset: "aws", Issuer: anAWS, Keys: discovery, Assertion: config.Assertion{MaxLifetime: time.Hour, JTIRequired: true},
		},
		"preset: azure\n    issuer: " + tenant + "\n    audiences: [api]": {
			Preset: "azure", Issuer: tenant, Keys: discovery,
			Assertion: config.Assertion{Audiences: []string{"api"}, MaxLifetime: 25 * time.Hour},
		},
		"preset: google-service-account-key\n    issuer: robot@acme.example\n    keys: {pem: a}": {
			Preset: "google-service-account-key", Issuer: "robot@acme.example", Keys: config.Keys{PEM: "a"},
			Assertion: config.Assertion{
				Audiences: []string{"https://oauth2.googleapis.com/token"}, MaxLifetime: time.Hour, SubjectFromIssuer: true, ScopeFromClaim: true,
			},
		},
		// What is written takes the place of what is known; what is weaker than that is an exception from it.
		"preset: gitlab-ci\n    issuer: https://gitlab.example.com\n    keys: {file: a}\n    max_lifetime: 2h\n    jti: optional": {
			Preset: "gitlab-ci", Issuer: "https://gitlab.example.com", Keys: config.Keys{File: "a"},
			Assertion: config.Assertion{MaxLifetime: time.Hour, JTIRequired: true, Exceptions: []config.Exception{
				{Name: "assertion.max_lifetime", MaxLifetime: 2 * time.Hour},
				{Name: "assertion.jti", JTIOptional: true},
			}},
		},
		"preset: google-service-account-key\n    issuer: robot@acme.example\n    keys: {pem: a}\n    audiences: [b]\n    types: [c]\n    jti: required": {
			Preset: "google-service-account-key", Issuer: "robot@acme.example", Keys: config.Keys{PEM: "a"},
			Assertion: config.Assertion{
				Audiences: []string{"b"}, Types: []string{"c"}, MaxLifetime: time.Hour, JTIRequired: true, SubjectFromIssuer: true, ScopeFromClaim: true,
			},
		},
		"preset: kubernetes\n    issuer: " + anEKS + "\n    jti: required\n    types: [a]": {
			Preset: "kubernetes", Issuer: anEKS, Keys: discovery,
			Assertion: config.Assertion{Types: []string{"a"}, MaxLifetime: time.Hour, JTIRequired: true},
		},
	} {
		t.Run(fields, func(t *testing.T) {
			c := expectFaults(t, preset(fields))
			equal(t, "issuer", c.Issuers[0], want, ignore, ignorePositions)
			if at := c.Issuers[0].Keys.At; at.Line == 0 {
				t.Error("the keys have no place")
			}
		})
	}
}

// required returns the conditions that the preset adds to a rule with this condition.
func required(t *testing.T, fields, condition string) []string {
	t.Helper()
	c := expectFaults(t, inIssuers+`
  - `+strings.TrimSpace(fields)+`
    allow: [{resource: https://api.example.com, scopes: [read], if: '`+strings.ReplaceAll(condition, "'", "''")+`'}]
`)
	var conditions []string
	for _, requirement := range c.Issuers[0].Allow[0].Require {
		conditions = append(conditions, requirement.Condition)
		if requirement.Reason == "" {
			t.Errorf("%q has no reason", requirement.Condition)
		}
	}
	return conditions
}

func TestWhatAPresetRequires(t *testing.T) {
	for fields, want := range map[string][]string{
		`preset: github-actions`: nil,
		`preset: gitlab-ci`:      nil,
		`preset: google`:         {`claims.sub.matches("[0-9]+")`, `!has(claims.email) || claims.email_verified == true`},
		"preset: spiffe\n    issuer: https://spire.example.org\n    trust_domain: example.org": {`claims.sub.startsWith("spiffe://example.org/")`},
		"preset: azure\n    issuer: " + tenant + "\n    audiences: [api]":                      {`claims.ver == "2.0"`, `claims.tid == "aaaabbbb-0000-cccc-1111-dddd2222eeee"`},
		"preset: aws\n    issuer: " + anAWS:                                                    nil,
	} {
		if diff := cmp.Diff(want, required(t, fields, `claims.sub == "a"`)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", fields, diff)
		}
	}
}

// Every pod that names no account runs as the default one.
func TestKubernetesDefaultAccountIsRefusedUnlessARuleNamesIt(t *testing.T) {
	const none = `!claims.sub.endsWith(":default")`
	named := func(accounts ...string) string {
		condition := none
		for _, account := range accounts {
			condition += ` || claims.sub == "system:serviceaccount:` + account + `:default"`
		}
		return condition
	}
	for condition, want := range map[string]string{
		`claims.sub == "system:serviceaccount:payments:deployer"`:                                                             none,
		`claims.sub.startsWith("system:serviceaccount:payments:")`:                                                            none,
		`claims.sub.matches("system:serviceaccount:payments:.*")`:                                                             none,
		`claims.sub.matches("system:serviceaccount:.*:default")`:                                                              none,
		`claims["kubernetes.io"].serviceaccount.name == "default"`:                                                            none,
		`claims.sub.endsWith(":default")`:                                                                                     none,
		`claims.sub == "system:serviceaccount:payments:default"`:                                                              named("payments"),
		`claims.sub == 'system:serviceaccount:payments:default'`:                                                              named("payments"),
		`claims.sub in ["system:serviceaccount:a:default", "system:serviceaccount:b-2:default", "system:serviceaccount:c:x"]`: named("a", "b-2"),
		`claims.sub == "system:serviceaccount:a\" || \"" + ":default"`:                                                        none,
	} {
		got := required(t, "preset: kubernetes\n    issuer: "+anEKS, condition)
		if len(got) != 2 || got[1] != want {
			t.Errorf("%s: %q, want %q", condition, got, want)
		}
	}
}

func TestClaimTypesOfAPreset(t *testing.T) {
	types := func(document string) config.ClaimTypes {
		t.Helper()
		return expectFaults(t, document).Issuers[0].ClaimTypes
	}
	if known := types(inIssuer); known != nil {
		t.Errorf("of an issuer of which nothing is known: %v", known)
	}
	github := types(preset(`preset: github-actions`))
	for name, want := range map[string]string{
		"repository_id": "string", "run_number": "string", "repo_property_*": "string", "sub": "string", "aud": "dyn", "exp": "int",
	} {
		if github[name].Name != want {
			t.Errorf("%s is %q", name, github[name].Name)
		}
	}
	added := types(preset("preset: github-actions\n    claim_types: {department: 'list(string)', team: {lead: string}}"))
	equal(t, "what is added", added["department"].Name, "list(string)")
	equal(t, "a member that is added", added["team"].Members["lead"].Name, "string")
	equal(t, "how many claims", len(added), len(github)+2)
	again := types(preset(`preset: github-actions`))
	equal(t, "what is known of the next issuer", slices.Sorted(maps.Keys(again)), slices.Sorted(maps.Keys(github)))

	google := types(preset("preset: google\n    claim_types: {google: {compute_engine: {gpu: bool}, kubernetes_engine: {cluster: string}}}"))
	engine := google["google"].Members["compute_engine"].Members
	equal(t, "a member deep inside", engine["gpu"].Name, "bool")
	equal(t, "a member beside it", engine["project_number"].Name, "int")
	equal(t, "an object beside it", google["google"].Members["kubernetes_engine"].Members["cluster"].Name, "string")
	if _, there := types(preset(`preset: google`))["google"].Members["kubernetes_engine"]; there {
		t.Error("what one issuer declares is known of the next")
	}
	denyByMeaning(t, "a_claim_that_is_known_otherwise", preset(`
    preset: google
    claim_types:
      email_verified: string   #! issuers[0].claim_types.email_verified: claim_types.email_verified is known already, as bool; leave it out
      sub: int                 #! issuers[0].claim_types.sub: claim_types.sub is known already, as string; leave it out
      google: string           #! issuers[0].claim_types.google: claim_types.google is known already, as an object; leave it out
      email: {local: string}   #! issuers[0].claim_types.email: claim_types.email is known already, as string; leave it out`))
}
