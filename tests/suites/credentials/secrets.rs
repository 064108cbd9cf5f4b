//! The capability `secrets`: a guest holds references, and the host puts secrets in their
//! place.

use serde_json::{Value, json};
use troupe_tests::canary::Canaries;
use troupe_tests::oracle::{Good, Oracle};
use troupe_tests::service::{Reply, Service};

use super::{Bench, request, unstarted};

const PLAIN: &str = "canary-of-the-chat-9f8e7d6c";
/// One that its surroundings have to escape.
const ODD: &str = "canary\"of&the=forms 9f8e/7d6c";

/// A service that gives back what it was sent, and of which no connection is left open.
async fn echo() -> Service {
    Service::start(|request| Reply::text(200, request.text()).with("connection", "close")).await
}

/// A host whose agent may send requests to a service, and place secrets in those below `/in/`.
async fn bench(service: &Service) -> Bench {
    let secrets = ["plain", "odd"].map(|name| {
        let port = service.port();
        json!({ "name": name, "scheme": "http", "host": "127.0.0.1", "port": port, "path_prefix": "/in/" })
    });
    let capabilities = json!({
        "http": [{
            "id": "service", "scheme": "http", "host": "127.0.0.1", "port": service.port(), "methods": ["GET", "POST"],
        }],
        "secrets": secrets,
    });
    let to = format!(
        "to = {{ hosts = [\"127.0.0.1\"], scheme = \"http\", port = {}, path_prefix = \"/in/deep/\" }}",
        service.port()
    );
    Bench::start(unstarted(), capabilities, |sources| {
        std::fs::write(sources.join("plain"), PLAIN).unwrap();
        std::fs::write(sources.join("odd"), ODD).unwrap();
        let table = |name: &str| {
            let file = sources.join(name);
            format!("[tenant.default.secrets.{name}]\nvalue = {{ file = \"{}\" }}\n{to}\n", file.display())
        };
        table("plain") + &table("odd")
    })
    .await
}

/// A request with headers and a body of its own.
fn with(service: &Service, path: &str, headers: &[(&str, &str)], body: &str) -> Value {
    let mut request = request(service, path);
    let all = request["headers"].as_array_mut().unwrap();
    all.extend(headers.iter().map(|(name, value)| json!([name, value])));
    request["body"] = body.into();
    if !body.is_empty() {
        request["method"] = "POST".into();
    }
    request
}

