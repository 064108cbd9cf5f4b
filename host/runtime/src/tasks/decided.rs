//! What the audit is told of a task's run.
//!
//! It is gathered while the guest runs and written in the transaction of the end. Of a run
//! that leaves off, the rows tell what was decided, and whoever goes on gathers it again; what
//! rows do not tell is written with the suspension. A run of which nothing was decided costs
//! nothing.

use troupe_core::audit::{AuditEntry, AuditKind, ended_of};
use troupe_core::{Error, Result};
use troupe_sandbox::decisions;
use troupe_store::{Decided, JournalRow, Reading};

use super::accepted::Accepted;
use super::leases::call_name;
use super::run::Last;
use crate::Runtime;

/// How the store reads what it keeps as bytes.
pub(super) const READING: Reading = Reading { name: call_name, decided };

fn decided(rows: &[JournalRow]) -> Vec<AuditEntry> {
    decisions(rows.iter().map(|row| (row.call.as_slice(), row.answer.as_deref())))
}

impl Runtime {
    /// What was decided in a run that ends or leaves off with `journal`, rows that are not kept
    /// yet. Beside the decisions it says how often what was put into requests came back.
    pub(super) async fn decided(
        &self,
        accepted: &Accepted,
        last: &Last,
        (decisions, echoes): &(Vec<AuditEntry>, u64),
        journal: &[JournalRow],
    ) -> Decided {
        let echo = AuditEntry { times: *echoes, ..AuditEntry::new(AuditKind::SecretEcho) };
        let echo = Some(echo).filter(|echo| echo.times > 0);
        let Last::End(end) = last else {
            return Decided { entries: echo.into_iter().collect(), journal: None };
        };
        let entries: Vec<AuditEntry> = decisions.iter().cloned().chain(echo).collect();
        let is_told = !entries.is_empty() || end.failure.as_ref().and_then(ended_of).is_some();
        if !is_told || !accepted.is_kept() {
            return Decided { entries, journal: None };
        }
        let pin = &accepted.pin;
        match self.store.journal_digest(&pin.tenant, pin.task, pin.attempt, journal).await {
            Ok(digest) => Decided { entries, journal: Some(digest) },
            Err(error) => {
                let (tenant, task, cause) = (&pin.tenant, pin.task, error.cause_chain());
                tracing::error!(%tenant, %task, cause, "the audit does not say what a task's journal holds: {error}");
                Decided { entries, journal: None }
            }
        }
    }

    /// What was decided in an attempt that is not gone on with, as its journal tells.
    pub(super) async fn decided_before(&self, accepted: &Accepted) -> Result<Decided> {
        let pin = &accepted.pin;
        let journal = self.store.journal(&pin.tenant, pin.task, pin.attempt).await?;
        let (_, rows) = journal.ok_or_else(|| Error::internal("a task that began has no journal"))?;
        let digest = self.store.journal_digest(&pin.tenant, pin.task, pin.attempt, &[]).await?;
        Ok(Decided { entries: decided(&rows), journal: Some(digest) })
    }
}
