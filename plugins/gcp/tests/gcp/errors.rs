//! What goes wrong stands beside what was found, and says what it means.

use std::time::Duration;

use serde_json::{Value, json};
use troupe_sdk::http::HttpError;
use troupe_sdk::test::{Answer, Host};
use troupe_sdk::{Failure, time};

use crate::cloud::{PROJECT, cloud, error, found, inventory, refusal};

const TOPICS: &str = "/v1/projects/acme-prod/topics";
const TOPIC: &str = "//pubsub.googleapis.com/projects/acme-prod/topics/seen";

fn topic() -> Answer {
    Answer::json(200, json!({ "topics": [{ "name": "projects/acme-prod/topics/seen" }] }))
}

/// The one error of a project whose subscriptions cannot be listed for this reason.
fn error_of(answer: Answer) -> Value {
    let _host = cloud(move |asked| match asked.path.as_str() {
        "/v1/projects/acme-prod/subscriptions" => Some(answer.clone()),
        TOPICS => Some(topic()),
        _ => None,
    });
    let all = inventory(json!({ "services": ["pubsub"] }));
    assert_eq!(found(&all), [("gcp.pubsub.googleapis.com/Topic".to_owned(), TOPIC.to_owned())]);
    let [error] = all["errors"].as_array().unwrap().as_slice() else { panic!("{all:#}") };
    assert_eq!(
        (&error["provider"], &error["account"], &error["service"], &error["operation"], &error["hides"]),
        (
            &json!("gcp"),
            &json!(PROJECT),
            &json!("pubsub.googleapis.com"),
            &json!("pubsub.projects.subscriptions.list"),
            &json!(["gcp.pubsub.googleapis.com/Subscription"])
        )
    );
    error.clone()
}

#[test]
fn each_error_is_taken_for_what_it_is() {
    let disabled = error(403, "PERMISSION_DENIED", Some("SERVICE_DISABLED"), "the API is off");
    let old = json!({ "error": { "code": 403, "message": "off", "errors": [{ "reason": "accessNotConfigured" }] } });
    let quota = json!({ "error": { "code": 403, "message": "slow", "errors": [{ "reason": "rateLimitExceeded" }] } });
    for (answer, kind, code) in [
        (disabled, "not_available", "SERVICE_DISABLED"),
        (Answer::json(403, old), "not_available", "accessNotConfigured"),
        (error(403, "PERMISSION_DENIED", Some("IAM_PERMISSION_DENIED"), "no"), "denied", "IAM_PERMISSION_DENIED"),
        (error(403, "PERMISSION_DENIED", None, "no"), "denied", "PERMISSION_DENIED"),
        (error(401, "UNAUTHENTICATED", Some("ACCESS_TOKEN_EXPIRED"), "old"), "denied", "ACCESS_TOKEN_EXPIRED"),
        (Answer::error(HttpError::Denied("no grant".to_owned())), "denied", "denied"),
        (error(429, "RESOURCE_EXHAUSTED", Some("RATE_LIMIT_EXCEEDED"), "slow"), "throttled", "RATE_LIMIT_EXCEEDED"),
        (Answer::json(403, quota), "throttled", "rateLimitExceeded"),
        (Answer::text(404, "<html>Not Found</html>"), "not_available", "http_404"),
        (error(500, "INTERNAL", None, "oh"), "failed", "INTERNAL"),
        (error(400, "INVALID_ARGUMENT", None, "what"), "failed", "INVALID_ARGUMENT"),
        (Answer::text(200, "not JSON"), "failed", "unreadable"),
        (Answer::error(HttpError::Unreachable("gone".to_owned())), "failed", "unreachable"),
    ] {
        let error = error_of(answer.clone());
        assert_eq!((&error["kind"], &error["code"]), (&json!(kind), &json!(code)), "{answer:?}");
    }
}

#[test]
fn a_zone_that_cannot_be_reached_is_a_row_of_its_region_and_an_empty_one_is_none() {
    let page = json!({ "items": {
        "zones/us-east1-b": { "warning": { "code": "NO_RESULTS_ON_PAGE", "message": "There are no results." } },
        "zones/us-east1-c": { "warning": { "code": "UNREACHABLE", "message": "The zone is down." } },
    } });
    let _host = cloud(move |asked| asked.path.ends_with("/aggregated/disks").then(|| Answer::json(200, page.clone())));
    let all = inventory(json!({ "services": ["compute"] }));
    let [error] = all["errors"].as_array().unwrap().as_slice() else { panic!("{all:#}") };
    assert_eq!(
        (&error["region"], &error["code"], &error["kind"], &error["hides"]),
        (
            &json!("us-east1"),
            &json!("UNREACHABLE"),
            &json!("failed"),
            &json!(["gcp.compute.googleapis.com/Disk", "gcp.compute.googleapis.com/RegionDisk"])
        )
    );
}

