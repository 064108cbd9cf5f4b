//! A host that cannot start says why, and leaves everything as it was.

use insta::assert_snapshot;
use troupe_tests::Host;
use troupe_tests::command::run;

use super::{seen, told};
use crate::{PROGRAM, empty_host};

#[tokio::test]
async fn a_busy_port_is_told_and_nothing_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let said = run(PROGRAM, dir.path(), &["serve", "--listen", &address]).await;
    assert_snapshot!(told(&said), @"error: [address] is in use; stop the process that listens there or choose another with `--listen` [address.in_use]");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_second_host_on_the_same_directory_is_refused_and_the_first_goes_on() {
    let mut host = empty_host().await;
    let said = run(PROGRAM, host.dir(), &["--data-dir", "data", "serve", "--listen", "127.0.0.1:0"]).await;
    assert_snapshot!(told(&said), @"error: another host uses the data directory `data`; stop it, or name another with `--data-dir` [data_dir.locked]");
    assert!(host.is_alive());
    host.client().get("/api/v1/agents").await.of(200);
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_written_is_told() {
    let dir = tempfile::tempdir().unwrap();
    // A path under a file: unlike a mode, this stops an administrator too.
    std::fs::write(dir.path().join("file"), "").unwrap();
    let said = run(PROGRAM, dir.path(), &["--data-dir", "file/data", "serve", "--listen", "127.0.0.1:0"]).await;
    assert_snapshot!(told(&said), @"error: the data directory `file/data` cannot be used (not a directory); name another with `--data-dir` [data_dir.unusable]");
}

#[tokio::test]
async fn an_aws_profile_that_cannot_be_used_is_said_and_stops_no_host() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("config");
    std::fs::write(&config, "[default]\nsso_session = work\n").unwrap();
    let mut host = Host::new(PROGRAM, &["serve", "--listen", "127.0.0.1:0"])
        .with_variable("AWS_CONFIG_FILE", config.to_str().unwrap());
    host.start().await;
    let said = host.said();
    assert_eq!(said.matches("asks for single sign-on, which is not supported").count(), 1, "{said}");
}

#[tokio::test]
async fn a_host_ends_cleanly_when_it_is_asked_to() {
    let mut host = empty_host().await;
    assert_eq!(host.stop().await.code(), Some(0));
    assert!(host.said().contains("stopping; a second Ctrl-C stops at once"), "{}", host.said());
}

#[tokio::test]
async fn a_manifest_with_an_unknown_field_is_told_by_line_and_field() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = "name = \"x\"\nversion = \"1.0.0\"\nsummary = \"X.\"\ncolour = \"red\"\n";
    std::fs::write(dir.path().join("agent.toml"), manifest).unwrap();
    let said = run(PROGRAM, dir.path(), &["build", "."]).await;
    assert_snapshot!(seen(said.bad()), @"error: .: agent.toml line 4: unknown field `colour`, expected one of `name`, `version`, `summary`, `goals`, `skills`, `triggers`, `configuration`, `health`, `state`, `limits`, `capabilities` [manifest.invalid]");
}

#[tokio::test]
async fn a_directory_without_agents_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let said = run(PROGRAM, dir.path(), &["dev", ".", "--listen", "127.0.0.1:0"]).await;
    assert_snapshot!(told(&said), @"error: there is no agent in `.`: no directory in it has an agent.toml [build.failed]");
    let said = run(PROGRAM, dir.path(), &["dev", "absent", "--listen", "127.0.0.1:0"]).await;
    assert_snapshot!(told(&said), @"error: `absent` cannot be read (entity not found); name a directory of agents [build.failed]");
}
