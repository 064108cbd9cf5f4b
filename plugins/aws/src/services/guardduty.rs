//! GuardDuty: the detector of one region, and what it watches.

use serde_json::{Map, Value};
use troupe_sdk::http::escape;

use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::json::{Item, Paging};
use crate::protocol::rest;
use crate::services::{Scope, each, told};

const SERVICE: &str = "guardduty";
const LIST: (&str, &str) = (SERVICE, "ListDetectors");
const DETECTOR: (&str, &str) = (SERVICE, "GetDetector");

/// Lists the detectors, of which a region has one or none, and asks about each.
pub async fn collect(scope: Scope<'_>) -> Found {
    let (mut found, mut ids) = (Found::default(), Vec::new());
    let url = format!("{}detector", regional(SERVICE, scope.region));
    let read = |page: Item<'_>| ids.extend(page.texts("detectorIds"));
    if let Err(fault) = rest::pages(scope.client, &url, &[("maxResults", "50")], Paging::NEXT_TOKEN, read).await {
        found.note(LIST, scope.region, None, fault);
    }
    each(found, ids, |id| describe(scope, format!("{url}/{}", escape(&id)), id)).await
}

async fn describe(scope: Scope<'_>, url: String, id: String) -> Found {
    let mut found = Found::default();
    let arn = scope.arn(SERVICE, &format!("detector/{id}"));
    let mut detector = Resource::new("aws.guardduty.detector", scope.region, &id).arn(arn);
    let answer = rest::get_json(scope.client, url, &[]).await;
    let tells = ["enabled", "features", "tags"];
    told(&mut found, &mut detector, DETECTOR, &tells, &answer, |detector, answer| {
        let features = answer.list("features").filter_map(|one| Some((one.text("name")?, one.text("status")?)));
        let features: Map<String, Value> =
            features.map(|(name, status)| (name.to_lowercase(), Value::from(status == "ENABLED"))).collect();
        *detector = detector
            .clone()
            .created(answer.time("createdAt"))
            .tags(answer.tags("tags"))
            .with("enabled", Some(answer.text("status") == Some("ENABLED")))
            .with("publishes", answer.text("findingPublishingFrequency"))
            .with("features", Some(features))
            .to("role", answer.text("serviceRole"));
    });
    found.resources.push(detector);
    found
}
