# What a variable must not be. Each run says which one refuses.

mock_provider "archive" {}

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}

variables {
  project_id = "acme-auth"
  region     = "europe-west1"
}

run "a_projects_number_is_no_id" {
  command = plan
  variables {
    project_id = "123456789012"
  }
  expect_failures = [var.project_id]
}

run "a_zone_is_no_region" {
  command = plan
  variables {
    region = "europe-west1-b"
  }
  expect_failures = [var.region]
}

run "a_name_that_is_too_short" {
  command = plan
  variables {
    name = "auth"
  }
  expect_failures = [var.name]
}

run "a_name_that_leaves_no_room_for_accounts" {
  command = plan
  variables {
    name = "countersign-of-all-acme-x"
  }
  expect_failures = [var.name]
}

run "a_name_in_capitals" {
  command = plan
  variables {
    name = "Countersign"
  }
  expect_failures = [var.name]
}

run "more_warm_instances_than_instances" {
  command = plan
  variables {
    min_instances = 2
  }
  expect_failures = [var.min_instances]
}

run "half_an_instance" {
  command = plan
  variables {
    min_instances = 0.5
  }
  expect_failures = [var.min_instances]
}

run "no_instance" {
  command = plan
  variables {
    max_instances = 0
  }
  expect_failures = [var.max_instances]
}

run "several_instances_without_a_common_memory" {
  command = plan
  variables {
    max_instances = 2
  }
  expect_failures = [var.max_instances]
}

run "an_ingress_that_does_not_exist" {
  command = plan
  variables {
    ingress = "ALLOW_SOME"
  }
  expect_failures = [var.ingress]
}

run "an_ingress_for_a_load_balancer_without_one" {
  command = plan
  variables {
    ingress = "ALLOW_INTERNAL_AND_GCLB"
  }
  expect_failures = [var.ingress]
}

run "a_way_round_the_load_balancer" {
  command = plan
  variables {
    ingress       = "ALLOW_ALL"
    load_balancer = { domain = "auth.example.com" }
  }
  expect_failures = [var.ingress]
}

run "invokers_that_are_no_members" {
  command = plan
  variables {
    invokers = ["everybody"]
  }
  expect_failures = [var.invokers]
}

run "a_connector_by_its_last_name" {
  command = plan
  variables {
    vpc_connector = "inside"
  }
  expect_failures = [var.vpc_connector]
}

run "secrets_by_their_full_names" {
  command = plan
  variables {
    secrets = ["projects/acme-auth/secrets/warehouse"]
  }
  expect_failures = [var.secrets]
}

run "a_snapshot_by_its_full_name" {
  command = plan
  variables {
    trust_snapshot = "projects/acme-auth/secrets/snapshot"
  }
  expect_failures = [var.trust_snapshot]
}

run "secrets_in_a_continent" {
  command = plan
  variables {
    secret_locations = ["europe"]
  }
  expect_failures = [var.secret_locations]
}

run "secrets_twice_in_a_place" {
  command = plan
  variables {
    secret_locations = ["europe-west1", "europe-west1"]
  }
  expect_failures = [var.secret_locations]
}

run "no_rotation" {
  command = plan
  variables {
    rotation_period_days = 0
  }
  expect_failures = [var.rotation_period_days]
}

run "an_algorithm_that_is_not_signed_with" {
  command = plan
  variables {
    kms = { algorithm = "RSA_SIGN_RAW_PKCS1_2048" }
  }
  expect_failures = [var.kms]
}

run "keys_outside_of_kms" {
  command = plan
  variables {
    kms = { protection_level = "EXTERNAL" }
  }
  expect_failures = [var.kms]
}

run "a_url_for_a_domain" {
  command = plan
  variables {
    load_balancer = { domain = "https://auth.example.com" }
  }
  expect_failures = [var.load_balancer]
}

run "a_rate_limit_that_stops_everybody" {
  command = plan
  variables {
    load_balancer = { domain = "auth.example.com", rate_limit = 0 }
  }
  expect_failures = [var.load_balancer]
}

run "mutual_tls_that_trusts_nobody" {
  command = plan
  variables {
    load_balancer = { domain = "auth.example.com", mutual_tls = { trust_anchors = [] } }
  }
  expect_failures = [var.load_balancer]
}

run "a_trust_anchor_that_is_a_file_name" {
  command = plan
  variables {
    load_balancer = { domain = "auth.example.com", mutual_tls = { trust_anchors = ["ca.pem"] } }
  }
  expect_failures = [var.load_balancer]
}

run "a_private_key_among_the_certificates" {
  command = plan
  variables {
    load_balancer = { domain = "auth.example.com", mutual_tls = { trust_anchors = ["-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----"] } }
  }
  expect_failures = [var.load_balancer]
}

run "a_jwk_set_apart_from_its_issuer" {
  command = plan
  variables {
    jwks_apart = true
  }
  expect_failures = [var.jwks_apart]
}

run "a_channel_that_is_an_address" {
  command = plan
  variables {
    notification_channels = ["on-call@example.com"]
  }
  expect_failures = [var.notification_channels]
}

run "runbooks_with_a_fragment" {
  command = plan
  variables {
    runbooks = "https://wiki.example.com/runbooks#slow"
  }
  expect_failures = [var.runbooks]
}

run "an_image_without_a_registry" {
  command = plan
  variables {
    prober = { image = "localrun", client_id = "prober", key_secret = "prober-key" }
  }
  expect_failures = [var.prober]
}

run "a_prober_without_a_client" {
  command = plan
  variables {
    prober = { image = "europe-docker.pkg.dev/acme/tools/localrun:1", client_id = "", key_secret = "prober-key" }
  }
  expect_failures = [var.prober]
}

run "a_schedule_that_is_no_cron" {
  command = plan
  variables {
    prober = { image = "europe-docker.pkg.dev/acme/tools/localrun:1", client_id = "prober", key_secret = "prober-key", schedule = "hourly" }
  }
  expect_failures = [var.prober]
}

run "a_prober_that_cannot_get_in" {
  command = plan
  variables {
    ingress = "ALLOW_INTERNAL_ONLY"
    prober  = { image = "europe-docker.pkg.dev/acme/tools/localrun:1", client_id = "prober", key_secret = "prober-key" }
  }
  expect_failures = [var.prober]
}
