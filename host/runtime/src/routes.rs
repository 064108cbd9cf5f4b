//! The routes in force, in memory: read by every task, changed by a swap.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

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
    /// epoch than the one in force is passed over.
    pub(crate) fn put(&self, route: Arc<Route>) {
        let key = (route.row.tenant.clone(), route.row.agent.clone());
        let before = self.get(&key.0, &key.1);
        if let Some(Entry::Serving(before)) = &before
            && before.row.epoch >= route.row.epoch
        {
            return;
        }
        self.set(key.clone(), Entry::Serving(route));
        if let Some(Entry::Serving(before)) = before {
            // From here on nothing enters it, so what runs on it is all that ever will.
            before.retire();
            let mut draining = self.lock();
            let old = draining.entry(key).or_default();
            old.push(before);
            old.retain(|route| route.running() > 0);
        }
    }

    /// Takes in a route of the past, on which something goes on. It drains from the start.
    pub(crate) fn put_past(&self, route: &Arc<Route>) {
        route.retire();
        let key = (route.row.tenant.clone(), route.row.agent.clone());
        self.lock().entry(key).or_default().push(Arc::clone(route));
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
