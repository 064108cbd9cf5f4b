//! The services that can be looked at, a line each: the name in the input, whether it is asked
//! in each region or once for the account, and what looks at it.

use std::pin::Pin;

use troupe_sdk::prelude::*;

use super::{
    Scope, acm, apigateway, apigatewayv2, autoscaling, backup, batch, cloudfront, cloudtrail, cloudwatch, config,
    dynamodb, ec2, ecr, ecs, efs, eks, elasticache, elb, elbv2, guardduty, iam, kms, lambda, logs, opensearch,
    organizations, rds, redshift, route53, s3, secretsmanager, sns, sqs, states, wafv2,
};
use crate::found::Found;

/// Where a service is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// In each region.
    Regional,
    /// Once: what it has belongs to the whole account, or shows in more regions than one.
    Global,
}

/// A look at one service in one place.
pub type Look<'a> = Pin<Box<dyn Future<Output = Found> + 'a>>;

macro_rules! services {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $reach:ident, $module:ident;)+) => {
        /// A service that can be looked at.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
        pub enum Service {
            $($(#[doc = $doc])+ #[serde(rename = $name)] $variant,)+
        }

        impl Service {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name, as in the input and in the types of what is found.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Where it is asked.
            pub const fn reach(self) -> Reach {
                match self { $(Self::$variant => Reach::$reach,)+ }
            }

            /// Looks at it in one place.
            pub fn look(self, scope: Scope<'_>) -> Look<'_> {
                match self { $(Self::$variant => Box::pin($module::collect(scope)),)+ }
            }
        }
    };
}

services! {
    /// Virtual machines and their networks and disks.
    Ec2 = "ec2", Regional, ec2;
    /// Object storage.
    S3 = "s3", Global, s3;
    /// Users and roles.
    Iam = "iam", Global, iam;
    /// Functions.
    Lambda = "lambda", Regional, lambda;
    /// Tables.
    Dynamodb = "dynamodb", Regional, dynamodb;
    /// Where jobs wait and run.
    Batch = "batch", Regional, batch;
    /// Load balancers and target groups.
    Elbv2 = "elbv2", Regional, elbv2;
    /// Classic load balancers.
    Elb = "elb", Regional, elb;
    /// Groups of machines.
    Autoscaling = "autoscaling", Regional, autoscaling;
    /// Relational databases and their snapshots.
    Rds = "rds", Regional, rds;
    /// Clusters of containers.
    Ecs = "ecs", Regional, ecs;
    /// Clusters of Kubernetes.
    Eks = "eks", Regional, eks;
    /// Repositories of container images.
    Ecr = "ecr", Regional, ecr;
    /// Keys.
    Kms = "kms", Regional, kms;
    /// Names of secrets.
    Secretsmanager = "secretsmanager", Regional, secretsmanager;
    /// Queues.
    Sqs = "sqs", Regional, sqs;
    /// Topics and subscriptions.
    Sns = "sns", Regional, sns;
    /// Distributions of content.
    Cloudfront = "cloudfront", Global, cloudfront;
    /// Zones of names.
    Route53 = "route53", Global, route53;
    /// REST APIs.
    Apigateway = "apigateway", Regional, apigateway;
    /// HTTP and web socket APIs.
    Apigatewayv2 = "apigatewayv2", Regional, apigatewayv2;
    /// Caches in memory.
    Elasticache = "elasticache", Regional, elasticache;
    /// Search domains.
    Opensearch = "opensearch", Regional, opensearch;
    /// Warehouses.
    Redshift = "redshift", Regional, redshift;
    /// File systems.
    Efs = "efs", Regional, efs;
    /// Alarms.
    Cloudwatch = "cloudwatch", Regional, cloudwatch;
    /// Log groups.
    Logs = "logs", Regional, logs;
    /// Trails of who did what.
    Cloudtrail = "cloudtrail", Global, cloudtrail;
    /// Recorders and rules of AWS Config.
    Config = "config", Regional, config;
    /// Detectors of GuardDuty.
    Guardduty = "guardduty", Regional, guardduty;
    /// The organisation and its accounts.
    Organizations = "organizations", Global, organizations;
    /// Certificates.
    Acm = "acm", Regional, acm;
    /// Rules about requests of the web.
    Wafv2 = "wafv2", Regional, wafv2;
    /// State machines of Step Functions.
    States = "states", Regional, states;
    /// Vaults and plans of backups.
    Backup = "backup", Regional, backup;
}
