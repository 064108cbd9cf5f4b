//! Approvals as a person reads them.

use serde_json::{Map, Value};
use troupe_core::Timestamp;
use troupe_core::approval::{ApprovalKind, ApprovalLevel, ApprovalRule, Escalation, LevelWhen};
use troupe_core::view::{ApprovalPolicyView, LevelStatus, LevelView, TaskApprovalStatus, TaskApprovalView};

use crate::human::{document, escaped, table};

pub(super) fn list(approvals: &[TaskApprovalView]) -> String {
    if approvals.is_empty() {
        return "nothing waits for approval".to_owned();
    }
    let row = |view: &TaskApprovalView| {
        let action = &view.approval.action;
        vec![
            view.id.to_string(),
            view.status.as_str().to_owned(),
            asked_of(view),
            action.effect.to_string(),
            view.approval.asked_by.clone(),
            view.approval.requested_at.to_string(),
            at(view.approval.expires_at),
        ]
    };
    let rows: Vec<_> = approvals.iter().map(row).collect();
    table(&["approval", "status", "action", "effect", "asked by", "since", "expires"], &rows)
}

/// What an approval is about, in a line.
fn asked_of(view: &TaskApprovalView) -> String {
    let action = &view.approval.action;
    let of = format!("{}@{} {}", action.agent, action.version, action.skill);
    match (&view.shown, view.approval.kind) {
        (Some(shown), _) => format!("{of}: {}", escaped(&shown.summary)),
        (None, ApprovalKind::Action) => format!("{of}: redacted"),
        (None, ApprovalKind::Task) => of,
    }
}

/// All that is to be looked at, with the exact action.
pub(super) fn show(view: &TaskApprovalView) -> String {
    let (approval, action) = (&view.approval, &view.approval.action);
    let mut out = format!(
        "approval  {} ({}), revision {}\ntask      {}\naction    {} of {}@{}\nrelease   {}\n",
        view.id,
        view.status.as_str(),
        view.revision,
        view.task,
        action.skill,
        action.agent,
        action.version,
        action.digest,
    );
    let mut say = |name: &str, text: String| out.push_str(&format!("{name:<8}  {text}\n"));
    if let Some(configuration) = action.configuration {
        let (digest, revision) = (configuration.digest, configuration.revision);
        let is_empty = view.configuration.as_ref().and_then(Value::as_object).is_some_and(Map::is_empty);
        say("config", format!("{digest}, revision {revision}{}", if is_empty { ", empty" } else { "" }));
    }
    say("effect", action.effect.to_string());
    if let Some(instance) = &action.instance {
        say("instance", instance.to_string());
    }
    say("asked by", approval.asked_by.clone());
    say("since", approval.requested_at.to_string());
    let why = approval.rule.reason.as_deref().map(|reason| format!(": {}", escaped(reason))).unwrap_or_default();
    let rule = match approval.rule_number {
        0 => "the agent asks for it, and no rule is about it".to_owned(),
        rule => format!("rule {rule} of policy revision {}{why}", approval.policy_revision),
    };
    say("why", rule);
    if let Some(replaced) = approval.replaces {
        say("anew for", format!("{replaced}, since another release or configuration is in force than was shown there"));
    }
    if view.status == TaskApprovalStatus::Pending {
        for (name, time) in [("expires", approval.expires_at), ("by itself", approval.auto_approves_at)] {
            if let Some(time) = time {
                say(name, time.to_string());
            }
        }
    }
    for (index, level) in approval.levels.iter().enumerate() {
        say(&format!("level {}", index + 1), stands(level));
        for vote in &level.votes {
            let instead = vote.instead_of.as_deref().map(|whose| format!(" for {whose}")).unwrap_or_default();
            let reason = vote.reason.as_deref().map(|text| format!(": {}", escaped(text))).unwrap_or_default();
            say("", format!("yes of {}{instead} at {}{reason}", vote.by, vote.at));
        }
        for lent in &level.lent {
            say("", format!("{} has lent its right to {} until {}", lent.from, lent.to, lent.until));
        }
    }
    if let Some(outcome) = &approval.outcome {
        let by = outcome.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
        let reason = outcome.reason.as_deref().map(|text| format!(": {}", escaped(text))).unwrap_or_default();
        say("decided", format!("{}{by} at {}{reason}", view.status.as_str(), outcome.at));
    }
    if let Some(digest) = approval.shown {
        out.push_str(&format!("\nthe agent asks for approval of {digest}\n"));
        match &view.shown {
            Some(shown) => {
                out.push_str(&format!("  {}\n", escaped(&shown.summary)));
                let action = shown.action.clone().unwrap_or_default();
                for line in document(&action.into()).lines() {
                    out.push_str(&format!("  {line}\n"));
                }
            }
            None => out.push_str("  redacted\n"),
        }
    }
    let configured = view.configuration.as_ref().filter(|all| all.as_object().is_none_or(|all| !all.is_empty()));
    if let Some(configuration) = configured {
        out.push_str("\nconfig\n");
        for line in document(configuration).lines() {
            out.push_str(&format!("  {line}\n"));
        }
    }
    match (&view.input, &view.input_digest) {
        (Some(input), Some(digest)) => {
            out.push_str(&format!("\ninput     {digest}\n"));
            for line in document(input).lines() {
                out.push_str(&format!("  {line}\n"));
            }
        }
        _ => out.push_str("\ninput     redacted\n"),
    }
    out
}

