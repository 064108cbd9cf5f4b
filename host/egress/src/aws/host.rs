//! From a host name to the service behind it and the region it answers for.

use super::table::{self, Service};

/// Returns the services behind an AWS endpoint, and its region: `PREFIX.REGION.amazonaws.com`,
/// the same with `-fips`, S3's `dualstack` form, and the hosts without a region.
///
/// Mostly that is one service. The old and the new API of load balancers share a host, as do
/// those of API Gateway.
pub(super) fn services_of(host: &str) -> Option<(Vec<&'static Service>, String)> {
    let host = host.to_ascii_lowercase();
    for service in table::services() {
        if let Some((_, region)) = service.hosts.iter().find(|(name, _)| *name == host) {
            return Some((vec![service], (*region).to_owned()));
        }
    }
    let (rest, in_partition) = partition_of(&host)?;
    let regional = table::services().iter().filter(|service| service.regional);
    let mut found: Vec<(&'static Service, &str)> =
        regional.filter_map(|service| Some((service, region_behind(service.prefix, rest)?))).collect();
    found.retain(|(_, region)| is_region(region) && in_partition(region));
    // No region has a dot in it, so whatever the prefixes are, there is one region.
    let (_, region) = *found.first()?;
    Some((found.into_iter().map(|(service, _)| service).collect(), region.to_owned()))
}

/// Begins the prefix of a service that answers at a host of each account: `{account}.s3-control`.
const ACCOUNT: &str = "{account}.";

/// What stands behind a service's prefix, which may have a dot of its own (`api.ecr`).
fn region_behind<'a>(prefix: &str, rest: &'a str) -> Option<&'a str> {
    let rest = match prefix.strip_prefix(ACCOUNT) {
        Some(prefix) => behind_account(rest)?.strip_prefix(prefix)?,
        None => rest.strip_prefix(prefix)?,
    };
    let region = rest.strip_prefix("-fips").unwrap_or(rest).strip_prefix('.')?;
    Some(if prefix == "s3" { region.strip_prefix("dualstack.").unwrap_or(region) } else { region })
}

/// What stands behind the number of an account.
fn behind_account(rest: &str) -> Option<&str> {
    let (account, rest) = rest.split_once('.')?;
    (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())).then_some(rest)
}

type InPartition = fn(&str) -> bool;

/// Takes a partition's domain off a host, and says which regions lie in the partition.
fn partition_of(host: &str) -> Option<(&str, InPartition)> {
    let china: InPartition = |region| region.starts_with("cn-");
    let europe: InPartition = |region| region.starts_with("eusc-");
    let rest: InPartition = |region| !region.starts_with("cn-") && !region.starts_with("eusc-");
    if let Some(host) = host.strip_suffix(".amazonaws.com.cn") {
        Some((host, china))
    } else if let Some(host) = host.strip_suffix(".amazonaws.eu") {
        Some((host, europe))
    } else {
        host.strip_suffix(".amazonaws.com").map(|host| (host, rest))
    }
}

