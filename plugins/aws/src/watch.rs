//! Watching an account: a scan, what is otherwise than in the last one as events, and the scan kept.
//!
//! ```text
//! look at a service in a place ─▶ compare with its book ─▶ an event for each change ─▶ keep the scan
//!                                        ▲                                                  │
//!                                        └────────────────── state ◀────────────────────────┘
//! ```
//!
//! Events come first and the book after them: a run that ends in between publishes again what it had
//! published, under the same ids, which the bus keeps once. A change whose event the bus has no room for is
//! not kept either, and comes with the next run. What could not be looked at is neither gone now nor new
//! the next time; what was never seen is not new when it can be seen at last.

mod book;
mod news;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use troupe_estate::diff::{self, Change, Counts, DiffError};
use troupe_estate::{Area, GLOBAL, Key, Problem, Provider, Resource, Scan};
use troupe_sdk::prelude::*;

use crate::found::Found;
use crate::input::{InventoryInput, Plan, Settings};
use crate::look::{Looker, Place};
use crate::regions::Heard;
use crate::still::{by_key, still};
use book::Book;
use news::News;

/// What is counted as new without an event: all of a first scan, and what could not be seen until now.
const FIRST_SEEN: &str = "first_seen";

/// What a run of `watch` came to.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct Watched {
    /// The account's number.
    pub account: String,
    /// The regions that were looked at.
    pub regions: Vec<String>,
    /// Of what this was the first scan, which nothing is published of: `ec2 in us-east-1`, `s3`.
    pub first_scans: Vec<String>,
    /// How many resources are `new`, `changed`, `gone`, `unknown`, the `same`, or `first_seen`.
    pub counts: Counts,
    /// How many events were published: one for each resource that is new, changed or gone.
    pub published: u64,
    /// How many events there was no room for. They come with the next run.
    pub put_off: u64,
    /// What could not be looked at. What these hide is `unknown`.
    pub errors: Vec<Problem>,
}

/// Looks, publishes and keeps.
///
/// # Errors
///
/// Input that is not acceptable; [`Failure::Unavailable`] if whose account it is is not known, or another run keeps scans meanwhile; what
/// `events` and `state` say.
pub async fn run(input: InventoryInput, settings: Settings) -> Result<Watched, Failure> {
    let plan = Plan::of(input, settings).await?;
    let looker = Looker::begin(&plan.regions).await;
    let account = looker.account()?.to_owned();
    looker.share_journal();
    let watched = Watched { account, regions: plan.regions.clone(), ..Watched::default() };
    let both = RefCell::new((watched, News::default()));
    let heard = RefCell::new(Heard::default());
    looker
        .each(&plan, async |place, found| {
            heard.borrow_mut().take(&found.resources);
            let (watched, news) = &mut *both.borrow_mut();
            watched.take(&plan, place, found, news)
        })
        .await?;
    let (mut watched, news) = both.into_inner();
    watched.first_scans.sort_unstable();
    watched.errors = heard.into_inner().settle(&looker.identity, &plan.regions, watched.errors);
    (watched.published, watched.put_off) = (news.published, news.put_off);
    Ok(watched)
}

impl Watched {
    /// Takes what one look found.
    fn take(&mut self, plan: &Plan, place: Place<'_>, found: Found, news: &mut News) -> Result<(), Failure> {
        let book = Book::open(&self.account, place)?;
        if book.is_new() {
            self.first_scans.push(place.to_string());
        }
        let now: Vec<Resource> =
            by_key(found.resources).into_values().map(|resource| book::small(still(resource))).collect();
        let partly_read: BTreeSet<Key> =
            now.iter().filter(|resource| !resource.unread.is_empty()).map(Resource::key).collect();
        let as_they_were = RefCell::new(BTreeMap::new());
        let before = book.resources().inspect(|resource| {
            if let Some((key, resource)) = resource.as_ref().ok().map(|resource| (resource.key(), resource))
                && partly_read.contains(&key)
            {
                as_they_were.borrow_mut().insert(key, resource.clone());
            }
        });
        self.errors.extend(found.problems.iter().cloned());
        // The book has what this look found before, wherever that is: what WAF has for CloudFront is the account's.
        let anywhere = |mut problem: Problem| {
            if problem.region == place.region && problem.named().next().is_none() {
                GLOBAL.clone_into(&mut problem.region);
            }
            problem
        };
        let problems = found.problems.into_iter().map(anywhere).collect();
        let scan = Scan { areas: vec![Area::all(Provider::Aws)], rules: None, problems };
        let mut pages = book.pages();
        for change in diff::resources(before, now.into_iter().map(Ok), &scan, |_, _| false) {
            let change = change.map_err(|error| match error {
                DiffError::Read { error, .. } => error,
                error => Failure::failed(error),
            })?;
            let Some(kept) = self.tell(&book, plan.judge(change), news)? else { continue };
            let before = as_they_were.borrow_mut().remove(&kept.key());
            pages.take(&carried(kept, before))?;
        }
        book.keep(pages, &scan.problems, &plan.regions)
    }

    /// Counts a change and tells it, if it is one to tell; returns what the next scan is compared with.
    fn tell(&mut self, book: &Book, change: Change<Resource>, news: &mut News) -> Result<Option<Resource>, Failure> {
        if matches!(&change, Change::New { now } if book.is_new() || book.never_saw(now)) {
            *self.counts.0.entry(FIRST_SEEN.to_owned()).or_default() += 1;
            return Ok(change.kept());
        }
        self.counts.add(&change);
        let is_news = matches!(change, Change::New { .. } | Change::Changed { .. } | Change::Gone { .. });
        if !is_news || news.tell(book.scan(), &change)? {
            return Ok(change.kept());
        }
        Ok(match change {
            Change::Changed { before, .. } | Change::Gone { before } => Some(before),
            _ => None,
        })
    }
}

/// A resource with what could not be read of it as it was before, so that the next scan that can read it sees
/// whether it changed.
fn carried(mut now: Resource, before: Option<Resource>) -> Resource {
    let Some(mut before) = before else { return now };
    for name in std::mem::take(&mut now.unread) {
        if before.is_unread(&name) {
            now.unread.push(name);
            continue;
        }
        match &*name {
            "tags" => (now.tags, now.name) = (std::mem::take(&mut before.tags), before.name.take()),
            "relations" => now.relations = std::mem::take(&mut before.relations),
            name => {
                now.attributes.remove(name);
                now.attributes.extend(before.attributes.remove_entry(name));
            }
        }
    }
    now
}
