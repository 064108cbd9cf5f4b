//! Where each service is asked, and what its resources are called.
//!
//! A partition is a part of AWS with accounts, credentials and names of its own.

/// A partition of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partition {
    /// The commercial regions.
    Aws,
    /// `GovCloud`.
    UsGov,
}

impl Partition {
    /// Tells the partition of a region. The error completes a sentence about the region.
    pub fn of(region: &str) -> Result<Self, &'static str> {
        if !is_region(region) {
            return Err("is not a region such as `us-east-1`");
        }
        if ["cn-", "eusc-", "us-iso"].iter().any(|prefix| region.starts_with(prefix)) {
            return Err("lies in a partition of AWS that this agent has no grants for");
        }
        Ok(if region.starts_with("us-gov-") { Self::UsGov } else { Self::Aws })
    }

    /// Returns the name in ARNs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::UsGov => "aws-us-gov",
        }
    }

    /// Returns where IAM, which has no regions, is asked.
    pub const fn iam(self) -> &'static str {
        match self {
            Self::Aws => "https://iam.amazonaws.com/",
            Self::UsGov => "https://iam.us-gov.amazonaws.com/",
        }
    }

    /// Returns where Route 53, which has no regions, is asked.
    pub const fn route53(self) -> &'static str {
        match self {
            Self::Aws => "https://route53.amazonaws.com/",
            Self::UsGov => "https://route53.us-gov.amazonaws.com/",
        }
    }

    /// Returns where `CloudFront`, which has no regions, is asked; `GovCloud` has none.
    pub const fn cloudfront(self) -> Option<&'static str> {
        match self {
            Self::Aws => Some("https://cloudfront.amazonaws.com/"),
            Self::UsGov => None,
        }
    }

    /// Returns where Organizations, which has no regions, is asked.
    pub const fn organizations(self) -> &'static str {
        match self {
            Self::Aws => "https://organizations.us-east-1.amazonaws.com/",
            Self::UsGov => "https://organizations.us-gov-west-1.amazonaws.com/",
        }
    }

    /// Returns where Cost Explorer, which has no regions, is asked; what `GovCloud` costs is told
    /// to the account outside of it that pays.
    pub const fn cost_explorer(self) -> Option<&'static str> {
        match self {
            Self::Aws => Some("https://ce.us-east-1.amazonaws.com/"),
            Self::UsGov => None,
        }
    }

    /// Returns the region whose S3 endpoint lists every bucket.
    pub const fn first_region(self) -> &'static str {
        match self {
            Self::Aws => "us-east-1",
            Self::UsGov => "us-gov-west-1",
        }
    }
}

/// Returns where a service is asked in a region.
pub fn regional(service: &str, region: &str) -> String {
    format!("https://{service}.{region}.amazonaws.com/")
}

/// Returns where a service is asked in a region that has a host of its own for each account.
pub fn of_account(account: &str, service: &str, region: &str) -> String {
    format!("https://{account}.{service}.{region}.amazonaws.com/")
}

/// Returns the region in the name of a service's host; none of one that has no regions.
pub fn region_of(host: &str) -> Option<&str> {
    host.strip_suffix(".amazonaws.com")?.rsplit('.').next().filter(|last| is_region(last))
}

/// Reports whether this has a region's form: words of letters, then a number.
pub fn is_region(text: &str) -> bool {
    let mut words: Vec<&str> = text.split('-').collect();
    let number = words.pop().unwrap_or_default();
    (2..=5).contains(&words.len())
        && words.iter().all(|word| word.len() >= 2 && word.bytes().all(|byte| byte.is_ascii_lowercase()))
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_stands_last_in_the_name_of_a_host() {
        for (host, region) in [
            ("api.ecr.eu-west-1.amazonaws.com", Some("eu-west-1")),
            ("ec2.us-gov-west-1.amazonaws.com", Some("us-gov-west-1")),
            ("iam.amazonaws.com", None),
            ("iam.us-gov.amazonaws.com", None),
            ("eu-west-1.example.com", None),
        ] {
            assert_eq!(region_of(host), region, "{host}");
        }
    }
}
