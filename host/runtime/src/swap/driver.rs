//! What drives a swap: does the work of the state it is in, hands what comes of it to the
//! machine, makes the next state durable together with its change of the route, and goes on.
//!
//! One task of the runtime for each swap, from its first row to its last, and again after a
//! restart of the host. It alone changes the row, of however many hosts: the row says which drives it, and a
//! host that is asked something about a swap takes the reins first.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use troupe_core::view::{SwapPhase, SwapReason, SwapView};
use troupe_core::{Code, Error, ReleaseRef, Result, limits};
use troupe_store::{CandidateRow, DeploymentRow, RouteChange, SwapRow};

use super::live::{Order, Reins, view};
use super::machine::{self, Command, Event, RouteMove, Work};
use super::observe::Observer;
use super::room::{After, Room};
use super::{migration, rehearse, told, work};
use crate::Runtime;
use crate::approvals::{self, Leave};
use crate::deploy::{Change, Placed, release_not_found};
use crate::hold::Holding;
use crate::routes::Entry;

/// How long a swap waits before it tries again what the store refused.
const PAUSE: Duration = Duration::from_millis(500);

/// Drives a swap from now on.
pub(crate) fn start(runtime: &Runtime, row: SwapRow) {
    drive(runtime, row, false);
}

/// Drives a swap that went on when the host stopped.
pub(crate) fn take_up(runtime: &Runtime, row: SwapRow) {
    drive(runtime, row, true);
}

fn drive(runtime: &Runtime, row: SwapRow, is_taken_up: bool) {
    if row.state.phase == SwapPhase::Ended {
        finished(&row);
        return;
    }
    let reins = runtime.swaps.enter(&row);
    let observer = Observer::new(&row, runtime.clock.now());
    // Any other state is entered anew, and nothing of it is left from before.
    let restarted = is_taken_up && row.state.phase == SwapPhase::Migrating;
    let driver = Driver { runtime: runtime.clone(), row, observer, restarted, hold: None };
    tokio::spawn(driver.run(reins));
}

fn finished(row: &SwapRow) {
    let outcome = row.state.outcome.map_or("none", troupe_core::view::SwapOutcome::as_str);
    metrics::counter!("troupe_swaps_total", "agent" => row.agent.to_string(), "outcome" => outcome).increment(1);
}

struct Driver {
    runtime: Runtime,
    row: SwapRow,
    observer: Observer,
    /// Whether the host was started again while state was migrated.
    restarted: bool,
    /// New work of the agent, held back while state is migrated.
    hold: Option<Holding>,
}

impl Driver {
    async fn run(mut self, mut reins: Reins) {
        let mut is_lost = false;
        while !is_lost && self.row.state.phase != SwapPhase::Ended && !self.runtime.is_stopping() {
            let (runtime, now) = (self.runtime.clone(), self.row.clone());
            tokio::select! {
                biased;
                Some(order) = possible(&runtime, &now, &mut reins.orders) => self.ordered(order, &reins).await,
                () = reins.lost.notified() => is_lost = self.is_lost().await,
                event = self.work(&reins.view) => {
                    if let Err(error) = self.advance(event, None, &reins).await {
                        let (tenant, swap, cause) = (&self.row.tenant, self.row.id, error.cause_chain());
                        if !self.runtime.is_stopping() {
                            tracing::warn!(%tenant, %swap, cause, "a swap stays where it is for now: {error}");
                        }
                        is_lost = self.is_lost().await;
                        if !is_lost {
                            tokio::time::sleep(PAUSE).await;
                        }
                    }
                }
            }
        }
        if is_lost {
            tracing::info!(tenant = %self.row.tenant, swap = %self.row.id, "another host drives this swap");
            self.runtime.swaps.hand_over(self.row.id, reins.view);
            return;
        }
        if self.row.state.phase == SwapPhase::Ended {
            finished(&self.row);
        }
        self.runtime.swaps.leave(self.row.id);
    }

    /// Whether another host has taken the reins. It alone changes the row from then on.
    async fn is_lost(&self) -> bool {
        let row = self.runtime.store.swap(&self.row.tenant, self.row.id).await;
        matches!(row, Ok(Some(row)) if row.driver.as_ref() != Some(&self.runtime.owner))
    }

