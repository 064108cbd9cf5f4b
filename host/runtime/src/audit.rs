//! The audit, as doors read it.
//!
//! Records are handed out as they are kept. Whether the chain holds is for the client to find
//! out, who needs this host's word for nothing; what only the host can tell is whether a
//! journal is still what its digest says.

use troupe_core::audit::AuditKind;
use troupe_core::view::{AuditHead, AuditJournal, AuditRecord, JournalState, Page};
use troupe_core::{AgentName, Caller, Code, Error, Result, Scope, TaskId, limits};
use troupe_store::{AuditFilter, Withheld, task_not_found};

use crate::{Runtime, agents};

/// Which records of the audit to list.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// Those of this tenant, for the owner of the host.
    pub tenant: Option<String>,
    /// Those of one kind.
    pub kind: Option<String>,
    /// Those about one agent.
    pub agent: Option<String>,
    /// Those about one task.
    pub task: Option<String>,
    /// Those of what one party asked for: `owner`, or `key/ID`.
    pub principal: Option<String>,
    /// Those after this number.
    pub after: u64,
    /// How many; capped.
    pub limit: Option<u32>,
    /// The last ones, and not the first.
    pub newest: bool,
}

impl Runtime {
    /// Lists records of the audit, oldest first.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::TenantNotFound`]; [`Code::RequestInvalid`] for a kind that
    /// there is not.
    pub async fn audit(&self, caller: &Caller, query: AuditQuery) -> Result<Page<AuditRecord>> {
        let tenant = self.tenant_meant(caller, query.tenant.as_deref(), Scope::Audit).await?;
        let filter = AuditFilter {
            kind: query.kind.as_deref().map(kind).transpose()?,
            agent: query.agent.map(|name| name.parse::<AgentName>().map_err(|_| agents::unknown(&name))).transpose()?,
            task: query.task.map(|task| task.parse()).transpose()?,
            principal: query.principal,
        };
        let (limit, after) = (limits::page(query.limit), query.after);
        if query.newest {
            let items = self.store.audit_records(&tenant, &filter, after, limit, true).await?;
            return Ok(Page { items, next: None });
        }
        let records = self.store.audit_records(&tenant, &filter, after, limit + 1, false).await?;
        Ok(Page::of(records, limit, |record| record.seq.to_string(), |record| record))
    }

    /// The head of the audit's chain.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::TenantNotFound`].
    pub async fn audit_head(&self, caller: &Caller, tenant: Option<&str>) -> Result<AuditHead> {
        let tenant = self.tenant_meant(caller, tenant, Scope::Audit).await?;
        self.store.audit_head(&tenant).await
    }

    /// The digest of the journal of an attempt, the last if none is named, as it is now.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::TenantNotFound`]; [`Code::TaskNotFound`].
    pub async fn audit_journal(
        &self,
        caller: &Caller,
        tenant: Option<&str>,
        task: TaskId,
        attempt: Option<u32>,
    ) -> Result<AuditJournal> {
        let tenant = self.tenant_meant(caller, tenant, Scope::Audit).await?;
        let row = self.store.task(&tenant, task).await?.ok_or_else(|| task_not_found(task))?;
        let attempt = attempt.unwrap_or(row.attempt);
        let (mut state, digest) = match self.store.journal_digest(&tenant, task, attempt, &[]).await {
            Ok(digest) => (JournalState::Whole, Some(digest)),
            // A row does not read back.
            Err(error) if error.code == Code::Internal => (JournalState::Damaged, None),
            Err(error) => return Err(error),
        };
        // Asked afterwards, since it may have been dropped or redacted meanwhile.
        match self.store.journal_withheld(&tenant, task, attempt).await? {
            None => {}
            Some(Withheld::Redacted) => state = JournalState::Redacted,
            Some(Withheld::Dropped) => state = JournalState::Dropped,
        }
        Ok(AuditJournal { task, attempt, state, digest: digest.filter(|_| state == JournalState::Whole) })
    }
}

fn kind(text: &str) -> Result<AuditKind> {
    AuditKind::parse(text).ok_or_else(|| {
        let kinds: Vec<&str> = AuditKind::ALL.iter().map(|kind| kind.as_str()).collect();
        let shown: String = text.chars().take(64).flat_map(char::escape_default).collect();
        let message = format!("there is no kind `{shown}` of decisions; there are {}", kinds.join(", "));
        Error::new(Code::RequestInvalid, message)
    })
}
