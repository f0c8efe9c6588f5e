package config

import (
	"strings"
	"time"
)

// google is an ID token of Google's for a service account: from the metadata server of Compute Engine, Cloud Run and the
// like, as "Verify VM identity" of the Compute Engine documentation has it, or from the IAM Credentials API. There is no
// jti, so a copied one is good until it expires.
//
// sub is the unique id of the account, a number. An account that was deleted can be made again under its e-mail address,
// and then has another.
var google = Preset{
	name:        "google",
	issuer:      "https://accounts.google.com",
	issuerAlone: true,
	// "Each token expires within one hour."
	assertion: Assertion{MaxLifetime: time.Hour},
	claims: texts("azp email hd").and(ClaimTypes{
		"email_verified": {Name: "bool"},
		"google": {Members: ClaimTypes{"compute_engine": {Members: texts("instance_id instance_name project_id zone").and(ClaimTypes{
			"instance_confidentiality": {Name: "int"}, "instance_creation_timestamp": {Name: "int"},
			"license_id": {Name: "list(string)"}, "project_number": {Name: "int"},
		})}}},
	}),
	require: func(Issuer, Rule) []Requirement {
		return []Requirement{
			{`claims.sub.matches("[0-9]+")`, "sub is the unique id of an account"},
			{`!has(claims.email) || claims.email_verified == true`, "the e-mail address, if there is one, is verified"},
		}
	},
	strangers: "everybody with a Google account",
	ids:       claimNames("sub", "azp", "google.compute_engine.project_number", "google.compute_engine.instance_id"),
	names: []naming{
		{"claims.email", "claims.sub"},
		{"claims.hd", "claims.sub"},
		{"claims.google.compute_engine.project_id", "claims.google.compute_engine.project_number"},
	},
	forms: []form{
		{"claims.sub", matching(`\A[0-9]+\z`), "the unique id of an account", true},
		{"claims.sub", matching(`@`), "an e-mail address, which sub never is", false},
	},
	example: `claims.sub == "112233445566778899001" && claims.email == "billing@acme.iam.gserviceaccount.com"`,
}

// googleServiceAccountKey is what Google's auth libraries send with a key file ("Using OAuth 2.0 for Server to Server
// Applications", Google Identity): the account asserts for itself, with its e-mail address as iss and no sub, and with
// the scope inside. There is neither a jti nor metadata: the public key of the file is registered.
//
// aud is the file's token_uri, or, of the libraries for Python and Java, Google's own whatever the file says.
var googleServiceAccountKey = Preset{
	name:       "google-service-account-key",
	issuerForm: matching(`\A[^@\s/]+@[^@\s/]+\z`),
	issuerLike: "the client_email of the key file, such as robot@acme.iam.gserviceaccount.com",
	keysNeeded: "a key file has no metadata; write its public key, or where it is",
	assertion: Assertion{
		MaxLifetime: time.Hour, SubjectFromIssuer: true, ScopeFromClaim: true,
		Audiences: []string{"https://oauth2.googleapis.com/token"},
	},
	claims:  texts("scope"),
	example: `claims.scope == "read"`,
}

