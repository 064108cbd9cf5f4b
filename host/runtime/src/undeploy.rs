//! Taking an agent out of service, and deleting it.
//!
//! ```text
//!  deployed ──▸ removed on disk ──▸ here: nothing begins ──▸ what runs drains ──▸ what is left is ended
//!                     │                                                             at `drain_until`
//!                     ├──▸ other hosts, within 2 s: the same
//!                     └──▸ what waits has ended, instances are stopped, by whichever host looks
//! ```
//!
//! *The danger:* something goes on to be asked of an agent that is gone, waits for it for ever, or is cut in the
//! middle of a write. *The rule:* the row decides, as in a swap, and everything follows from it, also after a
//! crash: new work is refused with [`Code::DeploymentNotFound`]; what runs drains as the release before does in a
//! swap, and what is suspended goes on on its release when its wait is over, with what it was granted; what has
//! not begun ends with the same code. *The default:* refused while another agent is granted to ask it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use troupe_core::view::{AgentDeleted, StateAfter, Undeployed};
use troupe_core::{AgentName, Caller, Code, Error, ReleaseRef, Result, Scope, TenantId, Timestamp, limits};
use troupe_package::Manifest;
use troupe_store::{Removal, check_epoch, swap_under_way};

use crate::deploy::release_not_found;
use crate::route::Route;
use crate::routes::Removed;
use crate::swap::reads_all;
use crate::{Runtime, agents};

impl Runtime {
    /// Removes a deployment, or the state that a removed one has left: nothing of the agent begins any more, and
    /// what runs may go on for `drain`, half a minute if nobody says how long.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::DeploymentNotFound`]; [`Code::SwapConflict`] if the epoch is another or a swap is
    /// under way; [`Code::SwapIncompatible`] naming the agents that depend on it; [`Code::RequestInvalid`] for a
    /// drain that is too long. On every error nothing has changed.
    pub async fn undeploy(
        &self,
        caller: &Caller,
        agent: &str,
        state: StateAfter,
        drain: Option<u64>,
        expected: Option<u64>,
    ) -> Result<Undeployed> {
        let name = agents::permitted(caller, Scope::Operate, agent)?;
        self.require_ready()?;
        let drain = drain.map_or(limits::DRAIN_TIME_MAX, Duration::from_secs);
        if drain > limits::SWAP_DRAIN_TIME_MAX {
            let most = limits::SWAP_DRAIN_TIME_MAX.as_secs();
            let message = format!("`drain_seconds` is {}; it may be at most {most}", drain.as_secs());
            return Err(Error::new(Code::RequestInvalid, message));
        }
        let turn = self.routes.turn(&caller.tenant, &name).lock_owned().await;
        let mut seen = expected;
        if let Some(row) = self.store.deployment(&caller.tenant, &name).await? {
            check_epoch(&name, row.epoch, expected)?;
            if let Some(id) = self.swaps.in_charge(&caller.tenant, &name) {
                return Err(swap_under_way(&name, &id.to_string()));
            }
            let release = ReleaseRef { agent: name.clone(), version: row.serving.clone() };
            let found = self.store.release(&caller.tenant, &release).await?;
            // A release that cannot be read serves nobody, so nobody can depend on it.
            let offered = agents::offer(&found.ok_or_else(|| release_not_found(&release))?);
            let skills = offered.map(|(_, profile)| profile.skills).unwrap_or_default();
            self.check_unneeded(&caller.tenant, &release, skills.iter().map(|skill| skill.name.as_str()))?;
            // What was checked is of this row, which another host may change meanwhile.
            seen = Some(row.epoch);
        }
        let removal = Removal {
            expected: seen,
            removes_state: state == StateAfter::Remove,
            drain_until: self.clock.now().plus(drain),
        };
        let (runtime, caller) = (self.clone(), caller.clone());
        // Row and memory go together, also when the client goes away meanwhile.
        let removed = tokio::spawn(async move {
            let removed = runtime.store.remove_deployment(&caller.tenant, &name, removal, &caller.principal).await?;
            let running = runtime.put_removed(&caller.tenant, &name, removed.row.epoch, removed.drain_until);
            drop(turn);
            tracing::info!(tenant = %caller.tenant, agent = %name, epoch = removed.row.epoch, running, "undeployed");
            if state == StateAfter::Remove {
                runtime.leftovers.look();
            }
            if let Err(error) = runtime.settle_undeployed().await {
                // Whoever looks next does.
                tracing::warn!(cause = error.cause_chain(), "what waited for an agent has not ended: {error}");
            }
            Ok::<_, Error>(Undeployed {
                agent: name.to_string(),
                epoch: removed.row.epoch,
                served: removed.row.serving,
                digest: removed.row.digest,
                state,
                running,
                drain_until: removed.drain_until,
            })
        });
        removed.await.map_err(Error::internal)?
    }

