//! Beginning swaps, and deciding about those that go on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use troupe_core::view::{SwapOutcome, SwapPolicy, SwapRequest, SwapState, SwapView, Swapped};
use troupe_core::{Caller, Code, Error, ReleaseRef, Result, Scope, SwapId, limits};
use troupe_package::Manifest;
use troupe_store::{DeploymentRow, ReleaseRow, RouteChange, SwapRow, check_epoch, swap_not_found, swap_under_way};

use super::live::view;
use super::machine::{self, Command, Event};
use super::room::{After, Room};
use super::{driver, form, policy, told};
use crate::approvals::{self, Leave};
use crate::deploy::{Change, GrantPolicy, Placed};
use crate::route::Prepared;
use crate::{Runtime, agents};

/// What came of asking for a swap.
#[derive(Debug, Clone)]
pub enum Begun {
    /// The release serves.
    Done(Box<Swapped>),
    /// It goes about it.
    Going(Box<SwapView>),
}

/// What a release is put in the place of.
enum Onto {
    /// What it was held against; nothing if nothing served.
    Base(Option<approvals::Version>),
    /// Whatever serves: it served before itself.
    Back,
}

impl Runtime {
    /// Makes a release serve, deploying the agent if it is not, or begins to: by the steps of the
    /// request's policy, or since state is brought to another form for it.
    ///
    /// # Errors
    /// [`Code::ReleaseNotFound`]; [`Code::SwapConflict`] if the epoch is another or a swap is
    /// under way; [`Code::SwapState`] if it cannot take over the state that is there;
    /// [`Code::ReleasePendingApproval`], [`Code::ReleaseRejected`] and [`Code::SwapIncompatible`];
    /// [`Code::RequestInvalid`] and [`Code::SwapUnsupported`] for a policy that cannot be followed;
    /// whatever shows that the release cannot serve, unless that is found out by a step. On every
    /// error nothing has changed.
    pub async fn begin_swap(&self, caller: &Caller, agent: &str, request: SwapRequest) -> Result<Begun> {
        loop {
            if let Some(begun) = self.try_begin(caller, agent, &request).await? {
                return Ok(begun);
            }
        }
    }

    /// The same; nothing if what serves has changed since the release was held against that.
    async fn try_begin(&self, caller: &Caller, agent: &str, request: &SwapRequest) -> Result<Option<Begun>> {
        let (row, release) = self.asked(caller, agent, request).await?;
        let asked = row.clone();
        let begun = self.let_begin(row, &release, request.epoch).await;
        self.tell_refused(&asked, begun).await
    }

    async fn let_begin(&self, row: SwapRow, release: &ReleaseRow, epoch: Option<u64>) -> Result<Option<Begun>> {
        release.check_offered()?;
        if !row.policy.is_plain() {
            return self.by_steps(row, epoch).await.map(Some);
        }
        let deployment = self.store.deployment(&row.tenant, &row.agent).await?;
        check_epoch(&row.agent, deployment.as_ref().map_or(0, |row| row.epoch), epoch)?;
        let base = deployment.as_ref().map(|row| (row.serving.clone(), row.digest));
        // No swap is kept of a release that cannot serve: whoever asked is told.
        self.may_serve(release).await?;
        if let Leave::Wanting(approval) = self.leave(&row.tenant, release, base.clone()).await? {
            return Err(approvals::pending(&approval));
        }
        let prepared = self.prepare(release).await?;
        if self.migrates(&row, deployment.as_ref(), &prepared)? {
            return self.by_steps(row, epoch).await.map(Some);
        }
        let swapped = self.flip(row, release, prepared, epoch, Onto::Base(base)).await?;
        Ok(swapped.map(|swapped| Begun::Done(Box::new(swapped))))
    }

