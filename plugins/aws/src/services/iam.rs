//! IAM: users, roles and the account's summary. IAM has no regions.

mod roles;
mod summary;
mod users;

use troupe_sdk::wait;

use crate::client::Fault;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::query::{Api, Paging};
use crate::protocol::xml::Element;
use crate::services::Scope;

/// Looks at users, roles and the summary.
pub async fn collect(scope: Scope<'_>) -> Found {
    let api =
        Api { client: scope.client, endpoint: scope.partition.iam(), version: "2010-05-08", paging: Paging::TRUNCATED };
    let people = wait::both(users::collect(api), roles::collect(api));
    let ((users, roles), summary) = wait::both(people, summary::collect(scope, api)).await;
    Found::all([users, roles, summary])
}

/// Lists what there is, page by page, each item read as a resource; what was read before an
/// error stays. Pages have the 100 items that IAM gives unasked: each item costs requests of
/// its own, so fewer pages would save nothing.
async fn list(
    api: Api<'_>,
    operation: &str,
    set: &str,
    read: fn(Element<'_>) -> Option<Resource>,
) -> (Vec<Resource>, Result<(), Fault>) {
    let mut resources = Vec::new();
    let listed = api.pages(operation, &[], |page| resources.extend(page.list(set).filter_map(read))).await;
    (resources, listed)
}
