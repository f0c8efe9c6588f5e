package config

import (
	"strings"
	"time"
)

// kubernetes is a pod, by the service account token that is bound to it ("Managing Service Accounts", Kubernetes
// documentation: Schema for service account private claims). The issuer is the cluster's own: that of the API server, of
// GKE (https://container.googleapis.com/v1/projects/…), of EKS (https://oidc.eks.REGION.amazonaws.com/id/…), of AKS.
//
// The token lies in a file that the kubelet renews when most of its life is over, so it is used more than once, although
// it has a jti. Every pod that names no account runs as the one called default, and so does whatever somebody happens to
// start in the namespace: no rule is for that one unless it names it, with its namespace.
var kubernetes = Preset{
	name:       "kubernetes",
	issuerForm: matching(`\Ahttps?://[^/?#]+`),
	issuerLike: "the issuer of the cluster, an https URL: kubectl get --raw /.well-known/openid-configuration",
	// expirationSeconds of the projected volume; 3600 unless the pod says otherwise.
	assertion: Assertion{MaxLifetime: time.Hour, Reusable: true},
	claims: ClaimTypes{"kubernetes.io": {Members: ClaimTypes{
		"namespace":      {Name: "string"},
		"node":           {Members: texts("name uid")},
		"pod":            {Members: texts("name uid")},
		"secret":         {Members: texts("name uid")},
		"serviceaccount": {Members: texts("name uid")},
		"warnafter":      {Name: "int"},
	}}},
	require: func(_ Issuer, rule Rule) []Requirement {
		return []Requirement{
			{`claims.sub == "system:serviceaccount:" + claims["kubernetes.io"].namespace + ":" + ` +
				`claims["kubernetes.io"].serviceaccount.name`, "the token is a service account's, and bound"},
			{noDefaultAccount(rule.If.Text), "the service account is not the default one, unless the rule names it"},
		}
	},
	forms: []form{
		{"claims.sub", defaultAccount, "a default service account", false},
		{"claims.sub", matching(`\Asystem:serviceaccount:[^:]+:[^:]+\z`), "a service account", false},
	},
	example: `claims.sub == "system:serviceaccount:payments:deployer"`,
}

var defaultAccount = matching(`\Asystem:serviceaccount:[a-z0-9-]+:default\z`)

// namedAccount finds default accounts that stand as a text in a condition. What a name of Kubernetes is made of needs no
// escapes, so nothing can look like one to this and like something else to CEL.
var namedAccount = matching(`["'](system:serviceaccount:[a-z0-9-]+:default)["']`)

// noDefaultAccount is the condition that an account is no default one, or one of those that the rule's own names.
func noDefaultAccount(condition string) string {
	var required strings.Builder
	required.WriteString(`!claims.sub.endsWith(":default")`)
	for _, named := range namedAccount().FindAllStringSubmatch(condition, -1) {
		required.WriteString(` || claims.sub == "` + named[1] + `"`)
	}
	return required.String()
}

// spiffe is a workload with a JWT-SVID ("The JWT SPIFFE Verifiable Identity Document"): sub is its SPIFFE ID, and that
// must be of the trust domain that this issuer vouches for. typ may be JOSE (§2.3). Whether there is a jti is open, and
// workloads are handed the same token until it is old (§6.1), so it is used more than once.
//
// iss is none of SPIFFE's claims, and needed here: jwt_issuer of the SPIRE server sets it. The keys are found by the
// discovery provider of SPIRE, or are those of the bundle at the jwks_uri of the trust domain's bundle endpoint.
var spiffe = Preset{
	name:        "spiffe",
	trustDomain: true,
	assertion:   Assertion{MaxLifetime: time.Hour, Types: []string{"JOSE"}, Reusable: true},
	claims:      ClaimTypes{},
	require: func(issuer Issuer, _ Rule) []Requirement {
		return []Requirement{{`claims.sub.startsWith("spiffe://` + issuer.TrustDomain + `/")`, "the SPIFFE ID is of the trust domain"}}
	},
	forms: []form{
		{"claims.sub", matching(`\Aspiffe://[a-z0-9._-]+/.+\z`), "a SPIFFE ID", false},
		{"claims.sub", matching(`\Aspiffe://[a-z0-9._-]+/?\z`), "a trust domain, and no workload", false},
	},
	example: `claims.sub == "spiffe://example.org/payments/deployer"`,
}
