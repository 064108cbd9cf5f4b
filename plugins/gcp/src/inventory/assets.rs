//! Finding resources by Cloud Asset Inventory.
//!
//! It hands out the objects that the services would, a thousand of any types a request. Those of types that have a
//! [`Record`] are told as a service's own; of the others, as many as are found are told by name and place.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::Value;
use troupe_estate::{GLOBAL, Resource, time};
use troupe_sdk::wait;

use super::{Scope, service_of};
use crate::address::address;
use crate::ask::asked;
use crate::input::Plan;
use crate::listing;
use crate::name;
use crate::record::{Record, path};
use crate::services::Service;

const LIST: &str = "https://cloudasset.googleapis.com/v1/projects/{project}/assets?contentType=RESOURCE&pageSize=1000";

/// Tells every asset of a project; asks each service, where Cloud Asset may not be asked.
pub async fn collect<'a>(plan: &Plan, scope: impl Fn(Service) -> Scope<'a>) {
    let Scope { client, found, project, common, .. } = scope(Service::Project);
    let records: BTreeMap<&'static str, &'static Record> = plan
        .services
        .iter()
        .flat_map(|service| service.records())
        .flat_map(|record| record.kinds().map(move |kind| (kind, record)))
        .collect();
    let Some(mut address) = address(LIST, project, &Value::Null, &Value::Null) else { return };
    if !plan.everything {
        for kind in records.keys().filter_map(|kind| kind.strip_prefix("gcp.")) {
            address = format!("{address}&assetTypes={kind}");
        }
    }
    let any = Cell::new(false);
    let listed = listing::pages(client, &address, async |page: &Value| {
        any.set(true);
        for asset in path::all(page, "/assets/*") {
            if let Some(mut resource) = told(asset, project, &records) {
                common.complete(&mut resource).await;
                found.take(resource);
            }
        }
    });
    let Err(fault) = listed.await else { return };
    let asked = asked("cloudasset.googleapis.com", "cloudasset.assets.list", Some(project), GLOBAL);
    if any.get() {
        // What came before is told; anything may be missing.
        return found.note(&asked.hides_all(records.into_keys()), None, fault);
    }
    found.note(&asked, None, fault);
    wait::all(plan.services.iter().map(|service| service_of(*service, scope(*service)))).await;
}

fn told(asset: &Value, project: &str, records: &BTreeMap<&str, &'static Record>) -> Option<Resource> {
    let (name, kind) = (path::text(asset, "/name")?, path::text(asset, "/assetType")?);
    let kind = format!("gcp.{kind}");
    let data = path::one(asset, "/resource/data");
    let known = records.get(kind.as_str()).zip(data);
    if let Some(resource) = known.and_then(|(record, data)| record.read(data, project, &Value::Null)) {
        return Some(resource);
    }
    let location = path::text(asset, "/resource/location");
    let region = location.map_or_else(|| GLOBAL.to_owned(), name::region);
    let called = data.and_then(|data| path::text(data, "/name")).map_or_else(|| name::last(name), name::last);
    let labels = data.and_then(|data| path::one(data, "/labels")).and_then(Value::as_object);
    let labels =
        labels.into_iter().flatten().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    let created =
        ["/createTime", "/creationTimestamp"].iter().find_map(|path| path::text(data?, path)).and_then(time::at);
    let mut resource =
        Resource::new(kind, &region, name).name(called).account(Some(project.to_owned())).created(created);
    resource.tags = labels.collect();
    Some(resource)
}
