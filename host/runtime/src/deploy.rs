//! Deployments: which release serves, how it is configured, what it may do.
//!
//! ```text
//!            load ─ describe ─ configuration ─ compare-and-set ─ in force
//!              │        │            │               │
//!   refused ◂──┴────────┴────────────┴───────────────┘   epoch and behaviour unchanged
//! ```
//!
//! A release takes traffic only after all of it has passed (ready before visible). The
//! row is the truth and memory follows it; calls that start after the answer see the new
//! epoch. What runs goes on on the route it began on.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use troupe_core::view::{ConfigureRequest, DeploymentView, GrantRequest, SwapRequest, Swapped, TaskFailure};
use troupe_core::{AgentName, Caller, Code, Digest, Error, Grants, ReleaseRef, Result, Scope, TenantId, limits};
use troupe_store::{DeploymentRow, ReleaseRow, RouteChange};

use crate::route::{Drain, Prepared, Route};
use crate::routes::Entry;
use crate::{Runtime, agents, publish};

/// Who turns the operator's key when a release is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantPolicy {
    /// The host grants what the manifest asks for: the operator is the author.
    AsAsked,
    /// Nothing is granted until an operator grants it.
    Approved,
}

impl Runtime {
    /// Lists the tenant's deployments by agent.
    ///
    /// # Errors
    /// [`Code::AuthScope`], or a store that cannot be read.
    pub async fn deployments(&self, caller: &Caller) -> Result<Vec<DeploymentView>> {
        caller.require(Scope::Read)?;
        let rows = self.store.deployments(&caller.tenant).await?;
        Ok(rows.iter().map(|row| self.deployment_view(row)).collect())
    }

    /// One deployment.
    ///
    /// # Errors
    /// [`Code::DeploymentNotFound`].
    pub async fn deployment(&self, caller: &Caller, agent: &str) -> Result<DeploymentView> {
        caller.require(Scope::Read)?;
        let row = self.deployment_row(caller, agent).await?;
        Ok(self.deployment_view(&row))
    }

    /// Makes a release serve, deploying the agent if it is not.
    ///
    /// # Errors
    /// [`Code::ReleaseNotFound`]; [`Code::SwapConflict`] if the epoch is another;
    /// whatever shows that the release cannot serve. On every error nothing has changed.
    pub async fn swap(&self, caller: &Caller, agent: &str, request: SwapRequest) -> Result<Swapped> {
        caller.require(Scope::Operate)?;
        self.require_ready()?;
        let agent: AgentName = agent.parse().map_err(|_| agents::unknown(agent))?;
        let reference = ReleaseRef { agent: agent.clone(), version: request.version };
        let release = self.release_row(caller, &reference).await?;
        let prepared = self.prepare(&release).await?;

        let turn = self.routes.turn(&caller.tenant, &agent);
        let changing = turn.lock().await;
        let row = self.store.deployment(&caller.tenant, &agent).await?;
        let operator = row.as_ref().map_or("{}", |row| row.configuration.as_str());
        prepared.configuration(operator)?;
        let grants = match self.grants {
            GrantPolicy::AsAsked => {
                let asked = serde_json::to_string(&prepared.asked()).map_err(Error::internal)?;
                let before = row.as_ref().and_then(|row| row.grants.as_ref());
                (before != Some(&asked)).then_some(asked)
            }
            GrantPolicy::Approved => None,
        };
        let expired = self.make_room(caller, &agent).await;
        let change = RouteChange { serving: Some((reference.version, release.digest)), configuration: None, grants };
        let row = self.store.change_route(&caller.tenant, &agent, request.epoch, change).await?;
        let route = Arc::new(prepared.route(row)?);
        self.put_in_force(&route);
        drop(changing);
        tracing::info!(tenant = %caller.tenant, release = %release.release, epoch = route.row.epoch, "in force");
        Ok(Swapped { deployment: route.view(), expired })
    }

    /// Changes a deployment's configuration; running calls keep the one they began with.
    ///
    /// # Errors
    /// [`Code::ConfigurationInvalid`] naming the place in the document;
    /// [`Code::SwapConflict`]; [`Code::DeploymentNotFound`].
    pub async fn configure(&self, caller: &Caller, agent: &str, request: ConfigureRequest) -> Result<DeploymentView> {
        caller.require(Scope::Operate)?;
        let Value::Object(_) = &request.configuration else {
            return Err(Error::new(Code::ConfigurationInvalid, "a configuration is a JSON object"));
        };
        let text = request.configuration.to_string();
        if text.len() > limits::CONFIGURATION_BYTES_MAX {
            let most = limits::bytes(limits::CONFIGURATION_BYTES_MAX as u64);
            let message = format!("the configuration has {} bytes; it may have {most}", text.len());
            return Err(Error::new(Code::ConfigurationInvalid, message));
        }
        let check = |prepared: &Prepared| prepared.configuration(&text).map(drop);
        let change = RouteChange { configuration: Some(text.clone()), ..RouteChange::default() };
        self.change(caller, agent, request.epoch, change, check).await
    }

    /// Changes what an operator grants a deployment. The effective grant is the
    /// intersection with what the manifest asks for.
    ///
    /// # Errors
    /// [`Code::SwapConflict`]; [`Code::DeploymentNotFound`].
    pub async fn grant(&self, caller: &Caller, agent: &str, request: GrantRequest) -> Result<DeploymentView> {
        caller.require(Scope::Operate)?;
        troupe_sandbox::check_grants(&request.grants)?;
        let text = serde_json::to_string(&request.grants).map_err(Error::internal)?;
        let change = RouteChange { grants: Some(text), ..RouteChange::default() };
        self.change(caller, agent, request.epoch, change, |_| Ok(())).await
    }

