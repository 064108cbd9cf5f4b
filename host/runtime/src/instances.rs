//! Instances of agents: an agent that is asked again and again about the same thing, and keeps
//! what it must know of it apart.
//!
//! ```text
//!  start ──▸ idle ◂──▸ running          takes tasks; which of the two is seen from its tasks
//!              │          │
//!              └── stop ──┴──▸ stopped ──▸ cleared
//!                              takes none  what it had accepted has ended, its keys are gone
//! ```
//!
//! One that is asked nothing is two rows and holds nothing of the host, so nobody needs to stop
//! it for a while: whoever stops one is done with it. That is why it is for good, and why its
//! keys go: nobody could reach them any more, and they would be in the way for ever. They stay
//! until everything that was accepted for it has come to its end, since that may want them.

use troupe_core::view::{InstanceStatus, InstanceView, NewInstance, Page};
use troupe_core::{AgentName, Caller, InstanceId, Result, Scope, SessionId, limits};
use troupe_store::{InstanceFilter, InstanceRow, NewInstanceRow, Started, instance_not_found};

use crate::{Runtime, agents};

/// Which instances to list.
#[derive(Debug, Clone, Default)]
pub struct InstanceQuery {
    /// Those of one agent.
    pub agent: Option<String>,
    /// Those in one status.
    pub status: Option<InstanceStatus>,
    /// Those older than this one.
    pub after: Option<InstanceId>,
    /// How many; capped.
    pub limit: Option<u32>,
}

impl Runtime {
    /// Starts an instance of an agent that is deployed, and says whether there was none of its
    /// name before.
    ///
    /// # Errors
    /// [`troupe_core::Code::AgentNotFound`]; [`troupe_core::Code::DeploymentNotFound`];
    /// [`troupe_core::Code::LimitInstances`].
    pub async fn start_instance(&self, caller: &Caller, request: NewInstance) -> Result<(InstanceView, bool)> {
        self.start_in(caller, request, None).await
    }

    /// Starts an instance in a session, or in none.
    pub(crate) async fn start_in(
        &self,
        caller: &Caller,
        request: NewInstance,
        session: Option<SessionId>,
    ) -> Result<(InstanceView, bool)> {
        agents::permitted(caller, Scope::Run, &request.agent)?;
        self.require_ready()?;
        let route = self.serving(&caller.tenant, &request.agent).await?;
        let new = NewInstanceRow {
            id: InstanceId::generate(&*self.clock, &*self.entropy),
            agent: route.row.agent.clone(),
            name: request.name,
            session,
            principal: caller.principal.clone(),
        };
        Ok(match self.store.start_instance(&caller.tenant, new).await? {
            Started::New(row) => (view(row), true),
            Started::Existing(row) => (view(row), false),
        })
    }

    /// Lists instances, newest first.
    ///
    /// # Errors
    /// [`troupe_core::Code::AuthScope`], or a store that cannot be read.
    pub async fn instances(&self, caller: &Caller, query: InstanceQuery) -> Result<Page<InstanceView>> {
        caller.require(Scope::Read)?;
        let agent =
            query.agent.map(|name| name.parse::<AgentName>().map_err(|_| agents::unknown(&name))).transpose()?;
        let limit = query.limit.unwrap_or(limits::PAGE_DEFAULT).clamp(1, limits::PAGE_MAX);
        let filter = InstanceFilter { agent, status: query.status };
        let mut rows = self.store.instances(&caller.tenant, &filter, query.after, limit + 1).await?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| more).map(|row| row.id.to_string());
        Ok(Page { items: rows.into_iter().map(view).collect(), next })
    }

    /// One instance.
    ///
    /// # Errors
    /// [`troupe_core::Code::InstanceNotFound`].
    pub async fn instance(&self, caller: &Caller, id: InstanceId) -> Result<InstanceView> {
        caller.require(Scope::Read)?;
        let row = self.store.instance(&caller.tenant, id).await?;
        row.map(view).ok_or_else(|| instance_not_found(id))
    }

    /// Stops an instance for good; one that is stopped stays as it is. It takes no task from the
    /// answer on.
    ///
    /// # Errors
    /// [`troupe_core::Code::InstanceNotFound`].
    pub async fn stop_instance(&self, caller: &Caller, id: InstanceId) -> Result<InstanceView> {
        caller.require_for_some(Scope::Run)?;
        self.require_ready()?;
        let row = self.store.instance(&caller.tenant, id).await?.ok_or_else(|| instance_not_found(id))?;
        caller.require_for(Scope::Run, &row.agent)?;
        Ok(view(self.store.stop_instance(&caller.tenant, id, Some(&caller.principal)).await?))
    }
}

pub(crate) fn view(row: InstanceRow) -> InstanceView {
    let status = row.status();
    let InstanceRow { id, agent, name, session, principal, created_at, stopped_at, cleared_at, .. } = row;
    InstanceView { id, agent: agent.to_string(), name, session, status, principal, created_at, stopped_at, cleared_at }
}
