//! The routes in force, in memory: read by every task, changed by a swap.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::ArcSwap;
use troupe_core::view::TaskFailure;
use troupe_core::{AgentName, Grants, TenantId};
use troupe_package::StateVersion;
use troupe_store::HostRouteRow;

use crate::hold::Hold;
use crate::route::Route;

type Key = (TenantId, AgentName);

impl Entry {
    fn epoch(&self) -> u64 {
        match self {
            Self::Serving(route) => route.row.epoch,
            Self::Broken(broken) => broken.epoch,
            Self::Removed(removed) => removed.epoch,
        }
    }
}

/// What is known of a deployment.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    /// It serves.
    Serving(Arc<Route>),
    /// Its release could not be loaded when the host started.
    Broken(Arc<Broken>),
    /// It was removed, and the agent is not deployed any more.
    Removed(Removed),
}

/// A deployment that was removed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Removed {
    /// The epoch by which it was.
    pub(crate) epoch: u64,
}

/// A deployment that cannot serve.
#[derive(Debug)]
pub(crate) struct Broken {
    /// Why not.
    pub(crate) reason: TaskFailure,
    /// What the operator grants: tasks may go on on releases that served before.
    pub(crate) operator: Grants,
    /// The form of state that its release writes, if its manifest could be read.
    pub(crate) state: Option<StateVersion>,
    /// The epoch at which that was so.
    pub(crate) epoch: u64,
}

/// The table of routes. A reader never waits.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    current: ArcSwap<HashMap<Key, Entry>>,
    draining: Mutex<HashMap<Key, Vec<Arc<Route>>>>,
    /// Every earlier route on which something may still run, draining or parked: what a
    /// grant that is taken away reaches.
    earlier: Mutex<HashMap<Key, Vec<Weak<Route>>>>,
    turns: Mutex<HashMap<Key, Arc<tokio::sync::Mutex<()>>>>,
    holds: Mutex<HashMap<Key, Hold>>,
}

impl Routes {
    pub(crate) fn get(&self, tenant: &TenantId, agent: &AgentName) -> Option<Entry> {
        self.current.load().get(&(tenant.clone(), agent.clone())).cloned()
    }

    /// The routes that serve the agents of a tenant, and what is tried beside them.
    pub(crate) fn of_tenant(&self, tenant: &TenantId) -> Vec<Arc<Route>> {
        let current = self.current.load();
        let of_tenant = current.iter().filter(|((of, _), _)| of == tenant);
        let serving = of_tenant.filter_map(|(_, entry)| match entry {
            Entry::Serving(route) => Some(route),
            Entry::Broken(_) | Entry::Removed(_) => None,
        });
        serving.flat_map(Route::both).cloned().collect()
    }

    /// The routes that serve, of all tenants.
    pub(crate) fn serving(&self) -> Vec<Arc<Route>> {
        let serving = |entry: &Entry| match entry {
            Entry::Serving(route) => Some(Arc::clone(route)),
            Entry::Broken(_) | Entry::Removed(_) => None,
        };
        self.current.load().values().filter_map(serving).collect()
    }

