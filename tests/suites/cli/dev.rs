//! `troupe dev`: write, save, and the agent is swapped.

use std::path::{Path, PathBuf};

use serde_json::json;
use troupe_tests::{Host, guests_dir, root};

use crate::PROGRAM;

/// Puts an agent made from the template into a directory.
fn make_agent(dir: &Path) -> PathBuf {
    let template = root().join("sdk/templates/rust");
    let sdk = root().join("sdk/rust").canonicalize().unwrap();
    let filled = |name: &str| {
        let text = std::fs::read_to_string(template.join(name)).unwrap();
        text.replace("{{name}}", "mine").replace("{{sdk}}", &format!("{{ path = {:?} }}", sdk.to_str().unwrap()))
    };
    let agent = dir.join("agents").join("mine");
    std::fs::create_dir_all(agent.join("src")).unwrap();
    std::fs::write(agent.join("Cargo.toml"), filled("Cargo.toml.tmpl")).unwrap();
    std::fs::write(agent.join("agent.toml"), filled("agent.toml")).unwrap();
    std::fs::write(agent.join("src/lib.rs"), filled("src/lib.rs")).unwrap();
    // The versions that the guests are built with, so that nothing is downloaded anew.
    std::fs::copy(root().join("tests/guests/Cargo.lock"), agent.join("Cargo.lock")).unwrap();
    agent
}

/// Replaces a text in the agent's sources, as an editor's save does; returns where the
/// host's log stood.
fn edit(host: &Host, from: &str, to: &str) -> usize {
    let path = host.dir().join("agents/mine/src/lib.rs");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    let said = host.said().len();
    std::fs::write(path, text.replace(from, to)).unwrap();
    said
}

#[tokio::test]
async fn a_saved_edit_is_swapped_in_and_a_broken_one_is_not() {
    let mut host = Host::new(PROGRAM, &["dev", "agents", "--listen", "127.0.0.1:0"])
        .with_variable("CARGO_TARGET_DIR", guests_dir().join("dev").to_str().unwrap());
    make_agent(host.dir());
    host.start().await;
    let client = host.client();
    let echo = async || client.run("mine", "echo", json!({ "text": "hello" })).await;
    let first = echo().await;
    assert_eq!(first.output(), json!({ "text": "hello" }));
    assert!(first.header("troupe-release").unwrap().starts_with("mine@0.1.0-dev.1;"));

    let said = edit(&host, "text: input.text", "text: input.text.to_uppercase()");
    host.says(said, |said| said.contains("deployed mine@0.1.0-dev.2")).await;
    let second = echo().await;
    assert_eq!(second.output(), json!({ "text": "HELLO" }));
    assert!(second.header("troupe-release").unwrap().starts_with("mine@0.1.0-dev.2;"));

    let said = edit(&host, "to_uppercase()", "to_uppercase(");
    host.says(said, |said| said.contains("what served before still serves")).await;
    let log = host.said().split_off(said);
    assert!(
        log.contains("unclosed delimiter") || log.contains("mismatched"),
        "the compiler's message is missing:\n{log}"
    );
    assert!(log.contains("[build.failed]"), "{log}");
    assert_eq!(echo().await.output(), json!({ "text": "HELLO" }));

    let said = edit(&host, "to_uppercase(", "to_lowercase()");
    host.says(said, |said| said.contains("deployed mine@0.1.0-dev.3")).await;
    assert_eq!(echo().await.output(), json!({ "text": "hello" }));
    assert_eq!(host.stop().await.code(), Some(0));

    // What has not changed is not published again.
    let said = host.said().len();
    let took = host.start().await;
    println!("ready after {took:?} on unchanged sources");
    assert!(host.said()[said..].contains("unchanged mine@0.1.0-dev.3 serves"), "{}", host.said());
}