#[tokio::test]
async fn a_secret_is_placed_where_its_reference_stands_and_shows_nowhere() {
    let service = echo().await;
    let bench = bench(&service).await;
    let requests = [
        with(&service, "/in/deep/a", &[("authorization", "Bearer {plain}"), ("x-key", "k={plain};")], ""),
        with(&service, "/in/deep/b", &[("content-type", "application/json")], r#"{"key":"{odd}"}"#),
        with(&service, "/in/deep/c", &[("content-type", "application/x-www-form-urlencoded")], "a=1&key={odd}&b=2"),
    ];
    let input = json!({ "requests": requests, "secrets": ["plain", "odd", "other"] });
    let task = bench.host.client().run("fetch", "fetch", input).await.of(200);
    let output = task["output"].to_string();
    assert_eq!(
        task["output"]["answers"].as_array().unwrap().iter().filter(|one| one["status"] == 200).count(),
        3,
        "{task:#}"
    );

    let seen = service.seen();
    let at = |path: &str| seen.iter().find(|request| request.target == path).unwrap();
    assert_eq!(at("/in/deep/a").header("authorization"), Some(format!("Bearer {PLAIN}").as_str()));
    assert_eq!(at("/in/deep/a").header("x-key"), Some(format!("k={PLAIN};").as_str()));
    let document: Value = serde_json::from_str(&at("/in/deep/b").body).unwrap();
    assert_eq!(document, json!({ "key": ODD }));
    let form = at("/in/deep/c").form().unwrap();
    assert_eq!((form["key"].as_str(), form.len()), (ODD, 3));

    let references = task["output"]["references"].as_array().unwrap();
    let [plain, odd, other] = [0, 1, 2].map(|at| references[at].as_str().unwrap());
    assert!(plain.starts_with("troupe-secret-") && plain != odd, "{references:?}");
    assert!(other.starts_with("no grant of `secrets` names `other`"), "{other}");
    for spelling in [PLAIN, ODD, &ODD.replace('"', "\\\"")] {
        assert!(!output.contains(spelling), "{output}");
    }
    assert!(output.contains("[redacted]"));

    // The journal has the references, and gives the same again.
    let id = task["id"].as_str().unwrap();
    let journal = bench.host.client().get(&format!("/api/v1/tasks/{id}/journal")).await.of(200).to_string();
    assert!(journal.contains("secrets.reference"), "{journal}");
    let replay = bench.host.client().post(&format!("/api/v1/tasks/{id}/replay"), &Value::Null).await.of(200);
    assert_eq!((&replay["identical"], &replay["difference"]), (&json!(true), &Value::Null));
    assert_eq!(service.seen().len(), 3, "a replay has no effect");
    bench.stop().await;
}

/// Performs `fetch` on a host that is watched; returns its output.
async fn fetched(oracle: &Oracle<'_>, input: Value) -> Value {
    oracle.client().run("fetch", "fetch", input).await.output()
}

#[tokio::test]
async fn e54_a_reference_on_the_way_to_where_its_secret_is_not_bound_is_not_sent() {
    let (service, elsewhere) = (echo().await, echo().await);
    let bench = bench(&service).await;
    let mut oracle = Oracle::watch_with(&bench.host, Good::fetch()).await;
    let key = [("x-key", "{plain}")];
    for (request, why) in [
        (with(&service, "/out", &key, ""), "no grant lets the secret `plain` go to"),
        (with(&service, "/in/shallow", &key, ""), "the secret `plain` goes to other paths"),
        (with(&service, "/in/deep/../../out", &key, ""), "no grant lets the secret `plain` go to"),
        (with(&service, "/in/deep/?key={plain}", &[], ""), "a secret is not placed in a URL"),
        (
            with(&service, "/in/deep/", &[("x-key", "troupe-secret-0123456789abcdef0123456789abcdef")], ""),
            "the request carries a reference that this invocation was not given",
        ),
    ] {
        let output = fetched(&oracle, json!({ "requests": [request], "secrets": ["plain"] })).await;
        let sentence = output["answers"][0]["sentence"].as_str().unwrap_or_default().to_owned();
        assert!(sentence.starts_with(&format!("denied.secret: {why}")), "{sentence}\nis not: {why}");
        oracle.decides("denied.secret");
    }
    let output =
        fetched(&oracle, json!({ "requests": [with(&elsewhere, "/in/deep/", &key, "")], "secrets": ["plain"] })).await;
    assert!(output["answers"][0]["sentence"].as_str().unwrap().starts_with("denied.capability: "), "{output:#}");
    oracle.decides("denied.capability");
    assert!(service.seen().is_empty() && elsewhere.seen().is_empty());
    oracle.holds().await;
}

#[tokio::test]
async fn e53_an_authorization_of_the_guest_s_own_is_refused_beside_a_reference_too() {
    let service = echo().await;
    let bench = bench(&service).await;
    let mut oracle = Oracle::watch_with(&bench.host, Good::fetch()).await;
    for value in ["Bearer my-own", "Bearer my-own, {plain}", "{plain} {plain}"] {
        let request = with(&service, "/in/deep/", &[("authorization", value)], "");
        let output = fetched(&oracle, json!({ "requests": [request], "secrets": ["plain"] })).await;
        let sentence = output["answers"][0]["sentence"].as_str().unwrap_or_default().to_owned();
        assert!(sentence.starts_with("denied.header: "), "{value}: {sentence}");
        oracle.decides("denied.header");
    }
    assert!(service.seen().is_empty());
    oracle.holds().await;
}

#[tokio::test]
async fn e55_what_a_service_gives_back_is_taken_out_before_the_guest_sees_it() {
    let service = echo().await;
    let bench = bench(&service).await;
    let mut oracle = Oracle::watch_with(&bench.host, Good::fetch()).await;
    let requests = [
        with(&service, "/in/deep/", &[("x-key", "{plain}"), ("x-also", "k={odd}")], ""),
        with(&service, "/in/deep/", &[("content-type", "application/json")], r#"{"key":"{odd}"}"#),
        // What the guest says itself is judged before anything is put into it.
        with(&service, "/in/deep/", &[("x-key", "{plain}"), ("authorization", "Bearer my-own")], ""),
    ];
    let output = fetched(&oracle, json!({ "requests": requests, "secrets": ["plain", "odd"] })).await;
    let answers = output["answers"].as_array().unwrap();
    for answer in &answers[..2] {
        assert!(answer["status"] == 200 && answer["body"].as_str().unwrap().contains("[redacted]"), "{answer:#}");
    }
    assert!(![PLAIN, ODD].iter().any(|secret| output.to_string().contains(&secret[8..16])), "{output:#}");
    assert!(answers[2]["sentence"].as_str().unwrap().starts_with("denied.header: "), "{output:#}");
    assert_eq!(service.seen().len(), 2);
    oracle.decides("denied.header");
    oracle.decides("secret_echo");
    oracle.holds().await;
    bench.stop().await;
}

#[tokio::test]
async fn d35_a_guest_that_prints_a_secret_of_its_requests_prints_a_mark() {
    let service = echo().await;
    let bench = bench(&service).await;
    let mut oracle = Oracle::watch_with(&bench.host, Good::fetch()).await;
    // Somebody told the guest the secret; it must not come out on its account all the same.
    let input = json!({
        "requests": [with(&service, "/in/deep/", &[("x-key", "{plain}")], "")], "secrets": ["plain"],
        "print": format!("the key is {PLAIN}"),
    });
    let task = json!({ "agent": "fetch", "skill": "one_by_one_whole", "input": input });
    // Whoever asks sees what they asked, in which it stands; then all of that is forgotten.
    let asks = oracle.client().watched(&Canaries::default());
    let task = asks.post("/api/v1/tasks?wait=30", &task).await.of(200)["id"].as_str().unwrap().to_owned();
    asks.post(&format!("/api/v1/tasks/{task}/journal/redact"), &json!({ "documents": true })).await.of(200);
    let said = bench.host.said();
    assert!(said.matches("the key is [redacted]").count() >= 2, "{said}");
    assert!(!said.contains(PLAIN), "{said}");
    let metrics = oracle.client().get("/metrics").await.text;
    let echoes = metrics.lines().find_map(|line| line.strip_prefix("troupe_secret_echoes_total{agent=\"fetch\"} "));
    assert!(echoes.and_then(|count| count.parse::<u64>().ok()).is_some_and(|count| count > 0), "{echoes:?}");
    oracle.decides("secret_echo");
    oracle.holds().await;
}
