//! Other people's tools: the registry that Docker's is, and `skopeo`. Left out where they are
//! not on the machine.

use std::io::Write as _;
use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use troupe_tests::{Host, guests};

use super::{pull, push, trust};
use crate::PROGRAM;

/// A registry of Debian's package `docker-registry`, ended with this.
pub(super) struct Distribution {
    _child: Child,
    _dir: TempDir,
    pub(super) host: String,
}

impl Distribution {
    pub(super) async fn start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (dir, host) = (TempDir::new().unwrap(), format!("127.0.0.1:{port}"));
        let config = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {host}\n  secret: of-this-run\n",
            dir.path().join("kept").display()
        );
        let path = dir.path().join("config.yml");
        std::fs::write(&path, config).unwrap();
        let started = Command::new("docker-registry")
            .arg("serve")
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn();
        let Ok(child) = started else { return left_out("docker-registry") };
        for _ in 0..300 {
            if tokio::net::TcpStream::connect(&host).await.is_ok() {
                return Some(Self { _child: child, _dir: dir, host });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("docker-registry does not start");
    }
}

pub(super) fn left_out<T>(program: &str) -> Option<T> {
    assert!(std::env::var_os("TROUPE_REQUIRE_SUITES").is_none(), "{program} is not on the path");
    // Past the test runner, which keeps what a passing test prints to itself.
    let _ = writeln!(std::io::stderr(), "left out: other people's registries, because {program} is not on the path");
    None
}

async fn skopeo(arguments: &[&str]) -> Option<String> {
    let ran = Command::new("skopeo").arg("--insecure-policy").args(arguments).stdin(Stdio::null()).output().await;
    let Ok(ran) = ran else { return left_out("skopeo") };
    assert!(ran.status.success(), "skopeo {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    Some(String::from_utf8(ran.stdout).unwrap())
}

/// The tag of the signatures of a digest, in an archive and in a registry.
fn signature_of(digest: &str) -> (String, String) {
    let tag = format!("{}.sig", digest.replace(':', "-"));
    (tag.clone(), tag)
}

#[tokio::test]
async fn a_release_goes_through_docker_s_registry_and_skopeo_and_stays_the_same() {
    guests();
    let Some(registry) = Distribution::start().await else { return };
    let host = Host::empty(PROGRAM).await;
    let client = host.client();
    client.publish(guests().echo.archive("1.0.0")).await.of(201);
    let image = format!("{}/agents/echo:1.0.0", registry.host);
    let pushed = push(&client, json!({ "release": "echo@1.0.0", "image": image })).await.of(200);
    let digest = pushed["digest"].as_str().unwrap();

    // What skopeo sees there, and what it copies, has the digest of the release.
    let reference = format!("docker://{image}");
    let Some(raw) = skopeo(&["inspect", "--tls-verify=false", "--raw", &reference]).await else { return };
    let manifest: Value = serde_json::from_str(&raw).unwrap();
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(troupe_core::Digest::of(raw.as_bytes()).to_string(), digest);
    let copy = format!("docker://{}/copies/echo:1.0.0", registry.host);
    let both = ["--src-tls-verify=false", "--dest-tls-verify=false", "--preserve-digests"];
    skopeo(&["copy", both[0], both[1], both[2], &reference, &copy]).await;
    // An archive that `troupe build` wrote goes the other way.
    let dir = TempDir::new().unwrap();
    let archive = dir.path().join("echo.tar");
    let signed = troupe_package::sign_archive(&guests().echo.archive("2.0.0"), &host.key().unwrap()).unwrap();
    std::fs::write(&archive, &signed).unwrap();
    let two = troupe_package::read_archive(signed.as_slice()).unwrap().digest.to_string();
    for (tag, name) in [("echo:2.0.0".to_owned(), "2.0.0".to_owned()), signature_of(&two)] {
        let from = format!("oci-archive:{}:{tag}", archive.display());
        let sent = format!("docker://{}/agents/echo:{name}", registry.host);
        skopeo(&["copy", both[1], both[2], &from, &sent]).await;
    }

    // Signatures stand beside it as cosign keeps them.
    let tag = format!("docker://{}/agents/echo:{}.sig", registry.host, digest.replace(':', "-"));
    let signed = skopeo(&["inspect", "--tls-verify=false", "--raw", &tag]).await.unwrap();
    let signed: Value = serde_json::from_str(&signed).unwrap();
    assert_eq!(signed["layers"][0]["mediaType"], "application/vnd.dev.cosign.simplesigning.v1+json");
    assert!(signed["layers"][0]["annotations"]["dev.cosignproject.cosign/signature"].is_string(), "{signed:#}");

    let second = Host::empty(PROGRAM).await;
    trust(&second, &host).await;
    let client = second.client();
    // A copy without them is nobody's.
    pull(&client, &format!("{}/copies/echo:1.0.0", registry.host)).await.problem(422, "artifact.signature");
    let copies = format!("docker://{}/copies/echo:{}.sig", registry.host, digest.replace(':', "-"));
    skopeo(&["copy", both[0], both[1], both[2], &tag, &copies]).await;
    let copied = pull(&client, &format!("{}/copies/echo:1.0.0", registry.host)).await.of(201);
    assert_eq!(copied["digest"], digest);
    pull(&client, &format!("{}/agents/echo:2.0.0", registry.host)).await.of(201);
    client.swap("echo", "2.0.0").await.of(200);
    assert_eq!(client.run("echo", "version", json!({})).await.of(200)["release"]["version"], "2.0.0");
}
