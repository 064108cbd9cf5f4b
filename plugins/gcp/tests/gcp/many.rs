//! More than fits into an output.

use serde_json::{Value, json};
use troupe_estate::Resource;
use troupe_estate::collect::{lines, merge};
use troupe_sdk::test::Answer;

use crate::cloud::{cloud, error, inventory};

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

#[test]
fn projects_are_taken_a_few_at_a_time_and_what_is_the_same_in_all_of_them_is_one_row() {
    const PROJECTS: usize = 120;
    let host = cloud(|asked| {
        if asked.path.ends_with("/topics") {
            return Some(error(403, "PERMISSION_DENIED", Some("SERVICE_DISABLED"), "it is off"));
        }
        let next = asked.query("pageToken").is_none().then_some("2");
        asked.path.ends_with("/subscriptions").then(|| Answer::json(200, json!({ "nextPageToken": next })))
    });
    let projects: Vec<String> = (0..PROJECTS).map(|number| format!("project-{number:03}")).collect();
    let told = inventory(json!({ "projects": projects, "services": ["pubsub"] }));
    let place = |what: &str| host.sent().iter().position(|sent| sent.url.contains(what)).unwrap();
    let first_of_last = place("project-119/subscriptions");
    let sent = host.sent();
    let second_of_first =
        sent.iter().position(|one| one.url.contains("project-000/subscriptions") && one.url.contains("pageToken"));
    assert!(second_of_first.unwrap() < first_of_last, "the first project is done before the last is begun");
    let off: Vec<&Value> =
        told["errors"].as_array().unwrap().iter().filter(|row| row["hides"].to_string().contains("Topic")).collect();
    assert_eq!((off.len(), &off[0]["count"], &off[0]["account"]), (1, &json!(PROJECTS), &json!(null)));
    assert!(off[0]["message"].as_str().unwrap().contains("project-004 and 115 others"), "{}", off[0]);
}
