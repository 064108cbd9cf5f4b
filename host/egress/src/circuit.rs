//! Which destinations are left alone for a while, since they failed again and again.
//!
//! **The attack.** A service is down, and every agent that needs it asks it all the same: each
//! request waits for its time to run out, takes up one of the tenant's places meanwhile, and
//! keeps the service from coming back. **The rule.** Each destination of a tenant (scheme,
//! host and port) has a circuit, a [`Breaker`] as it is drawn there. Where most of the newest
//! requests to it failed, further ones are refused at once, until one probe gets through.
//! **The default.** A destination of which nothing bad is known is asked, and costs nothing
//! to look up.
//!
//! | a request that ended with | counts as |
//! |---|---|
//! | no connection, no name, a connection cut, 502, 503, 504, a timeout of the host's | a failure |
//! | a timeout that the guest had set shorter | nothing: else one agent shuts a service to its tenant's others |
//! | 503 to a request that is signed for AWS, where EC2 and S3 ask for patience by it as others do by 429 | nothing |
//! | any other answer | a good end |
//! | anything else, such as a guest that let go of it | nothing |
//!
//! It is kept in memory, for each tenant by itself: nobody's failures are another's.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use troupe_core::breaker::{Breaker, Change, Ending, Leave, Settings};
use troupe_core::{Code, Error, Result, Timestamp, limits};

use crate::Authority;

static SETTINGS: Settings = Settings {
    failures: limits::CIRCUIT_FAILURES,
    ends: limits::CIRCUIT_ENDS,
    window: limits::CIRCUIT_WINDOW,
    pause_min: limits::CIRCUIT_TIME_MIN,
    pause_max: limits::CIRCUIT_TIME_MAX,
    probe_time: limits::CIRCUIT_PROBE_TIME,
};

/// The circuits of a host. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Circuits(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// How many circuits there are, so that nobody waits for the lock where there are none.
    count: AtomicUsize,
    tenants: Mutex<HashMap<Arc<str>, HashMap<Authority, Circuit>>>,
}

/// What is known of one destination; none where nothing bad is.
#[derive(Debug)]
struct Circuit {
    breaker: Breaker,
    failed_at: Timestamp,
}

/// Leave to send one request; if its end is not told, it says nothing.
#[derive(Debug)]
pub struct Pass {
    circuits: Circuits,
    tenant: Arc<str>,
    authority: Authority,
    leave: Option<Leave>,
}

/// What the end of a request says of its destination: the status of its answer, or why there
/// is none. `patient` tells whether it was given all the time that the host gives, `aws` whether it was signed for AWS.
pub fn ending(came: Result<StatusCode, &Error>, patient: bool, aws: bool) -> Ending {
    match came {
        Ok(StatusCode::SERVICE_UNAVAILABLE) if aws => Ending::Unknown,
        Ok(StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT) => Ending::Failed,
        Ok(_) => Ending::Well,
        Err(error) => match error.code {
            Code::UnavailableDns => Ending::Failed,
            Code::UnavailableUpstream | Code::LimitIdle | Code::LimitDeadline if patient => Ending::Failed,
            _ => Ending::Unknown,
        },
    }
}

impl Circuits {
    /// Asks for leave to send a request.
    ///
    /// # Errors
    /// [`Code::UnavailableCircuit`], telling when to come again.
    pub fn admit(&self, tenant: &Arc<str>, authority: &Authority, now: Timestamp) -> Result<Pass> {
        let mut leave = Leave::default();
        if self.0.count.load(Ordering::Relaxed) > 0
            && let Some(circuit) = self.lock().get_mut(tenant).and_then(|own| own.get_mut(authority))
        {
            leave = circuit.breaker.admit(now).map_err(|wait| refused(authority, wait))?;
        }
        let (tenant, authority) = (Arc::clone(tenant), authority.clone());
        Ok(Pass { circuits: self.clone(), tenant, authority, leave: Some(leave) })
    }

    /// Whether a request could be sent now.
    pub fn is_closed(&self, tenant: &Arc<str>, authority: &Authority, now: Timestamp) -> bool {
        self.0.count.load(Ordering::Relaxed) == 0
            || self.lock().get(tenant).and_then(|own| own.get(authority)).is_none_or(|it| it.breaker.check(now).is_ok())
    }

    fn ended(&self, pass: &Pass, leave: &Leave, ending: Ending, now: Timestamp) {
        if ending != Ending::Failed && self.0.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut tenants = self.lock();
        if ending == Ending::Failed {
            let own = tenants.entry(Arc::clone(&pass.tenant)).or_default();
            if own.len() >= limits::CIRCUITS_PER_TENANT_MAX && !own.contains_key(&pass.authority) {
                make_room(own, now);
            }
            let new = || Circuit { breaker: Breaker::new(&SETTINGS), failed_at: now };
            own.entry(pass.authority.clone()).or_insert_with(new).failed_at = now;
        }
        let Some(own) = tenants.get_mut(&pass.tenant) else { return };
        let Some(circuit) = own.get_mut(&pass.authority) else { return };
        let authority = &pass.authority;
        match circuit.breaker.ended(leave, ending, now) {
            Change::Opened(pause) => {
                let seconds = pause.as_secs();
                tracing::warn!(tenant = %pass.tenant, %authority, seconds, "left alone: it failed again and again");
            }
            Change::Closed => tracing::info!(tenant = %pass.tenant, %authority, "no longer left alone"),
            Change::None | Change::Free => {}
        }
        if circuit.breaker.is_at_rest(now) {
            own.remove(&pass.authority);
        }
        if own.is_empty() {
            tenants.remove(&pass.tenant);
        }
        self.0.count.store(tenants.values().map(HashMap::len).sum(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, HashMap<Authority, Circuit>>> {
        self.0.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets what says nothing any more, or else what failed longest ago: one that is closed
/// before one that is open.
fn make_room(own: &mut HashMap<Authority, Circuit>, now: Timestamp) {
    own.retain(|_, circuit| !circuit.breaker.is_at_rest(now));
    if own.len() < limits::CIRCUITS_PER_TENANT_MAX {
        return;
    }
    let rank = |circuit: &Circuit| (circuit.breaker.opened().is_some(), circuit.failed_at);
    let oldest = own.iter().min_by_key(|(_, circuit)| rank(circuit)).map(|(authority, _)| authority.clone());
    if let Some(oldest) = oldest {
        own.remove(&oldest);
    }
}

impl Pass {
    /// Tells how the request ended.
    pub fn ended(mut self, ending: Ending, now: Timestamp) {
        if let Some(leave) = self.leave.take() {
            self.circuits.ended(&self, &leave, ending, now);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(leave) = self.leave.take() {
            // What says nothing needs no time.
            self.circuits.ended(self, &leave, Ending::Unknown, Timestamp::from_millis(0));
        }
    }
}

fn refused(authority: &Authority, wait: Duration) -> Error {
    let seconds = wait.as_millis().div_ceil(1000);
    let message =
        format!("`{authority}` failed again and again and is left alone for a while; try again in {seconds} s");
    let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    Error::new(Code::UnavailableCircuit, message).with("retry_after_ms", wait).with("sent", false)
}

#[cfg(test)]
#[path = "circuit_tests.rs"]
mod tests;
