# Customers' invoices: everything as it should be.
resource "aws_s3_bucket" "invoices" { bucket = "larkfield-invoices" }

resource "aws_s3_bucket_public_access_block" "invoices" {
  bucket                  = aws_s3_bucket.invoices.id
  block_public_acls       = true
  ignore_public_acls      = true
  block_public_policy     = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "invoices" {
  bucket = aws_s3_bucket.invoices.id
  versioning_configuration { status = "Enabled" }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "invoices" {
  bucket = aws_s3_bucket.invoices.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.data.arn
    }
  }
}

resource "aws_s3_bucket_logging" "invoices" {
  bucket        = aws_s3_bucket.invoices.id
  target_bucket = aws_s3_bucket.logs.id
  target_prefix = "invoices/"
  depends_on    = [aws_s3_bucket_policy.logs]
}

resource "aws_s3_bucket_lifecycle_configuration" "invoices" {
  bucket = aws_s3_bucket.invoices.id
  rule {
    id     = "old"
    status = "Enabled"
    filter {}
    expiration { days = 3650 }
    abort_incomplete_multipart_upload { days_after_initiation = 7 }
  }
}

resource "aws_s3_bucket_policy" "invoices" {
  bucket = aws_s3_bucket.invoices.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TLS"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = ["arn:aws:s3:::larkfield-invoices", "arn:aws:s3:::larkfield-invoices/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

# Where access logs go. Its own accesses are not logged, which would go round and round.
resource "aws_s3_bucket" "logs" { bucket = "larkfield-access-logs" }

resource "aws_s3_bucket_public_access_block" "logs" {
  bucket                  = aws_s3_bucket.logs.id
  block_public_acls       = true
  ignore_public_acls      = true
  block_public_policy     = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "logs" {
  bucket = aws_s3_bucket.logs.id
  versioning_configuration { status = "Suspended" }
}

resource "aws_s3_bucket_lifecycle_configuration" "logs" {
  bucket = aws_s3_bucket.logs.id
  rule {
    id     = "old"
    status = "Enabled"
    filter {}
    expiration { days = 400 }
  }
}

resource "aws_s3_bucket_policy" "logs" {
  bucket = aws_s3_bucket.logs.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Delivery"
        Effect    = "Allow"
        Principal = { Service = "logging.s3.amazonaws.com" }
        Action    = "s3:PutObject"
        Resource  = "arn:aws:s3:::larkfield-access-logs/*"
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
      {
        Sid       = "TLS"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = ["arn:aws:s3:::larkfield-access-logs", "arn:aws:s3:::larkfield-access-logs/*"]
        Condition = { NumericLessThan = { "s3:TlsVersion" = "1.2" } }
      },
    ]
  })
}

# Pictures of the shop: by a policy, anybody may fetch them.
resource "aws_s3_bucket" "pictures" { bucket = "larkfield-pictures" }

resource "aws_s3_bucket_policy" "pictures" {
  bucket = aws_s3_bucket.pictures.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "World"
      Effect    = "Allow"
      Principal = "*"
      Action    = "s3:GetObject"
      Resource  = "arn:aws:s3:::larkfield-pictures/*"
    }]
  })
}

resource "aws_s3_bucket_versioning" "pictures" {
  bucket = aws_s3_bucket.pictures.id
  versioning_configuration { status = "Enabled" }
}

# A drop box from the days of access lists: anybody may read and write.
resource "aws_s3_bucket" "dropbox" { bucket = "larkfield-dropbox" }

resource "aws_s3_bucket_ownership_controls" "dropbox" {
  bucket = aws_s3_bucket.dropbox.id
  rule { object_ownership = "BucketOwnerPreferred" }
}

