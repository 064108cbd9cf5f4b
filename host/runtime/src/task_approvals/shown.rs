//! What exactly is shown of a task or of the action of its agent, and whether it is still what would run.
//!
//! The release and the configuration are named by their digests, so that an approval is small and says of each
//! which one it was. What the configuration says is read when somebody looks: each revision of what an operator has
//! set is kept, and so are the defaults of every release. It is shown only if it has the digest that was approved of.

use serde_json::Value;
use troupe_core::approval::ShownAction;
use troupe_core::view::{ApprovedAction, ApprovedConfiguration, ShownView, TaskApprovalView};
use troupe_core::{Digest, Effect, ReleaseRef, Result, TenantId};
use troupe_store::{TaskApprovalRow, TaskRow};

use crate::route::{Route, in_force};
use crate::{Runtime, agents};

/// What exactly a task would do on a route.
pub(super) fn action(task: &TaskRow, route: &Route, effect: Effect) -> ApprovedAction {
    ApprovedAction {
        agent: task.agent.to_string(),
        version: route.row.serving.clone(),
        digest: route.row.digest,
        skill: task.skill.to_string(),
        effect,
        instance: task.instance,
        configuration: Some(route.approvable),
    }
}

/// Why what would run on a route is not what was shown; nothing if it is. What a host asked about that showed no
/// configuration was not shown under any.
pub(super) fn differs(shown: &ApprovedAction, route: &Route) -> Option<String> {
    if shown.digest != route.row.digest {
        return Some(format!("{} serves by now, which was not what was shown", route.release()));
    }
    let is_same = |configuration: ApprovedConfiguration| configuration.digest == route.approvable.digest;
    if shown.configuration.is_some_and(is_same) {
        return None;
    }
    Some(format!("{} has a configuration by now that was not what was shown", route.release()))
}

impl Runtime {
    /// The configuration that an approval names, whole; nothing if it names none.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(super) async fn configuration_shown(&self, row: &TaskApprovalRow) -> Result<Option<Value>> {
        let action = &row.approval.action;
        let Some(approved) = action.configuration else { return Ok(None) };
        let release = ReleaseRef { agent: row.agent.clone(), version: action.version.clone() };
        let found = self.configuration_of(&row.tenant, &release, approved.revision).await?;
        Ok(found.filter(|found| ApprovedConfiguration::of(approved.revision, found.clone()) == approved))
    }

    /// The configuration of a release under a revision of what the operator has set; nothing if one of both is
    /// gone.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(super) async fn configuration_of(
        &self,
        tenant: &TenantId,
        release: &ReleaseRef,
        revision: u64,
    ) -> Result<Option<Value>> {
        let row = self.store.release(tenant, release).await?;
        let operator = self.store.configuration(tenant, &release.agent, revision).await?;
        let (Some(row), Some(operator)) = (row, operator) else { return Ok(None) };
        in_force(&agents::manifest(&row)?, &operator).map(Some)
    }
}

/// An approval as a list has it.
pub(super) fn listed(row: TaskApprovalRow) -> TaskApprovalView {
    view(row, false)
}

/// An approval with all that is to be looked at: the configuration, and the task's input if that is to be shown.
pub(super) fn whole(row: TaskApprovalRow, configuration: Option<Value>, input: Option<String>) -> TaskApprovalView {
    let shown = input.and_then(|text| Some((serde_json::from_str::<Value>(&text).ok()?, text)));
    // What was redacted is null.
    let shown = shown.filter(|(value, _)| !value.is_null());
    let input_digest = shown.as_ref().map(|(_, text)| Digest::of(text.as_bytes()));
    TaskApprovalView { configuration, input: shown.map(|(value, _)| value), input_digest, ..view(row, true) }
}

fn view(row: TaskApprovalRow, whole: bool) -> TaskApprovalView {
    let TaskApprovalRow { id, task, status, revision, approval, shown: action, .. } = row;
    let action = action.and_then(|text| serde_json::from_str::<ShownAction>(&text).ok());
    let shown = action.map(|ShownAction { summary, action }| ShownView { summary, action: whole.then_some(action) });
    TaskApprovalView {
        id,
        task,
        status,
        revision,
        approval,
        shown,
        configuration: None,
        input: None,
        input_digest: None,
    }
}
