//! Requests that the host tries again.

use std::net::TcpListener;

use serde_json::{Value, json};
use troupe_core::{Effect, Grants};
use troupe_sandbox::{Answer, Call};

use super::support::{Bench, http_rows};

fn api(retries: u8) -> Value {
    json!([{ "id": "api", "host": "api.example.com", "methods": ["GET", "POST"], "retries": retries }])
}

fn ask(method: &str, path: &str, headers: Value) -> Value {
    json!({ "method": method, "authority": "api.example.com", "path": path, "headers": headers })
}

fn get(path: &str) -> Value {
    ask("GET", path, json!([]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_was_not_served_is_tried_again_and_is_one_row_that_says_so() {
    for status in [429, 502, 503, 504] {
        let bench = Bench::new().await;
        let requests = json!({ "requests": [get(&format!("/busy/2/{status}"))] });
        let outcome = bench.outcome(api(3), "fetch", requests).await;
        assert_eq!((outcome.usage.http_requests, outcome.usage.http_retries), (3, 2));
        let output: Value = serde_json::from_str(&outcome.result.unwrap()).unwrap();
        assert_eq!((&output["answers"][0]["status"], &output["answers"][0]["body"]), (&json!(200), &json!("here")));
        assert_eq!(bench.server.requests().len(), 3);
        let [(call, answer)] = http_rows(&outcome.rows).try_into().unwrap();
        let answer = answer.unwrap();
        assert_eq!(call.url, format!("https://api.example.com/busy/2/{status}"));
        assert_eq!(answer.describe(), "200, 4 bytes, tried again 2 times");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guest_has_what_came_last_when_all_tries_are_used_up_and_may_ask_for_fewer() {
    let bench = Bench::new().await;
    for (granted, wish, tries) in [(2, None, 3), (2, Some("1"), 2), (2, Some("0"), 1), (1, Some("9"), 2), (0, None, 1)]
    {
        let before = bench.server.requests().len();
        let headers = wish.map_or(json!([]), |wish| json!([["troupe-retries", wish]]));
        // A target of its own, so that the server counts anew.
        let path = format!("/busy/9/503?x-turn={before}");
        let answer = bench.fetch(api(granted), json!([ask("GET", &path, headers)])).await.remove(0);
        assert_eq!((&answer["status"], &answer["body"]), (&json!(503), &json!("busy")));
        assert_eq!(bench.server.requests().len() - before, tries, "{granted} {wish:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_tried_again_under_a_token_of_the_host_s_alone_and_its_intent_stands_once() {
    for (headers, tries) in [
        (json!([]), 1),
        (json!([["troupe-repeatable", "true"], ["idempotency-key", "mine"]]), 1),
        (json!([["troupe-idempotency", "idempotency-key"]]), 3),
    ] {
        let bench = Bench::new().await;
        let outcome =
            bench.outcome(api(2), "fetch", json!({ "requests": [ask("POST", "/busy/2/503", headers)] })).await;
        outcome.result.unwrap();
        let sent = bench.server.requests();
        assert_eq!(sent.len(), tries);
        let mut tokens: Vec<&str> =
            sent.iter().filter_map(|sent| sent.split("idempotency-key: ").nth(1)?.split("\r\n").next()).collect();
        tokens.dedup();
        assert!(tokens.len() <= 1, "{tokens:?}");
        // Its intent before anything is sent, its end after all is over.
        let recorded = bench.recorded.lock().unwrap();
        let seen: Vec<usize> = recorded.iter().map(|recorded| recorded.requests_seen).collect();
        assert_eq!(seen, [0, tries]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_connection_came_about_for_is_tried_again() {
    let bench = Bench::new().await;
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let grants = json!([{ "id": "gone", "scheme": "http", "host": "127.0.0.1", "port": port, "retries": 2 }]);
    let request = json!({ "scheme": "http", "authority": format!("127.0.0.1:{port}"), "path": "/" });
    let outcome = bench.outcome(grants, "fetch", json!({ "requests": [request] })).await;
    assert_eq!((outcome.usage.http_requests, outcome.usage.http_retries), (3, 2));
    let [(_, answer)] = http_rows(&outcome.rows).try_into().unwrap();
    assert!(
        matches!(&answer, Some(Answer::HttpFailed(why)) if why.code == "unavailable.upstream" && !why.sent),
        "{answer:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_for_patience_gets_it_and_one_that_asks_for_too_much_is_not_asked_again() {
    let bench = Bench::new().await;
    let started = std::time::Instant::now();
    let answer = bench.fetch(api(1), json!([get("/busy/1/503?retry-after=1")])).await.remove(0);
    assert_eq!(answer["status"], 200);
    assert!(started.elapsed() >= std::time::Duration::from_secs(1));
    let answer = bench.fetch(api(3), json!([get("/busy/9/503?retry-after=3600")])).await.remove(0);
    assert_eq!(answer["status"], 503);
    assert_eq!(bench.server.requests().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_has_no_budget_is_not_made_and_the_answer_is_the_guest_s() {
    let bench = Bench::new().await;
    let mut grants = api(3);
    grants[0]["budget"] = json!({ "requests_per_minute": 2 });
    let answers = bench.fetch(grants, json!([get("/busy/9/503")])).await;
    assert_eq!((&answers[0]["status"], bench.server.requests().len()), (&json!(503), 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_goes_in_the_place_of_the_try_before_it() {
    let bench = Bench::new().await;
    let mut grants = api(2);
    grants[0]["budget"] = json!({ "requests_per_minute": 60, "concurrent": 1, "bytes_per_minute": 100_000 });
    let answers = bench.fetch(grants, json!([get("/busy/2/503")])).await;
    assert_eq!((&answers[0]["status"], bench.server.requests().len()), (&json!(200), 3));
}

/// What a guest is answered whose grants are cut while the host waits before another try, and
/// how many of its calls were denied.
async fn cut_in_a_pause(bench: &Bench, grants: Value, left: &Value) -> (Value, u64) {
    let invocation = bench.invocation(json!({ "http": grants }));
    let live = invocation.grants.clone();
    let left: Grants = serde_json::from_value(json!({ "http": left })).unwrap();
    let cut = async {
        while bench.server.requests().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        live.cut_to(&left);
    };
    let input = json!({ "requests": [get("/busy/9/503?retry-after=2")] });
    let (outcome, ()) = tokio::join!(bench.perform(invocation, "fetch", input), cut);
    let output: Value = serde_json::from_str(&outcome.result.unwrap()).unwrap();
    (output["answers"][0].clone(), outcome.usage.denied)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_is_taken_away_during_a_pause_ends_the_tries() {
    let bench = Bench::new().await;
    let (answer, denied) = cut_in_a_pause(&bench, api(3), &json!([])).await;
    assert_eq!((bench.server.requests().len(), denied), (1, 1));
    assert_eq!(answer["error"], "HttpRequestDenied");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_pause_a_request_goes_by_the_line_that_is_left_and_within_its_terms() {
    // The first of two lines, with the most tries, is taken away: the other one has a budget of
    // its own, for one request, and fewer tries.
    let two = |other: Value| {
        let mut grants = api(3);
        grants.as_array_mut().unwrap().push(other);
        grants
    };
    let other = |retries: u8| {
        json!({ "id": "other", "host": "api.example.com", "path_prefix": "/busy/", "retries": retries,
                "budget": { "requests_per_minute": 1 } })
    };
    let bench = Bench::new().await;
    let (answer, _) = cut_in_a_pause(&bench, two(other(2)), &json!([other(2)])).await;
    assert_eq!((&answer["status"], bench.server.requests().len()), (&json!(503), 2));
    let bench = Bench::new().await;
    let (answer, denied) = cut_in_a_pause(&bench, two(other(0)), &json!([other(0)])).await;
    assert_eq!((&answer["error"], denied), (&json!("HttpRequestDenied"), 1), "{answer}");
    assert_eq!(bench.server.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_tried_again_replays_from_its_one_row() {
    let bench = Bench::new().await;
    let input = json!({ "requests": [get("/busy/1/503")] });
    let outcome = bench.outcome(api(2), "fetch", input.clone()).await;
    let output = outcome.result.unwrap();
    assert!(outcome.rows.iter().any(|row| matches!(Call::decode(&row.call), Ok(Call::Http(_)))));
    let mut invocation = bench.invocation(json!({ "http": api(2) }));
    invocation.recording = Some(troupe_sandbox::Recording::new(outcome.rows, troupe_sandbox::Then::Stop));
    let again = bench.perform(invocation, "fetch", input).await;
    assert_eq!((again.result.unwrap(), again.usage.http_requests), (output, 0));
    assert_eq!(bench.server.requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_of_reading_makes_a_post_safe_to_repeat_and_a_ceiling_still_holds() {
    let mut bench = Bench::new().await;
    bench.ceiling = Effect::Read;
    let mut grants = api(1);
    grants[0]["effect"] = "read".into();
    let answers = bench.fetch(grants, json!([ask("POST", "/busy/1/503", json!([]))])).await;
    assert_eq!((&answers[0]["status"], bench.server.requests().len()), (&json!(200), 2));
}
