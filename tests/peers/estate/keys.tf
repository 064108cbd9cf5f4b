resource "aws_kms_key" "data" {
  description             = "What customers have given us"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = local.own_key_policy
}

resource "aws_kms_key" "payments" {
  description             = "Payments, since before keys were rotated"
  enable_key_rotation     = false
  deletion_window_in_days = 30
  policy                  = local.own_key_policy
}

# A key for signatures cannot be rotated.
resource "aws_kms_key" "signing" {
  description              = "Signs invoices"
  customer_master_key_spec = "RSA_2048"
  key_usage                = "SIGN_VERIFY"
  deletion_window_in_days  = 30
  policy                   = local.own_key_policy
}

resource "aws_kms_key" "shared" {
  description             = "Shared with a partner, and with everybody else"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Partner"
      Effect    = "Allow"
      Principal = { AWS = "*" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

# Everybody within the account alone.
resource "aws_kms_key" "team" {
  description             = "For every role of the account"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Team"
      Effect    = "Allow"
      Principal = { AWS = "*" }
      Action    = "kms:*"
      Resource  = "*"
      Condition = { StringEquals = { "kms:CallerAccount" = data.aws_caller_identity.me.account_id } }
    }]
  })
}

resource "aws_secretsmanager_secret" "database" {
  name       = "shop/database"
  kms_key_id = aws_kms_key.data.arn
}

resource "aws_secretsmanager_secret" "mail" {
  name       = "shop/mail"
  kms_key_id = aws_kms_key.data.arn
}

resource "aws_secretsmanager_secret" "partner" {
  name       = "shop/partner"
  kms_key_id = aws_kms_key.data.arn
}

resource "aws_secretsmanager_secret_policy" "partner" {
  secret_arn = aws_secretsmanager_secret.partner.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = "*"
      Action    = "secretsmanager:GetSecretValue"
      Resource  = "*"
    }]
  })
}
