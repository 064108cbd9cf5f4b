//! Walks the lists of a service: pages, the questions about each item, the lists below it.

use std::pin::Pin;

use serde_json::Value;
use troupe_cloud::{Asked, Client, Fault, Found};
use troupe_estate::{GLOBAL, Resource};
use troupe_sdk::http;
use troupe_sdk::wait;

use super::common::Common;
use crate::address::address;
use crate::ask::asked;
use crate::listing::{self, Listing, Missing, Source};
use crate::name;
use crate::record::Record;

/// Items of one page that are looked at more closely at once. The client bounds the requests under way; this bounds
/// what waits for them.
const CLOSER_AT_ONCE: usize = 32;

/// Who asks, where answers go, and about what.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// Who asks.
    pub client: &'a Client,
    /// Where resources and problems go.
    pub found: &'a Found,
    /// The project.
    pub project: &'a str,
    /// The service, such as `compute.googleapis.com`.
    pub service: &'static str,
    /// The metadata that the project's machines have in common.
    pub common: &'a Common<'a>,
}

/// What an item was found under.
#[derive(Debug, Clone, Copy)]
struct Above<'a> {
    item: &'a Value,
    id: Option<&'a str>,
}

type Walk<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

impl<'a> Scope<'a> {
    /// What a row about this operation says.
    pub fn asked(&self, operation: &'static str) -> Asked {
        asked(self.service, operation, Some(self.project), GLOBAL)
    }

    /// Walks a list of the project.
    pub async fn walk(self, listing: &'static Listing) {
        self.list(listing, Above { item: &Value::Null, id: None }).await;
    }

    fn list<'b>(self, listing: &'static Listing, above: Above<'b>) -> Walk<'b>
    where
        'a: 'b,
    {
        Box::pin(async move {
            let whole = || self.asked(listing.operation).hides_all(listing.kinds());
            let form = match listing.source {
                Source::List(form, _) | Source::Aggregated(form, _) | Source::Single(form) => form,
                Source::Within(_) => return self.page(listing, above.item, above).await,
            };
            let Some(address) = address(form, self.project, above.item, above.item) else {
                let fault = Fault::unreadable("what the list is about does not say who it is");
                return self.found.note(&whole(), None, fault);
            };
            let listed = listing::pages(self.client, &address, async |page: &Value| {
                self.page(listing, page, above).await;
            });
            match listed.await {
                Err(fault) if !(listing.optional && fault.is_absent()) => {
                    // It hides what is below one resource, which nothing says of a resource that it hides: so it
                    // hides all of the type, and the message says below which.
                    self.found.note(&whole(), None, about(fault, above.id));
                }
                _ => {}
            }
        })
    }

    async fn page(self, listing: &'static Listing, page: &Value, above: Above<'_>) {
        for Missing { place, code, message } in listing::missing(page, listing.source) {
            let mut asked = self.asked(listing.operation).hides_all(listing.kinds());
            asked.region = name::region(&place);
            let mut fault = Fault::of_ours("unreachable", message);
            fault.code = code;
            self.found.note(&asked, None, fault);
        }
        let items = listing::items(page, listing.source);
        let items = items.into_iter().filter(|item| !listing.except.is_some_and(|except| except(item)));
        // An item above, where the item is within it.
        let parent = if matches!(listing.source, Source::Within(_)) { page } else { above.item };
        let closer = items.map(|item| self.item(listing, item, Above { item: parent, id: above.id }));
        wait::at_most(CLOSER_AT_ONCE, closer).await;
    }

    async fn item(self, listing: &'static Listing, item: &Value, above: Above<'_>) {
        let mut id = None;
        if let Some(record) = listing.record {
            match self.resource(listing, record, item, above).await {
                Some(resource) => {
                    id = Some(resource.id.clone());
                    self.found.take(resource);
                }
                None => {
                    let fault = Fault::unreadable("an item of the list does not say who it is");
                    self.found.note(&self.asked(listing.operation).hides_all(listing.kinds()), None, fault);
                }
            }
        }
        let id = id.as_deref().or(above.id);
        wait::all(listing.below.iter().map(|below| self.list(below, Above { item, id }))).await;
    }

    async fn resource(
        self,
        listing: &'static Listing,
        record: &'static Record,
        item: &Value,
        above: Above<'_>,
    ) -> Option<Resource> {
        let mut resource = record.read(item, self.project, above.item)?;
        self.common.complete(&mut resource).await;
        if let Some((kind, id)) = listing.parent.zip(above.id) {
            resource.relate(kind, id);
        }
        for detail in listing.details {
            let answer = match address(detail.address, self.project, item, above.item) {
                Some(address) => self.client.read::<Value>(http::get(address)).await,
                None => Err(Fault::unreadable("the resource does not say who it is")),
            };
            self.found.read(&mut resource, &self.asked(detail.operation), detail.names, answer, detail.put);
        }
        Some(resource)
    }
}

fn about(mut fault: Fault, id: Option<&str>) -> Fault {
    if let Some(id) = id {
        fault.message = format!("{id}: {}", fault.message);
    }
    fault
}
