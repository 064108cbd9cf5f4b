//! What the journal holds, and when.

use std::time::Duration;

use serde_json::{Value, json};
use troupe_core::{Code, Effect};
use troupe_sandbox::{Answer, Call, HttpBody};

use super::support::{Bench, http_rows};

fn api() -> Value {
    json!([{ "id": "api", "host": "api.example.com", "methods": ["GET", "POST"] }])
}

fn post(headers: Value) -> Value {
    json!({ "method": "POST", "authority": "api.example.com", "path": "/a?b", "body": "hello", "headers": headers })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_waits_for_the_next_commit_with_its_answer_as_the_guest_saw_it() {
    let bench = Bench::new().await;
    let request = json!({ "authority": "api.example.com", "path": "/a?b", "headers": [["x-mine", "1"]] });
    let outcome = bench.outcome(api(), "fetch", json!({ "requests": [request] })).await;
    let output: Value = serde_json::from_str(&outcome.result.unwrap()).unwrap();
    assert!(bench.recorded.lock().unwrap().is_empty());
    let (call, Some(Answer::Http(answer))) = http_rows(&outcome.rows).remove(0) else { panic!("no answer") };
    assert_eq!((call.method.as_str(), call.url.as_str()), ("GET", "https://api.example.com/a?b"));
    assert_eq!(call.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["x-mine"]);
    assert_eq!(
        (answer.status, &*String::from_utf8(answer.body).unwrap()),
        (200, output["answers"][0]["body"].as_str().unwrap())
    );
    assert!(!outcome.rows[0].write);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_outside_is_in_the_journal_before_it_is_sent_and_its_answer_before_it_is_seen() {
    let bench = Bench::new().await;
    let outcome = bench.outcome(api(), "fetch", json!({ "requests": [post(json!([]))] })).await;
    outcome.result.unwrap();
    let [intent, result] = bench.recorded.lock().unwrap().clone().try_into().unwrap();
    assert_eq!((intent.requests_seen, result.requests_seen), (0, 1));
    let [intent] = intent.rows.try_into().unwrap();
    assert!(intent.write && intent.answer.is_empty());
    let Ok(Call::Http(call)) = Call::decode(&intent.call) else { panic!("no call") };
    assert_eq!(call.body, HttpBody::Whole(b"hello".to_vec().into()));
    assert_eq!(Call::Http(call).describe(), "http POST https://api.example.com/a?b");
    let [result] = result.rows.try_into().unwrap();
    assert_eq!((result.number, result.call.len()), (intent.number, 0));
    assert!(matches!(Answer::decode(&result.answer), Ok(Answer::Http(answer)) if answer.status == 200));
    let [delivery] = outcome.rows.try_into().unwrap();
    assert_eq!(Answer::decode(&delivery.answer).ok(), Some(Answer::Completed(intent.number)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_cannot_be_journalled_is_not_sent_and_ends_the_invocation() {
    let mut bench = Bench::new().await;
    bench.commits_max = 0;
    let outcome = bench.outcome(api(), "fetch", json!({ "requests": [post(json!([]))] })).await;
    assert_eq!(outcome.result.unwrap_err().code, Code::StaleEpoch);
    assert_eq!(bench.server.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_the_host_s_is_the_same_when_the_invocation_runs_again() {
    let bench = Bench::new().await;
    let request = || post(json!([["troupe-idempotency", "Idempotency-Key"]]));
    for _ in 0..2 {
        let outcome = bench.outcome(api(), "fetch", json!({ "requests": [request(), request()] })).await;
        outcome.result.unwrap();
    }
    let tokens: Vec<String> = bench
        .server
        .requests()
        .iter()
        .map(|request| request.split("idempotency-key: ").nth(1).unwrap().split("\r\n").next().unwrap().to_owned())
        .collect();
    let mut distinct = tokens.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!((tokens.len(), distinct.len()), (4, 2));
    let rows: Vec<_> = bench.recorded.lock().unwrap().iter().flat_map(|recorded| recorded.rows.clone()).collect();
    assert!(http_rows(&rows).iter().all(|(call, _)| call.repeatable));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_journalled_and_counted() {
    let mut bench = Bench::new().await;
    bench.ceiling = Effect::Read;
    let outcome = bench.outcome(api(), "fetch", json!({ "requests": [post(json!([]))] })).await;
    assert_eq!(outcome.usage.denied, 1);
    let [(call, answer)] = http_rows(&outcome.rows).try_into().unwrap();
    assert_eq!(call.method, "POST");
    assert!(
        matches!(answer, Some(Answer::HttpFailed(why)) if why.code == "denied.capability" && why.message.contains("class write"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_guest_never_saw_has_no_answer() {
    let bench = Bench::new().await;
    for keep in [true, false] {
        let input = json!({ "requests": [slow("GET", 1), slow("GET", 5_000)], "wait_ms": 300, "keep": keep });
        let outcome = bench.outcome(api(), "abandon", input).await;
        assert_eq!(outcome.result.unwrap(), "2");
        let rows = http_rows(&outcome.rows);
        assert!(rows.len() == 2 && rows.iter().all(|(_, answer)| answer.is_none()), "{rows:?}");
    }
    assert!(bench.recorded.lock().unwrap().is_empty());
}

fn slow(method: &str, ms: u64) -> Value {
    json!({ "method": method, "authority": "api.example.com", "path": format!("/slow/{ms}") })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_the_guest_did_not_wait_for_has_its_answer_when_the_task_ends() {
    for keep in [true, false] {
        let bench = Bench::new().await;
        let input = json!({ "requests": [slow("POST", 900)], "wait_ms": 300, "keep": keep });
        let outcome = bench.outcome(api(), "abandon", input).await;
        assert_eq!(outcome.result.unwrap(), "1");
        let [_, result] = bench.recorded.lock().unwrap().clone().try_into().unwrap();
        assert!(
            matches!(Answer::decode(&result.rows.last().unwrap().answer), Ok(Answer::Http(answer)) if answer.body == b"slow"),
            "{result:?}"
        );
        assert!(http_rows(&outcome.rows).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_is_not_answered_by_the_deadline_leaves_doubt_though_the_guest_returned() {
    let mut bench = Bench::new().await;
    bench.time = Duration::from_millis(1_500);
    let input = json!({ "requests": [slow("POST", 20_000)], "wait_ms": 300 });
    let error = bench.outcome(api(), "abandon", input).await.result.unwrap_err();
    assert_eq!((error.code, &error.details["ended_by"]), (Code::InDoubt, &json!("limit.deadline")), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_could_not_be_committed_is_not_lost() {
    let mut bench = Bench::new().await;
    bench.commits_max = 1;
    let outcome = bench.outcome(api(), "fetch", json!({ "requests": [post(json!([]))] })).await;
    assert_eq!(outcome.result.unwrap_err().code, Code::StaleEpoch);
    let rows = http_rows(&outcome.rows);
    assert!(matches!(rows.as_slice(), [(_, Some(Answer::Http(answer)))] if answer.status == 200), "{rows:?}");
}
