//! The REST protocols: the operation is in method and path.

use troupe_sdk::http;

use crate::client::{Client, Fault};

/// Asks by GET and returns the body.
pub async fn get(client: &Client, url: String, query: &[(&str, &str)]) -> Result<String, Fault> {
    let request = query.iter().fold(http::get(url), |request, (name, value)| request.query(name, value));
    let answer = client.ask(request).await?;
    answer.text().map(str::to_owned).map_err(Fault::unreadable)
}
