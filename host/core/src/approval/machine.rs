//! How an approval comes to be decided, step by step.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::policy::is_principal;
use super::{ApprovalKind, ApprovalRule, Escalation, LevelWhen};
use crate::view::{
    ApprovalOutcome, ApprovalVote, ApprovedAction, LevelStatus, LevelView, TaskApproval, TaskApprovalStatus,
};
use crate::{Code, Digest, Effect, Error, Result, Timestamp, limits, shown};

/// A right that an approver lent to somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LentRight {
    /// Whose right it is.
    pub from: String,
    /// Who may use it.
    pub to: String,
    /// Until when.
    #[schema(value_type = String, format = DateTime)]
    pub until: Timestamp,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalStep {
    /// One more has approved, and more are needed on this level.
    Voted(usize),
    /// This level has approved, and another one has to.
    LevelGranted(usize),
    /// It is approved.
    Granted,
    /// It is approved since nobody objected in time.
    AutoGranted,
    /// It is rejected.
    Rejected,
    /// The level after this one is asked.
    Escalated(usize),
    /// Nobody has decided in time.
    Expired,
    /// A right on this level was lent.
    Lent(usize),
}

impl ApprovalStep {
    /// The word in the feed, the audit and the metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Voted(_) => "voted",
            Self::LevelGranted(_) => "level_granted",
            Self::Granted => "granted",
            Self::AutoGranted => "auto_granted",
            Self::Rejected => "rejected",
            Self::Escalated(_) => "escalated",
            Self::Expired => "expired",
            Self::Lent(_) => "delegated",
        }
    }

    /// The level that it is about, from 1.
    pub const fn level(self) -> Option<usize> {
        match self {
            Self::Voted(level) | Self::LevelGranted(level) | Self::Escalated(level) | Self::Lent(level) => Some(level),
            _ => None,
        }
    }

    /// Where the approval is after it.
    pub const fn status(self) -> TaskApprovalStatus {
        match self {
            Self::Granted | Self::AutoGranted => TaskApprovalStatus::Granted,
            Self::Rejected => TaskApprovalStatus::Rejected,
            Self::Expired => TaskApprovalStatus::Expired,
            _ => TaskApprovalStatus::Pending,
        }
    }
}

/// What is due at a time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// In this order, where times are equal.
    Expiry,
    Escalation(usize),
    Auto,
}

impl TaskApproval {
    /// One that is asked for now, by the rule at this place of the policy of this revision.
    pub fn asked(
        action: ApprovedAction,
        asked_by: &str,
        (rule_number, rule, policy_revision): (usize, &ApprovalRule, u64),
        now: Timestamp,
    ) -> Self {
        let level = |wants: &super::ApprovalLevel| LevelView {
            wants: wants.clone(),
            status: LevelStatus::Waiting,
            escalates_at: None,
            votes: Vec::new(),
            lent: Vec::new(),
        };
        let after = |ms: Option<u64>| ms.map(|ms| now.plus(Duration::from_millis(ms)));
        // What became destructive in a later release is routine no more.
        let auto = rule.auto_approve_after_ms.filter(|_| action.effect < Effect::Destructive);
        let mut asked = Self {
            kind: ApprovalKind::Task,
            shown: None,
            action,
            asked_by: asked_by.to_owned(),
            rule_number,
            policy_revision,
            rule: rule.clone(),
            levels: rule.levels.iter().map(level).collect(),
            requested_at: now,
            expires_at: after(rule.expires_after_ms),
            auto_approves_at: after(auto),
            begins_at: None,
            replaces: None,
            outcome: None,
        };
        asked.open(0, now);
        asked
    }

    /// One of an action that the agent of a running task shows under a digest, to be decided by a time at
    /// the latest. Only people decide it: who asks in the middle of its work asks for a yes, not for a while.
    pub fn of_action(
        action: ApprovedAction,
        shown: Digest,
        asked_by: &str,
        demand: (usize, &ApprovalRule, u64),
        (now, latest): (Timestamp, Timestamp),
    ) -> Self {
        let asked = Self::asked(action, asked_by, demand, now);
        let expires_at = Some(asked.expires_at.map_or(latest, |at| at.min(latest)));
        Self { kind: ApprovalKind::Action, shown: Some(shown), expires_at, auto_approves_at: None, ..asked }
    }

    /// When something happens to it by itself.
    pub fn due(&self) -> Option<Timestamp> {
        self.next_due().map(|(at, _)| at)
    }