    async fn ordered(&mut self, order: Order, reins: &Reins) {
        let what = match order.command {
            Command::Weight(_) => "weight",
            Command::Promote => "promote",
            Command::Rollback => "rollback",
            Command::Abort => "abort",
        };
        let asked = Some((order.by.as_str(), what));
        let done = self.advance(Event::Operator(order.command), asked, reins).await;
        // Who asked may have gone away.
        let _ = order.done.send(done.map(|()| view(&self.row)));
    }

    /// Does what the state asks for, until something comes of it. It may be dropped at any
    /// point, and begins anew then.
    async fn work(&mut self, view: &watch::Sender<SwapView>) -> Event {
        let Self { runtime, row, observer, restarted, hold } = self;
        if *restarted {
            return Event::Restarted;
        }
        // On the heap: it is as large as the largest of them.
        let work = Box::pin(async {
            match machine::work(&row.state) {
                Work::Verify => work::verify(runtime, row).await,
                Work::Rehearse => rehearse::rehearse(runtime, row, view).await,
                Work::Warm => work::warm(runtime, row).await,
                Work::Migrate => migration::migrate(runtime, row, hold).await,
                Work::Observe => observer.look(runtime, row).await,
                Work::Drain => work::drain(runtime, row).await,
                Work::Park => work::park(runtime, row).await,
                Work::AwaitApproval => work::await_approval(runtime, row).await,
                Work::Nothing => std::future::pending().await,
            }
        });
        let Some(most) = machine::time_max(row.state.phase) else {
            // A host that stops is seen after a while at most.
            return tokio::time::timeout(limits::LEASE_RENEWAL, work).await.unwrap_or(Event::Elapsed);
        };
        let left = most.saturating_sub(runtime.clock.now().since(row.state.since));
        within(left, runtime, row, view, work).await
    }

    /// Takes an event in: the next state is kept before it is adopted.
    ///
    /// # Errors
    /// What an operator asked for and cannot be; what keeps the state from being kept.
    async fn advance(&mut self, event: Event, asked: Option<(&str, &str)>, reins: &Reins) -> Result<()> {
        let now = self.runtime.clock.now();
        let is_seen = matches!(event, Event::Observed { .. });
        let is_drained = matches!(event, Event::Drained { .. } | Event::Idle);
        let Some(next) = machine::step(&self.row.state, &self.row.policy, now, event)? else {
            if is_seen {
                let seen = self.observer.judgement();
                reins.view.send_if_modified(|view| {
                    let is_new = view.state.judgement != seen;
                    view.state.judgement = seen;
                    is_new
                });
            }
            return Ok(());
        };
        let is_forward = next.route.is_some_and(|change| !change.is_back());
        if is_forward && matches!(next.state.phase, SwapPhase::Canary | SwapPhase::Watching) {
            self.observer.remember(&self.runtime, &self.row);
        }
        let mut after = SwapRow { state: next.state, ..self.row.clone() };
        after.state.judgement = self.observer.judgement().or(after.state.judgement);
        let kept = match next.route {
            // A release that serves again by now is not retired; the next look sees it.
            None if is_drained => self.keep(after, asked, true).await,
            None => self.keep(after, asked, false).await,
            Some(change) => self.change(after, change, asked).await,
        };
        let after = match kept {
            Err(error) if asked.is_none() && (is_taken_back(error.code) || is_forward && is_for_good(&error)) => {
                // Somebody has taken trust or approval away meanwhile, or it cannot serve any more, as
                // under a configuration that was changed: it gets no further.
                let refused = SwapReason { code: error.code.as_str().to_owned(), message: error.message };
                return Box::pin(self.advance(Event::Refused(refused), None, reins)).await;
            }
            Err(error) if error.code == Code::SwapConflict && asked.is_none() => {
                tracing::warn!(swap = %self.row.id, "a swap ends: {error}");
                let next = machine::step(&self.row.state, &self.row.policy, now, Event::Conflict)?;
                let Some(next) = next else { return Err(error) };
                self.keep(SwapRow { state: next.state, ..self.row.clone() }, None, false).await?
            }
            after => after?,
        };
        let Some(after) = after else { return Ok(()) };
        tracing::info!(
            tenant = %after.tenant, swap = %after.id, phase = after.state.phase.as_str(), weight = after.state.weight,
            reason = after.state.reason.as_ref().map(|reason| &reason.message), "a swap goes on"
        );
        self.observer.moved(&self.row, &after);
        if self.row.state.phase == SwapPhase::Migrating {
            // Whatever came of it: one of the copies is in use, and the other nobody's.
            (self.restarted, self.hold) = (false, None);
            self.runtime.leftovers.look();
        }
        self.row = after;
        reins.view.send_replace(view(&self.row));
        Ok(())
    }

