//! Whether clusters can be upgraded, and whether their node pools are of the right size.

use serde_json::{Value, json};
use troupe_sdk::test::{Answer, Host};
use troupe_sdk::{Failure, time};

use crate::cloud::{Asked, cloud, error, perform, refusal};

const CLUSTERS: &str = "/v1/projects/acme-prod/locations/-/clusters";
const SERVER: &str = "/v1/projects/acme-prod/locations/us-east1-b/serverConfig";
const CLUSTER: &str = "//container.googleapis.com/projects/acme-prod/zones/us-east1-b/clusters/main";

fn link(rest: &str) -> String {
    format!("https://container.googleapis.com/v1/projects/acme-prod/zones/us-east1-b/clusters/main{rest}")
}

/// A cluster in order: upgraded by itself, in a channel, with a window.
fn cluster(version: &str, nodes: &str) -> Value {
    json!({
        "name": "main", "location": "us-east1-b", "selfLink": link(""), "status": "RUNNING", "currentMasterVersion": version,
        "releaseChannel": { "channel": "REGULAR" }, "loggingService": "logging.googleapis.com/kubernetes",
        "maintenancePolicy": { "window": { "dailyMaintenanceWindow": { "startTime": "03:00" } } },
        "nodePools": [{
            "name": "web", "selfLink": link("/nodePools/web"), "status": "RUNNING", "version": nodes,
            "config": { "machineType": "e2-standard-4", "imageType": "COS_CONTAINERD" }, "management": { "autoUpgrade": true },
            "upgradeSettings": { "maxSurge": 1 }, "locations": ["us-east1-b"],
            "instanceGroupUrls": ["https://www.googleapis.com/compute/v1/projects/acme-prod/zones/us-east1-b/instanceGroupManagers/gke-main-web-1a2b-grp"],
        }],
    })
}

fn server() -> Value {
    json!({
        "defaultClusterVersion": "1.29.1-gke.10", "validMasterVersions": ["1.30.2-gke.1", "1.29.1-gke.10", "1.28.9-gke.2"],
        "channels": [{ "channel": "REGULAR", "defaultVersion": "1.30.1-gke.5",
            "validVersions": ["1.30.1-gke.5", "1.29.7-gke.3", "1.29.4-gke.1", "1.28.9-gke.2"] }],
    })
}

fn estate(cluster: Value) -> Host {
    estate_where(cluster, |_| None)
}

fn estate_where(cluster: Value, mut script: impl FnMut(&Asked) -> Option<Answer> + 'static) -> Host {
    cloud(move |asked| {
        script(asked).or_else(|| match asked.path.as_str() {
            CLUSTERS => Some(Answer::json(200, json!({ "clusters": [cluster] }))),
            SERVER => Some(Answer::json(200, server())),
            _ => None,
        })
    })
}

fn upgrade() -> Value {
    perform("gke-upgrade", json!({}))
}

fn rules(told: &Value) -> Vec<&str> {
    told["findings"].as_array().unwrap().iter().map(|finding| finding["rule"].as_str().unwrap()).collect()
}

#[test]
fn a_cluster_in_order_is_told_which_way_it_would_go() {
    let _host = estate(cluster("1.28.9-gke.2", "1.28.9-gke.2"));
    let told = upgrade();
    let main = &told["clusters"][0];
    assert_eq!(
        (&main["cluster"], &main["readiness"], &main["blockers"]),
        (&json!(CLUSTER), &json!("ready"), &json!([]))
    );
    assert_eq!((&main["target"], &main["channel"]), (&json!("1.30.1-gke.5"), &json!("REGULAR")));
    assert_eq!(
        main["path"],
        json!(["1.29.7-gke.3", "1.30.1-gke.5"]),
        "one minor version at a time, the newest of each"
    );
    assert_eq!((rules(&told), &told["errors"]), (vec!["gke.version-behind-channel"], &json!([])));
}

#[test]
fn a_cluster_that_runs_what_is_offered_is_current() {
    let _host = estate(cluster("1.30.1-gke.5", "1.30.1-gke.5"));
    let told = upgrade();
    assert_eq!((&told["clusters"][0]["readiness"], rules(&told)), (&json!("current"), vec![]));
}

#[test]
fn nodes_that_are_two_minor_versions_behind_block_the_control_plane() {
    for (nodes, behind, readiness) in
        [("1.29.9-gke.1", 1, "current"), ("1.28.9-gke.2", 2, "blocked"), ("1.27.3-gke.1", 3, "blocked")]
    {
        let _host = estate(cluster("1.30.1-gke.5", nodes));
        let told = upgrade();
        let main = &told["clusters"][0];
        assert_eq!(
            (&main["readiness"], &main["node_pools"][0]["minors_behind"]),
            (&json!(readiness), &json!(behind)),
            "{nodes}"
        );
        assert_eq!(main["blockers"] == json!(["gke.node-skew"]), readiness == "blocked");
    }
}

