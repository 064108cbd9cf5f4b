//! `wkg`, the package tool of the Bytecode Alliance, at Docker's registry: it fetches the component
//! of an agent like any other, and what it sends there is no agent. Left out where it is not on the machine.

use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;
use troupe_tests::{Host, guests};

use super::peers::{Distribution, left_out};
use super::{pull, push};
use crate::PROGRAM;

/// Runs `wkg` in a directory, with nothing of this machine's own settings.
async fn wkg(dir: &Path, arguments: &[&str]) -> Option<Output> {
    let mut command = Command::new("wkg");
    command.args(arguments).current_dir(dir).env("HOME", dir).env("XDG_CONFIG_HOME", dir).env("XDG_CACHE_HOME", dir);
    match command.env_remove("DOCKER_CONFIG").stdin(Stdio::null()).output().await {
        Ok(output) => Some(output),
        Err(_) => left_out("wkg"),
    }
}

/// As [`wkg`], which must do what it is asked.
async fn does(dir: &Path, arguments: &[&str]) {
    let output = wkg(dir, arguments).await.unwrap();
    assert!(output.status.success(), "wkg {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn wkg_fetches_the_component_of_an_agent_by_its_image_and_as_a_package() {
    guests();
    let dir = TempDir::new().unwrap();
    if wkg(dir.path(), &["--version"]).await.is_none() {
        return;
    }
    let Some(registry) = Distribution::start().await else { return };
    let host = Host::empty(PROGRAM).await;
    let client = host.client();
    for (guest, version) in [(&guests().echo, "1.0.0"), (&guests().echo_2, "1.1.0")] {
        client.publish(guest.archive(version)).await.of(201);
        let image = format!("{}/agents/default/echo:{version}", registry.host);
        push(&client, json!({ "release": format!("echo@{version}"), "image": image })).await.of(200);
    }
    let image = format!("{}/agents/default/echo:1.0.0", registry.host);
    does(dir.path(), &["oci", "pull", "--insecure", &registry.host, &image, "--output", "by-image.wasm"]).await;
    let fetched = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
    assert!(fetched("by-image.wasm") == guests().echo.component, "another component came");

    // Tenants are namespaces and agents packages; signatures beside them are no versions.
    let config = format!(
        "[namespace_registries]\ndefault = {{ registry = \"here\", metadata = {{ preferredProtocol = \"oci\", oci = {{ \
         registry = \"{}\", namespacePrefix = \"agents/\" }} }} }}\n\n[registry.\"here\".oci]\nprotocol = \"http\"\n",
        registry.host
    );
    std::fs::write(dir.path().join("wkg.toml"), config).unwrap();
    for (package, name, component) in [
        ("default:echo@1.0.0", "./one.wasm", &guests().echo.component),
        ("default:echo", "./newest.wasm", &guests().echo_2.component),
    ] {
        does(dir.path(), &["get", "--config", "wkg.toml", package, "--output", name]).await;
        assert!(fetched(name) == *component, "another component came for {package}");
    }

    // A component alone does not say which agent it is, nor what it asks for.
    let bare = format!("{}/agents/default/bare:1.0.0", registry.host);
    does(dir.path(), &["oci", "push", "--insecure", &registry.host, &bare, "one.wasm"]).await;
    let problem = pull(&client, &bare).await.problem(422, "artifact.malformed");
    insta::assert_snapshot!(problem["detail"].as_str().unwrap(), @"the image holds a component and no agent: its configuration has no `troupe`; pack it with `troupe build`");
}
