//! Redirects that the host follows, and those that it does not.

use serde_json::{Value, json};
use troupe_sandbox::{Answer, Outcome};

use super::server::Server;
use super::support::{BEARER, Bench, CHAT, http_rows, sentence};

/// A line of the service that redirects, and others.
fn granting(redirects: u8, others: Value) -> Value {
    let mut grants = json!([{
        "id": "api", "host": "api.example.com", "methods": ["GET", "POST"], "path_prefix": "/in/", "redirects": redirects,
    }]);
    grants.as_array_mut().unwrap().extend(others.as_array().unwrap().iter().cloned());
    grants
}

fn to(location: &str) -> Value {
    json!({ "authority": "api.example.com", "path": format!("/in/to?{location}") })
}

/// A place without mapping, in the clear, on this machine.
fn here(server: &Server) -> Value {
    json!({ "id": "here", "scheme": "http", "host": "127.0.0.1", "port": server.port })
}

fn first_lines(bench: &Bench) -> Vec<String> {
    bench.server.requests().iter().map(|request| request.lines().next().unwrap().to_owned()).collect()
}

fn output(outcome: Outcome) -> Value {
    serde_json::from_str(&outcome.result.unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_the_guest_s_answer_where_no_line_says_otherwise() {
    let bench = Bench::new().await;
    let answer = bench.one(granting(0, json!([])), to("/in/there")).await;
    assert_eq!((&answer["status"], &answer["body"]), (&json!(302), &json!("over there")));
    assert!(answer["headers"].to_string().contains("/in/there"), "{answer}");
    assert_eq!(bench.server.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_granted_redirect_is_followed_and_is_one_row_that_says_so() {
    let bench = Bench::new().await;
    let input = json!({ "requests": [to("there")] });
    let outcome = bench.outcome(granting(2, json!([])), "fetch", input).await;
    assert_eq!((outcome.usage.http_requests, outcome.usage.http_redirects), (2, 1));
    let [(call, answer)] = http_rows(&outcome.rows).try_into().unwrap();
    let answer = answer.unwrap();
    assert_eq!(call.url, "https://api.example.com/in/to?there");
    assert!(matches!(&answer, Answer::Http(answer) if answer.status == 200 && answer.way.redirects == 1), "{answer:?}");
    let output = output(outcome);
    assert!(output["answers"][0]["body"].as_str().unwrap().starts_with("GET /in/there HTTP/1.1"), "{output}");
    assert_eq!(first_lines(&bench), ["GET /in/to?there HTTP/1.1", "GET /in/there HTTP/1.1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn e47_each_hop_must_be_admitted_as_a_request_of_the_guest_s_and_is_named_if_it_is_not() {
    let bench = Bench::new().await;
    for (location, why) in [
        ("http://169.254.169.254/latest/", "it leads from https to http, where others can read it"),
        ("https://169.254.169.254/latest/", "no grant of `http` leads to https://169.254.169.254"),
        ("https://evil.example/", "no grant of `http` leads to https://evil.example"),
        ("/out/", "no grant of https://api.example.com admits the path `/out/`"),
        ("/in/%2e%2e/out", "no grant of https://api.example.com admits the path"),
        ("https://user@api.example.com/in/", "the URI carries a user name"),
        ("ftp://api.example.com/in/", "the URI's scheme is not"),
    ] {
        let before = bench.server.requests().len();
        let said = sentence(&bench.one(granting(3, json!([])), to(location)).await);
        assert!(said.starts_with("denied.egress: https://api.example.com/in/to redirects to "), "{said}");
        assert!(said.contains(", which is not followed: ") && said.contains(why), "{said}");
        assert_eq!(bench.server.requests().len(), before + 1, "{location}");
    }
    let outcome =
        bench.outcome(granting(1, json!([])), "fetch", json!({ "requests": [to("https://evil.example/")] })).await;
    assert_eq!(outcome.usage.denied, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn e47_a_hop_to_a_metadata_service_is_not_dialled_even_where_a_line_names_it() {
    let bench = Bench::new().await;
    let plain = Server::start().await;
    // In the clear from the start, so that nothing but the address is in the way.
    let grants = json!([
        { "id": "first", "scheme": "http", "host": "127.0.0.1", "port": plain.port, "redirects": 3 },
        { "id": "meta", "scheme": "http", "host": "*.metadata.internal", "private": false },
        { "id": "inside", "scheme": "http", "host": "localhost", "port": plain.port },
    ]);
    let ask = |location: String| {
        let authority = format!("127.0.0.1:{}", plain.port);
        json!({ "scheme": "http", "authority": authority, "path": format!("/to?{location}") })
    };
    let said = sentence(&bench.one(grants.clone(), ask("http://169.254.169.254/latest/".to_owned())).await);
    assert!(said.contains("redirects to http://169.254.169.254/latest/, which is not followed"), "{said}");
    // A name that is granted, and leads inside.
    let said = sentence(&bench.one(grants, ask(format!("http://localhost:{}/", plain.port))).await);
    assert!(said.starts_with("denied.egress: ") && said.contains("`localhost` leads to"), "{said}");
    assert_eq!(plain.requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn e47_no_more_hops_are_followed_than_are_granted() {
    let bench = Bench::new().await;
    for granted in 1..=3 {
        let before = bench.server.requests().len();
        let path = "to?/in/".repeat(5) + "there";
        let answer = bench
            .one(granting(granted, json!([])), json!({ "authority": "api.example.com", "path": format!("/in/{path}") }))
            .await;
        let said = sentence(&answer);
        assert!(said.contains(&format!("the grants it goes by follow {granted} of one request")), "{said}");
        assert_eq!(bench.server.requests().len() - before, usize::from(granted) + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e47_a_hop_is_left_again_only_where_its_own_line_has_redirects_followed() {
    let bench = Bench::new().await;
    let line = |id: &str, redirects: u8| json!({ "id": id, "host": "api.example.com", "path_prefix": format!("/{id}/"), "redirects": redirects });
    // From `in` by way of `by` to `end`, and there once more.
    let ask = || to("/by/to?/end/to?/end/there");
    for (by, end, hops) in [(0, 3, 1), (1, 3, 2), (2, 0, 2), (3, 1, 3)] {
        let before = bench.server.requests().len();
        let answer = bench.one(granting(3, json!([line("by", by), line("end", end)])), ask()).await;
        assert_eq!(bench.server.requests().len() - before, hops + 1, "{by} {end} {answer}");
        if hops == 3 {
            assert_eq!(answer["status"], 200, "{answer}");
        } else {
            let said = sentence(&answer);
            let why = format!("the grants it goes by follow {hops} of one request");
            assert!(said.starts_with("denied.egress: ") && said.contains(&why), "{said}");
        }
    }
    // What another line allows is not added to what the first one does.
    let answer = bench.one(granting(1, json!([line("by", 3), line("end", 3)])), ask()).await;
    assert!(sentence(&answer).contains("follow 1 of one request"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn e47_a_credential_goes_to_no_other_origin_and_to_no_other_line() {
    let bench = Bench::new().await;
    let other = Server::start().await;
    let port = bench.server.port;
    let line = |id: &str, path: &str, more: Value| {
        let mut line = json!({ "id": id, "host": "api.example.com", "path_prefix": path });
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line
    };
    let grants = json!([
        line("in", "/in/", json!({ "credential": "token:wiki", "redirects": 3 })),
        line("too", "/too/", json!({ "credential": "token:wiki" })),
        line("open", "/open/", json!({})),
        { "id": "other", "host": "other.example.com" },
        here(&other),
    ]);
    let carried = async |location: &str| {
        let before = bench.server.requests().len();
        let answer = bench.one(grants.clone(), to(location)).await;
        let seen: Vec<bool> = bench.server.requests()[before..].iter().map(|sent| sent.contains(BEARER)).collect();
        (seen, answer["sentence"].as_str().map(ToOwned::to_owned))
    };
    // The same line has it, another of the same origin without one does not, and another that
    // has the same credential was not what the guest asked by.
    assert_eq!(carried("/in/there").await, (vec![true, true], None));
    assert_eq!(carried("/open/there").await, (vec![true, false], None));
    let (seen, said) = carried("/too/there").await;
    assert_eq!(seen, [true]);
    assert!(said.unwrap().contains("goes with the credential `none`"));
    // Another origin never has it; the one in the clear is not even asked.
    let (seen, said) = carried(&format!("http://127.0.0.1:{}/", other.port)).await;
    assert_eq!((seen, said.unwrap().contains("from https to http")), (vec![true], true));
    assert_eq!(other.requests().len(), 0);
    assert_ne!(port, other.port);
}

#[tokio::test(flavor = "multi_thread")]
async fn e47_a_secret_and_an_authorization_stay_with_the_line_they_were_sent_by() {
    let bench = Bench::new().await;
    let grants = json!({
        "http": [
            { "id": "in", "host": "api.example.com", "path_prefix": "/in/", "redirects": 1 },
            { "id": "open", "host": "api.example.com", "path_prefix": "/open/" },
        ],
        "secrets": [{ "name": "chat", "host": "api.example.com" }],
    });
    for (location, goes) in [("/in/there", true), ("/open/there", false)] {
        let before = bench.server.requests().len();
        let mut request = to(location);
        request["headers"] =
            json!([["authorization", "Bearer {chat}"], ["x-key", "k={chat}"], ["x-mine", "1"], ["accept", "*/*"]]);
        let input = json!({ "requests": [request], "secrets": ["chat"] });
        let output = output(bench.perform(bench.invocation(grants.clone()), "fetch", input).await);
        assert_eq!(output["answers"][0]["status"], 200, "{output}");
        assert!(!output.to_string().contains(CHAT), "{output}");
        let [first, hop] = bench.server.requests()[before..].to_vec().try_into().unwrap();
        assert_eq!(first.matches(CHAT).count(), 2, "{first}");
        assert_eq!(hop.matches(CHAT).count(), if goes { 2 } else { 0 }, "{hop}");
        assert_eq!(hop.contains("authorization") && hop.contains("x-key"), goes, "{hop}");
        assert!(hop.contains("x-mine: 1\r\n") && !hop.contains("troupe-secret"), "{hop}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e47_an_origin_that_is_granted_by_itself_gets_the_request_without_the_credential() {
    let other = Server::start().await;
    let bench = Bench::with(|mut egress| {
        let endpoint = troupe_egress::Endpoint::parse(&format!("http://127.0.0.1:{}", other.port)).unwrap();
        egress.endpoints.map_host("other.example.com", endpoint);
        egress
    })
    .await;
    let grants = json!([
        { "id": "in", "host": "api.example.com", "credential": "token:wiki", "redirects": 1 },
        { "id": "other", "host": "other.example.com" },
        { "id": "too", "host": "other.example.com", "path_prefix": "/wiki/", "credential": "token:wiki" },
    ]);
    let mut request = to("https://other.example.com/wiki/there");
    request["headers"] = json!([["x-mine", "1"]]);
    let answer = bench.one(grants, request).await;
    assert_eq!(answer["status"], 200, "{answer}");
    let [sent] = other.requests().try_into().unwrap();
    assert!(sent.starts_with("GET /wiki/there HTTP/1.1\r\n") && sent.contains("x-mine: 1\r\n"), "{sent}");
    assert!(!sent.to_lowercase().contains("authorization") && !sent.contains(BEARER), "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_that_gives_back_what_the_host_added_is_not_followed_and_not_told() {
    let bench = Bench::new().await;
    let grants = json!([
        { "id": "in", "host": "api.example.com", "credential": "token:wiki", "redirects": 1 },
        { "id": "other", "host": "other.example.com" },
    ]);
    let answer = bench.one(grants, to(&format!("https://other.example.com/{BEARER}"))).await;
    let said = sentence(&answer);
    assert!(said.contains("it carries what the host had added to the request"), "{said}");
    assert!(!answer.to_string().contains(BEARER), "{answer}");
    assert!(bench.log.lock().unwrap().iter().all(|record| !record.message.contains(BEARER)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_a_body_or_is_no_read_of_a_place_is_not_followed() {
    let bench = Bench::new().await;
    let ask = |method: &str, body: &str| json!({ "method": method, "authority": "api.example.com", "path": "/in/to?/in/there", "body": body });
    for request in [ask("POST", ""), ask("POST", "x"), ask("GET", "x")] {
        let answer = bench.one(granting(3, json!([])), request).await;
        assert_eq!(answer["status"], 302, "{answer}");
    }
    assert_eq!(bench.server.requests().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hop_that_reaches_further_than_the_request_is_denied() {
    let bench = Bench::new().await;
    let button = json!([{ "id": "button", "host": "api.example.com", "path_prefix": "/press/", "effect": "write" }]);
    let said = sentence(&bench.one(granting(3, button), to("/press/it")).await);
    assert!(said.contains("it is a call of class write, and the request was one of read"), "{said}");
    assert_eq!(bench.server.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hop_draws_on_the_budget_of_its_own_line() {
    let bench = Bench::new().await;
    let there = json!([{
        "id": "there", "host": "api.example.com", "path_prefix": "/out/", "budget": { "requests_per_minute": 1 },
    }]);
    let answers = bench.fetch(granting(1, there), json!([to("/out/a"), to("/out/a")])).await;
    let served = answers.iter().filter(|answer| answer["status"] == 200).count();
    let refused = answers.iter().filter(|answer| answer["error"] == "ConnectionLimitReached").count();
    assert_eq!((served, refused), (1, 1), "{answers:?}");
    assert_eq!(bench.server.requests().len(), 3);
}