#[test]
fn each_thing_that_stands_in_the_way_is_found() {
    for (at, value, rule, blocks) in [
        ("/enableKubernetesAlpha", json!(true), "gke.alpha-cluster", true),
        ("/podSecurityPolicyConfig", json!({ "enabled": true }), "gke.pod-security-policy", true),
        ("/legacyAbac", json!({ "enabled": true }), "gke.legacy-abac", false),
        ("/masterAuth", json!({ "username": "admin" }), "gke.basic-authentication", true),
        ("/masterAuth", json!({ "clientCertificate": "x" }), "gke.client-certificate", false),
        ("/addonsConfig", json!({ "kubernetesDashboard": { "enabled": true } }), "gke.dashboard-addon", false),
        ("/loggingService", json!("logging.googleapis.com"), "gke.legacy-logging", true),
        ("/status", json!("ERROR"), "gke.not-running", true),
        ("/releaseChannel", json!({}), "gke.no-release-channel", false),
        ("/maintenancePolicy", json!({}), "gke.no-maintenance-window", false),
        ("/nodePools/0/management", json!({}), "gke.node-auto-upgrade-off", false),
        ("/nodePools/0/config/imageType", json!("COS"), "gke.docker-image", true),
        ("/nodePools/0/upgradeSettings", json!({ "strategy": "SURGE" }), "gke.no-upgrade-capacity", true),
        ("/nodePools/0/status", json!("RUNNING_WITH_ERROR"), "gke.not-running", true),
        ("/currentMasterVersion", json!("1.27.3-gke.1"), "gke.version-not-offered", false),
    ] {
        let mut item = cluster("1.30.1-gke.5", "1.30.1-gke.5");
        match item.pointer_mut(at) {
            Some(place) => *place = value,
            None => item[at.trim_start_matches('/')] = value,
        }
        let _host = estate(item);
        let told = upgrade();
        assert!(rules(&told).contains(&rule), "{rule}: {told:#}");
        assert_eq!(told["clusters"][0]["blockers"] == json!([rule]), blocks, "{rule}");
        let finding = told["findings"].as_array().unwrap().iter().find(|finding| finding["rule"] == rule).unwrap();
        assert!(!finding["fix"].as_str().unwrap().is_empty() && finding["status"] == "fail", "{rule}");
    }
}

#[test]
fn an_exclusion_blocks_while_it_holds() {
    let now = jiff::Timestamp::try_from(time::now()).unwrap();
    let hours = |hours: i64| (now + jiff::SignedDuration::from_hours(hours)).to_string();
    for (start, end, blocks) in [(-1, 1, true), (-2, -1, false), (1, 2, false)] {
        let mut item = cluster("1.29.7-gke.3", "1.29.7-gke.3");
        let exclusion = json!({ "startTime": hours(start), "endTime": hours(end), "maintenanceExclusionOptions": { "scope": "NO_MINOR_UPGRADES" } });
        item["maintenancePolicy"]["window"]["maintenanceExclusions"] = json!({ "freeze": exclusion });
        let _host = estate(item);
        let told = upgrade();
        assert_eq!(told["clusters"][0]["readiness"] == "blocked", blocks, "{start} to {end}: {told:#}");
    }
}

#[test]
fn callers_of_removed_interfaces_are_found_by_what_google_saw() {
    let insight = |cluster: &str, state: &str| {
        json!({ "name": "i", "insightSubtype": "DEPRECATION_K8S_1_25_API", "description": "calls policy/v1beta1", "stateInfo": { "state": state },
                "targetResources": [format!("//container.googleapis.com/projects/12/locations/us-east1-b/clusters/{cluster}")] })
    };
    let page =
        json!({ "insights": [insight("main", "ACTIVE"), insight("other", "ACTIVE"), insight("main", "DISMISSED")] });
    let _host = estate_where(cluster("1.29.7-gke.3", "1.29.7-gke.3"), move |asked| {
        (asked.service == "recommender").then(|| Answer::json(200, page.clone()))
    });
    let told = upgrade();
    assert_eq!(rules(&told).iter().filter(|rule| **rule == "gke.removed-api-in-use").count(), 1);
    assert_eq!(told["clusters"][0]["blockers"], json!(["gke.removed-api-in-use"]));
}

