//! The data directory: whose it is, and what is wrong with it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use insta::assert_snapshot;
use troupe_tests::Host;
use troupe_tests::command::run;

use super::told;
use crate::PROGRAM;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// What a host says that does not start on `data` in a directory.
async fn trouble(dir: &Path) -> String {
    let said = run(PROGRAM, dir, &["--data-dir", "data", "serve", "--listen", "127.0.0.1:0"]).await;
    told(&said)
}

#[tokio::test]
async fn a_directory_that_was_there_becomes_its_owners_alone() {
    let mut host = Host::new(PROGRAM, &["serve", "--listen", "127.0.0.1:0"]);
    let data = host.data_dir();
    fs::create_dir(&data).unwrap();
    set_mode(&data, 0o755);
    host.start().await;
    assert_eq!(mode(&data), 0o700);
    host.stop().await;

    let files = ["token", "cache.key", "troupe.db"].map(|name| data.join(name));
    set_mode(&data, 0o777);
    files.iter().for_each(|file| set_mode(file, 0o664));
    host.start().await;
    assert_eq!(mode(&data), 0o700);
    files.iter().for_each(|file| assert_eq!(mode(file), 0o600, "{}", file.display()));
}

#[tokio::test]
async fn a_directory_of_other_things_is_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    set_mode(&data, 0o755);
    fs::write(data.join("thesis.txt"), "x").unwrap();
    assert_snapshot!(trouble(dir.path()).await, @"error: the directory `data` holds other things and is open to other users; name one of the host's own with `--data-dir` [data_dir.unusable]");
    assert_eq!((mode(&data), fs::read_dir(&data).unwrap().count()), (0o755, 1));
}

#[tokio::test]
async fn a_token_that_could_be_guessed_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    set_mode(&data, 0o700);
    let long = "0f".repeat(40);
    for token in ["", "\n", "0f0f", &long, &"x".repeat(64)] {
        fs::write(data.join("token"), token).unwrap();
        let said = trouble(dir.path()).await;
        assert_eq!(
            said,
            "error: `token` in the data directory is damaged; delete it and start again, and a new one is made [data_dir.unusable]"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_read_or_written_is_told_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut said = String::new();
    // Something else in the place of a file: unlike a mode, this stops an administrator too.
    for name in ["lock", "token", "token.new", "cache.key", "troupe.db"] {
        fs::create_dir_all(data.join(name)).unwrap();
        set_mode(&data, 0o700);
        said.push_str(&trouble(dir.path()).await);
        said.push('\n');
        fs::remove_dir_all(&data).unwrap();
    }
    assert_snapshot!(said, @"
    error: the data directory `data` cannot be used (is a directory); name another with `--data-dir` [data_dir.unusable]
    error: `token` in the data directory cannot be read (is a directory) [data_dir.unusable]
    error: `token` in the data directory cannot be written (is a directory) [data_dir.unusable]
    error: `cache.key` in the data directory cannot be read (is a directory) [data_dir.unusable]
    error: the database cannot be opened or read; the host's log has the cause [unavailable.store]
    ");
}

#[tokio::test]
async fn the_log_has_the_cause_when_it_says_so() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join("data/troupe.db")).unwrap();
    set_mode(&dir.path().join("data"), 0o700);
    let said = run(PROGRAM, dir.path(), &["--data-dir", "data", "serve", "--listen", "127.0.0.1:0"]).await;
    assert!(said.bad().contains("ERROR") && said.err.contains("unable to open database file"), "{}", said.err);
}

#[tokio::test]
async fn a_directory_that_may_only_be_read_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    set_mode(&data, 0o500);
    if fs::write(data.join("probe"), "").is_ok() {
        println!("left out: a mode does not stop this user");
        return;
    }
    assert_snapshot!(trouble(dir.path()).await, @"error: the data directory `data` cannot be used (permission denied); name another with `--data-dir` [data_dir.unusable]");
}
