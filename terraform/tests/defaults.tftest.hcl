# What a deployment is that says nothing but where.

mock_provider "archive" {
  mock_data "archive_file" {
    defaults = { output_sha256 = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef" }
  }
}

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}

variables {
  project_id = "acme-auth"
  region     = "europe-west1"
}

run "the_issuer_is_known_before_anything_is_made" {
  command = plan

  assert {
    condition     = output.issuer == "https://countersign-123456789012.europe-west1.run.app"
    error_message = "The Issuer is the deterministic address of the function."
  }
  assert {
    condition     = output.configuration == "issuer: https://countersign-123456789012.europe-west1.run.app\nsigning_keys:\n  secret: projects/acme-auth/secrets/countersign-signing-keys\nlimits: {forwarded_for: 1}\n"
    error_message = "The configuration begins with what this deployment is."
  }
}

run "one_function_serves_everything" {
  command = plan

  assert {
    condition     = keys(google_cloudfunctions2_function.http) == ["countersign"]
    error_message = "There is one function beside RotateKeys."
  }
  assert {
    condition = alltrue([for f in google_cloudfunctions2_function.http :
      f.build_config[0].entry_point == "AuthorizationServer" && f.build_config[0].runtime == "go126" &&
      f.service_config[0].available_cpu == "1" && f.service_config[0].max_instance_request_concurrency == 80 &&
      f.service_config[0].min_instance_count == 0 && f.service_config[0].max_instance_count == 1 &&
      f.service_config[0].ingress_settings == "ALLOW_ALL"
    ])
    error_message = "AuthorizationServer, eighty requests on one CPU, one instance at most, open to clients."
  }
  assert {
    condition = google_cloudfunctions2_function.http["countersign"].service_config[0].environment_variables == tomap({
      COUNTERSIGN_CONFIG   = "projects/acme-auth/secrets/countersign-config"
      GOOGLE_CLOUD_PROJECT = "acme-auth"
      GOGC                 = "400"
      GOMEMLIMIT           = "384MiB"
    })
    error_message = "It follows the configuration in its secret."
  }
  assert {
    condition     = keys(google_cloud_run_v2_service_iam_member.invoker) == ["countersign allUsers"]
    error_message = "Clients authenticate to Countersign alone."
  }
}

run "the_keys_rotate_themselves" {
  command = plan

  assert {
    condition     = google_secret_manager_secret.signing_keys[0].rotation[0].rotation_period == "7776000s"
    error_message = "Secret Manager asks for a new key every ninety days."
  }
  assert {
    condition     = google_pubsub_topic_iam_member.secret_manager[0].member == "serviceAccount:service-123456789012@gcp-sa-secretmanager.iam.gserviceaccount.com" && google_pubsub_topic_iam_member.secret_manager[0].role == "roles/pubsub.publisher"
    error_message = "Secret Manager's own account publishes the notices."
  }
  assert {
    condition = alltrue([for f in google_cloudfunctions2_function.rotate :
      f.build_config[0].entry_point == "RotateKeys" && f.service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY" &&
      f.event_trigger[0].event_type == "google.cloud.pubsub.topic.v1.messagePublished" && f.event_trigger[0].retry_policy == "RETRY_POLICY_RETRY"
    ]) && length(google_cloudfunctions2_function.rotate) == 1
    error_message = "RotateKeys is called by the topic, again where it fails, and by nobody from outside."
  }
  assert {
    condition     = output.first_key == "gcloud pubsub topics publish countersign-rotation --project=acme-auth --attribute=eventType=SECRET_ROTATE,secretId=projects/acme-auth/secrets/countersign-signing-keys"
    error_message = "The first key is made by RotateKeys as well."
  }
}

run "accounts_get_at_named_secrets_alone" {
  command = plan

  assert {
    condition = toset(keys(google_secret_manager_secret_iam_member.reader)) == toset([
      "function configuration viewer", "function configuration secretAccessor", "function signing_keys viewer", "function signing_keys secretAccessor",
      "rotate configuration viewer", "rotate configuration secretAccessor", "rotate signing_keys viewer", "rotate signing_keys secretAccessor",
    ])
    error_message = "Both read the configuration and the signing keys."
  }
  assert {
    condition     = google_secret_manager_secret_iam_member.rotate["signing_keys"].role == "roles/secretmanager.secretVersionManager" && google_secret_manager_secret_iam_member.rotate["signing_keys"].secret_id == "countersign-signing-keys"
    error_message = "RotateKeys alone changes versions, of the signing keys alone."
  }
  assert {
    condition     = toset([for m in google_project_iam_member.build : m.role]) == toset(["roles/logging.logWriter", "roles/artifactregistry.writer", "roles/storage.objectViewer"]) && length(google_project_iam_member.firestore) == 0
    error_message = "On the project only the build has roles."
  }
}

run "the_upload_is_what_gcloudignore_leaves" {
  command = plan

  assert {
    condition     = length(setsubtract(["**/.git", "**/.ci", "**/*_test.go", "docs", "localrun", "terraform", "testdata", "Makefile", "**/*.md"], data.archive_file.source.excludes)) == 0
    error_message = "What .gcloudignore names is not in the upload: a test file of another package would break the build."
  }
  assert {
    condition     = google_storage_bucket_object.source.name == "source-5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef.zip"
    error_message = "The object is named by what is in it."
  }
  assert {
    condition     = google_storage_bucket.source.uniform_bucket_level_access && google_storage_bucket.source.public_access_prevention == "enforced"
    error_message = "Nobody outside reads the source."
  }
}

run "what_is_not_asked_for_is_not_made" {
  command = plan

  assert {
    condition = 0 == sum([
      length(google_compute_global_address.this), length(google_compute_backend_service.function), length(google_compute_security_policy.this),
      length(google_certificate_manager_trust_config.this), length(google_network_security_server_tls_policy.this), length(output.dns_records),
    ])
    error_message = "There is no load balancer."
  }
  assert {
    condition     = length(google_firestore_database.this) + length(google_firestore_field.expires) + length(google_kms_key_ring.this) + length(google_kms_crypto_key.signing) == 0
    error_message = "There is no database and no key in Cloud KMS."
  }
  assert {
    condition     = length(google_cloud_run_v2_job.prober) + length(google_cloud_scheduler_job.prober) + length(google_service_account.prober) + length(google_service_account.jwks) == 0
    error_message = "There is no prober and no function for the JWK Set."
  }
}