    fn next_due(&self) -> Option<(Timestamp, Due)> {
        let escalations = self.levels.iter().enumerate().filter(|(_, level)| level.status == LevelStatus::Open);
        let escalations = escalations.filter_map(|(index, level)| Some((level.escalates_at?, Due::Escalation(index))));
        let expiry = self.expires_at.map(|at| (at, Due::Expiry));
        let auto = self.auto_approves_at.map(|at| (at, Due::Auto));
        escalations.chain(expiry).chain(auto).min()
    }

    /// Does the first thing that is due, as of when it was; nothing if nothing is.
    pub fn pass_time(&mut self, now: Timestamp) -> Option<ApprovalStep> {
        let (at, due) = self.next_due().filter(|(at, _)| *at <= now)?;
        Some(match due {
            Due::Expiry => {
                self.outcome = Some(ApprovalOutcome { by: None, at, reason: None });
                ApprovalStep::Expired
            }
            Due::Auto => {
                self.outcome = Some(ApprovalOutcome { by: None, at, reason: None });
                ApprovalStep::AutoGranted
            }
            Due::Escalation(index) => {
                if let Some(level) = self.levels.get_mut(index) {
                    level.escalates_at = None;
                    if level.wants.escalate == Escalation::Instead {
                        level.status = LevelStatus::Passed;
                    }
                }
                self.open(index + 1, at);
                ApprovalStep::Escalated(index + 1)
            }
        })
    }

    /// Takes somebody's yes, on a level that they name or on the lowest that they may decide on.
    ///
    /// # Errors
    /// [`Code::ApprovalDenied`] with the reason.
    pub fn approve(
        &mut self,
        by: &str,
        level: Option<usize>,
        reason: Option<String>,
        now: Timestamp,
    ) -> Result<ApprovalStep> {
        let (index, holder) = self.right(by, level, now)?;
        let vote = ApprovalVote {
            by: by.to_owned(),
            instead_of: (holder != by).then_some(holder),
            at: now,
            reason: reason.clone(),
        };
        let Some(level) = self.levels.get_mut(index) else { return Err(self.nothing_open()) };
        level.votes.push(vote);
        let quorum = usize::try_from(level.wants.quorum).unwrap_or(usize::MAX);
        if level.votes.len() < quorum {
            return Ok(ApprovalStep::Voted(index + 1));
        }
        level.status = LevelStatus::Granted;
        level.escalates_at = None;
        // It stands for those below it, and for those above that are asked only where it is too slow.
        let mut above = self.levels.iter().enumerate().skip(index + 1);
        let next = above.find(|(_, level)| level.wants.when == LevelWhen::Always).map(|(next, _)| next);
        for (at, level) in self.levels.iter_mut().enumerate() {
            if at != index && next.is_none_or(|next| at < next) && level.status != LevelStatus::Granted {
                level.status = LevelStatus::Passed;
                level.escalates_at = None;
            }
        }
        match next {
            Some(next) => {
                self.open(next, now);
                Ok(ApprovalStep::LevelGranted(index + 1))
            }
            None => {
                self.outcome = Some(ApprovalOutcome { by: Some(by.to_owned()), at: now, reason });
                Ok(ApprovalStep::Granted)
            }
        }
    }

    /// Takes somebody's no, which decides it.
    ///
    /// # Errors
    /// As [`TaskApproval::approve`].
    pub fn reject(
        &mut self,
        by: &str,
        level: Option<usize>,
        reason: Option<String>,
        now: Timestamp,
    ) -> Result<ApprovalStep> {
        self.right(by, level, now)?;
        self.outcome = Some(ApprovalOutcome { by: Some(by.to_owned()), at: now, reason });
        Ok(ApprovalStep::Rejected)
    }

