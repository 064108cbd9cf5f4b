//! How much is sent, kept and open at once.

use serde_json::{Value, json};
use troupe_core::{Code, Grants, limits};
use troupe_sandbox::{Answer, LogOrigin};

use super::support::{Bench, http_rows};

fn api() -> Value {
    json!([{ "id": "api", "host": "api.example.com", "methods": ["GET", "POST"] }])
}

fn get(path: &str) -> Value {
    json!({ "authority": "api.example.com", "path": path })
}

fn post(bytes: usize) -> Value {
    json!({ "method": "POST", "authority": "api.example.com", "path": "/", "body_bytes": bytes })
}

#[tokio::test(flavor = "multi_thread")]
async fn invocations_beyond_the_places_wait_their_turn() {
    let bench = Bench::new().await;
    let calls = (0..8).map(|_| bench.outcome(api(), "fetch", json!({ "requests": [get("/slow")] })));
    for outcome in futures::future::join_all(calls).await {
        outcome.result.unwrap();
    }
    assert_eq!(bench.server.open_most(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_fail_are_noted_by_the_host_up_to_a_bound() {
    let bench = Bench::new().await;
    let requests: Vec<Value> = (0..300).map(|_| json!({ "authority": "other.example.com", "path": "/" })).collect();
    bench.outcome(api(), "fetch", json!({ "requests": requests })).await.result.unwrap();
    let log = bench.log.lock().unwrap();
    let notes: Vec<_> = log.iter().filter(|record| record.origin == LogOrigin::Host).collect();
    assert!((limits::LOG_NOTES_BURST as usize..250).contains(&notes.len()), "{} notes", notes.len());
    let dropped: u64 = notes.iter().map(|note| note.dropped).sum();
    // The last of them says what was dropped at the end.
    assert_eq!(notes.len() as u64 - 1 + dropped, 300);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_requests_at_once_all_complete_and_take_turns() {
    let bench = Bench::new().await;
    let requests: Vec<Value> = (0..100).map(|_| get("/slow")).collect();
    let input = json!({ "requests": requests });
    let outcome = bench.outcome(api(), "fetch", input).await;
    let output: Value = serde_json::from_str(&outcome.result.unwrap()).unwrap();
    assert!(output["answers"].as_array().unwrap().iter().all(|answer| answer["status"] == 200));
    assert_eq!(bench.server.requests().len(), 100);
    assert!((2..=limits::HTTP_EXCHANGES_PER_INVOCATION_MAX).contains(&bench.server.open_most()));
    assert_eq!(http_rows(&outcome.rows).len(), 100);
    assert_eq!((outcome.usage.http_requests, outcome.usage.http_bytes_received), (100, 400));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_for_its_turn_is_judged_by_the_grants_of_then() {
    let bench = Bench::new().await;
    let most = limits::HTTP_EXCHANGES_PER_INVOCATION_MAX;
    let requests: Vec<Value> = (0..most + 8).map(|_| get("/slow/1000")).collect();
    let invocation = bench.invocation(json!({ "http": api() }));
    let live = invocation.grants.clone();
    let cut = async {
        while bench.server.requests().len() < most {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        live.cut_to(&Grants::default());
    };
    let (outcome, ()) = tokio::join!(bench.perform(invocation, "fetch", json!({ "requests": requests })), cut);
    let output: Value = serde_json::from_str(&outcome.result.unwrap()).unwrap();
    let answers = output["answers"].as_array().unwrap();
    let count = |is: &dyn Fn(&Value) -> bool| answers.iter().filter(|answer| is(answer)).count();
    assert_eq!(count(&|answer| answer["status"] == 200), most, "{answers:?}");
    assert_eq!(count(&|answer| answer["error"] == "HttpRequestDenied"), 8, "{answers:?}");
    assert_eq!(bench.server.requests().len(), most);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_at_the_cap_is_sent_and_a_larger_one_is_not() {
    let bench = Bench::new().await;
    let most = limits::HTTP_REQUEST_BODY_BYTES_MAX;
    let answers = bench.fetch(api(), json!([post(most)])).await;
    assert_eq!(answers[0]["status"], 200);
    let answers = bench.fetch(api(), json!([post(most + 1)])).await;
    assert_eq!(answers[0]["error"], "HttpRequestBodySize");
    assert_eq!(bench.server.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_cannot_make_the_host_hold_bodies_without_end() {
    let bench = Bench::new().await;
    // What is refused is held no longer, however much of it there was.
    for _ in 0..4 {
        let requests: Vec<Value> = (0..2).map(|_| post(limits::HTTP_REQUEST_BODY_BYTES_MAX * 3 / 2)).collect();
        let answers = bench.fetch(api(), requests.into()).await;
        assert!(answers.iter().all(|answer| answer["error"] == "HttpRequestBodySize"), "{answers:?}");
    }
    let refused: Vec<Value> = (0..6).map(|_| post(limits::HTTP_REQUEST_BODY_BYTES_MAX)).collect();
    let answers = bench.fetch(json!([]), refused.into()).await;
    assert!(answers.iter().all(|answer| answer["error"] == "HttpRequestDenied"), "{answers:?}");
    let unsent: Vec<Value> = (0..40).map(|_| post(2 << 20)).collect();
    let outcome = bench.outcome(api(), "hoard", json!({ "requests": unsent })).await;
    assert_eq!(outcome.result.unwrap_err().code, Code::LimitTransfer);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_answer_streams_and_is_not_in_the_journal() {
    let bench = Bench::new().await;
    let kept = limits::HTTP_KEPT_BODY_BYTES_MAX;
    for (bytes, whole) in [(kept, true), (kept + 1, false), (20 << 20, false), (0, true)] {
        let input = json!({ "requests": [get(&format!("/bytes/{bytes}"))] });
        let outcome = bench.outcome(api(), "fetch", input).await;
        let output: Value = serde_json::from_str(&outcome.result.unwrap()).unwrap();
        assert_eq!(output["answers"][0]["body_bytes"], bytes);
        let rows = http_rows(&outcome.rows);
        match &rows[0].1 {
            Some(Answer::Http(answer)) => assert!(whole && answer.body.len() == bytes),
            Some(Answer::HttpStreamed(answer)) => assert!(!whole && answer.status == 200),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn journal_rows_do_not_pile_up_in_memory() {
    let bench = Bench::new().await;
    let requests: Vec<Value> = (0..24).map(|_| get("/bytes/900000")).collect();
    let outcome = bench.outcome(api(), "fetch", json!({ "requests": requests })).await;
    outcome.result.unwrap();
    let recorded: usize = bench.recorded.lock().unwrap().iter().map(|recorded| http_rows(&recorded.rows).len()).sum();
    let last = http_rows(&outcome.rows).len();
    assert!(recorded > 0 && recorded + last == 24, "{recorded} + {last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_written_before_its_request_is_sent_never_waits_however_small_the_pieces() {
    let bench = Bench::new().await;
    let most = limits::HTTP_REQUEST_BODY_BYTES_MAX;
    let early = |bytes: usize, piece: usize| {
        let mut request = post(bytes);
        request["early_bytes"] = piece.into();
        request
    };
    for (bytes, piece) in [(2 << 20, 4096), (100_000, 7), (most, 4096)] {
        let answers = bench.fetch(api(), json!([early(bytes, piece)])).await;
        assert_eq!(answers[0]["status"], 200, "{bytes} in {piece}");
    }
    let seen = bench.server.requests();
    assert!(seen[1].ends_with(&"x".repeat(100_000)) && seen[1].contains("content-length: 100000\r\n"));
    for bytes in [most + 1, most + (2 << 20)] {
        let answers = bench.fetch(api(), json!([early(bytes, 4096)])).await;
        assert_eq!(answers[0]["error"], "HttpRequestBodySize");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_stream_take_up_places_until_they_are_read() {
    let bench = Bench::new().await;
    let bytes = 6 << 20;
    let requests: Vec<Value> = (0..24).map(|_| get(&format!("/bytes/{bytes}"))).collect();
    let answers = bench.fetch(api(), requests.into()).await;
    assert!(answers.len() == 24 && answers.iter().all(|answer| answer["body_bytes"] == bytes), "{answers:?}");
    assert!(bench.server.open_most() <= limits::HTTP_EXCHANGES_PER_INVOCATION_MAX, "{}", bench.server.open_most());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_unread_is_bounded_and_the_rest_streams() {
    let bench = Bench::new().await;
    let bytes = 900_000;
    let requests: Vec<Value> = (0..48).map(|_| get(&format!("/bytes/{bytes}"))).collect();
    let outcome = bench.outcome(api(), "fetch", json!({ "requests": requests, "wait_ms": 3_000 })).await;
    let output: Value = serde_json::from_str(&outcome.result.unwrap()).unwrap();
    assert!(output["answers"].as_array().unwrap().iter().all(|answer| answer["body_bytes"] == bytes));
    let mut rows: Vec<_> = bench.recorded.lock().unwrap().iter().flat_map(|recorded| recorded.rows.clone()).collect();
    rows.extend(outcome.rows);
    let streamed =
        http_rows(&rows).iter().filter(|(_, answer)| matches!(answer, Some(Answer::HttpStreamed(_)))).count();
    assert!(streamed > 0, "all were held");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_whose_answers_nobody_takes_do_not_pile_up() {
    let bench = Bench::new().await;
    let denied = json!([get(&format!("/{}", "p".repeat(60_000)))]);
    // What is let go of is a row of the journal; what is kept is bounded.
    let input = |keep: bool| json!({ "requests": denied, "times": 1_500, "keep": keep, "wait_ms": 1 });
    let outcome = bench.outcome(json!([]), "abandon", input(false)).await;
    assert_eq!(outcome.result.unwrap(), "1500");
    let recorded: usize = bench.recorded.lock().unwrap().iter().map(|recorded| recorded.rows.len()).sum();
    assert!(recorded + outcome.rows.len() > 1_300, "{recorded}");
    let error = bench.outcome(json!([]), "abandon", input(true)).await.result.unwrap_err();
    assert_eq!(error.code, Code::LimitTransfer, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_cannot_make_the_host_hold_heads_without_end() {
    let bench = Bench::new().await;
    let long = get(&format!("/{}", "p".repeat(60_000)));
    let requests: Vec<Value> = (0..900).map(|_| long.clone()).collect();
    let error = bench.outcome(api(), "hoard", json!({ "requests": requests })).await.result.unwrap_err();
    assert_eq!(error.code, Code::LimitTransfer);
    assert!(error.message.contains("headers and addresses"), "{error}");
}
