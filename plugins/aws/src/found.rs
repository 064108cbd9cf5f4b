//! What was found and what went wrong, side by side.

use crate::client::Fault;
use crate::model::{Problem, Resource};

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
        (service, operation): (&'static str, &'static str),
        region: &str,
        resource: Option<&str>,
        fault: Fault,
    ) {
        self.problems.push(Problem {
            service,
            region: region.to_owned(),
            operation,
            code: fault.code,
            message: fault.message,
            kind: fault.kind,
            count: 1,
            resource: resource.map(str::to_owned),
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
                resource.unread.extend(names);
                self.note(operation, &resource.region, Some(&resource.id), fault);
            }
        }
    }

    /// Puts problems of the same kind into one, counted, and everything into an order
    /// that is the same each time.
    pub fn settle(&mut self) {
        self.resources.sort_by(|a, b| (a.kind, &a.region, &a.id).cmp(&(b.kind, &b.region, &b.id)));
        let mut settled: Vec<Problem> = Vec::new();
        for problem in self.problems.drain(..) {
            let same = settled.iter_mut().find(|other| {
                (other.service, other.operation, &other.region, &other.code)
                    == (problem.service, problem.operation, &problem.region, &problem.code)
            });
            match same {
                Some(other) => other.count += problem.count,
                None => settled.push(problem),
            }
        }
        settled.sort_by(|a, b| {
            (a.service, &a.region, a.operation, &a.code).cmp(&(b.service, &b.region, b.operation, &b.code))
        });
        self.problems = settled;
    }
}
