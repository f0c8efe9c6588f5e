# What instances share of the memory of used assertions and of revoked tokens (docs/operations/several-instances.md). The
# collections and the field are those of internal/gcp/firestorereplay.go and firestorerevocation.go.

resource "google_firestore_database" "this" {
  count = var.firestore ? 1 : 0

  project                 = var.project_id
  name                    = var.name
  location_id             = var.region
  type                    = "FIRESTORE_NATIVE"
  delete_protection_state = "DELETE_PROTECTION_ENABLED" # without it, what has been used could be used again
}

# Firestore deletes what has expired, and keeps no index over a time that only grows, which would bound how much can be
# written.
resource "google_firestore_field" "expires" {
  for_each = var.firestore ? toset(["countersign_uses", "countersign_revocations"]) : toset([])

  project    = var.project_id
  database   = google_firestore_database.this[0].name
  collection = each.key
  field      = "expires"

  ttl_config {}
  index_config {}
}
