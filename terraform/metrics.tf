# What is counted, from the lines that Countersign logs anyway: one for each decision, and one for each trouble. The fields
# are those of docs/operations/log.md; a test holds that the code logs each of them (terraform_test.go).

locals {
  services = concat(keys(local.functions), local.in_secret_manager ? ["${var.name}-rotate"] : [])

  # Functions of the second generation log as the Cloud Run services that they are.
  ours = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=(${join(" OR ", [for s in local.services : "\"${s}\""])})"

  counters = {
    tokens = {
      description = "Tokens that were issued, by client."
      filter      = "jsonPayload.event=\"token\" AND jsonPayload.decision=\"granted\""
      labels      = { client_id = "EXTRACT(jsonPayload.client_id)", grant_type = "EXTRACT(jsonPayload.grant_type)" }
    }
    refusals = {
      description = "Requests that were refused, by reason."
      filter      = "jsonPayload.event=(\"token\" OR \"introspection\" OR \"revocation\") AND jsonPayload.decision=\"denied\""
      labels      = { event = "EXTRACT(jsonPayload.event)", reason = "EXTRACT(jsonPayload.reason)", status = "EXTRACT(jsonPayload.status)" }
    }
    # Whose name was only claimed is registered all the same: the log repeats no other, so the labels stay few.
    throttled = {
      description = "Lines about requests that are turned away after too many failures, by client: of each budget and minute the first, the tenth, and so on."
      filter      = "jsonPayload.decision=\"denied\" AND jsonPayload.reason=\"too_many_failures\""
      labels      = { client_id = "EXTRACT(jsonPayload.client_id)", claimed_client_id = "EXTRACT(jsonPayload.claimed_client_id)" }
    }
    exceptions = {
      description = "Requests that were granted by an exception from the strict rule, by client: who still needs it."
      filter      = "jsonPayload.event=\"token\" AND jsonPayload.decision=\"granted\" AND jsonPayload.exceptions:*"
      labels      = { client_id = "EXTRACT(jsonPayload.client_id)" }
    }
    load_failures = {
      description = "Loads that failed of what is kept elsewhere, once a minute at most for each source and instance."
      filter      = "jsonPayload.event=\"load_failed\""
      labels      = { what = "EXTRACT(jsonPayload.what)", serving = "EXTRACT(jsonPayload.serving)" }
    }
    faults = {
      description = "Lines of severity ERROR, by event."
      filter      = "severity>=ERROR AND jsonPayload.event:*"
      labels      = { event = "EXTRACT(jsonPayload.event)" }
    }
  }

  # Of each the largest matters, so the buckets grow by a factor and reach beyond what is right.
  ages = {
    key_age = {
      description = "Age of the key that signed, in seconds."
      filter      = "jsonPayload.event=\"token\" AND jsonPayload.decision=\"granted\" AND jsonPayload.key_age>=0"
      value       = "EXTRACT(jsonPayload.key_age)"
      scale       = 3600 # an hour to some six years
      buckets     = 16
    }
    stale_age = {
      description = "Age of what served on because it could not be loaded again, in seconds."
      filter      = "jsonPayload.event=\"load_failed\" AND jsonPayload.serving=\"last_good\""
      value       = "EXTRACT(jsonPayload.age)"
      scale       = 15 # to a week or so
      buckets     = 16
    }
  }
}

resource "google_logging_metric" "counter" {
  for_each = local.counters

  project     = var.project_id
  name        = "${var.name}/${each.key}"
  description = each.value.description
  filter      = "${local.ours} AND ${each.value.filter}"

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = "INT64"
    unit         = "1"
    display_name = "Countersign: ${each.key}"

    dynamic "labels" {
      for_each = each.value.labels
      content {
        key        = labels.key
        value_type = "STRING"
      }
    }
  }

  label_extractors = each.value.labels
}

resource "google_logging_metric" "age" {
  for_each = local.ages

  project         = var.project_id
  name            = "${var.name}/${each.key}"
  description     = each.value.description
  filter          = "${local.ours} AND ${each.value.filter}"
  value_extractor = each.value.value

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = "DISTRIBUTION"
    unit         = "s"
    display_name = "Countersign: ${each.key}"
  }

  bucket_options {
    exponential_buckets {
      num_finite_buckets = each.value.buckets
      growth_factor      = 2
      scale              = each.value.scale
    }
  }
}
