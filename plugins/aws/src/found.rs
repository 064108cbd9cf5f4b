//! What was found and what went wrong, side by side.

use std::fmt;

use troupe_estate::Provider;

use crate::client::Fault;
use crate::model::{Problem, Resource, Word};
use crate::services::Identity;

/// Takes pieces of what a look finds before it is over, so that no long list is in memory whole.
#[derive(Clone, Copy)]
pub struct Outlet<'a>(pub &'a dyn Fn(Found));

impl fmt::Debug for Outlet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outlet")
    }
}

/// What one question, or many, came to.
#[derive(Debug, Default)]
pub struct Found {
    /// What was found.
    pub resources: Vec<Resource>,
    /// What could not be looked at.
    pub problems: Vec<Problem>,
}

impl Found {
    /// Puts several into one.
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut whole = Self::default();
        for part in parts {
            whole.resources.extend(part.resources);
            whole.problems.extend(part.problems);
        }
        whole
    }

    /// Notes what went wrong with an operation.
    pub fn note(
        &mut self,
        operation: (&'static str, &'static str),
        region: &str,
        resource: Option<&str>,
        fault: Fault,
    ) {
        self.note_hiding(operation, region, resource, &[], fault);
    }

    /// Notes what went wrong with a list of what a resource has: it hides what is of these
    /// types there.
    pub fn note_hiding(
        &mut self,
        (service, operation): (&'static str, &'static str),
        region: &str,
        resource: Option<&str>,
        hides: &[&'static str],
        fault: Fault,
    ) {
        self.problems.push(Problem {
            provider: Provider::Aws,
            account: None,
            service: service.into(),
            region: region.to_owned(),
            operation: operation.into(),
            code: fault.code,
            message: fault.message,
            kind: fault.kind,
            count: 1,
            resource: resource.map(str::to_owned),
            others: Vec::new(),
            every: false,
            hides: hides.iter().copied().map(Word::Borrowed).collect(),
        });
    }

    /// Puts what was read about a resource into it; what could not be read is noted, and
    /// named in the resource.
    pub fn read<T>(
        &mut self,
        resource: &mut Resource,
        operation: (&'static str, &'static str),
        names: &[&'static str],
        answer: Result<T, Fault>,
        put: impl FnOnce(&mut Resource, T),
    ) {
        match answer {
            Ok(value) => put(resource, value),
            Err(fault) => {
                resource.unread(names);
                self.note(operation, &resource.region, Some(&resource.id), fault);
            }
        }
    }

    /// Says whose everything is, puts problems of the same kind into one, counted, and everything into an
    /// order that is the same each time.
    pub fn settle(&mut self, identity: &Identity) {
        for resource in &mut self.resources {
            // While the account is not known, what is another's may be among them, and says so.
            let owner = || resource.attributes.get("owner").and_then(|owner| owner.as_str()).map(str::to_owned);
            resource.account = identity.account.clone().or_else(owner);
        }
        self.resources.sort_by(|a, b| (&a.kind, &a.region, &a.id).cmp(&(&b.kind, &b.region, &b.id)));
        for problem in &mut self.problems {
            problem.account.clone_from(&identity.account);
        }
        self.problems = troupe_estate::settle(std::mem::take(&mut self.problems));
    }
}
