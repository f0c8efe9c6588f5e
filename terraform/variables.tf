# What a deployment has to say, first, and then what it can leave out.

variable "project_id" {
  description = "ID of the project in which everything is made."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id is the ID of a project (acme-auth), neither its name nor its number."
  }
}

variable "region" {
  description = "Region of the functions, the upload, the keys in Cloud KMS and the Firestore database."
  type        = string
  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region is one region, such as europe-west1."
  }
}

variable "name" {
  description = "Name of the function, and what all other names begin with. It is part of the Issuer where there is no load balancer."
  type        = string
  default     = "countersign"
  nullable    = false
  validation {
    # A service account's ID has 30 characters at most, and the longest of ours ends with seven more (-prober).
    condition     = can(regex("^[a-z][a-z0-9-]{4,21}[a-z0-9]$", var.name))
    error_message = "name has 6 to 23 lower-case letters, digits and hyphens, begins with a letter and does not end with a hyphen."
  }
}

variable "min_instances" {
  description = "Instances that are kept warm. 0 scales to zero; 1 spares clients the cold start."
  type        = number
  default     = 0
  nullable    = false
  validation {
    condition     = var.min_instances >= 0 && floor(var.min_instances) == var.min_instances && var.min_instances <= var.max_instances
    error_message = "min_instances is a whole number from 0 to max_instances."
  }
}

variable "max_instances" {
  description = "Instances at most. More than one need firestore: by itself each remembers only the assertions that it has seen."
  type        = number
  default     = 1
  nullable    = false
  validation {
    condition     = var.max_instances >= 1 && var.max_instances <= 1000 && floor(var.max_instances) == var.max_instances
    error_message = "max_instances is a whole number from 1 to 1000."
  }
  validation {
    condition     = var.max_instances <= 1 || var.firestore
    error_message = "Several instances have to share one memory of used assertions: set firestore = true, or max_instances = 1."
  }
}

variable "ingress" {
  description = "Who reaches the function at its run.app address: ALLOW_ALL, ALLOW_INTERNAL_ONLY or ALLOW_INTERNAL_AND_GCLB. Unset: everybody, or with a load balancer that and what is inside the project's networks."
  type        = string
  default     = null
  validation {
    condition     = var.ingress == null || contains(["ALLOW_ALL", "ALLOW_INTERNAL_ONLY", "ALLOW_INTERNAL_AND_GCLB"], coalesce(var.ingress, "-"))
    error_message = "ingress is ALLOW_ALL, ALLOW_INTERNAL_ONLY or ALLOW_INTERNAL_AND_GCLB."
  }
  validation {
    # Whoever goes round the load balancer goes round its rate limits, and could write Client-Cert himself.
    condition     = (coalesce(var.ingress, "-") == "ALLOW_INTERNAL_AND_GCLB") == (var.load_balancer != null) || var.ingress == null
    error_message = "With load_balancer the ingress is ALLOW_INTERNAL_AND_GCLB, and without it one of the others."
  }
}

variable "invokers" {
  description = "Who may call the function at all, as members of IAM. Clients authenticate to Countersign and not to Google, so that is everybody; where a policy of the organisation forbids allUsers, deploying.md says what to do."
  type        = set(string)
  default     = ["allUsers"]
  nullable    = false
  validation {
    condition     = alltrue([for member in var.invokers : can(regex("^(allUsers|allAuthenticatedUsers|(user|group|serviceAccount|domain|principal|principalSet):.+)$", member))])
    error_message = "invokers are members of IAM: allUsers, or such as group:clients@example.com."
  }
}

variable "vpc_connector" {
  description = "Serverless VPC Access connector, for keys of others that are published inside your network (private_network). It carries traffic to private addresses alone."
  type        = string
  default     = null
  validation {
    condition     = var.vpc_connector == null || can(regex("^projects/[^/]+/locations/[^/]+/connectors/[^/]+$", coalesce(var.vpc_connector, "-")))
    error_message = "vpc_connector is projects/P/locations/L/connectors/C."
  }
}

variable "secrets" {
  description = "IDs of the other secrets of this project that the configuration names: keys and shared secrets of clients, the stop list, nonces, opaque tokens. They exist already; the function gets the right to read them, and no other."
  type        = set(string)
  default     = []
  nullable    = false
  validation {
    condition     = alltrue([for id in var.secrets : can(regex("^[A-Za-z0-9_-]{1,255}$", id))])
    error_message = "secrets are the IDs of secrets, without projects/…/secrets/."
  }
}

variable "trust_snapshot" {
  description = "ID of the secret with the keys of others to begin with (localrun trust snapshot), so that a cold start depends on nobody."
  type        = string
  default     = null
  validation {
    condition     = var.trust_snapshot == null || can(regex("^[A-Za-z0-9_-]{1,255}$", coalesce(var.trust_snapshot, "-/-")))
    error_message = "trust_snapshot is the ID of a secret, without projects/…/secrets/."
  }
}

variable "secret_locations" {
  description = "Regions in which the secrets are kept. Empty: Google chooses (automatic replication)."
  type        = list(string)
  default     = []
  nullable    = false
  validation {
    condition     = alltrue([for region in var.secret_locations : can(regex("^[a-z]+-[a-z]+[0-9]+$", region))]) && length(distinct(var.secret_locations)) == length(var.secret_locations)
    error_message = "secret_locations are regions, such as europe-west1, each once."
  }
}

variable "rotation_period_days" {
  description = "After how many days Secret Manager asks for a new signing key. Without effect on keys in Cloud KMS."
  type        = number
  default     = 90
  nullable    = false
  validation {
    condition     = var.rotation_period_days >= 1 && var.rotation_period_days <= 730 && floor(var.rotation_period_days) == var.rotation_period_days
    error_message = "rotation_period_days is a whole number from 1 to 730."
  }
}

