//! What a tenant demands before tasks run, and of whom agents get a yes that ask for one.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ApprovalKind, SkillPattern};
use crate::trust::NamePattern;
use crate::{AgentName, Caller, Code, Effect, Error, KeyId, Result, SkillName, limits};

/// Which tasks wait for approval before they run. The first rule that fits a task says what it needs; a
/// task that none fits needs nothing. Of an action that an agent asks approval of it says who decides; one
/// that none fits is decided by one person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalPolicy {
    /// The rules, in the order in which they are tried.
    #[serde(default)]
    pub rules: Vec<ApprovalRule>,
}

/// What some tasks need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRule {
    /// The agents: `aws`, `aws*` or `*`; every one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub agents: Option<NamePattern>,
    /// The skills: `delete-bucket`, `delete-*` or `*`; every one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub skills: Option<SkillPattern>,
    /// The effect classes of the skills; every one when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Effect>,
    /// Whether it is about tasks before they run, or about actions that agents ask approval of; both when
    /// empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<ApprovalKind>,
    /// Who has to approve, level by level; an empty list demands nothing.
    pub levels: Vec<ApprovalLevel>,
    /// Why, for whoever is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For routine ones: approved after so long, in milliseconds, unless somebody rejects it before. Only
    /// of a rule whose `effects` are below `destructive`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_approve_after_ms: Option<u64>,
    /// After so long, in milliseconds, without a decision the task fails; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_after_ms: Option<u64>,
}

/// Who has to approve on one level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalLevel {
    /// Who may: `owner`, or `key/ID`, each also in need of the scope `approve`; whoever holds that scope
    /// when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
    /// How many of them have to.
    #[serde(default = "one")]
    pub quorum: u32,
    /// Whether whoever asked for the task may be one of them.
    #[serde(default)]
    pub own: bool,
    /// After so long on this level, in milliseconds, the next one is asked; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalate_after_ms: Option<u64>,
    /// Whether the next level is then asked as well, or instead.
    #[serde(default)]
    pub escalate: Escalation,
    /// Whether the level has to approve of each task, or is asked when the one before was too slow.
    #[serde(default)]
    pub when: LevelWhen,
}

/// What becomes of a level that was too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Escalation {
    /// It may still decide, beside the next one.
    #[default]
    AsWell,
    /// The next one decides in its stead.
    Instead,
}

/// When a level is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LevelWhen {
    /// For each task.
    #[default]
    Always,
    /// When the level before was too slow.
    Escalated,
}

const fn one() -> u32 {
    1
}

impl ApprovalPolicy {
    /// The rule that says what a task, or an action of it, needs, and its place in the policy, from 1; none
    /// if it needs nothing.
    pub fn demand(
        &self,
        kind: ApprovalKind,
        agent: &AgentName,
        skill: &SkillName,
        effect: Effect,
    ) -> Option<(usize, &ApprovalRule)> {
        let mut rules = self.rules.iter().enumerate();
        let (place, rule) = rules.find(|(_, rule)| rule.is_about(kind) && rule.fits(agent, skill, effect))?;
        (!rule.levels.is_empty()).then_some((place + 1, rule))
    }

    /// Checks that it can be followed.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] naming the place.
    pub fn check(&self) -> Result<()> {
        let most = limits::APPROVAL_RULES_MAX;
        if self.rules.len() > most {
            let message = format!("the policy has {} rules, and may have {most}", self.rules.len());
            return Err(Error::new(Code::RequestInvalid, message));
        }
        for (index, rule) in self.rules.iter().enumerate() {
            rule.check().map_err(|why| Error::new(Code::RequestInvalid, format!("rule {}: {why}", index + 1)))?;
        }
        Ok(())
    }
}

impl ApprovalRule {
    /// What an action needs that no rule is about: that one person approves who did not ask for it.
    pub fn of_one() -> Self {
        let level = ApprovalLevel {
            approvers: Vec::new(),
            quorum: one(),
            own: false,
            escalate_after_ms: None,
            escalate: Escalation::default(),
            when: LevelWhen::default(),
        };
        Self {
            agents: None,
            skills: None,
            effects: Vec::new(),
            kinds: Vec::new(),
            levels: vec![level],
            reason: None,
            auto_approve_after_ms: None,
            expires_after_ms: None,
        }
    }

