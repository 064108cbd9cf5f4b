//! Which subscriptions there are. Each is a resource, too.

use serde_json::Value;
use troupe_cloud::{Asked, Client, Fault, each_page};
use troupe_estate::{GLOBAL, Provider, Resource};
use troupe_sdk::wait;

use super::Look;
use crate::arm::{self, Page, SUBSCRIPTIONS_API};
use crate::input::Source;
use crate::kinds::{Kind, at, kinds};

/// The type of a subscription.
pub const KIND: &str = "azure.microsoft.resources/subscriptions";

/// The ids of those that are planned, or of all that the credential sees; takes each as a resource.
///
/// What is named is looked at even where it cannot be asked for by itself: a credential may be allowed to read a
/// resource group and no more.
pub(super) async fn all(look: &Look<'_>) -> Vec<String> {
    let named = &look.plan.subscriptions;
    if named.is_empty() {
        listed(look).await
    } else {
        wait::all(named.iter().map(|id| one(look, id))).await;
        named.clone()
    }
}

/// Takes each subscription that the credential sees: its id, and what Resource Manager tells of it.
///
/// # Errors
///
/// The fault after which there may be more.
pub async fn each(client: &Client, mut take: impl FnMut(&str, &Value)) -> Result<(), Fault> {
    each_page(client, arm::get("/subscriptions", SUBSCRIPTIONS_API), async |page: Page| {
        let next = page.next();
        for row in &page.value {
            if let Some(id) = row.get("subscriptionId").and_then(Value::as_str) {
                take(id, row);
            }
        }
        next
    })
    .await
}

async fn listed(look: &Look<'_>) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    let listed = each(&look.client, |id, row| {
        ids.push(id.to_owned());
        look.take(resource(id, row));
    });
    if let Err(fault) = listed.await {
        // What is in a subscription that nobody names is not seen.
        let all = kinds().iter().filter(|kind| look.plan.tells(kind));
        let asked = Asked::new(Provider::Azure, "microsoft.resources", GLOBAL, "subscriptions").hides(KIND);
        look.note(&asked.hides_all(all.map(Kind::estate)), fault);
    }
    ids.sort_unstable();
    ids.dedup();
    ids
}

async fn one(look: &Look<'_>, id: &str) {
    match look.client.read::<Value>(arm::get(&format!("/subscriptions/{id}"), SUBSCRIPTIONS_API)).await {
        Ok(row) => look.take(resource(id, &row)),
        Err(fault) => {
            let asked = Asked::new(Provider::Azure, "microsoft.resources", GLOBAL, "subscriptions");
            let asked = asked.account(Some(id.to_owned()));
            if look.plan.source == Source::ResourceManager {
                return look.found.note(&asked, Some(&format!("/subscriptions/{id}")), fault);
            }
            // Resource Graph leaves out what the credential may not see, and says nothing of it.
            let all = kinds().iter().filter(|kind| look.plan.tells(kind) && kind.table().is_some());
            look.note(&asked.hides(KIND).hides_all(all.map(Kind::estate)), fault);
        }
    }
}

fn resource(id: &str, row: &Value) -> Resource {
    let text = |place: &str| row.pointer(place).and_then(Value::as_str);
    let tags = row.get("tags").and_then(Value::as_object).into_iter().flatten();
    let resource =
        Resource::new(KIND, GLOBAL, text("/id").map_or_else(|| format!("/subscriptions/{id}"), str::to_owned))
            .account(Some(id.to_owned()))
            .tags(tags.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))))
            .with("state", text("/state"))
            .with("tenant", text("/tenantId"))
            .with("offer", text("/subscriptionPolicies/quotaId"))
            .with("spending_limit", text("/subscriptionPolicies/spendingLimit"))
            .with("managed_by", at(row, "/managedByTenants/*/tenantId"));
    match text("/displayName") {
        Some(name) => resource.name(name),
        None => resource,
    }
}
