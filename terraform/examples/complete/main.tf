# Everything: a domain of one's own behind a load balancer with mutual TLS, several warm instances with one memory, the JWK
# Set apart, keys in an HSM, and a prober.

variable "project_id" {
  description = "ID of the project."
  type        = string
}

variable "prober_image" {
  description = "An image whose entry point is localrun, such as one that docs/operations/deploying.md builds."
  type        = string
}

variable "clients_ca" {
  description = "PEM of the authority that issues the certificates of clients."
  type        = string
}

provider "google" {
  project = var.project_id
}

resource "google_monitoring_notification_channel" "on_call" {
  display_name = "Whoever is on call for Countersign"
  type         = "email"
  labels       = { email_address = "on-call@example.com" }
}

module "countersign" {
  source = "../.."

  project_id = var.project_id
  region     = "europe-west1"

  min_instances = 2
  max_instances = 20
  firestore     = true

  kms = {
    algorithm        = "EC_SIGN_P256_SHA256"
    protection_level = "HSM"
  }

  # What the configuration names besides. They exist before, so that whoever may write them need not be who runs Terraform.
  secrets          = ["countersign-stop-list", "countersign-dpop-nonces"]
  secret_locations = ["europe-west1", "europe-west3"]

  load_balancer = {
    domain     = "auth.example.com"
    rate_limit = 1200
    mutual_tls = {
      trust_anchors = [var.clients_ca]
    }
  }

  jwks_apart = true

  notification_channels = [google_monitoring_notification_channel.on_call.name]
  runbooks              = "https://wiki.example.com/countersign/runbooks"

  prober = {
    image      = var.prober_image
    client_id  = "prober"
    key_secret = "countersign-prober-key"
  }
}

output "issuer" {
  description = "The Issuer: known before the first apply."
  value       = module.countersign.issuer
}

output "configuration" {
  description = "How config.yaml begins."
  value       = module.countersign.configuration
}

output "add_configuration" {
  description = "Puts config.yaml into force."
  value       = module.countersign.add_configuration
}

output "dns_records" {
  description = "What the DNS of auth.example.com has to have."
  value       = module.countersign.dns_records
}
