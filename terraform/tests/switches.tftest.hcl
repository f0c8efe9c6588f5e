# Each switch turned on. What it is when off is in defaults.tftest.hcl.

mock_provider "archive" {}

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}

variables {
  project_id = "acme-auth"
  region     = "europe-west1"
}

run "min_and_max_instances" {
  command = plan
  variables {
    min_instances = 2
    max_instances = 20
    firestore     = true
  }
  assert {
    condition     = google_cloudfunctions2_function.http["countersign"].service_config[0].min_instance_count == 2 && google_cloudfunctions2_function.http["countersign"].service_config[0].max_instance_count == 20
    error_message = "As many as are asked for."
  }
}

run "another_name_is_another_issuer" {
  command = plan
  variables {
    name = "auth-staging"
  }
  assert {
    condition     = output.issuer == "https://auth-staging-123456789012.europe-west1.run.app" && google_secret_manager_secret.configuration.secret_id == "auth-staging-config"
    error_message = "Two deployments share a project and nothing else."
  }
}

run "internal" {
  command = plan
  variables {
    ingress  = "ALLOW_INTERNAL_ONLY"
    invokers = ["group:clients@example.com"]
  }
  assert {
    condition     = google_cloudfunctions2_function.http["countersign"].service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY" && google_cloud_run_v2_service_iam_member.invoker["countersign group:clients@example.com"].member == "group:clients@example.com"
    error_message = "Only from inside, and only those."
  }
}

run "vpc_connector" {
  command = plan
  variables {
    vpc_connector = "projects/acme-auth/locations/europe-west1/connectors/inside"
  }
  assert {
    condition     = google_cloudfunctions2_function.http["countersign"].service_config[0].vpc_connector == "projects/acme-auth/locations/europe-west1/connectors/inside" && google_cloudfunctions2_function.http["countersign"].service_config[0].vpc_connector_egress_settings == "PRIVATE_RANGES_ONLY"
    error_message = "What is inside is reached through the connector, and the rest as ever."
  }
}

run "further_secrets_are_the_functions_alone" {
  command = plan
  variables {
    secrets        = ["warehouse-hmac"]
    trust_snapshot = "trust-snapshot"
  }
  assert {
    condition     = toset([for key, of in google_secret_manager_secret_iam_member.reader : "${key} ${of.secret_id}" if !contains(["configuration", "signing_keys"], split(" ", key)[1])]) == toset(["function warehouse-hmac viewer warehouse-hmac", "function warehouse-hmac secretAccessor warehouse-hmac", "function trust-snapshot viewer trust-snapshot", "function trust-snapshot secretAccessor trust-snapshot"])
    error_message = "The function reads them, and RotateKeys does not."
  }
  assert {
    condition     = google_cloudfunctions2_function.http["countersign"].service_config[0].environment_variables["COUNTERSIGN_TRUST_SNAPSHOT"] == "projects/acme-auth/secrets/trust-snapshot"
    error_message = "It knows where the snapshot is."
  }
}

run "secret_locations" {
  command = plan
  variables {
    secret_locations = ["europe-west1", "europe-west3"]
  }
  assert {
    condition     = alltrue([for secret in [google_secret_manager_secret.configuration, google_secret_manager_secret.signing_keys[0]] : [for r in secret.replication[0].user_managed[0].replicas : r.location] == ["europe-west1", "europe-west3"] && length(secret.replication[0].auto) == 0])
    error_message = "The secrets are kept where it says."
  }
}

run "rotation_period_days" {
  command = plan
  variables {
    rotation_period_days = 30
  }
  assert {
    condition     = google_secret_manager_secret.signing_keys[0].rotation[0].rotation_period == "2592000s" && strcontains(google_monitoring_alert_policy.log["key-too-old"].conditions[0].condition_matched_log[0].filter, "jsonPayload.key_age>3196800")
    error_message = "Thirty days, and an alert a week later."
  }
}

