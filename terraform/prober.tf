# The prober: localrun probe as a Cloud Run job, on a schedule. It comes in where clients do, by the Issuer.

resource "google_service_account" "prober" {
  count = var.prober == null ? 0 : 1

  project      = var.project_id
  account_id   = "${var.name}-prober"
  display_name = "Countersign: the prober"
}

resource "google_secret_manager_secret_iam_member" "prober" {
  count = var.prober == null ? 0 : 1

  project   = var.project_id
  secret_id = var.prober.key_secret
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.prober[0].member
}

resource "google_cloud_run_v2_job" "prober" {
  count = var.prober == null ? 0 : 1

  project             = var.project_id
  name                = "${var.name}-prober"
  location            = var.region
  deletion_protection = false

  template {
    task_count = 1

    template {
      service_account = google_service_account.prober[0].email
      max_retries     = 0 # a probe that fails is a finding, and not an accident
      timeout         = "600s"

      containers {
        image = var.prober.image
        args  = ["probe", "-url", local.issuer, "-client", var.prober.client_id, "-key", "/prober/key.pem"]

        volume_mounts {
          name       = "key"
          mount_path = "/prober"
        }
      }

      volumes {
        name = "key"
        secret {
          secret = var.prober.key_secret
          items {
            version = "latest"
            path    = "key.pem"
          }
        }
      }
    }
  }

  depends_on = [google_secret_manager_secret_iam_member.prober]
}

resource "google_cloud_run_v2_job_iam_member" "prober" {
  count = var.prober == null ? 0 : 1

  project  = var.project_id
  location = var.region
  name     = google_cloud_run_v2_job.prober[0].name
  role     = "roles/run.invoker"
  member   = google_service_account.prober[0].member
}

resource "google_cloud_scheduler_job" "prober" {
  count = var.prober == null ? 0 : 1

  project     = var.project_id
  region      = var.region
  name        = "${var.name}-prober"
  description = "Starts the prober of Countersign."
  schedule    = var.prober.schedule
  time_zone   = "Etc/UTC"

  http_target {
    http_method = "POST"
    uri         = "https://run.googleapis.com/v2/projects/${var.project_id}/locations/${var.region}/jobs/${google_cloud_run_v2_job.prober[0].name}:run"
    oauth_token {
      service_account_email = google_service_account.prober[0].email
    }
  }
}