    /// What is held while a deployment changes, so that its changes come one by one.
    pub(crate) fn turn(&self, tenant: &TenantId, agent: &AgentName) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // A turn that nobody holds or waits for is not worth keeping.
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry((tenant.clone(), agent.clone())).or_default())
    }

    /// The switch by which a deployment's new work is held back.
    pub(crate) fn hold(&self, tenant: &TenantId, agent: &AgentName) -> Hold {
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        holds.entry((tenant.clone(), agent.clone())).or_default().clone()
    }

    /// The form of state that the release in force writes, and those that it reads, if there is one
    /// and that is known.
    pub(crate) fn state(&self, tenant: &TenantId, agent: &AgentName) -> Option<StateVersion> {
        match self.get(tenant, agent)? {
            Entry::Serving(route) => Some(route.state),
            Entry::Broken(broken) => broken.state,
            Entry::Removed(_) => None,
        }
    }

    /// The epoch that is in force here; 0 if nothing is.
    pub(crate) fn epoch(&self, tenant: &TenantId, agent: &AgentName) -> u64 {
        self.get(tenant, agent).map_or(0, |entry| entry.epoch())
    }

    /// Whether something else should be in force than what is: a newer epoch, or this one, which could not be
    /// loaded.
    pub(crate) fn is_behind(&self, tenant: &TenantId, agent: &AgentName, epoch: u64) -> bool {
        match self.get(tenant, agent) {
            Some(Entry::Serving(route)) => route.row.epoch < epoch,
            Some(Entry::Broken(broken)) => broken.epoch <= epoch,
            Some(Entry::Removed(removed)) => removed.epoch < epoch,
            None => epoch > 0,
        }
    }

    /// What other hosts are told of each deployment.
    pub(crate) fn standings(&self) -> Vec<HostRouteRow> {
        let all = self.current.load();
        let standing = |((tenant, agent), entry): (&Key, &Entry)| {
            let held = self.hold(tenant, agent).is_on();
            // Looked at after the switch: while it is on nothing begins.
            let busy = !self.busy(tenant, agent).is_empty();
            let mut draining: Vec<_> = self.draining(tenant, agent).iter().map(|route| route.row.digest).collect();
            draining.sort();
            draining.dedup();
            HostRouteRow { tenant: tenant.clone(), agent: agent.clone(), epoch: entry.epoch(), busy, held, draining }
        };
        all.iter().map(standing).collect()
    }

    /// Every route of a deployment on which something runs: in force, draining and parked.
    pub(crate) fn busy(&self, tenant: &TenantId, agent: &AgentName) -> Vec<Arc<Route>> {
        let key = (tenant.clone(), agent.clone());
        let mut all: Vec<Arc<Route>> =
            self.earlier().get(&key).into_iter().flatten().filter_map(Weak::upgrade).collect();
        if let Some(Entry::Serving(now)) = self.get(tenant, agent) {
            all.extend(now.both().cloned());
        }
        all.retain(|route| route.running() > 0);
        all
    }

    /// Puts a route in force; calls that look from now on see it. A route of a lower
    /// epoch than the one in force is passed over. With `cut`, what still runs on earlier
    /// routes keeps no grant that this one's operator does not give.
    pub(crate) fn put(&self, route: Arc<Route>, cut: bool) {
        let key = (route.row.tenant.clone(), route.row.agent.clone());
        let before = self.get(&key.0, &key.1);
        if before.as_ref().is_some_and(|before| match before {
            Entry::Serving(before) => before.row.epoch >= route.row.epoch,
            Entry::Broken(before) => before.epoch > route.row.epoch,
            Entry::Removed(before) => before.epoch >= route.row.epoch,
        }) {
            return;
        }
        self.set(key.clone(), Entry::Serving(Arc::clone(&route)));
        // A broken one has none before it, and yet something may go on on routes of the past.
        let mut earlier = self.earlier();
        let all = earlier.entry(key.clone()).or_default();
        self.retire(&key, before, all);
        if cut {
            all.iter().filter_map(Weak::upgrade).for_each(|old| old.grants.cut_to(&route.operator));
        }
    }

    /// Notes that a deployment was removed: nothing begins any more, and what runs drains, with what it was granted.
    /// One that is newer stays.
    pub(crate) fn put_removed(&self, tenant: &TenantId, agent: &AgentName, removed: Removed) {
        let key = (tenant.clone(), agent.clone());
        let before = self.get(tenant, agent);
        if before.as_ref().is_some_and(|before| before.epoch() > removed.epoch) {
            return;
        }
        self.set(key.clone(), Entry::Removed(removed));
        let mut earlier = self.earlier();
        let all = earlier.entry(key.clone()).or_default();
        self.retire(&key, before, all);
    }

    /// Has nothing begin on what was in force until now, which drains.
    fn retire(&self, key: &Key, before: Option<Entry>, earlier: &mut Vec<Weak<Route>>) {
        earlier.retain(|old| old.strong_count() > 0);
        let Some(Entry::Serving(before)) = before else { return };
        for before in before.both() {
            // From here on nothing enters it, so what runs on it is all that ever will.
            before.retire();
            earlier.push(Arc::downgrade(before));
            self.drain(key.clone(), Arc::clone(before));
        }
    }

    /// Notes a route on which something may still run, and forgets those on which nothing does.
    fn drain(&self, key: Key, route: Arc<Route>) {
        let mut draining = self.lock();
        let old = draining.entry(key).or_default();
        old.push(route);
        old.retain(|route| route.running() > 0);
    }

    /// Takes in a route of the past, on which something goes on. It drains from the start.
    pub(crate) fn put_past(&self, route: &Arc<Route>) {
        route.retire();
        let key = (route.row.tenant.clone(), route.row.agent.clone());
        self.drain(key, Arc::clone(route));
    }

    /// Lets nobody have more on a route of the past than is granted now and from now on.
    pub(crate) fn follow(&self, route: &Arc<Route>) {
        let key = (route.row.tenant.clone(), route.row.agent.clone());
        // Whoever cuts grants waits for this lock after changing the route in force, so one of
        // the two sees the other.
        let mut earlier = self.earlier();
        match self.get(&key.0, &key.1) {
            Some(Entry::Serving(now)) => route.grants.cut_to(&now.operator),
            Some(Entry::Broken(now)) => route.grants.cut_to(&now.operator),
            Some(Entry::Removed(_)) | None => {}
        }
        let all = earlier.entry(key).or_default();
        all.retain(|old| old.strong_count() > 0);
        all.push(Arc::downgrade(route));
    }

    fn earlier(&self) -> MutexGuard<'_, HashMap<Key, Vec<Weak<Route>>>> {
        self.earlier.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a deployment cannot serve. What still runs on earlier routes keeps no grant
    /// that its operator does not give.
    pub(crate) fn put_broken(&self, tenant: TenantId, agent: AgentName, broken: Broken) {
        let (key, broken) = ((tenant, agent), Arc::new(broken));
        self.set(key.clone(), Entry::Broken(Arc::clone(&broken)));
        let earlier = self.earlier();
        let all = earlier.get(&key).into_iter().flatten();
        all.filter_map(Weak::upgrade).for_each(|old| old.grants.cut_to(&broken.operator));
    }

    fn set(&self, key: Key, entry: Entry) {
        self.current.rcu(|table| {
            let mut table = HashMap::clone(table);
            table.insert(key.clone(), entry.clone());
            table
        });
    }

    /// Earlier routes of a deployment on which something still runs, oldest first.
    pub(crate) fn draining(&self, tenant: &TenantId, agent: &AgentName) -> Vec<Arc<Route>> {
        let mut draining = self.lock();
        let Some(old) = draining.get_mut(&(tenant.clone(), agent.clone())) else { return Vec::new() };
        old.retain(|route| route.running() > 0);
        old.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Vec<Arc<Route>>>> {
        self.draining.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
