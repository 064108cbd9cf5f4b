//! EC2: machines, disks and networks of one region. Each kind is one list.

mod addresses;
mod flow_logs;
mod images;
mod instance_types;
mod instances;
mod internet_gateways;
mod launch_templates;
mod nat_gateways;
mod network_acls;
mod peerings;
mod regions;
mod route_tables;
mod security_groups;
mod settings;
mod snapshots;
mod subnets;
mod transit_gateways;
mod volumes;
mod vpc_endpoints;
mod vpcs;

use troupe_sdk::wait;

pub use instance_types::{MachineSize, machine_sizes};
pub use regions::regions;

use crate::client::Fault;
use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::query::{Api, Paging};
use crate::protocol::xml::Element;
use crate::services::{Scope, texts};

/// The version of the API.
const VERSION: &str = "2016-11-15";

/// How many items a page holds. Without it EC2 answers with everything at once.
const PAGE: (&str, &str) = ("MaxResults", "500");

/// One kind of resource: the operation that lists it, and what its answer is read as.
struct Listing {
    operation: &'static str,
    parameters: &'static [(&'static str, &'static str)],
    /// The list in the answer.
    set: &'static str,
    /// Reads one item of the list; none if it is not the account's.
    read: fn(&Scope<'_>, Element<'_>) -> Vec<Resource>,
}

const LISTINGS: [&Listing; 16] = [
    &instances::LISTING,
    &volumes::LISTING,
    &snapshots::LISTING,
    &addresses::LISTING,
    &images::LISTING,
    &security_groups::LISTING,
    &vpcs::LISTING,
    &subnets::LISTING,
    &nat_gateways::LISTING,
    &flow_logs::LISTING,
    &network_acls::LISTING,
    &route_tables::LISTING,
    &internet_gateways::LISTING,
    &vpc_endpoints::LISTING,
    &peerings::LISTING,
    &transit_gateways::LISTING,
];

/// Lists every kind.
pub async fn collect(scope: Scope<'_>) -> Found {
    let others = wait::both(launch_templates::collect(scope), settings::collect(scope));
    let (listed, (templates, settings)) = wait::both(collect_some(scope, |_| true), others).await;
    Found::all([listed, templates, settings])
}

/// Lists the kinds whose operation is wanted.
pub async fn collect_some(scope: Scope<'_>, wanted: impl Fn(&str) -> bool) -> Found {
    let listings = LISTINGS.iter().filter(|listing| wanted(listing.operation));
    Found::all(wait::all(listings.map(|listing| list(scope, listing))).await)
}

const fn api<'a>(scope: Scope<'a>, endpoint: &'a str) -> Api<'a> {
    Api { client: scope.client, endpoint, version: VERSION, paging: Paging::TOKEN }
}

async fn list(scope: Scope<'_>, listing: &Listing) -> Found {
    let endpoint = regional("ec2", scope.region);
    let api = api(scope, &endpoint);
    let (mut found, operation) = (Found::default(), ("ec2", listing.operation));
    let read = |page: Element<'_>| {
        for resource in page.list(listing.set).flat_map(|item| (listing.read)(&scope, item)) {
            if resource.attributes.contains_key(OWNER) {
                found.note(operation, scope.region, Some(&resource.id), Fault::whose());
            }
            found.resources.push(resource);
        }
        scope.hand_over(&mut found);
    };
    if let Err(fault) = api.pages(listing.operation, listing.parameters, read).await {
        found.note(operation, scope.region, None, fault);
    }
    found
}

/// The attribute that says whose a resource is, where nobody knows whether it is the
/// account's.
const OWNER: &str = "owner";

/// Begins a resource whose id stands in `field`; none if it belongs to another account.
fn resource(
    scope: &Scope<'_>,
    item: Element<'_>,
    (kind, path): (&'static str, &str),
    field: &str,
    owner: Option<&str>,
) -> Option<Resource> {
    let id = item.text(field)?;
    let resource = Resource::new(kind, scope.region, id).arn(scope.arn("ec2", &format!("{path}/{id}")));
    let doubtful = owner.filter(|_| scope.identity.account.is_none());
    scope.identity.owns(owner).then(|| resource.tags(item.tags("tagSet")).with(OWNER, doubtful))
}