    /// Whether state is to be brought to another form for a swap.
    fn migrates(&self, row: &SwapRow, deployment: Option<&DeploymentRow>, prepared: &Prepared) -> Result<bool> {
        let there = self.state_there(deployment)?;
        form::migrates(there, &prepared.manifest, prepared.agent.migrates(), &row.policy)
    }

    /// Begins a swap that goes on by itself.
    async fn by_steps(&self, mut row: SwapRow, epoch: Option<u64>) -> Result<Begun> {
        let turn = self.routes.turn(&row.tenant, &row.agent).lock_owned().await;
        let deployment = self.store.deployment(&row.tenant, &row.agent).await?;
        check_epoch(&row.agent, deployment.as_ref().map_or(0, |row| row.epoch), epoch)?;
        let Some(deployment) = deployment else {
            let agent = &row.agent;
            let message =
                format!("agent `{agent}` is not deployed, so there is nothing to compare with; swap it in at once");
            return Err(Error::new(Code::RequestInvalid, message));
        };
        if deployment.digest == row.to.1 {
            let (agent, version) = (&row.agent, &row.to.0);
            let message = format!("{agent}@{version} serves already, so there is nothing to compare it with");
            return Err(Error::new(Code::RequestInvalid, message));
        }
        row.from = Some((deployment.serving.clone(), deployment.digest));
        let runtime = self.clone();
        // What gets on disk is driven, also when the client goes away meanwhile.
        let begun = tokio::spawn(async move {
            let begun = told::begun(&row)?;
            let (rows, _) = runtime.store.change_swaps(vec![row], None, vec![begun]).await?;
            drop(turn);
            let row = rows.into_iter().next().ok_or_else(|| Error::internal("a swap that was begun is not there"))?;
            let view = view(&row);
            driver::start(&runtime, row);
            Ok::<_, Error>(view)
        });
        Ok(Begun::Going(Box::new(begun.await.map_err(Error::internal)??)))
    }

    /// Makes a release serve at once: the whole swap but for the drain is one commit. Nothing if
    /// what serves is not what the release was held against. A release that goes back migrates
    /// nothing.
    async fn flip(
        &self,
        row: SwapRow,
        release: &ReleaseRow,
        prepared: Prepared,
        expected: Option<u64>,
        onto: Onto,
    ) -> Result<Option<Swapped>> {
        let until = self.patience(&row);
        let has_moved = AtomicBool::new(false);
        let room = self.room(&row.tenant, &row.agent, until, |deployment| {
            // Before any call is ended to make room for a swap that is refused.
            check_epoch(&row.agent, deployment.map_or(0, |row| row.epoch), expected)?;
            if let Some(id) = self.swaps.in_charge(&row.tenant, &row.agent) {
                return Err(swap_under_way(&row.agent, &id.to_string()));
            }
            match &onto {
                Onto::Back => self.check_state(deployment, &prepared.manifest)?,
                Onto::Base(base) => {
                    let serving = deployment.map(|row| row.digest);
                    let is_held_against = serving == base.as_ref().map(|(_, digest)| *digest);
                    if !is_held_against || self.migrates(&row, deployment, &prepared)? {
                        has_moved.store(true, Ordering::Relaxed);
                        return Err(Error::internal("what serves is not what the release was held against"));
                    }
                }
            }
            prepared.configuration(deployment.map_or("{}", |row| row.configuration.as_str()))?;
            Ok(After { kept: vec![row.to.1], has_candidate: false })
        });
        let Room { turn, row: deployment, expired } = match room.await {
            Err(_) if has_moved.load(Ordering::Relaxed) => return Ok(None),
            room => room?,
        };
        // Compiling and waiting for room take a while, in which a key may have been revoked, or the release rejected.
        self.may_serve(release).await?;
        if deployment.is_none() {
            self.check_kept_state(&row.tenant, &row.agent, &prepared.manifest).await?;
        }
        if let Onto::Base(base) = &onto
            && let Leave::Wanting(approval) = self.leave(&row.tenant, release, base.clone()).await?
        {
            return Err(approvals::pending(&approval));
        }
        // Another host may change the route meanwhile.
        let epoch = deployment.as_ref().map_or(0, |row| row.epoch);
        let (row, change) = self.at_once(row, deployment.as_ref(), &prepared, Some(epoch))?;
        let (id, tenant, agent) = (row.id, row.tenant.clone(), row.agent.clone());
        let change = Change { swaps: vec![row], ..change };
        let runtime = self.clone();
        let placed = Placed { serving: prepared, tried: None };
        // The drain is seen to, also when the client goes away meanwhile.
        let flipped = tokio::spawn(async move {
            let (route, swaps) = runtime.put_in_force(turn, placed, &tenant, &agent, change).await?;
            swaps.into_iter().for_each(|swap| driver::start(&runtime, swap));
            Ok::<_, Error>(route)
        });
        let route = match flipped.await.map_err(Error::internal)? {
            Err(error)
                if expected.is_none() && error.code == Code::SwapConflict && error.details.contains_key("epoch") =>
            {
                return Ok(None);
            }
            route => route?,
        };
        tracing::info!(tenant = %route.row.tenant, release = route.release(), epoch = route.row.epoch, "in force");
        Ok(Some(Swapped { deployment: route.view(), expired, swap: id }))
    }