    /// Deletes an agent that is not deployed, with its releases, channels, schedules and subscriptions.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::AgentNotFound`]; [`Code::ReleaseInUse`] if it is deployed, or naming what needs one
    /// of its releases.
    pub async fn delete_agent(&self, caller: &Caller, agent: &str, state: StateAfter) -> Result<AgentDeleted> {
        agents::permitted(caller, Scope::Operate, agent)?;
        self.require_ready()?;
        let name = self.agent_meant(caller, agent).await?;
        let removes_state = state == StateAfter::Remove;
        let deleted = self.store.delete_agent(&caller.tenant, &name, removes_state, &caller.principal).await?;
        tracing::info!(tenant = %caller.tenant, agent = %name, versions = deleted.versions.len(), "an agent was deleted");
        if removes_state {
            self.leftovers.look();
        }
        self.renew_index().await;
        let state = if deleted.keeps_state { StateAfter::Keep } else { StateAfter::Remove };
        Ok(AgentDeleted { agent: name.to_string(), versions: deleted.versions, channels: deleted.channels, state })
    }

    /// Has nothing of an agent begin here any more, and says how much of it runs.
    fn put_removed(&self, tenant: &TenantId, agent: &AgentName, epoch: u64, drain_until: Timestamp) -> u64 {
        self.routes.put_removed(tenant, agent, Removed { epoch });
        // What was set aside finds that nobody will serve it.
        self.queue.resume(tenant, agent);
        let busy = self.routes.busy(tenant, agent);
        let running = busy.iter().map(|route| route.running() as u64).sum();
        let left = drain_until.since(self.clock.now());
        // What is suspended and goes on later does so on routes of its own, and whatever is deployed by then.
        let draining: Vec<Weak<Route>> = busy.iter().map(Arc::downgrade).collect();
        tokio::spawn(async move {
            tokio::time::sleep(left).await;
            draining.iter().filter_map(Weak::upgrade).for_each(|route| route.expire());
        });
        running
    }

    /// Follows the removal of a deployment by another host, if there was one.
    pub(crate) async fn follow_removed(&self, tenant: &TenantId, agent: &AgentName) -> Result<()> {
        let Some(removed) = self.store.removed_deployment(tenant, agent).await? else { return Ok(()) };
        let epoch = removed.row.epoch;
        if self.routes.is_behind(tenant, agent, epoch) {
            self.put_removed(tenant, agent, epoch, removed.drain_until);
            tracing::info!(%tenant, %agent, epoch, "undeployed, as another host says");
        }
        Ok(())
    }

    /// Remembers what was removed before this host started, for what of it goes on here.
    pub(crate) async fn load_removed(&self) -> Result<()> {
        for (tenant, agent, epoch) in self.store.removed_deployments().await? {
            self.routes.put_removed(&tenant, &agent, Removed { epoch });
        }
        Ok(())
    }

    /// Ends what waits for agents that are deployed no longer, and stops their instances.
    pub(crate) async fn settle_undeployed(&self) -> Result<()> {
        loop {
            let ended = self.store.end_undeployed(limits::WOKEN_AT_ONCE).await?;
            if ended.is_empty() {
                break;
            }
            tracing::info!(tasks = ended.len(), "tasks of agents that are deployed no longer have ended");
            for task in ended {
                self.queue.remove(task.id);
                self.tell(&task);
            }
        }
        while self.store.stop_undeployed(limits::WOKEN_AT_ONCE).await? > 0 {}
        Ok(())
    }

    /// Checks that a release reads the state that the agent's last deployment has left, if it has left any.
    ///
    /// # Errors
    /// [`Code::SwapState`] if it does not.
    pub(crate) async fn check_kept_state(
        &self,
        tenant: &TenantId,
        agent: &AgentName,
        release: &Manifest,
    ) -> Result<()> {
        let Some(removed) = self.store.removed_deployment(tenant, agent).await? else { return Ok(()) };
        if !removed.keeps_state() {
            return Ok(());
        }
        let forms = removed.row.state_forms;
        if forms.is_some_and(|forms| reads_all(release.state, forms)) {
            return Ok(());
        }
        let there = forms.map_or_else(|| "an unknown form".to_owned(), |forms| forms.to_string());
        let (name, reads) = (release.release(), release.state.reads);
        let message = format!(
            "{name} reads state of `state.version` {reads}, and the deployment of {agent} that was removed has left {there}; \
             deploy a release that reads it, or remove it with `troupe undeploy {agent} --state remove`"
        );
        Err(Error::new(Code::SwapState, message).with("state", there))
    }
}
