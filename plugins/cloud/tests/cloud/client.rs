//! Patience, turns and time.

use std::time::Duration;

use troupe_cloud::{Budget, Client, Found, Steps};
use troupe_estate::{ProblemKind, Resource};
use troupe_sdk::http::{self, HttpError};
use troupe_sdk::prelude::*;
use troupe_sdk::test::{Answer, Host};

pub const URL: &str = "https://cloud.example.com/things";

pub fn client() -> Client {
    Client::new("azure:default", 8, Budget::of_invocation().until)
}

#[test]
fn the_host_signs_and_the_guest_names_the_credential_alone() {
    let host = Host::start().respond("GET", URL, Answer::text(200, "[1, 2]"));
    assert_eq!(client().read::<Vec<u8>>(http::get(URL)).wait(), Ok(vec![1, 2]));
    let sent = host.sent();
    assert_eq!(sent[0].headers.get("troupe-credential"), Some("azure:default"));
}

#[test]
fn a_service_that_asks_for_patience_gets_it() {
    for (header, value, least) in [
        ("Retry-After", "17", 17),
        ("x-ms-user-quota-resets-after", "00:01:05", 65),
        ("x-ms-ratelimit-microsoft.costmanagement-entity-retry-after", "9", 9),
    ] {
        let _host = Host::start().respond_once("GET", URL, Answer::new(429).header(header, value)).respond(
            "GET",
            URL,
            Answer::text(200, "{}"),
        );
        let before = time::now();
        assert!(client().ask(http::get(URL)).wait().is_ok(), "{header}");
        let waited = time::now().duration_since(before).unwrap();
        assert!((least..least + 2).contains(&waited.as_secs()), "{header}: {waited:?}");
    }
}

#[test]
fn a_wait_beyond_all_measure_is_not_waited_for() {
    for (header, value) in
        [("Retry-After", "18446744073709551615"), ("x-ms-user-quota-resets-after", "18446744073709551615:59:59")]
    {
        let host = Host::start().respond("GET", URL, Answer::new(429).header(header, value));
        let fault = client().ask(http::get(URL)).wait().unwrap_err();
        assert_eq!((fault.kind, host.sent().len()), (ProblemKind::Throttled, 1), "{header}");
    }
}

#[test]
fn a_service_that_fails_passingly_is_asked_again_and_one_that_says_no_is_not() {
    for (status, tries) in [(500, 8), (503, 8), (408, 8), (429, 8), (400, 1), (403, 1), (404, 1), (501, 1)] {
        let host = Host::start().respond("GET", URL, Answer::new(status));
        let fault = client().ask(http::get(URL)).wait().unwrap_err();
        assert_eq!((fault.status, host.sent().len()), (Some(status), tries), "{status}");
    }
}

#[test]
fn one_try_that_hangs_is_given_up_and_the_next_succeeds() {
    let _host = Host::start().respond_once("GET", URL, Answer::new(200).after(Duration::from_secs(3_600))).respond(
        "GET",
        URL,
        Answer::new(200),
    );
    let before = time::now();
    assert!(client().ask(http::get(URL)).wait().is_ok());
    assert!(time::now() < before + Duration::from_secs(30));
}

#[test]
fn what_the_time_does_not_suffice_for_is_late_and_is_not_asked() {
    let start = time::now();
    let host = Host::start()
        .deadline(start + Duration::from_secs(100))
        .respond_by(|_| Some(Answer::new(200).after(Duration::from_secs(18))));
    let client = client();
    let fault = std::iter::repeat_with(|| client.ask(http::get(URL)).wait()).find_map(Result::err).unwrap();
    assert_eq!((fault.kind, fault.code.as_str()), (ProblemKind::Failed, "deadline"));
    assert!(time::now() < start + Duration::from_secs(96), "a tenth is kept for telling, five seconds at most");
    let sent = host.sent().len();
    assert!(client.ask(http::get(URL)).wait().is_err());
    assert_eq!(host.sent().len(), sent, "nothing is asked when the time is over");
}