#[test]
fn what_could_not_be_asked_is_not_taken_for_ready() {
    let _host = estate_where(cluster("1.29.7-gke.3", "1.29.7-gke.3"), |asked| {
        let refused = asked.path == SERVER || asked.service == "recommender";
        refused.then(|| error(403, "PERMISSION_DENIED", None, "no"))
    });
    let told = upgrade();
    let main = &told["clusters"][0];
    assert_eq!((&main["readiness"], main.get("target")), (&json!("unknown"), None));
    let unchecked: Vec<&Value> = told["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["status"] == "not_checked")
        .map(|one| &one["rule"])
        .collect();
    assert_eq!(unchecked.len(), 3, "{unchecked:?}");
    assert_eq!(told["errors"].as_array().unwrap().len(), 2);
}

#[test]
fn a_cluster_is_not_ready_while_nobody_can_tell_what_blocks_it() {
    for (version, readiness) in [("1.29.7-gke.3", "unknown"), ("1.30.1-gke.5", "current")] {
        let _host = estate_where(cluster(version, version), |asked| {
            (asked.service == "recommender").then(|| error(403, "PERMISSION_DENIED", Some("SERVICE_DISABLED"), "off"))
        });
        let told = upgrade();
        assert_eq!(told["clusters"][0]["readiness"], readiness, "{told:#}");
        assert_eq!(told["errors"][0]["kind"], "not_available");
    }
}

#[test]
fn only_the_clusters_that_are_named_are_looked_at() {
    let _host = estate(cluster("1.29.7-gke.3", "1.29.7-gke.3"));
    for skill in ["gke-upgrade", "gke-rightsizing"] {
        let told = perform(skill, json!({ "clusters": ["main", "other", "other"] }));
        let absent: Vec<&Value> =
            told["errors"].as_array().unwrap().iter().filter(|error| error["code"] == "not_found").collect();
        let [error] = absent.as_slice() else { panic!("{told:#}") };
        assert_eq!((&error["kind"], &error["count"]), (&json!("failed"), &json!(1)));
        assert!(error["message"].as_str().unwrap().contains("`other`"), "{error:#}");
    }
    assert_eq!(perform("gke-upgrade", json!({ "clusters": ["other"] }))["clusters"], json!([]));
    assert!(matches!(refusal("gke-upgrade", json!({ "clusters": ["a/b"] })), Failure::InvalidInput(_)));
}

#[test]
fn a_cluster_in_a_list_that_is_denied_is_not_said_to_be_absent() {
    let _host = estate_where(cluster("1.29.7-gke.3", "1.29.7-gke.3"), |asked| {
        (asked.path == CLUSTERS).then(|| error(403, "PERMISSION_DENIED", None, "no"))
    });
    let told = perform("gke-upgrade", json!({ "clusters": ["main"] }));
    let [error] = told["errors"].as_array().unwrap().as_slice() else { panic!("{told:#}") };
    assert_eq!((&error["kind"], &error["code"]), (&json!("denied"), &json!("PERMISSION_DENIED")));
}

/// What Monitoring says of nodes, each the same in every hour.
fn measured(
    nodes: u32,
    hours: i64,
    each: impl Fn(&str) -> Option<f64> + 'static,
) -> impl FnMut(&Asked) -> Option<Answer> + 'static {
    move |asked| {
        if asked.service != "monitoring" {
            return None;
        }
        assert_eq!(asked.path, "/v3/projects/acme-prod/timeSeries");
        let filter = asked.query("filter").unwrap();
        assert!(filter.contains("resource.labels.cluster_name=\"main\""), "{filter}");
        let metric = filter.split('"').nth(1).unwrap().trim_start_matches("kubernetes.io/").to_owned();
        let Some(value) = each(&metric) else { return Some(error(403, "PERMISSION_DENIED", None, "no")) };
        let points: Vec<Value> = (0..hours)
            .map(|hour| {
                let end = jiff::Timestamp::from_second(1_700_000_000 / 3600 * 3600 + hour * 3600).unwrap().to_string();
                json!({ "interval": { "endTime": end }, "value": { "doubleValue": value } })
            })
            .collect();
        let series = |node: String| {
            let label = json!({ "node_name": node });
            let by_container = metric.starts_with("container");
            let mut one = json!({ "points": points });
            one[if by_container { "metadata" } else { "resource" }] =
                if by_container { json!({ "systemLabels": label }) } else { json!({ "labels": label }) };
            one
        };
        let mut all: Vec<Value> = (0..nodes).map(|node| series(format!("gke-main-web-1a2b-{node}"))).collect();
        all.push(series("gke-main-web-large-9z-0".to_owned()));
        Some(Answer::json(200, json!({ "timeSeries": all })))
    }
}

