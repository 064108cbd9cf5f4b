//! How a group goes on: what has happened in, what is to be done out. It knows no store, no clock and
//! no documents.
//!
//! ```text
//!               every step has ended, none failed that may not
//!   running ───────────────────────────────────────────────────────────────▸ completed
//!    │    │
//!    │    │ a step failed that may not (`stop`, `cancel`), or somebody cancels
//!    │    ▼
//!    │  stopping: nothing begins any more; `cancel`, and whoever cancels, ends what runs
//!    │    │
//!    │    │ nothing runs any more, and something is to be undone
//!    │    ▼
//!    └─▸ compensating: what completed is undone, last first, one after the other ─▸ failed │ cancelled
//!     (`finish`: everything has ended that does not depend on what failed)
//!
//!   a step:  waiting ── what it needs has ended ──▸ running ──▸ completed │ failed │ cancelled
//!               └── what it needs will never be, or nothing begins any more ──▸ skipped
//! ```
//!
//! *The attack on correctness:* a step runs before what it needs, twice, or after the group has
//! stopped; something that was done is not undone, undone twice, or undone before what was built on it.
//! *The rule:* [`State::wants`] follows from the state alone, so that whoever is interrupted asks again
//! and is told what is still to be done; what was done is an [`Event`], and one that does not fit
//! changes nothing. *The default:* a step that does not say that it may fail stops the group.
//!
//! A step may be a *group* itself, whose steps are in the same plan. They begin once it has, by what they need of one
//! another, and it has ended when they have. A failure in it is a failure of its own course: it halts its own steps, undoes what
//! they did, and fails then as any other step does. What halts a group halts all within it. What a group did that
//! completed is undone with the group around it.
//!
//! The unit is a *call*: the task of a step, or that of one item of its array. What a call did is
//! undone by itself, also where another call of its step failed.

use serde::{Deserialize, Serialize};
use troupe_core::view::{GroupStatus, OnStepFailure, StepStatus, TaskFailure};

use super::course::{Course, Halt};

/// What of a group's document decides how it goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) on_failure: OnStepFailure,
    pub(super) steps: Vec<PlanStep>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlanStep {
    /// The steps that come to their end before it begins, by their place.
    pub(super) needs: Vec<usize>,
    /// Whether it makes a call of each item of an array.
    pub(super) is_many: bool,
    /// How many of its calls are under way at once.
    pub(super) at_once: usize,
    pub(super) may_fail: bool,
    /// Whether there is something that undoes it.
    pub(super) is_undone: bool,
    /// The step that is the group which this is a step of; nothing for those of the outermost.
    pub(super) within: Option<usize>,
    /// Of a step that is a group: what becomes of the rest of it once a step of it has failed.
    pub(super) inner: Option<OnStepFailure>,
}

impl Plan {
    /// What becomes of the rest of a group, the outermost or a step, once a step of it has failed.
    fn on_failure(&self, group: Option<usize>) -> OnStepFailure {
        let inner = group.and_then(|group| self.steps.get(group)).and_then(|step| step.inner);
        inner.unwrap_or(self.on_failure)
    }

    pub(super) fn within(&self, step: usize) -> Option<usize> {
        self.steps.get(step).and_then(|step| step.within)
    }

    /// Whether a step is in a group, at whichever depth.
    pub(super) fn is_in(&self, step: usize, group: usize) -> bool {
        self.within(step).is_some_and(|around| around == group || self.is_in(around, group))
    }
}

/// A call of a step: its place in the document, and the item's in the array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) step: usize,
    pub(super) item: usize,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Action {
    /// Find out how many calls a step has.
    Open(usize),
    /// Make the task of a call.
    Run(Call),
    /// Ask for the end of a call's task; again as long as it runs.
    Cancel(Call),
    /// Make the task that undoes what a call did.
    Undo(Call),
}

/// What has happened.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Event {
    /// A step has so many calls.
    Opened(usize, usize),
    /// It cannot be told how many calls a step has.
    Unopened(usize, TaskFailure),
    /// The task of a call is made, or the one that undoes it.
    Made(Call, Does),
    /// It cannot be made.
    Unmade(Call, Does, TaskFailure),
    /// The task of a call has ended, or the one that undoes it.
    Ended(Call, Does, Came),
    /// Somebody cancels the group.
    Cancelled,
}

/// What a task does for its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    Work,
    Undo,
}

/// What came of a task.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Came {
    Completed,
    Cancelled(TaskFailure),
    Failed(TaskFailure),
}

