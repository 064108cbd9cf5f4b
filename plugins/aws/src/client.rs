//! Asking AWS: in turn, with patience, and taking errors for what they are.

mod fault;

use std::time::Duration;

use troupe_sdk::http::{Request, Response, Retry};
use troupe_sdk::wait::Turns;

pub use fault::Fault;

/// The credential that the host signs with.
const CREDENTIAL: &str = "aws:default";

/// Requests under way at once. AWS's own tools use ten; it turns away who asks for much
/// more, and the host allows a tenant 64.
pub const AT_ONCE: usize = 8;

/// Eight tries, waiting 25 s in all at most: services that count requests fill their
/// buckets again within seconds.
const PATIENCE: Retry = Retry { tries: 8, first: Duration::from_millis(200), most: Duration::from_secs(10) };

/// A client for AWS's services.
#[derive(Debug)]
pub struct Client {
    turns: Turns,
}

impl Client {
    /// Makes a client; all that one inventory asks goes through one.
    pub const fn new() -> Self {
        Self { turns: Turns::new(AT_ONCE) }
    }

    /// Asks, again where that may help, and returns an answer of the 200s. Everything
    /// that is asked only looks, so asking twice does no harm.
    pub async fn ask(&self, request: Request) -> Result<Response, Fault> {
        let request = request.credential(CREDENTIAL);
        let attempt = async || {
            let _turn = self.turns.take().await;
            let answer = request.clone().send().await.map_err(Fault::of_transport)?;
            fault::check(answer)
        };
        PATIENCE.run(attempt, Fault::again).await
    }
}

/// Refuses to go round in a list whose service hands out the same token again.
pub fn check_progress(before: Option<&str>, next: &str) -> Result<(), Fault> {
    if before == Some(next) {
        return Err(Fault::unreadable("the service goes on to the page it just gave"));
    }
    Ok(())
}
