resource "aws_s3_object" "code" {
  bucket = aws_s3_bucket.releases.id
  key    = "functions/code.zip"
  # A zip archive with nothing in it.
  content_base64 = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="
}

resource "aws_lambda_function" "rotate" {
  function_name = "rotate"
  role          = aws_iam_role.functions.arn
  runtime       = "python3.13"
  handler       = "main.handle"
  s3_bucket     = aws_s3_bucket.releases.id
  s3_key        = aws_s3_object.code.key
  kms_key_arn   = aws_kms_key.data.arn
  tracing_config { mode = "Active" }
  vpc_config {
    subnet_ids         = [aws_subnet.private_a.id, aws_subnet.private_b.id]
    security_group_ids = [aws_security_group.database.id]
  }
}

# Called by a topic and by nobody else, though the permission names a service.
resource "aws_lambda_permission" "rotate" {
  function_name  = aws_lambda_function.rotate.function_name
  statement_id   = "secrets"
  action         = "lambda:InvokeFunction"
  principal      = "secretsmanager.amazonaws.com"
  source_account = local.account
}

resource "aws_lambda_function" "thumbnails" {
  function_name = "thumbnails"
  role          = aws_iam_role.functions.arn
  runtime       = "python3.7"
  handler       = "main.handle"
  s3_bucket     = aws_s3_bucket.releases.id
  s3_key        = aws_s3_object.code.key
}

resource "aws_lambda_permission" "thumbnails" {
  function_name = aws_lambda_function.thumbnails.function_name
  statement_id  = "world"
  action        = "lambda:InvokeFunction"
  principal     = "*"
}

resource "aws_lambda_function" "hook" {
  function_name = "hook"
  role          = aws_iam_role.functions.arn
  runtime       = "nodejs22.x"
  handler       = "main.handle"
  s3_bucket     = aws_s3_bucket.releases.id
  s3_key        = aws_s3_object.code.key
  tracing_config { mode = "PassThrough" }
}

resource "aws_lambda_function_url" "hook" {
  function_name      = aws_lambda_function.hook.function_name
  authorization_type = "NONE"
}

resource "aws_lambda_function_url" "rotate" {
  function_name      = aws_lambda_function.rotate.function_name
  authorization_type = "AWS_IAM"
}

resource "aws_ecs_cluster" "shop" {
  name = "shop"
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_cluster" "trial" {
  name = "trial"
  setting {
    name  = "containerInsights"
    value = "disabled"
  }
}

resource "aws_ecs_task_definition" "shop" {
  family             = "shop"
  network_mode       = "awsvpc"
  execution_role_arn = aws_iam_role.clusters.arn
  container_definitions = jsonencode([{
    name                   = "shop"
    image                  = "shop:1"
    memory                 = 256
    essential              = true
    privileged             = false
    readonlyRootFilesystem = true
    user                   = "1000"
    logConfiguration = {
      logDriver = "awslogs"
      options   = { "awslogs-group" = "shop", "awslogs-region" = "us-east-1", "awslogs-stream-prefix" = "shop" }
    }
  }])
}

resource "aws_ecs_task_definition" "agent" {
  family       = "agent"
  network_mode = "host"
  container_definitions = jsonencode([{
    name                   = "agent"
    image                  = "agent:1"
    memory                 = 256
    essential              = true
    privileged             = true
    readonlyRootFilesystem = false
    user                   = "root"
  }])
}

resource "aws_ecs_service" "shop" {
  name            = "shop"
  cluster         = aws_ecs_cluster.shop.id
  task_definition = aws_ecs_task_definition.shop.arn
  desired_count   = 1
  launch_type     = "FARGATE"
  network_configuration {
    subnets          = [aws_subnet.private_a.id]
    security_groups  = [aws_security_group.web.id]
    assign_public_ip = false
  }
}

resource "aws_ecs_service" "agent" {
  name            = "agent"
  cluster         = aws_ecs_cluster.trial.id
  task_definition = aws_ecs_task_definition.agent.arn
  desired_count   = 1
  launch_type     = "FARGATE"
  network_configuration {
    subnets          = [aws_subnet.public_a.id]
    security_groups  = [aws_security_group.web.id]
    assign_public_ip = true
  }
}

resource "aws_eks_cluster" "shop" {
  name                      = "shop"
  role_arn                  = aws_iam_role.clusters.arn
  version                   = "1.33"
  enabled_cluster_log_types = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
  vpc_config {
    subnet_ids              = [aws_subnet.private_a.id, aws_subnet.private_b.id]
    endpoint_private_access = true
    endpoint_public_access  = false
  }
  encryption_config {
    resources = ["secrets"]
    provider { key_arn = aws_kms_key.data.arn }
  }
}

resource "aws_eks_cluster" "trial" {
  name     = "trial"
  role_arn = aws_iam_role.clusters.arn
  version  = "1.33"
  vpc_config {
    subnet_ids             = [aws_subnet.private_a.id, aws_subnet.private_b.id]
    endpoint_public_access = true
    public_access_cidrs    = ["0.0.0.0/0"]
  }
}