/// A group as it stands, which is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) steps: Vec<StepState>,
    /// That of the outermost group.
    #[serde(flatten)]
    pub(super) course: Course,
    /// Those of steps that are groups, from when there is something to say of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) inner: Vec<(usize, Course)>,
    #[serde(default)]
    has_ended: bool,
    /// The last end of a task that is known here.
    #[serde(default)]
    pub(super) seen: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct StepState {
    pub(super) status: StepStatus,
    /// Its calls; none before it has begun.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) calls: Vec<CallStatus>,
    /// Why the first of its calls failed that did, or why there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<TaskFailure>,
}

/// Where a call is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CallStatus {
    Waiting,
    Running,
    Completed,
    Failed,
    /// Cut off with its group.
    Cancelled,
    /// Never made.
    Skipped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Cause {
    /// The step at this place failed.
    Failed(usize),
    Cancelled,
}

impl CallStatus {
    pub(super) const fn has_ended(self) -> bool {
        !matches!(self, Self::Waiting | Self::Running)
    }
}

impl State {
    /// A group of which nothing has begun.
    pub(super) fn new(plan: &Plan) -> Self {
        let step = StepState { status: StepStatus::Waiting, calls: Vec::new(), failure: None };
        let mut state = Self {
            steps: vec![step; plan.steps.len()],
            course: Course::default(),
            inner: Vec::new(),
            has_ended: false,
            seen: 0,
        };
        state.settle(plan);
        state
    }

    pub(super) fn status(&self) -> GroupStatus {
        match (self.has_ended, self.course.cause) {
            (true, None) => GroupStatus::Completed,
            (true, Some(_)) if self.unmade().next().is_some() => GroupStatus::Failed,
            (true, Some(Cause::Failed(_))) => GroupStatus::Failed,
            (true, Some(Cause::Cancelled)) => GroupStatus::Cancelled,
            (false, _) if self.course.undo.is_some() => GroupStatus::Compensating,
            (false, _) if self.course.halt.is_some() => GroupStatus::Stopping,
            (false, _) => GroupStatus::Running,
        }
    }

    /// What came first of what keeps the group from completing.
    pub(super) const fn cause(&self) -> Option<Cause> {
        self.course.cause
    }

    fn status_of(&self, step: usize) -> Option<StepStatus> {
        self.steps.get(step).map(|step| step.status)
    }

    /// Forgets the words of failures.
    pub(super) fn forget_words(&mut self) {
        let courses = std::iter::once(&mut self.course).chain(self.inner.iter_mut().map(|(_, course)| course));
        let of_undo = courses.flat_map(|course| course.undo.iter_mut().flatten()).map(|undo| &mut undo.failure);
        for failure in self.steps.iter_mut().map(|step| &mut step.failure).chain(of_undo) {
            *failure = failure.as_ref().map(TaskFailure::redacted);
        }
    }

    /// What is to be done now.
    pub(super) fn wants(&self, plan: &Plan) -> Vec<Action> {
        if self.has_ended {
            return Vec::new();
        }
        if self.course.undo.is_some() {
            return self.course.next_undo().into_iter().collect();
        }
        let mut wants = Vec::new();
        for (step, (drawn, now)) in plan.steps.iter().zip(&self.steps).enumerate() {
            let calls = || now.calls.iter().enumerate();
            let those = |status: CallStatus| calls().filter(move |(_, call)| **call == status);
            let running = those(CallStatus::Running).map(|(item, _)| Call { step, item });
            let is_group = drawn.inner.is_some();
            if drawn.within.is_some_and(|group| self.status_of(group) != Some(StepStatus::Running)) {
                continue;
            }
            match (self.halt_of(plan, step), now.status) {
                (Some(Halt::Cancel), StepStatus::Running) => wants.extend(running.map(Action::Cancel)),
                (Some(_), _) => {}
                (None, StepStatus::Waiting) if self.has_what_it_needs(plan, drawn) => wants.push(Action::Open(step)),
                (None, StepStatus::Running) if !is_group => {
                    let room = drawn.at_once.saturating_sub(running.count());
                    let next = those(CallStatus::Waiting).map(|(item, _)| Call { step, item });
                    wants.extend(next.take(room).map(Action::Run));
                }
                (None, _) => {}
            }
        }
        wants.extend(self.inner.iter().filter_map(|(_, course)| course.next_undo()));
        wants
    }

