//! Task groups as clients ask for them and see them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{NewTask, Progress, Redaction, TaskFailure, TaskStatus};
use crate::{GroupId, StepName, TaskId, Timestamp};

/// A request for a task group: steps that may need one another, each of them a task or, for each item
/// of an array, one.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGroup {
    /// The same key with the same request gives the same group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// What becomes of the rest once a step has failed that may not.
    #[serde(default)]
    pub on_failure: OnStepFailure,
    /// The steps, at most 64.
    pub steps: Vec<NewStep>,
}

/// What becomes of the rest of a group once a step has failed that may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnStepFailure {
    /// Nothing new begins; what runs comes to its end.
    #[default]
    Stop,
    /// Nothing new begins; what runs is cancelled.
    Cancel,
    /// Everything goes on that does not depend on what failed.
    Finish,
}

/// A step of a group.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStep {
    /// Its name in the group: lower-case letters, digits and single hyphens.
    pub name: String,
    /// The task: without `idempotency_key` and `delay_ms`, and kept. Its input is what is known
    /// beforehand. A step is this or a `group`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<NewTask>,
    /// A group that the step is. Its output is a document with that of each of its steps under the step's
    /// name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub group: Option<Box<InnerGroup>>,
    /// Steps that come to their end before it begins, beside those that it is wired to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// What of earlier steps' outputs goes into its input, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wires: Vec<Wire>,
    /// Makes a task of each item of an array, whose outputs in the same order are its output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_each: Option<ForEach>,
    /// Whether the group goes on if it fails: with null in place of its output, or of an item's.
    #[serde(default)]
    pub may_fail: bool,
    /// What undoes it, should the group fail or be cancelled after it has completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compensate: Option<NewCompensation>,
}

/// A group that is a step of another. It begins, fails, is cancelled and undone with that; while it is under
/// way, what fails in it is its own matter.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InnerGroup {
    /// What is known beforehand of its input, of which its steps are wired by wires without `from`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub input: Value,
    /// What becomes of the rest of it once a step of it has failed that may not.
    #[serde(default)]
    pub on_failure: OnStepFailure,
    /// Its steps, at most 64; of all groups within one another 256, and four deep.
    #[schema(no_recursion)]
    pub steps: Vec<NewStep>,
}

/// What of an earlier step's output goes into the input of a step.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wire {
    /// The earlier step, of the same group; when absent, the input of the group that this is a step of, where that is
    /// within another.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// The place in its output, a JSON Pointer (RFC 6901); all of it when absent.
    #[serde(default)]
    pub at: String,
    /// The place in the input, a JSON Pointer. Objects on the way to it are made.
    pub to: String,
}

/// An array in an earlier step's output, each item of which makes a task.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForEach {
    /// The earlier step; when absent, the input of the group around it, as of a wire.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// The place of the array in its output, a JSON Pointer; all of it when absent. The array has
    /// at most 256 items.
    #[serde(default)]
    pub at: String,
    /// The place of the item in the input, a JSON Pointer.
    pub to: String,
    /// How many of the tasks are under way at once; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 256)]
    pub at_once: Option<u32>,
}

/// What undoes a step: a task, for each task of the step that completed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCompensation {
    /// The task, as that of a step.
    pub task: NewTask,
    /// What of the input and output of the task that is undone goes into its input, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wires: Vec<CompensationWire>,
}

/// What of the input or output of the task that is undone goes into the input of what undoes it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompensationWire {
    /// Of which document.
    pub from: OwnDocument,
    /// The place in it, a JSON Pointer; all of it when absent.
    #[serde(default)]
    pub at: String,
    /// The place in the input, a JSON Pointer.
    pub to: String,
}

/// A document of the task that is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OwnDocument {
    /// What it was asked.
    Input,
    /// What it answered.
    Output,
}

/// As what a task is of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// The group.
    #[schema(value_type = String)]
    pub group: GroupId,
    /// The step.
    #[schema(value_type = String)]
    pub step: StepName,
    /// Which item of the array, from 0; of a step that makes one task 0.
    pub item: u32,
    /// Whether it undoes what the step did.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compensates: bool,
}

/// Where a group is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupStatus {
    /// Its steps are under way.
    Running,
    /// A step has failed that may not, or somebody has cancelled it, and what runs comes to its end.
    Stopping,
    /// What its steps did is undone.
    Compensating,
    /// Every step that may not fail has completed.
    Completed,
    /// A step has failed that may not, or could not be undone.
    Failed,
    /// Somebody has cancelled it.
    Cancelled,
}

impl NewGroup {
    /// Every step that asks for a task, in whichever group within it.
    pub fn tasks(&self) -> Vec<&NewStep> {
        fn add<'a>(steps: &'a [NewStep], all: &mut Vec<&'a NewStep>) {
            for step in steps {
                match &step.group {
                    Some(group) => add(&group.steps, all),
                    None => all.push(step),
                }
            }
        }
        let mut all = Vec::new();
        add(&self.steps, &mut all);
        all
    }
}

