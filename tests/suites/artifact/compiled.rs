//! The cache of compiled code: what this host did not make is never run.

use serde_json::json;

use crate::host;

#[tokio::test]
async fn h110_compiled_code_that_was_tampered_with_is_not_run_but_made_anew() {
    let mut host = host().await;
    host.stop().await;
    let mut tampered = 0;
    for file in std::fs::read_dir(host.data_dir().join("compiled")).unwrap() {
        let path = file.unwrap().path();
        let mut code = std::fs::read(&path).unwrap();
        let middle = code.len() / 2;
        code[middle] ^= 1;
        std::fs::write(path, code).unwrap();
        tampered += 1;
    }
    assert!(tampered > 0, "there was compiled code to tamper with");
    host.start().await;
    assert!(host.said().contains("compiled code was not made by this host"));
    assert_eq!(host.client().run("echo", "version", json!({})).await.output(), json!({ "version": "1.0.0" }));
}

#[tokio::test]
async fn compiled_code_that_no_release_uses_is_removed_at_the_next_start() {
    let mut host = host().await;
    host.stop().await;
    let compiled = host.data_dir().join("compiled");
    let names = || {
        let mut names: Vec<_> = std::fs::read_dir(&compiled)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let used = names();
    let of_an_older_engine = format!("{}-0123456789abcdef.compiled", used[0].split('-').next().unwrap());
    let of_no_release = format!("{}-{}", "0".repeat(64), used[0].split('-').nth(1).unwrap());
    for name in [&of_an_older_engine, &of_no_release, ".tmpInterrupted"] {
        std::fs::write(compiled.join(name), b"old").unwrap();
    }
    host.start().await;
    assert_eq!(names(), used);
}
