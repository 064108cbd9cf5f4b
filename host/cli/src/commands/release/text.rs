//! How releases differ, as a person reads it.

use troupe_core::view::{ApprovalStatus, ApprovalView, ReleaseDiff, ReleaseStanding, TextChange, TextFinding};

use crate::human::{escaped, table};

/// A release beside the one that serves, and how exactly that is approved of.
pub(super) fn diff(diff: &ReleaseDiff) -> String {
    let release = format!("{}@{}", diff.agent, diff.version);
    let exactly = format!("--delta {}", diff.delta);
    let next = match diff.status {
        ReleaseStanding::PendingApproval => format!(
            "\n`troupe release approve {release} {exactly}` lets exactly this serve, `troupe release reject {release}` \
             does not\n"
        ),
        ReleaseStanding::Incompatible => {
            format!("\n`troupe release approve {release} --breaking {exactly}` lets exactly this serve all the same\n")
        }
        ReleaseStanding::Published if diff.changes.findings.is_empty() => "\nnothing of it needs approval\n".to_owned(),
        _ => String::new(),
    };
    changes(diff) + &next
}

/// A release beside the one that serves.
pub(super) fn changes(diff: &ReleaseDiff) -> String {
    let release = format!("{}@{}", diff.agent, diff.version);
    let standing = diff.status.as_str().replace('_', " ");
    let mut out = match &diff.base {
        Some(base) => format!("{release} beside {}@{}, which serves: {standing}\n", diff.agent, base.version),
        None => format!("{release}, where nothing serves: {standing}\n"),
    };
    let changes = &diff.changes;
    section(&mut out, "breaks", changes.breaks.iter().map(|broken| format!("  {broken}\n")));
    section(&mut out, "wider", changes.capabilities.iter().map(|change| format!("  {change}\n")));
    section(&mut out, "a model reads", changes.texts.iter().map(text));
    section(&mut out, "hints, which prove nothing", changes.findings.iter().map(finding));
    if let Some(approval) = &diff.approval {
        out.push_str(&format!("\n{}\n", decision(approval)));
    }
    // What an author wrote does not steer the terminal.
    out.lines().map(|line| escaped(line) + "\n").collect()
}

/// What was approved.
pub(super) fn approved(diff: &ReleaseDiff) -> String {
    let mut out = format!("{}@{} is approved", diff.agent, diff.version);
    if let Some(base) = &diff.base {
        out.push_str(&format!(" over {}@{}", diff.agent, base.version));
    }
    for line in diff.changes.lines() {
        out.push_str(&format!("\n  {}", escaped(&line)));
    }
    out
}

/// Releases that wait.
pub(super) fn pending(pending: &[ApprovalView]) -> String {
    if pending.is_empty() {
        return "no release waits for approval".to_owned();
    }
    let row = |approval: &ApprovalView| {
        let base = approval.base.as_ref().map(|base| base.version.to_string()).unwrap_or_default();
        vec![format!("{}@{}", approval.agent, approval.version), base, approval.created_at.to_string()]
    };
    table(&["release", "beside", "since"], &pending.iter().map(row).collect::<Vec<_>>())
}

fn section(out: &mut String, title: &str, lines: impl ExactSizeIterator<Item = String>) {
    if lines.len() > 0 {
        out.push_str(&format!("\n{title} ({})\n", lines.len()));
        out.extend(lines);
    }
}

fn text(change: &TextChange) -> String {
    let mut out = format!("  {}\n", change.at);
    for (mark, text) in [("-", &change.before), ("+", &change.after)] {
        for line in text.iter().flat_map(|text| text.split('\n')) {
            out.push_str(&format!("    {mark} {line}\n"));
        }
    }
    out
}

fn finding(finding: &TextFinding) -> String {
    format!("  {}: {}\n    {}\n", finding.kind.as_str(), finding.at, finding.text)
}

fn decision(approval: &ApprovalView) -> String {
    let by = approval.by.as_deref().unwrap_or("nobody");
    let what = match approval.status {
        ApprovalStatus::Pending => return format!("approval {} waits since {}", approval.id, approval.created_at),
        status => status.as_str(),
    };
    let when = approval.decided_at.map(|at| format!(" at {at}")).unwrap_or_default();
    let why = approval.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{what} by {by}{when}{why}")
}
