package config

import "time"

// githubActions is a job on GitHub, as "OpenID Connect reference" of GitHub Docs has it (OIDC token claims, Immutable
// subject claims), and claims_supported of the issuer's own metadata. Ids and numbers are texts.
//
// Repositories and their owners can be renamed, and the names be taken by others, so a rule pins repository_id or
// repository_owner_id. sub has two forms: of names alone, or, for repositories that are new, renamed or moved since
// July 2026, with the ids behind the names. An organization can also choose another.
//
// An enterprise can have an issuer of its own, and so has GitHub Enterprise Server.
var githubActions = Preset{
	name:   "github-actions",
	issuer: "https://token.actions.githubusercontent.com",
	// A token lives for five minutes from iat, and for fifteen from nbf.
	assertion: Assertion{MaxLifetime: 15 * time.Minute, JTIRequired: true},
	claims: texts(`actor actor_id base_ref enterprise enterprise_id environment environment_node_id event_name head_ref
		issuer_scope job_workflow_ref job_workflow_sha ref ref_protected ref_type repository repository_id repository_owner
		repository_owner_id repository_visibility run_attempt run_id run_number runner_environment sha workflow workflow_ref
		workflow_sha repo_property_*`).and(ClaimTypes{"check_run_id": {Name: "dyn"}}),
	strangers: "everybody on GitHub",
	ids:       claimNames("repository_id", "repository_owner_id", "enterprise_id", "actor_id"),
	names: []naming{
		{"claims.repository", "claims.repository_id"},
		{"claims.repository_owner", "claims.repository_owner_id"},
		{"claims.sub", "claims.repository_id"},
		{"claims.workflow_ref", "claims.repository_id"},
		{"claims.job_workflow_ref", "claims.repository_owner_id"},
		{"claims.enterprise", "claims.enterprise_id"},
		{"claims.actor", "claims.actor_id"},
	},
	forms: []form{
		{"claims.sub", matching(`\Arepo:[^/:@]+@[0-9]+/[^/:@]+@[0-9]+:.+\z`), "GitHub's immutable form", true},
		{"claims.sub", matching(`\Arepo:[^/:@]+/[^/:@]+:.+\z`), "GitHub's classic form", false},
		// The beginning of one, for startsWith, and the ids that a template can ask for.
		{"claims.sub", matching(`\Arepo:[^/:@]+@[0-9]+/`), "the beginning of GitHub's immutable form", true},
		{"claims.sub", matching(`\A(?:.+:)?repository(?:_owner)?_id:[0-9]+`), "a form with an id", true},
		{"claims.sub", matching(`\A[a-z_]+:.+\z`), "a form that the repository or its organization has chosen", false},
	},
	example: `claims.repository_id == "1234" && claims.ref == "refs/heads/main"`,
}

// gitlabCI is a job of GitLab CI/CD, as "OpenID Connect (OIDC) Authentication Using ID Tokens" of GitLab Docs has it
// (Token payload). Ids are texts, and so are the true and false of ref_protected and environment_protected.
//
// Projects and groups can be renamed and moved, and the paths be taken by others, so a rule pins project_id or
// namespace_id. In a merge request from a fork these are the fork's; job_project_id is where the job runs.
//
// GitLab.com is the one that everybody uses; a GitLab of one's own is its own issuer.
var gitlabCI = Preset{
	name:       "gitlab-ci",
	issuer:     "https://gitlab.com",
	issuerForm: matching(`\Ahttps?://[^/?#]+`),
	issuerLike: "the URL of the GitLab instance, such as https://gitlab.example.com",
	// A token lives as long as its job may, which is an hour unless the project says otherwise, and five minutes at least.
	assertion: Assertion{MaxLifetime: time.Hour, JTIRequired: true},
	claims: texts(`ci_config_ref_uri ci_config_sha deployment_tier environment environment_action environment_protected job_id
		job_namespace_id job_namespace_path job_project_id job_project_path job_source namespace_id namespace_path pipeline_id
		pipeline_source project_id project_path project_visibility ref ref_path ref_protected ref_type runner_environment sha
		user_access_level user_email user_id user_login`).and(ClaimTypes{
		"groups_direct":   {Name: "list(string)"},
		"job_config":      {Name: "dyn"},
		"runner_id":       {Name: "int"},
		"user_identities": {Name: "list(dyn)"},
	}),
	strangers: "everybody on GitLab.com",
	ids:       claimNames("project_id", "namespace_id", "job_project_id", "job_namespace_id", "user_id"),
	names: []naming{
		{"claims.project_path", "claims.project_id"},
		{"claims.namespace_path", "claims.namespace_id"},
		{"claims.job_project_path", "claims.job_project_id"},
		{"claims.job_namespace_path", "claims.job_namespace_id"},
		{"claims.sub", "claims.project_id"},
		{"claims.ci_config_ref_uri", "claims.project_id"},
		{"claims.groups_direct", "claims.namespace_id"},
		{"claims.user_login", "claims.user_id"},
		{"claims.user_email", "claims.user_id"},
	},
	forms: []form{
		{"claims.sub", matching(`\Aproject_path:[^:]+:ref_type:[^:]+:ref:.+\z`), "GitLab's own form", false},
		{"claims.sub", matching(`\A[a-z_]+:.+\z`), "a form that the project has chosen", false},
	},
	example: `claims.project_id == "1234" && claims.ref_protected == "true"`,
}
