//! Requests and answers, waiting and trying again, on the test host.

use std::time::Duration;

use serde_json::{Value, json};
use troupe_sdk::http::{self, Again, HttpError, Retry};
use troupe_sdk::prelude::*;
use troupe_sdk::test::{Answer, Host, Sent};

const URL: &str = "https://api.example.com/things";

#[test]
fn a_request_is_sent_as_it_was_built() {
    let host =
        Host::start().respond("POST", |url: &str| url.contains("/things"), Answer::json(201, json!({ "id": 7 })));
    let answer = http::post(URL)
        .query("name", "a b&c")
        .query("page", 2)
        .header("accept", "application/json")
        .json(&json!({ "size": 1 }))
        .credential("token:shop")
        .idempotency("idempotency-key")
        .retries(0)
        .send()
        .wait()
        .unwrap();
    assert_eq!((answer.status(), answer.header("Content-Type")), (201, Some("application/json")));
    assert_eq!(answer.json::<Value>(), Ok(json!({ "id": 7 })));
    let [Sent { method, url, headers, body }] = host.sent().try_into().unwrap();
    assert_eq!((method.as_str(), url.as_str()), ("POST", "https://api.example.com/things?name=a%20b%26c&page=2"));
    assert_eq!(body, br#"{"size":1}"#);
    let headers: Vec<_> = headers.iter().collect();
    assert_eq!(
        headers,
        [
            ("accept", "application/json"),
            ("content-type", "application/json"),
            ("troupe-credential", "token:shop"),
            ("troupe-idempotency", "idempotency-key"),
            ("troupe-retries", "0"),
        ]
    );
}

#[test]
fn a_form_is_escaped_and_says_that_it_is_one() {
    let host = Host::start().respond("POST", URL, Answer::new(200));
    http::post(URL).form([("Action", "Describe"), ("Filter.1.Value", "a=b&c*")]).send().wait().unwrap();
    let sent = &host.sent()[0];
    assert_eq!(sent.text(), "Action=Describe&Filter.1.Value=a%3Db%26c%2A");
    assert_eq!(sent.headers.get("content-type"), Some("application/x-www-form-urlencoded; charset=utf-8"));
}

#[test]
fn an_address_that_cannot_be_sent_is_refused_by_name() {
    let _host = Host::start();
    for (url, why) in [
        ("ftp://a", "does not begin with"),
        ("https://", "names no host"),
        ("https://a/b c", "holds a space"),
        ("https://a/b#c", "fragment"),
        ("https://a?b", "no path"),
    ] {
        let error = http::get(url).send().wait().unwrap_err();
        assert!(matches!(&error, HttpError::Invalid(message) if message.contains(why)), "{url}: {error}");
    }
}

#[test]
fn what_no_script_answers_is_denied_and_fails_as_denied() {
    let _host = Host::start();
    let error = http::get(format!("{URL}?key=secret")).send().wait().unwrap_err();
    assert!(error.message().starts_with("GET https://api.example.com/things: "), "{error}");
    assert!(matches!(Failure::from(error), Failure::Denied(_)));
}

#[test]
fn an_answer_that_is_no_success_becomes_the_failure_its_caller_can_act_on() {
    let _host = Host::start().respond_once("GET", URL, Answer::text(404, "no such thing")).respond_once(
        "GET",
        URL,
        Answer::new(503).header("retry-after", "7"),
    );
    let missing = http::get(URL).send().wait().unwrap().success().unwrap_err();
    assert_eq!(missing.to_string(), "GET https://api.example.com/things: status 404: no such thing");
    assert!(matches!(Failure::from(missing), Failure::Failed(_)));
    let busy = http::get(URL).send().wait().unwrap().success().unwrap_err();
    assert_eq!(busy.again(), Again::After(Duration::from_secs(7)));
    let Failure::Unavailable(later) = Failure::from(busy) else { panic!("a busy server may be asked again") };
    assert_eq!(later.retry_after, Some(Duration::from_secs(7)));
}

#[test]
fn an_answer_that_does_not_fit_names_request_and_place() {
    let _host = Host::start().respond("GET", URL, Answer::json(200, json!({ "id": "x" })));
    #[derive(Debug, Deserialize)]
    struct Thing {
        #[expect(dead_code, reason = "only its reading is looked at")]
        id: u32,
    }
    let failure = http::get(URL).send().wait().unwrap().json::<Thing>().unwrap_err();
    assert_eq!(
        failure.to_string(),
        "GET https://api.example.com/things: the answer does not fit: `id`: invalid type: string \"x\", expected u32 at \
         line 1 column 9"
    );
}

#[test]
fn a_body_beyond_the_cap_is_too_large_and_can_still_be_read_in_pieces() {
    let _host = Host::start().respond("GET", URL, Answer::new(200).chunk("12345").chunk("").chunk("67890"));
    let error = http::get(URL).body_bytes_max(9).send().wait().unwrap_err();
    assert!(matches!(error, HttpError::TooLarge(_)), "{error:?}");
    assert_eq!(http::get(URL).body_bytes_max(10).send().wait().unwrap().bytes(), b"1234567890");

    let mut opened = http::get(URL).body_bytes_max(1).open().wait().unwrap();
    let mut pieces = Vec::new();
    while let Some(piece) = opened.chunk().wait().unwrap() {
        pieces.push(piece);
    }
    assert_eq!((opened.status(), pieces), (200, vec![b"12345".to_vec(), b"67890".to_vec()]));
}

#[test]
fn a_timeout_ends_the_wait_and_the_request() {
    let _host = Host::start().respond("GET", URL, Answer::new(200).after(Duration::from_secs(5)));
    let start = time::now();
    let error = http::get(URL).timeout(Duration::from_secs(2)).send().wait().unwrap_err();
    assert!(matches!(error, HttpError::Timeout(_)), "{error:?}");
    assert_eq!(time::now(), start + Duration::from_secs(2));
    assert!(http::get(URL).timeout(Duration::from_secs(6)).send().wait().is_ok());
}

#[test]
fn requests_are_under_way_together_and_answered_in_order() {
    let host = Host::start().respond_by(|sent| {
        let number: u64 = sent.url.rsplit('/').next()?.parse().ok()?;
        Some(Answer::text(200, number.to_string()).after(Duration::from_secs(10 - number)))
    });
    let start = time::now();
    let ask = |number: u64| http::get(format!("https://api.example.com/{number}")).send();
    let answers = wait::all((0..10).map(ask)).wait();
    let texts: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().text().unwrap().to_owned()).collect();
    assert_eq!(texts, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    assert_eq!((time::now(), host.in_flight_most()), (start + Duration::from_secs(10), 10));
}

#[test]
fn no_more_are_under_way_than_allowed() {
    let delayed = || Answer::new(200).after(Duration::from_secs(1));
    let host = Host::start().respond("GET", URL, delayed());
    let start = time::now();
    wait::at_most(4, (0..10).map(|_| http::get(URL).send())).wait();
    assert_eq!((time::now(), host.in_flight_most()), (start + Duration::from_secs(3), 4));

    let host = Host::start().respond("GET", URL, delayed());
    let turns = wait::Turns::new(3);
    let ask = async || {
        let _turn = turns.take().await;
        http::get(URL).send().await.unwrap();
    };
    let group = async || wait::all((0..5).map(|_| ask())).await;
    wait::all((0..2).map(|_| group())).wait();
    assert_eq!((time::now(), host.in_flight_most()), (start + Duration::from_secs(4), 3));
}

#[test]
fn a_try_is_made_again_later_and_later_within_the_bounds() {
    let host = Host::start().respond("GET", URL, Answer::new(503));
    let retry = Retry { tries: 6, first: Duration::from_secs(1), most: Duration::from_secs(4), until: None };
    let start = time::now();
    let error = retry.run(async || http::get(URL).send().await?.success(), HttpError::again).wait().unwrap_err();
    assert!(matches!(error, HttpError::Status { status: 503, .. }));
    assert_eq!(host.sent().len(), 6);
    let waited = time::now().duration_since(start).unwrap();
    assert!(waited > Duration::ZERO && waited <= Duration::from_secs(1 + 2 + 4 + 4 + 4), "{waited:?}");
}

#[test]
fn what_would_fail_again_is_tried_once() {
    let host = Host::start().respond("GET", URL, Answer::new(403));
    let ask = async || http::get(URL).send().await?.success();
    Retry::default().run(ask, HttpError::again).wait().unwrap_err();
    assert_eq!(host.sent().len(), 1);
}

#[test]
fn a_wait_past_the_deadline_is_not_begun() {
    for asked in ["60", "18446744073709551615"] {
        let host = Host::start().respond("GET", URL, Answer::new(503).header("retry-after", asked));
        let host = host.deadline(time::now() + Duration::from_secs(30));
        let start = time::now();
        let ask = async || http::get(URL).send().await?.success();
        Retry::default().run(ask, HttpError::again).wait().unwrap_err();
        assert_eq!((host.sent().len(), time::now()), (1, start));
    }
}

#[test]
fn trying_again_ends_when_it_is_told_to() {
    let host = Host::start().respond("GET", URL, Answer::new(503).header("retry-after", "10"));
    let start = time::now();
    let retry = Retry { until: Some(start + Duration::from_secs(25)), ..Retry::default() };
    retry.run(async || http::get(URL).send().await?.success(), HttpError::again).wait().unwrap_err();
    assert_eq!(host.sent().len(), 3);
    assert!(time::now() < start + Duration::from_secs(25));
}

#[test]
fn others_go_on_while_one_waits_to_try_again() {
    let _host = Host::start()
        .respond_once("GET", URL, Answer::new(503).header("retry-after", "30"))
        .respond("GET", URL, Answer::text(200, "late"))
        .respond("GET", "https://api.example.com/other", Answer::text(200, "soon").after(Duration::from_secs(1)));
    let start = time::now();
    let slow = async { Retry::default().run(async || http::get(URL).send().await?.success(), HttpError::again).await };
    let quick = async {
        http::get("https://api.example.com/other").send().await.unwrap();
        time::now().duration_since(start).unwrap()
    };
    let (late, quick) = wait::both(slow, quick).wait();
    assert_eq!(late.unwrap().text(), Ok("late"));
    assert_eq!(quick, Duration::from_secs(1));
}
