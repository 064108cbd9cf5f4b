//! Starting, stopping and resizing: told first, done when it is meant, and said how far it went.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use troupe_sdk::test::{Answer, Host};
use troupe_sdk::{Failure, time};

use crate::cloud::{cloud, error, perform, refusal};

const ZONE: &str = "/compute/v1/projects/acme-prod/zones/us-east1-b";

/// What was asked to be done: the method, the body, and the id of the request.
type Log = RefCell<Vec<(String, Value, String)>>;

fn input(more: Value) -> Value {
    let mut input = json!({ "project": "acme-prod", "zone": "us-east1-b", "instance": "web" });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    input
}

/// A machine that does what it is told: each operation is done at the second look.
fn machine(state: &'static str, more: Value) -> (Host, Rc<Log>) {
    let log: Rc<Log> = Rc::default();
    let told = Rc::clone(&log);
    let mut now = (state.to_owned(), "e2-standard-2".to_owned());
    let mut looks = 0;
    let host = cloud(move |asked| {
        if let Some(method) = asked.path.strip_prefix(&format!("{ZONE}/instances/web/")) {
            assert_eq!(asked.method, "POST");
            told.borrow_mut().push((
                method.to_owned(),
                asked.body.clone(),
                asked.query("requestId").unwrap().to_owned(),
            ));
            match method {
                "start" => now.0 = "RUNNING".to_owned(),
                "stop" => now.0 = "TERMINATED".to_owned(),
                "setMachineType" => {
                    assert_eq!(now.0, "TERMINATED", "a machine that runs cannot be resized");
                    now.1 = asked.body["machineType"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
                }
                other => panic!("{other}"),
            }
            return Some(Answer::json(200, json!({ "name": "operation-1", "status": "RUNNING" })));
        }
        assert_eq!(asked.method, "GET");
        if asked.path == format!("{ZONE}/operations/operation-1") {
            looks += 1;
            let status = if looks % 2 == 0 { "DONE" } else { "RUNNING" };
            return Some(Answer::json(200, json!({ "name": "operation-1", "status": status })));
        }
        let mut item = json!({ "id": "7", "name": "web", "status": now.0, "machineType": format!("https://x/machineTypes/{}", now.1) });
        item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        (asked.path == format!("{ZONE}/instances/web")).then(|| Answer::json(200, item))
    });
    (host, log)
}

fn methods(log: &Log) -> Vec<String> {
    log.borrow().iter().map(|(method, ..)| method.clone()).collect()
}

#[test]
fn nothing_is_done_unless_it_is_meant() {
    for (skill, state, step) in [("start", "TERMINATED", "start web"), ("stop", "RUNNING", "stop web")] {
        let (host, log) = machine(state, json!({}));
        let told = perform(skill, input(json!({})));
        assert_eq!((&told["dry_run"], told.get("after")), (&json!(true), None));
        assert_eq!(
            told["steps"],
            json!([{ "what": step, "operation": format!("compute.instances.{skill}"), "done": false }])
        );
        assert_eq!((log.borrow().len(), host.sent().len()), (0, 1));
    }
}

#[test]
fn a_machine_is_started_and_stopped_and_it_is_waited_for() {
    for (skill, before, after) in [("start", "TERMINATED", "RUNNING"), ("stop", "RUNNING", "TERMINATED")] {
        let (_host, log) = machine(before, json!({}));
        let begun = time::now();
        let told = perform(skill, input(json!({ "dry_run": false })));
        assert_eq!(
            (&told["before"]["state"], &told["after"]["state"], &told["steps"][0]["done"]),
            (&json!(before), &json!(after), &json!(true))
        );
        assert_eq!(methods(&log), [skill]);
        assert!(time::now() > begun, "the operation was waited for");
    }
}

#[test]
fn what_is_as_it_shall_be_is_left_alone() {
    for (skill, state, more) in [
        ("start", "RUNNING", json!({})),
        ("stop", "TERMINATED", json!({})),
        ("resize", "RUNNING", json!({ "machine_type": "e2-standard-2" })),
    ] {
        let (_host, log) = machine(state, json!({}));
        let mut asked = json!({ "dry_run": false });
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let told = perform(skill, input(asked));
        assert_eq!((&told["steps"], log.borrow().len()), (&json!([]), 0), "{skill}");
    }
}

#[test]
fn a_machine_that_runs_is_resized_only_where_it_may_be_restarted() {
    let asked = |more: Value| {
        let mut asked = json!({ "machine_type": "e2-standard-8", "dry_run": false });
        asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input(asked)
    };
    let (_host, log) = machine("RUNNING", json!({}));
    let failure = refusal("resize", asked(json!({})));
    assert!(failure.to_string().contains("restart: true"), "{failure}");
    assert_eq!(log.borrow().len(), 0);
    let told = perform("resize", asked(json!({ "restart": true })));
    assert_eq!(methods(&log), ["stop", "setMachineType", "start"]);
    assert_eq!(log.borrow()[1].1, json!({ "machineType": "zones/us-east1-b/machineTypes/e2-standard-8" }));
    assert_eq!(told["after"], json!({ "state": "RUNNING", "machine_type": "e2-standard-8" }));
    let ids: std::collections::BTreeSet<String> = log.borrow().iter().map(|(.., id)| id.clone()).collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| id.len() == 36 && id.as_bytes()[14] == b'8'), "{ids:?}");
    let (_host, log) = machine("TERMINATED", json!({}));
    perform("resize", asked(json!({})));
    assert_eq!(methods(&log), ["setMachineType"], "one that does not run stays so");
}

