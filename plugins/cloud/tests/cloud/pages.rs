//! Lists go on to their end, and not round.

use serde::Deserialize;
use serde_json::json;
use troupe_cloud::{Fault, Next, each_page};
use troupe_sdk::http;
use troupe_sdk::prelude::*;
use troupe_sdk::test::{Answer, Host};

use crate::client::{URL, client};

#[derive(Deserialize)]
struct Page {
    value: Vec<u32>,
    next: Option<String>,
}

fn listed() -> (Vec<u32>, Result<(), Fault>) {
    let mut all = Vec::new();
    let client = client();
    let outcome = each_page(&client, http::get(URL), async |page: Page| {
        all.extend(page.value);
        Ok(page.next.map(Next::at))
    })
    .wait();
    (all, outcome)
}

#[test]
fn a_list_is_followed_to_its_end() {
    let next = format!("{URL}?page=2");
    let _host = Host::start().respond("GET", URL, Answer::json(200, json!({ "value": [1, 2], "next": next }))).respond(
        "GET",
        |url: &str| url.ends_with("page=2"),
        Answer::json(200, json!({ "value": [3], "next": "" })),
    );
    assert_eq!(listed(), (vec![1, 2, 3], Ok(())));
}

#[test]
fn a_list_that_goes_round_ends_with_a_fault_and_what_was_told_before_is_kept() {
    let (one, two) = (format!("{URL}?page=1"), format!("{URL}?page=2"));
    let host = Host::start()
        .respond("GET", URL, Answer::json(200, json!({ "value": [0], "next": one })))
        .respond("GET", |url: &str| url.ends_with("page=1"), Answer::json(200, json!({ "value": [1], "next": two })))
        .respond("GET", |url: &str| url.ends_with("page=2"), Answer::json(200, json!({ "value": [2], "next": one })));
    let (all, outcome) = listed();
    assert_eq!((all, outcome.unwrap_err().code.as_str()), (vec![0, 1, 2], "unreadable"));
    assert_eq!(host.sent().len(), 3);
}

#[test]
fn a_page_that_fails_says_so_beside_what_came_before() {
    let next = format!("{URL}?page=2");
    let _host = Host::start().respond("GET", URL, Answer::json(200, json!({ "value": [1], "next": next }))).respond(
        "GET",
        |url: &str| url.ends_with("page=2"),
        Answer::new(403),
    );
    let (all, outcome) = listed();
    assert_eq!((all, outcome.unwrap_err().code.as_str()), (vec![1], "http_403"));
}
