//! Approvals of tasks, and of what their agents are about to do, as clients decide and see them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::approval::{ApprovalKind, ApprovalLevel, ApprovalPolicy, ApprovalRule, LentRight};
use crate::{ApprovalId, Digest, Effect, InstanceId, LinkId, TaskId, Timestamp};

/// Where an approval of a task is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskApprovalStatus {
    /// Somebody has to decide.
    Pending,
    /// Everybody who had to has approved, or nobody objected in time to what is routine.
    Granted,
    /// Somebody rejected it, so the task has failed, or its agent was told.
    Rejected,
    /// Nobody decided in time, so the task has failed, or its agent was told.
    Expired,
    /// Another release serves than the one that was shown, or another configuration is in force: it was asked for
    /// anew, or can no longer be.
    Void,
    /// The task ended, was cancelled or began anew before anybody decided.
    Cancelled,
}

impl TaskApprovalStatus {
    /// Every status.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Granted, Self::Rejected, Self::Expired, Self::Void, Self::Cancelled];

    /// The word in documents and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Granted => "granted",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
            Self::Void => "void",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status that `text` spells.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// What exactly would run, or asks: this release of the agent under this configuration, this skill, the task's
/// input, and nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ApprovedAction {
    /// The agent's name.
    pub agent: String,
    /// The version of its release.
    #[schema(value_type = String)]
    pub version: semver::Version,
    /// The digest of the release's OCI manifest.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// The skill's name.
    pub skill: String,
    /// How far the skill reaches.
    pub effect: Effect,
    /// The instance that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub instance: Option<InstanceId>,
    /// The configuration that it would run under, or runs under; absent of what a host asked about that did not
    /// show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<ApprovedConfiguration>,
}

/// The configuration in force, as something that is approved of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApprovedConfiguration {
    /// The revision of what the operator has set; 0 while nothing was.
    pub revision: u64,
    /// The SHA-256 of all of it: the release's defaults with that over them, as JSON without spaces and with the
    /// fields of each object in the order of their names.
    #[schema(value_type = String)]
    pub digest: Digest,
}

impl ApprovedConfiguration {
    /// A configuration in force, which is of this revision.
    pub fn of(revision: u64, mut in_force: Value) -> Self {
        in_force.sort_all_objects();
        Self { revision, digest: Digest::of(in_force.to_string().as_bytes()) }
    }
}

/// Where a level is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LevelStatus {
    /// It is not its turn yet.
    Waiting,
    /// It is asked.
    Open,
    /// As many have approved as have to.
    Granted,
    /// It has nothing more to say: the next one decides, or it was not needed.
    Passed,
}

/// Somebody's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalVote {
    /// Who.
    pub by: String,
    /// Whose right it was, where that was lent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One level of an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LevelView {
    /// Who has to approve on it.
    pub wants: ApprovalLevel,
    /// Where it is.
    pub status: LevelStatus,
    /// When the next level is asked, unless this one decides before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub escalates_at: Option<Timestamp>,
    /// Who has approved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub votes: Vec<ApprovalVote>,
    /// Rights that were lent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lent: Vec<LentRight>,
}

/// How it was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalOutcome {
    /// By whom; absent where time decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What is asked about a task, and what was said to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskApproval {
    /// Whether it is about a task before it runs, or an action of its agent.
    #[serde(default)]
    pub kind: ApprovalKind,
    /// The SHA-256 of what the agent shows of an action: of the text `{"summary":…,"action":…}` as it is kept.
    #[serde(default, rename = "shown_digest", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub shown: Option<Digest>,
    /// What would run; of an action, what asks.
    pub action: ApprovedAction,
    /// Who asked for the task.
    pub asked_by: String,
    /// The place of the rule in the policy that demands it, from 1; 0 where no rule is about an action, and
    /// one person decides.
    pub rule_number: usize,
    /// The revision of that policy.
    pub policy_revision: u64,
    /// The rule as it was then. It goes on to hold for the task whatever becomes of the policy.
    pub rule: ApprovalRule,
    /// The levels, as far as they are.
    pub levels: Vec<LevelView>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub requested_at: Timestamp,
    /// When the task fails, or its agent is told, if nobody has decided by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it is approved if nobody has rejected it by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub auto_approves_at: Option<Timestamp>,
    /// When the task begins at the earliest, once it is approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub begins_at: Option<Timestamp>,
    /// The approval that this one stands in for, since another release or configuration is in force than was shown
    /// there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub replaces: Option<ApprovalId>,
    /// How it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<ApprovalOutcome>,
}

