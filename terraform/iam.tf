# Who may do what. Each function has an account of its own, and each account gets at named secrets alone. Nobody gets the
# default account of Compute Engine, nor a key file.

resource "google_service_account" "function" {
  project      = var.project_id
  account_id   = var.name
  display_name = "Countersign: the function"
}

resource "google_service_account" "rotate" {
  count = local.in_secret_manager ? 1 : 0

  project      = var.project_id
  account_id   = "${var.name}-rotate"
  display_name = "Countersign: rotates the signing keys"
}

resource "google_service_account" "jwks" {
  count = var.jwks_apart ? 1 : 0

  project      = var.project_id
  account_id   = "${var.name}-jwks"
  display_name = "Countersign: the JWK Set"
}

resource "google_service_account" "build" {
  project      = var.project_id
  account_id   = "${var.name}-build"
  display_name = "Countersign: builds the functions"
}

resource "google_project_iam_member" "build" {
  for_each = toset(["roles/logging.logWriter", "roles/artifactregistry.writer", "roles/storage.objectViewer"])

  project = var.project_id
  role    = each.key
  member  = google_service_account.build.member
}

locals {
  # Who reads which secrets. Those that the module does not make itself are named by their IDs.
  own_secrets  = merge({ configuration = google_secret_manager_secret.configuration.secret_id }, local.in_secret_manager ? { signing_keys = google_secret_manager_secret.signing_keys[0].secret_id } : {})
  snapshots    = var.trust_snapshot == null ? [] : [var.trust_snapshot]
  more_secrets = { for id in setunion(var.secrets, local.snapshots) : id => id }

  # The JWKS function publishes from the public halves. Of the private keys it only lists the versions (below).
  public_secrets = local.public_halves ? { public_keys = google_secret_manager_secret.public_keys[0].secret_id } : {}

  accounts = merge(
    { function = { member = google_service_account.function.member, secrets = merge(local.own_secrets, local.more_secrets) } },
    local.in_secret_manager ? { rotate = { member = google_service_account.rotate[0].member, secrets = merge(local.own_secrets, local.public_secrets) } } : {},
    var.jwks_apart ? { jwks = { member = google_service_account.jwks[0].member, secrets = merge({ configuration = google_secret_manager_secret.configuration.secret_id }, local.public_secrets) } } : {},
  )

  # viewer lists the versions, and secretAccessor reads what is in them: neither does both.
  readers = merge([
    for account, of in local.accounts : merge([
      for key, secret in of.secrets : {
        for role in ["viewer", "secretAccessor"] : "${account} ${key} ${role}" => { member = of.member, secret = secret, role = "roles/secretmanager.${role}" }
      }
    ]...)
  ]...)
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = local.readers

  project   = var.project_id
  secret_id = each.value.secret
  role      = each.value.role
  member    = each.value.member
}

# Which versions of the private keys there are, and which of them are enabled; not what is in them.
resource "google_secret_manager_secret_iam_member" "jwks" {
  count = local.public_halves ? 1 : 0

  project   = var.project_id
  secret_id = google_secret_manager_secret.signing_keys[0].secret_id
  role      = "roles/secretmanager.viewer"
  member    = google_service_account.jwks[0].member
}

# It adds versions, and disables and destroys old ones.
resource "google_secret_manager_secret_iam_member" "rotate" {
  for_each = local.in_secret_manager ? merge({ signing_keys = google_secret_manager_secret.signing_keys[0].secret_id }, local.public_secrets) : {}

  project   = var.project_id
  secret_id = each.value
  role      = "roles/secretmanager.secretVersionManager"
  member    = google_service_account.rotate[0].member
}

# The trigger calls the function with the function's own account.
resource "google_cloud_run_v2_service_iam_member" "rotate" {
  count = local.in_secret_manager ? 1 : 0

  project  = var.project_id
  location = var.region
  name     = google_cloudfunctions2_function.rotate[0].name
  role     = "roles/run.invoker"
  member   = google_service_account.rotate[0].member
}

resource "google_kms_crypto_key_iam_member" "signer" {
  for_each = local.in_secret_manager ? {} : {
    for pair in concat(
      setproduct(["function"], ["viewer", "publicKeyViewer", "signer"]),
      var.jwks_apart ? setproduct(["jwks"], ["viewer", "publicKeyViewer"]) : [],
    ) : join(" ", pair) => { member = local.accounts[pair[0]].member, role = "roles/cloudkms.${pair[1]}" }
  }

  crypto_key_id = google_kms_crypto_key.signing[0].id
  role          = each.value.role
  member        = each.value.member
}

resource "google_project_iam_member" "firestore" {
  count = var.firestore ? 1 : 0

  project = var.project_id
  role    = "roles/datastore.user"
  member  = google_service_account.function.member

  condition {
    title      = var.name
    expression = "resource.name==\"${local.database}\""
  }
}
