//! Looking at what is planned: who the account is, then services and regions, some at once.
//!
//! Each look hands over what it found as it ends, or page by page where lists are long ([`Looker::pieces`]),
//! so that no more is in memory than what [`LOOKS_AT_ONCE`] of them have found, and what whoever takes it keeps. What the invocation's time
//! does not suffice for is told as a problem beside what was found.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::Poll;

use troupe_cloud::{Budget, json_bytes};
use troupe_sdk::prelude::*;
use troupe_sdk::wait::Turns;

use crate::client::{AT_ONCE, Client, Fault};
use crate::found::{Found, Outlet};
use crate::input::Plan;
use crate::model::{GLOBAL, ProblemKind};
use crate::services::{Identity, Reach, Scope, Service, sts};

/// Looks under way at once: each has at least one request under way, mostly one after the other, so twice
/// as many as there may be requests leave no turn unused.
const LOOKS_AT_ONCE: usize = 2 * AT_ONCE;

/// Most that looks under way have in memory together where they are wanted whole, in bytes of JSON: in memory it is
/// some five times as much, and whoever takes it compares it with as much again, in the 256 MiB that there are.
pub const WHOLE_BYTES_MAX: usize = 24 * 1024 * 1024;

/// One service in one place.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The service.
    pub service: Service,
    /// The region, or `global`.
    pub region: &'a str,
}

/// Who looks, and for whom.
#[derive(Debug)]
pub struct Looker {
    client: Client,
    /// Whose account it is.
    pub identity: Identity,
    /// Why nobody knows whose account it is.
    pub unknown: Found,
}

impl Looker {
    /// Asks whose account it is, in one of these regions.
    pub async fn begin(regions: &[String]) -> Self {
        let Budget { time, until } = Budget::of_invocation();
        progress::report(0.0, "asking whose account this is");
        // Nothing else is asked meanwhile, so a part of the time is all it gets.
        let (identity, mut unknown) = sts::identity(regions, time / 4).await;
        unknown.settle(&identity);
        Self { client: Client::new(until), identity, unknown }
    }

    /// Leaves room in the journal for scans that are read and kept.
    pub fn share_journal(&self) {
        self.client.share_journal();
    }

    /// The account's number.
    ///
    /// # Errors
    ///
    /// If nobody knows it, with what was said about it: [`Failure::Denied`] where asking again is of no use,
    /// [`Failure::Unavailable`] where it may be.
    pub fn account(&self) -> Result<&str, Failure> {
        let unknown = || {
            let problems = &self.unknown.problems;
            // A region that is not enabled for the account denies, whatever is wrong with the others.
            let told = problems.iter().find(|one| one.kind != ProblemKind::Denied).or(problems.first());
            let told = told.map(|one| format!(": {} in {}: {} ({})", one.operation, one.region, one.message, one.code));
            let why = format!(
                "whose account it is could not be asked, so nothing can be compared{}",
                told.unwrap_or_default()
            );
            if problems.iter().all(|one| one.kind == ProblemKind::Denied) {
                Failure::denied(why)
            } else {
                Failure::unavailable(why)
            }
        };
        self.identity.account.as_deref().ok_or_else(unknown)
    }

    /// A scope of this account in a region.
    pub fn scope<'a>(&'a self, plan: &'a Plan, region: &'a str) -> Scope<'a> {
        let (client, identity, regions) = (&self.client, &self.identity, &plan.regions);
        Scope { client, partition: plan.partition, identity, region, regions, outlet: None }
    }

    /// Looks at everything that is planned and has each look's result taken whole as it comes; of one that is too
    /// large for that, a problem that hides all of it.
    ///
    /// # Errors
    ///
    /// What `take` answers. No look is begun after it.
    pub async fn each(
        &self,
        plan: &Plan,
        take: impl AsyncFn(Place<'_>, Found) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.looks(plan, None, take).await
    }

    /// As [`Self::each`], for whoever needs no look whole.
    pub async fn pieces(&self, plan: &Plan, take: impl Fn(Found)) {
        let whole = async |_: Place<'_>, found: Found| {
            take(found);
            Ok(())
        };
        // Taking a piece cannot fail.
        let _ = self.looks(plan, Some(&take), whole).await;
    }

    async fn looks(
        &self,
        plan: &Plan,
        pieces: Option<&dyn Fn(Found)>,
        take: impl AsyncFn(Place<'_>, Found) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut places = Vec::new();
        for service in plan.services.iter().copied() {
            match service.reach() {
                Reach::Global => places.push(Place { service, region: GLOBAL }),
                Reach::Regional => places.extend(plan.regions.iter().map(|region| Place { service, region })),
            }
        }
        let (turns, done, planned) = (Turns::new(LOOKS_AT_ONCE), Cell::new(0_u32), places.len());
        let (failed, held) = (RefCell::new(None), Held::default());
        let look = async |place: Place<'_>| {
            let _turn = turns.take().await;
            if failed.borrow().is_some() {
                return;
            }
            let (found, counts) = match pieces {
                Some(take) => self.look_in_pieces(plan, place, take).await,
                None => self.look_whole(plan, place, &held).await,
            };
            done.set(done.get() + 1);
            report(place, counts, (done.get(), planned));
            if let Err(failure) = take(place, found).await {
                failed.replace(Some(failure));
            }
        };
        wait::all(places.into_iter().map(look)).await;
        failed.into_inner().map_or(Ok(()), Err)
    }

    /// Looks at one place and hands over what it finds as it comes; returns the rest, and how many resources and
    /// problems there were.
    async fn look_in_pieces(&self, plan: &Plan, place: Place<'_>, take: &dyn Fn(Found)) -> (Found, (usize, usize)) {
        let handed = Cell::new((0, 0));
        let hand_over = |mut piece: Found| {
            piece.settle(&self.identity);
            let (resources, problems) = handed.get();
            handed.set((resources + piece.resources.len(), problems + piece.problems.len()));
            take(piece);
        };
        let scope = Scope { outlet: Some(Outlet(&hand_over)), ..self.scope(plan, place.region) };
        let mut found = place.service.look(scope).await;
        found.settle(&self.identity);
        let (resources, problems) = handed.get();
        let counts = (resources + found.resources.len(), problems + found.problems.len());
        (found, counts)
    }

    /// Looks at one place and returns all that it found; that it is too much, if it is. The look ends then.
    async fn look_whole(&self, plan: &Plan, place: Place<'_>, held: &Held) -> (Found, (usize, usize)) {
        let (pieces, share) = (RefCell::new(Vec::new()), held.share());
        let hand_over = |piece: Found| {
            if share.take(&piece) {
                pieces.borrow_mut().push(piece);
            }
        };
        let scope = Scope { outlet: Some(Outlet(&hand_over)), ..self.scope(plan, place.region) };
        let mut look = place.service.look(scope);
        let ended = poll_fn(|context| match look.as_mut().poll(context) {
            Poll::Pending if share.is_over() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
            Poll::Ready(found) => Poll::Ready(Some(found)),
        });
        let rest = ended.await;
        let mut found = match rest {
            Some(rest) if share.take(&rest) => Found::all(pieces.take().into_iter().chain([rest])),
            _ => {
                pieces.take();
                let mut found = Found::default();
                found.note((place.service.name(), "inventory"), place.region, None, Fault::too_many(WHOLE_BYTES_MAX));
                found
            }
        };
        found.settle(&self.identity);
        let counts = (found.resources.len(), found.problems.len());
        (found, counts)
    }
}