/// An action as its agent shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShownView {
    /// One line for whoever decides.
    pub summary: String,
    /// All of what would be done; absent in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub action: Option<Map<String, Value>>,
}

/// An approval of a task, or of what its agent is about to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TaskApprovalView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ApprovalId,
    /// The task that waits for it.
    #[schema(value_type = String)]
    pub task: TaskId,
    /// Where it is in its life.
    pub status: TaskApprovalStatus,
    /// Rises with all that happens to it; who decides says which one it saw.
    pub revision: u64,
    /// What is asked, and what was said to it.
    #[serde(flatten)]
    pub approval: TaskApproval,
    /// What the agent shows of an action; absent once it is redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<ShownView>,
    /// The configuration whose digest is in `action`, whole; absent in lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub configuration: Option<Value>,
    /// The task's input, whole; absent in lists, and once it is redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// The SHA-256 of the input as it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub input_digest: Option<Digest>,
}

/// A decision about an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideRequest {
    /// The revision that was looked at.
    pub revision: u64,
    /// The level, from 1; the lowest that is open and may be decided when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<usize>,
    /// Why, for the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A right to be lent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LendRequest {
    /// The revision that was looked at.
    pub revision: u64,
    /// The level, from 1.
    pub level: usize,
    /// To whom: `owner` or `key/ID`.
    pub to: String,
    /// For how long, in milliseconds.
    pub for_ms: u64,
}

/// A link to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkRequest {
    /// Who decides by it: `owner` or `key/ID`.
    #[serde(rename = "for")]
    pub holder: String,
    /// For how long it is good, in milliseconds; a day when absent, at most a week, and never longer than the
    /// approval waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_after_ms: Option<u64>,
}

/// A link, shown once. Whoever has it decides as whom it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkView {
    /// Its id, which is no secret.
    #[schema(value_type = String)]
    pub id: LinkId,
    /// The approval.
    #[schema(value_type = String)]
    pub approval: ApprovalId,
    /// Who decides by it.
    #[serde(rename = "for")]
    pub holder: String,
    /// When it ceases to be good.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// The link: a path of this host, to be put behind its address.
    pub path: String,
}

/// What a link shows.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkedApproval {
    /// The approval.
    pub approval: TaskApprovalView,
    /// Who decides by the link.
    pub holder: String,
    /// When the link ceases to be good.
    pub expires_at: Timestamp,
}

/// The policy of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalPolicyView {
    /// Rises with every change; 0 while none was set.
    pub revision: u64,
    /// When it was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub changed_at: Option<Timestamp>,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<String>,
    /// The policy.
    pub policy: ApprovalPolicy,
}

/// A policy to set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalPolicyRequest {
    /// The policy; it replaces the one before.
    pub policy: ApprovalPolicy,
    /// The revision that was looked at, 0 if there was none; whatever is in force is replaced when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_configuration_is_told_apart_by_what_it_says_and_not_by_the_order_in_which_it_was_written() {
        let of = |value: Value| ApprovedConfiguration::of(1, value).digest;
        let one = json!({ "region": "eu", "keep": { "days": 7, "what": ["a", "b"] } });
        let other = json!({ "keep": { "what": ["a", "b"], "days": 7 }, "region": "eu" });
        assert_eq!(of(one.clone()), of(other));
        for changed in [
            json!({ "region": "us", "keep": { "days": 7, "what": ["a", "b"] } }),
            json!({ "region": "eu", "keep": { "days": 7, "what": ["b", "a"] } }),
            json!({ "region": "eu" }),
        ] {
            assert_ne!(of(one.clone()), of(changed));
        }
    }

    #[test]
    fn an_action_of_a_host_that_showed_no_configuration_is_still_read() {
        let digest = Digest::of(b"release");
        let before = json!({
            "agent": "aws", "version": "1.0.0", "digest": digest, "skill": "inventory", "effect": "read",
        });
        let action: ApprovedAction = serde_json::from_value(before.clone()).unwrap();
        assert_eq!(action.configuration, None);
        assert_eq!(serde_json::to_value(action).unwrap(), before);
    }
}
