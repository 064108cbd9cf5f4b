//! What is asked of each service, one file a service.
//!
//! To add one, write its file and its line in the table; the operations it asks for go into
//! `agent.toml` and the README. `sts` is no service to look at: it says whose account it is.

mod acm;
mod apigateway;
mod apigatewayv2;
mod autoscaling;
mod backup;
mod batch;
mod cloudfront;
pub mod cloudtrail;
mod cloudwatch;
mod config;
mod dynamodb;
pub mod ec2;
mod ecr;
mod ecs;
mod efs;
mod eks;
mod elasticache;
mod elb;
pub mod elbv2;
mod guardduty;
mod iam;
mod kms;
mod lambda;
mod logs;
mod opensearch;
mod organizations;
mod policy;
mod rds;
mod redshift;
pub mod route53;
mod s3;
mod secretsmanager;
mod sns;
mod sqs;
mod states;
pub mod sts;
mod table;
mod wafv2;

pub use table::{Reach, Service};

use serde_json::{Map, Value};
use troupe_sdk::wait;

use crate::client::{Client, Fault};
use crate::endpoint::Partition;
use crate::found::{Found, Outlet};
use crate::model::{Resource, Word};
use crate::protocol::json::Item;
use crate::protocol::xml::{self, Element};

/// Whose account it is.
#[derive(Debug, Clone, Default)]
pub struct Identity {
    /// The account's number.
    pub account: Option<String>,
    /// The ARN of whoever asks.
    pub caller: Option<String>,
    /// The region that answered whose it is.
    pub region: Option<String>,
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
    /// All regions that are looked at.
    pub regions: &'a [String],
    /// Who takes pieces of what is found; without it, all of it is told at the end.
    pub outlet: Option<Outlet<'a>>,
}

impl Scope<'_> {
    /// Hands over what was found until now, if somebody takes pieces.
    pub fn hand_over(&self, found: &mut Found) {
        if let Some(Outlet(take)) = self.outlet {
            take(std::mem::take(found));
        }
    }

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

/// Asks about each of what was listed, all at once, and puts everything into one.
async fn each<T, F: Future<Output = Found>>(
    listed: Found,
    items: impl IntoIterator<Item = T>,
    ask: impl FnMut(T) -> F,
) -> Found {
    let parts = wait::all(items.into_iter().map(ask)).await;
    Found::all(std::iter::once(listed).chain(parts))
}

/// Asks about what was found, so many resources with one question.
async fn in_batches<F: Future<Output = Found>>(
    found: Found,
    at_once: usize,
    ask: impl FnMut(Vec<Resource>) -> F,
) -> Found {
    let Found { mut resources, problems } = found;
    let mut batches = Vec::new();
    while !resources.is_empty() {
        let rest = resources.split_off(resources.len().min(at_once));
        batches.push(std::mem::replace(&mut resources, rest));
    }
    each(Found { resources, problems }, batches, ask).await
}

/// Adds several of what a resource belongs to or uses.
fn related<T: Into<String>>(resource: Resource, kind: &'static str, targets: impl Iterator<Item = T>) -> Resource {
    targets.fold(resource, |resource, target| resource.to(Word::Borrowed(kind), Some(target)))
}

/// A list of texts as a JSON value.
fn texts(texts: impl Iterator<Item = String>) -> Option<Value> {
    Some(texts.map(Value::from).collect())
}

/// Makes a resource's name out of the last part of its ARN or URL.
fn last(text: &str, separator: char) -> &str {
    text.rsplit(separator).next().unwrap_or(text)
}

/// Puts what a JSON answer tells into a resource; what could not be read is noted, and named in
/// the resource.
fn told(
    found: &mut Found,
    resource: &mut Resource,
    operation: (&'static str, &'static str),
    names: &[&'static str],
    answer: &Result<Value, Fault>,
    put: impl FnOnce(&mut Resource, Item<'_>),
) {
    let answer = answer.as_ref().map_err(Clone::clone).and_then(Item::new);
    found.read(resource, operation, names, answer, put);
}

/// As [`told`], of an answer in XML; `put` is given its outermost element.
fn told_xml(
    found: &mut Found,
    resource: &mut Resource,
    operation: (&'static str, &'static str),
    names: &[&'static str],
    answer: &Result<String, Fault>,
    put: impl FnOnce(&mut Resource, Element<'_>),
) {
    let document = answer.as_deref().map_err(Clone::clone).and_then(xml::parse);
    found.read(resource, operation, names, document, |resource, document| put(resource, xml::root(&document)));
}

/// Takes an error of this code, which says that there is nothing of the kind, for none.
fn if_any<T>(answer: Result<T, Fault>, absent: &str) -> Result<Option<T>, Fault> {
    match answer {
        Err(fault) if fault.code == absent => Ok(None),
        answer => answer.map(Some),
    }
}

/// Takes an error that says that there is nothing of the kind for an answer without anything.
fn absent(answer: Result<Value, Fault>, codes: &[&str]) -> Result<Value, Fault> {
    match answer {
        Err(fault) if codes.contains(&fault.code.as_str()) => Ok(Value::Object(Map::new())),
        answer => answer,
    }
}