    fn is_about(&self, kind: ApprovalKind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    fn fits(&self, agent: &AgentName, skill: &SkillName, effect: Effect) -> bool {
        self.agents.as_ref().is_none_or(|names| names.takes(agent))
            && self.skills.as_ref().is_none_or(|names| names.takes(skill))
            && (self.effects.is_empty() || self.effects.contains(&effect))
    }

    /// Who is named as an approver on some level.
    pub fn named(&self) -> impl Iterator<Item = &str> {
        self.levels.iter().flat_map(|level| &level.approvers).map(String::as_str)
    }

    fn check(&self) -> Result<(), String> {
        let most = limits::APPROVAL_LEVELS_MAX;
        if self.levels.len() > most {
            return Err(format!("it has {} levels, and may have {most}", self.levels.len()));
        }
        if self.reason.as_ref().is_some_and(|text| text.chars().count() > limits::APPROVAL_REASON_CHARS_MAX) {
            return Err(format!("`reason` has at most {} characters", limits::APPROVAL_REASON_CHARS_MAX));
        }
        time("expires_after_ms", self.expires_after_ms)?;
        time("auto_approve_after_ms", self.auto_approve_after_ms)?;
        let is_routine = !self.effects.is_empty() && self.effects.iter().all(|effect| *effect < Effect::Destructive);
        if self.auto_approve_after_ms.is_some() && !is_routine {
            let why = "`auto_approve_after_ms` is for what is routine: name `effects` below `destructive` beside it";
            return Err(why.to_owned());
        }
        if self.auto_approve_after_ms.is_some() && self.kinds == [ApprovalKind::Action] {
            return Err(
                "`auto_approve_after_ms` is for tasks: an action that an agent asks about is no routine".to_owned()
            );
        }
        for (index, level) in self.levels.iter().enumerate() {
            let is_last = index + 1 == self.levels.len();
            level.check(index == 0, is_last).map_err(|why| format!("level {}: {why}", index + 1))?;
        }
        Ok(())
    }
}

impl ApprovalLevel {
    fn check(&self, is_first: bool, is_last: bool) -> Result<(), String> {
        let most = limits::APPROVERS_MAX;
        if self.approvers.len() > most {
            return Err(format!("it names {} approvers, and may name {most}", self.approvers.len()));
        }
        for (index, name) in self.approvers.iter().enumerate() {
            if !is_principal(name) {
                return Err(format!("`{}` names nobody; approvers are `owner` or `key/ID`", crate::shown(name)));
            }
            if self.approvers.iter().take(index).any(|before| before == name) {
                return Err(format!("`{name}` stands twice"));
            }
        }
        let named = if self.approvers.is_empty() { most } else { self.approvers.len() };
        if self.quorum == 0 || usize::try_from(self.quorum).unwrap_or(usize::MAX) > named {
            return Err(format!("`quorum` is 1 to {named}, as many as may approve"));
        }
        time("escalate_after_ms", self.escalate_after_ms)?;
        if is_last && self.escalate_after_ms.is_some() {
            return Err("`escalate_after_ms` needs a level after it, which is asked then".to_owned());
        }
        if is_first && self.when == LevelWhen::Escalated {
            return Err("`when` is `always` on the first level: there is none before it".to_owned());
        }
        Ok(())
    }
}

/// Whether a text is what the audit calls somebody.
pub(super) fn is_principal(text: &str) -> bool {
    text == Caller::OWNER || text.strip_prefix("key/").is_some_and(|id| id.parse::<KeyId>().is_ok())
}

fn time(field: &str, ms: Option<u64>) -> Result<(), String> {
    let most = limits::APPROVAL_TIME_MAX;
    match ms.map(Duration::from_millis) {
        Some(time) if time.is_zero() || time > most => Err(format!("`{field}` is 1 to {}", most.as_millis())),
        _ => Ok(()),
    }
}
