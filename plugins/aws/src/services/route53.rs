//! Route 53: the account's hosted zones, which have no regions. It bears five requests a second,
//! so what can be asked of many zones at once is.

use std::collections::BTreeMap;

use troupe_sdk::http::escape;
use troupe_sdk::wait;

use crate::client::Fault;
use crate::found::Found;
use crate::model::{GLOBAL, Resource};
use crate::protocol::json::Paging;
use crate::protocol::rest;
use crate::protocol::xml::{self, Element};
use crate::services::{Scope, in_batches, last, told_xml};

const LIST: (&str, &str) = ("route53", "ListHostedZones");
const ZONE: (&str, &str) = ("route53", "GetHostedZone");
const RECORDS: (&str, &str) = ("route53", "ListResourceRecordSets");
const TAGS: (&str, &str) = ("route53", "ListTagsForResources");
const LOGGING: (&str, &str) = ("route53", "ListQueryLoggingConfigs");

/// Where all paths begin.
const VERSION: &str = "2013-04-01";
/// Of how many zones the tags may be asked at once.
const TAGGED_AT_ONCE: usize = 10;

/// Lists the zones and asks about them.
pub async fn collect(scope: Scope<'_>) -> Found {
    let ((mut found, mut zones), logged) = wait::both(list(scope), logged(scope)).await;
    for zone in &mut zones {
        if zone.attributes.get("private").is_none_or(|private| private == false) {
            let group = logged.as_ref().map(|logged| logged.get(&zone.id)).map_err(Clone::clone);
            found.read(zone, LOGGING, &["query_logs"], group, |zone, group| {
                zone.set("query_logs", group.is_some());
                group.into_iter().for_each(|arn| zone.relate("log-group", arn.as_str()));
            });
        }
    }
    let zones = wait::all(zones.into_iter().map(|zone| networks(scope, zone))).await;
    in_batches(Found::all(std::iter::once(found).chain(zones)), TAGGED_AT_ONCE, |batch| tag(scope, batch)).await
}

async fn list(scope: Scope<'_>) -> (Found, Vec<Resource>) {
    let (mut found, mut zones) = (Found::default(), Vec::new());
    let paging = Paging { take: "NextMarker", give: "marker" };
    let read = |page: Element<'_>| zones.extend(page.list("HostedZones").filter_map(|item| zone(&scope, item)));
    if let Err(fault) =
        rest::xml_pages(scope.client, &url(scope, "hostedzone"), &[("maxitems", "100")], paging, read).await
    {
        found.note(LIST, GLOBAL, None, fault);
    }
    (found, zones)
}

fn url(scope: Scope<'_>, path: &str) -> String {
    format!("{}{VERSION}/{path}", scope.partition.route53())
}

fn zone(scope: &Scope<'_>, item: Element<'_>) -> Option<Resource> {
    let id = last(item.text("Id")?, '/');
    let resource = Resource::new("aws.route53.hosted-zone", GLOBAL, id)
        .name(item.text("Name")?.trim_end_matches('.'))
        .arn(Some(format!("arn:{}:route53:::hostedzone/{id}", scope.partition.name())))
        .with("private", item.truth("Config/PrivateZone"))
        .with("records", item.number("ResourceRecordSetCount"))
        .with("comment", item.verbatim("Config/Comment"))
        .with("owner_service", item.text("LinkedService/ServicePrincipal"));
    Some(resource)
}

/// The log groups that queries are logged to, by zone.
async fn logged(scope: Scope<'_>) -> Result<BTreeMap<String, String>, Fault> {
    let mut logged = BTreeMap::new();
    let paging = Paging { take: "NextToken", give: "nexttoken" };
    let read = |page: Element<'_>| {
        logged.extend(page.list("QueryLoggingConfigs").filter_map(|one| {
            Some((one.text("HostedZoneId")?.to_owned(), one.text("CloudWatchLogsLogGroupArn")?.to_owned()))
        }));
    };
    let url = url(scope, "queryloggingconfig");
    rest::xml_pages(scope.client, &url, &[("maxresults", "100")], paging, read).await?;
    Ok(logged)
}

/// What a name leads to.
#[derive(Debug)]
pub struct Record {
    /// The id of the zone.
    pub zone: String,
    /// Whether the zone answers in networks of its own alone.
    pub private: bool,
    /// The name.
    pub name: String,
    /// `A`, `AAAA` or `CNAME`.
    pub kind: String,
    /// Addresses and names.
    pub targets: Vec<String>,
}

