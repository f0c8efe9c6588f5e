# Where the configuration is, and not what is in it. The document has hashes of client secrets, which can be tried offline,
# and the names of everybody who gets tokens; a state file is read by more people than that. It is also what changes from
# day to day: whoever may add a version to this secret changes who gets what, without a deployment and without Terraform.

resource "google_secret_manager_secret" "configuration" {
  project             = var.project_id
  secret_id           = "${var.name}-config"
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

locals {
  # What of the document follows from this deployment. The output configuration is it; the rest is resources and clients.
  configuration = join("\n", concat(
    ["issuer: ${local.issuer}"],
    local.in_secret_manager
    ? ["signing_keys:", "  secret: ${local.secret_names.signing_keys}"]
    : ["signing_keys: {kms: ${local.kms_key}, algorithm: ${local.kms_algorithms[var.kms.algorithm]}}"],
    local.public_halves ? ["  public_keys: ${local.secret_names.public_keys}"] : [],
    var.firestore ? ["replay: {firestore: ${local.database}}"] : [],
    # How many addresses at the end of X-Forwarded-For Google has written: that of the client, and behind the load
    # balancer its own as well.
    ["limits: {forwarded_for: ${var.load_balancer == null ? 1 : 2}}"],
    local.mutual_tls == null ? [] : ["mutual_tls:", "  proxy: {ingress: internal-and-cloud-load-balancing}"],
    [""],
  ))

  kms_key = "projects/${var.project_id}/locations/${var.region}/keyRings/${var.name}/cryptoKeys/signing"
}