    /// Takes note of what has happened.
    pub(super) fn apply(&mut self, plan: &Plan, event: Event) {
        match event {
            Event::Opened(step, calls) => self.open(plan, step, vec![CallStatus::Waiting; calls], None),
            Event::Unopened(step, failure) => {
                self.open(plan, step, Vec::new(), Some(failure));
                self.note_failure(plan, step);
            }
            Event::Made(call, Does::Work) => {
                self.turn(call, CallStatus::Waiting, CallStatus::Running, None);
            }
            Event::Unmade(call, Does::Work, failure) => {
                if self.turn(call, CallStatus::Waiting, CallStatus::Failed, Some(failure)).is_some() {
                    self.note_failure(plan, call.step);
                }
            }
            Event::Ended(call, Does::Work, came) => self.end(plan, call, came),
            Event::Made(call, Does::Undo) => self.turn_undo(call, StepStatus::Waiting, StepStatus::Running, None),
            Event::Unmade(call, Does::Undo, failure) => {
                self.turn_undo(call, StepStatus::Waiting, StepStatus::Failed, Some(failure));
            }
            Event::Ended(call, Does::Undo, came) => match came {
                Came::Completed => self.turn_undo(call, StepStatus::Running, StepStatus::Completed, None),
                Came::Cancelled(failure) | Came::Failed(failure) => {
                    self.turn_undo(call, StepStatus::Running, StepStatus::Failed, Some(failure));
                }
            },
            Event::Cancelled => {
                if !self.has_ended && self.course.undo.is_none() {
                    self.course.cause.get_or_insert(Cause::Cancelled);
                    self.course.halt = Some(Halt::Cancel);
                }
            }
        }
        self.settle(plan);
    }

    fn has_what_it_needs(&self, plan: &Plan, step: &PlanStep) -> bool {
        let is_there = |need: &usize| match self.steps.get(*need).map(|step| step.status) {
            Some(StepStatus::Completed) => true,
            Some(StepStatus::Failed) => plan.steps.get(*need).is_some_and(|step| step.may_fail),
            _ => false,
        };
        step.needs.iter().all(is_there)
    }

    /// Whether something that a step needs will never be there.
    fn lacks(&self, plan: &Plan, step: &PlanStep) -> bool {
        let is_lost = |need: &usize| match self.steps.get(*need).map(|step| step.status) {
            Some(StepStatus::Skipped | StepStatus::Cancelled) => true,
            Some(StepStatus::Failed) => plan.steps.get(*need).is_some_and(|step| !step.may_fail),
            _ => false,
        };
        step.needs.iter().any(is_lost)
    }

    fn open(&mut self, plan: &Plan, step: usize, calls: Vec<CallStatus>, failure: Option<TaskFailure>) {
        let may_begin = self.halt_of(plan, step).is_none() && !self.has_ended;
        if let Some(step) = self.steps.get_mut(step)
            && step.status == StepStatus::Waiting
            && may_begin
        {
            *step = StepState { status: StepStatus::Running, calls, failure };
        }
    }

    /// Turns a call from one status to another; nothing if it has another one.
    fn turn(&mut self, call: Call, from: CallStatus, to: CallStatus, failure: Option<TaskFailure>) -> Option<Call> {
        let step = self.steps.get_mut(call.step)?;
        let status = step.calls.get_mut(call.item).filter(|status| **status == from)?;
        *status = to;
        if let Some(failure) = failure {
            step.failure.get_or_insert(failure);
        }
        Some(call)
    }

    fn turn_undo(&mut self, call: Call, from: StepStatus, to: StepStatus, failure: Option<TaskFailure>) {
        let courses = std::iter::once(&mut self.course).chain(self.inner.iter_mut().map(|(_, course)| course));
        let mut all = courses.flat_map(|course| course.undo.iter_mut().flatten());
        if let Some(undo) = all.find(|undo| undo.call == call && undo.status == from) {
            (undo.status, undo.failure) = (to, failure);
        }
    }

    fn end(&mut self, plan: &Plan, call: Call, came: Came) {
        let is_cancelling = self.halt_of(plan, call.step) == Some(Halt::Cancel);
        let (to, failure) = match came {
            Came::Completed => (CallStatus::Completed, None),
            Came::Cancelled(_) if is_cancelling => (CallStatus::Cancelled, None),
            Came::Cancelled(failure) | Came::Failed(failure) => (CallStatus::Failed, Some(failure)),
        };
        if self.turn(call, CallStatus::Running, to, failure).is_none() {
            return;
        }
        let is_undone = plan.steps.get(call.step).is_some_and(|step| step.is_undone);
        match to {
            CallStatus::Completed if is_undone => self.course_mut(plan.within(call.step)).done.push(call),
            CallStatus::Failed => self.note_failure(plan, call.step),
            _ => {}
        }
    }

