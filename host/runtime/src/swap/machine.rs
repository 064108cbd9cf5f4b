//! The life of a swap, as a machine without I/O: a state, a policy and an event give the next
//! state and the change of the route that goes with it. Whoever drives it makes both durable
//! in one transaction and adopts the new state only then, so that a crash at any instant
//! leaves the one before or the one after.
//!
//! ```text
//!  verifying ──▸ rehearsing ──▸ warming ──▸ migrating ─── promote ──────────────┐
//!    │   ▲▾          │             │            │                               │
//!    │   awaiting approval         ├─ try ──▸ canary ⟲ next weight              │
//!    │         │     │             │            │  │                            │
//!    │         │     │             └─ promote ─▸│  │                            │
//!    │         │     │                          │  │                            │
//!    │         │     │                      watching │ drop                      │
//!    │         │     │                   restore │ │  │                          │
//!    │         │     │                          │ ▾  ▾                          ▾
//!    │         │     │                          └▸ draining ──▸ parked ──────▸ ended
//!    ▾         ▾     ▾
//!   ended, the route as it was
//! ```
//!
//! What is optional is passed over: `awaiting_approval` if nothing needs approval (what
//! was approved is checked again before it goes on), `rehearsing`, `canary` and `watching` unless the policy asks for them, `migrating` unless state is brought to
//! another form. Then there is no canary, since two forms cannot live side by side, no watch, since
//! what served before cannot read what is there, and no drain, since that came before: the release
//! before is retired by the change that makes the other one serve.
//!
//! | change of the route | what it means |
//! |---|---|
//! | try | the candidate has its weight's share of affinity keys |
//! | promote | the candidate serves; the old release drains |
//! | drop | the candidate has nothing any more, and drains |
//! | restore | the old release serves again; the candidate drains |
//!
//! | failure | from | to, with the outcome |
//! |---|---|---|
//! | cannot serve | verifying, warming, migrating | ended: refused |
//! | not approved of | awaiting approval | ended: rejected |
//! | nothing to repeat, and there must be | rehearsing | ended: not rehearsed |
//! | does otherwise more than it may | rehearsing | ended: differs |
//! | may serve no more, since a key was revoked | canary | drop, draining: stopped |
//! | found worse | canary | drop, draining: stopped (or held, if the policy says so) |
//! | found worse | watching | restore, draining: rolled back (or held) |
//! | a step takes too long | verifying to migrating | ended: refused |
//! | too few calls for too long | canary | drop, draining: stopped; or the next step, by policy |
//! | an operator rolls back or aborts | before the canary | ended: aborted |
//! | the same | canary | drop, draining: rolled back or aborted |
//! | the same | watching | restore, draining: rolled back |
//! | somebody else changed the route | any that is in charge of it | ended: conflict |
//! | the host restarts | migrating | ended: refused |
//! | the same | any other | the same again: what was under way begins anew |
//! | what drains serves again | draining, parked | ended, with its outcome |
//!
//! A state in charge of the route (`SwapPhase::is_in_charge`) is the only one of its
//! deployment. Those that drain may be several for a moment, and change nothing any more.

use std::time::Duration;

use troupe_core::view::{
    CanaryPolicy, CanaryStep, Judgement, OnFailure, RehearsalSummary, SwapOutcome, SwapPhase, SwapPolicy, SwapReason,
    SwapState, Undecided,
};
use troupe_core::{Code, Error, Result, Timestamp, limits};

pub(crate) use super::route_move::RouteMove;

