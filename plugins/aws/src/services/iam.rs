//! IAM: users, groups, roles, their rights and the account's own policies and settings. IAM has no regions.

mod details;
mod password_policy;
mod roles;
mod summary;
mod users;

use percent_encoding::percent_decode_str;
use serde_json::Value;
use troupe_sdk::wait;

use crate::client::Fault;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::query::{Api, Paging};
use crate::protocol::xml::Element;
use crate::services::Scope;

/// Looks at users, groups, roles, policies and what holds for the account.
pub async fn collect(scope: Scope<'_>) -> Found {
    let api =
        Api { client: scope.client, endpoint: scope.partition.iam(), version: "2010-05-08", paging: Paging::TRUNCATED };
    let people = wait::both(users::collect(api), roles::collect(api));
    let account = wait::both(summary::collect(scope, api), password_policy::collect(api));
    let ((users, roles), (details, (summary, passwords))) =
        wait::both(people, wait::both(details::collect(api), account)).await;
    details.put_into([users, roles, summary, passwords])
}

/// What IAM answers where there is no such thing.
const ABSENT: &str = "NoSuchEntity";

/// Reads a policy, which IAM escapes as if it stood in an address.
fn document(text: &str) -> Option<Value> {
    let text = percent_decode_str(text).decode_utf8().ok()?;
    serde_json::from_str(&text).ok()
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
