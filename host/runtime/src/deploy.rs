//! Deployments: which release serves, how it is configured, what it may do.
//!
//! A route is changed by a compare-and-set on its epoch, in the turn of its deployment. The row
//! is the truth and memory follows it; calls that start after the answer see the new epoch.
//! What runs goes on on the route it began on, with what of its grants is left. Which release
//! takes traffic, and when, is `swap.rs`.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::OwnedMutexGuard;
use tokio::task::JoinSet;
use troupe_core::audit::AuditEntry;
use troupe_core::view::{AffinityBy, ConfigureRequest, DeploymentView, TaskFailure};
use troupe_core::{AgentName, Caller, Code, Error, Grants, ReleaseRef, Result, Scope, TenantId, limits};
use troupe_package::StateVersion;
use troupe_store::{CandidateRow, DeploymentRow, ReleaseRow, RouteChange, SwapRoute, SwapRow, check_epoch};

pub(crate) use troupe_store::release_not_found;

use crate::components::Loaded;
use crate::route::{Prepared, Route, Tried};
use crate::routes::{Broken, Entry};
use crate::{Runtime, agents, grants, publish, quarantine};

/// Who turns the operator's key when a release is deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantPolicy {
    /// The host grants what the manifest asks for: the operator is the author.
    AsAsked,
    /// Nothing is granted until an operator grants it.
    Approved,
}

/// A change of a deployment, and of the swaps that it goes with.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// The epoch that was looked at.
    pub(crate) expected: Option<u64>,
    pub(crate) route: RouteChange,
    /// Who decided it; nobody if a policy did.
    pub(crate) by: Option<String>,
    /// New states of swaps; the first is that which changes the route.
    pub(crate) swaps: Vec<SwapRow>,
    /// What the audit is told beside the change itself.
    pub(crate) decided: Vec<AuditEntry>,
}

/// Releases that are ready to be in force.
pub(crate) struct Placed {
    pub(crate) serving: Prepared,
    /// What is tried, and what keeps calls together meanwhile.
    pub(crate) tried: Option<(Prepared, AffinityBy)>,
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

    /// Changes a deployment's configuration; running calls keep the one they began with.
    ///
    /// # Errors
    /// [`Code::ConfigurationInvalid`] naming the place in the document;
    /// [`Code::SwapConflict`]; [`Code::DeploymentNotFound`].
    pub async fn configure(&self, caller: &Caller, agent: &str, request: ConfigureRequest) -> Result<DeploymentView> {
        let name = agents::permitted(caller, Scope::Operate, agent)?;
        let Value::Object(_) = &request.configuration else {
            return Err(Error::new(Code::ConfigurationInvalid, "a configuration is a JSON object"));
        };
        let text = request.configuration.to_string();
        if text.len() > limits::CONFIGURATION_BYTES_MAX {
            let most = limits::bytes(limits::CONFIGURATION_BYTES_MAX as u64);
            let message = format!("the configuration has {} bytes; it may have {most}", text.len());
            return Err(Error::new(Code::ConfigurationInvalid, message));
        }
        self.require_ready()?;
        let changing = self.routes.turn(&caller.tenant, &name).lock_owned().await;
        let row = self.deployment_row(caller, agent).await?;
        check_epoch(&name, row.epoch, request.epoch)?;
        let change = Change {
            // What is made ready is of this row, which another host may change meanwhile.
            expected: Some(row.epoch),
            route: RouteChange { configuration: Some(text), ..RouteChange::default() },
            by: Some(caller.principal.clone()),
            ..Change::default()
        };
        let placed = self.placed(&row, &change).await?;
        Ok(self.put_in_force(changing, placed, &caller.tenant, &name, change).await?.0.view())
    }

