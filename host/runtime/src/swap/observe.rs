//! Looking at how a candidate does beside the release that serves, or after it.

use troupe_core::view::{Judgement, SwapPhase, SwapReason};
use troupe_core::{Code, limits};
use troupe_store::SwapRow;

use super::judge::{Judge, Pace};
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
    /// How the release before did, from before the candidate served.
    before: Option<Tally>,
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
}

impl Observer {
    pub(super) fn new(swap: &SwapRow) -> Self {
        let known = swap.state.judgement.as_ref();
        let pace = if swap.state.phase == SwapPhase::Watching { Pace::Before } else { Pace::Beside };
        Self {
            judge: Judge::new(&swap.policy.judge, pace, known),
            began: known.is_some(),
            old: None,
            new: None,
            calls: 0,
            before: None,
        }
    }

    /// What is known, if anything was compared.
    pub(super) fn judgement(&self) -> Option<Judgement> {
        self.began.then(|| self.judge.judgement())
    }

    /// Remembers how the releases did, right before the route changes.
    pub(super) fn remember(&mut self, runtime: &Runtime, swap: &SwapRow) {
        if let Some(Entry::Serving(route)) = runtime.routes.get(&swap.tenant, &swap.agent)
            && swap.from.as_ref().is_some_and(|(_, digest)| *digest == route.row.digest)
        {
            self.before = Some(route.tally.clone());
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
            (_, SwapPhase::Canary) => {
                // Multiples are fixed by what the old release did before; what is compared is
                // what comes beside the candidate.
                if let Some(tally) = &self.before {
                    self.judge.refer(tally.since(&mut 0));
                }
            }
            (before, SwapPhase::Watching) => {
                self.judge.pace(Pace::Before);
                if before != SwapPhase::Canary
                    && let Some(tally) = &self.before
                {
                    let calls = tally.since(&mut 0);
                    let (reference, compared) = calls.split_at(calls.len() / 2);
                    self.judge.refer(reference.iter().copied());
                    compared.iter().for_each(|call| self.judge.old(*call));
                }
            }
            _ => {}
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
        for call in self.old.as_mut().map(|old| old.tally.since(&mut old.seen)).unwrap_or_default() {
            self.judge.old(call);
        }
        for call in self.new.as_mut().map(|new| new.tally.since(&mut new.seen)).unwrap_or_default() {
            self.judge.new_call(call);
            self.calls += 1;
        }
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
