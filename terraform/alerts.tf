# What somebody has to look at. The name of each alert is its section in docs/operations/runbooks.md, which a test holds,
# and each links to it.
#
# What one line of the log says is a condition on that line: it needs no metric, and the incident shows the line. What is a
# matter of how many is PromQL over the metrics, which are not asked for when the policy is made: Cloud Monitoring knows a
# new metric some minutes later only.

locals {
  seconds_a_day = 86400

  log_alerts = merge(
    {
      "nothing-to-serve" = {
        severity = "CRITICAL"
        says     = "Something that is kept elsewhere cannot be loaded, and there is no good copy: requests that need it are refused."
        filter   = "jsonPayload.event=\"load_failed\" AND jsonPayload.serving=\"nothing\""
        labels   = { what = "EXTRACT(jsonPayload.what)" }
      }
      "serving-stale" = {
        severity = "ERROR"
        says     = "Something that is kept elsewhere has not been loaded for three minutes, and the last good copy serves on, for as long as it may."
        filter   = "jsonPayload.event=\"load_failed\" AND jsonPayload.serving=\"last_good\" AND jsonPayload.age>=180"
        labels   = { what = "EXTRACT(jsonPayload.what)" }
      }
      "configuration-refused" = {
        severity = "ERROR"
        says     = "A new version of the configuration has faults, and the last good one serves on."
        filter   = "jsonPayload.event=\"configuration\" AND jsonPayload.decision=\"refused\""
        labels   = {}
      }
      "stop-list-refused" = {
        severity = "CRITICAL"
        says     = "A new version of the stop list has faults: whoever it was to stop goes on."
        filter   = "jsonPayload.event=\"stop_list\" AND jsonPayload.decision=\"refused\""
        labels   = {}
      }
      "key-version-refused" = {
        severity = "ERROR"
        says     = "A version among our own keys holds no usable key, and is skipped."
        filter   = "jsonPayload.event=\"key_version\" AND jsonPayload.decision=\"refused\""
        labels   = {}
      }
      # In this language OR binds closer than AND.
      "rotation-failed" = {
        severity = "ERROR"
        says     = "RotateKeys refused a notice of Secret Manager, or could not act on it."
        filter   = "((jsonPayload.event=\"rotation\" AND severity>=ERROR) OR (resource.labels.service_name=\"${var.name}-rotate\" AND httpRequest.status>=500))"
        labels   = {}
      }
      "panic" = {
        severity = "CRITICAL"
        says     = "A request met a fault of the program. It was answered with an error, and the others go on."
        filter   = "jsonPayload.event=\"panic\""
        labels   = {}
      }
    },
    # Keys in Cloud KMS are rotated by hand, on whatever schedule.
    local.in_secret_manager ? {
      "key-too-old" = {
        severity = "WARNING"
        says     = "The key that signs is older than the rotation period and a week: a notice has not arrived, or was not acted on."
        filter   = "jsonPayload.event=\"token\" AND jsonPayload.decision=\"granted\" AND jsonPayload.key_age>${(var.rotation_period_days + 7) * local.seconds_a_day}"
        labels   = {}
      }
    } : {},
  )

  # Names in PromQL: the slashes and dots of a metric's type become colons and underscores. Those of a name of one's own
  # may have hyphens, and are quoted.
  requests = "run_googleapis_com:request_count{monitored_resource=\"cloud_run_revision\",service_name=\"${var.name}\""
  counted  = { for key, metric in google_logging_metric.counter : key => "{__name__=\"logging.googleapis.com/user/${metric.name}\",monitored_resource=\"cloud_run_revision\"" }

  metric_alerts = merge(
    {
      "unavailable" = {
        severity = "CRITICAL"
        says     = "More than one request in fifty was answered with a 5xx in the last five minutes."
        query    = "sum(rate(${local.requests},response_code_class=\"5xx\"}[5m])) / sum(rate(${local.requests}}[5m])) > 0.02 and sum(increase(${local.requests},response_code_class=\"5xx\"}[5m])) > 5"
        duration = "120s"
      }
      "slow" = {
        severity = "WARNING"
        says     = "One request in a hundred takes longer than two seconds."
        query    = "histogram_quantile(0.99, sum by (le) (rate(run_googleapis_com:request_latencies_bucket{monitored_resource=\"cloud_run_revision\",service_name=\"${var.name}\"}[10m]))) > 2000"
        duration = "600s"
      }
      "many-refusals" = {
        severity = "WARNING"
        says     = "More than half of the requests for tokens are refused, and more than a hundred in ten minutes."
        query    = "sum(increase(${local.counted["refusals"]},event=\"token\"}[10m])) > 100 and sum(increase(${local.counted["refusals"]},event=\"token\"}[10m])) > (sum(increase(${local.counted["tokens"]}}[10m])) or vector(0))"
        duration = "300s"
      }
      "throttled" = {
        severity = "WARNING"
        says     = "Somebody has failed so often that further requests are refused unseen."
        query    = "sum(increase(${local.counted["throttled"]}}[10m])) > 8"
        duration = "300s"
      }
    },
    var.prober == null ? {} : {
      # Also when it has not run at all: no success is no success.
      "probe-failed" = {
        severity = "CRITICAL"
        says     = "No probe has succeeded for an hour."
        query    = "(sum(increase(run_googleapis_com:job_completed_execution_count{monitored_resource=\"cloud_run_job\",job_name=\"${var.name}-prober\",result=\"succeeded\"}[1h])) or vector(0)) < 1"
        duration = "300s"
      }
    },
  )
}

resource "google_monitoring_alert_policy" "log" {
  for_each = local.log_alerts

  project               = var.project_id
  display_name          = "${var.name}: ${each.key}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = var.notification_channels

  conditions {
    display_name = each.key
    condition_matched_log {
      filter           = "${local.ours} AND ${each.value.filter}"
      label_extractors = each.value.labels
    }
  }

  alert_strategy {
    auto_close = "1800s"
    notification_rate_limit {
      period = "900s"
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "${each.value.says}\n\nWhat to do: ${var.runbooks}#${each.key}"
    links {
      display_name = "Runbook"
      url          = "${var.runbooks}#${each.key}"
    }
  }
}

resource "google_monitoring_alert_policy" "metric" {
  for_each = local.metric_alerts

  project               = var.project_id
  display_name          = "${var.name}: ${each.key}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = var.notification_channels

  conditions {
    display_name = each.key
    condition_prometheus_query_language {
      query                     = each.value.query
      duration                  = each.value.duration
      evaluation_interval       = "60s"
      disable_metric_validation = true
    }
  }

  alert_strategy {
    auto_close = "1800s"
  }

  documentation {
    mime_type = "text/markdown"
    content   = "${each.value.says}\n\nWhat to do: ${var.runbooks}#${each.key}"
    links {
      display_name = "Runbook"
      url          = "${var.runbooks}#${each.key}"
    }
  }
}