    /// Notes that a step fails, by one of its calls or before it has any.
    fn note_failure(&mut self, plan: &Plan, step: usize) {
        if plan.steps.get(step).is_none_or(|step| step.may_fail) {
            return;
        }
        self.fail(plan, step);
    }

    /// Notes that the group of a step fails by it.
    fn fail(&mut self, plan: &Plan, step: usize) {
        let group = plan.within(step);
        self.course_mut(group).fail(step, plan.on_failure(group));
    }

    /// Draws what follows from all that is known.
    fn settle(&mut self, plan: &Plan) {
        loop {
            let before = self.clone();
            for (at, drawn) in plan.steps.iter().enumerate() {
                let is_halted = self.halt_of(plan, at).is_some();
                let is_over = drawn.within.and_then(|group| self.status_of(group)).is_some_and(StepStatus::is_final);
                let is_lost = is_halted || is_over || self.lacks(plan, drawn);
                let Some(step) = self.steps.get_mut(at) else { continue };
                match step.status {
                    StepStatus::Waiting if is_lost => step.status = StepStatus::Skipped,
                    StepStatus::Running if drawn.inner.is_some() => self.settle_group(plan, at),
                    StepStatus::Running => step.settle(drawn, is_halted),
                    _ => {}
                }
            }
            if *self == before {
                break;
            }
        }
        if self.has_ended || !self.steps.iter().all(|step| step.status.is_final()) {
            return;
        }
        self.has_ended = self.course.cause.is_none() || self.course.is_undone();
    }

    /// Whether the steps of a group have ended, and what came of it by that.
    fn settle_group(&mut self, plan: &Plan, at: usize) {
        if self.steps.get(at).is_none_or(|step| step.failure.is_some()) {
            // It could not begin, and none of its steps does.
            return self.close(at, StepStatus::Failed, None);
        }
        let of_group = plan.steps.iter().zip(&self.steps).filter(|(drawn, _)| drawn.within == Some(at));
        let statuses: Vec<StepStatus> = of_group.map(|(_, step)| step.status).collect();
        if !statuses.iter().all(|status| status.is_final()) {
            return;
        }
        let course = self.course_mut(Some(at));
        let Some(cause) = course.cause else {
            // What it did is undone with the group around it, also where it was cut off with that.
            let done = std::mem::take(&mut course.done);
            self.course_mut(plan.within(at)).done.extend(done);
            let is_short = statuses.iter().any(|status| matches!(status, StepStatus::Cancelled | StepStatus::Skipped));
            return self.close(at, if is_short { StepStatus::Cancelled } else { StepStatus::Completed }, None);
        };
        if !course.is_undone() {
            return;
        }
        let is_stuck = self.unmade().any(|undo| plan.is_in(undo.call.step, at));
        let failure = match cause {
            Cause::Failed(by) => self.steps.get(by).and_then(|step| step.failure.clone()),
            Cause::Cancelled => None,
        };
        self.close(at, StepStatus::Failed, failure);
        // What could not be undone is nothing that may be.
        match is_stuck {
            true => self.fail(plan, at),
            false => self.note_failure(plan, at),
        }
    }

    fn close(&mut self, at: usize, status: StepStatus, failure: Option<TaskFailure>) {
        if let Some(step) = self.steps.get_mut(at) {
            step.status = status;
            step.failure = step.failure.take().or(failure);
        }
    }
}

impl StepState {
    /// Whether all calls have ended, and what came of the step by that.
    fn settle(&mut self, drawn: &PlanStep, is_halted: bool) {
        if is_halted {
            for call in self.calls.iter_mut().filter(|call| **call == CallStatus::Waiting) {
                *call = CallStatus::Skipped;
            }
        }
        if !self.calls.iter().all(|call| call.has_ended()) {
            return;
        }
        let has = |status: CallStatus| self.calls.contains(&status);
        let is_failed = has(CallStatus::Failed) || (self.calls.is_empty() && self.failure.is_some());
        self.status = if has(CallStatus::Cancelled) || has(CallStatus::Skipped) {
            if is_failed && !drawn.may_fail { StepStatus::Failed } else { StepStatus::Cancelled }
        } else if !is_failed || (drawn.may_fail && drawn.is_many && !self.calls.is_empty()) {
            StepStatus::Completed
        } else {
            StepStatus::Failed
        };
    }
}
