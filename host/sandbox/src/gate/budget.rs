//! What is left of the budgets of one agent's lines of `http`.
//!
//! The attack: a guest sends a thousand requests a second, each of them allowed; or one that
//! is cut off goes on in the next invocation as if nothing had been used. The rule: what a
//! line's budget allows is counted for the agent, over all its invocations, and a request
//! beyond it is refused at once with `limit.budget`, telling when to come again; nobody
//! waits in the host. Requests and bytes are *buckets* that hold a minute's worth and fill
//! evenly; what is under way is counted until its answer has been read. Bytes are checked
//! before sending by what is known, and charged by what comes: an answer that goes beyond is
//! cut off there, and what it took too much is paid before anything else is sent. The
//! default: a line without a budget is not counted at all.
//!
//! The counting has no clock and does no I/O; whoever asks says what time it is. It is kept
//! in memory: a host that starts begins with whole budgets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use troupe_core::grant::{HttpBudget, LineBudget};
use troupe_core::{Code, Error, Result, Timestamp, limits};

/// A bucket holds what it has times this, so that a millisecond's share of a minute is whole.
const PARTS: i64 = 60_000;

/// What is left of an agent's budgets. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Budgets(Arc<Mutex<BTreeMap<LineBudget, Arc<Meter>>>>);

/// What one budget has counted.
#[derive(Debug)]
struct Meter {
    of: LineBudget,
    level: Mutex<Level>,
}

/// What one request draws on: a seat at each of its budgets, given back when dropped.
#[derive(Debug, Default)]
pub(crate) struct Seats(Vec<Arc<Meter>>);

impl Budgets {
    /// Takes a request with so many bytes out of every budget, or out of none.
    ///
    /// # Errors
    /// [`Code::LimitBudget`] naming the line and the bound.
    pub(super) fn draw(&self, lines: &[LineBudget], bytes: u64, now: Timestamp) -> Result<Seats> {
        let meters: Vec<Arc<Meter>> = lines.iter().map(|line| self.meter(line, now)).collect();
        take_from(&meters, bytes, now, true)?;
        Ok(Seats(meters))
    }

    fn meter(&self, line: &LineBudget, now: Timestamp) -> Arc<Meter> {
        let mut meters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(meter) = meters.get(line) {
            return Arc::clone(meter);
        }
        if meters.len() >= limits::HTTP_BUDGETS_MAX {
            // Of lines that were changed: one that is whole is as good as a new one.
            meters.retain(|line, meter| Arc::strong_count(meter) > 1 || !meter.lock().is_whole(&line.budget, now));
        }
        let meter = Arc::new(Meter { of: line.clone(), level: Mutex::new(Level::whole(&line.budget, now)) });
        meters.insert(line.clone(), Arc::clone(&meter));
        meter
    }
}

impl Meter {
    fn lock(&self) -> MutexGuard<'_, Level> {
        self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a request out of every meter, or out of none.
fn take_from(meters: &[Arc<Meter>], bytes: u64, now: Timestamp, place: bool) -> Result<()> {
    for (taken, meter) in meters.iter().enumerate() {
        let lack = meter.lock().take(&meter.of.budget, bytes, now, place);
        if let Err(lack) = lack {
            // What the others gave is theirs again.
            for meter in meters.iter().take(taken) {
                meter.lock().put_back(&meter.of.budget, bytes, place);
            }
            return Err(lack.error(&meter.of));
        }
    }
    Ok(())
}

impl Seats {
    /// Takes another request with so many bytes, in the same place.
    ///
    /// # Errors
    /// Those of [`Budgets::draw`].
    pub(super) fn again(&self, bytes: u64, now: Timestamp) -> Result<()> {
        take_from(&self.0, bytes, now, false)
    }

    /// Charges what came, though it may be more than there is.
    ///
    /// # Errors
    /// [`Code::LimitBudget`] if it is.
    pub(crate) fn charge(&self, bytes: usize, now: Timestamp) -> Result<()> {
        // Each is charged, whatever another lacks.
        let mut all = Ok(());
        for meter in &self.0 {
            let charged = meter.lock().charge(&meter.of.budget, bytes as u64, now);
            all = all.and(charged.map_err(|lack| lack.error(&meter.of).with("sent", true)));
        }
        all
    }
}

impl Drop for Seats {
    fn drop(&mut self) {
        for meter in &self.0 {
            let mut level = meter.lock();
            level.open = level.open.saturating_sub(1);
        }
    }
}

/// What a budget lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lack {
    /// A request, for so long.
    Request(Duration),
    /// A place at once.
    Place,
    /// Bytes, for so long.
    Bytes(Duration),
    /// More bytes than it ever has.
    EverSoManyBytes(u64),
}

