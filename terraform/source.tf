# The upload: this checkout, without what .gcloudignore names, as `gcloud functions deploy` would upload it. The archive
# is the same bytes for the same files, and the object is named by them: it changes, and the functions are deployed again,
# only when the source does.

locals {
  source_dir = "${path.module}/.."

  # The syntax is that of .gitignore. What would need more than the two forms below is refused, since it would otherwise
  # end up in the upload, or be missing there, without a word.
  ignored = [
    for line in split("\n", file("${local.source_dir}/.gcloudignore")) : trimsuffix(trimspace(line), "/")
    if trimspace(line) != "" && !startswith(trimspace(line), "#") || startswith(trimspace(line), "#!include:")
  ]

  # A pattern without a slash is for every folder; one with a slash is for the root.
  excludes = [
    for pattern in local.ignored : strcontains(pattern, "/") ? trimprefix(pattern, "/") : "**/${pattern}"
  ]
}

data "archive_file" "source" {
  type             = "zip"
  source_dir       = local.source_dir
  excludes         = local.excludes
  output_path      = "${path.module}/.upload/${var.name}.zip"
  output_file_mode = "0644" # whoever checks out, and on whatever system

  lifecycle {
    precondition {
      condition     = !anytrue([for pattern in local.ignored : can(regex("^(!|#)|\\\\|\\[|\\{|\\*\\*", pattern))])
      error_message = ".gcloudignore has a pattern that this module does not translate (negation, inclusion, escapes, classes, **)."
    }
  }
}

resource "google_storage_bucket" "source" {
  name                        = "${var.project_id}-${var.name}-source"
  project                     = var.project_id
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # what is in it can be made again from the source
}

resource "google_storage_bucket_object" "source" {
  name   = "source-${data.archive_file.source.output_sha256}.zip"
  bucket = google_storage_bucket.source.name
  source = data.archive_file.source.output_path
}
