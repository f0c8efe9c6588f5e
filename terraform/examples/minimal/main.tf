# The least: one function, one instance, keys in Secret Manager that rotate themselves, metrics and alerts.

variable "project_id" {
  description = "ID of the project."
  type        = string
}

provider "google" {
  project = var.project_id
}

module "countersign" {
  source = "../.."

  project_id = var.project_id
  region     = "europe-west1"
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

output "first_key" {
  description = "Has the first signing key made."
  value       = module.countersign.first_key
}