impl Lack {
    fn error(self, line: &LineBudget) -> Error {
        let LineBudget { line, budget } = line;
        let many = |count: Option<u32>| count.unwrap_or_default();
        let (bound, wait) = match self {
            Self::Request(wait) => (format!("{} requests a minute", many(budget.requests_per_minute)), wait),
            Self::Place => (format!("{} requests at once", many(budget.concurrent)), limits::HTTP_BUDGET_SEAT_TIME),
            Self::Bytes(wait) => {
                (format!("{} a minute", limits::bytes(budget.bytes_per_minute.unwrap_or_default())), wait)
            }
            Self::EverSoManyBytes(bytes) => {
                let most = limits::bytes(budget.bytes_per_minute.unwrap_or_default());
                let message = format!(
                    "the request has {bytes} bytes, and the budget of the grant `http/{line}` is {most} a minute; send \
                     less, or have the operator grant more"
                );
                let mut error = Error::new(Code::LimitBudget, message).with("sent", false);
                error.retryable = false;
                return error;
            }
        };
        let ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
        let message =
            format!("the budget of the grant `http/{line}`, {bound}, is used up for now; try again in {ms} ms");
        Error::new(Code::LimitBudget, message).with("retry_after_ms", ms).with("sent", false)
    }
}

/// The state of one budget.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Level {
    /// When the buckets were filled last.
    at: Timestamp,
    /// Requests that are left, in parts.
    requests: i64,
    /// Bytes that are left, in parts; below zero where too many came.
    bytes: i64,
    /// Requests under way.
    open: u32,
}

impl Level {
    fn whole(budget: &HttpBudget, now: Timestamp) -> Self {
        Self { at: now, requests: minute(requests(budget)), bytes: minute(budget.bytes_per_minute), open: 0 }
    }

    fn is_whole(&mut self, budget: &HttpBudget, now: Timestamp) -> bool {
        self.fill(budget, now);
        *self == Self::whole(budget, self.at)
    }

    /// Adds what came back since the last time.
    fn fill(&mut self, budget: &HttpBudget, now: Timestamp) {
        let ms = i64::try_from(now.since(self.at).as_millis()).unwrap_or(i64::MAX);
        self.at = self.at.max(now);
        let filled = |level: i64, rate: Option<u64>| level.saturating_add(parts(rate, ms)).min(minute(rate));
        self.requests = filled(self.requests, requests(budget));
        self.bytes = filled(self.bytes, budget.bytes_per_minute);
    }

    /// Takes a request, and a place for it unless it has one.
    fn take(&mut self, budget: &HttpBudget, bytes: u64, now: Timestamp, place: bool) -> Result<(), Lack> {
        self.fill(budget, now);
        if budget.bytes_per_minute.is_some_and(|most| bytes > most) {
            return Err(Lack::EverSoManyBytes(bytes));
        }
        if place && budget.concurrent.is_some_and(|most| self.open >= most) {
            return Err(Lack::Place);
        }
        if budget.requests_per_minute.is_some() && self.requests < PARTS {
            return Err(Lack::Request(time_for(PARTS.saturating_sub(self.requests), requests(budget))));
        }
        if let Some(most) = budget.bytes_per_minute {
            let needs = minute(Some(bytes));
            if self.bytes < needs {
                return Err(Lack::Bytes(time_for(needs.saturating_sub(self.bytes), Some(most))));
            }
        }
        self.open = self.open.saturating_add(u32::from(place));
        self.add(budget, -1, bytes);
        Ok(())
    }

    /// Undoes a [`Level::take`].
    fn put_back(&mut self, budget: &HttpBudget, bytes: u64, place: bool) {
        self.open = self.open.saturating_sub(u32::from(place));
        self.add(budget, 1, bytes);
    }

    fn charge(&mut self, budget: &HttpBudget, bytes: u64, now: Timestamp) -> Result<(), Lack> {
        let Some(most) = budget.bytes_per_minute else { return Ok(()) };
        self.fill(budget, now);
        self.bytes = self.bytes.saturating_sub(minute(Some(bytes)));
        if self.bytes < 0 {
            return Err(Lack::Bytes(time_for(self.bytes.saturating_neg(), Some(most))));
        }
        Ok(())
    }

    fn add(&mut self, budget: &HttpBudget, times: i64, bytes: u64) {
        if budget.requests_per_minute.is_some() {
            self.requests = self.requests.saturating_add(PARTS.saturating_mul(times));
        }
        if budget.bytes_per_minute.is_some() {
            self.bytes = self.bytes.saturating_add(minute(Some(bytes)).saturating_mul(times));
        }
    }
}

fn requests(budget: &HttpBudget) -> Option<u64> {
    budget.requests_per_minute.map(u64::from)
}

/// A minute's worth at a rate, in parts; nothing where there is no bound.
fn minute(rate: Option<u64>) -> i64 {
    parts(rate, PARTS)
}

/// What comes back in so many milliseconds, in parts.
fn parts(rate: Option<u64>, ms: i64) -> i64 {
    i64::try_from(rate.unwrap_or_default()).unwrap_or(i64::MAX).saturating_mul(ms)
}

/// How long so many parts take to come back, to the millisecond above.
fn time_for(parts: i64, rate: Option<u64>) -> Duration {
    let parts = u64::try_from(parts).unwrap_or_default();
    Duration::from_millis(parts.div_ceil(rate.unwrap_or(1).max(1)))
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
