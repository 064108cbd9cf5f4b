//! Which AWS actions a grant allows, as text.
//!
//! | pattern | allows |
//! |---|---|
//! | `s3:ListObjectsV2` | that operation |
//! | `ec2:Describe*` | every operation of EC2 that begins so |
//! | `iam:*` | every operation of IAM |
//!
//! The service is exact and in lower case, the operation spelt as the API model spells
//! it; a star stands at the end alone. Whether a service has such an operation is known
//! where requests are named, not here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::list::Keyed;
use crate::{Code, Error};

const LENGTH_MAX: usize = 128;

/// Actions of one service: one, or all that begin in the same way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ActionPattern {
    text: String,
    service_length: usize,
}

impl ActionPattern {
    /// The service whose actions it allows: `ec2`.
    pub fn service(&self) -> &str {
        self.text.get(..self.service_length).unwrap_or_default()
    }

    /// Whether the pattern allows an operation of a service.
    pub fn allows(&self, service: &str, operation: &str) -> bool {
        self.service() == service && self.fits(operation)
    }

    /// Whether the pattern allows all that `other` allows.
    pub fn covers(&self, other: &Self) -> bool {
        self.service() == other.service()
            && match other.operation().strip_suffix('*') {
                Some(stem) => self.operation().strip_suffix('*').is_some_and(|own| stem.starts_with(own)),
                None => self.fits(other.operation()),
            }
    }

    fn operation(&self) -> &str {
        self.text.get(self.service_length + 1..).unwrap_or_default()
    }

    fn fits(&self, operation: &str) -> bool {
        match self.operation().strip_suffix('*') {
            Some(stem) => operation.starts_with(stem),
            None => self.operation() == operation,
        }
    }
}

impl FromStr for ActionPattern {
    type Err = Error;

    /// Reads a pattern.
    ///
    /// # Errors
    /// [`Code::ManifestInvalid`] if the text is not one.
    fn from_str(text: &str) -> Result<Self, Error> {
        text.to_owned().try_into()
    }
}

impl TryFrom<String> for ActionPattern {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let service_length = text.split_once(':').and_then(|(service, operation)| {
            let stem = operation.strip_suffix('*').unwrap_or(operation);
            let valid = text.len() <= LENGTH_MAX
                && service.starts_with(|c: char| c.is_ascii_lowercase())
                && !service.ends_with('-')
                && !service.contains("--")
                && service.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !operation.is_empty()
                && stem.bytes().all(|b| b.is_ascii_alphanumeric())
                && !stem.starts_with(|c: char| !c.is_ascii_uppercase());
            valid.then_some(service.len())
        });
        match service_length {
            Some(service_length) => Ok(Self { text, service_length }),
            None => Err(Error::new(
                Code::ManifestInvalid,
                format!("`{text}` is not an AWS action such as `s3:ListObjectsV2` or `ec2:Describe*`"),
            )),
        }
    }
}

impl fmt::Display for ActionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<ActionPattern> for String {
    fn from(pattern: ActionPattern) -> Self {
        pattern.text
    }
}

impl Keyed for ActionPattern {
    fn key(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> ActionPattern {
        text.parse().unwrap()
    }

    #[test]
    fn a_star_allows_what_begins_so_and_nothing_else() {
        let describe = pattern("ec2:Describe*");
        assert!(describe.allows("ec2", "DescribeInstances"));
        assert!(!describe.allows("ec2", "TerminateInstances"));
        assert!(!describe.allows("iam", "DescribeInstances"));
        assert!(pattern("s3:ListObjectsV2").allows("s3", "ListObjectsV2"));
        assert!(!pattern("s3:ListObjectsV2").allows("s3", "ListObjects"));
    }

    #[test]
    fn covering_is_allowing_no_less() {
        for (wide, narrow, covers) in [
            ("ec2:*", "ec2:Describe*", true),
            ("ec2:Describe*", "ec2:DescribeInstances", true),
            ("ec2:Describe*", "ec2:Describe*", true),
            ("ec2:DescribeInstances", "ec2:DescribeInstances", true),
            ("ec2:Describe*", "ec2:*", false),
            ("ec2:DescribeInstances", "ec2:DescribeInstances*", false),
            ("ec2:*", "iam:List*", false),
        ] {
            assert_eq!(pattern(wide).covers(&pattern(narrow)), covers, "{wide} {narrow}");
        }
    }

    #[test]
    fn what_is_not_a_pattern_is_refused() {
        for text in
            ["DescribeInstances", "ec2:describe*", "EC2:Describe*", "*:*", "ec2:", "ec2:D**", "ec2:*s", "ec2: D"]
        {
            assert_eq!(text.parse::<ActionPattern>().unwrap_err().code, Code::ManifestInvalid, "{text}");
        }
        assert_eq!(pattern("ec2:Describe*").to_string(), "ec2:Describe*");
    }
}