/// What happens to a swap.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// The release may serve; whether state is brought to another form for it.
    Verified { migrates: bool },
    /// It may not serve before somebody has approved of it.
    ApprovalNeeded { approval: String },
    /// Somebody has, or something else is to be approved by now: it is checked again.
    Approved,
    /// Somebody has not.
    Rejected { why: String },
    /// It cannot serve.
    Refused(SwapReason),
    /// It was rehearsed.
    Rehearsed(RehearsalSummary),
    /// It is loaded and has described itself as it should.
    Warmed,
    /// A copy of state is in the form that it reads, and nothing of the agent runs.
    Migrated,
    /// The host was started again in this state.
    Restarted,
    /// How it does; `calls` of its ended in this phase or step of the canary.
    Observed { calls: u64, worse: Option<SwapReason>, judgement: Box<Judgement> },
    /// Time has passed.
    Elapsed,
    /// Nothing runs any more on the release that drains; whether suspended tasks need it.
    Drained { parked: bool },
    /// Nothing needs the release any more.
    Idle,
    /// The release that drains serves again, by another swap.
    ServesAgain,
    /// The route is not the one that this swap has made.
    Conflict,
    /// An operator decides.
    Operator(Command),
}

/// What an operator can ask of a swap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Another weight; from then on the operator decides what is next.
    Weight(u8),
    /// On to serving, and from watching on to draining.
    Promote,
    /// Back to the release before.
    Rollback,
    /// Back to the release before, and nothing more is wanted of this swap.
    Abort,
}

/// What follows from an event: both are made durable together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Next {
    pub(crate) state: SwapState,
    pub(crate) route: Option<RouteMove>,
}

/// What is to be done while a swap is where it is; begun anew after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Verify,
    AwaitApproval,
    Rehearse,
    Warm,
    Migrate,
    /// Look at how the candidate does.
    Observe,
    /// Wait for what drains.
    Drain,
    /// Wait for suspended tasks.
    Park,
    /// It is over.
    Nothing,
}

/// Which of its two releases a swap retires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retires {
    From,
    To,
}

/// A swap that begins.
pub(crate) const fn begun(at: Timestamp) -> SwapState {
    SwapState {
        phase: SwapPhase::Verifying,
        outcome: None,
        reason: None,
        since: at,
        step: 0,
        weight: 0,
        held: false,
        migrates: false,
        draining_since: None,
        approval: None,
        progress: None,
        ahead: None,
        rehearsal: None,
        judgement: None,
    }
}

/// What is to be done in a state.
pub(crate) const fn work(state: &SwapState) -> Work {
    match state.phase {
        SwapPhase::Verifying => Work::Verify,
        SwapPhase::AwaitingApproval => Work::AwaitApproval,
        SwapPhase::Rehearsing => Work::Rehearse,
        SwapPhase::Warming => Work::Warm,
        SwapPhase::Migrating => Work::Migrate,
        SwapPhase::Canary | SwapPhase::Watching => Work::Observe,
        SwapPhase::Draining => Work::Drain,
        SwapPhase::Parked => Work::Park,
        SwapPhase::Ended => Work::Nothing,
    }
}

/// Which release drains in a state, if one does.
pub(crate) fn retires(state: &SwapState) -> Option<Retires> {
    match (state.phase, state.outcome) {
        (SwapPhase::Watching, _) | (SwapPhase::Draining | SwapPhase::Parked, Some(SwapOutcome::Promoted)) => {
            Some(Retires::From)
        }
        (SwapPhase::Draining | SwapPhase::Parked, _) => Some(Retires::To),
        _ => None,
    }
}

/// The longest that a phase may take by itself, whatever the policy says.
pub(crate) const fn time_max(phase: SwapPhase) -> Option<Duration> {
    match phase {
        SwapPhase::Verifying | SwapPhase::Warming => Some(limits::SWAP_STEP_TIME_MAX),
        SwapPhase::Rehearsing => Some(limits::SWAP_LONG_STEP_TIME_MAX),
        SwapPhase::Migrating => Some(limits::SWAP_MIGRATION_TIME_MAX),
        _ => None,
    }
}