    async fn change(
        &self,
        caller: &Caller,
        agent: &str,
        epoch: Option<u64>,
        change: RouteChange,
        check: impl FnOnce(&Prepared) -> Result<()>,
    ) -> Result<DeploymentView> {
        self.require_ready()?;
        let name: AgentName = agent.parse().map_err(|_| agents::unknown(agent))?;
        let turn = self.routes.turn(&caller.tenant, &name);
        let changing = turn.lock().await;
        let row = self.deployment_row(caller, agent).await?;
        let reference = ReleaseRef { agent: row.agent.clone(), version: row.serving.clone() };
        let release = self.release_row(caller, &reference).await?;
        let prepared = self.prepare(&release).await?;
        check(&prepared)?;
        let row = self.store.change_route(&caller.tenant, &row.agent, epoch, change).await?;
        let route = Arc::new(prepared.route(row)?);
        self.put_in_force(&route);
        drop(changing);
        Ok(route.view())
    }

    fn put_in_force(&self, route: &Arc<Route>) {
        self.routes.put(Arc::clone(route));
        self.queue.resume(&route.row.tenant, &route.row.agent);
    }

    /// At most two releases live at once: sees to it that the one before the current has
    /// drained. Returns how many calls were ended.
    async fn make_room(&self, caller: &Caller, agent: &AgentName) -> usize {
        let mut ended = 0;
        for old in self.routes.draining(&caller.tenant, agent) {
            let patience = match self.drain {
                Drain::Wait => limits::DRAIN_TIME_MAX,
                Drain::Expire => Duration::ZERO,
            };
            if tokio::time::timeout(patience, old.drained()).await.is_err() {
                ended += old.running();
                old.expire();
                old.drained().await;
            }
        }
        ended
    }

    /// Loads a release's component and checks it against what was published. The blob is
    /// read, and its digest verified, only if its compiled code is not in the cache.
    pub(crate) async fn prepare(&self, release: &ReleaseRow) -> Result<Prepared> {
        let (agent, described) = match self.loaded(&release.component) {
            Some(agent) => {
                let described = self.sandbox.describe(&agent).await?;
                (agent, described)
            }
            None => {
                let component = self.stored_release(release.digest).await?.component;
                if Digest::of(&component) != release.component {
                    let message = "the stored component is not the one that was published";
                    return Err(Error::new(Code::ArtifactDigest, message));
                }
                self.admit(release.component, component).await?
            }
        };
        publish::same_profile(&described, &agents::profile(release)?)?;
        Prepared::new(release, agent)
    }

    /// Loads every deployment at start. One that cannot serve answers with its reason.
    pub(crate) async fn load_deployments(&self) -> Result<()> {
        for row in self.store.all_deployments().await? {
            let (tenant, agent) = (row.tenant.clone(), row.agent.clone());
            match self.load_deployment(row).await {
                Ok(route) => self.routes.put(Arc::new(route)),
                Err(error) => {
                    let cause = error.cause_chain();
                    tracing::error!(%tenant, %agent, code = %error.code, cause, "a deployment cannot serve: {error}");
                    self.routes.put_broken(tenant, agent, TaskFailure::from(&error));
                }
            }
        }
        Ok(())
    }

    async fn load_deployment(&self, row: DeploymentRow) -> Result<Route> {
        let reference = ReleaseRef { agent: row.agent.clone(), version: row.serving.clone() };
        let release = self.store.release(&row.tenant, &reference).await?;
        let release = release.ok_or_else(|| release_not_found(&reference))?;
        self.prepare(&release).await?.route(row)
    }

    /// The route that serves an agent now.
    pub(crate) fn route(&self, tenant: &TenantId, agent: &str) -> Result<Arc<Route>> {
        let name: AgentName = agent.parse().map_err(|_| agents::unknown(agent))?;
        match self.routes.get(tenant, &name) {
            Some(Entry::Serving(route)) => Ok(route),
            Some(Entry::Broken(reason)) => {
                Err(Error::from(TaskFailure::clone(&reason)).context(format!("agent `{name}` cannot serve")))
            }
            None => Err(agents::unknown(agent)),
        }
    }

    pub(crate) async fn release_row(&self, caller: &Caller, reference: &ReleaseRef) -> Result<ReleaseRow> {
        let row = self.store.release(&caller.tenant, reference).await?;
        row.ok_or_else(|| release_not_found(reference))
    }

    async fn deployment_row(&self, caller: &Caller, agent: &str) -> Result<DeploymentRow> {
        let name: AgentName = agent.parse().map_err(|_| agents::unknown(agent))?;
        let row = self.store.deployment(&caller.tenant, &name).await?;
        row.ok_or_else(|| {
            let message = format!("agent `{name}` is not deployed; `troupe swap {name}@VERSION` deploys a release");
            Error::new(Code::DeploymentNotFound, message)
        })
    }

    fn deployment_view(&self, row: &DeploymentRow) -> DeploymentView {
        match self.routes.get(&row.tenant, &row.agent) {
            Some(Entry::Serving(route)) if route.row.epoch == row.epoch => route.view(),
            _ => DeploymentView {
                agent: row.agent.to_string(),
                epoch: row.epoch,
                serving: row.serving.clone(),
                digest: row.digest,
                configuration: serde_json::from_str(&row.configuration).unwrap_or_default(),
                grants: Grants::default(),
                changed_at: row.changed_at,
            },
        }
    }
}

fn release_not_found(reference: &ReleaseRef) -> Error {
    Error::new(
        Code::ReleaseNotFound,
        format!("there is no release {reference}; `troupe agents {}` lists its versions", reference.agent),
    )
}
