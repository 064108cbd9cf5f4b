//! Asking AWS: in turn, with patience that has an end, and taking errors for what they are.

mod fault;

use std::time::{Duration, SystemTime};

use troupe_sdk::http::{HttpError, Request, Response, Retry};
use troupe_sdk::time;
use troupe_sdk::wait::Turns;

pub use fault::Fault;

/// The credential that the host signs with.
const CREDENTIAL: &str = "aws:default";

/// Requests under way at once. AWS's own tools use ten; it turns away who asks for much
/// more, and the host allows a tenant 64.
pub const AT_ONCE: usize = 8;

/// Longest that one try may take. AWS answers a page within seconds; the host alone would
/// wait a minute for its first byte.
const TRY_TIME_MAX: Duration = Duration::from_secs(20);

/// Eight tries, with 23 s of waiting between them at most, or what the service itself asks
/// for: services that count requests fill their buckets again within seconds.
const PATIENCE: Retry =
    Retry { tries: 8, first: Duration::from_millis(200), most: Duration::from_secs(10), until: None };

/// A client for AWS's services.
#[derive(Debug)]
pub struct Client {
    turns: Turns,
    until: SystemTime,
}

impl Client {
    /// Makes a client that asks until then; what it is asked later is a fault at once.
    pub const fn new(until: SystemTime) -> Self {
        Self { turns: Turns::new(AT_ONCE), until }
    }

    /// Asks, again where that may help, and returns an answer of the 200s. Everything
    /// that is asked only looks, so asking twice does no harm.
    pub async fn ask(&self, request: Request) -> Result<Response, Fault> {
        let request = request.credential(CREDENTIAL);
        let attempt = async || {
            let _turn = self.turns.take().await;
            let left = self.until.duration_since(time::now()).unwrap_or_default();
            if left.is_zero() {
                return Err(Fault::late());
            }
            match request.clone().timeout(left.min(TRY_TIME_MAX)).send().await {
                Ok(answer) => fault::check(answer),
                Err(HttpError::Timeout(_)) if left <= TRY_TIME_MAX => Err(Fault::late()),
                Err(error) => Err(Fault::of_transport(error)),
            }
        };
        Retry { until: Some(self.until), ..PATIENCE }.run(attempt, Fault::again).await
    }
}

/// Refuses to go round in a list whose service hands out the same token again.
pub fn check_progress(before: Option<&str>, next: &str) -> Result<(), Fault> {
    if before == Some(next) {
        return Err(Fault::unreadable("the service goes on to the page it just gave"));
    }
    Ok(())
}
