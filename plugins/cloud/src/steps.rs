//! How far the agent is, for whoever waits.

use std::cell::Cell;

use troupe_sdk::progress;

use crate::Found;

/// Counts steps that are planned and done. Each step that ends says so, with what was found until then.
#[derive(Debug)]
pub struct Steps<'a> {
    found: &'a Found,
    planned: Cell<u32>,
    /// Of those that are planned, how many are not made yet.
    awaited: Cell<u32>,
    done: Cell<u32>,
}

impl<'a> Steps<'a> {
    /// Begins to count.
    pub const fn new(found: &'a Found) -> Self {
        Self { found, planned: Cell::new(0), awaited: Cell::new(0), done: Cell::new(0) }
    }

    /// Counts so many steps as planned that are made later, a few at a time.
    pub fn plan(&self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.planned.set(self.planned.get().saturating_add(count));
        self.awaited.set(self.awaited.get().saturating_add(count));
    }

    /// Makes a step of some work. It counts as planned from now on, if it was not before, and as done when the work is.
    pub fn step<T>(&self, what: impl Into<String>, work: impl Future<Output = T>) -> impl Future<Output = T> {
        match self.awaited.get().checked_sub(1) {
            Some(awaited) => self.awaited.set(awaited),
            None => self.planned.set(self.planned.get() + 1),
        }
        let what = what.into();
        async move {
            let output = work.await;
            self.done.set(self.done.get() + 1);
            let (done, planned) = (self.done.get(), self.planned.get());
            let line = format!("{what} ({done} of {planned}); {} so far", self.found);
            progress::report(f64::from(done) / f64::from(planned), line);
            output
        }
    }
}
