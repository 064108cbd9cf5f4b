//! Which tasks of a tenant need approval.
//!
//! Every host has the policies in memory, since each task is held against one; what another host of the
//! same store sets it hears of by a word, and within a second in any case (`hosts/follow.rs`). A policy is about tasks that are made from then on: one that
//! waits goes on to need what was demanded of it.

use std::collections::HashMap;
use std::sync::Arc;

use troupe_core::approval::ApprovalPolicy;
use troupe_core::view::{ApprovalPolicyRequest, ApprovalPolicyView};
use troupe_core::{Caller, Result, Scope};
use troupe_store::ApprovalPolicyRow;

use crate::Runtime;

impl Runtime {
    /// Which tasks of the caller's tenant need approval.
    ///
    /// # Errors
    /// [`AuthScope`](troupe_core::Code::AuthScope).
    pub async fn approval_policy(&self, caller: &Caller) -> Result<ApprovalPolicyView> {
        caller.require(Scope::Read)?;
        let in_force = self.task_approvals.of(&caller.tenant);
        Ok(in_force.map_or_else(none, |row| view(&row)))
    }

    /// Says which tasks need approval that are made from now on.
    ///
    /// # Errors
    /// [`AuthScope`](troupe_core::Code::AuthScope); [`RequestInvalid`](troupe_core::Code::RequestInvalid)
    /// naming the place; [`ApprovalConflict`](troupe_core::Code::ApprovalConflict) if another revision is in
    /// force than the one that is named.
    pub async fn set_approval_policy(
        &self,
        caller: &Caller,
        request: ApprovalPolicyRequest,
    ) -> Result<ApprovalPolicyView> {
        caller.require(Scope::Admin)?;
        self.require_ready()?;
        let ApprovalPolicyRequest { policy, revision } = request;
        policy.check()?;
        for name in policy.rules.iter().flat_map(|rule| rule.named()) {
            self.check_principal(&caller.tenant, name).await?;
        }
        let runtime = self.clone();
        let (tenant, by) = (caller.tenant.clone(), caller.principal.clone());
        // What gets on disk is in force, also when the client goes away meanwhile.
        let set = tokio::spawn(async move {
            let row = runtime.store.set_approval_policy(&tenant, revision, policy, &by).await?;
            runtime.hear_of_policies(vec![row.clone()]);
            Ok::<_, troupe_core::Error>(row)
        });
        let row = set.await.map_err(troupe_core::Error::internal)??;
        let (tenant, by, revision) = (&caller.tenant, &caller.principal, row.revision);
        tracing::info!(%tenant, by, revision, rules = row.policy.rules.len(), "which tasks need approval was changed");
        Ok(view(&row))
    }

    /// Reads every tenant's policy.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(crate) async fn load_approval_policies(&self) -> Result<()> {
        let rows = self.store.approval_policies().await?;
        self.hear_of_policies(rows);
        Ok(())
    }

    /// Has policies in force that are newer than those known.
    fn hear_of_policies(&self, rows: Vec<ApprovalPolicyRow>) {
        let rows: Vec<Arc<ApprovalPolicyRow>> = rows.into_iter().map(Arc::new).collect();
        self.task_approvals.policies.rcu(|known| {
            let mut now = HashMap::clone(known);
            for row in &rows {
                if now.get(&row.tenant).is_none_or(|known| known.revision < row.revision) {
                    now.insert(row.tenant.clone(), Arc::clone(row));
                }
            }
            now
        });
    }
}

fn none() -> ApprovalPolicyView {
    ApprovalPolicyView { revision: 0, changed_at: None, changed_by: None, policy: ApprovalPolicy::default() }
}

fn view(row: &ApprovalPolicyRow) -> ApprovalPolicyView {
    ApprovalPolicyView {
        revision: row.revision,
        changed_at: Some(row.changed_at),
        changed_by: Some(row.principal.clone()),
        policy: row.policy.clone(),
    }
}