    /// Makes ready what shall be in force after a change of a deployment that changes neither
    /// release of it.
    ///
    /// # Errors
    /// Whatever shows that one of them cannot serve so.
    pub(crate) async fn placed(&self, row: &DeploymentRow, change: &Change) -> Result<Placed> {
        let configuration = change.route.configuration.as_ref().unwrap_or(&row.configuration);
        let prepare = async |version: &semver::Version, serves: bool| {
            let reference = ReleaseRef { agent: row.agent.clone(), version: version.clone() };
            let release = self.store.release(&row.tenant, &reference).await?;
            let release = release.ok_or_else(|| release_not_found(&reference))?;
            let prepared = self.prepare_at_hand(row, &release, serves).await?;
            prepared.configuration(configuration)?;
            Ok::<_, Error>(prepared)
        };
        let serving = prepare(&row.serving, true).await?;
        let tried = match &row.candidate {
            Some(candidate) => {
                let swap = self.store.swap(&row.tenant, candidate.swap).await?;
                let by = swap.and_then(|swap| swap.policy.canary).map(|canary| canary.by).unwrap_or_default();
                Some((prepare(&candidate.version, false).await?, by))
            }
            None => None,
        };
        Ok(Placed { serving, tried })
    }

    /// Changes the row, then memory, and ends the turn: all of it also when the client goes
    /// away meanwhile, since the two must not part. Returns the route and the swaps as they
    /// then are.
    pub(crate) async fn put_in_force(
        &self,
        changing: OwnedMutexGuard<()>,
        placed: Placed,
        tenant: &TenantId,
        agent: &AgentName,
        change: Change,
    ) -> Result<(Arc<Route>, Vec<SwapRow>)> {
        let (runtime, tenant, agent) = (self.clone(), tenant.clone(), agent.clone());
        let changed = tokio::spawn(async move {
            let Change { expected, route: wanted, by, swaps, decided } = change;
            // A swap that brings its own grants, as in `dev`, says nothing of the release before.
            let is_swap = wanted.serving.is_some();
            let cut = wanted.grants.is_some() && !is_swap;
            let (row, swaps) = if swaps.is_empty() {
                let row = runtime.store.change_route(&tenant, &agent, expected, wanted, by.as_deref()).await?;
                (row, swaps)
            } else {
                let route = SwapRoute { expected, change: wanted, by };
                let (swaps, row) = runtime.store.change_swaps(swaps, Some(route), decided).await?;
                (row.ok_or_else(|| Error::internal("a route that changed is not there"))?, swaps)
            };
            let route = Arc::new(runtime.routed(placed, row, is_swap)?);
            quarantine::gauge(&route);
            runtime.routes.put(Arc::clone(&route), cut);
            runtime.queue.resume(&tenant, &agent);
            drop(changing);
            Ok((route, swaps))
        });
        changed.await.map_err(Error::internal)?
    }

    /// The route of a row, with what is known of its releases.
    fn routed(&self, placed: Placed, row: DeploymentRow, is_swap: bool) -> Result<Route> {
        let before = self.routes.get(&row.tenant, &row.agent);
        let before = match &before {
            Some(Entry::Serving(before)) => Some(before),
            _ => None,
        };
        let known = |route: &mut Route| {
            let Some(before) = before else { return };
            // What an agent has used is used, whatever serves.
            route.draw_on(before.grants.budgets());
            // What is known of a release stays with it, until it is swapped in without having
            // been tried.
            let mut known = before.both().skip(usize::from(is_swap));
            if let Some(known) = known.find(|known| known.row.digest == route.row.digest) {
                route.goes_on(known);
            }
        };
        let candidate = row.candidate.clone();
        let mut route = placed.serving.route(row)?;
        route.hold = self.routes.hold(&route.row.tenant, &route.row.agent);
        known(&mut route);
        if let (Some(candidate), Some((prepared, by))) = (candidate, placed.tried) {
            let CandidateRow { version, digest, weight, swap } = candidate;
            let row = DeploymentRow { serving: version, digest, candidate: None, ..route.row.clone() };
            let mut tried = prepared.route(row)?;
            tried.hold = route.hold.clone();
            known(&mut tried);
            route.tried = Some(Tried { route: Arc::new(tried), weight, swap, by });
        }
        Ok(route)
    }

