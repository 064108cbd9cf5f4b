//! What could not be checked, one row for each reason.
//!
//! "Not found" and "could not look" never look alike: what was looked for and is not there is an empty
//! list, what could not be looked at is a row here, with what the cloud said and what it hides.
//!
//! What a row hides is what a comparison of two scans must not take for gone:
//!
//! | the row has | it hides |
//! |---|---|
//! | `hides` | every resource of these types in its account and region |
//! | only `resource`, perhaps `others` | these resources |
//! | none of them, or `every` | every resource of its service in its account and region |
//!
//! A row of the service [`EVERY_SERVICE`] is about each of them. A row of the region `global` hides what it hides in every region, and one without an account in every
//! account. A named resource is hidden whatever else the row has.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Provider;
use crate::resource::{GLOBAL, Reference, Word};

/// Most resources that one row names. Beyond, it says `every`: a row stays one that a person can read.
pub const PROBLEM_RESOURCES_MAX: usize = 100;

/// The service of a row that is about every service.
pub const EVERY_SERVICE: &str = "*";

/// Something that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// Whose cloud it is.
    #[serde(default)]
    pub provider: Provider,
    /// The account, subscription or project, if it is one's alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The service, such as `ec2`, `microsoft.compute`, `compute.googleapis.com`; `*` for every one.
    pub service: Word,
    /// The region, or `global`.
    pub region: String,
    /// The operation, such as `DescribeVolumes`.
    pub operation: Word,
    /// What the service calls the error; codes in lower case are the agent's own.
    pub code: String,
    /// What the service says about it, for one of the times it came.
    pub message: String,
    /// What it means for whoever asked.
    pub kind: ProblemKind,
    /// How often it came.
    pub count: u64,
    /// A resource it came with, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The other resources it came with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
    /// It came with more resources than are named, or once with none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub every: bool,
    /// The types whose resources it hides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hides: Vec<Word>,
}

/// What a problem means for whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// A grant of the host or a permission of the account is missing.
    Denied,
    /// The endpoint does not offer the service or the operation.
    NotAvailable,
    /// The service asked for patience for longer than the agent had.
    Throttled,
    /// Anything else.
    Failed,
}

impl ProblemKind {
    /// Its name, as in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::NotAvailable => "not_available",
            Self::Throttled => "throttled",
            Self::Failed => "failed",
        }
    }
}

impl Problem {
    /// Reports whether this may be why a resource that was there is not told now.
    pub fn may_hide(&self, resource: &Reference) -> bool {
        let provider = resource.provider;
        let same_account = match (&self.account, &resource.account) {
            (Some(mine), Some(its)) => provider.same(mine, its),
            _ => true,
        };
        if self.provider != provider || !same_account {
            return false;
        }
        let is_of_service = self.service == EVERY_SERVICE || provider.same(&self.service, resource.service());
        if is_of_service
            && self.named().any(|id| provider.same(id, &resource.id) || Some(id) == resource.arn.as_deref())
        {
            return true;
        }
        if self.region != GLOBAL && !provider.same(&self.region, &resource.region) {
            return false;
        }
        if self.hides.is_empty() {
            is_of_service && (self.every || self.resource.is_none())
        } else {
            self.hides.iter().any(|kind| provider.same(kind, &resource.kind))
        }
    }

    /// The resources that it names.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.resource.iter().chain(&self.others).map(String::as_str)
    }

    /// Takes in another row about the same.
    fn absorb(&mut self, other: Self) {
        self.every |= other.every || self.resource.is_none() != other.resource.is_none();
        self.count = self.count.saturating_add(other.count);
        let mut named: Vec<String> = self.resource.take().into_iter().chain(std::mem::take(&mut self.others)).collect();
        named.extend(other.resource.into_iter().chain(other.others));
        named.sort_unstable();
        named.dedup();
        if named.len() > PROBLEM_RESOURCES_MAX {
            named.truncate(PROBLEM_RESOURCES_MAX);
            self.every = true;
        }
        let mut named = named.into_iter();
        self.resource = named.next();
        self.others = named.collect();
        // Whatever the order in which they came, the same one speaks for all.
        if other.message < self.message {
            self.message = other.message;
        }
    }
}

/// What makes two rows one: the order in which rows are told.
type Same = (Provider, Option<String>, String, String, String, String, ProblemKind, Vec<Word>);

/// Puts rows about the same into one, counted, and all into an order that is the same each time.
pub fn settle(problems: Vec<Problem>) -> Vec<Problem> {
    let mut settled: BTreeMap<Same, Problem> = BTreeMap::new();
    for mut problem in problems {
        problem.hides.sort_unstable();
        problem.hides.dedup();
        let same: Same = (
            problem.provider,
            problem.account.clone(),
            problem.service.to_string(),
            problem.region.clone(),
            problem.operation.to_string(),
            problem.code.clone(),
            problem.kind,
            problem.hides.clone(),
        );
        match settled.entry(same) {
            Entry::Occupied(mut there) => there.get_mut().absorb(problem),
            Entry::Vacant(place) => {
                place.insert(problem);
            }
        }
    }
    settled.into_values().collect()
}
