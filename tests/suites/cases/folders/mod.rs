//! The folders of `tests/cases`: denied cases that anybody can add without Rust.
//!
//! Each runs in a tenant of its own that is called as the folder is, on one host, against services of its own.

mod case;
mod judge;
mod runner;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use troupe_tests::root;

use runner::outcomes;

/// Fewest folders there are; fewer mean that they are not found.
const FOLDERS_MIN: usize = 9;

/// The folders below a directory, by name.
fn folders(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

#[tokio::test]
async fn every_folder_is_denied_as_it_says() {
    let folders = folders(&root().join("tests/cases"));
    assert!(folders.len() >= FOLDERS_MIN, "{folders:?}");
    let mut wrong = Vec::new();
    for outcome in outcomes(&folders).await {
        println!("{}: {}", outcome.name, outcome.result.as_deref().unwrap_or_else(|why| why));
        wrong.extend(outcome.result.err().map(|why| format!("{}: {why}", outcome.name)));
    }
    assert!(wrong.is_empty(), "{} cases are not as they say:\n{}", wrong.len(), wrong.join("\n"));
}

/// A directory with a folder for each text, called `a`, `b` and so on.
fn written(texts: &[&str]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (name, text) in ('a'..).zip(texts) {
        let folder = dir.path().join(name.to_string());
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(case::FILE), text).unwrap();
    }
    dir
}

/// A case whose request is sent to a service that is granted, or not.
fn sending(granted: bool, expect: &str) -> String {
    let path = if granted { "/v1/" } else { "/v2/" };
    format!(
        r#"
        about = "A request is sent below one path."
        agent = "fetch"
        [grants]
        http = [{{ id = "service", scheme = "http", host = "127.0.0.1", port = "{{port}}", path_prefix = "{path}" }}]
        [ask]
        skill = "fetch"
        [[ask.input.requests]]
        scheme = "http"
        authority = "{{service}}"
        path = "/v1/a"
        headers = [["troupe-explain", "true"]]
        [expect]
        {expect}
        "#
    )
}

#[tokio::test]
async fn a_case_that_ends_otherwise_than_it_says_fails_by_name() {
    let denied = "code = \"denied.capability\"\nmessage = \"no grant of\"";
    let texts = [
        sending(false, denied),
        sending(true, denied),
        sending(false, "code = \"denied.egress\"\nmessage = \"no grant of\""),
        sending(false, "code = \"denied.capability\"\nmessage = \"a full moon\""),
        sending(false, &format!("{denied}\nsent = [\"GET /v1/a\"]")),
    ];
    let dir = written(&texts.each_ref().map(String::as_str));
    let outcomes = outcomes(&folders(dir.path())).await;
    let told: Vec<(&str, Result<(), &str>)> = outcomes
        .iter()
        .map(|one| (one.name.as_str(), one.result.as_ref().map(|_| ()).map_err(String::as_str)))
        .collect();
    assert_eq!(told[0], ("a", Ok(())));
    let fails = |at: usize, name: &str, why: &str| {
        assert!(told[at].0 == name && told[at].1.is_err_and(|told| told.starts_with(why)), "{:?}", told[at]);
    };
    fails(1, "b", "Rest: nothing was refused; these requests were sent: [\"GET /v1/a\"], and not: []");
    fails(2, "c", "Rest: refused with `denied.capability` (");
    fails(3, "d", "Rest: refused with the message `");
    fails(4, "e", "Rest: these requests were sent: [], and not: [\"GET /v1/a\"]");
}

#[tokio::test]
async fn a_case_that_cannot_be_read_is_told_by_file_and_key() {
    let good = sending(false, "code = \"denied.capability\"\nmessage = \"no grant of\"");
    let texts = [
        good.replace("about =", "abuot ="),
        good.replace("skill =", "skil ="),
        good.replace("\"/v2/\"", "\"v2\""),
        good.replace("agent = \"fetch\"", "agent = \"fetsch\""),
        good.replace("message =", "massage ="),
        good.replace("[expect]", "[expect"),
        good.replace("[grants]", "[credentials.\"aws:key\"]\npath_prefix = \"/\"\n[grants]"),
        good.replace("[grants]", "[machine.places]\nin = \"in\"\n[grants]"),
    ];
    let dir = written(&texts.each_ref().map(String::as_str));
    fs::create_dir(dir.path().join("empty")).unwrap();
    fs::create_dir(dir.path().join("Not_A_Name")).unwrap();
    fs::write(dir.path().join("Not_A_Name/case.toml"), &good).unwrap();
    let outcomes = outcomes(&folders(dir.path())).await;
    let told: Vec<String> = outcomes.iter().map(|one| one.result.clone().unwrap_err()).collect();
    for (told, parts) in told.iter().zip([
        ["the folder `Not_A_Name` cannot be called so", "lower-case"],
        ["a/case.toml: `", "abuot"],
        ["b/case.toml: `ask", "skil"],
        ["c/case.toml: `grants.http[0].path_prefix`", "absolute path"],
        ["d/case.toml: `agent`", "there is no test agent `fetsch`"],
        ["e/case.toml: `expect", "massage"],
        ["empty/case.toml cannot be read", ""],
        ["f/case.toml: ", "line "],
        ["g/case.toml: `credentials.aws:key`", "of the kind `bearer:NAME` alone"],
        ["h/case.toml: `machine.places.in`", "no directory of this name is granted"],
    ]) {
        assert!(told.starts_with(parts[0]) && told.contains(parts[1]), "{told}\nis not: {parts:?}");
    }
    assert_eq!(told.len(), 10);
}