    /// Keeps a state that changes no route; nothing if it records a retirement and the release
    /// serves.
    async fn keep(&self, after: SwapRow, asked: Option<(&str, &str)>, retires: bool) -> Result<Option<SwapRow>> {
        let runtime = &self.runtime;
        let _turn = runtime.routes.turn(&after.tenant, &after.agent).lock_owned().await;
        if retires && (work::serves_again(runtime, &self.row) || work::serves_elsewhere(runtime, &self.row).await?) {
            return Ok(None);
        }
        let decided = told::kept(&self.row, &after.state, asked, retires);
        let (rows, _) = runtime.store.change_swaps(vec![after], None, decided).await?;
        Ok(rows.into_iter().next())
    }

    /// Changes the route and keeps the state that goes with it.
    ///
    /// # Errors
    /// [`Code::SwapConflict`] if the route is not the one that this swap has made.
    async fn change(
        &mut self,
        after: SwapRow,
        change: RouteMove,
        asked: Option<(&str, &str)>,
    ) -> Result<Option<SwapRow>> {
        let runtime = self.runtime.clone();
        let until = if change.is_back() { tokio::time::Instant::now() } else { runtime.patience(&self.row) };
        let before = &self.row;
        let room = runtime.room(&after.tenant, &after.agent, until, |row| {
            let row = row.filter(|row| fits(before, row, change)).ok_or_else(|| moved_on(before))?;
            Ok(match change {
                RouteMove::Try(_) => After { kept: vec![row.digest, before.to.1], has_candidate: true },
                RouteMove::Promote => After { kept: vec![before.to.1], has_candidate: false },
                RouteMove::Drop => After { kept: vec![row.digest], has_candidate: false },
                RouteMove::Restore => {
                    let from = before.from.as_ref().map(|(_, digest)| *digest);
                    After { kept: from.into_iter().collect(), has_candidate: false }
                }
            })
        });
        let Room { turn, row, expired } = room.await?;
        let row = row.ok_or_else(|| moved_on(before))?;
        if expired > 0 {
            tracing::info!(swap = %before.id, calls = expired, "calls of an older release were ended");
        }
        if !change.is_back() {
            let reference = ReleaseRef { agent: before.agent.clone(), version: before.to.0.clone() };
            let release = runtime.store.release(&before.tenant, &reference).await?;
            let release = release.ok_or_else(|| release_not_found(&reference))?;
            runtime.may_serve(&release).await?;
            if let Leave::Wanting(approval) = runtime.leave(&before.tenant, &release, before.from.clone()).await? {
                return Err(approvals::pending(&approval));
            }
        }
        let (to, from) = (before.to.clone(), before.from.clone());
        let route = match change {
            RouteMove::Try(weight) => {
                let candidate = CandidateRow { version: to.0, digest: to.1, weight, swap: before.id };
                RouteChange { candidate: Some(Some(candidate)), ..RouteChange::default() }
            }
            RouteMove::Promote => RouteChange {
                serving: Some(to),
                candidate: Some(None),
                generation: (before.state.phase == SwapPhase::Migrating).then_some(row.state_generation + 1),
                ..RouteChange::default()
            },
            RouteMove::Drop => RouteChange { candidate: Some(None), ..RouteChange::default() },
            RouteMove::Restore => RouteChange { serving: from, candidate: Some(None), ..RouteChange::default() },
        };
        // What would be in force, as a row, to make its releases ready.
        let mut wanted = DeploymentRow { candidate: route.candidate.clone().flatten(), ..row.clone() };
        if let Some((version, digest)) = &route.serving {
            (wanted.serving, wanted.digest) = (version.clone(), *digest);
        }
        let mut decided = told::moved(before, &after.state, asked, false);
        let by = asked.map(|(by, _)| by.to_owned());
        let mut change = Change { expected: Some(row.epoch), route, by, ..Change::default() };
        let mut placed: Placed = runtime.placed(&wanted, &change).await?;
        if let (Some(tried), Some(canary)) = (&mut placed.tried, &before.policy.canary) {
            tried.1 = canary.by;
        }
        if change.route.serving.is_some() {
            change.route.form = Some(placed.serving.manifest.state.version);
            change.route.grants = runtime.brought(&placed.serving, Some(&row))?;
        }
        change.swaps = vec![after];
        change.decided.append(&mut decided);
        let (_, swaps) = runtime.put_in_force(turn, placed, &row.tenant, &row.agent, change).await?;
        Ok(swaps.into_iter().next())
    }
}