// aws is an IAM principal of one account, by GetWebIdentityToken of AWS STS ("Understanding token claims", IAM User
// Guide; API_GetWebIdentityToken, STS API Reference). The issuer is the account's own, so nobody else has its tokens.
//
// It is the one kind of token that AWS itself signs for others by a key that they can find. The pods of an EKS cluster
// have tokens of Kubernetes (the preset kubernetes fits them), the users of a Cognito pool those of an OpenID provider,
// and the identity document of an EC2 instance is no JWT.
//
// sub is an ARN, without the name of the session. A role that was deleted can be made again under the same ARN, but
// only in the same account, and there is no other id.
var aws = Preset{
	name:       "aws",
	issuerForm: matching(`\Ahttps://[a-z0-9-]+\.tokens\.sts\.[a-z0-9.-]+\z`),
	issuerLike: "the IssuerIdentifier of the account (GetOutboundWebIdentityFederationInfo), such as " +
		"https://ID.tokens.sts.global.api.aws; the pods of an EKS cluster have the preset kubernetes",
	// DurationSeconds is 60 to 3600.
	assertion: Assertion{MaxLifetime: time.Hour, JTIRequired: true},
	claims: ClaimTypes{"https://sts.amazonaws.com/": {Members: texts(`aws_account ec2_instance_source_private_ipv4
		ec2_instance_source_vpc ec2_role_delivery ec2_source_instance_arn lambda_source_function_arn org_id principal_id
		source_region`).and(ClaimTypes{
		"original_session_exp": {Name: "dyn"}, "ou_path": {Name: "dyn"},
		"principal_tags": {Name: "map(string, string)"}, "request_tags": {Name: "map(string, string)"},
	})}},
	forms: []form{
		{"claims.sub", matching(`\Aarn:[a-z-]+:iam::[0-9]{12}:role/.+\z`), "the ARN of a role", false},
		{"claims.sub", matching(`\Aarn:[a-z-]+:iam::[0-9]{12}:user/.+\z`), "the ARN of a user", false},
		{"claims.sub", matching(`\Aarn:[a-z-]+:sts::[0-9]{12}:assumed-role/.+\z`), "the ARN of a session, which sub never is", false},
	},
	example: `claims.sub == "arn:aws:iam::123456789012:role/deployer"`,
}

// azure is an access token of version 2.0 that Microsoft Entra ID gives out for an API which is registered with it, to a
// managed identity, an application or a user ("Access token claims reference", Microsoft identity platform). The issuer
// is one tenant's own. aud is the client id of that registration, so it has to be written. There is no jti.
//
// oid is whoever asks, and azp the application by which; both are never given out again. Names are for display.
var azure = Preset{
	name:            "azure",
	issuerForm:      matching(`\Ahttps://login\.(?:microsoftonline\.com|microsoftonline\.us|partner\.microsoftonline\.cn)/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/v2\.0\z`),
	issuerLike:      "https://login.microsoftonline.com/TENANT/v2.0 with the id of one tenant, in lower case",
	audiencesNeeded: "the aud of a token is the client id of the API's registration with Entra ID",
	// An hour and a half at most, but a day for a managed identity; and iat is five minutes before the token is made.
	assertion: Assertion{MaxLifetime: 25 * time.Hour},
	claims: texts(`aio azp azpacr email family_name given_name idp idtyp ipaddr name oid onprem_sid preferred_username rh
		scp sid tid unique_name upn uti ver`).and(ClaimTypes{
		"acct": {Name: "int"}, "acrs": {Name: "list(string)"}, "groups": {Name: "list(string)"}, "hasgroups": {Name: "bool"},
		"roles": {Name: "list(string)"}, "wids": {Name: "list(string)"}, "xms_cc": {Name: "list(string)"}, "xms_*": {Name: "dyn"},
	}),
	require: func(issuer Issuer, _ Rule) []Requirement {
		tenant := strings.TrimSuffix(issuer.Issuer, "/v2.0")
		tenant = tenant[strings.LastIndex(tenant, "/")+1:]
		return []Requirement{
			{`claims.ver == "2.0"`, "the token is of version 2.0"},
			{`claims.tid == "` + tenant + `"`, "tid is the tenant of the issuer"},
		}
	},
	ids: claimNames("oid", "azp", "sub"),
	names: []naming{
		{"claims.preferred_username", "claims.oid"}, {"claims.upn", "claims.oid"}, {"claims.unique_name", "claims.oid"},
		{"claims.email", "claims.oid"}, {"claims.name", "claims.oid"}, {"claims.family_name", "claims.oid"},
		{"claims.given_name", "claims.oid"}, {"claims.xms_mirid", "claims.oid"},
	},
	forms: []form{
		{"claims.oid", matching(`\A[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\z`), "an object id", true},
		{"claims.oid", matching(`\A[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\z`), "an object id with capital letters, which oid never has", false},
	},
	example: `claims.oid == "aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb"`,
}