variable "kms" {
  description = "Sign with a key in Cloud KMS instead of one in Secret Manager: it never leaves there, each token costs a call, and Cloud KMS does not rotate it by itself."
  type = object({
    algorithm        = optional(string, "EC_SIGN_P256_SHA256")
    protection_level = optional(string, "SOFTWARE")
  })
  default = null
  validation {
    condition     = var.kms == null || contains(keys(local.kms_algorithms), try(var.kms.algorithm, "-"))
    error_message = "kms.algorithm is one that Countersign signs with: ${join(", ", keys(local.kms_algorithms))}."
  }
  validation {
    condition     = var.kms == null || contains(["SOFTWARE", "HSM"], try(var.kms.protection_level, "-"))
    error_message = "kms.protection_level is SOFTWARE or HSM."
  }
}

variable "firestore" {
  description = "Share the memory of used assertions and revoked tokens in a Firestore database. Several instances need it."
  type        = bool
  default     = false
  nullable    = false
}

variable "load_balancer" {
  description = <<-E
    A global external Application Load Balancer with a domain of your own in front.
    domain: its name, and so the Issuer. rate_limit: requests a minute from one address. mutual_tls: ask clients for
    certificates. trust_anchors and intermediate_cas are PEM; allowed_certificates are those, also PEM, that are taken
    without a chain (self_signed_tls_client_auth).
  E
  type = object({
    domain     = string
    rate_limit = optional(number, 600)
    mutual_tls = optional(object({
      trust_anchors        = list(string)
      intermediate_cas     = optional(list(string), [])
      allowed_certificates = optional(list(string), [])
    }))
  })
  default = null
  validation {
    condition     = var.load_balancer == null || can(regex("^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+[a-z]{2,}$", try(var.load_balancer.domain, "-")))
    error_message = "load_balancer.domain is the name of a host, such as auth.example.com: without https:// and without a path."
  }
  validation {
    condition     = var.load_balancer == null || try(var.load_balancer.rate_limit >= 10 && var.load_balancer.rate_limit <= 100000 && floor(var.load_balancer.rate_limit) == var.load_balancer.rate_limit, false)
    error_message = "load_balancer.rate_limit is a whole number of requests a minute, from 10 to 100000."
  }
  validation {
    condition = try(var.load_balancer.mutual_tls, null) == null || try(length(var.load_balancer.mutual_tls.trust_anchors) + length(var.load_balancer.mutual_tls.allowed_certificates), 0) > 0 && alltrue([
      for pem in try(concat(var.load_balancer.mutual_tls.trust_anchors, var.load_balancer.mutual_tls.intermediate_cas, var.load_balancer.mutual_tls.allowed_certificates), []) :
      startswith(trimspace(pem), "-----BEGIN CERTIFICATE-----") && !strcontains(pem, "PRIVATE KEY")
    ])
    error_message = "load_balancer.mutual_tls has at least one certificate in trust_anchors or allowed_certificates, and all of them are PEM certificates, without private keys."
  }
}

variable "jwks_apart" {
  description = "Serve /.well-known/jwks.json from a function of its own, which has no access to private keys and answers whatever happens to the token endpoint. Needs the load balancer, which brings the two to one Issuer."
  type        = bool
  default     = false
  nullable    = false
  validation {
    condition     = !var.jwks_apart || var.load_balancer != null
    error_message = "jwks_apart needs load_balancer: without it the JWK Set would be at another address than the Issuer's metadata say."
  }
}

variable "notification_channels" {
  description = "Whom the alerts go to: projects/P/notificationChannels/N of Cloud Monitoring. Empty: incidents are opened, and nobody is told."
  type        = list(string)
  default     = []
  nullable    = false
  validation {
    condition     = alltrue([for channel in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", channel))])
    error_message = "notification_channels are projects/P/notificationChannels/N."
  }
}

variable "runbooks" {
  description = "Address of docs/operations/runbooks.md as whoever is on call can open it. Each alert links to its section."
  type        = string
  default     = "https://example.com/countersign/docs/operations/runbooks.md"
  nullable    = false
  validation {
    condition     = can(regex("^https://[^#\\s]+$", var.runbooks))
    error_message = "runbooks is an https URL without a fragment: that of the section is appended."
  }
}

variable "prober" {
  description = <<-E
    Ask the endpoint on a schedule for what it must give and for what it must refuse.
    image: a container image whose entry point is localrun. client_id: a client of the configuration with
    private_key_jwt. key_secret: ID of the secret with its private key; it exists and has a version. schedule: cron.
  E
  type = object({
    image      = string
    client_id  = string
    key_secret = string
    schedule   = optional(string, "*/10 * * * *")
  })
  default = null
  validation {
    condition     = var.prober == null || can(regex("^[a-z0-9.-]+/[^\\s]+[:@][^\\s]+$", try(var.prober.image, "-")))
    error_message = "prober.image is an image with its registry and a tag or digest."
  }
  validation {
    condition     = var.prober == null || try(length(var.prober.client_id) > 0 && can(regex("^[A-Za-z0-9_-]{1,255}$", var.prober.key_secret)), false)
    error_message = "prober.client_id is not empty, and prober.key_secret is the ID of a secret, without projects/…/secrets/."
  }
  validation {
    condition     = var.prober == null || can(regex("^\\S+ \\S+ \\S+ \\S+ \\S+$", try(var.prober.schedule, "-")))
    error_message = "prober.schedule has the five fields of cron."
  }
  validation {
    condition     = var.prober == null || coalesce(var.ingress, "-") != "ALLOW_INTERNAL_ONLY"
    error_message = "The prober comes from outside, so ingress cannot be ALLOW_INTERNAL_ONLY."
  }
}