#[test]
fn locations_that_a_service_could_not_reach_are_rows() {
    let page = json!({ "services": [], "unreachable": ["projects/acme-prod/locations/us-west1"] });
    let _host = cloud(move |asked| (asked.service == "run").then(|| Answer::json(200, page.clone())));
    let all = inventory(json!({ "services": ["run"] }));
    let regions: Vec<&Value> = all["errors"].as_array().unwrap().iter().map(|error| &error["region"]).collect();
    assert_eq!(regions, [&json!("us-west1"), &json!("us-west1")], "services and jobs: {all:#}");
}

#[test]
fn what_is_asked_about_one_resource_hides_nothing_else() {
    let names =
        ["open", "shut"].map(|name| json!({ "name": name, "location": "US", "timeCreated": "2025-01-02T03:04:05Z" }));
    let page = json!({ "items": names });
    let _host = cloud(move |asked| match asked.path.as_str() {
        "/storage/v1/b" => Some(Answer::json(200, page.clone())),
        "/storage/v1/b/open/iam" => Some(Answer::json(
            200,
            json!({ "bindings": [{ "role": "roles/storage.objectViewer", "members": ["allUsers"] }] }),
        )),
        "/storage/v1/b/shut/iam" => Some(error(403, "PERMISSION_DENIED", None, "no")),
        _ => None,
    });
    let all = inventory(json!({ "services": ["storage"] }));
    let buckets = all["resources"].as_array().unwrap();
    assert_eq!((&buckets[0]["attributes"]["public"], buckets[0].get("unread")), (&json!(true), None));
    assert_eq!(buckets[1]["unread"], json!(["policy", "public"]));
    let [error] = all["errors"].as_array().unwrap().as_slice() else { panic!("{all:#}") };
    assert_eq!((&error["resource"], error.get("hides")), (&json!("//storage.googleapis.com/shut"), None));
}