    /// Loads a release's component and checks it against what was published. The blob is
    /// read, and its digest verified, only if its compiled code is not in the cache.
    pub(crate) async fn prepare(&self, release: &ReleaseRow) -> Result<Prepared> {
        let component = async {
            tracing::info!(release = %release.release, "compiling: this host has no code of its component yet");
            self.stored_component(release).await
        };
        // On the heap, since this lies deep in whatever wants a release, whose own futures it would
        // make as large as itself.
        let admitted = Box::pin(self.admit(&release.tenant, release.component, component));
        let Loaded { agent, described } = admitted.await?;
        publish::same_profile(&described, &agents::described(release)?)?;
        Prepared::new(release, agent)
    }

    /// Prepares a release that a deployment has. While it serves or is tried its component is
    /// at hand, whatever has become of the disk. Else what serves must have been signed once, and
    /// what is tried must be such as may serve.
    async fn prepare_at_hand(&self, row: &DeploymentRow, release: &ReleaseRow, serves: bool) -> Result<Prepared> {
        if let Some(Entry::Serving(route)) = self.routes.get(&row.tenant, &row.agent)
            && let Some(known) = route.both().find(|known| known.row.digest == release.digest)
        {
            return Prepared::new(release, known.agent.clone());
        }
        if serves {
            self.was_signed(release).await?
        } else {
            self.may_serve(release).await?
        }
        self.prepare(release).await
    }

    /// Changes what the operator grants a deployment whose release cannot be loaded, and cuts
    /// what still runs of the agent.
    pub(crate) async fn narrow_broken(
        &self,
        changing: OwnedMutexGuard<()>,
        caller: &Caller,
        row: &DeploymentRow,
        operator: Grants,
        why: &Error,
    ) -> Result<DeploymentRow> {
        let (runtime, caller, row) = (self.clone(), caller.clone(), row.clone());
        let state = self.routes.state(&row.tenant, &row.agent);
        let mut broken = Broken { reason: TaskFailure::from(why), operator, state, epoch: row.epoch };
        let changed = tokio::spawn(async move {
            let grants = Some(serde_json::to_string(&broken.operator).map_err(Error::internal)?);
            let change = RouteChange { grants, ..RouteChange::default() };
            let (tenant, agent, by) = (&caller.tenant, &row.agent, Some(caller.principal.as_str()));
            let row = runtime.store.change_route(tenant, agent, Some(row.epoch), change, by).await?;
            broken.epoch = row.epoch;
            runtime.routes.put_broken(tenant.clone(), agent.clone(), broken);
            drop(changing);
            Ok(row)
        });
        changed.await.map_err(Error::internal)?
    }