pub(super) fn decided(view: &TaskApprovalView) -> String {
    let task = view.task;
    match view.status {
        TaskApprovalStatus::Granted if view.approval.kind == ApprovalKind::Action => {
            format!("approved; the agent of task {task} is told, and goes on")
        }
        TaskApprovalStatus::Rejected if view.approval.kind == ApprovalKind::Action => {
            format!("rejected; the agent of task {task} is told, and goes on without")
        }
        TaskApprovalStatus::Granted => format!("approved; task {task} runs when it is its turn"),
        TaskApprovalStatus::Rejected => format!("rejected; task {task} has failed"),
        _ => {
            let open = view.approval.levels.iter().enumerate().find(|(_, level)| level.status == LevelStatus::Open);
            let open = open.map(|(index, level)| format!("level {}, {}", index + 1, stands(level)));
            format!("noted; task {task} waits for {}", open.unwrap_or_else(|| "the next level".to_owned()))
        }
    }
}

pub(super) fn policy(view: &ApprovalPolicyView) -> String {
    if view.policy.rules.is_empty() {
        return format!("no task needs approval (policy revision {})", view.revision);
    }
    let by = view.changed_by.as_deref().unwrap_or("-");
    let mut out = format!("revision {} of {by} at {}\n", view.revision, at(view.changed_at));
    for (index, rule) in view.policy.rules.iter().enumerate() {
        out.push_str(&format!("\nrule {}: {}\n", index + 1, whom(rule)));
        if rule.levels.is_empty() {
            out.push_str("  needs nothing\n");
        }
        for (level, wants) in rule.levels.iter().enumerate() {
            out.push_str(&format!("  level {}: {}\n", level + 1, wanted(wants)));
        }
        if let Some(ms) = rule.auto_approve_after_ms {
            out.push_str(&format!("  approved by itself after {}\n", time(ms)));
        }
        if let Some(ms) = rule.expires_after_ms {
            out.push_str(&format!("  fails undecided after {}\n", time(ms)));
        }
        if let Some(reason) = &rule.reason {
            out.push_str(&format!("  {}\n", escaped(reason)));
        }
    }
    out
}

/// Which tasks a rule is about.
fn whom(rule: &ApprovalRule) -> String {
    let agents = rule.agents.as_ref().map_or_else(|| "every agent".to_owned(), ToString::to_string);
    let skills = rule.skills.as_ref().map_or_else(|| "every skill".to_owned(), |skills| format!("skills {skills}"));
    let effects: Vec<String> = rule.effects.iter().map(ToString::to_string).collect();
    let effects = if effects.is_empty() { String::new() } else { format!(", effect {}", effects.join(" or ")) };
    let kinds = match rule.kinds.as_slice() {
        [ApprovalKind::Task] => ", before a task runs",
        [ApprovalKind::Action] => ", where the agent asks",
        _ => "",
    };
    format!("{agents}, {skills}{effects}{kinds}")
}

/// Who has to approve on a level.
fn wanted(level: &ApprovalLevel) -> String {
    let who =
        if level.approvers.is_empty() { "whoever holds `approve`".to_owned() } else { level.approvers.join(", ") };
    let mut out = format!("{} of {who}", level.quorum);
    if level.own {
        out.push_str(", whoever asked included");
    }
    if level.when == LevelWhen::Escalated {
        out.push_str(", if the one before is too slow");
    }
    if let Some(ms) = level.escalate_after_ms {
        let how = if level.escalate == Escalation::Instead { "instead" } else { "as well" };
        out.push_str(&format!("; after {} the next is asked {how}", time(ms)));
    }
    out
}

fn stands(level: &LevelView) -> String {
    let status = match level.status {
        LevelStatus::Waiting => "waits",
        LevelStatus::Open => "open",
        LevelStatus::Granted => "granted",
        LevelStatus::Passed => "passed",
    };
    let escalates = level.escalates_at.map(|at| format!(", at {at} the next")).unwrap_or_default();
    let (votes, quorum) = (level.votes.len(), level.wants.quorum);
    format!("{status}, {votes} of {quorum}{escalates}; {}", wanted(&level.wants))
}

fn time(ms: u64) -> String {
    match ms {
        ms if ms.is_multiple_of(3_600_000) => format!("{} h", ms / 3_600_000),
        ms if ms.is_multiple_of(60_000) => format!("{} min", ms / 60_000),
        ms if ms.is_multiple_of(1_000) => format!("{} s", ms / 1_000),
        ms => format!("{ms} ms"),
    }
}

fn at(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.to_string())
}