/// Reports whether this has a region's form: two to five words of letters and a number,
/// as in `us-east-1` and `us-gov-west-1`. A new region needs no new table.
fn is_region(text: &str) -> bool {
    let mut parts: Vec<&str> = text.split('-').collect();
    let number = parts.pop().unwrap_or_default();
    (2..=5).contains(&parts.len())
        && parts.iter().all(|part| part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_lowercase()))
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(host: &str) -> Option<String> {
        let (services, region) = services_of(host)?;
        let names: Vec<&str> = services.iter().map(|service| service.name).collect();
        Some(format!("{} {region}", names.join("+")))
    }

    #[test]
    fn endpoints_name_their_service_and_region() {
        for (host, expected) in [
            ("ec2.us-east-1.amazonaws.com", "ec2 us-east-1"),
            ("EC2.US-East-1.AmazonAWS.com", "ec2 us-east-1"),
            ("ec2-fips.us-gov-west-1.amazonaws.com", "ec2 us-gov-west-1"),
            ("ec2.cn-north-1.amazonaws.com.cn", "ec2 cn-north-1"),
            ("s3.eusc-de-east-1.amazonaws.eu", "s3 eusc-de-east-1"),
            ("s3.dualstack.ap-southeast-2.amazonaws.com", "s3 ap-southeast-2"),
            ("s3.amazonaws.com", "s3 us-east-1"),
            ("iam.amazonaws.com", "iam us-east-1"),
            ("iam.us-gov.amazonaws.com", "iam us-gov-west-1"),
            ("sts.amazonaws.com", "sts us-east-1"),
            ("sts.eu-central-1.amazonaws.com", "sts eu-central-1"),
            ("lambda.us-east-1.amazonaws.com", "lambda us-east-1"),
            ("dynamodb.us-east-1.amazonaws.com", "dynamodb us-east-1"),
            ("batch.eu-west-1.amazonaws.com", "batch eu-west-1"),
            ("api.ecr.eu-west-1.amazonaws.com", "ecr eu-west-1"),
            ("monitoring.us-east-1.amazonaws.com", "cloudwatch us-east-1"),
            ("elasticfilesystem.us-east-1.amazonaws.com", "efs us-east-1"),
            ("states.us-east-1.amazonaws.com", "stepfunctions us-east-1"),
            ("es.us-east-1.amazonaws.com", "opensearch us-east-1"),
            ("cloudfront.amazonaws.com", "cloudfront us-east-1"),
            ("route53.amazonaws.com", "route53 us-east-1"),
            ("route53.us-gov.amazonaws.com", "route53 us-gov-west-1"),
            ("organizations.us-east-1.amazonaws.com", "organizations us-east-1"),
            ("ce.us-east-1.amazonaws.com", "ce us-east-1"),
            // One host of each account.
            ("111122223333.s3-control.us-east-1.amazonaws.com", "s3control us-east-1"),
            ("111122223333.s3-control-fips.us-gov-west-1.amazonaws.com", "s3control us-gov-west-1"),
            // Two services that share a host.
            ("elasticloadbalancing.us-east-1.amazonaws.com", "elb+elbv2 us-east-1"),
            ("apigateway.us-east-1.amazonaws.com", "apigateway+apigatewayv2 us-east-1"),
        ] {
            assert_eq!(found(host).as_deref(), Some(expected), "{host}");
        }
    }

    #[test]
    fn what_is_not_an_endpoint_has_no_service() {
        for host in [
            "amazonaws.com",
            "ec2.amazonaws.com",
            "ec2.us-east-1.amazonaws.com.evil.com",
            "ec2.us-east-1.amazonaws.com.",
            "ec2.us-east-1.amazonaws.com:443",
            "ec2.us-east-1.evilamazonaws.com",
            "ec2.us-east-1.amazonaws.com.cn",
            "ec2.cn-north-1.amazonaws.com",
            "ec2.dualstack.us-east-1.amazonaws.com",
            "bucket.s3.us-east-1.amazonaws.com",
            "ec2.s3.amazonaws.com",
            "iam.us-east-1.amazonaws.com",
            "shield.us-east-1.amazonaws.com",
            "ecr.us-east-1.amazonaws.com",
            "api.us-east-1.amazonaws.com",
            "ce.eu-west-1.amazonaws.com",
            "organizations.eu-west-1.amazonaws.com",
            "ec2x.us-east-1.amazonaws.com",
            "s3.dualstack.dualstack.us-east-1.amazonaws.com",
            "ec2..amazonaws.com",
            "s3-control.us-east-1.amazonaws.com",
            "11112222333.s3-control.us-east-1.amazonaws.com",
            "11112222333x.s3-control.us-east-1.amazonaws.com",
            "1.111122223333.s3-control.us-east-1.amazonaws.com",
            "{account}.s3-control.us-east-1.amazonaws.com",
            "111122223333.s3.us-east-1.amazonaws.com",
            "111122223333.ec2.us-east-1.amazonaws.com",
            "",
        ] {
            assert_eq!(found(host), None, "{host}");
        }
    }
}
