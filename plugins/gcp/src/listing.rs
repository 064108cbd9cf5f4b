//! Where the resources of a type are listed, and what is asked about each.

use serde_json::Value;
use troupe_cloud::{Client, Fault, Next, each_page};
use troupe_estate::Resource;
use troupe_sdk::http;

use crate::record::{Record, path};

/// A list, and the lists and questions below it.
///
/// A list of what is no resource (locations, say) has no record; what is below it is found all the same.
#[derive(Debug)]
pub struct Listing {
    /// The method, as Google's discovery documents name it: `compute.disks.aggregatedList`.
    pub operation: &'static str,
    /// Where the items are.
    pub source: Source,
    /// How each is read.
    pub record: Option<&'static Record>,
    /// What is asked about each.
    pub details: &'static [Detail],
    /// What is listed for each.
    pub below: &'static [Listing],
    /// How each is related to what it was listed under, if it is.
    pub parent: Option<&'static str>,
    /// Whether the service's word that there is no such thing is an answer, as it is where a project has one at most.
    pub optional: bool,
    /// Which items are none of this type; all of them are, if there is no such function.
    pub except: Option<fn(&Value) -> bool>,
}

/// Where items are.
#[derive(Debug, Clone, Copy)]
pub enum Source {
    /// In an answer: at an address (see [`crate::address`]), at a path.
    List(&'static str, &'static str),
    /// In a list over all zones and regions of Compute, each of which has its items under this name.
    Aggregated(&'static str, &'static str),
    /// An answer is the item itself.
    Single(&'static str),
    /// In the item above, at a path.
    Within(&'static str),
}

/// A question about one item.
#[derive(Debug)]
pub struct Detail {
    /// The method.
    pub operation: &'static str,
    /// The address.
    pub address: &'static str,
    /// The attributes that are not known without it.
    pub names: &'static [&'static str],
    /// Puts the answer into the resource.
    pub put: fn(&mut Resource, Value),
}

impl Listing {
    /// A list at an address, whose items stand at a path.
    pub const fn new(operation: &'static str, address: &'static str, items: &'static str) -> Self {
        Self::of(operation, Source::List(address, items))
    }

    /// A list of some source.
    pub const fn of(operation: &'static str, source: Source) -> Self {
        Self { operation, source, record: None, details: &[], below: &[], parent: None, optional: false, except: None }
    }

    /// Every type that is not known if the list is not.
    pub fn kinds(&self) -> Vec<&'static str> {
        let own = self.record.into_iter().flat_map(Record::kinds);
        own.chain(self.below.iter().flat_map(Self::kinds)).collect()
    }

    /// The records of this and of what is below.
    pub fn records(&self) -> Vec<&'static Record> {
        self.record.into_iter().chain(self.below.iter().flat_map(Self::records)).collect()
    }
}

/// The part of an answer of which its service says that it is missing: a place and why.
#[derive(Debug, PartialEq, Eq)]
pub struct Missing {
    /// The location, or `global` if the service does not say.
    pub place: String,
    /// The service's code, or ours in lower case.
    pub code: String,
    /// One sentence.
    pub message: String,
}

/// What an answer says is missing from it. That there is nothing in a place (`NO_RESULTS_ON_PAGE`) is an answer.
pub fn missing(page: &Value, source: Source) -> Vec<Missing> {
    let mut missing = Vec::new();
    for path in ["/unreachable/*", "/unreachables/*", "/missingZones/*", "/failedLocations/*"] {
        for place in path::all(page, path).into_iter().filter_map(Value::as_str) {
            let message = format!("the service could not reach {}", crate::name::last(place));
            missing.push(Missing {
                place: crate::name::last(place).to_owned(),
                code: "unreachable".to_owned(),
                message,
            });
        }
    }
    let mut warned = |warning: Option<&Value>, place: &str| {
        let Some(warning) = warning else { return };
        let code = path::text(warning, "/code").unwrap_or("warning").to_owned();
        if code != "NO_RESULTS_ON_PAGE" {
            let message = path::text(warning, "/message").unwrap_or_default().to_owned();
            missing.push(Missing { place: place.to_owned(), code, message });
        }
    };
    warned(page.get("warning"), troupe_estate::GLOBAL);
    for warning in path::all(page, "/warnings/*") {
        warned(Some(warning), path::text(warning, "/region").unwrap_or(troupe_estate::GLOBAL));
    }
    if let (Source::Aggregated(..), Some(scopes)) = (source, page.get("items").and_then(Value::as_object)) {
        for (scope, held) in scopes {
            warned(held.get("warning"), crate::name::last(scope));
        }
    }
    missing
}

/// The items of an answer.
pub fn items(page: &Value, source: Source) -> Vec<&Value> {
    match source {
        Source::List(_, path) | Source::Within(path) => {
            path::all(page, path).into_iter().flat_map(|list| list.as_array().into_iter().flatten()).collect()
        }
        Source::Aggregated(_, name) => {
            let scopes = path::all(page, "/items/*").into_iter();
            scopes.flat_map(|scope| scope.get(name).and_then(Value::as_array).into_iter().flatten()).collect()
        }
        Source::Single(_) => vec![page],
    }
}

/// Asks for a list, and gives each page away as it comes.
///
/// # Errors
///
/// The first fault; what was taken before it is good.
pub async fn pages(client: &Client, address: &str, mut take: impl AsyncFnMut(&Value)) -> Result<(), Fault> {
    let page = async |page: Value| {
        take(&page).await;
        Ok(next(address, &page))
    };
    each_page(client, http::get(address), page).await
}

/// Where the list goes on behind a page, if it does.
fn next(address: &str, page: &Value) -> Option<Next> {
    let (token, name) = match path::text(page, "/nextPageToken") {
        Some(token) => (token, "pageToken"),
        // The services that speak as Kubernetes does.
        None => (path::text(page, "/metadata/continue")?, "continue"),
    };
    Some(Next { token: token.to_owned(), request: http::get(address).query(name, token) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ALL: Source = Source::Aggregated("", "disks");

    #[test]
    fn an_empty_zone_is_an_answer_and_one_out_of_reach_is_missing() {
        let page = json!({ "items": {
            "zones/us-east1-b": { "disks": [{ "name": "a" }] },
            "zones/us-east1-c": { "warning": { "code": "NO_RESULTS_ON_PAGE", "message": "nothing" } },
            "zones/us-east1-d": { "warning": { "code": "UNREACHABLE", "message": "gone" } },
        }, "unreachables": ["projects/p/zones/us-west1-a"] });
        assert_eq!(items(&page, ALL).len(), 1);
        let told: Vec<(String, String)> = missing(&page, ALL).into_iter().map(|one| (one.place, one.code)).collect();
        let pair = |place: &str, code: &str| (place.to_owned(), code.to_owned());
        assert_eq!(told, [pair("us-west1-a", "unreachable"), pair("us-east1-d", "UNREACHABLE")]);
    }

    #[test]
    fn lists_go_on_by_the_token_of_their_service() {
        let next_of = |page: Value| next("https://x/v1/a?pageSize=1", &page).map(|next| next.token);
        assert_eq!(next_of(json!({ "nextPageToken": "t" })).as_deref(), Some("t"));
        assert_eq!(next_of(json!({ "metadata": { "continue": "c" } })).as_deref(), Some("c"));
        assert_eq!(next_of(json!({ "nextPageToken": "" })), None);
    }
}
