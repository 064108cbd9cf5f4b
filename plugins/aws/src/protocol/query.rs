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

/// How lists go on: where a page says what the next one is asked by.
#[derive(Debug, Clone, Copy)]
pub struct Paging {
    /// The element of a result that has the token for the next page.
    take: &'static str,
    /// The parameter that the token is given back as.
    give: &'static str,
    /// Whether the token counts only while the result says `IsTruncated`.
    while_truncated: bool,
}

impl Paging {
    /// EC2's: `nextToken`, given back as `NextToken`.
    pub const TOKEN: Self = Self { take: "nextToken", give: "NextToken", while_truncated: false };
    /// `NextToken`, given back as that.
    pub const NEXT_TOKEN: Self = Self { take: "NextToken", give: "NextToken", while_truncated: false };
    /// IAM's: `Marker` while `IsTruncated`.
    pub const TRUNCATED: Self = Self { take: "Marker", give: "Marker", while_truncated: true };
    /// `Marker`, given back as that.
    pub const MARKER: Self = Self { take: "Marker", give: "Marker", while_truncated: false };
    /// `NextMarker`, given back as `Marker`.
    pub const NEXT_MARKER: Self = Self { take: "NextMarker", give: "Marker", while_truncated: false };
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
        let Paging { take, give, while_truncated } = self.paging;
        let mut token: Option<String> = None;
        loop {
            let mut parameters = parameters.to_vec();
            parameters.extend(token.as_deref().map(|token| (give, token)));
            let text = self.ask(action, &parameters).await?;
            let document = xml::parse(&text)?;
            let result = result(xml::root(&document), action);
            each(result);
            let is_over = while_truncated && result.truth("IsTruncated") != Some(true);
            let next = result.text(take).filter(|_| !is_over);
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
