//! How many exchanges are open, in all and per tenant. Whoever comes when all places
//! are taken is refused at once: a guest never queues on its own place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use troupe_core::{Code, Error, Result};

#[derive(Debug)]
pub(crate) struct Slots {
    all_max: usize,
    each_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    each: HashMap<Arc<str>, usize>,
}

/// One place, given back when dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    partition: Arc<str>,
}

impl Slots {
    pub(crate) fn new(all_max: usize, each_max: usize) -> Self {
        Self { all_max, each_max, taken: Mutex::default() }
    }

    /// Takes a place for `partition`.
    pub(crate) fn take(self: &Arc<Self>, partition: &Arc<str>) -> Result<Slot> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = taken.each.get(partition).copied().unwrap_or(0);
        if taken.all >= self.all_max || mine >= self.each_max {
            return Err(Error::new(
                Code::LimitConnections,
                format!(
                    "too many HTTP requests are open: {} of at most {} here, {mine} of at most {} for this tenant; \
                     finish reading some first",
                    taken.all, self.all_max, self.each_max
                ),
            ));
        }
        taken.all += 1;
        taken.each.insert(Arc::clone(partition), mine + 1);
        Ok(Slot { slots: Arc::clone(self), partition: Arc::clone(partition) })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        let left = taken.each.get(&self.partition).map_or(0, |mine| mine.saturating_sub(1));
        if left == 0 {
            taken.each.remove(&self.partition);
        } else {
            taken.each.insert(Arc::clone(&self.partition), left);
        }
    }
}
