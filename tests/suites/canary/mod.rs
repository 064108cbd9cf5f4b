//! Secrets are searched for in all that hosts say, answer and leave: by every suite, when it drops its host. Here is
//! shown that the search finds what is there, and what a host that acts with a secret in every way leaves.

use std::fmt::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use troupe_tests::canary::{Canaries, canary};
use troupe_tests::command::run_on;
use troupe_tests::identity::Tokens;
use troupe_tests::identity::vault::Vault;
use troupe_tests::server::Server;
use troupe_tests::service::{Reply, Service};
use troupe_tests::{Host, guests};

use crate::credentials::write_document;
use crate::{PROGRAM, deploy_fetch, host, host_that_sends};

/// What a thread that must panic panics with.
fn told(thread: std::thread::JoinHandle<()>) -> String {
    let payload = thread.join().expect_err("it panics");
    payload.downcast_ref::<String>().cloned().unwrap_or_default()
}

/// Drops a host, which must find something; returns what.
fn found(host: Host) -> String {
    told(std::thread::spawn(move || drop(host)))
}

#[test]
fn a_secret_is_found_in_every_form_and_in_halves() {
    let (secret, other) = (canary(), canary());
    let canaries = Canaries::default();
    canaries.watch(&secret);
    let hexadecimal = secret.bytes().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    });
    let escaped = secret.bytes().fold(String::new(), |mut text, byte| {
        write!(text, "%{byte:02X}").unwrap();
        text
    });
    let mut forms = vec![secret.clone(), secret.to_uppercase(), hexadecimal.to_uppercase(), hexadecimal, escaped];
    forms.extend((0..3).map(|before| STANDARD.encode(format!("{}{secret}", "x".repeat(before)))));
    // The last bytes of one page of a database, and the first of the next.
    forms.extend([secret[..30].to_owned(), secret[10..].to_owned()]);
    for form in forms {
        let found = canaries.found_in(format!("before {form} after").as_bytes());
        assert!(found.is_some_and(|found| found.starts_with("a secret, ")), "{form}");
    }
    for harmless in [other.as_str(), &secret[..12], "canary", ""] {
        assert_eq!(canaries.found_in(harmless.as_bytes()), None, "{harmless}");
    }
    let odd = "of\"the&chat 9f8e/7d6c";
    canaries.watch(odd);
    for form in [json!(odd).to_string(), "of%22the%26chat%209f8e%2F7d6c".to_owned()] {
        assert!(canaries.found_in(form.as_bytes()).is_some(), "{form}");
    }
}

#[tokio::test]
async fn a_host_that_says_or_keeps_a_secret_fails_its_test() {
    let mut host = host().await;
    let client = host.client();
    let grants = json!({ "grants": { "state": { "bytes": 1 << 20, "keys": 100 } } });
    client.put("/api/v1/deployments/counter/grants", &grants).await.of(200);
    // Too long to be left as it is, and the same again and again, so that it is compressed.
    let (kept, said) = (canary(), canary());
    let value = format!("{}{kept}{}", "x".repeat(8_000), "y".repeat(8_000));
    client.run("counter", "put", json!({ "key": "long", "value": value })).await.output();
    client.run("counter", "get", json!({ "key": "long" })).await.output();
    client.publish(guests().fetch.archive("1.0.0")).await.of(201);
    client.swap("fetch", "1.0.0").await.of(200);
    client.run("fetch", "one_by_one_whole", json!({ "requests": [], "print": said })).await.output();
    host.stop().await;
    host.canaries().watch(&kept);
    host.canaries().watch(&said);
    let found = found(host);
    assert!(found.starts_with("what must show nowhere shows:\nthe log holds a secret, plain, in `"), "{found}");
    assert!(found.contains("/data/troupe.db holds a secret, plain, in `"), "{found}");
    let rows = found.lines().filter(|line| line.starts_with("row ") && line.contains("(counter) of ")).count();
    assert!(rows >= 2, "the call that wrote it and the answer that read it: {found}");
}

#[tokio::test]
async fn a_file_that_holds_a_secret_fails_its_test() {
    let mut host = crate::empty_host().await;
    host.stop().await;
    let secret = canary();
    host.canaries().watch(&secret);
    std::fs::write(host.data_dir().join("left-behind"), STANDARD.encode(format!("token={secret}"))).unwrap();
    let found = found(host);
    assert!(found.contains("/data/left-behind holds a secret, in base64, in `"), "{found}");
}

#[tokio::test]
async fn agents_act_with_the_canary_of_their_host() {
    let server = Server::start().await;
    let host = host_that_sends(&server).await;
    let request = json!({ "scheme": "http", "authority": format!("127.0.0.1:{}", server.port()), "path": "/" });
    let output = host.client().run("fetch", "one_by_one", json!({ "requests": [request] })).await.output();
    assert_eq!(output, json!([200]));
    let found = host.canaries().found_in(server.requests()[0].as_bytes());
    assert!(found.is_some_and(|found| found.contains("authorization: Bearer ")));
}

#[tokio::test]
async fn a_token_is_watched_for_from_when_it_is_handed_out() {
    let canaries = Canaries::default();
    let vault = Vault::start(&canaries, Duration::from_secs(60), 0, None).await;
    vault.write("team/search", json!({ "key": "one-of-the-operator" }));
    let given = Tokens::watched(&canaries).give("ya29", Duration::from_secs(60));
    for told in [vault.token(), given, "one-of-the-operator".to_owned()] {
        assert!(canaries.found_in(told.as_bytes()).is_some(), "{told}");
    }
}

