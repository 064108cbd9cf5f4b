//! What is asked of each service, one file a service.
//!
//! To add one, write its file and its line in the table; the operations it asks for go into
//! `agent.toml` and the README. `sts` is no service to look at: it says whose account it is.

mod batch;
mod dynamodb;
mod ec2;
mod iam;
mod lambda;
mod s3;
pub mod sts;
mod table;

pub use table::{Look, Reach, Service};

use crate::client::Client;
use crate::endpoint::Partition;

/// Whose account it is.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// The account's number.
    pub account: Option<String>,
    /// The ARN of whoever asks.
    pub caller: Option<String>,
}

impl Identity {
    /// Reports whether something may belong to the account. What names no owner is taken for
    /// its own, as it was asked for; so is everything while the account is not known.
    pub fn owns(&self, owner: Option<&str>) -> bool {
        match (owner, &self.account) {
            (Some(owner), Some(account)) => owner == account,
            _ => true,
        }
    }
}

/// Where a service is asked, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// Who asks.
    pub client: &'a Client,
    /// The partition.
    pub partition: Partition,
    /// Whose account it is.
    pub identity: &'a Identity,
    /// The region, or `global`.
    pub region: &'a str,
}

impl Scope<'_> {
    /// Makes the ARN of a resource of this region and account, if the account is known.
    pub fn arn(&self, service: &str, resource: &str) -> Option<String> {
        let account = self.identity.account.as_deref()?;
        Some(format!("arn:{}:{service}:{}:{account}:{resource}", self.partition.name(), self.region))
    }

    /// Makes the ARN of a resource of this region that AWS names without an account.
    pub fn arn_of_region(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}::{resource}", self.partition.name(), self.region)
    }
}
