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
//! epoch. What runs goes on on the route it began on, with what of its grants is left.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::OwnedMutexGuard;
use tokio::task::JoinSet;
use troupe_core::view::{ConfigureRequest, DeploymentView, GrantRequest, SwapRequest, Swapped, TaskFailure};
use troupe_core::{AgentName, Caller, Code, Error, Grants, ReleaseRef, Result, Scope, TenantId, limits};
use troupe_store::{DeploymentRow, ReleaseRow, RouteChange, check_epoch};

use crate::components::Loaded;
use crate::grants::check_granted;
use crate::route::{Drain, Prepared, Route};
use crate::routes::Entry;
use crate::{Runtime, agents, publish, quarantine};

/// Deployments loaded at once when the host starts: as many as admission compiles at once.
const LOADED_AT_ONCE: usize = 2;

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

        let changing = self.routes.turn(&caller.tenant, &agent).lock_owned().await;
        let row = self.store.deployment(&caller.tenant, &agent).await?;
        // Before any call is ended to make room for a swap that is refused.
        check_epoch(&agent, row.as_ref().map_or(0, |row| row.epoch), request.epoch)?;
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
        let route = self.put_in_force(changing, prepared, &caller.tenant, &agent, request.epoch, change).await?;
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
    /// intersection with what the manifest asks for. What runs, on whatever route, is denied
    /// at its next call what is no longer granted; what is added is for what begins later.
    ///
    /// # Errors
    /// [`Code::SwapConflict`]; [`Code::DeploymentNotFound`].
    pub async fn grant(&self, caller: &Caller, agent: &str, request: GrantRequest) -> Result<DeploymentView> {
        caller.require(Scope::Operate)?;
        check_granted(&request.grants)?;
        self.directories.check(&request.grants)?;
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
        let changing = self.routes.turn(&caller.tenant, &name).lock_owned().await;
        let row = self.deployment_row(caller, agent).await?;
        let reference = ReleaseRef { agent: row.agent.clone(), version: row.serving.clone() };
        let release = self.release_row(caller, &reference).await?;
        let prepared = self.prepare(&release).await?;
        check(&prepared)?;
        let route = self.put_in_force(changing, prepared, &caller.tenant, &name, epoch, change).await?;
        Ok(route.view())
    }

    /// Changes the row, then memory, and ends the turn: all of it also when the client goes
    /// away meanwhile, since the two must not part.
    pub(crate) async fn put_in_force(
        &self,
        changing: OwnedMutexGuard<()>,
        prepared: Prepared,
        tenant: &TenantId,
        agent: &AgentName,
        epoch: Option<u64>,
        change: RouteChange,
    ) -> Result<Arc<Route>> {
        let (runtime, tenant, agent) = (self.clone(), tenant.clone(), agent.clone());
        // A swap that brings its own grants, as in `dev`, says nothing of the release before.
        let is_swap = change.serving.is_some();
        let cut = change.grants.is_some() && !is_swap;
        let changed = tokio::spawn(async move {
            let row = runtime.store.change_route(&tenant, &agent, epoch, change).await?;
            let mut route = prepared.route(row)?;
            if let Some(Entry::Serving(before)) = runtime.routes.get(&tenant, &agent) {
                // What an agent has used is used, whatever serves.
                route.draw_on(before.grants.budgets());
                // What is known of a release stays with it, until a swap.
                if !is_swap {
                    route.quarantine = before.quarantine.clone();
                }
            }
            let route = Arc::new(route);
            quarantine::gauge(&route);
            runtime.routes.put(Arc::clone(&route), cut);
            runtime.queue.resume(&tenant, &agent);
            drop(changing);
            Ok(route)
        });
        changed.await.map_err(Error::internal)?
    }

    /// At most two releases live at once: sees to it that those before the current have
    /// drained, all by one deadline. Returns how many calls were ended.
    async fn make_room(&self, caller: &Caller, agent: &AgentName) -> usize {
        let patience = match self.drain {
            Drain::Wait => limits::DRAIN_TIME_MAX,
            Drain::Expire => Duration::ZERO,
        };
        let until = tokio::time::Instant::now() + patience;
        let mut ended = 0;
        for old in self.routes.draining(&caller.tenant, agent) {
            if tokio::time::timeout_at(until, old.drained()).await.is_err() {
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
        let Loaded { agent, described } = match self.loaded(&release.component).await? {
            Some(loaded) => loaded,
            None => {
                tracing::info!(release = %release.release, "compiling: this host has no code of its component yet");
                let component = self.stored_component(release).await?;
                self.admit(release.component, component).await?
            }
        };
        publish::same_profile(&described, &agents::profile(release)?)?;
        Prepared::new(release, agent)
    }

    /// Loads every deployment at start, a few at a time. One that cannot serve answers with
    /// its reason.
    pub(crate) async fn load_deployments(&self) -> Result<()> {
        let mut rows = self.store.all_deployments().await?.into_iter();
        let mut loading = JoinSet::new();
        loop {
            while loading.len() < LOADED_AT_ONCE
                && let Some(row) = rows.next()
            {
                let runtime = self.clone();
                loading.spawn(async move { runtime.load_or_break(row).await });
            }
            match loading.join_next().await {
                Some(loaded) => loaded.map_err(Error::internal)?,
                None => return Ok(()),
            }
        }
    }

    async fn load_or_break(&self, row: DeploymentRow) {
        let (tenant, agent) = (row.tenant.clone(), row.agent.clone());
        match self.load_deployment(row).await {
            Ok(route) => self.routes.put(Arc::new(route), false),
            Err(error) => {
                let cause = error.cause_chain();
                tracing::error!(%tenant, %agent, code = %error.code, cause, "a deployment cannot serve: {error}");
                self.routes.put_broken(tenant, agent, TaskFailure::from(&error));
            }
        }
    }

    async fn load_deployment(&self, row: DeploymentRow) -> Result<Route> {
        let reference = ReleaseRef { agent: row.agent.clone(), version: row.serving.clone() };
        let release = self.store.release(&row.tenant, &reference).await?;
        let release = release.ok_or_else(|| release_not_found(&reference))?;
        self.prepare(&release).await?.route(row)
    }

    /// The route that serves an agent now, unless its tenant is disabled.
    pub(crate) fn route(&self, tenant: &TenantId, agent: &str) -> Result<Arc<Route>> {
        self.disabled.check(tenant)?;
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

    pub(crate) async fn deployment_row(&self, caller: &Caller, agent: &str) -> Result<DeploymentRow> {
        let name: AgentName = agent.parse().map_err(|_| agents::unknown(agent))?;
        let row = self.store.deployment(&caller.tenant, &name).await?;
        row.ok_or_else(|| {
            let message = format!("agent `{name}` is not deployed; `troupe swap {name}@VERSION` deploys a release");
            Error::new(Code::DeploymentNotFound, message)
        })
    }

    fn deployment_view(&self, row: &DeploymentRow) -> DeploymentView {
        let fault = match self.routes.get(&row.tenant, &row.agent) {
            Some(Entry::Serving(route)) => return route.view(),
            Some(Entry::Broken(reason)) => Some(TaskFailure::clone(&reason)),
            // Its first row is on disk, and its route is put in force in this very moment.
            None => None,
        };
        DeploymentView {
            agent: row.agent.to_string(),
            epoch: row.epoch,
            serving: row.serving.clone(),
            digest: row.digest,
            configuration: serde_json::from_str(&row.configuration).unwrap_or_default(),
            grants: Grants::default(),
            changed_at: row.changed_at,
            fault,
            quarantine: None,
        }
    }
}

pub(crate) fn release_not_found(reference: &ReleaseRef) -> Error {
    Error::new(
        Code::ReleaseNotFound,
        format!("there is no release {reference}; `troupe agents {}` lists its versions", reference.agent),
    )
}
