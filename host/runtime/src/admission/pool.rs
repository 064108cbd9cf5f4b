//! Who may compile next.
//!
//! The attack: one tenant publishes a hundred releases at once, or swaps a hundred agents whose
//! code this host has not made, and every core compiles for it. The rule: so many children of
//! admission are at work at once and no more, at a low priority; whoever comes later stands in
//! line, tenants take turns, and in a tenant who came first is first. The default: whoever waits
//! holds nothing but its place in line, so that the line has no limit of its own: who stands in it
//! is a publish, a swap or a deployment that the host loads, and those are counted.
//!
//! Who has waited looks again whether the code is there by then: a hundred agents that share a
//! component compile it once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use troupe_core::{Digest, Error, Result, TenantId, limits};

/// The places to compile in, and the line before them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pool(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    at_work: usize,
    /// Tenants of whom somebody waits; the first is next.
    turns: VecDeque<TenantId>,
    waiting: HashMap<TenantId, VecDeque<Waiter>>,
    /// How many have ever stood in line, by which they are told apart.
    come: u64,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    component: Digest,
    place: oneshot::Sender<Place>,
}

/// A place to compile in; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place(Pool);

/// Somebody who stands in line; out of it when dropped.
struct Standing<'a> {
    pool: &'a Pool,
    tenant: &'a TenantId,
    number: u64,
}

impl Pool {
    /// Waits for a place to compile a component in.
    ///
    /// # Errors
    /// None but a fault of the host.
    pub(crate) async fn place(&self, tenant: &TenantId, component: Digest) -> Result<Place> {
        let (number, placed) = {
            let mut inner = self.lock();
            inner.come += 1;
            let (number, (place, placed)) = (inner.come, oneshot::channel());
            inner.stand(tenant, Waiter { number, component, place });
            (number, placed)
        };
        let _standing = Standing { pool: self, tenant, number };
        self.hand_out();
        if let Some(ahead) = self.ahead(tenant, &component) {
            tracing::info!(%tenant, %component, ahead, "waits for its turn to compile");
        }
        placed.await.map_err(Error::internal)
    }

    /// How many compile before this component of a tenant, if it stands in line.
    pub(crate) fn ahead(&self, tenant: &TenantId, component: &Digest) -> Option<usize> {
        let inner = self.lock();
        let own = inner.waiting.get(tenant)?.iter().position(|waiter| waiter.component == *component)?;
        let turn = inner.turns.iter().position(|of| of == tenant)?;
        let others = inner.turns.iter().enumerate().filter(|(at, _)| *at != turn).map(|(at, of)| {
            // Whoever is before it in the round has had one turn more by then.
            inner.waiting.get(of).map_or(0, VecDeque::len).min(own + usize::from(at < turn))
        });
        Some(own + others.sum::<usize>())
    }

