//! Organizations: the organisation that the account is in, and its accounts.
//!
//! The management account, and one that it delegated this to, may list the accounts; any other
//! account knows of the organisation alone, and the list is denied to it. Whom to write to
//! about an account is left out.

use serde_json::{Value, json};

use crate::found::Found;
use crate::model::{GLOBAL, Resource};
use crate::protocol::json::{Api, Item, Paging};
use crate::services::{Scope, each, told};

const SERVICE: &str = "organizations";
const ORGANIZATION: (&str, &str) = (SERVICE, "DescribeOrganization");
const ACCOUNTS: (&str, &str) = (SERVICE, "ListAccounts");
const TAGS: (&str, &str) = (SERVICE, "ListTagsForResource");

/// What the service says to an account that is in no organisation.
const ALONE: &str = "AWSOrganizationsNotInUseException";

/// Asks for the organisation, and for its accounts if there is one.
pub async fn collect(scope: Scope<'_>) -> Found {
    let endpoint = scope.partition.organizations();
    let target = "AWSOrganizationsV20161128";
    let api = Api { client: scope.client, endpoint, target, version: "1.1" };
    let mut found = Found::default();
    let answer = api.ask::<Value>(ORGANIZATION.1, json!({})).await;
    if answer.as_ref().is_err_and(|fault| fault.code == ALONE) {
        return found;
    }
    match answer.as_ref().map_err(Clone::clone).and_then(Item::new) {
        Ok(answer) => found.resources.extend(organization(answer.at("Organization"))),
        Err(fault) => found.note_hiding(ORGANIZATION, GLOBAL, None, &["aws.organizations.organization"], fault),
    }
    let mut listed = Vec::new();
    let read = |page: Item<'_>| listed.extend(page.list("Accounts").filter_map(account));
    if let Err(fault) = api.pages(ACCOUNTS.1, json!({}), Paging::UPPER_NEXT_TOKEN, read).await {
        found.note_hiding(ACCOUNTS, GLOBAL, None, &["aws.organizations.account"], fault);
    }
    each(found, listed, |account| tag(api, account)).await
}

fn organization(item: Item<'_>) -> Option<Resource> {
    let id = item.text("Id")?;
    let resource = Resource::new("aws.organizations.organization", GLOBAL, id)
        .arn(item.text("Arn").map(str::to_owned))
        .with("feature_set", item.text("FeatureSet"))
        .to("management-account", item.text("MasterAccountId"));
    Some(resource)
}

fn account(item: Item<'_>) -> Option<Resource> {
    let id = item.text("Id")?;
    let mut resource = Resource::new("aws.organizations.account", GLOBAL, id)
        .arn(item.text("Arn").map(str::to_owned))
        .created(item.time("JoinedTimestamp"))
        .with("state", item.text("State").or(item.text("Status")))
        .with("joined", item.text("JoinedMethod"));
    resource.name = item.text("Name").map(str::to_owned);
    Some(resource)
}

async fn tag(api: Api<'_>, mut account: Resource) -> Found {
    let mut found = Found::default();
    let answer = api.ask::<Value>(TAGS.1, json!({ "ResourceId": account.id })).await;
    told(&mut found, &mut account, TAGS, &["tags"], &answer, |account, answer| {
        account.tags.extend(answer.tags("Tags"));
    });
    found.resources.push(account);
    found
}
