//! What Monitor measured, over the whole time.

use serde_json::{Value, json};
use troupe_agent_azure::Azure;
use troupe_sdk::test::{self, Answer};

use crate::cloud::{S1, cloud, error};

fn id(name: &str) -> String {
    format!("/subscriptions/{S1}/resourceGroups/web/providers/Microsoft.Compute/virtualMachines/{name}")
}

#[test]
fn points_are_told_over_the_whole_time_and_no_point_is_not_zero() {
    let host = cloud(|asked| {
        let (path, _) = asked.path.split_once("/providers/microsoft.insights/metrics")?;
        let metric = |name: &str, unit: &str, data: Value| json!({ "name": { "value": name }, "unit": unit, "timeseries": [{ "data": data }] });
        Some(if path.ends_with("/vm") {
            Answer::json(
                200,
                json!({ "value": [
                metric("Percentage CPU", "Percent", json!([
                    { "timeStamp": "2025-12-31T00:00:00Z", "average": 2.0, "minimum": 1.0, "maximum": 9.5, "total": 120.0 },
                    { "timeStamp": "2025-12-31T01:00:00Z" },
                    { "timeStamp": "2025-12-31T02:00:00Z", "average": 4.0, "minimum": 0.5, "maximum": 7.0, "total": 240.0 },
                ])),
                metric("Network In", "Bytes", json!([])),
            ] }),
            )
        } else {
            error(400, "BadRequest")
        })
    });
    let input =
        json!({ "resources": [id("vm"), id("other")], "metrics": ["Percentage CPU", "Network In"], "hours": 48 });
    let told = test::perform::<Azure>("metrics", input).expect("metrics");
    assert_eq!(
        (&told["from"], &told["to"], &told["interval"]),
        (&json!("2025-12-30T00:00:00Z"), &json!("2026-01-01T00:00:00Z"), &json!("PT1H"))
    );
    assert_eq!(
        told["measured"],
        json!([
            { "resource": id("vm"), "metric": "Percentage CPU", "unit": "Percent", "points": 2, "average": 3.0, "minimum": 0.5, "maximum": 9.5, "total": 360.0 },
            { "resource": id("vm"), "metric": "Network In", "unit": "Bytes", "points": 0, "average": null, "minimum": null, "maximum": null, "total": null },
        ])
    );
    let [problem] = told["errors"].as_array().unwrap().as_slice() else { panic!("{told:#}") };
    assert_eq!(
        (&problem["resource"], &problem["code"], &problem["account"]),
        (&json!(id("other")), &json!("BadRequest"), &json!(S1))
    );
    let sent = host.sent();
    let query = sent[0].url.split_once('?').unwrap().1;
    assert_eq!(
        query,
        "api-version=2018-01-01&metricnames=Percentage%20CPU%2CNetwork%20In&timespan=2025-12-30T00%3A00%3A00Z%2F2026-01-01T00%3A00%3A00Z\
         &interval=PT1H&aggregation=Average%2CMinimum%2CMaximum%2CTotal"
    );
}

#[test]
fn a_metric_that_monitor_refuses_is_a_row_and_not_one_without_points() {
    let _host = cloud(|asked| {
        asked.path.ends_with("/metrics").then(|| {
            let good = json!({ "name": { "value": "Network In" }, "unit": "Bytes", "timeseries": [], "errorCode": "Success" });
            let bad = json!({ "name": { "value": "Availability" }, "timeseries": [], "errorCode": "BadRequest", "errorMessage": "no such dimension" });
            Answer::json(200, json!({ "value": [good, bad] }))
        })
    });
    let input = json!({ "resources": [id("vm")], "metrics": ["Network In", "Availability"] });
    let told = test::perform::<Azure>("metrics", input).expect("metrics");
    let measured: Vec<&Value> = told["measured"].as_array().unwrap().iter().map(|one| &one["metric"]).collect();
    assert_eq!(measured, ["Network In"]);
    let [problem] = told["errors"].as_array().unwrap().as_slice() else { panic!("{told:#}") };
    assert_eq!((&problem["code"], &problem["resource"]), (&json!("BadRequest"), &json!(id("vm"))));
    assert_eq!(problem["message"], "Availability: no such dimension");
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_asked() {
    let host = cloud(|_| Some(error(500, "no")));
    let many: Vec<String> = (0..21).map(|number| number.to_string()).collect();
    for (input, said) in [
        (json!({ "resources": [], "metrics": ["a"] }), "1 to 500 resources"),
        (json!({ "resources": [id("vm")], "metrics": many }), "1 to 20 metrics"),
        (json!({ "resources": ["vm"], "metrics": ["a"] }), "no id of a resource"),
        (json!({ "resources": [format!("{}/../x", id("vm"))], "metrics": ["a"] }), "no id of a resource"),
        (json!({ "resources": [format!("{}/..", id("vm"))], "metrics": ["a"] }), "no id of a resource"),
        (json!({ "resources": [format!("{}//x", id("vm"))], "metrics": ["a"] }), "no id of a resource"),
        (json!({ "resources": [format!(".elsewhere.example{}", id("vm"))], "metrics": ["a"] }), "no id of a resource"),
        (json!({ "resources": [format!("/providers/x{}", id("vm"))], "metrics": ["a"] }), "no id of a resource"),
        (json!({ "resources": [id("vm")], "metrics": ["a,b"] }), "no name of a metric"),
        (json!({ "resources": [id("vm")], "metrics": ["a"], "hours": 0 }), "`hours` is 1 to 2232"),
    ] {
        let why = test::perform::<Azure>("metrics", input.clone()).expect_err("a failure").to_string();
        assert!(why.contains(said), "{input}: {why}");
    }
    assert_eq!(host.sent(), []);
}