run "kms" {
  command = plan
  variables {
    kms        = { algorithm = "EC_SIGN_P384_SHA384", protection_level = "HSM" }
    jwks_apart = true
    load_balancer = {
      domain = "auth.example.com"
    }
  }
  assert {
    condition     = google_kms_crypto_key.signing[0].purpose == "ASYMMETRIC_SIGN" && google_kms_crypto_key.signing[0].version_template[0].algorithm == "EC_SIGN_P384_SHA384" && google_kms_crypto_key.signing[0].version_template[0].protection_level == "HSM"
    error_message = "The key is in an HSM."
  }
  assert {
    condition     = toset([for m in google_kms_crypto_key_iam_member.signer : m.role]) == toset(["roles/cloudkms.viewer", "roles/cloudkms.publicKeyViewer", "roles/cloudkms.signer"]) && toset([for key, m in google_kms_crypto_key_iam_member.signer : m.role if startswith(key, "jwks ")]) == toset(["roles/cloudkms.viewer", "roles/cloudkms.publicKeyViewer"])
    error_message = "Both functions read its public half, one signs with it, and neither changes it."
  }
  assert {
    condition     = length(google_secret_manager_secret.signing_keys) + length(google_pubsub_topic.rotation) + length(google_cloudfunctions2_function.rotate) + length(google_service_account.rotate) == 0 && output.first_key == null && output.rotation_topic == null
    error_message = "There is nothing to rotate in Secret Manager."
  }
  assert {
    condition     = strcontains(output.configuration, "signing_keys: {kms: projects/acme-auth/locations/europe-west1/keyRings/countersign/cryptoKeys/signing, algorithm: ES384}") && !contains(keys(google_monitoring_alert_policy.log), "key-too-old")
    error_message = "The configuration names the key and its algorithm."
  }
}

run "firestore" {
  command = plan
  variables {
    firestore = true
  }
  assert {
    condition     = google_firestore_database.this[0].type == "FIRESTORE_NATIVE" && google_firestore_database.this[0].location_id == "europe-west1" && google_firestore_database.this[0].delete_protection_state == "DELETE_PROTECTION_ENABLED"
    error_message = "A database in native mode beside the function."
  }
  assert {
    condition     = toset([for f in google_firestore_field.expires : "${f.collection} ${f.field} ${length(f.ttl_config)} ${length(f.index_config)}"]) == toset(["countersign_uses expires 1 1", "countersign_revocations expires 1 1"])
    error_message = "Both collections expire, and neither has an index over the time."
  }
  assert {
    condition     = google_project_iam_member.firestore[0].role == "roles/datastore.user" && google_project_iam_member.firestore[0].condition[0].expression == "resource.name==\"projects/acme-auth/databases/countersign\"" && strcontains(output.configuration, "replay: {firestore: projects/acme-auth/databases/countersign}")
    error_message = "The function gets at this database alone."
  }
}

run "load_balancer" {
  command = plan
  variables {
    load_balancer = {
      domain     = "auth.example.com"
      rate_limit = 100
    }
  }
  assert {
    condition     = output.issuer == "https://auth.example.com" && strcontains(output.configuration, "limits: {forwarded_for: 2}") && google_cloudfunctions2_function.http["countersign"].service_config[0].ingress_settings == "ALLOW_INTERNAL_AND_GCLB"
    error_message = "The domain is the Issuer, and there is no way round it from outside."
  }
  assert {
    condition     = google_compute_global_forwarding_rule.this[0].port_range == "443" && google_compute_backend_service.function["countersign"].load_balancing_scheme == "EXTERNAL_MANAGED" && google_compute_ssl_policy.this[0].min_tls_version == "TLS_1_2"
    error_message = "HTTPS, and nothing else."
  }
  assert {
    condition     = google_certificate_manager_certificate.this[0].managed[0].domains == tolist(["auth.example.com"]) && google_certificate_manager_certificate_map_entry.this[0].hostname == "auth.example.com"
    error_message = "Google issues the certificate."
  }
  assert {
    condition = alltrue([
      anytrue([for r in google_compute_security_policy.this[0].rule : r.action == "throttle" && try(r.rate_limit_options[0].enforce_on_key == "IP" && r.rate_limit_options[0].rate_limit_threshold[0].count == 100 && r.rate_limit_options[0].rate_limit_threshold[0].interval_sec == 60 && r.rate_limit_options[0].exceed_action == "deny(429)", false)]),
      anytrue([for r in google_compute_security_policy.this[0].rule : r.action == "deny(403)" && try(strcontains(r.match[0].expr[0].expression, "> 65536"), false)]),
      anytrue([for r in google_compute_security_policy.this[0].rule : r.action == "allow" && r.priority == 2147483647]),
    ])
    error_message = "Cloud Armor limits the rate of an address and the size of a body."
  }
  assert {
    condition     = google_compute_backend_service.function["countersign"].custom_request_headers == toset(["Client-Cert:{client_cert_leaf}", "Client-Cert-Chain:{client_cert_chain}"]) && length(google_certificate_manager_trust_config.this) == 0 && !strcontains(output.configuration, "mutual_tls") && length(google_compute_url_map.this[0].path_matcher) == 0
    error_message = "Nobody is asked for a certificate."
  }
}