#[test]
fn a_machine_is_not_stopped_for_a_type_that_its_zone_does_not_have() {
    let resize = |status: u16, machine_type: &str, dry_run: bool| {
        let kind = format!("{ZONE}/machineTypes/{machine_type}");
        let host = cloud(move |asked| {
            if asked.path == kind {
                return Some(error(status, if status == 404 { "NOT_FOUND" } else { "PERMISSION_DENIED" }, None, "no"));
            }
            assert_eq!(asked.method, "GET", "nothing is done");
            Some(Answer::json(200, json!({ "name": "web", "status": "RUNNING", "machineType": "x/e2-standard-2" })))
        });
        let asked = input(json!({ "machine_type": machine_type, "restart": true, "dry_run": dry_run }));
        let told = troupe_sdk::test::perform::<troupe_agent_gcp::Gcp>("resize", asked);
        (told, host.sent().len())
    };
    for dry_run in [true, false] {
        let failure = resize(404, "e2-standrad-8", dry_run).0.expect_err("a failure");
        assert!(failure.to_string().contains("no machine type e2-standrad-8"), "{failure}");
    }
    let warnings = resize(403, "e2-standard-8", true).0.expect("a plan")["warnings"].clone();
    assert!(warnings[0].as_str().unwrap().contains("could not be asked: PERMISSION_DENIED"), "{warnings}");
    let (told, asked) = resize(404, "n2-custom-4-8192", true);
    assert_eq!((&told.expect("a plan")["warnings"], asked), (&json!([]), 1), "those of one's own are in no list");
}

#[test]
fn a_request_that_is_sent_again_is_known_again_and_one_that_is_meant_anew_is_not() {
    let ids = |started: &str| {
        let (_host, log) = machine("RUNNING", json!({ "lastStartTimestamp": started }));
        perform("stop", input(json!({ "dry_run": false })));
        log.borrow()[0].2.clone()
    };
    assert_eq!(ids("2025-01-01T00:00:00Z"), ids("2025-01-01T00:00:00Z"));
    assert_ne!(ids("2025-01-01T00:00:00Z"), ids("2025-01-02T00:00:00Z"));
}

