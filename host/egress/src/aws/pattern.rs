//! The actions a grant allows.
//!
//! | pattern | allows |
//! |---|---|
//! | `s3:ListObjectsV2` | that operation |
//! | `ec2:Describe*` | every operation of EC2 that begins so |
//! | `iam:*` | every operation of IAM |
//!
//! The service is exact and in lower case, the operation spelt as the API model spells
//! it; a star stands at the end alone. A pattern that fits no operation is refused when
//! it is read: it would be a grant that never works, most often an IAM permission
//! (`s3:ListBucket`) taken for an action.

use std::fmt;
use std::str::FromStr;

use troupe_core::{Code, Effect, Error};

use super::table::{self, Service};
use super::{AwsAction, effect};

/// Actions of one service: one, or all that begin in the same way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionPattern {
    service: &'static str,
    operation: String,
    open: bool,
}

impl ActionPattern {
    /// Reports whether the pattern allows an action.
    pub fn matches(&self, action: &AwsAction) -> bool {
        self.service == action.service && self.fits(action.operation)
    }

    /// Reports whether the pattern allows all that `other` allows.
    pub fn covers(&self, other: &Self) -> bool {
        self.service == other.service
            && if other.open {
                self.open && other.operation.starts_with(&self.operation)
            } else {
                self.fits(&other.operation)
            }
    }

    /// The service whose actions it allows.
    pub const fn service(&self) -> &'static str {
        self.service
    }

    /// How far the widest action that it allows reaches.
    pub fn widest_effect(&self) -> Effect {
        let service = table::services().iter().find(|service| service.name == self.service);
        let operations = service.into_iter().flat_map(Service::operations);
        operations
            .filter(|operation| self.fits(operation))
            .map(|operation| effect::of(self.service, operation))
            .max()
            .unwrap_or(Effect::Destructive)
    }

    fn fits(&self, operation: &str) -> bool {
        if self.open { operation.starts_with(&self.operation) } else { operation == self.operation }
    }
}

impl FromStr for ActionPattern {
    type Err = Error;

    /// Reads a pattern.
    ///
    /// # Errors
    /// [`Code::ManifestInvalid`] saying what is wrong with it.
    fn from_str(text: &str) -> Result<Self, Error> {
        let invalid = |why: String| Error::new(Code::ManifestInvalid, format!("the action {text:?} {why}"));
        let Some((service, operation)) = text.split_once(':') else {
            return Err(invalid("is not of the form `service:Operation`, as in `ec2:DescribeInstances`".to_owned()));
        };
        let Some(known) = table::services().iter().find(|known| known.name == service) else {
            let names: Vec<&str> = table::services().iter().map(|known| known.name).collect();
            return Err(invalid(format!("is of a service that is not known here; known are {}", names.join(", "))));
        };
        let (stem, open) = match operation.strip_suffix('*') {
            Some(stem) => (stem, true),
            None => (operation, false),
        };
        if stem.contains('*') {
            return Err(invalid("has a star elsewhere than at its end".to_owned()));
        }
        let pattern = Self { service: known.name, operation: stem.to_owned(), open };
        if !known.operations().any(|operation| pattern.fits(operation)) {
            return Err(invalid(format!(
                "fits no operation of {service}; operations are named as in the API, such as `{service}:{}`, not as \
                 permissions of IAM are",
                known.operations().find(|operation| operation.starts_with("List")).unwrap_or("DescribeInstances")
            )));
        }
        Ok(pattern)
    }
}

impl fmt::Display for ActionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}{}", self.service, self.operation, if self.open { "*" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> ActionPattern {
        text.parse().unwrap()
    }

    fn refusal(text: &str) -> String {
        let error = text.parse::<ActionPattern>().unwrap_err();
        assert_eq!(error.code, Code::ManifestInvalid);
        error.message
    }

    fn action(service: &'static str, operation: &'static str) -> AwsAction {
        AwsAction {
            service,
            operation,
            region: "us-east-1".into(),
            signing_name: service,
            effect: effect::of(service, operation),
        }
    }

    #[test]
    fn a_star_allows_what_begins_so_and_nothing_else() {
        let describe = pattern("ec2:Describe*");
        assert!(describe.matches(&action("ec2", "DescribeInstances")));
        assert!(!describe.matches(&action("ec2", "TerminateInstances")));
        assert!(!describe.matches(&action("iam", "DescribeInstances")));
        let one = pattern("s3:ListObjectsV2");
        assert!(one.matches(&action("s3", "ListObjectsV2")));
        assert!(!one.matches(&action("s3", "ListObjects")));
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
    fn the_widest_effect_is_that_of_the_worst_action() {
        assert_eq!(pattern("ec2:Describe*").widest_effect(), Effect::Read);
        assert_eq!(pattern("sts:Get*").widest_effect(), Effect::Write);
        assert_eq!(pattern("s3:*").widest_effect(), Effect::Destructive);
    }

    #[test]
    fn a_pattern_that_can_never_work_says_why() {
        insta::assert_snapshot!(refusal("s3:ListBucket"), @r#"the action "s3:ListBucket" fits no operation of s3; operations are named as in the API, such as `s3:ListBucketAnalyticsConfigurations`, not as permissions of IAM are"#);
        insta::assert_snapshot!(refusal("rds:Describe*"), @r#"the action "rds:Describe*" is of a service that is not known here; known are dynamodb, ec2, iam, lambda, s3, sts"#);
        insta::assert_snapshot!(refusal("ec2:*Instances"), @r#"the action "ec2:*Instances" has a star elsewhere than at its end"#);
        insta::assert_snapshot!(refusal("DescribeInstances"), @r#"the action "DescribeInstances" is not of the form `service:Operation`, as in `ec2:DescribeInstances`"#);
        for text in ["ec2:describe*", "EC2:Describe*", "*:*", "ec2:", "ec2:Describe**", "ec2: DescribeInstances"] {
            refusal(text);
        }
    }

    #[test]
    fn a_pattern_reads_back_as_it_is_written() {
        for text in ["ec2:Describe*", "s3:ListObjectsV2", "iam:*"] {
            assert_eq!(pattern(text).to_string(), text);
        }
    }
}
