//! Instances of agents: an agent that is asked again and again about the same thing, and keeps
//! what it must know of it apart.
//!
//! ```text
//!  start ──▸ starting ──found healthy──▸ idle ◂──▸ running     takes tasks; which of the two is seen from its tasks
//!     │         ▲                         ▲ │  ▲         │ │
//!     └─────────│──where none is checked──┘ │ resume   pause so often bad or trapped
//!               │                           └─▸ paused ◂─┘ │
//!            restart, by somebody or after a pause         │  what is asked of one that is starting, paused or in
//!               └────────────── error ◂────────────────────┘  error is accepted and stays pending
//!
//!  stop, from any ──▸ stopped ──▸ cleared
//!                     takes none  what it had accepted has ended, its keys are gone
//! ```
//!
//! A paused one refuses nothing and loses nothing: what is asked of it waits on disk, in its order, and what
//! had begun goes on to its end. It is paused by its row alone, so it stays so over a restart of the host.
//!
//! A restart begins anew what is counted of an instance, and nothing else: its keys stay, and so does what
//! runs, since each task has a fresh sandbox in any case and there is no live store to throw away.
//!
//! One that is asked nothing is two rows and holds nothing of the host, so nobody needs to stop
//! it for a while: whoever stops one is done with it. That is why it is for good, and why its
//! keys go: nobody could reach them any more, and they would be in the way for ever. They stay
//! until everything that was accepted for it has come to its end, since that may want them.

use troupe_core::view::{InstanceErrorView, InstanceStatus, InstanceView, NewInstance, Page};
use troupe_core::{AgentName, Caller, InstanceId, Result, Scope, SessionId, limits};
use troupe_store::{InErrorRow, InstanceFilter, InstanceRow, Life, NewInstanceRow, Started, instance_not_found};

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
            checked: route.health.is_some(),
        };
        Ok(match self.store.start_instance(&caller.tenant, new).await? {
            Started::New(row) => {
                self.health.happened();
                (view(row), true)
            }
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
        let row = self.instance_to_change(caller, id).await?;
        let held_back = row.holds_back();
        let row = self.store.stop_instance(&caller.tenant, id, Some(&caller.principal)).await?;
        if held_back {
            // What waited comes to its end as well.
            self.queue_pending().await?;
        }
        Ok(view(row))
    }

    /// Has an instance begin none of its tasks until it is resumed. What runs goes on.
    ///
    /// # Errors
    /// [`troupe_core::Code::AuthScope`]; [`troupe_core::Code::InstanceNotFound`];
    /// [`troupe_core::Code::InstanceStopped`].
    pub async fn pause_instance(&self, caller: &Caller, id: InstanceId) -> Result<InstanceView> {
        self.set_paused(caller, id, true).await
    }

    /// Has a paused instance go on with what waits.
    ///
    /// # Errors
    /// Those of [`Runtime::pause_instance`].
    pub async fn resume_instance(&self, caller: &Caller, id: InstanceId) -> Result<InstanceView> {
        let resumed = self.set_paused(caller, id, false).await?;
        self.queue_pending().await?;
        self.health.happened();
        Ok(resumed)
    }

    /// Restarts an instance: it is neither paused nor in error any more, and what is counted of it is counted anew.
    /// Where its health is checked it begins nothing before it was found healthy. What runs of it goes on, and its
    /// keys stay.
    ///
    /// # Errors
    /// Those of [`Runtime::pause_instance`].
    pub async fn restart_instance(&self, caller: &Caller, id: InstanceId) -> Result<InstanceView> {
        let row = self.instance_to_change(caller, id).await?;
        let checked = self.checks_health(&caller.tenant, &row.agent);
        let row = self.store.restart_instance(&caller.tenant, id, &caller.principal, checked).await?;
        self.health.happened();
        if !row.holds_back() {
            self.queue_pending().await?;
        }
        Ok(view(row))
    }

    async fn set_paused(&self, caller: &Caller, id: InstanceId, pause: bool) -> Result<InstanceView> {
        self.instance_to_change(caller, id).await?;
        Ok(view(self.store.pause_instance(&caller.tenant, id, pause, &caller.principal).await?))
    }

    /// An instance that a caller may change.
    async fn instance_to_change(&self, caller: &Caller, id: InstanceId) -> Result<InstanceRow> {
        caller.require_for_some(Scope::Run)?;
        self.require_ready()?;
        let row = self.store.instance(&caller.tenant, id).await?.ok_or_else(|| instance_not_found(id))?;
        caller.require_for(Scope::Run, &row.agent)?;
        Ok(row)
    }
}

pub(crate) fn view(row: InstanceRow) -> InstanceView {
    let status = row.status();
    let InstanceRow { id, agent, name, session, principal, created_at, paused_at, stopped_at, cleared_at, .. } = row;
    let Life { error, checked_at, restarts, .. } = row.life;
    let error = error.map(|InErrorRow { since, by, code, message, restart_at }| InstanceErrorView {
        since,
        by,
        code,
        message,
        restart_at,
    });
    InstanceView {
        id,
        agent: agent.to_string(),
        name,
        session,
        status,
        principal,
        created_at,
        error,
        checked_at,
        restarts: restarts.len() as u64,
        paused_at,
        stopped_at,
        cleared_at,
    }
}