    /// Checks that a release reads the state that is there.
    fn check_state(&self, deployment: Option<&DeploymentRow>, release: &Manifest) -> Result<()> {
        self.state_there(deployment)?.map_or(Ok(()), |there| form::readable(there, release))
    }

    /// A swap as somebody asks for it, and the release that shall serve.
    async fn asked(&self, caller: &Caller, agent: &str, request: &SwapRequest) -> Result<(SwapRow, ReleaseRow)> {
        let agent = agents::permitted(caller, Scope::Operate, agent)?;
        self.require_ready()?;
        request.policy.as_ref().map_or(Ok(()), policy::check)?;
        let reference = ReleaseRef { agent: agent.clone(), version: request.version.clone() };
        let release = self.release_or_pulled(caller, &reference).await?;
        let policy = match &request.policy {
            Some(policy) => policy.clone(),
            None => self.unsaid_policy(&caller.tenant, &agent, release.digest).await?,
        };
        if policy.rehearse.is_some() {
            // What comes of it tells of what tasks were asked and answered.
            caller.require(Scope::Read)?;
        }
        let now = self.clock.now();
        let row = SwapRow {
            tenant: caller.tenant.clone(),
            id: SwapId::generate(&*self.clock, &*self.entropy),
            agent,
            from: None,
            to: (request.version.clone(), release.digest),
            principal: caller.principal.clone(),
            epoch: None,
            number: 0,
            driver: Some(self.owner.clone()),
            state: machine::begun(now),
            policy,
            started_at: now,
            changed_at: now,
            ended_at: None,
        };
        Ok((row, release))
    }

    /// Takes a swap whose release is ready through the machine, up to the change of the route.
    fn at_once(
        &self,
        mut row: SwapRow,
        deployment: Option<&DeploymentRow>,
        prepared: &Prepared,
        expected: Option<u64>,
    ) -> Result<(SwapRow, Change)> {
        row.from = deployment.map(|row| (row.serving.clone(), row.digest));
        let mut events = vec![Event::Verified { migrates: false }, Event::Warmed];
        // Of the first there is nothing that drains.
        events.extend(row.from.is_none().then_some(Event::Drained { parked: false }));
        for event in events {
            row.state = self.stepped(&row, event)?;
        }
        let change = Change {
            expected,
            route: RouteChange {
                serving: Some(row.to.clone()),
                form: Some(prepared.manifest.state.version),
                candidate: Some(None),
                grants: self.brought(prepared, deployment)?,
                ..RouteChange::default()
            },
            by: Some(row.principal.clone()),
            ..Change::default()
        };
        Ok((row, change))
    }

