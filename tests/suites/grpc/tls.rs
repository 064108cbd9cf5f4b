//! TLS on the one port: every door over it, what is wrong with its files, and a certificate that is renewed.

use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use insta::assert_snapshot;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use troupe_tests::grpc::{over, proto, run, tls_channel};
use troupe_tests::socket::Socket;
use troupe_tests::{Host, command};

use crate::PROGRAM;

/// Bytes as PEM (RFC 7468).
fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn text_of(authority: &CertifiedIssuer<'static, KeyPair>) -> String {
    pem("CERTIFICATE", authority.der())
}

/// An authority of the test's own.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Writes a certificate that it signs, and its key.
fn issue(authority: &CertifiedIssuer<'static, KeyPair>, dir: &Path) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    std::fs::write(dir.join("key.pem"), pem("PRIVATE KEY", &key.serialize_der())).unwrap();
    std::fs::write(dir.join("cert.pem"), pem("CERTIFICATE", certificate.der())).unwrap();
}

/// A host with the guests that serves with a certificate; and who signed it.
async fn host() -> (Host, CertifiedIssuer<'static, KeyPair>, tempfile::TempDir) {
    let (authority, dir) = (authority(), tempfile::tempdir().unwrap());
    issue(&authority, dir.path());
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let mut host = Host::new(PROGRAM, &["serve", "--listen", "127.0.0.1:0"])
        .with_variable("TROUPE_TLS_CERT", cert.to_str().unwrap())
        .with_variable("TROUPE_TLS_KEY", key.to_str().unwrap());
    host.start().await;
    (host, authority, dir)
}

#[tokio::test]
async fn every_door_is_served_over_tls_and_none_in_the_clear() {
    let (host, authority, _dir) = host().await;
    let client = host.client().trusting(&text_of(&authority));
    assert!(client.url.starts_with("https://localhost:"), "{}", client.url);
    client.publish(troupe_tests::guests().echo.archive("1.0.0")).await.of(201);
    client.swap("echo", "1.0.0").await.of(200);
    client.run("echo", "version", json!({})).await.output();

    let (channel, chosen) = tls_channel(&client, &text_of(&authority)).await.unwrap();
    assert_eq!(chosen.as_deref(), Some(&b"h2"[..]));
    let mut service = over(channel, &client);
    let request = proto::RunTaskRequest { wait_ms: Some(30_000), ..run("echo", "version", &json!({})) };
    assert_eq!(service.run_task(request).await.unwrap().into_inner().status(), proto::TaskStatus::Completed);

    let mut socket = Socket::open_over_tls(&client, &text_of(&authority)).await;
    let task = json!({ "agent": "echo", "skill": "version", "input": {} });
    socket.say(&json!({ "type": "run", "id": "one", "task": task })).await;
    let said = socket.until_end("one").await;
    assert!(said.iter().any(|said| said["data"]["status"] == "completed"), "{said:#?}");
    socket.send(Message::Text(" ".repeat(5 << 20).into())).await;
    assert_eq!(socket.closed().await.1, 1009);

    // Who is not told of the authority goes no further, and in the clear nothing is answered.
    assert!(host.client().try_send(host.client().request(reqwest::Method::GET, "/healthz")).await.is_err());
    let clear = host.client().url.replace("https:", "http:");
    let plain = troupe_tests::Client::new(&clear, client.token.as_deref());
    assert!(plain.try_send(plain.request(reqwest::Method::GET, "/healthz")).await.is_err());
}

