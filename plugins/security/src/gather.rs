//! What is checked, gathered from wherever it is told: the input, files, agents that are asked.
//!
//! *The danger:* an estate that is larger than memory ends the agent without a word. *The rule:* what is taken is
//! counted before it is kept (what is told beside resources once its source is read, entry by entry), and what is too
//! much is refused by the bound that it met, with what to do.

mod documents;

use std::cell::Cell;

use troupe_cloud::json_bytes;
use troupe_cloud::source::{self, Place};
use troupe_estate::Finding;
use troupe_sdk::prelude::*;

use crate::ask::{Asked, Previous};
use crate::limits::{DOCUMENTS_MAX, TOLD_BYTES_MAX};

pub use documents::is_below;

/// The agent's name, as its manifest and its codes have it.
const AGENT: &str = "security";
/// Where resources are.
const RESOURCES: Place = Place { agent: AGENT, directory: "inventories", field: "files" };
/// Where the findings of the last time are.
const PREVIOUS: Place = Place { agent: AGENT, directory: "inventories", field: "previous_files" };

/// Gathers all that is asked about, so that it stands there as if it had come in the input, and the findings of the last
/// time; none if nobody names any.
///
/// # Errors
///
/// [`Failure::InvalidInput`] if a file is not there or is something else, or, with the code `security.too_large`, if it
/// is more than is taken; [`Failure::Denied`], with the line to grant; what an agent answers in place of its inventory.
pub fn gather(asked: &mut Asked, previous: Previous) -> Result<Option<Vec<Finding>>, Failure> {
    let bytes = Weight::new("bytes of resources, documents and findings of the last time", TOLD_BYTES_MAX);
    let told = std::mem::take(&mut asked.resources);
    let resources = &mut asked.resources;
    let mut take = |resource| {
        bytes.add(json_bytes(&resource))?;
        resources.push(resource);
        Ok(())
    };
    told.into_iter().try_for_each(&mut take)?;
    let mut beside = source::ask(&asked.inventories, RESOURCES, &mut take).wait()?;
    beside.extend(source::read(RESOURCES, &asked.files, &mut take)?);
    asked.problems.extend(beside.problems);
    asked.areas.extend(beside.areas);
    asked.problems.iter().try_for_each(|problem| bytes.add(json_bytes(problem)))?;
    asked.areas.iter().try_for_each(|area| bytes.add(json_bytes(area)))?;
    let count = Weight::new("documents", DOCUMENTS_MAX);
    for document in &asked.documents {
        bytes.add(document.text.len())?;
        count.add(1)?;
    }
    documents::read(asked, &bytes, &count)?;
    findings(previous, &bytes)
}

/// The findings of the last time.
fn findings(told: Previous, bytes: &Weight) -> Result<Option<Vec<Finding>>, Failure> {
    let Previous { previous, previous_files } = told;
    if previous.is_none() && previous_files.is_empty() {
        return Ok(None);
    }
    let mut findings = Vec::new();
    let mut take = |finding| {
        bytes.add(json_bytes(&finding))?;
        findings.push(finding);
        Ok(())
    };
    previous.into_iter().flatten().try_for_each(&mut take)?;
    source::read(PREVIOUS, &previous_files, &mut take)?;
    Ok(Some(findings))
}

/// How much was taken of what there may be.
struct Weight {
    of: &'static str,
    taken: Cell<usize>,
    most: usize,
}

impl Weight {
    const fn new(of: &'static str, most: usize) -> Self {
        Self { of, taken: Cell::new(0), most }
    }

    fn add(&self, more: usize) -> Result<(), Failure> {
        self.taken.set(self.taken.get().saturating_add(more));
        if self.taken.get() <= self.most {
            return Ok(());
        }
        let Self { of, most, .. } = self;
        let message = format!(
            "there are more than {most} {of}, which is the most that is checked together; check by account, region or \
             directory, one task for each"
        );
        Err(Failure::invalid_input(message).with("code", format!("{AGENT}.too_large")).with("maximum", *most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_refused_by_the_bound_that_it_met() {
        let weight = Weight::new("documents", 10);
        weight.add(10).unwrap();
        let Err(Failure::InvalidInput(problem)) = weight.add(1) else { panic!("it was taken") };
        assert_eq!(
            (problem.code(), &problem.details.as_ref().unwrap()["maximum"]),
            (Some("security.too_large"), &10.into())
        );
        assert!(
            problem.message.contains("10 documents") && problem.message.contains("by account, region or directory")
        );
    }
}