run "mutual_tls" {
  command = plan
  variables {
    load_balancer = {
      domain = "auth.example.com"
      mutual_tls = {
        trust_anchors        = ["-----BEGIN CERTIFICATE-----\nanchor"]
        intermediate_cas     = ["-----BEGIN CERTIFICATE-----\nbetween"]
        allowed_certificates = ["-----BEGIN CERTIFICATE-----\nown"]
      }
    }
  }
  assert {
    condition     = google_compute_backend_service.function["countersign"].custom_request_headers == toset(["Client-Cert:{client_cert_leaf}", "Client-Cert-Chain:{client_cert_chain}"])
    error_message = "The certificate arrives in the headers of RFC 9440."
  }
  assert {
    condition     = google_network_security_server_tls_policy.this[0].mtls_policy[0].client_validation_mode == "ALLOW_INVALID_OR_MISSING_CLIENT_CERT" && google_network_security_server_tls_policy.this[0].mtls_policy[0].client_validation_trust_config == "projects/123456789012/locations/global/trustConfigs/countersign"
    error_message = "Clients are asked for a certificate and need not have one."
  }
  assert {
    condition     = google_certificate_manager_trust_config.this[0].trust_stores[0].trust_anchors[0].pem_certificate == "-----BEGIN CERTIFICATE-----\nanchor" && google_certificate_manager_trust_config.this[0].trust_stores[0].intermediate_cas[0].pem_certificate == "-----BEGIN CERTIFICATE-----\nbetween" && google_certificate_manager_trust_config.this[0].allowlisted_certificates[0].pem_certificate == "-----BEGIN CERTIFICATE-----\nown"
    error_message = "The load balancer knows whom to trust."
  }
  assert {
    condition     = strcontains(output.configuration, "mutual_tls:\n  proxy: {ingress: internal-and-cloud-load-balancing}\n")
    error_message = "The ingress setting vouches for the headers, and no secret that would be in the state."
  }
}

run "jwks_apart" {
  command = plan
  variables {
    secrets       = ["countersign-stop-list", "warehouse-hmac"]
    jwks_apart    = true
    load_balancer = { domain = "auth.example.com" }
  }
  assert {
    condition     = google_cloudfunctions2_function.http["countersign-jwks"].build_config[0].entry_point == "JWKS" && google_service_account.jwks[0].account_id == "countersign-jwks"
    error_message = "The JWK Set is a function with an account of its own."
  }
  assert {
    condition     = google_compute_url_map.this[0].path_matcher[0].path_rule[0].paths == toset(["/.well-known/jwks.json"])
    error_message = "It has the one path under the Issuer."
  }
  assert {
    condition     = toset([for key, of in google_secret_manager_secret_iam_member.reader : of.secret_id if startswith(key, "jwks ")]) == toset(["countersign-config", "countersign-signing-keys-public"])
    error_message = "It reads what it publishes from: no private key, and no secret of a client."
  }
  assert {
    condition     = google_secret_manager_secret_iam_member.jwks[0].secret_id == "countersign-signing-keys" && google_secret_manager_secret_iam_member.jwks[0].role == "roles/secretmanager.viewer"
    error_message = "Of the private keys it lists the versions."
  }
  assert {
    condition     = toset([for m in google_secret_manager_secret_iam_member.rotate : m.secret_id]) == toset(["countersign-signing-keys", "countersign-signing-keys-public"]) && google_secret_manager_secret_iam_member.rotate["public_keys"].role == "roles/secretmanager.secretVersionManager"
    error_message = "RotateKeys keeps the public halves."
  }
  assert {
    condition     = strcontains(output.configuration, "  public_keys: projects/acme-auth/secrets/countersign-signing-keys-public\n")
    error_message = "The configuration says where they are."
  }
}

