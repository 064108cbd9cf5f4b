//! Asking a cloud: in turn, with patience that has an end, and taking errors for what they are.

mod codes;
mod fault;

use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;
use serde_json::Value;
use troupe_sdk::http::{HttpError, Request, Response, Retry};
use troupe_sdk::time;
use troupe_sdk::wait::Turns;

pub use fault::Fault;

/// Longest that one try may take. Clouds answer a page within seconds; the host alone would wait a minute for its
/// first byte.
const TRY_TIME_MAX: Duration = Duration::from_secs(20);

/// Eight tries, with 23 s of waiting between them at most, or what the service itself asks for: services that count
/// requests fill their buckets again within seconds.
const PATIENCE: Retry =
    Retry { tries: 8, first: Duration::from_millis(200), most: Duration::from_secs(10), until: None };

/// The status of an answer that has nothing to say.
const NO_CONTENT: u16 = 204;

/// A client for the services of one cloud.
#[derive(Debug)]
pub struct Client {
    credential: &'static str,
    turns: Turns,
    until: SystemTime,
}

impl Client {
    /// Makes a client whose requests the host signs with a credential such as `azure:default`, of which this many
    /// are under way at once at most, and that asks until then; what it is asked later is a fault at once.
    pub const fn new(credential: &'static str, at_once: usize, until: SystemTime) -> Self {
        Self { credential, turns: Turns::new(at_once), until }
    }

    /// Asks, again where that may help, and returns an answer of the 200s. Only what looks, or does no harm when it
    /// is asked twice, belongs here.
    ///
    /// # Errors
    ///
    /// The fault of the last try.
    pub async fn ask(&self, request: Request) -> Result<Response, Fault> {
        let request = request.credential(self.credential);
        let attempt = async || {
            let _turn = self.turns.take().await;
            let left = self.until.duration_since(time::now()).unwrap_or_default();
            if left.is_zero() {
                return Err(Fault::late());
            }
            match request.clone().timeout(left.min(TRY_TIME_MAX)).send().await {
                Ok(answer) => fault::check(answer),
                Err(HttpError::Timeout(_)) if left <= TRY_TIME_MAX => Err(Fault::late()),
                Err(error) => Err(Fault::of_transport(&error)),
            }
        };
        Retry { until: Some(self.until), ..PATIENCE }.run(attempt, Fault::again).await
    }

    /// Asks, and reads the answer as JSON. One that says that it has no content, with status 204, reads as `null`.
    ///
    /// # Errors
    ///
    /// As [`Self::ask`]; `unreadable` if the answer is not a `T`.
    pub async fn read<T: DeserializeOwned>(&self, request: Request) -> Result<T, Fault> {
        let answer = self.ask(request).await?;
        if answer.status() == NO_CONTENT {
            return serde_json::from_value(Value::Null).map_err(Fault::unreadable);
        }
        answer.json().map_err(Fault::unreadable)
    }
}
