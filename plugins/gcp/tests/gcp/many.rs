//! More than fits into an output.

use serde_json::{Value, json};
use troupe_estate::Resource;
use troupe_estate::collect::{lines, merge};
use troupe_sdk::test::Answer;

use crate::cloud::{cloud, inventory};

const PAGE: usize = 1_000;
const MANY: usize = 20_000;

#[test]
fn more_than_fits_into_an_output_goes_into_artefacts_whole() {
    let host = cloud(|asked| {
        asked.path.ends_with("/subscriptions").then(|| {
            let first: usize = asked.query("pageToken").map_or(0, |token| token.parse().unwrap());
            // Backwards, so that what is told in order was put into it.
            let items: Vec<Value> = (first..first + PAGE)
                .map(|number| {
                    let name = format!("projects/acme-prod/subscriptions/s{:05}", MANY - number);
                    json!({ "name": name, "topic": "projects/acme-prod/topics/t", "ackDeadlineSeconds": 10 })
                })
                .collect();
            let next = (first + PAGE < MANY).then(|| (first + PAGE).to_string());
            Answer::json(200, json!({ "subscriptions": items, "nextPageToken": next }))
        })
    });
    let told = inventory(json!({ "services": ["pubsub"] }));
    assert_eq!((&told["resources"], &told["errors"]), (&json!([]), &json!([])));
    assert_eq!(told["counts"], json!({ "gcp.pubsub.googleapis.com/Subscription": MANY }));
    let left = host.artifacts();
    assert_eq!(told["parts"].as_array().unwrap().len(), left.len());
    let parts = left.iter().map(|part| lines::<Resource, _>(part.bytes.as_slice()));
    let ids: Vec<String> = merge(parts).map(|one| one.unwrap().id).collect();
    assert_eq!((ids.len(), ids.is_sorted()), (MANY, true));
}
