//! The routes in force, in memory: read by every task, changed by a swap.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use arc_swap::ArcSwap;
use troupe_core::{AgentName, TenantId};

use crate::route::Route;

type Key = (TenantId, AgentName);

/// What is known of a deployment.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    /// It serves.
    Serving(Arc<Route>),
    /// Its release could not be loaded when the host started, for this reason.
    Broken(Arc<troupe_core::view::TaskFailure>),
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
}

impl Routes {
    pub(crate) fn get(&self, tenant: &TenantId, agent: &AgentName) -> Option<Entry> {
        self.current.load().get(&(tenant.clone(), agent.clone())).cloned()
    }

    /// What is held while a deployment changes, so that its changes come one by one.
    pub(crate) fn turn(&self, tenant: &TenantId, agent: &AgentName) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // A turn that nobody holds or waits for is not worth keeping.
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry((tenant.clone(), agent.clone())).or_default())
    }

    /// Puts a route in force; calls that look from now on see it. A route of a lower
    /// epoch than the one in force is passed over. With `cut`, what still runs on earlier
    /// routes keeps no grant that this one's operator does not give.
    pub(crate) fn put(&self, route: Arc<Route>, cut: bool) {
        let key = (route.row.tenant.clone(), route.row.agent.clone());
        let before = self.get(&key.0, &key.1);
        if let Some(Entry::Serving(before)) = &before
            && before.row.epoch >= route.row.epoch
        {
            return;
        }
        self.set(key.clone(), Entry::Serving(Arc::clone(&route)));
        // A broken one has none before it, and yet something may go on on routes of the past.
        let mut earlier = self.earlier();
        let all = earlier.entry(key.clone()).or_default();
        all.retain(|old| old.strong_count() > 0);
        if let Some(Entry::Serving(before)) = before {
            // From here on nothing enters it, so what runs on it is all that ever will.
            before.retire();
            all.push(Arc::downgrade(&before));
            self.drain(key, before);
        }
        if cut {
            all.iter().filter_map(Weak::upgrade).for_each(|old| old.grants.cut_to(&route.operator));
        }
    }

    /// Notes a route on which something may still run, and forgets those on which nothing does.
    fn drain(&self, key: Key, route: Arc<Route>) {
        let mut draining = self.lock();
        let old = draining.entry(key).or_default();
        old.push(route);
        old.retain(|route| route.running() > 0);
    }

    /// Takes in a route of the past, on which something goes on under the grants of now. It
    /// drains from the start.
    pub(crate) fn put_past(&self, route: &Arc<Route>) {
        route.retire();
        let key = (route.row.tenant.clone(), route.row.agent.clone());
        self.drain(key, Arc::clone(route));
        self.follow(route);
    }

    /// Lets nobody have more on a route of the past than is granted now and from now on.
    pub(crate) fn follow(&self, route: &Arc<Route>) {
        let key = (route.row.tenant.clone(), route.row.agent.clone());
        // Whoever cuts grants waits for this lock after changing the route in force, so one of
        // the two sees the other.
        let mut earlier = self.earlier();
        if let Some(Entry::Serving(now)) = self.get(&key.0, &key.1) {
            route.grants.cut_to(&now.operator);
        }
        let all = earlier.entry(key).or_default();
        all.retain(|old| old.strong_count() > 0);
        all.push(Arc::downgrade(route));
    }

    fn earlier(&self) -> MutexGuard<'_, HashMap<Key, Vec<Weak<Route>>>> {
        self.earlier.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn put_broken(&self, tenant: TenantId, agent: AgentName, reason: troupe_core::view::TaskFailure) {
        self.set((tenant, agent), Entry::Broken(Arc::new(reason)));
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
