# One page: who gets tokens, who does not and why, and how the service is.

locals {
  service_requests = "{monitored_resource=\"cloud_run_revision\",service_name=\"${var.name}\"}"
  aged             = { for key, metric in google_logging_metric.age : key => "{__name__=\"logging.googleapis.com/user/${metric.name}_bucket\",monitored_resource=\"cloud_run_revision\"}" }

  charts = [
    { title = "Tokens a minute, by client", query = "sum by (client_id) (rate(${local.counted["tokens"]}}[5m])) * 60" },
    { title = "Refusals a minute, by reason", query = "sum by (reason) (rate(${local.counted["refusals"]}}[5m])) * 60" },
    { title = "Requests a second, by class of status", query = "sum by (response_code_class) (rate(run_googleapis_com:request_count${local.service_requests}[5m]))" },
    { title = "Latency in ms, p50", query = "histogram_quantile(0.5, sum by (le) (rate(run_googleapis_com:request_latencies_bucket${local.service_requests}[5m])))" },
    { title = "Latency in ms, p99", query = "histogram_quantile(0.99, sum by (le) (rate(run_googleapis_com:request_latencies_bucket${local.service_requests}[5m])))" },
    { title = "Instances", query = "sum by (state) (run_googleapis_com:container_instance_count${local.service_requests})" },
    { title = "Age of the key that signs, in days", query = "histogram_quantile(1, sum by (le) (rate(${local.aged["key_age"]}[10m]))) / 86400" },
    { title = "Loads that failed an hour, by what and what serves on", query = "sum by (what, serving) (rate(${local.counted["load_failures"]}}[10m])) * 3600" },
    { title = "Age of what serves on without its source, in s", query = "histogram_quantile(1, sum by (le) (rate(${local.aged["stale_age"]}[10m])))" },
    { title = "Grants by exception an hour, by client", query = "sum by (client_id) (rate(${local.counted["exceptions"]}}[1h])) * 3600" },
    { title = "Lines a minute about who is turned away, by client", query = "sum by (client_id, claimed_client_id) (rate(${local.counted["throttled"]}}[5m])) * 60" },
    { title = "Errors in the log an hour, by event", query = "sum by (event) (rate(${local.counted["faults"]}}[10m])) * 3600" },
  ]
}

resource "google_monitoring_dashboard" "this" {
  project = var.project_id
  dashboard_json = jsonencode({
    displayName = "Countersign: ${var.name}"
    mosaicLayout = {
      columns = 48
      tiles = [
        for i, chart in local.charts : {
          xPos   = (i % 3) * 16
          yPos   = floor(i / 3) * 16
          width  = 16
          height = 16
          widget = {
            title = chart.title
            xyChart = {
              dataSets = [{
                plotType        = "LINE"
                timeSeriesQuery = { prometheusQuery = chart.query }
              }]
            }
          }
        }
      ]
    }
  })
}