#[test]
fn a_service_that_is_silent_is_given_up_by_all_and_asked_again_after_a_while() {
    let start = time::now();
    let host = Host::start().deadline(start + Duration::from_secs(600)).respond_by(move |_| {
        let answer = Answer::text(200, "{}");
        let is_back = time::now() > start + Duration::from_secs(50);
        Some(if is_back { answer } else { answer.after(Duration::from_secs(3_600)) })
    });
    let client = client();
    let answers = wait::all((0..50).map(|_| client.ask(http::get(URL)))).wait();
    for answer in answers {
        let fault = answer.unwrap_err();
        assert_eq!((fault.kind, fault.code.as_str()), (ProblemKind::Failed, "silent"));
        assert!(fault.message.starts_with("cloud.example.com left requests without an answer for 20 s"), "{fault:?}");
    }
    assert!(time::now() < start + Duration::from_secs(50));
    assert!(host.sent().len() <= 24, "two tries of each turn, and those that took one in between");
    let sent = host.sent().len();
    assert!(client.ask(http::get(URL)).wait().is_err());
    assert_eq!(host.sent().len(), sent);
    time::sleep(Duration::from_secs(60)).wait();
    assert!(client.ask(http::get(URL)).wait().is_ok() && client.ask(http::get(URL)).wait().is_ok());
}

#[test]
fn what_the_host_leaves_alone_that_asked_for_patience_waits_and_costs_no_tries() {
    let refused = || Answer::error(HttpError::Unreachable("left alone for a while".to_owned()));
    let mut left = 30;
    let host = Host::start().respond_by(move |_| {
        left -= 1;
        Some(match left {
            29 => Answer::new(429),
            1.. => refused(),
            _ => Answer::text(200, "{}"),
        })
    });
    let client = client();
    let answers = wait::all((0..3).map(|_| client.ask(http::get(URL)))).wait();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(host.sent().len(), 32);
    // What was reached before and cannot be now is told as that.
    let _host = Host::start().respond_by(move |_| Some(refused()));
    let fault = client.ask(http::get(URL)).wait().unwrap_err();
    assert_eq!((fault.kind, fault.code.as_str()), (ProblemKind::Failed, "unreachable"));
}

#[test]
fn what_is_left_alone_for_too_long_is_told_in_the_words_of_the_service() {
    let start = time::now();
    let mut first = true;
    let _host = Host::start().deadline(start + Duration::from_secs(600)).respond_by(move |_| {
        let refused = Answer::error(HttpError::Unreachable("left alone for a while".to_owned()));
        Some(if std::mem::take(&mut first) { Answer::new(429) } else { refused })
    });
    let fault = client().ask(http::get(URL)).wait().unwrap_err();
    assert_eq!((fault.kind, fault.code.as_str()), (ProblemKind::Throttled, "http_429"));
    assert!(time::now() < start + Duration::from_secs(90));
}

#[test]
fn a_service_that_wore_out_one_request_is_asked_once_by_the_others_until_it_serves() {
    let host = Host::start().respond("GET", URL, Answer::new(429));
    let client = client();
    assert!(client.ask(http::get(URL)).wait().is_err());
    assert_eq!(host.sent().len(), 8);
    for _ in 0..20 {
        assert_eq!(client.ask(http::get(URL)).wait().unwrap_err().kind, ProblemKind::Throttled);
    }
    assert_eq!(host.sent().len(), 28);
    let host = Host::start().respond_once("GET", URL, Answer::new(200)).respond("GET", URL, Answer::new(429));
    assert!(client.ask(http::get(URL)).wait().is_ok());
    assert!(client.ask(http::get(URL)).wait().is_err());
    assert_eq!(host.sent().len(), 9);
}

#[test]
fn answers_have_an_end_before_the_journal_does() {
    let text = "x".repeat(16 * 1024 * 1024);
    let host = Host::start().respond_by(move |_| Some(Answer::text(200, text.clone())));
    let client = client();
    let fault = std::iter::repeat_with(|| client.ask(http::get(URL)).wait()).find_map(Result::err).unwrap();
    assert_eq!((fault.kind, fault.code.as_str(), host.sent().len()), (ProblemKind::Failed, "spent", 60));
}

#[test]
fn no_more_requests_are_under_way_than_there_are_turns() {
    let host = Host::start().respond("GET", URL, Answer::text(200, "{}").after(Duration::from_millis(5)));
    let client = client();
    let answers = wait::all((0..50).map(|_| client.ask(http::get(URL)))).wait();
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(host.in_flight_most(), 8);
}

#[test]
fn each_step_says_how_far_it_is_and_what_there_is() {
    let host = Host::start();
    let found = Found::default();
    let steps = Steps::new(&found);
    let work = async || found.take(Resource::new("azure.microsoft.compute/disks", "eastus", "/a"));
    let jobs = vec![steps.step("disks", work()), steps.step("more disks", work())];
    wait::all(jobs).wait();
    let reports = host.reports();
    let lines: Vec<(Option<f64>, &str)> = reports.iter().map(|one| (one.fraction, one.message.as_str())).collect();
    assert_eq!(
        lines,
        [(Some(0.5), "disks (1 of 2); 1 resource so far"), (Some(1.0), "more disks (2 of 2); 2 resources so far"),]
    );
}
