//! What a grant's actions mean, by the services' own API models.
//!
//! A pattern that fits no operation is refused when a release or a grant is accepted: it
//! would be a grant that never works, most often an IAM permission (`s3:ListBucket`) taken
//! for an action.

use troupe_core::{ActionPattern, Code, Error, Result};

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
    fn a_pattern_that_can_never_work_says_why() {
        for text in ["ec2:Describe*", "s3:ListObjectsV2", "iam:*", "elb:Describe*", "elbv2:Describe*"] {
            check(&pattern(text)).unwrap();
        }
        insta::assert_snapshot!(refusal("s3:ListBucket"), @"the action `s3:ListBucket` fits no operation of s3; operations are named as in the API, such as `s3:ListBucketAnalyticsConfigurations`, not as permissions of IAM are");
        insta::assert_snapshot!(refusal("shield:Describe*"), @"the action `shield:Describe*` is of a service that is not known here; known are acm, apigateway, apigatewayv2, autoscaling, backup, batch, ce, cloudfront, cloudtrail, cloudwatch, config, dynamodb, ec2, ecr, ecs, efs, eks, elasticache, elb, elbv2, guardduty, iam, kms, lambda, logs, opensearch, organizations, rds, redshift, route53, s3, s3control, secretsmanager, sns, sqs, stepfunctions, sts, wafv2");
    }
}
