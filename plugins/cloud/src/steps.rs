//! How far the agent is, for whoever waits.

use std::cell::Cell;

use troupe_sdk::progress;

use crate::Found;

/// Counts steps that are planned and done. Each step that ends says so, with what was found until then.
#[derive(Debug)]
pub struct Steps<'a> {
    found: &'a Found,
    planned: Cell<u32>,
    done: Cell<u32>,
}

impl<'a> Steps<'a> {
    /// Begins to count.
    pub const fn new(found: &'a Found) -> Self {
        Self { found, planned: Cell::new(0), done: Cell::new(0) }
    }

    /// Makes a step of some work. It counts as planned from now on, and as done when the work is.
    pub fn step<T>(&self, what: impl Into<String>, work: impl Future<Output = T>) -> impl Future<Output = T> {
        self.planned.set(self.planned.get() + 1);
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
