//! Patience, turns and time.

use std::time::Duration;

use troupe_cloud::{Budget, Client, Found, Steps};
use troupe_estate::{ProblemKind, Resource};
use troupe_sdk::http;
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
        .respond_by(|_| Some(Answer::new(200).after(Duration::from_secs(3_600))));
    let client = client();
    for _ in 0..2 {
        let fault = client.ask(http::get(URL)).wait().unwrap_err();
        assert_eq!((fault.kind, fault.code.as_str()), (ProblemKind::Failed, "deadline"));
    }
    assert!(time::now() < start + Duration::from_secs(96), "a tenth is kept for telling, five seconds at most");
    let sent = host.sent().len();
    assert!(client.ask(http::get(URL)).wait().is_err());
    assert_eq!(host.sent().len(), sent, "nothing is asked when the time is over");
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
