//! Lists that come in pages, of which each says where the next one is.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::de::DeserializeOwned;
use troupe_sdk::http::{self, Request};

use crate::{Client, Fault};

/// Where a list goes on.
#[derive(Debug)]
pub struct Next {
    /// What the service calls the place: a token or an address.
    pub token: String,
    /// How it is asked for.
    pub request: Request,
}

impl Next {
    /// The next page is at an address that the service gives whole, as Azure's `nextLink`.
    pub fn at(url: String) -> Self {
        Self { request: http::get(url.clone()), token: url }
    }
}

/// Asks for a list, page by page, and gives each page away as it comes, so that there is one in memory at a time.
/// What takes a page says where the next one is.
///
/// # Errors
///
/// The first fault; what was taken before it is good. `unreadable`, if the service goes back to a page that it gave
/// already: a list that goes round would have no end.
pub async fn each_page<P: DeserializeOwned>(
    client: &Client,
    first: Request,
    mut take: impl AsyncFnMut(P) -> Result<Option<Next>, Fault>,
) -> Result<(), Fault> {
    let mut seen: BTreeSet<u64> = BTreeSet::new();
    let mut request = first;
    loop {
        let page = client.read(request).await?;
        match take(page).await? {
            Some(next) if next.token.is_empty() => return Ok(()),
            Some(next) => {
                // Tokens may be long and pages many, so it is their hashes that are kept.
                let mut hasher = DefaultHasher::new();
                next.token.hash(&mut hasher);
                if !seen.insert(hasher.finish()) {
                    return Err(Fault::unreadable("the service goes on to a page that it gave already"));
                }
                request = next.request;
            }
            None => return Ok(()),
        }
    }
}
