//! Room for a change of a route: of one deployment at most two releases live, and three while
//! one is tried. What drains beyond that is waited for, or ended.

use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;
use troupe_core::view::DrainMode;
use troupe_core::{AgentName, Digest, Result, TenantId, limits};
use troupe_store::{DeploymentRow, SwapRow};

use crate::Runtime;
use crate::route::{Drain, Route};
use crate::routes::Entry;

/// A deployment's turn, taken when there is room for what shall be in force.
pub(crate) struct Room {
    pub(crate) turn: OwnedMutexGuard<()>,
    pub(crate) row: Option<DeploymentRow>,
    /// Calls that were ended to make room.
    pub(crate) expired: usize,
}

/// What is in force after a change.
pub(crate) struct After {
    /// The releases that serve and are tried.
    pub(crate) kept: Vec<Digest>,
    pub(crate) has_candidate: bool,
}

impl Runtime {
    /// Takes a deployment's turn once there is room for what `after` says of its row, which is
    /// asked under each turn before anything is ended. Waits until `until` for what drains, then
    /// ends it.
    ///
    /// # Errors
    /// Those of `after`.
    pub(crate) async fn room(
        &self,
        tenant: &TenantId,
        agent: &AgentName,
        until: Instant,
        after: impl Fn(Option<&DeploymentRow>) -> Result<After>,
    ) -> Result<Room> {
        loop {
            let turn = self.routes.turn(tenant, agent).lock_owned().await;
            let row = self.store.deployment(tenant, agent).await?;
            let in_the_way = self.in_the_way(tenant, agent, &after(row.as_ref())?);
            if in_the_way.is_empty() || Instant::now() >= until {
                let expired = end_all(in_the_way).await;
                return Ok(Room { turn, row, expired });
            }
            // Nobody else who would change the deployment waits for what drains.
            drop(turn);
            let drained = async {
                for old in &in_the_way {
                    old.drained().await;
                }
            };
            // Whether it came to pass is seen under the next turn.
            let _ = tokio::time::timeout_at(until, drained).await;
        }
    }

    /// The routes whose release must be gone before.
    fn in_the_way(&self, tenant: &TenantId, agent: &AgentName, after: &After) -> Vec<Arc<Route>> {
        let draining = self.routes.draining(tenant, agent);
        let mut living: Vec<Digest> = draining.iter().map(|route| route.row.digest).collect();
        if let Some(Entry::Serving(now)) = self.routes.get(tenant, agent) {
            living.extend(now.both().map(|route| route.row.digest));
        }
        let surplus = in_the_way(&living, &after.kept, after.has_candidate);
        draining.into_iter().filter(|route| surplus.contains(&route.row.digest)).collect()
    }

    /// Until when a change waits for what drains.
    pub(crate) fn patience(&self, swap: &SwapRow) -> Instant {
        let drain = swap.policy.drain.as_ref();
        let waits = drain.map_or(self.drain == Drain::Wait, |drain| drain.mode == DrainMode::Wait);
        let time = drain.map_or(limits::DRAIN_TIME_MAX, |drain| std::time::Duration::from_secs(drain.seconds));
        if waits { Instant::now() + time } else { Instant::now() }
    }
}

/// Ends what still runs on routes of the past; returns how many calls that were.
pub(crate) async fn end_all(routes: Vec<Arc<Route>>) -> usize {
    let ended = routes.iter().map(|route| route.running()).sum();
    routes.iter().for_each(|route| route.expire());
    for route in routes {
        route.drained().await;
    }
    ended
}

/// The releases that have to be gone before a route is as it shall be, oldest first: of one
/// deployment at most two releases live, and three with a candidate. `living` are those that
/// still drain, oldest first, and `kept` those that serve or are tried after the change.
pub(crate) fn in_the_way<R: PartialEq + Copy>(living: &[R], kept: &[R], has_candidate: bool) -> Vec<R> {
    let most = if has_candidate { 3 } else { 2 };
    let mut others: Vec<R> = Vec::new();
    for release in living {
        if !kept.contains(release) && !others.contains(release) {
            others.push(*release);
        }
    }
    let mut distinct: Vec<R> = Vec::new();
    for release in kept {
        if !distinct.contains(release) {
            distinct.push(*release);
        }
    }
    let surplus = (others.len() + distinct.len()).saturating_sub(most);
    others.truncate(surplus);
    others
}
