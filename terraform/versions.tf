# From 6.50, the last of the 6 series, to before 8: every argument that is used here is in both. Version 1.9 of Terraform
# is the first in which the validation of one variable can look at another.
terraform {
  required_version = ">= 1.9.0"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50.0, < 8.0.0"
    }
    archive = {
      source  = "hashicorp/archive"
      version = ">= 2.7.0, < 3.0.0"
    }
  }
}
