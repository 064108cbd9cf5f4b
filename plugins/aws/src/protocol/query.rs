//! The query protocols: a form with `Action` and `Version`, answered in XML.

use troupe_sdk::http;

use super::xml::{self, Element};
use crate::client::{Client, Fault, check_progress};

/// A service that is asked by query.
#[derive(Debug, Clone, Copy)]
pub struct Api<'a> {
    /// Who asks.
    pub client: &'a Client,
    /// Where.
    pub endpoint: &'a str,
    /// The version of the service's API.
    pub version: &'static str,
    /// How its lists go on.
    pub paging: Paging,
}

/// How lists go on.
#[derive(Debug, Clone, Copy)]
pub enum Paging {
    /// `nextToken`, given back as `NextToken`.
    Token,
    /// `Marker` while `IsTruncated`, inside the result.
    Marker,
}

type Parameters<'a> = &'a [(&'a str, &'a str)];

impl Api<'_> {
    /// Asks once and returns the XML.
    pub async fn ask(&self, action: &str, parameters: Parameters<'_>) -> Result<String, Fault> {
        let fixed = [("Action", action), ("Version", self.version)];
        let form = fixed.iter().chain(parameters).copied();
        let answer = self.client.ask(http::post(self.endpoint).form(form)).await?;
        answer.text().map(str::to_owned).map_err(Fault::unreadable)
    }

    /// Asks for a list, page by page, and hands each page's result to `each`. What was
    /// handed over before an error stays.
    pub async fn pages(
        &self,
        action: &str,
        parameters: Parameters<'_>,
        mut each: impl FnMut(Element<'_>),
    ) -> Result<(), Fault> {
        let name = match self.paging {
            Paging::Token => "NextToken",
            Paging::Marker => "Marker",
        };
        let mut token: Option<String> = None;
        loop {
            let mut parameters = parameters.to_vec();
            parameters.extend(token.as_deref().map(|token| (name, token)));
            let text = self.ask(action, &parameters).await?;
            let document = xml::parse(&text)?;
            let result = result(xml::root(&document), action);
            each(result);
            let next = match self.paging {
                Paging::Token => result.text("nextToken"),
                Paging::Marker => result.text("Marker").filter(|_| result.truth("IsTruncated") == Some(true)),
            };
            let Some(next) = next else { return Ok(()) };
            check_progress(token.as_deref(), next)?;
            token = Some(next.to_owned());
        }
    }
}

/// Goes to what stands inside `ActionResponse/ActionResult`, or to the response itself,
/// which EC2 leaves bare.
pub fn result<'a>(response: Element<'a>, action: &str) -> Element<'a> {
    let result = response.at(&format!("{action}Result"));
    if result.exists() { result } else { response }
}
