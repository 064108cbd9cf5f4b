resource "aws_cloudwatch_log_group" "trail" {
  name              = "trail"
  retention_in_days = 400
  kms_key_id        = aws_kms_key.data.arn
}

resource "aws_cloudwatch_log_group" "shop" {
  name              = "shop"
  retention_in_days = 7
}

# One alone, which does not record: the emulator tells of all trails whichever is asked for, and cannot start one by its
# ARN; Terraform does both.
resource "aws_cloudtrail" "account" {
  name                          = "account"
  s3_bucket_name                = aws_s3_bucket.releases.id
  is_multi_region_trail         = true
  enable_logging                = false
  include_global_service_events = true
  enable_log_file_validation    = false
  kms_key_id                    = aws_kms_key.data.arn
  cloud_watch_logs_group_arn    = "${aws_cloudwatch_log_group.trail.arn}:*"
  cloud_watch_logs_role_arn     = aws_iam_role.trail.arn
}