    /// Loads every deployment at start, as many at a time as are compiled at once. One that
    /// cannot serve answers with its reason.
    pub(crate) async fn load_deployments(&self) -> Result<()> {
        self.load_removed().await?;
        let mut rows = self.store.all_deployments().await?.into_iter();
        let mut loading = JoinSet::new();
        loop {
            while loading.len() < limits::ADMISSION_CHILDREN_MAX
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
        // What does not read back grants nothing.
        let (operator, epoch) = (grants::granted(&row).unwrap_or_default(), row.epoch);
        let state = self.written_state(&row).await;
        match self.load_deployment(row).await {
            Ok(route) => self.routes.put(Arc::new(route), false),
            Err(error) => {
                let cause = error.cause_chain();
                tracing::error!(%tenant, %agent, code = %error.code, cause, "a deployment cannot serve: {error}");
                let broken = Broken { reason: TaskFailure::from(&error), operator, state, epoch };
                self.routes.put_broken(tenant, agent, broken);
            }
        }
    }

    /// The form of state that the release of a deployment writes, if its manifest can be read.
    pub(crate) async fn written_state(&self, row: &DeploymentRow) -> Option<StateVersion> {
        let reference = ReleaseRef { agent: row.agent.clone(), version: row.serving.clone() };
        let release = self.store.release(&row.tenant, &reference).await.ok()??;
        Some(agents::manifest(&release).ok()?.state)
    }

    pub(crate) async fn load_deployment(&self, row: DeploymentRow) -> Result<Route> {
        let placed = self.placed_at_least(&row, &Change::default()).await?;
        self.routed(placed, row, false)
    }

    /// Makes ready what shall be in force, without what is tried if that cannot be: what serves
    /// goes on to serve, and the swap sees that nothing is tried.
    ///
    /// # Errors
    /// Whatever shows that what serves cannot.
    pub(crate) async fn placed_at_least(&self, row: &DeploymentRow, change: &Change) -> Result<Placed> {
        match self.placed(row, change).await {
            Err(error) if row.candidate.is_some() => {
                let cause = error.cause_chain();
                tracing::error!(tenant = %row.tenant, agent = %row.agent, cause, "nothing is tried: {error}");
                self.placed(&DeploymentRow { candidate: None, ..row.clone() }, change).await
            }
            placed => placed,
        }
    }

    /// The route that serves an agent now, unless its tenant is disabled.
    pub(crate) fn route(&self, tenant: &TenantId, agent: &str) -> Result<Arc<Route>> {
        self.disabled.check(tenant)?;
        let name: AgentName = agent.parse().map_err(|_| agents::unknown(agent))?;
        match self.routes.get(tenant, &name) {
            Some(Entry::Serving(route)) => Ok(route),
            Some(Entry::Broken(broken)) => {
                Err(Error::from(broken.reason.clone()).context(format!("agent `{name}` cannot serve")))
            }
            Some(Entry::Removed(_)) => Err(not_deployed(&name)),
            None => Err(agents::unknown(agent)),
        }
    }

    /// The route that serves an agent now.
    ///
    /// # Errors
    /// Those of [`Runtime::route`]; [`Code::DeploymentNotFound`] if it has releases and none
    /// of them serves.
    pub(crate) async fn serving(&self, tenant: &TenantId, agent: &str) -> Result<Arc<Route>> {
        let route = self.route(tenant, agent);
        if let Err(error) = &route
            && matches!(error.code, Code::AgentNotFound | Code::DeploymentNotFound)
            && let Ok(name) = agent.parse()
        {
            // Another host may have deployed it a moment ago.
            if self.is_shared() && self.store.deployment(tenant, &name).await?.is_some() {
                let (runtime, tenant_of, name) = (self.clone(), tenant.clone(), name);
                let ready = tokio::spawn(async move { runtime.catch_up(&tenant_of, &name).await });
                ready.await.map_err(Error::internal)??;
                return self.route(tenant, agent);
            }
            return Err(match self.store.releases(tenant, &name).await?.is_empty() {
                true => agents::unknown(agent),
                false => not_deployed(&name),
            });
        }
        route
    }

    pub(crate) async fn release_row(&self, caller: &Caller, reference: &ReleaseRef) -> Result<ReleaseRow> {
        let row = self.store.release(&caller.tenant, reference).await?;
        row.ok_or_else(|| release_not_found(reference))
    }

    pub(crate) async fn deployment_row(&self, caller: &Caller, agent: &str) -> Result<DeploymentRow> {
        let name: AgentName = agent.parse().map_err(|_| agents::unknown(agent))?;
        let row = self.store.deployment(&caller.tenant, &name).await?;
        row.ok_or_else(|| not_deployed(&name))
    }

    pub(crate) fn deployment_view(&self, row: &DeploymentRow) -> DeploymentView {
        let fault = match self.routes.get(&row.tenant, &row.agent) {
            Some(Entry::Serving(route)) => return route.view(),
            Some(Entry::Broken(broken)) => Some(broken.reason.clone()),
            // Its first row is on disk, and its route is put in force in this very moment.
            Some(Entry::Removed(_)) | None => None,
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
            canary: None,
        }
    }
}

pub(crate) fn not_deployed(agent: &AgentName) -> Error {
    let message = format!("agent `{agent}` is not deployed; `troupe swap {agent}@VERSION` deploys a release");
    Error::new(Code::DeploymentNotFound, message)
}
