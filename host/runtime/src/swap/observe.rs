//! Looking at how a candidate does beside the release that serves, or after it.

use troupe_core::view::{Judgement, SwapPhase, SwapReason};
use troupe_core::{Code, Timestamp, limits};
use troupe_store::SwapRow;

use super::judge::{Judge, Observation};
use super::machine::Event;
use super::tally::Tally;
use super::work;
use crate::Runtime;
use crate::routes::Entry;

/// What was seen of a swap's releases.
pub(super) struct Observer {
    judge: Judge,
    /// Whether anything was compared.
    began: bool,
    old: Option<Cursor>,
    new: Option<Cursor>,
    /// Calls of the candidate in this phase or step.
    calls: u64,
}

#[derive(Debug)]
struct Cursor {
    tally: Tally,
    seen: u64,
}

impl Cursor {
    /// The same, if it is of this tally; else one that begins with what comes from now on.
    fn of(cursor: Option<Self>, tally: &Tally) -> Self {
        match cursor {
            Some(cursor) if cursor.tally.is(tally) => cursor,
            _ => Self { tally: tally.clone(), seen: tally.seen() },
        }
    }

    /// The same, but else one that begins with what is remembered.
    fn of_all(cursor: Option<Self>, tally: &Tally) -> Self {
        match cursor {
            Some(cursor) if cursor.tally.is(tally) => cursor,
            _ => Self { tally: tally.clone(), seen: 0 },
        }
    }

    /// What has come since it was asked last.
    fn next(&mut self) -> Vec<Observation> {
        self.tally.since(&mut self.seen)
    }
}

impl Observer {
    /// Who looks at a swap that is taken up, or begins.
    pub(super) fn new(swap: &SwapRow, now: Timestamp) -> Self {
        let known = swap.state.judgement.as_ref();
        let mut judge = Judge::new(&swap.policy, known);
        if swap.state.phase == SwapPhase::Watching {
            judge.watch_again(now.since(swap.state.since));
        }
        Self { judge, began: known.is_some(), old: None, new: None, calls: 0 }
    }

    /// What is known, if anything was compared.
    pub(super) fn judgement(&self) -> Option<Judgement> {
        self.began.then(|| self.judge.judgement())
    }

    /// Takes in how the old release did until now, so that it is kept with the swap's row when the
    /// candidate gets calls, or all of them.
    pub(super) fn remember(&mut self, runtime: &Runtime, swap: &SwapRow) {
        let Some(Entry::Serving(route)) = runtime.routes.get(&swap.tenant, &swap.agent) else { return };
        if swap.from.as_ref().is_none_or(|(_, digest)| *digest != route.row.digest) {
            return;
        }
        self.began = true;
        if swap.state.phase == SwapPhase::Canary {
            self.old = Some(Cursor::of(self.old.take(), &route.tally));
            self.see_old();
        } else {
            self.old = Some(Cursor::of_all(self.old.take(), &route.tally));
            self.know_old();
        }
    }

    /// Takes in that the swap is in another phase or step.
    pub(super) fn moved(&mut self, before: &SwapRow, after: &SwapRow) {
        let (from, to) = (&before.state, &after.state);
        if (from.phase, from.step, from.weight) == (to.phase, to.step, to.weight) {
            return;
        }
        self.calls = 0;
        match (from.phase, to.phase) {
            (SwapPhase::Canary, SwapPhase::Canary) => {}
            // Calls that ended while the change waited were beside nobody.
            (_, SwapPhase::Canary) => self.know_old(),
            (_, SwapPhase::Watching) => {
                self.judge.watch();
                self.old = None;
            }
            _ => {}
        }
    }

    /// Takes the old release's calls from before the candidate has any.
    fn know_old(&mut self) {
        let calls = self.old.as_mut().map(Cursor::next).unwrap_or_default();
        self.judge.before(&calls);
    }

    /// Takes the old release's calls from beside the candidate.
    fn see_old(&mut self) {
        for call in self.old.as_mut().map(Cursor::next).unwrap_or_default() {
            self.judge.old(call);
        }
    }

    /// Looks once, at once if a call has ended badly, else after a while.
    pub(super) async fn look(&mut self, runtime: &Runtime, swap: &SwapRow) -> Event {
        if swap.state.phase == SwapPhase::Watching {
            work::expire_late(runtime, swap);
        }
        let Some(Entry::Serving(route)) = runtime.routes.get(&swap.tenant, &swap.agent) else {
            return self.gone(swap, "the deployment cannot serve");
        };
        let tried = match swap.state.phase {
            SwapPhase::Canary => {
                let tried = route.tried.as_ref().filter(|tried| tried.swap == swap.id);
                let Some(tried) = tried else { return self.gone(swap, "the candidate cannot be loaded") };
                self.old = Some(Cursor::of(self.old.take(), &route.tally));
                &tried.route
            }
            _ => &route,
        };
        if !self.new.as_ref().is_some_and(|new| new.tally.is(&tried.tally)) {
            // A candidate's first calls count as well.
            self.new = Some(Cursor { tally: tried.tally.clone(), seen: 0 });
        }
        let _ = tokio::time::timeout(limits::SWAP_LOOK_EVERY, tried.tally.bad()).await;
        self.began = true;
        self.see_old();
        for call in self.new.as_mut().map(Cursor::next).unwrap_or_default() {
            self.judge.new_call(call);
            self.calls += 1;
        }
        // What begins now begins with the next call.
        self.judge.lasted(runtime.clock.now().since(swap.state.since));
        let quarantined = tried.quarantine.view().is_some();
        let quarantined = quarantined.then(|| worse("it is quarantined, since it trapped again and again"));
        Event::Observed {
            calls: self.calls,
            worse: self.judge.worse().or(quarantined),
            judgement: Box::new(self.judge.judgement()),
        }
    }

    /// The candidate cannot be seen at all.
    fn gone(&self, swap: &SwapRow, why: &str) -> Event {
        tracing::warn!(swap = %swap.id, "{why}");
        Event::Observed { calls: self.calls, worse: Some(worse(why)), judgement: Box::new(self.judge.judgement()) }
    }
}

fn worse(why: &str) -> SwapReason {
    SwapReason { code: Code::SwapUnhealthy.as_str().to_owned(), message: why.to_owned() }
}