    fn stepped(&self, row: &SwapRow, event: Event) -> Result<SwapState> {
        let next = machine::step(&row.state, &row.policy, self.clock.now(), event)?;
        next.map(|next| next.state).ok_or_else(|| Error::internal("a swap stands still"))
    }

    /// The grants that a release brings with it, under `dev`.
    pub(crate) fn brought(&self, prepared: &Prepared, deployment: Option<&DeploymentRow>) -> Result<Option<String>> {
        if self.grants == GrantPolicy::Approved {
            return Ok(None);
        }
        let asked = serde_json::to_string(&prepared.asked()).map_err(Error::internal)?;
        let before = deployment.and_then(|row| row.grants.as_ref());
        Ok((before != Some(&asked)).then_some(asked))
    }

    /// Gives a candidate another weight, by hand: from then on the operator decides what is
    /// next.
    ///
    /// # Errors
    /// [`Code::SwapNotFound`] if nothing is tried; [`Code::RequestInvalid`] for a weight that
    /// does not rise; [`Code::SwapConflict`].
    pub async fn set_canary(&self, caller: &Caller, agent: &str, weight: u8) -> Result<SwapView> {
        self.order(caller, agent, Command::Weight(weight)).await
    }

    /// Lets the candidate serve, or ends its watch.
    ///
    /// # Errors
    /// [`Code::SwapNotFound`] if no swap is under way; [`Code::SwapConflict`].
    pub async fn promote(&self, caller: &Caller, agent: &str) -> Result<SwapView> {
        self.order(caller, agent, Command::Promote).await
    }

    /// Takes back what the swap that is under way has done; if there is none, makes the release
    /// serve that served before the last swap.
    ///
    /// # Errors
    /// [`Code::SwapNotFound`] if there is nothing to go back to; [`Code::SwapState`] if the
    /// release before cannot read the state of the one that serves; those of [`Runtime::begin_swap`].
    pub async fn rollback(&self, caller: &Caller, agent: &str) -> Result<Begun> {
        match self.order(caller, agent, Command::Rollback).await {
            Err(error) if error.code == Code::SwapNotFound => {}
            rolled_back => return Ok(Begun::Going(Box::new(rolled_back?))),
        }
        let deployment = self.deployment_row(caller, agent).await?;
        let swaps = self.store.swaps(&caller.tenant, &deployment.agent, None, limits::PAGE_MAX).await?;
        let before = swaps.into_iter().find_map(|swap| {
            let made = swap.state.outcome == Some(SwapOutcome::Promoted) && swap.to.1 == deployment.digest;
            swap.from.filter(|(_, digest)| made && *digest != deployment.digest)
        });
        let Some((version, _)) = before else {
            let message = format!("no swap of {agent} is on record whose release before could serve again");
            return Err(Error::new(Code::SwapNotFound, message));
        };
        let request = SwapRequest { version, epoch: None, policy: Some(SwapPolicy::default()) };
        let (row, release) = self.asked(caller, agent, &request).await?;
        let asked = row.clone();
        let swapped = self.go_back(row, &release, &deployment).await;
        Ok(Begun::Done(Box::new(self.tell_refused(&asked, swapped).await?)))
    }

    /// Makes a release serve that served before.
    async fn go_back(&self, row: SwapRow, release: &ReleaseRow, deployment: &DeploymentRow) -> Result<Swapped> {
        release.check_offered()?;
        // Before anything is loaded.
        self.check_state(Some(deployment), &agents::manifest(release)?)?;
        self.may_go_back(&row.tenant, release, (deployment.serving.clone(), deployment.digest)).await?;
        self.may_serve(release).await?;
        let prepared = self.prepare(release).await?;
        let swapped = self.flip(row, release, prepared, Some(deployment.epoch), Onto::Back).await?;
        swapped.ok_or_else(|| Error::internal("a rollback was held against what serves"))
    }

