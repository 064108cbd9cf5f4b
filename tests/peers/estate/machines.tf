resource "aws_iam_instance_profile" "web" {
  name = "web"
  role = aws_iam_role.web.name
}

resource "aws_instance" "web" {
  ami                         = "ami-12c6146b"
  instance_type               = "t3.small"
  subnet_id                   = aws_subnet.private_a.id
  vpc_security_group_ids      = [aws_security_group.web.id]
  iam_instance_profile        = aws_iam_instance_profile.web.name
  associate_public_ip_address = false
  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "required"
  }
  root_block_device {
    encrypted   = true
    volume_size = 20
  }
}

resource "aws_instance" "bastion" {
  ami                         = "ami-12c6146b"
  instance_type               = "t3.micro"
  subnet_id                   = aws_subnet.public_a.id
  vpc_security_group_ids      = [aws_security_group.bastion.id]
  associate_public_ip_address = true
  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "optional"
  }
  root_block_device {
    encrypted   = false
    volume_size = 20
  }
}

# No metadata at all, so there is nothing to be asked for without a token.
resource "aws_instance" "batch" {
  ami                    = "ami-12c6146b"
  instance_type          = "t3.micro"
  subnet_id              = aws_subnet.private_b.id
  vpc_security_group_ids = [aws_security_group.office.id]
  iam_instance_profile   = aws_iam_instance_profile.web.name
  metadata_options {
    http_endpoint = "disabled"
    http_tokens   = "optional"
  }
  root_block_device {
    encrypted   = true
    volume_size = 20
  }
}

resource "aws_launch_template" "shop" {
  name          = "shop"
  image_id      = "ami-12c6146b"
  instance_type = "t3.small"
  metadata_options {
    http_endpoint = "enabled"
    http_tokens   = "required"
  }
}

resource "aws_launch_template" "old" {
  name          = "old-shop"
  image_id      = "ami-12c6146b"
  instance_type = "t3.small"
  network_interfaces { associate_public_ip_address = true }
}

resource "aws_ebs_volume" "orders" {
  availability_zone = "us-east-1a"
  size              = 50
  encrypted         = true
  kms_key_id        = aws_kms_key.data.arn
}

resource "aws_ebs_volume" "scratch" {
  availability_zone = "us-east-1a"
  size              = 20
  encrypted         = false
}

resource "aws_ebs_snapshot" "orders" { volume_id = aws_ebs_volume.orders.id }

resource "aws_ebs_snapshot" "scratch" { volume_id = aws_ebs_volume.scratch.id }

resource "aws_ebs_encryption_by_default" "account" { enabled = false }

resource "aws_ami" "golden" {
  name                = "golden"
  virtualization_type = "hvm"
  root_device_name    = "/dev/xvda"
  ebs_block_device {
    device_name = "/dev/xvda"
    snapshot_id = aws_ebs_snapshot.orders.id
    volume_size = 50
  }
}

resource "aws_ami" "published" {
  name                = "published"
  virtualization_type = "hvm"
  root_device_name    = "/dev/xvda"
  ebs_block_device {
    device_name = "/dev/xvda"
    snapshot_id = aws_ebs_snapshot.orders.id
    volume_size = 50
  }
}

resource "aws_ami_launch_permission" "published" {
  image_id = aws_ami.published.id
  group    = "all"
}

resource "aws_lb" "shop" {
  name                       = "shop"
  subnets                    = [aws_subnet.private_a.id, aws_subnet.private_b.id]
  security_groups            = [aws_security_group.web.id]
  internal                   = true
  enable_deletion_protection = true
  drop_invalid_header_fields = true
  access_logs {
    bucket  = aws_s3_bucket.logs.id
    enabled = true
  }
}

resource "aws_lb" "campaign" {
  name               = "campaign"
  subnets            = [aws_subnet.private_a.id, aws_subnet.private_b.id]
  security_groups    = [aws_security_group.web.id]
  internal           = false
  load_balancer_type = "application"
}

resource "aws_lb_target_group" "shop" {
  name     = "shop"
  port     = 8443
  protocol = "HTTPS"
  vpc_id   = aws_vpc.shop.id
}

# Answers nothing but where TLS is.
resource "aws_lb_listener" "shop" {
  load_balancer_arn = aws_lb.shop.arn
  port              = 80
  protocol          = "HTTP"
  default_action {
    type = "redirect"
    redirect {
      port        = "443"
      protocol    = "HTTPS"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_lb_listener" "campaign" {
  load_balancer_arn = aws_lb.campaign.arn
  port              = 80
  protocol          = "HTTP"
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.shop.arn
  }
}