run "prober" {
  command = plan
  variables {
    prober = { image = "europe-docker.pkg.dev/acme/tools/localrun:1", client_id = "prober", key_secret = "prober-key" }
  }
  assert {
    condition     = google_cloud_run_v2_job.prober[0].template[0].template[0].containers[0].args == tolist(["probe", "-url", "https://countersign-123456789012.europe-west1.run.app", "-client", "prober", "-key", "/prober/key.pem"])
    error_message = "It asks the Issuer, as the client that it is given."
  }
  assert {
    condition     = google_cloud_run_v2_job.prober[0].template[0].template[0].volumes[0].secret[0].secret == "prober-key" && google_secret_manager_secret_iam_member.prober[0].secret_id == "prober-key" && google_secret_manager_secret_iam_member.prober[0].role == "roles/secretmanager.secretAccessor"
    error_message = "Its key comes from its secret, which it may read."
  }
  assert {
    condition     = google_cloud_scheduler_job.prober[0].schedule == "*/10 * * * *" && google_cloud_scheduler_job.prober[0].http_target[0].uri == "https://run.googleapis.com/v2/projects/acme-auth/locations/europe-west1/jobs/countersign-prober:run" && google_cloud_run_v2_job_iam_member.prober[0].role == "roles/run.invoker"
    error_message = "The scheduler starts it every ten minutes."
  }
  assert {
    condition     = contains(keys(google_monitoring_alert_policy.metric), "probe-failed")
    error_message = "Somebody is told where no probe succeeds."
  }
}

run "alerts_go_to_somebody_and_link_to_their_runbooks" {
  command = plan
  variables {
    notification_channels = ["projects/acme-auth/notificationChannels/1"]
    runbooks              = "https://wiki.example.com/runbooks"
  }
  assert {
    condition     = alltrue([for name, policy in merge(google_monitoring_alert_policy.log, google_monitoring_alert_policy.metric) : policy.documentation[0].links[0].url == "https://wiki.example.com/runbooks#${name}" && strcontains(policy.documentation[0].content, "https://wiki.example.com/runbooks#${name}") && policy.notification_channels == tolist(["projects/acme-auth/notificationChannels/1"])])
    error_message = "Each alert goes to the channel, with the address of its section."
  }
  assert {
    condition     = alltrue([for policy in google_monitoring_alert_policy.log : startswith(policy.conditions[0].condition_matched_log[0].filter, "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=(\"countersign\" OR \"countersign-rotate\") AND ")])
    error_message = "Each looks at the log of this deployment alone."
  }
}

run "metrics_and_dashboard" {
  command = plan
  assert {
    condition     = toset(keys(merge(google_logging_metric.counter, google_logging_metric.age))) == toset(["tokens", "refusals", "throttled", "exceptions", "load_failures", "faults", "key_age", "stale_age"])
    error_message = "What the operator watches is counted."
  }
  assert {
    condition     = alltrue([for m in google_logging_metric.counter : toset(keys(m.label_extractors)) == toset([for l in m.metric_descriptor[0].labels : l.key]) && m.metric_descriptor[0].value_type == "INT64"]) && alltrue([for m in google_logging_metric.age : m.metric_descriptor[0].value_type == "DISTRIBUTION"])
    error_message = "Each label is declared and extracted."
  }
  assert {
    condition     = alltrue([for chart in ["user/countersign/tokens", "user/countersign/refusals", "user/countersign/key_age_bucket", "user/countersign/load_failures", "user/countersign/stale_age_bucket", "user/countersign/exceptions", "user/countersign/throttled"] : strcontains(google_monitoring_dashboard.this.dashboard_json, chart)])
    error_message = "The dashboard shows all of them."
  }
}