impl GroupStatus {
    /// Every status.
    pub const ALL: [Self; 6] =
        [Self::Running, Self::Stopping, Self::Compensating, Self::Completed, Self::Failed, Self::Cancelled];

    /// The word in documents and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Compensating => "compensating",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status that `text` spells.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether nothing will change any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// Where a step is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// It waits for the steps that it needs.
    Waiting,
    /// Its tasks are made, and one of them runs or waits in the queue.
    Running,
    /// None of its tasks runs before somebody has approved it.
    AwaitingApproval,
    /// What is under way of it is suspended: it waits for time, a lock, another task or an answer.
    Suspended,
    /// Its tasks have completed; those of a step that may fail, of an array, have ended.
    Completed,
    /// It has failed.
    Failed,
    /// It was cut off with its group.
    Cancelled,
    /// It never began.
    Skipped,
}

impl StepStatus {
    /// The word in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Suspended => "suspended",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }

    /// Whether nothing will change any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled | Self::Skipped)
    }

    /// Whether tasks of it are made that have not ended.
    pub const fn is_under_way(self) -> bool {
        matches!(self, Self::Running | Self::AwaitingApproval | Self::Suspended)
    }
}

/// How far a group is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupProgress {
    /// How many steps have ended.
    pub ended: u32,
    /// Of how many, those of groups within it included.
    pub steps: u32,
    /// From 0 to 1; what a step has done of an array counts in part.
    pub fraction: f64,
}

/// A group in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupSummary {
    /// The id.
    #[schema(value_type = String)]
    pub id: GroupId,
    /// Where it is in its life.
    pub status: GroupStatus,
    /// How far it is.
    pub progress: GroupProgress,
    /// Who asked, and asks for its tasks.
    pub principal: String,
    /// The group that failed, was cancelled or could not be undone, of which it is asked for once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub retry_of: Option<GroupId>,
    /// Why it failed or was cancelled, from when that is known: what came first; of a group that
    /// could not be undone, which steps could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<TaskFailure>,
    /// When it was accepted.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// Since when what its tasks were asked and answered is forgotten, and for whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redacted: Option<Redaction>,
}

/// A request to ask for what a group asked for once more, as a new group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryGroup {
    /// The same key for the same group gives the same new group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

/// A group as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupView {
    /// What a list shows of it.
    #[serde(flatten)]
    pub summary: GroupSummary,
    /// What becomes of the rest once a step has failed that may not.
    pub on_failure: OnStepFailure,
    /// The steps, in the order in which they were asked for.
    pub steps: Vec<StepView>,
}

/// A step as it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepView {
    /// Its name; of a step of a group within it behind that of the group, as `deploy/check`.
    #[schema(value_type = String)]
    pub name: StepName,
    /// The agent that it asks; none of one that is a group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub agent: String,
    /// The skill.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub skill: String,
    /// The steps that come to their end before it begins.
    #[schema(value_type = Vec<String>)]
    pub needs: Vec<StepName>,
    /// Where it is in its life.
    pub status: StepStatus,
    /// How many tasks it makes of an array, once that is known, and what came of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<ItemCounts>,
    /// Its tasks, in the order of the items.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<StepTask>,
    /// The output: of a step that makes tasks of an array, theirs in order, null where one may fail
    /// and did. Absent until the step has completed, and where all of the group are too long for one
    /// answer; then each task has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// Why it failed, once a task of it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<TaskFailure>,
    /// What undoes it, once that has begun, in the order in which it does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compensations: Vec<CompensationView>,
    /// The steps of one that is a group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    pub steps: Vec<StepView>,
}

impl GroupView {
    /// Every step, each before those within it.
    pub fn all_steps(&self) -> Vec<&StepView> {
        fn add<'a>(steps: &'a [StepView], all: &mut Vec<&'a StepView>) {
            for step in steps {
                all.push(step);
                add(&step.steps, all);
            }
        }
        let mut all = Vec::new();
        add(&self.steps, &mut all);
        all
    }
}

/// How many tasks a step makes of an array, and what came of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ItemCounts {
    /// How many items there are.
    pub all: u32,
    /// How many tasks are made and have not ended.
    pub running: u32,
    /// How many have completed.
    pub completed: u32,
    /// How many have failed or were cancelled.
    pub failed: u32,
}

/// A task of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepTask {
    /// Its id.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// Which item of the array, from 0.
    pub item: u32,
    /// Where it is in its life.
    pub status: TaskStatus,
}

/// What undoes a task of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CompensationView {
    /// Which item of the array, from 0.
    pub item: u32,
    /// Where it is in its life.
    pub status: StepStatus,
    /// Its task, once it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub task: Option<TaskId>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<TaskFailure>,
}

/// How far a running task of a group is, as its agent last said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GroupReport {
    /// As what the task is of the group.
    #[serde(flatten)]
    pub member: Member,
    /// The task.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// How far it is.
    #[serde(flatten)]
    pub progress: Progress,
}