    /// Gives places to whoever is next, as long as there are both.
    fn hand_out(&self) {
        loop {
            let next = {
                let mut inner = self.lock();
                let has_room = inner.at_work < limits::ADMISSION_CHILDREN_MAX;
                let next = if has_room { inner.next() } else { None };
                inner.at_work += usize::from(next.is_some());
                inner.tell();
                next
            };
            let Some(Waiter { place, .. }) = next else { return };
            // If nobody waits for it any more it comes back, and is given back.
            drop(place.send(Place(self.clone())));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn stand(&mut self, tenant: &TenantId, waiter: Waiter) {
        let turns = &mut self.turns;
        let waiting = self.waiting.entry(tenant.clone()).or_insert_with(|| {
            turns.push_back(tenant.clone());
            VecDeque::new()
        });
        waiting.push_back(waiter);
    }

    /// Takes whoever is next out of the line; the turn of its tenant is over.
    fn next(&mut self) -> Option<Waiter> {
        let tenant = self.turns.pop_front()?;
        let waiting = self.waiting.get_mut(&tenant)?;
        let next = waiting.pop_front();
        if waiting.is_empty() {
            self.waiting.remove(&tenant);
        } else {
            self.turns.push_back(tenant);
        }
        next
    }

    fn leave(&mut self, tenant: &TenantId, number: u64) {
        let Some(waiting) = self.waiting.get_mut(tenant) else { return };
        waiting.retain(|waiter| waiter.number != number);
        if waiting.is_empty() {
            self.waiting.remove(tenant);
            self.turns.retain(|of| of != tenant);
        }
    }

    fn tell(&self) {
        let waiting: usize = self.waiting.values().map(VecDeque::len).sum();
        metrics::gauge!("troupe_compiles_running").set(self.at_work as f64);
        metrics::gauge!("troupe_compiles_waiting").set(waiting as f64);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.lock().at_work -= 1;
        self.0.hand_out();
    }
}

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        let mut inner = self.pool.lock();
        inner.leave(self.tenant, self.number);
        inner.tell();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::Poll;

    use tokio::task::JoinSet;

    use super::*;

    fn tenant(name: &str) -> TenantId {
        name.parse().unwrap()
    }

    fn component(number: usize) -> Digest {
        Digest::of(&number.to_le_bytes())
    }

    /// Takes every place there is.
    async fn taken(pool: &Pool) -> Vec<Place> {
        let mut taken = Vec::new();
        for number in 0..limits::ADMISSION_CHILDREN_MAX {
            taken.push(pool.place(&tenant("first"), component(1_000 + number)).await.unwrap());
        }
        taken
    }

    #[tokio::test]
    async fn tenants_take_turns_and_who_came_first_is_first_and_is_told_so() {
        const COME: [(&str, usize); 6] = [("acme", 1), ("acme", 2), ("acme", 3), ("zeta", 4), ("beta", 5), ("beta", 6)];
        let pool = Pool::default();
        let taken = taken(&pool).await;
        let had = Arc::new(Mutex::new(Vec::new()));
        let mut all = JoinSet::new();
        for (name, number) in COME {
            let (pool, had) = (pool.clone(), Arc::clone(&had));
            all.spawn(async move {
                let _place = pool.place(&tenant(name), component(number)).await.unwrap();
                had.lock().unwrap().push((name, number));
            });
            tokio::task::yield_now().await;
        }
        let mut told =
            COME.map(|(name, number)| (pool.ahead(&tenant(name), &component(number)).unwrap(), name, number));
        told.sort_unstable();
        drop(taken);
        all.join_all().await;
        let had = had.lock().unwrap().clone();
        assert_eq!(had, [("acme", 1), ("zeta", 4), ("beta", 5), ("acme", 2), ("beta", 6), ("acme", 3)]);
        let before = had.into_iter().enumerate().map(|(before, (name, number))| (before, name, number));
        assert_eq!(told.to_vec(), before.collect::<Vec<_>>());
        let inner = pool.lock();
        assert!(inner.at_work == 0 && inner.turns.is_empty() && inner.waiting.is_empty());
    }

    /// Whether somebody stands in line, who has been asked once.
    async fn stands(place: &mut Pin<Box<impl Future<Output = Result<Place>>>>) -> bool {
        std::future::poll_fn(|context| Poll::Ready(place.as_mut().poll(context).is_pending())).await
    }

    #[tokio::test]
    async fn who_goes_away_is_passed_over_and_no_place_is_lost() {
        let pool = Pool::default();
        let acme = tenant("acme");
        let mut taken = taken(&pool).await;
        // One goes away while it stands in line, one when it has a place and does not know it yet.
        let mut gone = Box::pin(pool.place(&acme, component(7)));
        let mut late = Box::pin(pool.place(&acme, component(8)));
        let mut last = Box::pin(pool.place(&acme, component(9)));
        assert!(stands(&mut gone).await && stands(&mut late).await && stands(&mut last).await);
        drop(gone);
        assert_eq!((pool.ahead(&acme, &component(7)), pool.ahead(&acme, &component(9))), (None, Some(1)));
        taken.pop();
        drop(late);
        drop(last.await.unwrap());
        taken.clear();
        assert_eq!(pool.lock().at_work, 0);
    }
}
