//! What Google recommends and what it would save; who pays, and how much may be spent.

use serde_json::{Value, json};
use troupe_sdk::Failure;
use troupe_sdk::test::Answer;

use crate::cloud::{cloud, error, perform, refusal};

fn idle_disk(state: &str) -> Value {
    json!({
        "name": "projects/acme-prod/locations/us-east1-b/recommenders/google.compute.disk.IdleResourceRecommender/recommendations/r1",
        "description": "Save cost by snapshotting and then deleting idle persistent disk 'd'.",
        "lastRefreshTime": "2026-11-20T07:00:00Z", "recommenderSubtype": "SNAPSHOT_AND_DELETE_DISK", "priority": "P4",
        "stateInfo": { "state": state },
        "primaryImpact": { "category": "COST", "costProjection": { "cost": { "currencyCode": "USD", "units": "-1", "nanos": -548_387_097 }, "duration": "2592000s" } },
        "content": {
            "overview": { "resource": "//compute.googleapis.com/projects/acme-prod/zones/us-east1-b/disks/d", "recommendedAction": "Snapshot and delete" },
            "operationGroups": [{ "operations": [
                { "action": "add", "resourceType": "compute.googleapis.com/Snapshot", "resource": "//compute.googleapis.com/projects/acme-prod/global/snapshots/$s" },
                { "action": "remove", "resourceType": "compute.googleapis.com/Disk", "resource": "//compute.googleapis.com/projects/acme-prod/zones/us-east1-b/disks/d" }] }],
        },
    })
}

#[test]
fn a_recommendation_is_a_finding_with_what_it_saves_and_from_when_that_is() {
    let page = json!({ "recommendations": [idle_disk("ACTIVE"), idle_disk("SUCCEEDED"), idle_disk("DISMISSED")] });
    let _host = cloud(move |asked| match asked.path.as_str() {
        "/compute/v1/projects/acme-prod/zones" => {
            Some(Answer::json(200, json!({ "items": [{ "name": "us-east1-b" }] })))
        }
        "/compute/v1/projects/acme-prod/regions" => {
            Some(Answer::json(200, json!({ "items": [{ "name": "us-east1" }] })))
        }
        path if path.ends_with(
            "/locations/us-east1-b/recommenders/google.compute.disk.IdleResourceRecommender/recommendations",
        ) =>
        {
            Some(Answer::json(200, page.clone()))
        }
        _ => None,
    });
    let told = perform("recommendations", json!({}));
    assert_eq!(told["errors"], json!([]));
    let [finding] = told["findings"].as_array().unwrap().as_slice() else { panic!("{told:#}") };
    assert_eq!(
        (&finding["rule"], &finding["severity"]),
        (&json!("gcp.recommended.idle-disk"), &json!("informational"))
    );
    assert_eq!(
        (&finding["resource"]["id"], &finding["resource"]["type"], &finding["resource"]["region"], &finding["class"]),
        (
            &json!("//compute.googleapis.com/projects/acme-prod/zones/us-east1-b/disks/d"),
            &json!("gcp.compute.googleapis.com/Disk"),
            &json!("us-east1"),
            &json!("compute.disk")
        )
    );
    // 1.548387097 in thirty days, brought to 730 hours.
    assert_eq!(
        finding["saving"],
        json!({ "monthly": 1.569_892, "currency": "USD", "source": "Google Cloud Recommender", "as_of": "2026-11-20" })
    );
    assert_eq!((&told["savings"], &told["counts"]), (&json!({ "USD": 1.569_892 }), &json!({ "informational": 1 })));
    assert!(finding["fix"].as_str().unwrap().starts_with("Save cost"));
}

/// A recommendation to save so much about a disk, in the zone where it is told.
fn advice(zone: &str, disk: &str, units: &str, currency: &str) -> Value {
    let mut item = idle_disk("ACTIVE");
    item["name"] =
        json!(format!("projects/acme-prod/locations/{zone}/recommenders/r/recommendations/{disk}-{currency}"));
    item["primaryImpact"]["costProjection"]["cost"] = json!({ "currencyCode": currency, "units": units });
    item["primaryImpact"]["costProjection"]["duration"] = json!("2628000s");
    item["description"] = json!(format!("Delete {disk}"));
    item["content"]["overview"]["resource"] = json!(format!("//compute.googleapis.com/projects/acme-prod/{disk}"));
    item
}

fn recommended(locations: Value, pages: impl Fn(&str) -> Vec<Value> + 'static) -> Value {
    let _host = cloud(move |asked| {
        let zone = asked.path.split("/locations/").nth(1)?.split('/').next()?;
        let is_disk = asked.path.contains("google.compute.disk.IdleResourceRecommender");
        is_disk.then(|| Answer::json(200, json!({ "recommendations": pages(zone) })))
    });
    perform("recommendations", json!({ "locations": locations }))
}