    /// The swap that a caller has begun, as it now is.
    ///
    /// # Errors
    /// [`Code::SwapNotFound`].
    pub async fn begun(&self, caller: &Caller, id: SwapId) -> Result<SwapView> {
        caller.require_for_some(Scope::Operate)?;
        let row = self.store.swap(&caller.tenant, id).await?.ok_or_else(|| swap_not_found(id))?;
        caller.require_for(Scope::Operate, &row.agent)?;
        Ok(view(&row))
    }

    /// Ends a swap: the release that served before serves.
    ///
    /// # Errors
    /// [`Code::SwapNotFound`]; [`Code::SwapConflict`] if it is decided.
    pub async fn abort_swap(&self, caller: &Caller, agent: &str, id: SwapId) -> Result<SwapView> {
        agents::permitted(caller, Scope::Operate, agent)?;
        self.require_ready()?;
        let row = self.swap_of(caller, agent, id).await?;
        self.order_of(&row, Command::Abort, &caller.principal).await
    }

    async fn order(&self, caller: &Caller, agent: &str, command: Command) -> Result<SwapView> {
        let name = agents::permitted(caller, Scope::Operate, agent)?;
        self.require_ready()?;
        let Some(row) = self.store.swap_in_charge(&caller.tenant, &name).await? else {
            let message = format!("no swap of {name} is under way; `troupe swaps {name}` lists those there were");
            return Err(Error::new(Code::SwapNotFound, message));
        };
        self.order_of(&row, command, &caller.principal).await
    }

    /// Asks something of a swap. If another host drives it this one takes the reins, and begins its step anew.
    async fn order_of(&self, row: &SwapRow, command: Command, by: &str) -> Result<SwapView> {
        let mut seen = Some(row.clone()).filter(|row| row.ended_at.is_none());
        let until = Instant::now() + limits::LEASE_RENEWAL;
        while let Some(row) = seen.filter(|row| !self.swaps.drives(row.id)) {
            if row.driver.as_ref() == Some(&self.owner) && Instant::now() < until {
                // It was begun this very moment, or is about to end. If it is neither, nobody drives it.
                tokio::time::sleep(limits::TICK).await;
                seen = self.store.swap(&row.tenant, row.id).await?.filter(|row| row.ended_at.is_none());
                continue;
            }
            match self.store.drive_swap(&row, &self.owner).await? {
                Some(taken) => {
                    driver::take_up(self, taken);
                    break;
                }
                // It has moved on meanwhile.
                None => {
                    let now = self.store.swap(&row.tenant, row.id).await?;
                    seen = now.filter(|row| row.ended_at.is_none());
                }
            }
        }
        self.swaps.order(&row.tenant, row.id, command, by).await
    }

    /// Takes up what goes on and nobody drives: when the host starts, and when another is gone.
    pub(crate) async fn take_up_swaps(&self) -> Result<()> {
        let going = self.store.going_swaps().await?;
        if going.iter().all(|row| row.driver.as_ref() == Some(&self.owner)) {
            return Ok(());
        }
        let (hosts, _) = self.store.hosts().await?;
        let is_driven = |row: &SwapRow| hosts.iter().any(|host| row.driver.as_ref() == Some(&host.owner));
        for row in going.iter().filter(|row| !is_driven(row)) {
            // Another host may be first.
            if let Some(row) = self.store.drive_swap(row, &self.owner).await? {
                tracing::info!(tenant = %row.tenant, swap = %row.id, phase = row.state.phase.as_str(), "a swap goes on");
                driver::take_up(self, row);
            }
        }
        Ok(())
    }
}

/// How long a policy lets a release drain.
pub(crate) fn drain_time(policy: &SwapPolicy) -> Duration {
    policy.drain.as_ref().map_or(limits::DRAIN_TIME_MAX, |drain| Duration::from_secs(drain.seconds))
}
