package server_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"example.com/countersign/internal/assertion"
)

// A provided token is one of testdata/presets: a provider's, as its documentation has it.
type provided struct {
	Documented []string
	Header     map[string]any
	Claims     claims
}

// provides reads the token of a provider and moves its dates to the time of the test.
func (d *deployment) provides(name string) provided {
	d.t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "presets", name+".json"))
	d.must(err)
	var p provided
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // ids are longer than a float64 is exact
	decoder.DisallowUnknownFields()
	d.must(decoder.Decode(&p))
	if len(p.Documented) == 0 {
		d.t.Fatalf("%s does not say where it is documented", name)
	}
	made, err := p.Claims["iat"].(json.Number).Int64()
	d.must(err)
	for _, date := range []string{"iat", "nbf", "exp"} {
		if written, there := p.Claims[date]; there {
			seconds, err := written.(json.Number).Int64()
			d.must(err)
			p.Claims[date] = d.clock.in(time.Duration(seconds-made) * time.Second)
		}
	}
	return p
}

// but returns the token with one claim changed, or without it where the value is nil. Names lead to a member.
func (p provided) but(value any, names ...string) provided {
	p.Claims = changed(p.Claims, value, names)
	return p
}

func changed(object map[string]any, value any, names []string) map[string]any {
	object = maps.Clone(object)
	switch {
	case len(names) > 1:
		object[names[0]] = changed(object[names[0]].(map[string]any), value, names[1:])
	case value == nil:
		delete(object, names[0])
	default:
		object[names[0]] = value
	}
	return object
}

// typed returns the token with another typ; "": with none.
func (p provided) typed(typ string) provided {
	p.Header = changed(p.Header, typ, []string{"typ"})
	if typ == "" {
		delete(p.Header, "typ")
	}
	return p
}

// once returns the token with a jti of its own.
func (p provided) once(id string) provided { return p.but(id, "jti") }

// presents signs a token with the key of NAME.RS256 and asks for one of ours with it.
func (d *deployment) presents(p provided, parts ...part) request {
	d.t.Helper()
	return jwtBearer(handmade(d.t, privateKey(d.t, "provider.RS256"), string(marshal(d.t, p.Header)), string(marshal(d.t, p.Claims))), parts...)
}

// withIssuers is a deployment that trusts these issuers. Their keys are registered, so that nothing is fetched.
const withIssuers = `
issuer: https://auth.example.com
signing_keys: {directory: keys}
resources:
  - {id: https://deploy.example.com, scopes: [deploy.read, deploy.write]}
  - {id: https://invoices.example.com, scopes: [invoices.read]}
issuers:
`

// rows makes tokens that differ from a good one into rows; each has a jti of its own, if the good one has any.
type rows struct {
	*deployment
	good provided
	all  []verdict
}

func (r *rows) fresh(p provided, name string) provided {
	if _, there := p.Claims["jti"]; there {
		return p.once(name)
	}
	return p
}

func (r *rows) allow(name string, p provided) {
	r.all = append(r.all, allow(name, r.presents(r.fresh(p, name))))
}

func (r *rows) deny(name string, p provided, because refusal) {
	r.all = append(r.all, deny(name, r.presents(r.fresh(p, name)), because))
}

