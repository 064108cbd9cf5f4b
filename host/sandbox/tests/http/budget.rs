//! Requests beyond what a line allows in a minute or at once.

use serde_json::{Value, json};
use troupe_core::Grants;
use troupe_sandbox::{Answer, Invocation, LiveGrants};

use super::support::{Bench, http_rows, sentence};

fn api(budget: Value) -> Value {
    json!([{ "id": "api", "host": "api.example.com", "methods": ["GET", "POST"], "budget": budget }])
}

fn get(path: &str) -> Value {
    json!({ "authority": "api.example.com", "path": path, "headers": [["troupe-explain", "true"]] })
}

fn statuses(output: &str) -> Vec<u16> {
    let output: Value = serde_json::from_str(output).unwrap();
    let answers = output["answers"].as_array().unwrap();
    answers.iter().filter_map(|answer| answer["status"].as_u64()).map(|status| status as u16).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_beyond_a_minutes_worth_are_refused_at_once_and_recorded() {
    let bench = Bench::new().await;
    let requests: Vec<Value> = (0..5).map(|_| get("/")).collect();
    let outcome =
        bench.outcome(api(json!({ "requests_per_minute": 3 })), "fetch", json!({ "requests": requests })).await;
    assert_eq!((outcome.usage.http_requests, outcome.usage.http_over_budget), (3, 2));
    let refused: Vec<_> = http_rows(&outcome.rows)
        .into_iter()
        .filter_map(|(_, answer)| match answer {
            Some(Answer::HttpFailed(why)) => Some((why.code, why.sent)),
            _ => None,
        })
        .collect();
    assert_eq!(refused, [("limit.budget".to_owned(), false), ("limit.budget".to_owned(), false)]);
    assert_eq!(statuses(&outcome.result.unwrap()), [200; 3]);
    assert_eq!(bench.server.requests().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_is_told_which_line_and_when_and_other_libraries_a_standard_code() {
    let bench = Bench::new().await;
    let grants = api(json!({ "requests_per_minute": 1 }));
    let plain = json!({ "authority": "api.example.com", "path": "/" });
    // Whichever of them is served, one of each kind is not.
    let answers = bench.fetch(grants, json!([get("/"), get("/"), plain, plain])).await;
    let told = sentence(answers.iter().find(|answer| answer["sentence"].is_string()).unwrap());
    let (before, after) = told.split_once("; try again in ").unwrap();
    assert_eq!(before, "limit.budget: the budget of the grant `http/api`, 1 requests a minute, is used up for now");
    let ms: u64 = after.strip_suffix(" ms").unwrap().parse().unwrap();
    assert!((1..=60_000).contains(&ms), "{ms}");
    assert!(answers.iter().any(|answer| answer["error"] == "ConnectionLimitReached"), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_invocation_used_the_next_does_not_have() {
    let bench = Bench::new().await;
    let grants: Grants = serde_json::from_value(json!({ "http": api(json!({ "requests_per_minute": 2 })) })).unwrap();
    let live = LiveGrants::new(grants.clone());
    // Another route of the same agent, and another agent.
    let swapped = LiveGrants::drawing_on(grants.clone(), live.budgets().clone());
    for (grants, served) in [(live.clone(), 1), (live, 1), (swapped, 0), (LiveGrants::new(grants), 1)] {
        let invocation = Invocation { grants, ..bench.invocation(json!({})) };
        let outcome = bench.perform(invocation, "fetch", json!({ "requests": [get("/")] })).await;
        assert_eq!(statuses(&outcome.result.unwrap()).len(), served);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_at_once_go_and_the_others_do_not_wait() {
    let bench = Bench::new().await;
    let requests: Vec<Value> = (0..6).map(|_| get("/slow/1500")).collect();
    let grants = api(json!({ "concurrent": 2 }));
    let outcome = bench.outcome(grants.clone(), "fetch", json!({ "requests": requests })).await;
    assert_eq!(outcome.usage.http_over_budget, 4);
    assert_eq!(statuses(&outcome.result.unwrap()), [200; 2]);
    assert_eq!(bench.server.open_most(), 2);
    // One that was read gives its place back.
    let one_by_one = json!({ "requests": [get("/"), get("/"), get("/"), get("/")] });
    let outcome = bench.outcome(grants, "one_by_one", one_by_one).await;
    assert_eq!(outcome.result.unwrap(), "[200,200,200,200]");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_goes_beyond_the_budget_of_bytes_is_cut_off_there() {
    let bench = Bench::new().await;
    let grants = || api(json!({ "bytes_per_minute": 100_000 }));
    let told = sentence(&bench.fetch(grants(), json!([get("/bytes/900000")])).await[0]);
    assert!(told.starts_with("limit.budget: the budget of the grant `http/api`, 100000 bytes a minute,"), "{told}");
    // One that streams is cut off in its middle.
    let kept = api(json!({ "bytes_per_minute": 2 << 20 }));
    let answer = bench.fetch(kept, json!([get("/bytes/9000000")])).await.remove(0);
    let read = answer["body_bytes"].as_u64().unwrap();
    assert!(answer["status"] == 200 && read < 3 << 20, "{read}");
    assert!(answer["error"].as_str().unwrap().starts_with("guest: body"), "{answer}");
    // What is sent counts, and is known before.
    let post = json!({
        "method": "POST", "authority": "api.example.com", "path": "/", "body_bytes": 200_000,
        "headers": [["troupe-explain", "true"]],
    });
    let before = bench.server.requests().len();
    let told = sentence(&bench.fetch(grants(), json!([post])).await[0]);
    assert!(told.contains("send less, or have the operator grant more"), "{told}");
    assert_eq!(bench.server.requests().len(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_lines_that_allow_a_request_the_one_that_has_room_is_used() {
    let bench = Bench::new().await;
    let line = |id: &str, count: u32, path: &str| json!({ "id": id, "host": "api.example.com", "path_prefix": path, "budget": { "requests_per_minute": count } });
    let grants = json!([line("all", 2, "/"), line("some", 1, "/some/")]);
    let requests: Vec<Value> = ["/some/a", "/some/b", "/some/c", "/some/d"].map(get).into();
    let outcome = bench.outcome(grants, "fetch", json!({ "requests": requests })).await;
    assert_eq!((outcome.usage.http_requests, outcome.usage.http_over_budget), (3, 1));
}
