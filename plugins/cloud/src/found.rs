//! What was found and what could not be looked at, side by side, within bounds of memory.
//!
//! Many questions are under way at once and all of them put here what they come to. A few thousand resources are
//! kept and told in the output. If there are more, all of them go into artefacts of the task, in sorted parts, and
//! memory holds one part at most.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};

use troupe_estate::collect::{CollectError, Part, Parts, Sink};
use troupe_estate::{Entry as _, GLOBAL, Problem, Provider, Resource, Word, settle};
use troupe_sdk::{Failure, artifacts};

use crate::Fault;

/// Most resources that are told in the output, in bytes of JSON: a quarter of what an output may have. In memory
/// they take some five times as much.
pub const INLINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a sink of artefacts holds at most; its parts are a quarter of it, and a task may have a hundred of them.
const SINK_BYTES_MAX: usize = 96 * 1024 * 1024;

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

    /// The row for a fault.
    fn problem(&self, resource: Option<&str>, fault: Fault) -> Problem {
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

#[derive(Default)]
struct Gathered {
    counts: BTreeMap<String, u64>,
    kept: Vec<Resource>,
    kept_bytes: usize,
    sink: Option<Sink<Resource, Artifacts>>,
    problems: Vec<Problem>,
    settled: usize,
    /// Why the artefacts cannot be written; the agent fails with it at the end.
    failure: Option<Failure>,
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
        self.0.borrow_mut().take(resource);
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
        let mut gathered = self.0.into_inner();
        if let Some(failure) = gathered.failure {
            return Err(failure);
        }
        gathered.kept.sort_by_cached_key(Resource::key);
        let parts = match gathered.sink {
            Some(sink) => sink.finish().map_err(failure)?.parts,
            None => Vec::new(),
        };
        let errors = settle(gathered.problems);
        Ok(Told { counts: gathered.counts, resources: gathered.kept, parts, errors })
    }
}

impl fmt::Display for Found {
    /// How much there is until now.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gathered = self.0.borrow();
        let resources: u64 = gathered.counts.values().sum();
        let plural = |count: u64| if count == 1 { "" } else { "s" };
        write!(f, "{resources} resource{}", plural(resources))?;
        let problems = gathered.problems.iter().map(|problem| problem.count).sum();
        if problems > 0 { write!(f, ", {problems} problem{}", plural(problems)) } else { Ok(()) }
    }
}

impl Gathered {
    fn take(&mut self, resource: Resource) {
        if self.failure.is_some() {
            return;
        }
        match self.counts.get_mut(resource.counted_as()) {
            Some(count) => *count += 1,
            None => {
                self.counts.insert(resource.counted_as().to_owned(), 1);
            }
        }
        if let Some(sink) = &mut self.sink {
            self.failure = sink.push(&resource).map_err(failure).err();
            return;
        }
        self.kept_bytes += bytes(&resource);
        self.kept.push(resource);
        if self.kept_bytes > INLINE_BYTES_MAX {
            let mut sink = Sink::new("resources", SINK_BYTES_MAX, Artifacts);
            let kept = std::mem::take(&mut self.kept);
            self.failure = kept.iter().find_map(|resource| sink.push(resource).map_err(failure).err());
            self.sink = Some(sink);
        }
    }
}

impl fmt::Debug for Gathered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gathered").field("counts", &self.counts).finish_non_exhaustive()
    }
}

/// How long a resource is as JSON.
fn bytes(resource: &Resource) -> usize {
    struct Length(usize);
    impl Write for Length {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut length = Length(0);
    // What cannot be written is refused, and named, when it is told.
    let _ = serde_json::to_writer(&mut length, resource);
    length.0
}

fn failure(error: CollectError<Failure>) -> Failure {
    match error {
        CollectError::Part { error, .. } => error,
        error => Failure::failed(error),
    }
}

/// Writes parts as artefacts of the task.
struct Artifacts;

impl Parts for Artifacts {
    type Error = Failure;

    fn write(&mut self, part: &Part, text: &[u8]) -> Result<(), Failure> {
        let mut artifact = artifacts::create(&part.name, "application/jsonl")?;
        artifact.write_all(text)?;
        artifact.finish()?;
        Ok(())
    }
}