func TestPreset_github_actions(t *testing.T) {
	d := deploy(t, withIssuers+`
  - preset: github-actions
    keys: {file: provider.RS256.json}
    allow:
      - if: claims.repository_id == "74" && claims.environment == "production" && claims.event_name == "push"
        resource: https://deploy.example.com
        scopes: [deploy.write]
      - if: claims.sub == "repo:acme@65/tool@75:ref:refs/heads/main"
        resource: https://deploy.example.com
        scopes: [deploy.read]
      - if: claims.sub == "repo:acme/docs:ref:refs/heads/main" && claims.repository_owner_id == "65"
        resource: https://deploy.example.com
        scopes: [deploy.read]
`)
	r := rows{deployment: d, good: d.provides("github-actions")}
	good := r.good
	r.allow("an environment of a repository", good)
	r.allow("the same by the immutable sub", good.but("repo:acme@65/shop@74:environment:production", "sub"))
	r.allow("a repository that was renamed", good.but("acme/store", "repository").but("repo:acme/store:environment:production", "sub"))
	r.deny("another repository", good.but("75", "repository_id"), noRule)
	r.deny("a repository that has taken the name", good.but("9074", "repository_id"), noRule)
	r.deny("another environment", good.but("staging", "environment"), noRule)
	r.deny("no environment", good.but(nil, "environment"), noRule)
	r.deny("an empty environment", good.but("", "environment"), noRule)
	r.deny("an environment that begins alike", good.but("production-eu", "environment"), noRule)
	r.deny("a pull request from a fork", good.but("pull_request", "event_name").but("refs/pull/7/merge", "ref").but("feature", "head_ref"), noRule)
	r.deny("an id that is a number", good.but(74, "repository_id"), noRule)
	r.deny("ids in a list", good.but([]string{"74"}, "repository_id"), noRule)
	r.deny("the audience that GitHub fills in", good.but("https://github.com/acme", "aud"), grantFault(assertion.ErrAudience))
	r.deny("no jti", good.but(nil, "jti"), grantFault(assertion.ErrIDMissing))
	r.deny("an hour's lifetime", good.but(d.clock.in(time.Hour), "exp"), grantFault(assertion.ErrLifetime))
	r.deny("an issuer of an enterprise that is not trusted", good.but("https://token.actions.githubusercontent.com/acme", "iss"), strangeIssuer("party_unknown"))
	r.deny("another kind of token", good.typed("at+jwt"), grantFault(assertion.ErrType))

	tool := good.but("75", "repository_id").but("repo:acme@65/tool@75:ref:refs/heads/main", "sub")
	r.allow("the immutable sub, where the rule expects it", tool)
	r.deny("the classic sub, where the rule expects the immutable one", tool.but("repo:acme/tool:ref:refs/heads/main", "sub"), noRule)
	r.deny("an immutable sub with other ids", tool.but("repo:acme@66/tool@76:ref:refs/heads/main", "sub"), noRule)
	docs := good.but("76", "repository_id").but("repo:acme/docs:ref:refs/heads/main", "sub")
	r.allow("the classic sub, where the rule expects it", docs)
	r.deny("the immutable sub, where the rule expects the classic one", docs.but("repo:acme@65/docs@76:ref:refs/heads/main", "sub"), noRule)
	r.deny("the classic sub of another branch", docs.but("repo:acme/docs:ref:refs/heads/main2", "sub"), noRule)
	r.deny("the classic sub of a pull request", docs.but("repo:acme/docs:pull_request", "sub"), noRule)
	r.deny("the classic sub of somebody who has taken the name", docs.but("99", "repository_owner_id"), noRule)
	r.allow("once", good.once("an environment"))
	r.all = append(r.all, deny("twice", d.presents(good.once("once")), grantFault(assertion.ErrReplayed)))
	d.judge(t, r.all...)
}

func TestPreset_gitlab_ci(t *testing.T) {
	d := deploy(t, withIssuers+`
  - preset: gitlab-ci
    keys: {file: provider.RS256.json}
    allow:
      - if: claims.project_id == "20" && claims.ref_protected == "true" && claims.environment == "production"
        resource: https://deploy.example.com
        scopes: [deploy.write]
`)
	r := rows{deployment: d, good: d.provides("gitlab-ci")}
	good := r.good
	r.allow("an environment of a project", good)
	r.allow("a project that was moved", good.but("other/shop", "project_path").but("73", "namespace_id"))
	r.deny("another project", good.but("21", "project_id"), noRule)
	r.deny("a project that has taken the path", good.but("2000", "project_id"), noRule)
	r.deny("a merge request from a fork", good.but("31", "project_id").but("mallory/shop", "project_path").but("merge_request_event", "pipeline_source"), noRule)
	r.deny("a branch that is not protected", good.but("false", "ref_protected"), noRule)
	r.deny("true that is no text", good.but(true, "ref_protected"), noRule)
	r.deny("another environment", good.but("test", "environment"), noRule)
	r.deny("no environment", good.but(nil, "environment"), noRule)
	r.deny("another instance", good.but("https://gitlab.example.com", "iss"), strangeIssuer("party_unknown"))
	r.deny("the audience that GitLab fills in", good.but("https://gitlab.com", "aud"), grantFault(assertion.ErrAudience))
	r.deny("a job of two hours", good.but(d.clock.in(2*time.Hour), "exp"), grantFault(assertion.ErrLifetime))
	r.deny("no jti", good.but(nil, "jti"), grantFault(assertion.ErrIDMissing))
	d.judge(t, r.all...)
}

