//! JSON answers, and the protocol whose operation is in a header.

use serde::de::DeserializeOwned;
use serde_json::Value;
use troupe_sdk::http;

use crate::client::{Client, Fault};

/// A service that is asked by JSON 1.0.
#[derive(Debug, Clone, Copy)]
pub struct Api<'a> {
    /// Who asks.
    pub client: &'a Client,
    /// Where.
    pub endpoint: &'a str,
    /// What stands before the operation.
    pub target: &'static str,
}

impl Api<'_> {
    /// Asks and reads the answer.
    pub async fn ask<T: DeserializeOwned>(&self, operation: &str, input: Value) -> Result<T, Fault> {
        let request = http::post(self.endpoint)
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("{}.{operation}", self.target))
            .body(input.to_string());
        let answer = self.client.ask(request).await?;
        read(answer.text().map_err(Fault::unreadable)?)
    }
}

/// Reads a JSON answer.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::unreadable(format!("the answer does not fit: {error}")))
}
