//! Places for what only so many may do at once, in all and per tenant. Whoever comes when
//! all are taken waits in turn, for so long as it says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

#[derive(Debug)]
pub(crate) struct Slots {
    all: Arc<Semaphore>,
    each_max: usize,
    each: Mutex<HashMap<Arc<str>, Arc<Semaphore>>>,
}

/// One place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    _own: OwnedSemaphorePermit,
    _shared: OwnedSemaphorePermit,
}

impl Slots {
    pub(crate) fn new(all_max: usize, each_max: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all_max)), each_max, each: Mutex::default() }
    }

    /// Takes a place for `partition`; none if there was none within `wait`. A partition
    /// that waits for one of its own keeps nobody else waiting.
    pub(crate) async fn take(&self, partition: &Arc<str>, wait: Duration) -> Option<Slot> {
        let own = self.of(partition);
        let taken = timeout(wait, async {
            let own = own.acquire_owned().await.ok()?;
            let shared = Arc::clone(&self.all).acquire_owned().await.ok()?;
            Some(Slot { _own: own, _shared: shared })
        });
        taken.await.ok().flatten()
    }

    fn of(&self, partition: &Arc<str>) -> Arc<Semaphore> {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = each.get(partition) {
            return Arc::clone(own);
        }
        // Whoever holds a place or waits for one holds the semaphore, too.
        each.retain(|_, own| Arc::strong_count(own) > 1);
        let own = Arc::new(Semaphore::new(self.each_max));
        each.insert(Arc::clone(partition), Arc::clone(&own));
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn whoever_waits_is_let_in_by_turn_and_not_for_ever() {
        let slots = Arc::new(Slots::new(2, 1));
        let (a, b, c): (Arc<str>, Arc<str>, Arc<str>) = ("a".into(), "b".into(), "c".into());
        let held = slots.take(&a, WAIT).await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let wait = |number: u32| {
            let (slots, a, order) = (Arc::clone(&slots), Arc::clone(&a), Arc::clone(&order));
            tokio::spawn(async move {
                let place = slots.take(&a, WAIT).await.unwrap();
                order.lock().unwrap().push(number);
                drop(place);
            })
        };
        let waiting: Vec<_> = (0..3).map(wait).collect();
        tokio::task::yield_now().await;
        // Another tenant does not stand behind them, until there is no place in all.
        let other = slots.take(&b, WAIT).await.unwrap();
        assert!(slots.take(&c, Duration::from_millis(20)).await.is_none());
        drop(held);
        for waiting in waiting {
            waiting.await.unwrap();
        }
        assert_eq!(*order.lock().unwrap(), [0, 1, 2]);
        drop(other);
        let _last = slots.take(&"d".into(), WAIT).await.unwrap();
        assert_eq!(slots.each.lock().unwrap().len(), 1, "who left is forgotten");
    }
}
