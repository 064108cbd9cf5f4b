//! What a request to AWS does.
//!
//! **The attack.** A guest is granted `ec2:Describe*`. Reading and terminating instances
//! are both `POST https://ec2.us-east-1.amazonaws.com/`; only the body differs. Or it is
//! granted `s3:ListObjectsV2` and adds `?policy`, repeats a parameter, or escapes a slash,
//! hoping that this host and AWS read the request differently.
//!
//! **The rule.** The operation is read from the request by a table made from the services'
//! own API models (`data/aws-actions.tsv`), and a grant lists operations by the names in
//! those models: `s3:ListObjectsV2`, not IAM's permission `s3:ListBucket`.
//!
//! | protocol | services | the operation is |
//! |---|---|---|
//! | query, ec2 | EC2, IAM, RDS, load balancers, … | the parameter `Action`, in query or form body |
//! | json | DynamoDB, ECS, KMS, SQS, … | the header `x-amz-target` |
//! | rest-json, rest-xml | Lambda, EKS, S3, Route 53, … | the one whose method, path, query keys and headers fit best |
//!
//! The services are named as their models are: `stepfunctions:ListStateMachines` is asked at
//! `states.REGION`, `efs` at `elasticfilesystem`, `cloudwatch` at `monitoring`, `opensearch` at
//! `es`. `elb` and `elbv2` share a host, as do `apigateway` and `apigatewayv2`: the parameter
//! `Version` and the path tell which is meant.
//!
//! **The default.** A request that cannot be named with certainty has no name, and a
//! request without a name is refused: an unknown host or service, a parameter or header
//! given twice, a query key that the operation does not have, a path that reads
//! differently once unescaped, two operations that fit equally well, a form where JSON is
//! spoken.
//!
//! **The reason for the default.** AWS, not this table, decides what a request does.
//! Wherever the two might disagree the guest would choose the reading.
//!
//! What S3 has of an account as a whole is asked at a host of that account, `ACCOUNT.s3-control.REGION`: `s3control`.
//! S3 is addressed path-style (`s3.REGION.amazonaws.com/BUCKET/KEY`); `BUCKET.s3…` has no
//! name here.

mod effect;
mod host;
mod name;
mod params;
mod pattern;
mod rest;
mod table;
#[cfg(test)]
mod tests;

use troupe_core::Effect;

pub use name::action;
pub use pattern::check;

/// What one request does: an operation of a service, where, and how far it reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsAction {
    /// The service as its API model is called: `ec2`.
    pub service: &'static str,
    /// The operation as the API model calls it: `DescribeInstances`.
    pub operation: &'static str,
    /// The region that answers and that the signature names: `us-east-1`.
    pub region: String,
    /// The service as the signature names it; mostly the same as `service`.
    pub signing_name: &'static str,
    /// How far the operation reaches.
    pub effect: Effect,
}

impl std::fmt::Display for AwsAction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.service, self.operation)
    }
}

/// A service that actions can be named of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AwsService {
    /// The name in actions: `ec2`.
    pub name: &'static str,
    /// The service's id, which environment variables and profiles are named by:
    /// `DynamoDB`, `Elastic Load Balancing v2`.
    pub id: &'static str,
}

/// Lists the services that actions can be named of.
pub fn services() -> impl Iterator<Item = AwsService> {
    table::services().iter().map(|service| AwsService { name: service.name, id: service.id })
}
