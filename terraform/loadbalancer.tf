# A domain of one's own: the global external Application Load Balancer in front of the function. It listens for HTTPS
# alone, since an assertion or a token that was sent in the clear is lost, whatever a redirect says afterwards.

locals {
  balanced   = var.load_balancer == null ? {} : local.functions
  lb         = var.load_balancer == null ? 0 : 1
  mtls       = local.mutual_tls == null ? 0 : 1
  body_limit = 65536 # what the token endpoint reads of a body

  # The form of RFC 9440, which internal/mutualtls reads. The load balancer replaces what a client sends under these names,
  # and does so where it asks nobody for a certificate, too: they are empty then. A configuration that believes them may be
  # in force before mutual_tls is set here, or after it was taken away, and whoever had a client's certificate, which is no
  # secret, could write it himself.
  # The proxy's secret (X-Proxy-Authorization) would stand in the state, also where it is added by hand, since a refresh
  # reads all headers: so the ingress setting vouches for the proxy instead.
  client_certificate_headers = [
    "Client-Cert:{client_cert_leaf}",
    "Client-Cert-Chain:{client_cert_chain}",
  ]
}

resource "google_compute_global_address" "this" {
  count = local.lb

  project = var.project_id
  name    = var.name
}

resource "google_compute_region_network_endpoint_group" "function" {
  for_each = local.balanced

  project               = var.project_id
  name                  = each.key
  region                = var.region
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = google_cloudfunctions2_function.http[each.key].name
  }
}

resource "google_compute_backend_service" "function" {
  for_each = local.balanced

  project                = var.project_id
  name                   = each.key
  load_balancing_scheme  = "EXTERNAL_MANAGED"
  protocol               = "HTTPS"
  security_policy        = google_compute_security_policy.this[0].id
  custom_request_headers = local.client_certificate_headers

  backend {
    group = google_compute_region_network_endpoint_group.function[each.key].id
  }

  log_config {
    enable      = true
    sample_rate = 1
  }
}

resource "google_compute_url_map" "this" {
  count = local.lb

  project         = var.project_id
  name            = var.name
  default_service = google_compute_backend_service.function[var.name].id

  dynamic "host_rule" {
    for_each = var.jwks_apart ? [1] : []
    content {
      hosts        = [var.load_balancer.domain]
      path_matcher = "issuer"
    }
  }

  dynamic "path_matcher" {
    for_each = var.jwks_apart ? [1] : []
    content {
      name            = "issuer"
      default_service = google_compute_backend_service.function[var.name].id

      path_rule {
        paths   = ["/.well-known/jwks.json"]
        service = google_compute_backend_service.function["${var.name}-jwks"].id
      }
    }
  }
}

# The certificate is issued as soon as the output dns_records is in the DNS, also before the address points here.
resource "google_certificate_manager_dns_authorization" "this" {
  count = local.lb

  project = var.project_id
  name    = var.name
  domain  = var.load_balancer.domain
}

resource "google_certificate_manager_certificate" "this" {
  count = local.lb

  project = var.project_id
  name    = var.name

  managed {
    domains            = [var.load_balancer.domain]
    dns_authorizations = [google_certificate_manager_dns_authorization.this[0].id]
  }
}

resource "google_certificate_manager_certificate_map" "this" {
  count = local.lb

  project = var.project_id
  name    = var.name
}

resource "google_certificate_manager_certificate_map_entry" "this" {
  count = local.lb

  project      = var.project_id
  name         = var.name
  map          = google_certificate_manager_certificate_map.this[0].name
  certificates = [google_certificate_manager_certificate.this[0].id]
  hostname     = var.load_balancer.domain
}

# TLS 1.2 with the ciphers that FAPI 2.0 §5.2.2 allows, and 1.3.
resource "google_compute_ssl_policy" "this" {
  count = local.lb

  project         = var.project_id
  name            = var.name
  profile         = "RESTRICTED"
  min_tls_version = "TLS_1_2"
}

resource "google_compute_target_https_proxy" "this" {
  count = local.lb

  project           = var.project_id
  name              = var.name
  url_map           = google_compute_url_map.this[0].id
  certificate_map   = "//certificatemanager.googleapis.com/${google_certificate_manager_certificate_map.this[0].id}"
  ssl_policy        = google_compute_ssl_policy.this[0].id
  server_tls_policy = local.mutual_tls == null ? null : google_network_security_server_tls_policy.this[0].id
}

resource "google_compute_global_forwarding_rule" "this" {
  count = local.lb

  project               = var.project_id
  name                  = var.name
  load_balancing_scheme = "EXTERNAL_MANAGED"
  ip_address            = google_compute_global_address.this[0].id
  port_range            = "443"
  target                = google_compute_target_https_proxy.this[0].id
}