/// How much of looks is in memory that are under way.
#[derive(Debug, Default)]
struct Held(Cell<usize>);

/// What one look has of it, until it is over.
#[derive(Debug)]
struct Share<'a> {
    of: &'a Held,
    bytes: Cell<usize>,
    is_over: Cell<bool>,
}

impl Held {
    const fn share(&self) -> Share<'_> {
        Share { of: self, bytes: Cell::new(0), is_over: Cell::new(false) }
    }
}

impl Share<'_> {
    /// Reports whether there is room for a piece, and for all before it.
    fn take(&self, piece: &Found) -> bool {
        let bytes: usize = piece.resources.iter().map(json_bytes).sum();
        self.bytes.set(self.bytes.get() + bytes);
        self.of.0.set(self.of.0.get() + bytes);
        self.is_over.set(self.is_over.get() || self.of.0.get() > WHOLE_BYTES_MAX);
        !self.is_over.get()
    }

    const fn is_over(&self) -> bool {
        self.is_over.get()
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.of.0.set(self.of.0.get() - self.bytes.get());
    }
}

/// Says how far the looking is: each service in each region is one step.
fn report(place: Place<'_>, (resources, problems): (usize, usize), (done, planned): (u32, usize)) {
    let mut line = format!("{place}: {}", counted(resources, "resource"));
    if problems > 0 {
        line = format!("{line}, {}", counted(problems, "problem"));
    }
    let all = u32::try_from(planned).unwrap_or(u32::MAX);
    progress::report(f64::from(done) / f64::from(all), format!("{line} ({done} of {planned})"));
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.service.reach() {
            Reach::Global => f.write_str(self.service.name()),
            Reach::Regional => write!(f, "{} in {}", self.service.name(), self.region),
        }
    }
}

#[cfg(test)]
mod tests {
    use troupe_sdk::test::{Answer, Host};

    use super::*;
    use crate::input::{InventoryInput, Settings};

    /// An account with three pages of volumes.
    fn volumes() -> Host {
        Host::start().respond_by(|sent| {
            let page = |id: &str, next: &str| {
                format!(
                    "<R><volumeSet><item><volumeId>{id}</volumeId></item></volumeSet><nextToken>{next}</nextToken></R>"
                )
            };
            let body = sent.text();
            let text = match () {
                () if !body.contains("DescribeVolumes") => "<Nothing/>".to_owned(),
                () if body.contains("NextToken=two") => page("vol-2", "three"),
                () if body.contains("NextToken=three") => page("vol-3", ""),
                () => page("vol-1", "two"),
            };
            Some(Answer::text(200, text))
        })
    }

    #[test]
    fn long_lists_are_handed_over_page_by_page_and_looks_whole_where_somebody_asks_for_that() {
        let host = volumes();
        let input = InventoryInput { services: vec![Service::Ec2], ..InventoryInput::default() };
        let plan = Plan::new(input, Settings { regions: vec!["us-east-1".to_owned()] }).unwrap();
        let looker = Looker::begin(&plan.regions).wait();
        let most = Cell::new(0);
        let all = Cell::new(0);
        let count = |found: &Found| {
            most.set(most.get().max(found.resources.len()));
            all.set(all.get() + found.resources.len());
        };
        looker.pieces(&plan, |found| count(&found)).wait();
        assert_eq!((most.get(), all.get()), (1, 3));
        assert!(host.reports().last().unwrap().message.starts_with("ec2 in us-east-1: 3 resources"));
        all.set(0);
        let whole = async |_: Place<'_>, found: Found| {
            count(&found);
            Ok(())
        };
        looker.each(&plan, whole).wait().unwrap();
        assert_eq!((most.get(), all.get()), (3, 3));
    }
}
