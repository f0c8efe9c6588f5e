output "issuer" {
  description = "The Issuer: what the configuration names, and what clients put into aud. Known before the first apply."
  value       = local.issuer
}

output "configuration" {
  description = "What of the configuration follows from this deployment; resources and clients are yours to add."
  value       = local.configuration
}

output "add_configuration" {
  description = "The command that puts a configuration into force, after localrun check has passed it."
  value       = "gcloud secrets versions add ${google_secret_manager_secret.configuration.secret_id} --project=${var.project_id} --data-file=config.yaml"
}

output "first_key" {
  description = "The command that has RotateKeys make the first signing key, once the configuration is in force. Null with Cloud KMS, which has made one."
  value       = local.in_secret_manager ? "gcloud pubsub topics publish ${var.name}-rotation --project=${var.project_id} --attribute=eventType=SECRET_ROTATE,secretId=${local.secret_names.signing_keys}" : null
}

output "function" {
  description = "Name of the function, and of its Cloud Run service."
  value       = google_cloudfunctions2_function.http[var.name].name
}

output "service_accounts" {
  description = "E-mail addresses of the accounts of the functions: function, rotate, jwks."
  value = merge(
    { function = google_service_account.function.email },
    local.in_secret_manager ? { rotate = google_service_account.rotate[0].email } : {},
    var.jwks_apart ? { jwks = google_service_account.jwks[0].email } : {},
  )
}

output "rotation_topic" {
  description = "The topic of RotateKeys, for further secrets with keys of ours (opaque tokens, another algorithm). Null with Cloud KMS."
  value       = local.in_secret_manager ? google_pubsub_topic.rotation[0].id : null
}

output "dns_records" {
  description = "With a load balancer: what your DNS has to have, the address of the domain, and the record by which the certificate is issued."
  value = var.load_balancer == null ? [] : concat(
    [{ name = "${var.load_balancer.domain}.", type = "A", data = google_compute_global_address.this[0].address }],
    [for record in google_certificate_manager_dns_authorization.this[0].dns_resource_record : { name = record.name, type = record.type, data = record.data }],
  )
}
