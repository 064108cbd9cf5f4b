//! What the audit is told of a change of a route.

use serde_json::Value;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::grant::{Change, GrantKey, compare};
use troupe_core::{Digest, Grants, limits};

use super::{DeploymentRow, RouteChange};

/// What a change decides, each by itself; `base` has the revisions that it goes on from. Of a configuration the
/// digest tells which it was; of grants, which lines are wider or narrower than before, by what they mean.
pub(super) fn decided(current: Option<&DeploymentRow>, base: &DeploymentRow, change: &RouteChange) -> Vec<AuditEntry> {
    let mut decided = Vec::new();
    if change.serving.is_some() {
        let entry = AuditEntry::new(AuditKind::Swap);
        decided.push(match current {
            Some(row) => entry.with("previous", row.serving.to_string()),
            None => entry,
        });
    }
    match &change.candidate {
        Some(Some(tried)) => {
            let entry = AuditEntry::new(AuditKind::Canary).with("candidate", tried.version.to_string());
            decided.push(entry.with("candidate_digest", tried.digest.to_string()).with("weight", tried.weight));
        }
        Some(None) if change.serving.is_none() => {
            let before = current.and_then(|row| row.candidate.as_ref());
            let entry = AuditEntry::new(AuditKind::Canary).with("weight", 0);
            decided.push(match before {
                Some(tried) => entry.with("candidate", tried.version.to_string()),
                None => entry,
            });
        }
        _ => {}
    }
    if let Some(document) = &change.configuration {
        let revision = base.configuration_revision + 1;
        let digest = Digest::of(document.as_bytes()).to_string();
        decided.push(AuditEntry::new(AuditKind::Configured).with("revision", revision).with("document", digest));
    }
    if let Some(document) = &change.grants {
        let before = current.and_then(|row| row.grants.as_deref()).map(read).unwrap_or_default();
        let revision = base.grants_revision + 1;
        let entry = AuditEntry::new(AuditKind::Grants).with("revision", revision);
        let changes = compare(&before, &read(document));
        let entry = named(entry, "wider", &changes, Change::widens);
        decided.push(named(entry, "narrower", &changes, Change::narrows));
    }
    decided
}

/// What is not of this host's making grants nothing that it could tell.
fn read(document: &str) -> Grants {
    serde_json::from_str(document).unwrap_or_default()
}

/// Names the lines of which something holds; of many, the first and how many more.
fn named(entry: AuditEntry, name: &str, changes: &[(GrantKey, Change)], holds: fn(Change) -> bool) -> AuditEntry {
    let lines: Vec<&GrantKey> = changes.iter().filter(|(_, change)| holds(*change)).map(|(line, _)| line).collect();
    if lines.is_empty() {
        return entry;
    }
    let more = lines.len().saturating_sub(limits::AUDIT_LINES_MAX);
    let shown = lines.iter().take(limits::AUDIT_LINES_MAX).map(|line| Value::from(line.to_string()));
    let rest = (more > 0).then(|| Value::from(format!("and {more} more")));
    entry.with(name, shown.chain(rest).collect::<Vec<_>>())
}
