//! What is at the source and in the target now, as far as a plan asks.
//!
//! Of either only what the plan names is kept, so that both may be of any length.

use std::collections::{BTreeMap, BTreeSet};

use troupe_estate::Problem;
use troupe_sdk::prelude::*;

use super::NEW_TOLD_MAX;
use crate::input::Origin;
use crate::plan::Item;
use crate::plan::items::{self, MARK_TAG};
use crate::{facts, source};

/// A resource at the source.
#[derive(Debug)]
pub struct Seen {
    /// What it looks like.
    pub facts: BTreeMap<String, String>,
    /// Whether it runs no more.
    pub is_stopped: bool,
}

/// The source.
#[derive(Debug, Default)]
pub struct Source {
    /// Whether anybody looked.
    pub was_looked_at: bool,
    /// What the plan names, by mark.
    pub found: BTreeMap<String, Seen>,
    /// How many resources are in no plan.
    pub new_count: u64,
    /// The ids of the first of them.
    pub new: Vec<String>,
    /// What could not be looked at.
    pub problems: Vec<Problem>,
}

impl Source {
    /// Reads the source, if there is one.
    ///
    /// # Errors
    ///
    /// As [`source::read`].
    pub async fn read(origin: Option<Origin>, wanted: &[Item]) -> Result<Self, Failure> {
        let Some(origin) = origin else { return Ok(Self::default()) };
        let marks: BTreeSet<&str> = wanted.iter().map(|item| item.mark.as_str()).collect();
        // An inventory that could not learn its account tells resources without it.
        let name = |item: &Item| (item.kind.clone(), item.region.clone(), item.id.clone());
        let names: BTreeMap<_, &str> = wanted.iter().map(|item| (name(item), item.mark.as_str())).collect();
        let mut seen = Self { was_looked_at: true, ..Self::default() };
        let problems = source::read(origin, &mut |resource| {
            let mut mark = items::mark(&resource);
            if resource.account.is_none() {
                let name = (resource.kind.to_string(), resource.region.clone(), resource.id.clone());
                mark = names.get(&name).map_or(mark, |known| (*known).to_owned());
            }
            if marks.contains(mark.as_str()) {
                let is_stopped = facts::is_stopped(&resource);
                seen.found.insert(mark, Seen { facts: items::facts_of(&resource), is_stopped });
            } else {
                seen.new_count += 1;
                if seen.new.len() < NEW_TOLD_MAX {
                    seen.new.push(resource.id);
                }
            }
            Ok(())
        })
        .await?;
        seen.problems = problems;
        Ok(seen)
    }

    /// Whether a problem hides a resource.
    pub fn may_hide(&self, item: &Item) -> bool {
        let reference = item.reference();
        self.problems.iter().any(|problem| problem.may_hide(&reference))
    }
}

/// The target.
#[derive(Debug, Default)]
pub struct Arrived {
    /// The ids of what bears a mark.
    pub by_mark: BTreeMap<String, String>,
    /// What could not be looked at.
    pub problems: Vec<Problem>,
}

impl Arrived {
    /// Reads the target, if there is one.
    ///
    /// # Errors
    ///
    /// As [`source::read`].
    pub async fn read(origin: Option<Origin>, wanted: &[Item]) -> Result<Self, Failure> {
        let Some(origin) = origin else { return Ok(Self::default()) };
        let marks: BTreeSet<&str> = wanted.iter().map(|item| item.mark.as_str()).collect();
        let mut by_mark = BTreeMap::new();
        let problems = source::read(origin, &mut |resource| {
            let mark = resource.tags.iter().find(|(name, _)| name.eq_ignore_ascii_case(MARK_TAG)).map(|(_, mark)| mark);
            if let Some(mark) = mark.filter(|mark| marks.contains(mark.as_str())) {
                by_mark.entry(mark.clone()).or_insert(resource.id);
            }
            Ok(())
        })
        .await?;
        Ok(Self { by_mark, problems })
    }
}