#[test]
fn what_only_the_dataset_itself_tells_is_unread_where_it_may_not_be_asked() {
    let dataset = json!({ "datasetReference": { "projectId": "acme-prod", "datasetId": "d" }, "location": "EU" });
    let whole = json!({ "access": [], "maxTimeTravelHours": "168", "defaultTableExpirationMs": "1",
                        "defaultEncryptionConfiguration": { "kmsKeyName": "projects/p/locations/eu/keyRings/r/cryptoKeys/k" } });
    let look = |answer: Answer| {
        let datasets = json!({ "datasets": [dataset.clone()] });
        let _host = cloud(move |asked| match asked.path.as_str() {
            "/bigquery/v2/projects/acme-prod/datasets" => Some(Answer::json(200, datasets.clone())),
            "/bigquery/v2/projects/acme-prod/datasets/d" => Some(answer.clone()),
            _ => None,
        });
        inventory(json!({ "services": ["bigquery"] }))["resources"][0].clone()
    };
    let (told, denied) = (look(Answer::json(200, whole)), look(error(403, "accessDenied", None, "no")));
    assert_eq!((told["attributes"]["max_time_travel_hours"].as_i64(), told.get("unread")), (Some(168), None));
    assert_eq!(told["relations"][0]["kind"], "kms_key");
    // So that a comparison takes none of it for gone.
    let names: Vec<&str> = denied["unread"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let attributes = told["attributes"].as_object().unwrap().keys();
    let missing: Vec<&String> = attributes.filter(|name| !names.contains(&name.as_str())).collect();
    assert!(missing.is_empty() && names.contains(&"relations"), "{missing:?} of {names:?}");
}

#[test]
fn a_list_below_one_resource_that_fails_hides_all_of_its_type() {
    let accounts = json!({ "accounts": [{ "name": "projects/acme-prod/serviceAccounts/a@acme-prod.iam.gserviceaccount.com",
        "email": "a@acme-prod.iam.gserviceaccount.com" }] });
    let _host = cloud(move |asked| match asked.path.as_str() {
        "/v1/projects/acme-prod/serviceAccounts" => Some(Answer::json(200, accounts.clone())),
        path if path.ends_with("/keys") => Some(error(403, "PERMISSION_DENIED", None, "no")),
        _ => None,
    });
    let all = inventory(json!({ "services": ["iam"] }));
    let [error] = all["errors"].as_array().unwrap().as_slice() else { panic!("{all:#}") };
    assert_eq!(error["hides"], json!(["gcp.iam.googleapis.com/ServiceAccountKey"]));
    assert!(error["message"].as_str().unwrap().contains("a@acme-prod"), "{error:#}");
}

#[test]
fn a_page_that_fails_is_told_beside_those_before_it() {
    let _host = cloud(|asked| {
        (asked.path == TOPICS).then(|| match asked.query("pageToken") {
            None => Answer::json(
                200,
                json!({ "topics": [{ "name": "projects/acme-prod/topics/seen" }], "nextPageToken": "t/2" }),
            ),
            Some("t/2") => error(400, "INVALID_ARGUMENT", None, "the token is old"),
            Some(other) => panic!("{other}"),
        })
    });
    let all = inventory(json!({ "services": ["pubsub"] }));
    assert_eq!(found(&all).len(), 1);
    assert_eq!(all["errors"][0]["code"], "INVALID_ARGUMENT");
}

#[test]
fn a_service_that_is_silent_costs_its_own_answer_alone() {
    let start = time::now();
    let _host = cloud(|asked| match asked.path.as_str() {
        TOPICS => Some(topic()),
        path if path.ends_with("/subscriptions") => Some(topic().after(Duration::from_secs(100_000))),
        _ => None,
    })
    .deadline(start + Duration::from_secs(60));
    let all = inventory(json!({ "services": ["pubsub", "dns"] }));
    assert_eq!(found(&all).len(), 1);
    let [error] = all["errors"].as_array().unwrap().as_slice() else { panic!("{all:#}") };
    assert_eq!((&error["code"], &error["operation"]), (&json!("silent"), &json!("pubsub.projects.subscriptions.list")));
    assert!(time::now() < start + Duration::from_secs(60));
}

#[test]
fn a_project_that_is_off_in_half_of_its_services_tells_the_other_half() {
    let _host = cloud(|asked| {
        let off = ["sqladmin", "spanner", "redis", "run", "file", "notebooks", "osconfig"];
        if off.contains(&asked.service.as_str()) {
            return Some(error(403, "PERMISSION_DENIED", Some("SERVICE_DISABLED"), "off"));
        }
        (asked.path == TOPICS).then(topic)
    });
    let all = inventory(json!({}));
    // The project itself and the topic.
    assert_eq!(found(&all).len(), 2, "{all:#}");
    let errors = all["errors"].as_array().unwrap();
    assert!(errors.iter().all(|error| error["kind"] == "not_available"), "{errors:#?}");
    assert_eq!(errors.len(), 9, "{errors:#?}");
}

#[test]
fn what_cannot_be_a_project_is_refused_by_name() {
    let _host = cloud(|_| None);
    for input in [
        json!({ "projects": ["../x"] }),
        json!({ "projects": ["a/b"] }),
        json!({ "projects": [""] }),
        json!({ "projects": ["A"] }),
    ] {
        let failure = refusal("inventory", input.clone());
        assert!(matches!(&failure, Failure::InvalidInput(_)), "{input}: {failure}");
    }
    let failure = refusal("inventory", json!({ "services": ["ec2"] }));
    assert!(failure.to_string().contains("unknown variant `ec2`"), "{failure}");
}

#[test]
fn projects_come_from_the_input_else_the_configuration_else_from_google() {
    let asked = |configured: Value, input: Value| {
        let projects = json!({ "projects": [{ "projectId": "b" }, { "projectId": "a" }] });
        let _host = Host::start().configuration(configured).respond_by(move |sent| {
            let asked = crate::cloud::read(sent);
            let page = if asked.path == "/v1/projects" { projects.clone() } else { json!({}) };
            Some(Answer::json(200, page))
        });
        let all = inventory(input);
        all["projects"].clone()
    };
    let dns = |projects: Value| json!({ "services": ["dns"], "projects": projects });
    assert_eq!(asked(json!({ "projects": ["c", "c"] }), dns(json!([]))), json!(["c"]));
    assert_eq!(asked(json!({ "projects": ["c"] }), dns(json!(["d"]))), json!(["d"]));
    assert_eq!(asked(json!({}), dns(json!([]))), json!(["a", "b"]));
}

#[test]
fn projects_that_could_not_be_listed_hide_what_would_be_looked_at_in_them() {
    let _host = Host::start().configuration(json!({})).respond_by(|sent| {
        let asked = crate::cloud::read(sent);
        Some(match (asked.path.as_str(), asked.query("pageToken")) {
            ("/v1/projects", None) => {
                Answer::json(200, json!({ "projects": [{ "projectId": "a" }], "nextPageToken": "t" }))
            }
            ("/v1/projects", _) => error(403, "PERMISSION_DENIED", None, "no"),
            _ => Answer::json(200, json!({})),
        })
    });
    let all = inventory(json!({ "services": ["dns", "iam"] }));
    assert_eq!(all["projects"], json!(["a"]));
    let [error] = all["errors"].as_array().unwrap().as_slice() else { panic!("{all:#}") };
    let hides: Vec<&str> = error["hides"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for kind in
        ["cloudresourcemanager.googleapis.com/Project", "dns.googleapis.com/Policy", "iam.googleapis.com/PolicyBinding"]
    {
        assert!(hides.contains(&format!("gcp.{kind}").as_str()), "{kind}: {hides:?}");
    }
    assert!(error.get("account").is_none() && !hides.contains(&"gcp.compute.googleapis.com/Disk"), "{error:#}");
}

#[test]
fn no_more_than_eight_requests_are_under_way_and_progress_rises_to_one() {
    let host = cloud(|_| None);
    inventory(json!({}));
    assert_eq!(host.in_flight_most(), 8);
    let reports = host.reports();
    assert!(reports.windows(2).all(|two| two[0].fraction <= two[1].fraction), "{reports:?}");
    assert_eq!(reports.last().unwrap().fraction, Some(1.0));
}
