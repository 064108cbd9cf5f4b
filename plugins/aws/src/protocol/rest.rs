//! The REST protocols: the operation is in method and path.

use serde_json::Value;
use troupe_sdk::http::{self, Request};

use super::json::{self, Item, Paging};
use super::xml::{self, Element};
use crate::client::{Client, Fault, check_progress};

/// Asks by GET and returns the body.
pub async fn get(client: &Client, url: String, query: &[(&str, &str)]) -> Result<String, Fault> {
    ask(client, query.iter().fold(http::get(url), |request, (name, value)| request.query(name, value))).await
}

/// Asks by GET for JSON. API Gateway writes another form unless it is asked for this one.
pub async fn get_json(client: &Client, url: String, query: &[(&str, &str)]) -> Result<Value, Fault> {
    let request = http::get(url).header("accept", "application/json");
    let request = query.iter().fold(request, |request, (name, value)| request.query(name, value));
    json::read(&ask(client, request).await?)
}

/// Asks by POST of an XML document and returns the body.
pub async fn post_xml(client: &Client, url: &str, input: &str) -> Result<String, Fault> {
    ask(client, http::post(url).header("content-type", "application/xml").body(input)).await
}

/// Asks by POST of a JSON document and returns the body.
pub async fn post(client: &Client, url: &str, input: &Value) -> Result<String, Fault> {
    ask(client, http::post(url).header("content-type", "application/json").body(input.to_string())).await
}

/// Asks by GET for a list in JSON, page by page, and hands each page to `each`. What was
/// handed over before an error stays.
pub async fn pages(
    client: &Client,
    url: &str,
    query: &[(&str, &str)],
    paging: Paging,
    mut each: impl FnMut(Item<'_>),
) -> Result<(), Fault> {
    let mut token: Option<String> = None;
    loop {
        let mut query = query.to_vec();
        query.extend(token.as_deref().map(|token| (paging.give, token)));
        let page = get_json(client, url.to_owned(), &query).await?;
        each(Item::new(&page)?);
        let Some(next) = json::next(&page, paging) else { return Ok(()) };
        check_progress(token.as_deref(), next)?;
        token = Some(next.to_owned());
    }
}

/// Asks by GET for a list in XML, page by page, and hands each page to `each`. What was
/// handed over before an error stays.
pub async fn xml_pages(
    client: &Client,
    url: &str,
    query: &[(&str, &str)],
    paging: Paging,
    mut each: impl FnMut(Element<'_>),
) -> Result<(), Fault> {
    let mut token: Option<String> = None;
    loop {
        let mut query = query.to_vec();
        query.extend(token.as_deref().map(|token| (paging.give, token)));
        let text = get(client, url.to_owned(), &query).await?;
        let document = xml::parse(&text)?;
        let page = xml::root(&document);
        each(page);
        let Some(next) = page.text(paging.take) else { return Ok(()) };
        check_progress(token.as_deref(), next)?;
        token = Some(next.to_owned());
    }
}

async fn ask(client: &Client, request: Request) -> Result<String, Fault> {
    let answer = client.ask(request).await?;
    answer.text().map(str::to_owned).map_err(Fault::unreadable)
}
