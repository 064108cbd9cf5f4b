//! Asking AWS: in turn, with patience that has an end, and taking errors for what they are.

mod fault;

use std::time::SystemTime;

use troupe_cloud::{ANSWERS_BYTES_MAX, Asking};
use troupe_sdk::http::{Request, Response};

use crate::endpoint::region_of;

pub use fault::{Fault, TOO_MANY};

/// The credential that the host signs with.
pub const CREDENTIAL: &str = "aws:default";

/// Requests under way at once. AWS's own tools use ten; it turns away who asks for much
/// more, and the host allows a tenant 64.
pub const AT_ONCE: usize = 8;

/// A client for AWS's services.
#[derive(Debug)]
pub struct Client(Asking<Fault>);

impl Client {
    /// Makes a client that asks until then; what it is asked later is a fault at once.
    pub fn new(until: SystemTime) -> Self {
        Self(Asking::new(CREDENTIAL, AT_ONCE, until))
    }

    /// Has further answers take a third of what there is room for: whoever keeps scans in the state reads the last
    /// and writes the next, which the journal holds, too.
    pub fn share_journal(&self) {
        self.0.bound_answers(ANSWERS_BYTES_MAX / 3);
    }

    /// Asks, again where that may help, and returns an answer of the 200s. Everything
    /// that is asked only looks, so asking twice does no harm.
    pub async fn ask(&self, request: Request) -> Result<Response, Fault> {
        let host = request.host().to_owned();
        // A region may fall silent as a whole, and each of its services has a host of its own.
        match region_of(&host) {
            Some(region) => self.0.ask(request, &[&host, region]).await,
            None => self.0.ask(request, &[&host]).await,
        }
    }
}

/// Refuses to go round in a list whose service hands out the same token again.
pub fn check_progress(before: Option<&str>, next: &str) -> Result<(), Fault> {
    if before == Some(next) {
        return Err(Fault::unreadable("the service goes on to the page it just gave"));
    }
    Ok(())
}
