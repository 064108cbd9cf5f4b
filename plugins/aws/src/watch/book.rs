//! The last scan of a service in a place, kept in the agent's state.
//!
//! | key | holds |
//! |---|---|
//! | `watch/ACCOUNT/SERVICE/REGION` | the head: the scan's number, its pages, and what no scan has seen yet |
//! | `watch/ACCOUNT/SERVICE/REGION/SHA256` | a page: resources as lines of JSON, in the order of their keys |
//!
//! A page is named by what is in it. The head is written last, and only if it is as it was read: so a scan is
//! kept whole or not at all, whenever a run ends, and of two runs at once one keeps its scan.

use std::collections::BTreeSet;
use std::io::Cursor;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use troupe_estate::collect::{CollectError, Part, Parts, Sink, lines};
use troupe_estate::diff::unordered;
use troupe_estate::{GLOBAL, Problem, ProblemKind, Resource};
use troupe_sdk::prelude::*;

use crate::look::Place;
use crate::services::{Service, cloudtrail};

/// What is gathered of pages before one is written: four times what it has then, so it has half a MiB, half of
/// what a value of the state may.
const GATHERED_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Longest attribute that is kept, in bytes of JSON; of a longer one its digest is, which says whether it
/// changed. Two states of a resource fit an event so, which may have 256 KiB.
const ATTRIBUTE_BYTES_MAX: usize = 16 * 1024;

/// The last scan of a service in a place.
#[derive(Debug)]
pub struct Book {
    key: String,
    /// What the head was read at; none if there was none.
    revision: Option<u64>,
    head: Head,
    /// What tells this scan from every other.
    scan: String,
    /// Whether it is of trails, which show in some regions alone or in all.
    is_of_trails: bool,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Head {
    /// Rises with each scan that is otherwise than the one before.
    number: u64,
    /// The digests of the pages, in order.
    pages: Vec<String>,
    /// What was hidden in the first scan and in each since.
    unseen: Vec<Problem>,
    /// The regions in which any scan looked, of a book of more than one.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    regions: BTreeSet<String>,
}

/// The pages of a scan that is being written.
pub struct Pages(Sink<Resource, Writer>);

/// Writes pages that are not there yet.
struct Writer {
    key: String,
    there: Vec<String>,
}

impl Book {
    /// Opens the book of a service in a place.
    ///
    /// # Errors
    ///
    /// What the state says; [`Failure::Failed`] if it holds something else.
    pub fn open(account: &str, place: Place<'_>) -> Result<Self, Failure> {
        let key = format!("watch/{account}/{}/{}", place.service.name(), place.region);
        let entry = state::get(&key)?;
        let revision = entry.as_ref().map(|entry| entry.revision);
        let head: Head = entry.map(|entry| entry.json()).transpose()?.unwrap_or_default();
        let scan = format!("{key}#{}", head.number);
        Ok(Self { key, revision, head, scan, is_of_trails: place.service == Service::Cloudtrail })
    }

    /// Reports whether there is no scan yet.
    pub const fn is_new(&self) -> bool {
        self.revision.is_none()
    }

    /// What tells the scan from every other.
    pub fn scan(&self) -> &str {
        &self.scan
    }

    /// Reports whether a resource is of what could not be looked at from the first scan on, or would not have shown
    /// in any region that was.
    pub fn never_saw(&self, resource: &Resource) -> bool {
        let (head, reference) = (&self.head, resource.reference());
        head.unseen.iter().any(|problem| problem.may_hide(&reference))
            || !(cloudtrail::shows_everywhere(resource) || head.regions.contains(&resource.region))
    }

    /// The resources of the scan in the order of their keys, read page by page.
    pub fn resources(&self) -> impl Iterator<Item = Result<Resource, Failure>> {
        self.head.pages.iter().flat_map(|name| -> Box<dyn Iterator<Item = Result<Resource, Failure>>> {
            match state::get(&format!("{}/{name}", self.key)) {
                Ok(Some(page)) => Box::new(lines(Cursor::new(page.value)).map(|line| line.map_err(Failure::failed))),
                Ok(None) => Box::new(std::iter::once(Err(self.overtaken()))),
                Err(error) => Box::new(std::iter::once(Err(error.into()))),
            }
        })
    }

