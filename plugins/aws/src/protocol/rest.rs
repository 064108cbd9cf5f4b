//! The REST protocols: the operation is in method and path.

use serde_json::Value;
use troupe_sdk::http::{self, Request};

use crate::client::{Client, Fault};

/// Asks by GET and returns the body.
pub async fn get(client: &Client, url: String, query: &[(&str, &str)]) -> Result<String, Fault> {
    ask(client, query.iter().fold(http::get(url), |request, (name, value)| request.query(name, value))).await
}

/// Asks by POST of a JSON document and returns the body.
pub async fn post(client: &Client, url: &str, input: &Value) -> Result<String, Fault> {
    ask(client, http::post(url).header("content-type", "application/json").body(input.to_string())).await
}

async fn ask(client: &Client, request: Request) -> Result<String, Fault> {
    let answer = client.ask(request).await?;
    answer.text().map(str::to_owned).map_err(Fault::unreadable)
}
