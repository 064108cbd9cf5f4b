resource "aws_db_subnet_group" "shop" {
  name       = "shop"
  subnet_ids = [aws_subnet.private_a.id, aws_subnet.private_b.id]
}

# One alone: the emulator gives all instances the same resource id, by which Terraform looks for them.
resource "aws_db_instance" "reports" {
  identifier                 = "reports"
  engine                     = "mysql"
  engine_version             = "8.0.36"
  instance_class             = "db.t3.small"
  allocated_storage          = 50
  username                   = "admin"
  password                   = "a-password-of-the-estate"
  db_subnet_group_name       = aws_db_subnet_group.shop.name
  vpc_security_group_ids     = [aws_security_group.reports.id]
  storage_encrypted          = false
  publicly_accessible        = true
  multi_az                   = false
  deletion_protection        = false
  backup_retention_period    = 0
  auto_minor_version_upgrade = false
  skip_final_snapshot        = true
}

# Aurora keeps copies in several zones by itself; its instances have what their cluster has.
resource "aws_rds_cluster" "catalogue" {
  cluster_identifier                  = "catalogue"
  engine                              = "aurora-postgresql"
  engine_version                      = "16.3"
  master_username                     = "catalogue_owner"
  manage_master_user_password         = true
  db_subnet_group_name                = aws_db_subnet_group.shop.name
  vpc_security_group_ids              = [aws_security_group.database.id]
  storage_encrypted                   = true
  kms_key_id                          = aws_kms_key.data.arn
  deletion_protection                 = true
  backup_retention_period             = 14
  iam_database_authentication_enabled = true
  copy_tags_to_snapshot               = true
  enabled_cloudwatch_logs_exports     = ["postgresql"]
  skip_final_snapshot                 = true
}

resource "aws_rds_cluster" "archive" {
  cluster_identifier      = "archive"
  engine                  = "aurora-mysql"
  engine_version          = "8.0.mysql_aurora.3.04.1"
  master_username         = "admin"
  master_password         = "a-password-of-the-estate"
  db_subnet_group_name    = aws_db_subnet_group.shop.name
  storage_encrypted       = false
  deletion_protection     = false
  backup_retention_period = 1
  skip_final_snapshot     = true
}

resource "aws_dynamodb_table" "carts" {
  name                        = "carts"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "id"
  deletion_protection_enabled = true
  attribute {
    name = "id"
    type = "S"
  }
  point_in_time_recovery { enabled = true }
  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.data.arn
  }
}

resource "aws_dynamodb_table" "sessions" {
  name         = "sessions"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "id"
  attribute {
    name = "id"
    type = "S"
  }
}

resource "aws_sqs_queue" "orders" {
  name                              = "orders"
  kms_master_key_id                 = aws_kms_key.data.arn
  kms_data_key_reuse_period_seconds = 300
}

# Encrypted with a key of the service's own.
resource "aws_sqs_queue" "mail" {
  name                    = "mail"
  sqs_managed_sse_enabled = true
}

resource "aws_sqs_queue" "intake" {
  name                    = "intake"
  sqs_managed_sse_enabled = false
}

resource "aws_sqs_queue_policy" "intake" {
  queue_url = aws_sqs_queue.intake.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = "*"
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.intake.arn
    }]
  })
}

# Everybody, but in the name of one topic alone.
resource "aws_sqs_queue_policy" "mail" {
  queue_url = aws_sqs_queue.mail.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = "*"
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.mail.arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_sns_topic.orders.arn } }
    }]
  })
}

resource "aws_sns_topic" "orders" {
  name              = "orders"
  kms_master_key_id = aws_kms_key.data.arn
}

resource "aws_sns_topic" "news" { name = "news" }

resource "aws_sns_topic_policy" "news" {
  arn = aws_sns_topic.news.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "*" }
      Action    = ["sns:Publish", "sns:Subscribe"]
      Resource  = aws_sns_topic.news.arn
    }]
  })
}
