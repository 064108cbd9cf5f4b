# The account of a shop that has grown for some years: each thing that is wrong here stands beside one that looks like it
# and is right. `truth.toml` names what is wrong.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

provider "aws" {
  region = "us-east-1"
}

data "aws_caller_identity" "me" {}

locals {
  account = data.aws_caller_identity.me.account_id
  # What lets the account's own administrators manage a key, and nobody else.
  own_key_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Administration"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}