resource "aws_s3_bucket_public_access_block" "dropbox" {
  bucket                  = aws_s3_bucket.dropbox.id
  block_public_acls       = false
  ignore_public_acls      = false
  block_public_policy     = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_acl" "dropbox" {
  bucket     = aws_s3_bucket.dropbox.id
  acl        = "public-read-write"
  depends_on = [aws_s3_bucket_ownership_controls.dropbox, aws_s3_bucket_public_access_block.dropbox]
}

# Open to everybody, but through the company's endpoint alone.
resource "aws_s3_bucket" "intranet" { bucket = "larkfield-intranet" }

resource "aws_s3_bucket_public_access_block" "intranet" {
  bucket                  = aws_s3_bucket.intranet.id
  block_public_acls       = true
  ignore_public_acls      = true
  block_public_policy     = false
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "intranet" {
  bucket = aws_s3_bucket.intranet.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Endpoint"
        Effect    = "Allow"
        Principal = "*"
        Action    = "s3:GetObject"
        Resource  = "arn:aws:s3:::larkfield-intranet/*"
        Condition = { StringEquals = { "aws:SourceVpce" = "vpce-0a1b2c3d4e5f60718" } }
      },
      {
        Sid       = "TLS"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = ["arn:aws:s3:::larkfield-intranet", "arn:aws:s3:::larkfield-intranet/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
    ]
  })
}

resource "aws_s3_bucket_logging" "intranet" {
  bucket        = aws_s3_bucket.intranet.id
  target_bucket = aws_s3_bucket.logs.id
  target_prefix = "intranet/"
  depends_on    = [aws_s3_bucket_policy.logs]
}

resource "aws_s3_bucket_versioning" "intranet" {
  bucket = aws_s3_bucket.intranet.id
  versioning_configuration { status = "Enabled" }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "intranet" {
  bucket = aws_s3_bucket.intranet.id
  rule {
    apply_server_side_encryption_by_default { sse_algorithm = "AES256" }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "intranet" {
  bucket = aws_s3_bucket.intranet.id
  rule {
    id     = "off"
    status = "Disabled"
    filter {}
    expiration { days = 30 }
  }
}

# What functions are made of.
resource "aws_s3_bucket" "releases" { bucket = "larkfield-releases" }

resource "aws_s3_bucket_public_access_block" "releases" {
  bucket                  = aws_s3_bucket.releases.id
  block_public_acls       = true
  ignore_public_acls      = true
  block_public_policy     = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "releases" {
  bucket = aws_s3_bucket.releases.id
  versioning_configuration { status = "Enabled" }
}

# Files that several machines share.
resource "aws_efs_file_system" "orders" {
  creation_token = "orders"
  encrypted      = true
  kms_key_id     = aws_kms_key.data.arn
}

resource "aws_efs_file_system" "scratch" {
  creation_token = "scratch"
  encrypted      = false
}

resource "aws_ecr_repository" "shop" {
  name                 = "shop"
  image_tag_mutability = "IMMUTABLE"
  image_scanning_configuration { scan_on_push = true }
  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.data.arn
  }
}

resource "aws_ecr_lifecycle_policy" "shop" {
  repository = aws_ecr_repository.shop.name
  policy = jsonencode({
    rules = [{
      rulePriority = 1
      selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 14 }
      action       = { type = "expire" }
    }]
  })
}

resource "aws_ecr_repository" "tools" {
  name                 = "tools"
  image_tag_mutability = "MUTABLE"
  image_scanning_configuration { scan_on_push = false }
}

resource "aws_ecr_repository_policy" "tools" {
  repository = aws_ecr_repository.tools.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "World"
      Effect    = "Allow"
      Principal = "*"
      Action    = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    }]
  })
}

# Shared with one other account, which is not everybody.
resource "aws_ecr_repository" "partner" {
  name                 = "partner"
  image_tag_mutability = "IMMUTABLE"
  image_scanning_configuration { scan_on_push = true }
}

resource "aws_ecr_repository_policy" "partner" {
  repository = aws_ecr_repository.partner.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Partner"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${local.account}:root" }
      Action    = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    }]
  })
}
