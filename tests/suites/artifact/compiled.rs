//! The cache of compiled code: what this host did not make is never run.

use serde_json::json;

use crate::host;

#[tokio::test]
async fn compiled_code_that_was_tampered_with_is_not_run_but_made_anew() {
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