/// Does the work of a state for as long as it may take, and tells whoever looks how many are before
/// it while it stands in line to compile. That takes nothing of its time.
async fn within(
    mut left: Duration,
    runtime: &Runtime,
    swap: &SwapRow,
    view: &watch::Sender<SwapView>,
    work: impl Future<Output = Event>,
) -> Event {
    let mut work = std::pin::pin!(work);
    let mut component = None;
    while !left.is_zero() {
        let look = left.min(limits::SWAP_LOOK_EVERY);
        if let Ok(event) = tokio::time::timeout(look, &mut work).await {
            return event;
        }
        if component.is_none() && may_compile(swap.state.phase) {
            component = work::release(runtime, swap).await.ok().map(|release| release.component);
        }
        let ahead = component.and_then(|component| runtime.compiles.ahead(&swap.tenant, &component));
        if ahead.is_none() {
            left = left.saturating_sub(look);
        }
        view.send_if_modified(|view| {
            let is_new = view.state.ahead != ahead;
            view.state.ahead = ahead;
            is_new
        });
    }
    Event::Elapsed
}

/// Whether a swap may compile where it is.
const fn may_compile(phase: SwapPhase) -> bool {
    matches!(phase, SwapPhase::Verifying | SwapPhase::Warming)
}

/// The next order that is possible where a swap is. One that is not is refused here, since what is
/// under way ends with the others.
async fn possible(runtime: &Runtime, swap: &SwapRow, orders: &mut mpsc::Receiver<Order>) -> Option<Order> {
    loop {
        let order = orders.recv().await?;
        match machine::step(&swap.state, &swap.policy, runtime.clock.now(), Event::Operator(order.command)) {
            Ok(_) => return Some(order),
            // Who asked may have gone away.
            Err(error) => drop(order.done.send(Err(error))),
        }
    }
}

/// Whether a release may not serve any more, since somebody has said so.
const fn is_taken_back(code: Code) -> bool {
    use Code as Of;
    matches!(code, Of::ArtifactSignature | Of::ReleaseRejected | Of::ReleasePendingApproval | Of::SwapIncompatible)
}

/// Whether trying a change once more comes to the same, so that the swap ends with the error. What
/// goes back is tried until it is done.
fn is_for_good(error: &Error) -> bool {
    !error.retryable && error.code != Code::SwapConflict
}

/// Whether a route is the one that a swap changes from.
fn fits(swap: &SwapRow, row: &DeploymentRow, change: RouteMove) -> bool {
    let is_from = swap.from.as_ref().is_some_and(|(_, digest)| *digest == row.digest);
    let mine = row.candidate.as_ref().is_some_and(|candidate| candidate.swap == swap.id);
    match change {
        RouteMove::Try(_) | RouteMove::Promote if swap.state.phase != SwapPhase::Canary => {
            is_from && row.candidate.is_none()
        }
        RouteMove::Try(_) | RouteMove::Promote | RouteMove::Drop => is_from && mine,
        RouteMove::Restore => row.digest == swap.to.1 && row.candidate.is_none(),
    }
}

fn moved_on(swap: &SwapRow) -> Error {
    let message = format!("the deployment of {} is not as swap {} left it", swap.agent, swap.id);
    Error::new(Code::SwapConflict, message)
}

/// Whether a release is in force for a deployment, by itself or beside another.
pub(crate) fn is_in_force(runtime: &Runtime, swap: &SwapRow, digest: &troupe_core::Digest) -> bool {
    match runtime.routes.get(&swap.tenant, &swap.agent) {
        Some(Entry::Serving(route)) => route.both().any(|route| route.row.digest == *digest),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_to_the_same_when_it_is_tried_again_ends_a_swap_and_what_passes_does_not() {
        let of = |code| is_for_good(&Error::new(code, "no"));
        for code in [Code::ConfigurationInvalid, Code::ReleaseNotFound, Code::ProfileInvalid, Code::Internal] {
            assert!(of(code), "{code}");
        }
        for code in [Code::UnavailableStore, Code::UnavailableHost, Code::LimitConcurrency, Code::SwapConflict] {
            assert!(!of(code), "{code}");
        }
    }
}
