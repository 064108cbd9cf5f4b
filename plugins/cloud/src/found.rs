//! What was found and what could not be looked at, side by side, within bounds of memory.
//!
//! Many questions are under way at once and all of them put here what they come to. Resources are kept as
//! [`Kept`](crate::Kept) says, and rows about the same problem become one from time to time, in the end over many accounts too.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use troupe_estate::collect::Part;
use troupe_estate::{GLOBAL, Problem, Provider, Resource, Word, settle};
use troupe_sdk::Failure;

use crate::{Fault, Kept};

/// So many rows of problems wait before those about the same are put into one.
const PROBLEMS_WAITING_MAX: usize = 4_096;

/// Of so many accounts, subscriptions or projects each has a row of its own about the same.
const ACCOUNTS_TOLD_MAX: usize = 50;

/// Accounts that a row about more of them names.
const ACCOUNTS_NAMED: usize = 5;

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
        let errors = over_accounts(settle(gathered.problems));
        Ok(Told { counts: kept.counts, resources: kept.entries, parts: kept.parts, errors })
    }
}

/// Puts rows that are the same but for their account into one, where they are of more accounts than each may have a row
/// of its own: an API that is switched off in a thousand projects is one thing to know. Such a row has no account, so
/// it hides what it hides in all of them.
fn over_accounts(problems: Vec<Problem>) -> Vec<Problem> {
    let key = |problem: &Problem| {
        let Problem { provider, service, region, operation, code, kind, hides, .. } = problem;
        (*provider, service.clone(), region.clone(), operation.clone(), code.clone(), *kind, hides.clone())
    };
    let mut accounts: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for problem in &problems {
        accounts.entry(key(problem)).or_default().extend(problem.account.clone());
    }
    accounts.retain(|_, accounts| accounts.len() > ACCOUNTS_TOLD_MAX);
    if accounts.is_empty() {
        return problems;
    }
    let wide = |mut problem: Problem| {
        if accounts.contains_key(&key(&problem)) {
            problem.account = None;
        }
        problem
    };
    let mut settled = settle(problems.into_iter().map(wide).collect());
    for problem in &mut settled {
        if let Some(accounts) = accounts.get(&key(problem)) {
            let named: Vec<&str> = accounts.iter().take(ACCOUNTS_NAMED).map(String::as_str).collect();
            let (all, others) = (accounts.len(), accounts.len() - named.len());
            problem.message =
                format!("{} (in {all} of them: {} and {others} others)", problem.message, named.join(", "));
        }
    }
    settled
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_in_many_accounts_is_one_row_and_in_few_is_one_of_each() {
        let told = |count: usize| {
            let _host = troupe_sdk::test::Host::start();
            let found = Found::default();
            for number in 0..count {
                let asked = Asked::new(Provider::Gcp, "dns.googleapis.com", GLOBAL, "dns.managedZones.list")
                    .account(Some(format!("project-{number:04}")))
                    .hides("gcp.dns.googleapis.com/ManagedZone");
                found.note(&asked, None, Fault::of_ours("switched_off", format!("it is off in {number:04}")));
            }
            let one = Asked::new(Provider::Gcp, "dns.googleapis.com", GLOBAL, "dns.policies.list");
            found.note(&one.account(Some("project-0000".to_owned())), None, Fault::of_ours("denied", "no"));
            found.finish().unwrap().errors
        };
        assert_eq!(told(ACCOUNTS_TOLD_MAX).len(), ACCOUNTS_TOLD_MAX + 1);
        let rows = told(1_500);
        let [wide, own] = rows.as_slice() else { panic!("{} rows", rows.len()) };
        assert_eq!((wide.account.as_deref(), wide.count), (None, 1_500));
        assert!(wide.message.ends_with("project-0003, project-0004 and 1495 others)"), "{}", wide.message);
        assert_eq!(wide.hides, ["gcp.dns.googleapis.com/ManagedZone"]);
        assert_eq!(own.account.as_deref(), Some("project-0000"));
    }
}
