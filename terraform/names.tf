# What follows from the variables alone, and is known before anything is made: the Issuer above all, which the
# configuration has to name and every client has to know.

data "google_project" "this" {
  project_id = var.project_id
}

locals {
  number = data.google_project.this.number

  # Cloud Run gives each service, and so each function of the second generation, the address SERVICE-NUMBER.REGION.run.app
  # ("Deterministic URL"), as long as the first part has 63 characters at most; a project's number has 12 or so.
  issuer = var.load_balancer == null ? "https://${var.name}-${local.number}.${var.region}.run.app" : "https://${var.load_balancer.domain}"

  ingress = coalesce(var.ingress, var.load_balancer == null ? "ALLOW_ALL" : "ALLOW_INTERNAL_AND_GCLB")

  mutual_tls = try(var.load_balancer.mutual_tls, null)

  secret_names = {
    configuration = "projects/${var.project_id}/secrets/${var.name}-config"
    signing_keys  = "projects/${var.project_id}/secrets/${var.name}-signing-keys"
    public_keys   = "projects/${var.project_id}/secrets/${var.name}-signing-keys-public"
  }

  database = "projects/${var.project_id}/databases/${var.name}"

  # What Cloud KMS calls the algorithms that Countersign signs with (internal/gcp/kmssigner.go; a test compares them).
  kms_algorithms = {
    EC_SIGN_ED25519            = "EdDSA"
    EC_SIGN_P256_SHA256        = "ES256"
    EC_SIGN_P384_SHA384        = "ES384"
    RSA_SIGN_PKCS1_2048_SHA256 = "RS256"
    RSA_SIGN_PKCS1_3072_SHA256 = "RS256"
    RSA_SIGN_PKCS1_4096_SHA256 = "RS256"
    RSA_SIGN_PKCS1_4096_SHA512 = "RS512"
    RSA_SIGN_PSS_2048_SHA256   = "PS256"
    RSA_SIGN_PSS_3072_SHA256   = "PS256"
    RSA_SIGN_PSS_4096_SHA256   = "PS256"
    RSA_SIGN_PSS_4096_SHA512   = "PS512"
  }
}