#[tokio::test]
async fn the_command_line_speaks_tls_to_whom_it_trusts() {
    let (host, authority, dir) = host().await;
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, text_of(&authority)).unwrap();
    let url = host.client().url.replace("127.0.0.1", "localhost");
    let troupe = async |arguments: &[&str]| {
        command::ended(command::command_by(PROGRAM, &host, &url, arguments).spawn().unwrap()).await
    };
    let said = troupe(&["--ca", ca.to_str().unwrap(), "agents"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let said = troupe(&["agents"]).await;
    assert_ne!(said.code, Some(0));
    let key = dir.path().join("key.pem");
    let said = troupe(&["--ca", key.to_str().unwrap(), "agents"]).await;
    assert!(said.err.contains("holds no certificate; it begins with `-----BEGIN CERTIFICATE-----`"), "{said:?}");
}

#[tokio::test]
async fn what_is_wrong_with_the_files_is_said_before_anything_is_taken() {
    let (authority, dir) = (authority(), tempfile::tempdir().unwrap());
    issue(&authority, dir.path());
    let other = tempfile::tempdir().unwrap();
    issue(&authority, other.path());
    std::fs::write(dir.path().join("empty.pem"), "").unwrap();
    let data = dir.path().join("data");
    let said = async |cert: &Path, key: &Path| {
        let arguments = [
            "--data-dir",
            data.to_str().unwrap(),
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--tls-cert",
            cert.to_str().unwrap(),
            "--tls-key",
            key.to_str().unwrap(),
        ];
        let said = command::run(PROGRAM, dir.path(), &arguments).await;
        assert_ne!(said.code, Some(0), "{said:?}");
        let shown = said.err.replace(dir.path().to_str().unwrap(), "[dir]");
        let shown = shown.replace(other.path().to_str().unwrap(), "[other]");
        // What the log says besides is for whoever looks into it.
        shown.lines().filter(|line| line.starts_with("error: ")).fold(String::new(), |all, line| all + line + "\n")
    };
    let (cert, key, empty) = (dir.path().join("cert.pem"), dir.path().join("key.pem"), dir.path().join("empty.pem"));
    let (absent, foreign) = (dir.path().join("absent.pem"), other.path().join("key.pem"));
    let mut all = String::new();
    for (cert, key) in
        [(&absent, &key), (&cert, &absent), (&empty, &key), (&cert, &empty), (&cert, &foreign), (&key, &key)]
    {
        all += &said(cert, key).await;
    }
    assert_snapshot!(all, @"
    error: `--tls-cert [dir]/absent.pem` is not there; name a PEM file [credentials.invalid]
    error: `--tls-key [dir]/absent.pem` is not there; name a PEM file [credentials.invalid]
    error: `--tls-cert [dir]/empty.pem` holds no certificate; it begins with `-----BEGIN CERTIFICATE-----` [credentials.invalid]
    error: `--tls-key [dir]/empty.pem` holds no private key that is not encrypted; it begins with `-----BEGIN PRIVATE KEY-----` [credentials.invalid]
    error: `--tls-key [other]/key.pem` is not the key of the first certificate in `[dir]/cert.pem` [credentials.invalid]
    error: `--tls-cert [dir]/key.pem` holds no certificate; it begins with `-----BEGIN CERTIFICATE-----` [credentials.invalid]
    ");
    assert!(!data.exists(), "something was taken");
}

#[tokio::test]
async fn a_renewed_certificate_serves_within_seconds_and_one_that_is_none_does_not() {
    let (host, authority, dir) = host().await;
    let client = host.client().trusting(&text_of(&authority));
    let (channel, _) = tls_channel(&client, &text_of(&authority)).await.unwrap();
    let mut before = over(channel, &client);
    before.list_agents(proto::ListAgentsRequest::default()).await.unwrap();
    // Half of a renewal: the certificate of another key.
    let renewed = self::authority();
    std::fs::write(dir.path().join("cert.pem"), "-----BEGIN CERTIFICATE-----\nnonsense\n").unwrap();
    host.says(0, |said| said.contains("the certificate was not renewed")).await;
    client.get("/healthz").await;
    // And then the whole of it, by somebody else.
    issue(&renewed, dir.path());
    let until = Instant::now() + Duration::from_secs(30);
    while tls_channel(&client, &text_of(&renewed)).await.is_err() {
        assert!(Instant::now() < until, "the renewed certificate does not serve");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert_eq!(host.client().trusting(&text_of(&renewed)).get("/healthz").await.status, 200);
    // What was open goes on.
    before.list_agents(proto::ListAgentsRequest::default()).await.unwrap();
}