    /// Lends somebody's own right on a level, from 1, to another for a time.
    ///
    /// # Errors
    /// [`Code::ApprovalDenied`] if it is not theirs; [`Code::RequestInvalid`] for a time or a principal
    /// that cannot be, or too many.
    pub fn lend(&mut self, from: &str, level: usize, to: &str, time: Duration, now: Timestamp) -> Result<ApprovalStep> {
        if !is_principal(to) || to == from {
            let message = format!("`{}` can be lent nothing; say `owner` or `key/ID` of somebody else", shown(to));
            return Err(Error::new(Code::RequestInvalid, message));
        }
        let most = limits::APPROVAL_TIME_MAX;
        if time.is_zero() || time > most {
            return Err(Error::new(Code::RequestInvalid, format!("`for_ms` is 1 to {}", most.as_millis())));
        }
        let index = level.wrapping_sub(1);
        let Some(found) = self.levels.get(index) else {
            let message = format!("there is no level {level}; there are {}", self.levels.len());
            return Err(Error::new(Code::RequestInvalid, message));
        };
        if matches!(found.status, LevelStatus::Granted | LevelStatus::Passed) {
            return Err(denied(format!("level {level} has nothing more to say")));
        }
        if !self.is_own_right(found, from) {
            return Err(denied(format!("`{from}` has no right of its own on level {level} that it could lend")));
        }
        let Some(found) = self.levels.get_mut(index) else { return Err(self.nothing_open()) };
        found.lent.retain(|lent| lent.from != from);
        if found.lent.len() >= limits::APPROVAL_LENT_MAX {
            let message = format!("on level {level} {} have lent their rights, as many as may", found.lent.len());
            return Err(Error::new(Code::RequestInvalid, message));
        }
        found.lent.push(LentRight { from: from.to_owned(), to: to.to_owned(), until: now.plus(time) });
        Ok(ApprovalStep::Lent(level))
    }

    /// Who has lent somebody a right that is not over yet.
    pub fn lenders_to(&self, who: &str, now: Timestamp) -> BTreeSet<String> {
        let lent = self.levels.iter().flat_map(|level| &level.lent);
        lent.filter(|lent| lent.to == who && lent.until > now).map(|lent| lent.from.clone()).collect()
    }

    /// Takes back what somebody has lent who has no right any more.
    pub fn take_back(&mut self, from: &str) {
        for level in &mut self.levels {
            level.lent.retain(|lent| lent.from != from);
        }
    }

    /// Opens a level, if it is not its turn yet.
    fn open(&mut self, index: usize, now: Timestamp) {
        if let Some(level) = self.levels.get_mut(index).filter(|level| level.status == LevelStatus::Waiting) {
            level.status = LevelStatus::Open;
            level.escalates_at = level.wants.escalate_after_ms.map(|ms| now.plus(Duration::from_millis(ms)));
        }
    }

    /// Whether somebody may decide on a level without having been lent anything.
    fn is_own_right(&self, level: &LevelView, who: &str) -> bool {
        (level.wants.own || who != self.asked_by)
            && (level.wants.approvers.is_empty() || level.wants.approvers.iter().any(|name| name == who))
    }

    /// The level on which somebody may decide, and whose right that is.
    fn right(&self, by: &str, wanted: Option<usize>, now: Timestamp) -> Result<(usize, String)> {
        let open = self.levels.iter().enumerate().filter(|(_, level)| level.status == LevelStatus::Open);
        let mut open = open.filter(|(index, _)| wanted.is_none_or(|wanted| index + 1 == wanted)).peekable();
        if open.peek().is_none() {
            return Err(self.nothing_open());
        }
        let mut why = format!("`{by}` is not among those who may decide now");
        for (index, level) in open {
            if !level.wants.own && by == self.asked_by {
                why = format!("`{by}` asked for the task, and on level {} decides nothing of its own", index + 1);
                continue;
            }
            let voted =
                |who: &str| level.votes.iter().any(|vote| vote.by == who || vote.instead_of.as_deref() == Some(who));
            if voted(by) {
                why = format!("`{by}` has approved on level {} already, and counts once", index + 1);
                continue;
            }
            if self.is_own_right(level, by) {
                return Ok((index, by.to_owned()));
            }
            let lent = level.lent.iter().find(|lent| lent.to == by && lent.until > now && !voted(&lent.from));
            if let Some(lent) = lent.filter(|lent| self.is_own_right(level, &lent.from)) {
                return Ok((index, lent.from.clone()));
            }
        }
        Err(denied(why))
    }

    fn nothing_open(&self) -> Error {
        let open = self.levels.iter().enumerate().filter(|(_, level)| level.status == LevelStatus::Open);
        let open: Vec<String> = open.map(|(index, _)| (index + 1).to_string()).collect();
        denied(format!("no such level is asked now; open is level {}", open.join(" and ")))
    }
}

fn denied(message: String) -> Error {
    Error::new(Code::ApprovalDenied, message)
}