#[test]
fn a_disk_that_lies_in_two_zones_is_told_and_counted_once() {
    let told = recommended(json!(["us-east1-b", "us-east1-c", "us-east1-b"]), |zone| {
        vec![
            advice(zone, "regions/us-east1/disks/both", "-10", "USD"),
            advice(zone, &format!("zones/{zone}/disks/own"), "-1", "USD"),
        ]
    });
    let ids: Vec<&str> =
        told["findings"].as_array().unwrap().iter().filter_map(|one| one["resource"]["id"].as_str()).collect();
    let id = |name: &str| format!("//compute.googleapis.com/projects/acme-prod/{name}");
    assert_eq!(ids[0], id("regions/us-east1/disks/both"));
    assert_eq!(
        (ids.len(), &told["counts"], &told["savings"]),
        (3, &json!({ "informational": 3 }), &json!({ "USD": 12.0 }))
    );
}

#[test]
fn what_is_saved_in_two_currencies_is_two_sums() {
    let told = recommended(json!(["us-east1-b"]), |zone| {
        let of =
            |name: &str, units: &str, currency: &str| advice(zone, &format!("zones/z/disks/{name}"), units, currency);
        vec![of("a", "-2", "USD"), of("b", "-300", "JPY"), of("c", "-5", "USD"), of("d", "-100", "JPY")]
    });
    assert_eq!(told["savings"], json!({ "JPY": 400.0, "USD": 7.0 }));
    let amounts = told["findings"].as_array().unwrap().iter();
    let amounts: Vec<(&Value, &Value)> =
        amounts.map(|one| (&one["saving"]["monthly"], &one["saving"]["currency"])).collect();
    assert_eq!(
        amounts.iter().map(|(amount, _)| amount.as_f64().unwrap()).collect::<Vec<_>>(),
        [300.0, 100.0, 5.0, 2.0]
    );
}

#[test]
fn roles_of_several_members_are_several_findings() {
    let role = |member: &str, name: &str| {
        json!({ "name": format!("projects/p/locations/global/recommenders/r/recommendations/{name}"),
                "description": "This role has not been used", "recommenderSubtype": "REMOVE_ROLE", "stateInfo": { "state": "ACTIVE" },
                "content": { "overview": { "member": member, "removedRole": "roles/editor" },
                             "operationGroups": [{ "operations": [{ "action": "remove", "resourceType": "cloudresourcemanager.googleapis.com/Project",
                                                                    "resource": "//cloudresourcemanager.googleapis.com/projects/acme-prod" }] }] } })
    };
    let page = json!({ "recommendations": [role("user:ann@example.com", "1"), role("user:bo@example.com", "2")] });
    let _host = cloud(move |asked| {
        asked.path.contains("google.iam.policy.Recommender").then(|| Answer::json(200, page.clone()))
    });
    let told = perform("recommendations", json!({ "locations": ["global"] }));
    let told: Vec<&Value> = told["findings"].as_array().unwrap().iter().map(|one| &one["fingerprint"]).collect();
    assert!(told.len() == 2 && told[0] != told[1], "{told:?}");
}

#[test]
fn a_recommender_is_asked_where_it_may_have_something_to_say() {
    let host = cloud(|_| None);
    perform("recommendations", json!({ "locations": ["us-east1-b", "us-east1", "global"] }));
    let asked: Vec<String> = host.sent().into_iter().map(|sent| sent.url).collect();
    let at = |place: &str, recommender: &str| {
        asked.iter().any(|url| url.contains(&format!("/locations/{place}/recommenders/{recommender}/")))
    };
    assert!(
        at("us-east1-b", "google.compute.instance.IdleResourceRecommender")
            && !at("us-east1", "google.compute.instance.IdleResourceRecommender")
    );
    assert!(
        at("us-east1", "google.compute.commitment.UsageCommitmentRecommender")
            && !at("global", "google.compute.commitment.UsageCommitmentRecommender")
    );
    assert!(at("global", "google.iam.policy.Recommender") && !at("us-east1", "google.iam.policy.Recommender"));
    assert!(
        at("us-east1", "google.container.DiagnosisRecommender")
            && at("us-east1-b", "google.container.DiagnosisRecommender")
    );
}

#[test]
fn a_recommender_that_may_not_be_asked_is_a_row_and_hides_no_other() {
    let page = json!({ "recommendations": [idle_disk("ACTIVE"), { "name": "odd", "content": {} }] });
    let _host = cloud(move |asked| {
        if asked.path.contains("disk.Idle") {
            return Some(Answer::json(200, page.clone()));
        }
        asked.path.contains("/recommenders/").then(|| error(403, "PERMISSION_DENIED", Some("SERVICE_DISABLED"), "off"))
    });
    let told = perform("recommendations", json!({ "locations": ["us-east1-b"] }));
    assert_eq!(told["findings"].as_array().unwrap().len(), 1);
    let errors = told["errors"].as_array().unwrap();
    assert!(errors.iter().any(|error| error["code"] == "unreadable"), "what it is about is not told: {errors:#?}");
    assert_eq!(errors.iter().filter(|error| error["kind"] == "not_available").count(), 4, "{errors:#?}");
    assert!(matches!(refusal("recommendations", json!({ "locations": ["a/b"] })), Failure::InvalidInput(_)));
}