/// What follows from `event` at the time `at`; nothing if nothing does.
///
/// # Errors
/// [`Code::SwapConflict`] if an operator asks for what is not possible where the swap is, and
/// [`Code::RequestInvalid`] for a weight that is none.
pub(crate) fn step(state: &SwapState, policy: &SwapPolicy, at: Timestamp, event: Event) -> Result<Option<Next>> {
    let here = Here { state, policy, at };
    if let Event::Operator(command) = event {
        return here.commanded(command).map(Some);
    }
    Ok(here.happened(event))
}

/// A state, and what is needed to leave it.
struct Here<'a> {
    state: &'a SwapState,
    policy: &'a SwapPolicy,
    at: Timestamp,
}

impl Here<'_> {
    fn happened(&self, event: Event) -> Option<Next> {
        use SwapPhase as In;
        if event == Event::Conflict {
            let reason = reason(Code::SwapConflict, "the deployment was changed by somebody else");
            return self.state.phase.is_in_charge().then(|| self.ended(SwapOutcome::Conflict, Some(reason)));
        }
        match (self.state.phase, event) {
            (In::Verifying, Event::ApprovalNeeded { approval }) => {
                let mut next = self.to(In::AwaitingApproval);
                next.state.approval = Some(approval);
                Some(next)
            }
            (In::Verifying, Event::Verified { migrates }) => {
                let mut next = self.verified();
                next.state.migrates = migrates;
                Some(next)
            }
            (In::AwaitingApproval, Event::Approved) => Some(self.to(In::Verifying)),
            (In::AwaitingApproval, Event::Rejected { why }) => {
                Some(self.ended(SwapOutcome::Rejected, Some(reason(Code::ReleaseRejected, why))))
            }
            (In::Rehearsing, Event::Rehearsed(summary)) => Some(self.rehearsed(summary)),
            (In::Warming, Event::Warmed) => Some(self.warmed()),
            (In::Migrating, Event::Migrated) => Some(self.migrated()),
            (In::Migrating, Event::Restarted) => {
                let why = "the host stopped while state was migrated; swap again";
                Some(self.ended(SwapOutcome::Refused, Some(reason(Code::UnavailableHost, why))))
            }
            (In::Verifying | In::Rehearsing | In::Warming | In::Migrating, Event::Refused(why)) => {
                Some(self.ended(SwapOutcome::Refused, Some(why)))
            }
            (phase, Event::Elapsed) if time_max(phase).is_some_and(|most| self.lasted() >= most) => {
                let message = format!("{} took longer than it may, {} s", phase.as_str(), self.lasted().as_secs());
                Some(self.ended(SwapOutcome::Refused, Some(reason(Code::SwapUndecided, message))))
            }
            (In::Canary, Event::Refused(why)) => Some(self.dropped(SwapOutcome::Stopped, why)),
            (In::Canary, Event::Observed { calls, worse, judgement }) => self.tried(calls, worse, *judgement),
            (In::Watching, Event::Observed { worse, judgement, .. }) => self.watched(worse, *judgement),
            (In::Draining, Event::Drained { parked: true }) => Some(self.to(In::Parked)),
            (In::Draining, Event::Drained { parked: false } | Event::ServesAgain)
            | (In::Parked, Event::Idle | Event::ServesAgain) => Some(self.to(In::Ended)),
            _ => None,
        }
    }

    fn commanded(&self, command: Command) -> Result<Next> {
        use SwapPhase as In;
        match (self.state.phase, command) {
            (In::Canary, Command::Weight(weight)) => self.weighed(weight),
            (In::Canary, Command::Promote) => Ok(self.promoted()),
            (In::Watching, Command::Promote) => Ok(self.settled()),
            (In::Canary, Command::Rollback) => Ok(self.dropped(SwapOutcome::RolledBack, by_hand())),
            (In::Canary, Command::Abort) => Ok(self.dropped(SwapOutcome::Aborted, by_hand())),
            (In::Watching, Command::Rollback | Command::Abort) => Ok(self.restored(by_hand())),
            (
                In::Verifying | In::AwaitingApproval | In::Rehearsing | In::Warming | In::Migrating,
                Command::Rollback | Command::Abort,
            ) => Ok(self.ended(SwapOutcome::Aborted, Some(by_hand()))),
            (phase, command) => {
                let what = match command {
                    Command::Weight(_) => "given a weight",
                    Command::Promote => "promoted",
                    Command::Rollback => "rolled back",
                    Command::Abort => "aborted",
                };
                let phase = phase.as_str();
                let message = format!("the swap is {phase}, so it cannot be {what}; look at it again");
                Err(Error::new(Code::SwapConflict, message).with("phase", phase))
            }
        }
    }

    /// How long the swap has been in its phase, or in the step of its canary.
    fn lasted(&self) -> Duration {
        self.at.since(self.state.since)
    }

    fn to(&self, phase: SwapPhase) -> Next {
        let state = SwapState { phase, since: self.at, held: false, progress: None, ahead: None, ..self.state.clone() };
        Next { state, route: None }
    }

    /// Ends at once, with the route as it is.
    fn ended(&self, outcome: SwapOutcome, why: Option<SwapReason>) -> Next {
        let mut next = self.to(SwapPhase::Ended);
        next.state.outcome = Some(outcome);
        next.state.reason = why;
        next
    }

    fn verified(&self) -> Next {
        self.to(if self.policy.rehearse.is_some() { SwapPhase::Rehearsing } else { SwapPhase::Warming })
    }

    fn rehearsed(&self, summary: RehearsalSummary) -> Next {
        let only_tell = self.policy.rehearse.is_none_or(|rehearse| rehearse.only_tell);
        let mut next = if summary.verdict.passes || only_tell {
            self.to(SwapPhase::Warming)
        } else {
            let why = summary.verdict.reasons.join("; ");
            match summary.total {
                0 => self.ended(SwapOutcome::NotRehearsed, Some(reason(Code::SwapUndecided, why))),
                _ => self.ended(SwapOutcome::Differs, Some(reason(Code::SwapUnhealthy, why))),
            }
        };
        next.state.rehearsal = Some(summary);
        next
    }

    fn warmed(&self) -> Next {
        if self.state.migrates {
            return self.to(SwapPhase::Migrating);
        }
        match self.canary().and_then(|canary| canary.steps.first()) {
            Some(first) => self.tries(0, first.weight),
            None => self.promoted(),
        }
    }

    fn canary(&self) -> Option<&CanaryPolicy> {
        self.policy.canary.as_ref()
    }

    fn step(&self) -> Option<&CanaryStep> {
        self.canary()?.steps.get(self.state.step)
    }

    fn tries(&self, step: usize, weight: u8) -> Next {
        let mut next = self.to(SwapPhase::Canary);
        (next.state.step, next.state.weight) = (step, weight);
        next.route = Some(RouteMove::Try(weight));
        next
    }

    fn tried(&self, calls: u64, worse: Option<SwapReason>, judgement: Judgement) -> Option<Next> {
        let mut next = self.judged(calls, worse)?;
        next.state.judgement = Some(judgement);
        Some(next)
    }

    fn judged(&self, calls: u64, worse: Option<SwapReason>) -> Option<Next> {
        if let Some(why) = worse {
            return match self.policy.on_failure {
                OnFailure::Rollback => Some(self.dropped(SwapOutcome::Stopped, why)),
                OnFailure::Hold => self.holds(why),
            };
        }
        let (canary, step) = (self.canary()?, self.step()?);
        if self.state.held {
            return None;
        }
        if calls >= step.min_calls && self.lasted() >= Duration::from_secs(step.min_seconds) {
            return Some(self.goes_on(canary));
        }
        if self.lasted() < Duration::from_secs(canary.max_seconds) {
            return None;
        }
        Some(match canary.undecided {
            Undecided::GoOn => self.goes_on(canary),
            Undecided::Stop => {
                let (seconds, wanted) = (self.lasted().as_secs(), step.min_calls);
                let message = format!(
                    "only {calls} of the {wanted} calls that the step wants came in {seconds} s; calls under few keys \
                     may all fall to the old release, which `affinity` with each call or `by: task` mends"
                );
                self.dropped(SwapOutcome::Stopped, reason(Code::SwapUndecided, message))
            }
        })
    }

    fn goes_on(&self, canary: &CanaryPolicy) -> Next {
        let step = self.state.step + 1;
        match canary.steps.get(step) {
            Some(next) => self.tries(step, next.weight),
            None => self.promoted(),
        }
    }

    fn weighed(&self, weight: u8) -> Result<Next> {
        let now = self.state.weight;
        if weight > 100 || weight <= now {
            let message = format!(
                "the weight is {now} % and may only rise, to 100, since a caller who has seen the candidate is not sent \
                 back; `rollback` takes it from all of them"
            );
            return Err(Error::new(Code::RequestInvalid, message).with("weight", now));
        }
        let mut next = self.tries(self.state.step, weight);
        next.state.held = true;
        Ok(next)
    }

    fn watched(&self, worse: Option<SwapReason>, judgement: Judgement) -> Option<Next> {
        let mut next = match worse {
            Some(why) => match self.policy.on_failure {
                OnFailure::Rollback => self.restored(why),
                OnFailure::Hold => self.holds(why)?,
            },
            None => {
                let seconds = self.policy.watch.as_ref().map_or(0, |watch| watch.seconds);
                if self.state.held || self.lasted() < Duration::from_secs(seconds) {
                    return None;
                }
                self.settled()
            }
        };
        next.state.judgement = Some(judgement);
        Some(next)
    }

    /// Waits for an operator where it is, once.
    fn holds(&self, why: SwapReason) -> Option<Next> {
        if self.state.held && self.state.reason.is_some() {
            return None;
        }
        let state = SwapState { held: true, reason: Some(why), ..self.state.clone() };
        Some(Next { state, route: None })
    }

    /// The candidate serves.
    fn promoted(&self) -> Next {
        let mut next = if self.policy.watch.is_some() { self.to(SwapPhase::Watching) } else { self.settled() };
        next.state.weight = 100;
        next.state.draining_since = Some(self.at);
        next.route = Some(RouteMove::Promote);
        next
    }

    /// The candidate serves on its copy of state, and the release before, of which nothing runs, is
    /// retired.
    fn migrated(&self) -> Next {
        let mut next = self.ended(SwapOutcome::Promoted, None);
        next.state.weight = 100;
        next.route = Some(RouteMove::Promote);
        next
    }

    /// What serves goes on to serve, and the swap is over once the old release has drained.
    fn settled(&self) -> Next {
        let mut next = self.to(SwapPhase::Draining);
        next.state.outcome = Some(SwapOutcome::Promoted);
        next.state.draining_since = self.state.draining_since.or(Some(self.at));
        next
    }

    fn dropped(&self, outcome: SwapOutcome, why: SwapReason) -> Next {
        let mut next = self.retired(outcome, why);
        next.route = Some(RouteMove::Drop);
        next
    }

    fn restored(&self, why: SwapReason) -> Next {
        let mut next = self.retired(SwapOutcome::RolledBack, why);
        next.route = Some(RouteMove::Restore);
        next
    }

    /// The candidate drains.
    fn retired(&self, outcome: SwapOutcome, why: SwapReason) -> Next {
        let mut next = self.to(SwapPhase::Draining);
        next.state.outcome = Some(outcome);
        next.state.reason = Some(why);
        next.state.weight = 0;
        next.state.draining_since = Some(self.at);
        next
    }
}

fn reason(code: Code, message: impl Into<String>) -> SwapReason {
    SwapReason { code: code.as_str().to_owned(), message: message.into() }
}

fn by_hand() -> SwapReason {
    reason(Code::Cancelled, "an operator decided so")
}
