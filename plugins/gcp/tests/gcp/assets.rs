//! Finding by Cloud Asset Inventory: the same resources, and more types.

use serde_json::{Value, json};
use troupe_sdk::test::Answer;

use crate::cloud::{Asked, cloud, error, found, inventory, resource};

fn disk() -> Value {
    json!({ "name": "d", "selfLink": "https://www.googleapis.com/compute/v1/projects/acme-prod/zones/us-east1-b/disks/d", "sizeGb": "10" })
}

fn is_list(asked: &Asked) -> bool {
    asked.service == "cloudasset" && asked.query("contentType") == Some("RESOURCE")
}

#[test]
fn a_resource_is_the_same_whichever_way_it_is_found() {
    let by_service = {
        let page = json!({ "items": { "zones/us-east1-b": { "disks": [disk()] } } });
        let _host =
            cloud(move |asked| asked.path.ends_with("/aggregated/disks").then(|| Answer::json(200, page.clone())));
        inventory(json!({ "services": ["compute"] }))
    };
    let page = json!({ "assets": [
        { "name": "//compute.googleapis.com/projects/acme-prod/zones/us-east1-b/disks/d", "assetType": "compute.googleapis.com/Disk",
          "resource": { "data": disk(), "location": "us-east1-b" } },
    ] });
    let host = cloud(move |asked| is_list(asked).then(|| Answer::json(200, page.clone())));
    let by_assets = inventory(json!({ "services": ["compute"], "via": "assets" }));
    assert_eq!(by_assets["resources"], by_service["resources"]);
    assert_eq!((by_assets["errors"].clone(), host.sent().len()), (json!([]), 1));
    assert!(host.sent()[0].url.contains("&assetTypes=compute.googleapis.com/Disk&"), "{}", host.sent()[0].url);
}

#[test]
fn types_that_nothing_more_is_known_of_are_told_by_name_and_place() {
    let page = json!({ "assets": [
        { "name": "//workflows.googleapis.com/projects/acme-prod/locations/us-east1/workflows/w", "assetType": "workflows.googleapis.com/Workflow",
          "resource": { "location": "us-east1", "data": { "name": "projects/acme-prod/locations/us-east1/workflows/w",
            "labels": { "team": "web" }, "createTime": "2025-03-04T05:06:07.8Z" } } },
        { "name": "//compute.googleapis.com/projects/acme-prod/global/licenses/l", "assetType": "compute.googleapis.com/License" },
    ], "nextPageToken": "" });
    let _host = cloud(move |asked| is_list(asked).then(|| Answer::json(200, page.clone())));
    let all = inventory(json!({ "via": "assets" }));
    let workflow = resource(&all, "//workflows.googleapis.com/projects/acme-prod/locations/us-east1/workflows/w");
    assert_eq!(
        (&workflow["class"], &workflow["region"], &workflow["name"], &workflow["tags"], &workflow["created"]),
        (
            &json!("integration.workflow"),
            &json!("us-east1"),
            &json!("w"),
            &json!({ "team": "web" }),
            &json!("2025-03-04T05:06:08Z")
        )
    );
    let license = resource(&all, "//compute.googleapis.com/projects/acme-prod/global/licenses/l");
    assert_eq!((&license["class"], &license["region"]), (&json!("other"), &json!("global")));
}

#[test]
fn where_cloud_asset_may_not_be_asked_each_service_is() {
    let _host = cloud(|asked| match (asked.service.as_str(), asked.path.as_str()) {
        ("cloudasset", _) => Some(error(403, "PERMISSION_DENIED", None, "no")),
        (_, "/v1/projects/acme-prod/topics") => {
            Some(Answer::json(200, json!({ "topics": [{ "name": "projects/acme-prod/topics/t" }] })))
        }
        _ => None,
    });
    let all = inventory(json!({ "services": ["pubsub"], "via": "assets" }));
    assert_eq!(found(&all).len(), 1);
    let [error] = all["errors"].as_array().unwrap().as_slice() else { panic!("{all:#}") };
    assert_eq!((&error["service"], error.get("hides")), (&json!("cloudasset.googleapis.com"), None));
}

#[test]
fn a_list_of_assets_that_breaks_off_hides_every_type_and_asks_nobody_twice() {
    let page = json!({ "assets": [
        { "name": "//compute.googleapis.com/projects/acme-prod/zones/us-east1-b/disks/d", "assetType": "compute.googleapis.com/Disk",
          "resource": { "data": disk() } }], "nextPageToken": "two" });
    let host = cloud(move |asked| {
        is_list(asked).then(|| match asked.query("pageToken") {
            None => Answer::json(200, page.clone()),
            Some(_) => error(400, "INVALID_ARGUMENT", None, "old"),
        })
    });
    let all = inventory(json!({ "services": ["compute"], "via": "assets" }));
    assert_eq!((found(&all).len(), host.sent().len()), (1, 2));
    let hides = all["errors"][0]["hides"].as_array().unwrap();
    assert!(hides.contains(&json!("gcp.compute.googleapis.com/Instance")) && hides.len() > 30, "{hides:?}");
}
