//! What a grant's actions mean, by the services' own API models.
//!
//! A pattern that fits no operation is refused when a release or a grant is accepted: it
//! would be a grant that never works, most often an IAM permission (`s3:ListBucket`) taken
//! for an action.

use troupe_core::{ActionPattern, Code, Effect, Error, Result};

use super::effect;
use super::table::{self, Service};

/// Checks that a pattern fits at least one operation of a service known here.
///
/// # Errors
/// [`Code::ManifestInvalid`] saying what is wrong with it.
pub fn check(pattern: &ActionPattern) -> Result<()> {
    let invalid = |why: String| Err(Error::new(Code::ManifestInvalid, format!("the action `{pattern}` {why}")));
    let Some(known) = service_of(pattern) else {
        let names: Vec<&str> = table::services().iter().map(|known| known.name).collect();
        return invalid(format!("is of a service that is not known here; known are {}", names.join(", ")));
    };
    if !known.operations().any(|operation| pattern.allows(known.name, operation)) {
        return invalid(format!(
            "fits no operation of {0}; operations are named as in the API, such as `{0}:{1}`, not as permissions of \
             IAM are",
            known.name,
            known.operations().find(|operation| operation.starts_with("List")).unwrap_or("DescribeInstances")
        ));
    }
    Ok(())
}

/// How far the widest action that a pattern allows reaches.
pub fn widest_effect(pattern: &ActionPattern) -> Effect {
    let operations = service_of(pattern).into_iter().flat_map(Service::operations);
    operations
        .filter(|operation| pattern.allows(pattern.service(), operation))
        .map(|operation| effect::of(pattern.service(), operation))
        .max()
        .unwrap_or(Effect::Destructive)
}

fn service_of(pattern: &ActionPattern) -> Option<&'static Service> {
    table::services().iter().find(|known| known.name == pattern.service())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> ActionPattern {
        text.parse().unwrap()
    }

    fn refusal(text: &str) -> String {
        let error = check(&pattern(text)).unwrap_err();
        assert_eq!(error.code, Code::ManifestInvalid);
        error.message
    }

    #[test]
    fn the_widest_effect_is_that_of_the_worst_action() {
        assert_eq!(widest_effect(&pattern("ec2:Describe*")), Effect::Read);
        assert_eq!(widest_effect(&pattern("sts:Get*")), Effect::Write);
        assert_eq!(widest_effect(&pattern("s3:*")), Effect::Destructive);
        assert_eq!(widest_effect(&pattern("nosuch:*")), Effect::Destructive);
    }

    #[test]
    fn a_pattern_that_can_never_work_says_why() {
        for text in ["ec2:Describe*", "s3:ListObjectsV2", "iam:*"] {
            check(&pattern(text)).unwrap();
        }
        insta::assert_snapshot!(refusal("s3:ListBucket"), @"the action `s3:ListBucket` fits no operation of s3; operations are named as in the API, such as `s3:ListBucketAnalyticsConfigurations`, not as permissions of IAM are");
        insta::assert_snapshot!(refusal("rds:Describe*"), @"the action `rds:Describe*` is of a service that is not known here; known are dynamodb, ec2, iam, lambda, s3, sts");
    }
}
