//! Making a resource of the object that Azure tells.

use serde_json::Value;
use troupe_estate::{GLOBAL, Resource, time};

use crate::arm::{group_id_of, group_of, region, subscription_of};
use crate::kinds::{Kind, Spec, at, texts};

/// Makes a resource; none if the object has no id.
pub fn of(kind: &Kind, row: &Value, subscription: Option<&str>) -> Option<Resource> {
    let text = |place: &str| row.pointer(place).and_then(Value::as_str).filter(|text| !text.is_empty());
    let id = text("/id")?;
    let region = text("/location").map_or_else(|| GLOBAL.to_owned(), region);
    let account = subscription_of(id).or(subscription).or_else(|| text("/subscriptionId"));
    let tags = row.get("tags").and_then(Value::as_object).into_iter().flatten();
    let tags =
        tags.map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    let name = kind.name_at.as_deref().and_then(text).or_else(|| text("/name"));
    let created = kind.created.as_deref().and_then(text).or_else(|| text("/systemData/createdAt"));
    let mut resource = Resource::new(kind.estate(), &region, id)
        .account(account.map(str::to_owned))
        .name(name.unwrap_or_else(|| id.rsplit('/').next().unwrap_or(id)))
        .tags(tags)
        .created(created.and_then(made))
        .with("resource_group", group_of(id))
        .with("sku", at(row, "/sku"))
        .with("kind", text("/kind"))
        .with("zones", at(row, "/zones"))
        .with("identity", text("/identity/type"))
        .with("identity_principal", text("/identity/principalId"))
        .with("provisioning_state", text("/properties/provisioningState"))
        .to("resource-group", group_id_of(id));
    let identities = row.pointer("/identity/userAssignedIdentities").and_then(Value::as_object);
    for identity in identities.into_iter().flatten().map(|(id, _)| id) {
        resource.relate("identity", identity);
    }
    put(&mut resource, kind.settings.iter().chain(&kind.state), row);
    for (relation, places) in &kind.relations {
        for target in places.iter().flat_map(|place| texts(row, place)) {
            resource.relate(relation.clone(), target);
        }
    }
    Some(resource)
}

/// A time in the one form. Some services leave out that theirs is UTC.
fn made(text: &str) -> Option<String> {
    time::at(text).or_else(|| time::at(&format!("{text}Z")))
}

/// Puts attributes into a resource, as far as Azure tells them.
pub fn put<'a>(resource: &mut Resource, specs: impl IntoIterator<Item = (&'a String, &'a Spec)>, told: &Value) {
    for (name, spec) in specs {
        if let Some(value) = spec.make(told) {
            resource.set(name, value);
        }
    }
}