#[tokio::test]
async fn an_answer_or_a_command_that_tells_a_secret_fails_its_test() {
    let host = host().await;
    let secret = canary();
    let input = json!({ "text": secret });
    let id = host.client().run("echo", "echo", input.clone()).await.of(200)["id"].as_str().unwrap().to_owned();
    let client = host.client();
    host.canaries().watch(&secret);
    let answered = tokio::spawn(async move { client.run("echo", "echo", input).await });
    assert!(answered.await.is_err_and(|error| error.is_panic()));
    let host = std::sync::Arc::new(host);
    let asking = std::sync::Arc::clone(&host);
    let commanded = tokio::spawn(async move { run_on(PROGRAM, &asking, &["tasks", &id]).await });
    assert!(commanded.await.is_err_and(|error| error.is_panic()));
    assert!(found(std::sync::Arc::into_inner(host).unwrap()).contains("holds a secret"));
}

/// A service that gives back what it was sent, plain and encoded, in answers short and long.
async fn echo() -> Service {
    Service::start(|request| {
        let text = request.text();
        let long = if request.target.contains("long") { "filler ".repeat(8_000) } else { String::new() };
        let hexadecimal: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        Reply::text(200, format!("{text}\n{}\n{hexadecimal}\n{long}{text}", STANDARD.encode(&text)))
            .with("x-echo", request.header("authorization").unwrap_or_default())
    })
    .await
}

#[tokio::test]
async fn what_a_host_acts_with_shows_nowhere() {
    let service = echo().await;
    let secret = canary();
    let mut host = Host::new(PROGRAM, &["serve", "--listen", "127.0.0.1:0"]).with_secret("SERVICE_TOKEN", &secret);
    let to = |path: &str| {
        let port = service.port();
        format!("to = {{ hosts = [\"127.0.0.1\"], scheme = \"http\", port = {port}, path_prefix = \"{path}\" }}")
    };
    let document = format!(
        "[tenant.default.credentials.\"bearer:service\"]\ntoken = {{ env = \"SERVICE_TOKEN\" }}\n{}\n\
         [tenant.default.secrets.key]\nvalue = {{ env = \"SERVICE_TOKEN\" }}\n{}\n",
        to("/as/"),
        to("/in/")
    );
    write_document(&host, &document);
    host.start().await;
    let grant = |id: &str, path: &str, credential: Value| {
        let mut grant = json!({
            "id": id, "scheme": "http", "host": "127.0.0.1", "port": service.port(), "methods": ["GET", "POST"],
            "path_prefix": path,
        });
        if !credential.is_null() {
            grant["credential"] = credential;
        }
        grant
    };
    let capabilities = json!({
        "http": [grant("as", "/as/", json!("bearer:service")), grant("in", "/in/", Value::Null)],
        "secrets": [{ "name": "key", "scheme": "http", "host": "127.0.0.1", "port": service.port() }],
    });
    let client = host.client();
    deploy_fetch(&client, &capabilities).await;

    let request = |method: &str, path: &str, headers: Value, body: &str| {
        let authority = format!("127.0.0.1:{}", service.port());
        json!({ "method": method, "scheme": "http", "authority": authority, "path": path, "headers": headers, "body": body })
    };
    let form = json!([["content-type", "application/x-www-form-urlencoded"], ["troupe-explain", "true"]]);
    let requests = json!([
        request("GET", "/as/short", json!([]), ""),
        request("GET", "/as/long", json!([]), ""),
        request("POST", "/in/body", json!([["content-type", "application/json"]]), r#"{"key":"{key}"}"#),
        request("POST", "/in/long", form, "a=1&key={key}"),
        request("GET", "/in/header", json!([["x-key", "k={key}"]]), ""),
        // Not sent: a secret in a URL, and one for which the place is not granted.
        request("GET", "/in/?key={key}", json!([["troupe-explain", "true"]]), ""),
        request("GET", "/as/with", json!([["x-key", "{key}"], ["troupe-explain", "true"]]), ""),
    ]);
    let input = json!({ "requests": requests, "secrets": ["key"], "print": "said" });
    let task = client.run("fetch", "fetch", input.clone()).await.of(200);
    assert_eq!(task["status"], "completed", "{task:#}");
    let sent = service.seen().iter().filter(|request| request.text().contains(&secret)).count();
    assert_eq!(sent, 5, "{task:#}");
    assert!(task.to_string().matches("[redacted]").count() >= 5, "{task:#}");
    client.run("fetch", "one_by_one_whole", input).await.of(200);

    let id = task["id"].as_str().unwrap();
    client.get(&format!("/api/v1/tasks/{id}/journal")).await.of(200);
    client.post(&format!("/api/v1/tasks/{id}/replay"), &Value::Null).await.of(200);
    client.get("/api/v1/feed?limit=500").await.of(200);
    client.get("/metrics").await;
    for command in [&["tasks", id][..], &["replay", id], &["agents"], &["grant", "show", "fetch"]] {
        run_on(PROGRAM, &host, command).await.good();
    }
    // What it was resumed with and what it said at its end is searched, too, when it is dropped here.
    host.kill().await;
    host.start().await;
    host.client().get(&format!("/api/v1/tasks/{id}")).await.of(200);
    host.stop().await;
}

#[tokio::test]
async fn a_guest_sees_nothing_of_the_hosts_environment() {
    let host = host().await;
    let seen = host.client().run("hostile", "environment", json!({})).await.output();
    assert_eq!(seen["variables"], json!({}), "{seen:#}");
}
