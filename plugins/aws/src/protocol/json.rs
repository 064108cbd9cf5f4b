//! JSON answers, and the protocol whose operation is in a header.

mod item;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use troupe_sdk::http;

use crate::client::{Client, Fault, check_progress};

pub use item::Item;

/// A service that is asked by JSON 1.0 or 1.1.
#[derive(Debug, Clone, Copy)]
pub struct Api<'a> {
    /// Who asks.
    pub client: &'a Client,
    /// Where.
    pub endpoint: &'a str,
    /// What stands before the operation.
    pub target: &'static str,
    /// The version of the protocol: `1.0` or `1.1`.
    pub version: &'static str,
}

/// How the lists of a JSON service go on.
#[derive(Debug, Clone, Copy)]
pub struct Paging {
    /// The field of an answer that has the token for the next page.
    pub take: &'static str,
    /// The field, or the query's key, that the token is given back as.
    pub give: &'static str,
}

impl Paging {
    /// `nextToken`, given back as that.
    pub const NEXT_TOKEN: Self = Self::by("nextToken");
    /// `NextToken`, given back as that.
    pub const UPPER_NEXT_TOKEN: Self = Self::by("NextToken");

    /// A token that is called the same on both ways.
    pub const fn by(name: &'static str) -> Self {
        Self { take: name, give: name }
    }
}

impl Api<'_> {
    /// Asks and reads the answer.
    pub async fn ask<T: DeserializeOwned>(&self, operation: &str, input: Value) -> Result<T, Fault> {
        let request = http::post(self.endpoint)
            .header("content-type", format!("application/x-amz-json-{}", self.version))
            .header("x-amz-target", format!("{}.{operation}", self.target))
            .body(input.to_string());
        let answer = self.client.ask(request).await?;
        read(answer.text().map_err(Fault::unreadable)?)
    }

    /// Asks for a list, page by page, and hands each page to `each`. What was handed over
    /// before an error stays.
    pub async fn pages(
        &self,
        operation: &str,
        input: Value,
        paging: Paging,
        mut each: impl FnMut(Item<'_>),
    ) -> Result<(), Fault> {
        let mut input = match input {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        loop {
            let page: Value = self.ask(operation, Value::Object(input.clone())).await?;
            each(Item::new(&page)?);
            let Some(next) = next(&page, paging) else { return Ok(()) };
            check_progress(input.get(paging.give).and_then(Value::as_str), next)?;
            input.insert(paging.give.to_owned(), Value::from(next));
        }
    }
}

/// Reads the token for the page after this one; none if this is the last.
pub fn next(page: &Value, paging: Paging) -> Option<&str> {
    page.get(paging.take)?.as_str().filter(|next| !next.is_empty())
}

/// Reads a JSON answer.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::unreadable(format!("the answer does not fit: {error}")))
}