    /// Begins the pages of the next scan.
    pub fn pages(&self) -> Pages {
        let writer = Writer { key: self.key.clone(), there: self.head.pages.clone() };
        Pages(Sink::new("", GATHERED_BYTES_MAX, writer))
    }

    /// Keeps the next scan, which looked in these regions, and removes pages that are not of it.
    ///
    /// # Errors
    ///
    /// [`Failure::Unavailable`] if another run kept a scan meanwhile; what the state says.
    pub fn keep(&self, pages: Pages, problems: &[Problem], regions: &[String]) -> Result<(), Failure> {
        let summary = pages.0.finish().map_err(failure)?;
        let names = summary.parts.into_iter().map(|part| part.sha256).collect();
        let hides = |problem: &Problem, region: &str| {
            problem.resource.is_none() && [GLOBAL, region].contains(&&*problem.region)
        };
        let looked = regions.iter().filter(|region| !problems.iter().any(|problem| hides(problem, region)));
        let regions = self.head.regions.iter().chain(looked.filter(|_| self.is_of_trails)).cloned().collect();
        let head = Head { number: self.head.number, pages: names, unseen: self.unseen(problems), regions };
        if !self.is_new() && head == self.head {
            return Ok(());
        }
        let head = Head { number: head.number + 1, ..head };
        match state::compare_and_set(&self.key, self.revision, serde_json::to_vec(&head)?) {
            Ok(_) => self.remove_others(&head.pages),
            Err(CapabilityError::Conflict(_)) => Err(self.overtaken()),
            Err(error) => Err(error.into()),
        }
    }

    /// The lists that could not be read in any scan until now, bare of what may differ from scan to scan. What
    /// could not be read of a resource hides no other.
    fn unseen(&self, problems: &[Problem]) -> Vec<Problem> {
        let mut unseen: Vec<Problem> = Vec::new();
        for problem in problems.iter().filter(|one| one.resource.is_none() || !one.hides.is_empty()) {
            let bare = Problem {
                code: String::new(),
                message: String::new(),
                kind: ProblemKind::Failed,
                count: 1,
                resource: None,
                others: Vec::new(),
                every: false,
                ..problem.clone()
            };
            if (self.is_new() || self.head.unseen.contains(&bare)) && !unseen.contains(&bare) {
                unseen.push(bare);
            }
        }
        unseen
    }

    /// Removes pages of scans before, and those that a run left which ended early.
    fn remove_others(&self, pages: &[String]) -> Result<(), Failure> {
        let prefix = format!("{}/", self.key);
        let mut after: Option<String> = None;
        loop {
            let keys = state::list_keys(&prefix, after.as_deref(), 1_000)?;
            let Some(last) = keys.last() else { return Ok(()) };
            after = Some(last.clone());
            for key in keys.iter().filter(|key| !pages.iter().any(|page| key.ends_with(page.as_str()))) {
                state::delete(key)?;
            }
        }
    }

    fn overtaken(&self) -> Failure {
        Failure::unavailable(format!("another run of `watch` kept its scan under `{}` meanwhile; ask again", self.key))
    }
}

impl Pages {
    /// Takes the next resource in the order of their keys.
    ///
    /// # Errors
    ///
    /// What the state says of a page.
    pub fn take(&mut self, resource: &Resource) -> Result<(), Failure> {
        self.0.push(resource).map_err(failure)
    }
}

impl Parts for Writer {
    type Error = Failure;

    fn write(&mut self, part: &Part, text: &[u8]) -> Result<(), Failure> {
        if !self.there.contains(&part.sha256) {
            state::set(&format!("{}/{}", self.key, part.sha256), text)?;
        }
        Ok(())
    }
}

fn failure(error: CollectError<Failure>) -> Failure {
    match error {
        CollectError::Part { error, .. } => error,
        error => Failure::failed(error),
    }
}

/// A resource whose long attributes are told by their digests.
pub fn small(mut resource: Resource) -> Resource {
    for value in resource.attributes.values_mut() {
        if matches!(value, Value::Object(_) | Value::Array(_) | Value::String(_)) {
            let bytes = value.to_string().len();
            if bytes > ATTRIBUTE_BYTES_MAX {
                // Of what is compared, so that another order of a list is no other digest.
                let digest = Sha256::digest(unordered(value).to_string());
                *value = json!({ "bytes": bytes, "sha256": hex::encode(digest) });
            }
        }
    }
    resource
}
