//! STS: whose account it is.

use std::time::Duration;

use troupe_sdk::time;

use crate::client::{Client, Fault};
use crate::endpoint::{Partition, regional};
use crate::found::Found;
use crate::protocol::query::{Api, Paging, result};
use crate::protocol::xml;
use crate::services::Identity;

const OPERATION: &str = "GetCallerIdentity";

/// Longest that one region is asked: one that is silent must not hold up what waits for this.
const REGION_TIME_MAX: Duration = Duration::from_secs(20);

/// Asks whose account it is, in one region after the other until one answers: one that is
/// not enabled for the account denies, and the first of the partition is enabled for every
/// account. Each gets its part of the time.
pub async fn identity(regions: &[String], time: Duration) -> (Identity, Found) {
    let first = regions.first().and_then(|region| Partition::of(region).ok()).map(Partition::first_region);
    let first = first.filter(|first| regions.iter().all(|region| region != first));
    let places: Vec<&str> = regions.iter().map(String::as_str).chain(first).collect();
    let part = (time / u32::try_from(places.len()).unwrap_or(u32::MAX).max(1)).min(REGION_TIME_MAX);
    let mut found = Found::default();
    for region in places {
        match ask(&Client::new(time::now() + part), region).await {
            Ok(identity) => return (identity, Found::default()),
            Err(fault) => found.note(("sts", OPERATION), region, None, fault),
        }
    }
    (Identity::default(), found)
}

async fn ask(client: &Client, region: &str) -> Result<Identity, Fault> {
    let endpoint = regional("sts", region);
    let api = Api { client, endpoint: &endpoint, version: "2011-06-15", paging: Paging::TRUNCATED };
    let text = api.ask(OPERATION, &[]).await?;
    let document = xml::parse(&text)?;
    let result = result(xml::root(&document), OPERATION);
    let text = |name| result.text(name).map(str::to_owned);
    Ok(Identity { account: text("Account"), caller: text("Arn"), region: Some(region.to_owned()) })
}
