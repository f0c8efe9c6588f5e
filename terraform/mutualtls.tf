# Mutual TLS at the load balancer (docs/operations/bound-tokens.md). Whoever shows no certificate, or one that does not
# lead to an anchor, gets through: he may authenticate in another way, and Countersign verifies every chain again.

resource "google_certificate_manager_trust_config" "this" {
  count = local.mtls

  project  = var.project_id
  name     = var.name
  location = "global"

  dynamic "trust_stores" {
    for_each = length(local.mutual_tls.trust_anchors) == 0 ? [] : [1]
    content {
      dynamic "trust_anchors" {
        for_each = local.mutual_tls.trust_anchors
        content {
          pem_certificate = trust_anchors.value
        }
      }
      dynamic "intermediate_cas" {
        for_each = local.mutual_tls.intermediate_cas
        content {
          pem_certificate = intermediate_cas.value
        }
      }
    }
  }

  dynamic "allowlisted_certificates" {
    for_each = local.mutual_tls.allowed_certificates
    content {
      pem_certificate = allowlisted_certificates.value
    }
  }
}

resource "google_network_security_server_tls_policy" "this" {
  count = local.mtls

  project    = var.project_id
  name       = var.name
  location   = "global"
  allow_open = false

  mtls_policy {
    client_validation_mode         = "ALLOW_INVALID_OR_MISSING_CLIENT_CERT"
    client_validation_trust_config = "projects/${local.number}/locations/global/trustConfigs/${google_certificate_manager_trust_config.this[0].name}"
  }
}
