//! Asking a cloud: in turn, with patience that has an end, and taking errors for what they are.

mod asking;
mod codes;
mod fault;
mod standing;

use std::time::SystemTime;

use serde::de::DeserializeOwned;
use serde_json::Value;
use troupe_sdk::http::{Request, Response};

pub use asking::{ANSWERS_BYTES_MAX, Asking, Faults};
pub use fault::{Fault, SILENT, SPENT, silence, transport};

/// The status of an answer that has nothing to say.
const NO_CONTENT: u16 = 204;

/// A client for the services of one cloud.
#[derive(Debug)]
pub struct Client(Asking<Fault>);

impl Client {
    /// Makes a client whose requests the host signs with a credential such as `azure:default`, of which this many
    /// are under way at once at most, and that asks until then; what it is asked later is a fault at once.
    pub fn new(credential: &'static str, at_once: usize, until: SystemTime) -> Self {
        Self(Asking::new(credential, at_once, until))
    }

    /// Asks, again where that may help, and returns an answer of the 200s. Only what looks, or does no harm when it
    /// is asked twice, belongs here.
    ///
    /// # Errors
    ///
    /// The fault of the last try.
    pub async fn ask(&self, request: Request) -> Result<Response, Fault> {
        let host = request.host().to_owned();
        self.0.ask(request, &[&host]).await
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
