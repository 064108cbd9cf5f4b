//! How one group goes: what keeps it from completing, and what of it is undone. The outermost has one, and so has each
//! that is a step of another.

use serde::{Deserialize, Serialize};
use troupe_core::view::{OnStepFailure, StepStatus, TaskFailure};

use super::machine::{Action, Call, Cause, Plan, State};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Course {
    /// What came first of what keeps the group from completing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cause: Option<Cause>,
    /// Why nothing begins any more, while that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) halt: Option<Halt>,
    /// Calls that are undone should it come to that, in the order in which they completed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) done: Vec<Call>,
    /// What undoes them, in the order in which it does, once it has come to that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) undo: Option<Vec<Undo>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Undo {
    pub(super) call: Call,
    pub(super) status: StepStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<TaskFailure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Halt {
    /// What runs comes to its end.
    LetEnd,
    /// What runs is cancelled.
    Cancel,
}

impl Course {
    /// Notes that a step of it has failed that may not.
    pub(super) fn fail(&mut self, step: usize, on_failure: OnStepFailure) {
        self.cause.get_or_insert(Cause::Failed(step));
        let halt = match on_failure {
            OnStepFailure::Stop => Some(Halt::LetEnd),
            OnStepFailure::Cancel => Some(Halt::Cancel),
            OnStepFailure::Finish => None,
        };
        self.halt = self.halt.max(halt);
    }

    /// What is to be undone next, unless something is being undone.
    pub(super) fn next_undo(&self) -> Option<Action> {
        let next = self.undo.iter().flatten().find(|undo| !undo.status.is_final());
        next.filter(|undo| undo.status == StepStatus::Waiting).map(|undo| Action::Undo(undo.call))
    }

    /// Begins to undo what was done, last first, unless that has begun; whether all of it has come to an end.
    pub(super) fn is_undone(&mut self) -> bool {
        let undo = |call: &Call| Undo { call: *call, status: StepStatus::Waiting, failure: None };
        let (done, all) = (&self.done, &mut self.undo);
        let all = all.get_or_insert_with(|| done.iter().rev().map(undo).collect());
        all.iter().all(|undo| undo.status.is_final())
    }

    /// What could not be undone.
    pub(super) fn unmade(&self) -> impl Iterator<Item = &Undo> {
        self.undo.iter().flatten().filter(|undo| undo.status == StepStatus::Failed)
    }
}

impl State {
    /// The step by which a step failed: itself, or, of a group, that one of its steps which came first.
    pub(super) fn failed_by(&self, step: usize) -> usize {
        match self.course_of(Some(step)).and_then(|course| course.cause) {
            Some(Cause::Failed(by)) => self.failed_by(by),
            _ => step,
        }
    }

    /// What is undone, or was, in whichever group.
    pub(super) fn undos(&self) -> impl Iterator<Item = &Undo> {
        self.courses().flat_map(|course| course.undo.iter().flatten())
    }

    /// What could not be undone.
    pub(super) fn unmade(&self) -> impl Iterator<Item = &Undo> {
        self.courses().flat_map(Course::unmade)
    }

    fn courses(&self) -> impl Iterator<Item = &Course> {
        std::iter::once(&self.course).chain(self.inner.iter().map(|(_, course)| course))
    }

    fn course_of(&self, group: Option<usize>) -> Option<&Course> {
        let Some(group) = group else { return Some(&self.course) };
        self.inner.iter().find(|(step, _)| *step == group).map(|(_, course)| course)
    }

    pub(super) fn course_mut(&mut self, group: Option<usize>) -> &mut Course {
        let Some(group) = group else { return &mut self.course };
        let place = self.inner.iter().position(|(step, _)| *step == group);
        let place = place.unwrap_or_else(|| {
            self.inner.push((group, Course::default()));
            self.inner.len() - 1
        });
        // It is there by now.
        self.inner.get_mut(place).map_or(&mut self.course, |(_, course)| course)
    }

    /// Why a step does not begin, if it does not: its group is halted, or one around that.
    pub(super) fn halt_of(&self, plan: &Plan, step: usize) -> Option<Halt> {
        let (mut halt, mut group) = (None, plan.within(step));
        loop {
            halt = halt.max(self.course_of(group).and_then(|course| course.halt));
            let Some(inner) = group else { return halt };
            group = plan.within(inner);
        }
    }
}
