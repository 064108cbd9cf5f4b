//! The contract as text.

use troupe_tests::command::run;
use troupe_tests::{guests, root};
use wit_parser::Resolve;

use crate::PROGRAM;

#[tokio::test]
async fn the_contract_is_one_document_that_parses() {
    let said = run(PROGRAM, &std::env::temp_dir(), &["wit"]).await;
    let mut resolve = Resolve::default();
    let package = resolve.push_str("troupe.wit", said.good()).unwrap();
    let interfaces = |resolve: &Resolve, package| {
        let names: Vec<String> = resolve.packages[package].interfaces.keys().cloned().collect();
        names.into_iter().collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(resolve.packages[package].name.to_string(), "troupe:agent@0.1.0");
    let mut files = Resolve::default();
    let (of_files, _) = files.push_dir(root().join("wit")).unwrap();
    assert_eq!(interfaces(&resolve, package), interfaces(&files, of_files));
    assert!(resolve.packages[package].worlds.contains_key("agent"));
}

#[tokio::test]
async fn a_components_own_contract_parses_too() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("echo.wasm"), &guests().echo.component).unwrap();
    let said = run(PROGRAM, dir.path(), &["wit", "echo.wasm"]).await;
    assert!(said.good().contains("export troupe:agent/skills@0.1.0;"), "{}", said.out);
    Resolve::default().push_str("echo.wit", said.good()).unwrap();
}

#[tokio::test]
async fn what_is_no_component_is_told() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("x.wasm"), "x").unwrap();
    insta::assert_snapshot!(run(PROGRAM, dir.path(), &["wit", "x.wasm"]).await.bad(), @"error: `x.wasm` is not a component [artifact.malformed]");
}