/// Nodes of four cores and 16 GiB, of which so much is used and asked for.
fn use_of(cores: f64, asked: f64, memory: f64) -> impl Fn(&str) -> Option<f64> + 'static {
    let gib = f64::from(1 << 30);
    move |metric| {
        Some(match metric {
            "node/cpu/allocatable_cores" => 4.0,
            "node/cpu/core_usage_time" => cores,
            "container/cpu/request_cores" => asked,
            "node/memory/allocatable_bytes" => 16.0 * gib,
            "node/memory/used_bytes" => memory * gib,
            "container/memory/request_bytes" => memory * gib,
            other => panic!("{other}"),
        })
    }
}

fn size(_host: Host) -> Value {
    perform("gke-rightsizing", json!({}))
}

#[test]
fn a_pool_is_judged_by_the_larger_of_use_and_requests() {
    for (nodes, cores, asked, memory, needed, verdict) in [
        // Twice the use with a third more, of 40 cores.
        (10, 0.6, 0.4, 1.0, 2, "too_large"),
        (10, 3.0, 0.4, 1.0, 10, "fits"),
        // What pods ask for counts, though nobody uses it …
        (10, 0.1, 3.6, 1.0, 9, "fits"),
        // … and memory as well as cores.
        (10, 0.1, 0.1, 12.0, 10, "fits"),
        (4, 3.9, 1.0, 1.0, 6, "too_small"),
    ] {
        let script = measured(nodes, 48, use_of(cores, asked, memory));
        let told = size(estate_where(cluster("1.30.1-gke.5", "1.30.1-gke.5"), script));
        let pool = &told["pools"][0];
        assert_eq!(
            (&pool["nodes"], &pool["nodes_needed"], &pool["verdict"]),
            (&json!(nodes), &json!(needed), &json!(verdict)),
            "{cores} {asked} {memory}: {pool:#}"
        );
        assert_eq!(told["findings"].as_array().unwrap().len(), usize::from(verdict != "fits"));
    }
}

#[test]
fn too_little_to_judge_by_is_unknown() {
    for (hours, refused) in [(5, ""), (48, "node/memory/used_bytes"), (48, "container/cpu/request_cores")] {
        let each = use_of(0.1, 0.1, 1.0);
        let script = measured(10, hours, move |metric| if metric == refused { None } else { each(metric) });
        let told = size(estate_where(cluster("1.30.1-gke.5", "1.30.1-gke.5"), script));
        let pool = &told["pools"][0];
        assert_eq!(
            (&pool["verdict"], pool.get("nodes_needed"), &told["findings"]),
            (&json!("unknown"), None, &json!([]))
        );
        assert_eq!(told["errors"].as_array().unwrap().len(), usize::from(!refused.is_empty()));
        assert!(!pool["why"].as_str().unwrap().is_empty());
    }
}

#[test]
fn half_of_the_measures_is_taken_for_none() {
    for missing in [
        json!({ "executionErrors": [{ "code": 4, "message": "it took too long" }] }),
        json!({ "unreachable": ["projects/acme-prod/locations/us-east1"] }),
    ] {
        let mut whole = measured(10, 48, use_of(0.1, 0.1, 1.0));
        let told = size(estate_where(cluster("1.30.1-gke.5", "1.30.1-gke.5"), move |asked| {
            let answer = whole(asked)?;
            let is_half = asked.query("filter")?.contains("container/cpu/request_cores");
            Some(if is_half { Answer::json(200, missing.clone()) } else { answer })
        }));
        assert_eq!((&told["pools"][0]["verdict"], &told["findings"]), (&json!("unknown"), &json!([])));
        let [error] = told["errors"].as_array().unwrap().as_slice() else { panic!("{told:#}") };
        assert_eq!((&error["code"], &error["service"]), (&json!("incomplete"), &json!("monitoring.googleapis.com")));
    }
}

#[test]
fn an_autoscaler_keeps_its_least_in_each_zone() {
    let mut item = cluster("1.30.1-gke.5", "1.30.1-gke.5");
    item["nodePools"][0]["autoscaling"] = json!({ "enabled": true, "minNodeCount": 3 });
    item["nodePools"][0]["locations"] = json!(["us-east1-b", "us-east1-c", "us-east1-d"]);
    let told = size(estate_where(item, measured(10, 48, use_of(0.1, 0.1, 1.0))));
    assert_eq!((&told["pools"][0]["nodes_needed"], &told["pools"][0]["verdict"]), (&json!(9), &json!("fits")));
}

#[test]
fn days_are_bounded() {
    let _host = estate(cluster("1.30.1-gke.5", "1.30.1-gke.5"));
    for days in [0, 43] {
        assert!(matches!(refusal("gke-rightsizing", json!({ "days": days })), Failure::InvalidInput(_)));
    }
}
