package service_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/countersign/internal/config"
	"example.com/countersign/internal/keys"
	"example.com/countersign/internal/service"
)

const beginning = `issuer: https://auth.example.com
signing_keys: {directory: keys}
resources: [{id: https://api.example.com, scopes: [read]}]
issuers:
`

// load builds a service, and returns what there is to say of it.
func load(t testing.TB, document string) (faults, warnings []string) {
	t.Helper()
	_, configuration, found := service.Load("config.yaml", []byte(document), service.Surroundings{
		Secrets: func(string) keys.Source { return nil }, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	return printed(found), printed(configuration.Warnings)
}

func printed(list config.Faults) []string {
	var lines []string
	for _, fault := range list {
		lines = append(lines, fault.Error())
	}
	return lines
}

// of returns a document with one issuer of this provider and these rules, the first of which is on line 7.
func of(preset string, rules ...string) string {
	document := beginning + "  - preset: " + preset + "\n    allow:\n"
	for _, rule := range rules {
		document += "      - {resource: https://api.example.com, scopes: [read]" + rule + "}\n"
	}
	return document
}

func expect(t *testing.T, document string, faults, warnings []string) {
	t.Helper()
	gotFaults, gotWarnings := load(t, document)
	if diff := cmp.Diff(faults, gotFaults); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(warnings, gotWarnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestARuleThatRestsOnANameAloneIsWarnedOf(t *testing.T) {
	const can = ", a name that can be given up and taken by somebody else; add "
	expect(t, of("github-actions",
		`, if: claims.repository == "acme/shop"`,
		`, if: 'claims["repository"] == "acme/shop" && claims.repository_id == "74"'`,
		`, if: 'claims.sub == "repo:acme/shop:ref:refs/heads/main"'`,
		`, if: 'claims.sub == "repo:acme@65/shop@74:ref:refs/heads/main"'`,
		`, if: claims.repository_owner == "acme" && has(claims.repository_owner_id)`,
	), nil, []string{
		"config.yaml:7: issuers[0].allow[0].if: the condition rests on claims.repository" + can + "claims.repository_id",
		"config.yaml:9: issuers[0].allow[2].if: the condition rests on claims.sub" + can + "claims.repository_id",
		"config.yaml:11: issuers[0].allow[4].if: the condition rests on claims.repository_owner" + can + "claims.repository_owner_id",
	})
	expect(t, of("gitlab-ci", `, if: claims.project_path.startsWith("acme/") && claims.ref_protected == "true"`, `, if: claims.namespace_id == "72"`), nil, []string{
		"config.yaml:7: issuers[0].allow[0].if: the condition rests on claims.project_path" + can + "claims.project_id",
	})
	expect(t, of("google", `, if: claims.email == "billing@acme.iam.gserviceaccount.com"`), nil, []string{
		"config.yaml:7: issuers[0].allow[0].if: the condition rests on claims.email" + can + "claims.sub",
	})
	expect(t, strings.Replace(of("azure", `, if: claims.preferred_username == "alice@acme.example"`), "azure\n",
		"azure\n    issuer: https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0\n    audiences: [api]\n", 1), nil, []string{
		"config.yaml:9: issuers[0].allow[0].if: the condition rests on claims.preferred_username" + can + "claims.oid",
	})
}

// Anybody can have a token of an issuer that everybody uses.
func TestARuleThatTellsNobodyApartIsRefusedWhereStrangersHaveTokensToo(t *testing.T) {
	const github = "the condition does not say whose tokens it is for, and everybody on GitHub can have tokens of this issuer; " +
		`write for example claims.repository_id == "1234" && claims.ref == "refs/heads/main"`
	expect(t, of("github-actions",
		``,
		`, if: claims.ref == "refs/heads/main"`,
		`, if: has(claims.repository_id)`,
		`, if: "true"`,
		`, if: claims.repository_id == "74"`,
		`, disabled: true`,
	), []string{
		"config.yaml:7: issuers[0].allow[0]: " + github,
		"config.yaml:8: issuers[0].allow[1].if: " + github,
		"config.yaml:9: issuers[0].allow[2].if: " + github,
		"config.yaml:10: issuers[0].allow[3].if: " + github,
		"config.yaml:12: issuers[0].allow[5]: " + github,
	}, nil)
	for _, document := range []string{
		strings.Replace(of("gitlab-ci", ""), "gitlab-ci\n", "gitlab-ci\n    issuer: https://gitlab.acme.example\n", 1),
		strings.Replace(of("kubernetes", ""), "kubernetes\n", "kubernetes\n    issuer: https://k8s.acme.example\n", 1),
	} {
		expect(t, document, nil, nil)
	}
}

func TestAClaimThatTheProviderDoesNotSendIsAFault(t *testing.T) {
	expect(t, of("github-actions",
		`, if: claims.repository_ownerid == "65"`,
		`, if: claims.repository_id == 74`,
		`, if: claims.repository_id == "74", subject: claims.repo`,
		`, if: claims.repository_id == "74" && claims.repo_property_team == "payments", claims: {team: claims.team}`,
	), []string{
		"config.yaml:7: issuers[0].allow[0].if: column 1: claims.repository_ownerid: there is no such claim; did you mean repository_owner_id?",
		"config.yaml:8: issuers[0].allow[1].if: column 22: found no matching overload for '_==_' applied to '(string, int)'",
		"config.yaml:9: issuers[0].allow[2].subject: column 1: claims.repo: there is no such claim; did you mean ref?",
		"config.yaml:10: issuers[0].allow[3].claims.team: column 1: claims.team: there is no such claim; declare it with claim_types if the issuer sends it",
	}, nil)
	const declared = beginning + `  - issuer: https://idp.example.com
    keys: {jwks_uri: https://idp.example.com/jwks}
    claim_types: {department: string, admin: bool}
    allow:
`
	expect(t, declared+`      - {resource: https://api.example.com, scopes: [read], if: claims.admin && claims.departement == "a"}
      - {resource: https://api.example.com, scopes: [read], if: claims.admin && claims.sub == "a"}
`, []string{
		"config.yaml:9: issuers[0].allow[0].if: column 17: claims.departement: there is no such claim; did you mean department?",
	}, nil)
}

// Every example that an author is given is good.
func TestTheExampleOfEveryPresetIsAGoodCondition(t *testing.T) {
	for preset, more := range map[string]string{
		"github-actions": "", "gitlab-ci": "", "google": "",
		"kubernetes":                 "    issuer: https://k8s.acme.example\n",
		"spiffe":                     "    issuer: https://spire.example.org\n    trust_domain: example.org\n",
		"aws":                        "    issuer: https://abc.tokens.sts.global.api.aws\n",
		"azure":                      "    issuer: https://login.microsoftonline.com/aaaabbbb-0000-cccc-1111-dddd2222eeee/v2.0\n    audiences: [api]\n",
		"google-service-account-key": "    issuer: robot@acme.example\n    keys: {jwks_uri: https://acme.example/jwks}\n",
	} {
		known, _ := config.FindPreset(preset)
		rule := `, if: '` + known.Example() + `'`
		t.Run(preset, func(t *testing.T) {
			expect(t, strings.Replace(of(preset, rule), preset+"\n", preset+"\n"+more, 1), nil, nil)
		})
	}
}

func TestAServiceThatIsBuiltTwiceWarnsOnce(t *testing.T) {
	configuration, faults := config.Load("config.yaml", []byte(of("github-actions", `, if: claims.repository == "acme/shop"`)))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for range 2 {
		_, faults := service.New(configuration, service.Surroundings{
			Secrets: func(string) keys.Source { return nil }, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		})
		if len(faults) > 0 || len(configuration.Warnings) != 1 {
			t.Errorf("faults %v, warnings %v", faults, configuration.Warnings)
		}
	}
}
