# The function. One source, one entry point for everything below the Issuer; the JWK Set can be a function of its own.

locals {
  # Go 1.26 is what go.mod asks for.
  runtime = "go126"

  # The configuration is followed in Secret Manager: a new version takes effect within a minute and without a deployment.
  # GOOGLE_CLOUD_PROJECT joins the log lines of a request to its trace. GOGC collects garbage more rarely than Go does by
  # itself, since there is memory for it, which makes starts shorter and tokens cheaper (docs/architecture.md, "Cold
  # start"); GOMEMLIMIT, three quarters of the memory, has it collect in time where much lives.
  environment = {
    COUNTERSIGN_CONFIG   = local.secret_names.configuration
    GOOGLE_CLOUD_PROJECT = var.project_id
    GOGC                 = "400"
    GOMEMLIMIT           = "384MiB"
  }

  snapshot = var.trust_snapshot == null ? {} : {
    COUNTERSIGN_TRUST_SNAPSHOT = "projects/${var.project_id}/secrets/${var.trust_snapshot}"
  }

  # The functions that clients and APIs call. Both are the same process but for what they serve.
  functions = merge(
    { (var.name) = { entry_point = "AuthorizationServer", account = google_service_account.function.email, environment = local.snapshot } },
    var.jwks_apart ? { "${var.name}-jwks" = { entry_point = "JWKS", account = google_service_account.jwks[0].email, environment = {} } } : {},
  )
}

resource "google_cloudfunctions2_function" "http" {
  for_each = local.functions

  name        = each.key
  project     = var.project_id
  location    = var.region
  description = "Countersign, ${each.value.entry_point}"

  build_config {
    runtime         = local.runtime
    entry_point     = each.value.entry_point
    service_account = google_service_account.build.id

    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.source.name
      }
    }
  }

  # Concurrency needs a whole CPU. The provider has no argument for start-up CPU boost, which Cloud Run gives new services
  # unless it is told otherwise; deploying.md says how to look.
  service_config {
    available_cpu                    = "1"
    available_memory                 = "512Mi"
    max_instance_request_concurrency = 80
    min_instance_count               = var.min_instances
    max_instance_count               = var.max_instances
    timeout_seconds                  = 30
    ingress_settings                 = local.ingress
    all_traffic_on_latest_revision   = true
    service_account_email            = each.value.account
    environment_variables            = merge(local.environment, each.value.environment)
    vpc_connector                    = var.vpc_connector
    vpc_connector_egress_settings    = var.vpc_connector == null ? null : "PRIVATE_RANGES_ONLY"
  }

  # An instance that starts without its rights would answer 503 until it gets them.
  depends_on = [
    google_project_iam_member.build,
    google_project_iam_member.firestore,
    google_secret_manager_secret_iam_member.reader,
    google_secret_manager_secret_iam_member.jwks,
    google_kms_crypto_key_iam_member.signer,
  ]
}

resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = { for pair in setproduct(keys(local.functions), var.invokers) : "${pair[0]} ${pair[1]}" => { function = pair[0], member = pair[1] } }

  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.http[each.value.function].name
  role     = "roles/run.invoker"
  member   = each.value.member
}