// The account's file is renewed now and then, and used more often than that.
func TestPreset_kubernetes(t *testing.T) {
	d := deploy(t, withIssuers+`
  - preset: kubernetes
    issuer: https://oidc.eks.eu-central-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF
    keys: {file: provider.RS256.json}
    allow:
      - if: claims.sub.startsWith("system:serviceaccount:payments:")
        resource: https://deploy.example.com
        scopes: [deploy.read]
      - if: claims.sub == "system:serviceaccount:legacy:default" && claims["kubernetes.io"].pod.name.startsWith("old-")
        resource: https://invoices.example.com
        scopes: [invoices.read]
`)
	r := rows{deployment: d, good: d.provides("kubernetes")}
	good := r.good
	account := func(p provided, namespace, name string) provided {
		return p.but("system:serviceaccount:"+namespace+":"+name, "sub").
			but(namespace, "kubernetes.io", "namespace").but(name, "kubernetes.io", "serviceaccount", "name")
	}
	r.all = append(r.all, allow("a pod", d.presents(good)), allow("the same file again", d.presents(good)))
	r.allow("another account of the namespace", account(good, "payments", "batch"))
	r.allow("an account whose name ends alike", account(good, "payments", "not-default"))
	r.deny("the default account of the namespace", account(good, "payments", "default"), noRule)
	r.deny("another namespace", account(good, "payments2", "deployer"), noRule)
	r.deny("the default account of another namespace", account(good, "other", "default"), noRule)
	r.allow("the default account that a rule names", account(good, "legacy", "default").but("old-7c9f", "kubernetes.io", "pod", "name"))
	r.deny("the default account that a rule names, in another pod", account(good, "legacy", "default").but("new-7c9f", "kubernetes.io", "pod", "name"), noRule)
	r.deny("sub of another account than the token is bound to", good.but("system:serviceaccount:payments:batch", "sub"), noRule)
	r.deny("a namespace other than that of sub", good.but("other", "kubernetes.io", "namespace"), noRule)
	r.deny("a token that is not bound", good.but(nil, "kubernetes.io"), noRule)
	r.deny("a token without an account", good.but(nil, "kubernetes.io", "serviceaccount"), noRule)
	r.deny("a user", good.but("system:kube-controller-manager", "sub"), noRule)
	r.deny("a token for the API server", good.but([]string{"https://kubernetes.default.svc"}, "aud"), grantFault(assertion.ErrAudience))
	r.deny("a token of a day", good.but(d.clock.in(24*time.Hour), "exp"), grantFault(assertion.ErrLifetime))
	r.deny("another cluster", good.but("https://oidc.eks.eu-central-1.amazonaws.com/id/FEDCBA9876543210FEDCBA9876543210", "iss"), strangeIssuer("party_unknown"))
	d.judge(t, r.all...)
}

func TestPreset_spiffe(t *testing.T) {
	d := deploy(t, withIssuers+`
  - preset: spiffe
    issuer: https://spire.example.org
    trust_domain: example.org
    keys: {file: provider.RS256.json}
    allow:
      - if: claims.sub.endsWith("/payments/deployer")
        resource: https://deploy.example.com
        scopes: [deploy.read]
`)
	r := rows{deployment: d, good: d.provides("spiffe")}
	good := r.good
	r.all = append(r.all, allow("a workload", d.presents(good)), allow("the same token again", d.presents(good)))
	r.allow("typ JOSE", good.typed("JOSE"))
	r.allow("no typ", good.typed(""))
	r.allow("no jti", good.but(nil, "jti"))
	r.deny("another workload", good.but("spiffe://example.org/payments/batch", "sub"), noRule)
	for _, domain := range []string{"example.com", "example.org.evil.example", "EXAMPLE.ORG", "sub.example.org", "example.org:443", "example.org@evil.example"} {
		r.deny("another trust domain, "+domain, good.but("spiffe://"+domain+"/payments/deployer", "sub"), noRule)
	}
	r.deny("no scheme", good.but("example.org/payments/deployer", "sub"), noRule)
	r.deny("another scheme", good.but("https://example.org/payments/deployer", "sub"), noRule)
	r.deny("the trust domain behind another", good.but("spiffe://evil.example/spiffe://example.org/payments/deployer", "sub"), noRule)
	r.deny("another kind of token", good.typed("at+jwt"), grantFault(assertion.ErrType))
	r.deny("for another workload", good.but([]string{"spiffe://example.org/reports"}, "aud"), grantFault(assertion.ErrAudience))
	r.deny("no iss", good.but(nil, "iss"), grantFault(assertion.ErrIssuerMissing))
	d.judge(t, r.all...)
}
