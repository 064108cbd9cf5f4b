//! What is on record of a rehearsal that somebody asked for.
//!
//! Whoever has a release rehearsed reads what tasks were asked and answered, so feed and audit say
//! who that was, before the report is told. What a swap rehearses is on record with the swap.

use serde_json::json;
use troupe_core::Result;
use troupe_core::audit::{AuditEntry, AuditKind};
use troupe_core::verdict::RehearsalPolicy;
use troupe_core::view::RehearsalReport;

use super::Rehearsal;

impl Rehearsal {
    /// Tells of a rehearsal that is over, if somebody asked for it.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(super) async fn record(&self, report: &RehearsalReport) -> Result<()> {
        let Some(caller) = &self.caller else { return Ok(()) };
        let (agent, release) = (&self.subject.agent, report.candidate.clone());
        let mut entry = AuditEntry::new(AuditKind::Rehearsed).by(Some(&caller.principal)).of(agent);
        entry = entry.on(&release.version, release.digest).with("last", self.last);
        if let Some(skill) = &self.skill {
            entry = entry.with("skill", skill.as_str());
        }
        entry.details.extend(report.summary(&RehearsalPolicy::default()).facts());
        let data = json!({
            "agent": agent.as_str(), "version": release.version.to_string(), "digest": release.digest.to_string(),
            "by": caller.principal, "rehearsal": entry.details,
        });
        let subject = format!("release/{agent}@{}", release.version);
        self.runtime.store.announce(&caller.tenant, "release.rehearsed", &subject, data, Some(entry)).await
    }
}
