//! From a host name to the service behind it and the region it answers for.

use super::table::{self, Service};

/// Returns the service and region of an AWS endpoint: `PREFIX.REGION.amazonaws.com`, the
/// same with `-fips`, S3's `dualstack` form, and the hosts without a region.
pub(super) fn service_of(host: &str) -> Option<(&'static Service, String)> {
    let host = host.to_ascii_lowercase();
    for service in table::services() {
        if let Some((_, region)) = service.hosts.iter().find(|(name, _)| *name == host) {
            return Some((service, (*region).to_owned()));
        }
    }
    let (rest, in_partition) = partition_of(&host)?;
    let (prefix, region) = rest.split_once('.')?;
    let prefix = prefix.strip_suffix("-fips").unwrap_or(prefix);
    let region = match region.strip_prefix("dualstack.") {
        Some(region) if prefix == "s3" => region,
        Some(_) => return None,
        None => region,
    };
    if !is_region(region) || !in_partition(region) {
        return None;
    }
    let service = table::services().iter().find(|service| service.regional && service.prefix == prefix)?;
    Some((service, region.to_owned()))
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
        service_of(host).map(|(service, region)| format!("{} {region}", service.name))
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
            "rds.us-east-1.amazonaws.com",
            "ec2..amazonaws.com",
            "",
        ] {
            assert_eq!(found(host), None, "{host}");
        }
    }
}
