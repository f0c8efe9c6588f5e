# Cloud Armor: what it turns away costs no instance anything. The limits of Countersign itself (limits in the
# configuration) stand behind it, and see what it cannot: whether a request was refused.

resource "google_compute_security_policy" "this" {
  count = local.lb

  project = var.project_id
  name    = var.name
  type    = "CLOUD_ARMOR"

  rule {
    description = "No body is larger than what the token endpoint reads. One without a length is cut off there."
    priority    = 1000
    action      = "deny(403)"
    match {
      expr {
        expression = "has(request.headers['content-length']) && int(request.headers['content-length']) > ${local.body_limit}"
      }
    }
  }

  rule {
    description = "So many requests a minute from one address, and 429 beyond."
    priority    = 2000
    action      = "throttle"
    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
    rate_limit_options {
      conform_action = "allow"
      exceed_action  = "deny(429)"
      enforce_on_key = "IP"
      rate_limit_threshold {
        count        = var.load_balancer.rate_limit
        interval_sec = 60
      }
    }
  }

  rule {
    description = "Every policy has a rule for the rest."
    priority    = 2147483647
    action      = "allow"
    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
  }
}