/// Lists the records of every zone that lead somewhere: to an address, or to another name.
pub async fn records(scope: Scope<'_>) -> (Vec<Record>, Found) {
    let (mut found, zones) = list(scope).await;
    let asked = wait::all(zones.iter().map(|zone| records_of(scope, zone))).await;
    let mut records = Vec::new();
    for (zone, (of_zone, listed)) in zones.iter().zip(asked) {
        records.extend(of_zone);
        if let Err(fault) = listed {
            found.note(RECORDS, GLOBAL, Some(&zone.id), fault);
        }
    }
    (records, found)
}

async fn records_of(scope: Scope<'_>, zone: &Resource) -> (Vec<Record>, Result<(), Fault>) {
    let private = zone.attributes.get("private").is_some_and(|private| private == true);
    let mut records = Vec::new();
    let each = |page: Element<'_>| {
        records.extend(page.list("ResourceRecordSets").filter_map(|set| {
            let kind = set.text("Type").filter(|kind| ["A", "AAAA", "CNAME"].contains(kind))?;
            let alias = set.text("AliasTarget/DNSName").map(str::to_owned);
            let targets = alias.into_iter().chain(set.texts("ResourceRecords", "Value")).collect();
            // A star is written by its number.
            let name = set.text("Name")?.trim_end_matches('.').replace("\\052", "*");
            Some(Record { zone: zone.id.clone(), private, name, kind: kind.to_owned(), targets })
        }));
    };
    let listed = record_pages(scope, &zone.id, each).await;
    (records, listed)
}

/// Reads the pages of a zone's records: the next one is asked by three values.
async fn record_pages(scope: Scope<'_>, zone: &str, mut each: impl FnMut(Element<'_>)) -> Result<(), Fault> {
    const NEXT: [(&str, &str); 3] =
        [("name", "NextRecordName"), ("type", "NextRecordType"), ("identifier", "NextRecordIdentifier")];
    let url = url(scope, &format!("hostedzone/{}/rrset", escape(zone)));
    let mut next: Vec<(&str, String)> = Vec::new();
    loop {
        let query: Vec<(&str, &str)> =
            [("maxitems", "300")].into_iter().chain(next.iter().map(|(name, value)| (*name, value.as_str()))).collect();
        let text = rest::get(scope.client, url.clone(), &query).await?;
        let document = xml::parse(&text)?;
        let page = xml::root(&document);
        each(page);
        if page.truth("IsTruncated") != Some(true) {
            return Ok(());
        }
        let after: Vec<(&str, String)> =
            NEXT.iter().filter_map(|(give, take)| Some((*give, page.text(take)?.to_owned()))).collect();
        if after == next {
            return Err(Fault::unreadable("the service goes on to the page it just gave"));
        }
        next = after;
    }
}

/// Asks which networks a private zone answers in.
async fn networks(scope: Scope<'_>, mut zone: Resource) -> Found {
    let mut found = Found::default();
    if zone.attributes.get("private").is_some_and(|private| private == true) {
        let answer = rest::get(scope.client, url(scope, &format!("hostedzone/{}", escape(&zone.id))), &[]).await;
        told_xml(&mut found, &mut zone, ZONE, &["vpcs"], &answer, |zone, answer| {
            let vpcs: Vec<String> = answer.texts("VPCs", "VPCId").collect();
            vpcs.iter().for_each(|id| zone.relate("vpc", id.as_str()));
            zone.set("vpcs", vpcs);
        });
    }
    found.resources.push(zone);
    found
}

async fn tag(scope: Scope<'_>, mut batch: Vec<Resource>) -> Found {
    let mut found = Found::default();
    // Ids are letters and digits, so nothing in them needs an escape.
    let ids = batch.iter().map(|zone| zone.id.as_str()).filter(|id| id.chars().all(|c| c.is_ascii_alphanumeric()));
    let ids: String = ids.map(|id| format!("<ResourceId>{id}</ResourceId>")).collect();
    let input = format!(
        "<ListTagsForResourcesRequest xmlns=\"https://route53.amazonaws.com/doc/{VERSION}/\"><ResourceIds>{ids}\
         </ResourceIds></ListTagsForResourcesRequest>"
    );
    let answer = rest::post_xml(scope.client, &url(scope, "tags/hostedzone"), &input).await;
    let document = answer.as_deref().map_err(Clone::clone).and_then(xml::parse);
    for zone in &mut batch {
        let document = document.as_ref().map_err(Clone::clone);
        found.read(zone, TAGS, &["tags"], document, |zone, document| {
            let sets = xml::root(document).list("ResourceTagSets");
            let id = zone.id.clone();
            for set in sets.filter(|set| set.text("ResourceId") == Some(&id)) {
                zone.tags.extend(set.tags("Tags"));
            }
        });
    }
    found.resources = batch;
    found
}
