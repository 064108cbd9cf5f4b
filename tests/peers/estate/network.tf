# The network that came with the account, emptied as CIS asks.
resource "aws_default_vpc" "default" {}

resource "aws_flow_log" "default" {
  vpc_id               = aws_default_vpc.default.id
  traffic_type         = "REJECT"
  log_destination_type = "s3"
  log_destination      = aws_s3_bucket.logs.arn
}

resource "aws_default_security_group" "default" { vpc_id = aws_default_vpc.default.id }

resource "aws_vpc" "shop" {
  cidr_block           = "10.10.0.0/16"
  enable_dns_hostnames = true
  tags                 = { Name = "shop" }
}

resource "aws_flow_log" "shop" {
  vpc_id               = aws_vpc.shop.id
  traffic_type         = "ALL"
  log_destination_type = "s3"
  log_destination      = aws_s3_bucket.logs.arn
}

resource "aws_default_security_group" "shop" { vpc_id = aws_vpc.shop.id }

# A second network, made in a hurry.
resource "aws_vpc" "lab" {
  cidr_block = "10.20.0.0/16"
  tags       = { Name = "lab" }
}

resource "aws_default_security_group" "lab" {
  vpc_id = aws_vpc.lab.id
  ingress {
    protocol  = "-1"
    self      = true
    from_port = 0
    to_port   = 0
  }
  egress {
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_subnet" "public_a" {
  vpc_id                  = aws_vpc.shop.id
  cidr_block              = "10.10.0.0/24"
  availability_zone       = "us-east-1a"
  map_public_ip_on_launch = true
}

resource "aws_subnet" "private_a" {
  vpc_id            = aws_vpc.shop.id
  cidr_block        = "10.10.10.0/24"
  availability_zone = "us-east-1a"
}

resource "aws_subnet" "private_b" {
  vpc_id            = aws_vpc.shop.id
  cidr_block        = "10.10.11.0/24"
  availability_zone = "us-east-1b"
}

resource "aws_security_group" "bastion" {
  name        = "bastion"
  description = "SSH for administrators, from anywhere"
  vpc_id      = aws_vpc.shop.id
  ingress {
    description = "SSH"
    protocol    = "tcp"
    from_port   = 22
    to_port     = 22
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group" "office" {
  name        = "office"
  description = "SSH and remote desktops from the office"
  vpc_id      = aws_vpc.shop.id
  ingress {
    description = "SSH"
    protocol    = "tcp"
    from_port   = 22
    to_port     = 22
    cidr_blocks = ["203.0.113.0/24"]
  }
  ingress {
    description = "Remote desktops"
    protocol    = "tcp"
    from_port   = 3389
    to_port     = 3389
    cidr_blocks = ["203.0.113.0/24"]
  }
}

# As rules of their own, and over IPv6 alone.
resource "aws_security_group" "desktops" {
  name        = "desktops"
  description = "Remote desktops"
  vpc_id      = aws_vpc.shop.id
}

resource "aws_vpc_security_group_ingress_rule" "desktops" {
  security_group_id = aws_security_group.desktops.id
  description       = "Remote desktops"
  ip_protocol       = "tcp"
  from_port         = 3389
  to_port           = 3389
  cidr_ipv6         = "::/0"
}

# A range that has SSH in the midst of it.
resource "aws_security_group" "legacy" {
  name        = "legacy"
  description = "What the old shop listened on"
  vpc_id      = aws_vpc.shop.id
  ingress {
    description = "All of the old services"
    protocol    = "tcp"
    from_port   = 20
    to_port     = 25
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group" "lab" {
  name        = "lab"
  description = "Everything, to try things"
  vpc_id      = aws_vpc.lab.id
  ingress {
    description = "Everything"
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group" "web" {
  name        = "web"
  description = "The shop's own door"
  vpc_id      = aws_vpc.shop.id
  ingress {
    description = "HTTPS"
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group" "database" {
  name        = "database"
  description = "Databases, from the shop's machines"
  vpc_id      = aws_vpc.shop.id
  ingress {
    description     = "PostgreSQL"
    protocol        = "tcp"
    from_port       = 5432
    to_port         = 5432
    security_groups = [aws_security_group.web.id]
  }
}

resource "aws_security_group" "reports" {
  name        = "reports"
  description = "A database for those who make reports"
  vpc_id      = aws_vpc.shop.id
  ingress {
    description = "MySQL"
    protocol    = "tcp"
    from_port   = 3306
    to_port     = 3306
    cidr_blocks = ["0.0.0.0/0"]
  }
}
