//! What was found and what could not be looked at, side by side, within bounds of memory.
//!
//! Many questions are under way at once and all of them put here what they come to. Resources are kept as
//! [`Kept`](crate::Kept) says, and rows about the same problem become one from time to time.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use troupe_estate::collect::Part;
use troupe_estate::{GLOBAL, Problem, Provider, Resource, Word, settle};
use troupe_sdk::Failure;

use crate::{Fault, Kept};

/// So many rows of problems wait before those about the same are put into one.
const PROBLEMS_WAITING_MAX: usize = 4_096;

/// What was asked when something went wrong: what a row about it says beside the fault.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Whose cloud.
    pub provider: Provider,
    /// The account, subscription or project.
    pub account: Option<String>,
    /// The service, as [`troupe_estate::service_of`] has it.
    pub service: Word,
    /// The region, or `global`.
    pub region: String,
    /// The operation.
    pub operation: Word,
    /// The types of which nothing is told because of it; none if it is about one resource, or the whole service.
    pub hides: Vec<Word>,
}

impl Asked {
    /// Something was asked of a service in a region.
    pub fn new(provider: Provider, service: impl Into<Word>, region: &str, operation: impl Into<Word>) -> Self {
        let (service, operation) = (service.into(), operation.into());
        Self { provider, account: None, service, region: region.to_owned(), operation, hides: Vec::new() }
    }

    /// Sets whose account it was.
    #[must_use]
    pub fn account(mut self, account: Option<String>) -> Self {
        self.account = account;
        self
    }

    /// Adds a type of which nothing is told if it fails.
    #[must_use]
    pub fn hides(mut self, kind: impl Into<Word>) -> Self {
        self.hides.push(kind.into());
        self
    }

    /// Adds types of which nothing is told if it fails.
    #[must_use]
    pub fn hides_all(mut self, kinds: impl IntoIterator<Item = impl Into<Word>>) -> Self {
        self.hides.extend(kinds.into_iter().map(Into::into));
        self
    }

    /// The row for a fault, and which resource it is about, if it is about one.
    pub fn problem(&self, resource: Option<&str>, fault: Fault) -> Problem {
        let Self { provider, account, service, region, operation, hides } = self.clone();
        Problem {
            provider,
            account,
            service,
            region,
            operation,
            code: fault.code,
            message: fault.message,
            kind: fault.kind,
            count: 1,
            resource: resource.map(str::to_owned),
            others: Vec::new(),
            every: false,
            hides: if resource.is_some() { Vec::new() } else { hides },
        }
    }
}

/// What many questions, asked at once, came to.
#[derive(Debug, Default)]
pub struct Found(RefCell<Gathered>);

struct Gathered {
    resources: Kept<Resource>,
    problems: Vec<Problem>,
    settled: usize,
}

/// All of it, in an order that is the same each time.
#[derive(Debug, Default, PartialEq)]
pub struct Told {
    /// How many resources there are of each type.
    pub counts: BTreeMap<String, u64>,
    /// The resources, in the order of their keys; none if there are `parts`.
    pub resources: Vec<Resource>,
    /// The artefacts that hold the resources, if they are too many.
    pub parts: Vec<Part>,
    /// What could not be looked at.
    pub errors: Vec<Problem>,
}

impl Found {
    /// Takes a resource.
    pub fn take(&self, resource: Resource) {
        self.0.borrow_mut().resources.take(resource);
    }

    /// Notes what went wrong, and with which resource, if it is about one.
    pub fn note(&self, asked: &Asked, resource: Option<&str>, fault: Fault) {
        let mut gathered = self.0.borrow_mut();
        gathered.problems.push(asked.problem(resource, fault));
        if gathered.problems.len() > 2 * gathered.settled + PROBLEMS_WAITING_MAX {
            gathered.problems = settle(std::mem::take(&mut gathered.problems));
            gathered.settled = gathered.problems.len();
        }
    }

    /// Puts what was read about a resource into it; what could not be read is noted, and named in the resource.
    pub fn read<T>(
        &self,
        resource: &mut Resource,
        asked: &Asked,
        names: &[&'static str],
        answer: Result<T, Fault>,
        put: impl FnOnce(&mut Resource, T),
    ) {
        match answer {
            Ok(value) => put(resource, value),
            Err(fault) => {
                resource.unread(names);
                let region = if resource.region.is_empty() { GLOBAL } else { &resource.region };
                let asked = Asked { account: resource.account.clone(), region: region.to_owned(), ..asked.clone() };
                self.note(&asked, Some(&resource.id), fault);
            }
        }
    }

    /// Tells all of it.
    ///
    /// # Errors
    ///
    /// What the host said, if the artefacts could not be written.
    pub fn finish(self) -> Result<Told, Failure> {
        let gathered = self.0.into_inner();
        let kept = gathered.resources.finish()?;
        let errors = settle(gathered.problems);
        Ok(Told { counts: kept.counts, resources: kept.entries, parts: kept.parts, errors })
    }
}

impl Default for Gathered {
    fn default() -> Self {
        Self { resources: Kept::new("resources"), problems: Vec::new(), settled: 0 }
    }
}

impl fmt::Display for Found {
    /// How much there is until now.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gathered = self.0.borrow();
        let resources = gathered.resources.len();
        let plural = |count: u64| if count == 1 { "" } else { "s" };
        write!(f, "{resources} resource{}", plural(resources))?;
        let problems = gathered.problems.iter().map(|problem| problem.count).sum();
        if problems > 0 { write!(f, ", {problems} problem{}", plural(problems)) } else { Ok(()) }
    }
}

impl fmt::Debug for Gathered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gathered").field("resources", &self.resources.len()).finish_non_exhaustive()
    }
}