#[test]
fn whoever_approves_is_told_what_would_be_lost() {
    let (_host, _) = machine(
        "RUNNING",
        json!({
            "disks": [{ "type": "SCRATCH" }], "networkInterfaces": [{ "accessConfigs": [{ "natIP": "203.0.113.1" }] }],
            "metadata": { "items": [{ "key": "created-by", "value": "projects/1/zones/us-east1-b/instanceGroupManagers/group" }] },
        }),
    );
    let warnings = perform("stop", input(json!({})))["warnings"].clone();
    let all = warnings.to_string();
    assert_eq!(warnings.as_array().unwrap().len(), 3, "{warnings:#}");
    assert!(all.contains("local disks") && all.contains("`group`") && all.contains("public address"), "{all}");
}

#[test]
fn a_machine_between_states_is_left_alone() {
    let (_host, log) = machine("STOPPING", json!({}));
    let failure = refusal("start", input(json!({ "dry_run": false })));
    assert!(failure.to_string().contains("STOPPING"), "{failure}");
    assert_eq!(log.borrow().len(), 0);
}

#[test]
fn an_operation_that_fails_says_so_and_what_was_done_before() {
    let _host = cloud(|asked| {
        if asked.path.ends_with("/setMachineType") {
            return Some(Answer::json(200, json!({ "name": "operation-2", "status": "RUNNING" })));
        }
        if asked.path.ends_with("/operations/operation-2") {
            let error =
                json!({ "errors": [{ "code": "ZONE_RESOURCE_POOL_EXHAUSTED", "message": "there is none left" }] });
            return Some(Answer::json(200, json!({ "name": "operation-2", "status": "DONE", "error": error })));
        }
        if asked.method == "POST" || asked.path.contains("/operations/") {
            return Some(Answer::json(200, json!({ "name": "operation-1", "status": "DONE" })));
        }
        Some(Answer::json(200, json!({ "name": "web", "status": "RUNNING", "machineType": "x/e2-standard-2" })))
    });
    let asked = input(json!({ "machine_type": "a3-megagpu-8g", "restart": true, "dry_run": false }));
    let Failure::Failed(problem) = refusal("resize", asked) else { panic!("it failed") };
    assert!(problem.message.starts_with("ZONE_RESOURCE_POOL_EXHAUSTED"), "{}", problem.message);
    assert_eq!(problem.details.unwrap()["done"], json!(["stop web"]));
}

#[test]
fn what_has_begun_and_is_not_over_in_time_is_said_to_go_on() {
    let deadline = time::now() + Duration::from_secs(120);
    let _host = cloud(|asked| {
        let is_ours = asked.method == "POST" || asked.path.contains("/operations/");
        let answer = if is_ours {
            json!({ "name": "operation-1", "status": "RUNNING" })
        } else {
            json!({ "name": "web", "status": "RUNNING", "machineType": "x/e2-standard-2" })
        };
        Some(Answer::json(200, answer))
    })
    .deadline(deadline);
    let failure = refusal("stop", input(json!({ "dry_run": false }))).to_string();
    assert!(failure.contains("operation-1 has begun and goes on") && failure.contains("deadline"), "{failure}");
    assert!(time::now() < deadline);
}

#[test]
fn what_google_denies_is_denied_and_what_is_no_name_is_not_asked() {
    let host = cloud(|_| Some(error(403, "PERMISSION_DENIED", None, "no")));
    assert!(matches!(refusal("stop", input(json!({}))), Failure::Denied(_)));
    assert_eq!(host.sent().len(), 1);
    for more in [json!({ "zone": "../x" }), json!({ "instance": "a/b" }), json!({ "project": "a/b" })] {
        assert!(matches!(refusal("stop", input(more)), Failure::InvalidInput(_)));
    }
    assert!(matches!(refusal("resize", input(json!({ "machine_type": "a/b" }))), Failure::InvalidInput(_)));
    assert_eq!(host.sent().len(), 1);
}