#[test]
fn who_pays_and_which_budgets_count_is_told() {
    let budget = |name: &str, projects: Value| {
        json!({ "name": format!("billingAccounts/A/budgets/{name}"), "displayName": name, "thresholdRules": [{ "thresholdPercent": 0.5 }, { "thresholdPercent": 1.0 }],
                "amount": { "specifiedAmount": { "currencyCode": "EUR", "units": "1000", "nanos": 500_000_000 } },
                "budgetFilter": { "calendarPeriod": "MONTH", "projects": projects } })
    };
    let budgets = json!({ "budgets": [budget("all", json!([])), budget("ours", json!(["projects/12"])), budget("theirs", json!(["projects/99"]))] });
    let _host = cloud(move |asked| match (asked.service.as_str(), asked.path.as_str()) {
        ("cloudbilling", "/v1/projects/acme-prod/billingInfo") => {
            Some(Answer::json(200, json!({ "billingEnabled": true, "billingAccountName": "billingAccounts/A" })))
        }
        ("cloudbilling", "/v1/billingAccounts/A") => {
            Some(Answer::json(200, json!({ "displayName": "Acme", "open": true, "currencyCode": "EUR" })))
        }
        ("billingbudgets", "/v1/billingAccounts/A/budgets") => Some(Answer::json(200, budgets.clone())),
        _ => None,
    });
    let told = perform("billing", json!({}));
    let project = &told["projects"][0];
    assert_eq!((&project["enabled"], &project["account"]), (&json!(true), &json!("billingAccounts/A")));
    assert_eq!(project["budgets"], json!(["billingAccounts/A/budgets/all", "billingAccounts/A/budgets/ours"]));
    let account = &told["accounts"][0];
    assert_eq!(
        (&account["title"], &account["open"], &account["budgets"][0]["amount"]),
        (&json!("Acme"), &json!(true), &json!(1000.5))
    );
    assert_eq!(account["budgets"][0]["thresholds"], json!([0.5, 1.0]));
    // What was spent cannot be asked, which is said.
    let [error] = told["errors"].as_array().unwrap().as_slice() else { panic!("{told:#}") };
    assert_eq!(
        (&error["operation"], &error["kind"], &error["account"]),
        (&json!("cost"), &json!("not_available"), &json!("acme-prod"))
    );
}

#[test]
fn a_budget_of_a_folder_is_not_taken_for_one_of_every_project() {
    let budgets =
        |filter: Value| json!({ "budgets": [{ "name": "billingAccounts/A/budgets/b", "budgetFilter": filter }] });
    let folder = json!(["folders/7"]);
    for (filter, told) in [
        (json!({ "resourceAncestors": folder }), None),
        (json!({ "resourceAncestors": folder, "projects": ["projects/99"] }), None),
        (
            json!({ "resourceAncestors": folder, "projects": ["projects/12"] }),
            Some(json!(["billingAccounts/A/budgets/b"])),
        ),
        (json!({ "projects": ["projects/acme-prod"] }), Some(json!(["billingAccounts/A/budgets/b"]))),
        (json!({ "projects": ["projects/99"] }), Some(json!([]))),
    ] {
        let page = budgets(filter.clone());
        let _host = cloud(move |asked| match asked.service.as_str() {
            "cloudbilling" if asked.path.ends_with("/billingInfo") => {
                Some(Answer::json(200, json!({ "billingEnabled": true, "billingAccountName": "billingAccounts/A" })))
            }
            "billingbudgets" => Some(Answer::json(200, page.clone())),
            _ => None,
        });
        let answer = perform("billing", json!({}));
        assert_eq!(answer["projects"][0].get("budgets"), told.as_ref(), "{filter}: {answer:#}");
        assert_eq!(answer["accounts"][0]["budgets"][0].get("ancestors"), filter.get("resourceAncestors"));
    }
}

#[test]
fn what_could_not_be_asked_about_billing_is_absent_and_not_none() {
    let _host = cloud(|asked| match asked.service.as_str() {
        "cloudbilling" if asked.path.ends_with("/billingInfo") => {
            Some(Answer::json(200, json!({ "billingEnabled": true, "billingAccountName": "billingAccounts/A" })))
        }
        "cloudbilling" | "billingbudgets" => Some(error(403, "PERMISSION_DENIED", None, "no")),
        _ => None,
    });
    let told = perform("billing", json!({}));
    assert_eq!((told["projects"][0].get("budgets"), told["accounts"][0].get("open")), (None, None), "{told:#}");
    assert_eq!(told["errors"].as_array().unwrap().len(), 3);
}
