# Our own signing keys, in one of two places. No key is in this module's state, since none is made here: the first one in
# Secret Manager is made by RotateKeys, when it is asked to (output first_key), and Cloud KMS makes its own.

locals {
  in_secret_manager = var.kms == null

  # Whoever only publishes reads the public halves, which RotateKeys keeps in a secret of their own. Cloud KMS hands them
  # out itself.
  public_halves = var.jwks_apart && local.in_secret_manager

  # Secret Manager publishes its notices as this service agent. It exists once it was asked for in the project
  # (gcloud beta services identity create --service=secretmanager.googleapis.com).
  secret_manager_agent = "serviceAccount:service-${local.number}@gcp-sa-secretmanager.iam.gserviceaccount.com"
}

resource "google_secret_manager_secret" "signing_keys" {
  count = local.in_secret_manager ? 1 : 0

  project             = var.project_id
  secret_id           = "${var.name}-signing-keys"
  deletion_protection = true
  version_destroy_ttl = "604800s" # a version that is destroyed by mistake can be had back for a week

  replication {
    dynamic "auto" {
      for_each = length(var.secret_locations) == 0 ? [1] : []
      content {}
    }
    dynamic "user_managed" {
      for_each = length(var.secret_locations) == 0 ? [] : [1]
      content {
        dynamic "replicas" {
          for_each = var.secret_locations
          content {
            location = replicas.value
          }
        }
      }
    }
  }

  topics {
    name = google_pubsub_topic.rotation[0].id
  }

  rotation {
    rotation_period    = "${var.rotation_period_days * 86400}s"
    next_rotation_time = timeadd(plantimestamp(), "${var.rotation_period_days * 24}h")
  }

  # Secret Manager moves the time on by itself with each rotation.
  lifecycle {
    ignore_changes = [rotation[0].next_rotation_time]
  }

  # It checks that it may publish when the topic is set.
  depends_on = [google_pubsub_topic_iam_member.secret_manager]
}

# Nothing in it is secret, and whoever can write it can publish a key: it is guarded like the other.
resource "google_secret_manager_secret" "public_keys" {
  count = local.public_halves ? 1 : 0

  project             = var.project_id
  secret_id           = "${var.name}-signing-keys-public"
  deletion_protection = true

  replication {
    dynamic "auto" {
      for_each = length(var.secret_locations) == 0 ? [1] : []
      content {}
    }
    dynamic "user_managed" {
      for_each = length(var.secret_locations) == 0 ? [] : [1]
      content {
        dynamic "replicas" {
          for_each = var.secret_locations
          content {
            location = replicas.value
          }
        }
      }
    }
  }
}

resource "google_pubsub_topic" "rotation" {
  count = local.in_secret_manager ? 1 : 0

  project                    = var.project_id
  name                       = "${var.name}-rotation"
  message_retention_duration = "604800s"
}

# Whoever may publish here can have keys rotated: nobody else may.
resource "google_pubsub_topic_iam_member" "secret_manager" {
  count = local.in_secret_manager ? 1 : 0

  project = var.project_id
  topic   = google_pubsub_topic.rotation[0].name
  role    = "roles/pubsub.publisher"
  member  = local.secret_manager_agent
}

resource "google_cloudfunctions2_function" "rotate" {
  count = local.in_secret_manager ? 1 : 0

  name        = "${var.name}-rotate"
  project     = var.project_id
  location    = var.region
  description = "Countersign, RotateKeys"

  build_config {
    runtime         = local.runtime
    entry_point     = "RotateKeys"
    service_account = google_service_account.build.id

    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.source.name
      }
    }
  }

  service_config {
    available_cpu                    = "1"
    available_memory                 = "512Mi"
    max_instance_request_concurrency = 1
    min_instance_count               = 0
    max_instance_count               = 1
    timeout_seconds                  = 60
    ingress_settings                 = "ALLOW_INTERNAL_ONLY"
    all_traffic_on_latest_revision   = true
    service_account_email            = google_service_account.rotate[0].email
    environment_variables            = local.environment
  }

  # A notice that could not be acted on is delivered again. It is acted on once, however often it comes.
  event_trigger {
    trigger_region        = var.region
    event_type            = "google.cloud.pubsub.topic.v1.messagePublished"
    pubsub_topic          = google_pubsub_topic.rotation[0].id
    retry_policy          = "RETRY_POLICY_RETRY"
    service_account_email = google_service_account.rotate[0].email
  }

  depends_on = [
    google_project_iam_member.build,
    google_secret_manager_secret_iam_member.reader,
    google_secret_manager_secret_iam_member.rotate,
  ]
}

resource "google_kms_key_ring" "this" {
  count = local.in_secret_manager ? 0 : 1

  project  = var.project_id
  name     = var.name
  location = var.region
}

resource "google_kms_crypto_key" "signing" {
  count = local.in_secret_manager ? 0 : 1

  name     = "signing"
  key_ring = google_kms_key_ring.this[0].id
  purpose  = "ASYMMETRIC_SIGN"

  version_template {
    algorithm        = var.kms.algorithm
    protection_level = var.kms.protection_level
  }

  # Its deletion would destroy every version, and with them every token that somebody still has.
  lifecycle {
    prevent_destroy = true
  }
}
