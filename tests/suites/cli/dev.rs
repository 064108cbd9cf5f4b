//! `troupe dev`: write, save, and the agent is swapped.

use std::path::{Path, PathBuf};

use serde_json::json;
use troupe_tests::{Host, guests_dir, root};

use crate::PROGRAM;

/// Puts an agent made from the template into a directory.
fn make_agent(dir: &Path, name: &str) -> PathBuf {
    let template = root().join("sdk/templates/rust");
    let sdk = root().join("sdk/rust").canonicalize().unwrap();
    let filled = |file: &str| {
        let text = std::fs::read_to_string(template.join(file)).unwrap();
        text.replace("{{name}}", name).replace("{{sdk}}", &format!("{{ path = {:?} }}", sdk.to_str().unwrap()))
    };
    let agent = dir.join("agents").join(name);
    std::fs::create_dir_all(agent.join("src")).unwrap();
    std::fs::write(agent.join("Cargo.toml"), filled("Cargo.toml.tmpl")).unwrap();
    std::fs::write(agent.join("agent.toml"), filled("agent.toml")).unwrap();
    std::fs::write(agent.join("src/lib.rs"), filled("src/lib.rs")).unwrap();
    // The versions that the guests are built with, so that nothing is downloaded anew.
    std::fs::copy(root().join("tests/guests/Cargo.lock"), agent.join("Cargo.lock")).unwrap();
    agent
}

/// `troupe dev` on a directory of agents, not started yet. All of these build in one place, so
/// that what agents are made of is compiled once; each test names its agents otherwise, since
/// a component's file there is named after its agent.
fn developing() -> Host {
    Host::new(PROGRAM, &["dev", "agents", "--listen", "127.0.0.1:0"])
        .with_variable("CARGO_TARGET_DIR", guests_dir().join("dev").to_str().unwrap())
}

/// Replaces a text in an agent's sources, as an editor's save does; returns where the
/// host's log stood.
fn edit(host: &Host, agent: &str, from: &str, to: &str) -> usize {
    let path = host.dir().join("agents").join(agent).join("src/lib.rs");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    let said = host.said().len();
    std::fs::write(path, text.replace(from, to)).unwrap();
    said
}

#[tokio::test]
async fn a_saved_edit_is_swapped_in_and_a_broken_one_is_not() {
    let mut host = developing();
    let agent = make_agent(host.dir(), "mine");
    let mut manifest = std::fs::read_to_string(agent.join("agent.toml")).unwrap();
    manifest.push_str("\n[capabilities.state]\nbytes = \"1 MiB\"\nkeys = 10\n");
    std::fs::write(agent.join("agent.toml"), manifest).unwrap();
    host.start().await;
    assert!(host.said().contains("  granted mine: state: up to 1 MiB and 10 keys\n"), "{}", host.said());
    let client = host.client();
    let echo = async || client.run("mine", "echo", json!({ "text": "hello" })).await;
    let first = echo().await;
    assert_eq!(first.output(), json!({ "text": "hello" }));
    assert!(first.header("troupe-release").unwrap().starts_with("mine@0.1.0-dev.1;"));

    let said = edit(&host, "mine", "text: input.text", "text: input.text.to_uppercase()");
    host.says(said, |said| said.contains("deployed mine@0.1.0-dev.2")).await;
    let second = echo().await;
    assert_eq!(second.output(), json!({ "text": "HELLO" }));
    assert!(second.header("troupe-release").unwrap().starts_with("mine@0.1.0-dev.2;"));
    let channels = client.get("/api/v1/agents/mine/channels").await.of(200);
    let dev = &channels["items"][0];
    assert_eq!((&dev["channel"], &dev["version"]), (&json!("dev"), &json!("0.1.0-dev.2")), "{channels:#}");

    let said = edit(&host, "mine", "to_uppercase()", "to_uppercase(");
    host.says(said, |said| said.contains("mine@0.1.0-dev.2 still serves")).await;
    let log = host.said().split_off(said);
    assert!(
        log.contains("unclosed delimiter") || log.contains("mismatched"),
        "the compiler's message is missing:\n{log}"
    );
    assert!(log.contains("[build.failed]"), "{log}");
    assert_eq!(echo().await.output(), json!({ "text": "HELLO" }));

    let said = edit(&host, "mine", "to_uppercase(", "to_lowercase()");
    host.says(said, |said| said.contains("deployed mine@0.1.0-dev.3")).await;
    assert_eq!(echo().await.output(), json!({ "text": "hello" }));
    assert_eq!(host.stop().await.code(), Some(0));

    // What has not changed is not published again.
    let said = host.said().len();
    host.start().await;
    let log = host.said().split_off(said);
    assert!(log.contains("unchanged mine@0.1.0-dev.3 serves"), "{log}");
    for word in ["Compiling", "published", "granted", "deployed"] {
        assert!(!log.contains(word), "{word}: {log}");
    }
    let versions = host.client().get("/api/v1/agents/mine/versions").await.of(200);
    assert_eq!(versions["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn agents_that_appear_or_come_back_are_seen() {
    let mut host = developing();
    let agent = make_agent(host.dir(), "first");
    host.start().await;

    // As a checkout of another commit does.
    let said = host.said().len();
    std::fs::remove_dir_all(&agent).unwrap();
    make_agent(host.dir(), "first");
    let source = agent.join("src/lib.rs");
    let text = std::fs::read_to_string(&source).unwrap();
    std::fs::write(&source, text.replace("text: input.text", "text: input.text.repeat(2)")).unwrap();
    host.says(said, |said| said.contains("deployed first@0.1.0-dev.2")).await;
    let said = host.said().len();
    std::fs::write(&source, text.replace("text: input.text", "text: input.text.repeat(3)")).unwrap();
    host.says(said, |said| said.contains("deployed first@0.1.0-dev.3")).await;

    // A new agent, at first with a mistake.
    let said = host.said().len();
    let new = make_agent(&host.dir().join("aside"), "second");
    let source = new.join("src/lib.rs");
    let text = std::fs::read_to_string(&source).unwrap();
    std::fs::write(&source, "nonsense").unwrap();
    std::fs::rename(&new, host.dir().join("agents/second")).unwrap();
    host.says(said, |said| said.contains("no release of second serves; save a change to build it again")).await;
    std::fs::write(host.dir().join("agents/second/src/lib.rs"), text).unwrap();
    host.says(said, |said| said.contains("deployed second@0.1.0-dev.1")).await;

    // The directory of all of them goes and comes back.
    let said = host.said().len();
    std::fs::rename(host.dir().join("agents"), host.dir().join("away")).unwrap();
    std::fs::rename(host.dir().join("away"), host.dir().join("agents")).unwrap();
    host.says(said, |said| said.contains("unchanged second@0.1.0-dev.1 serves")).await;
    let said = host.said().len();
    let source = agent.join("src/lib.rs");
    let text = std::fs::read_to_string(&source).unwrap();
    std::fs::write(&source, text.replace("repeat(3)", "repeat(4)")).unwrap();
    host.says(said, |said| said.contains("deployed first@0.1.0-dev.4")).await;
}

#[tokio::test]
async fn a_second_save_ends_what_still_runs_on_the_oldest_release_and_says_so() {
    let mut host = developing();
    let agent = make_agent(host.dir(), "napping");
    let source = std::fs::read_to_string(agent.join("src/lib.rs")).unwrap();
    // In naps: one long sleep would be suspended, and then nothing runs.
    let sleeping = "text: { for _ in 0..50 { std::thread::sleep(std::time::Duration::from_secs(1)) } input.text }";
    std::fs::write(agent.join("src/lib.rs"), source.replace("text: input.text", sleeping)).unwrap();
    host.start().await;
    let client = host.client();
    let running = client.submit("napping", "echo", json!({ "text": "hello" })).await;
    client.runs(&running).await;

    let said = edit(&host, "napping", "0..50", "0..1");
    host.says(said, |said| said.contains("deployed napping@0.1.0-dev.2")).await;
    assert!(!host.said()[said..].contains("expired"), "{}", host.said());
    assert_eq!(client.get(&format!("/api/v1/tasks/{running}")).await.of(200)["status"], "running");

    let said = edit(&host, "napping", "from_secs(1)", "from_secs(0)");
    host.says(said, |said| said.contains("deployed napping@0.1.0-dev.3")).await;
    assert!(host.said()[said..].contains("expired 1 call"), "{}", host.said());
    // It has written nothing, so it begins anew on what serves, which may be that before the swap still.
    let ended = client.ended(&running).await;
    assert_eq!((&ended["status"], &ended["attempt"]), (&json!("completed"), &json!(2)));
    let version = ended["release"]["version"].as_str().unwrap();
    assert!(["0.1.0-dev.2", "0.1.0-dev.3"].contains(&version), "{version}");
    let after = client.run("napping", "echo", json!({ "text": "hello" })).await;
    assert!(after.header("troupe-release").unwrap().starts_with("napping@0.1.0-dev.3;"));
}

#[tokio::test]
async fn what_a_save_widens_breaks_and_says_otherwise_is_approved_and_told() {
    let mut host = developing();
    let agent = make_agent(host.dir(), "growing");
    host.start().await;
    assert!(!host.said().contains("approved"), "{}", host.said());
    let said = host.said().len();
    let mut manifest = std::fs::read_to_string(agent.join("agent.toml")).unwrap();
    manifest.push_str("\n[capabilities.state]\nbytes = \"1 MiB\"\nkeys = 10\n");
    std::fs::write(agent.join("agent.toml"), manifest).unwrap();
    edit(&host, "growing", "fn echo(", "fn shout(");
    // By one build or two.
    for line in [
        "  approved growing: skill `echo`: it is gone\n",
        "  approved growing: new grant state: state: up to 1 MiB and 10 keys\n",
        "  approved growing: new effect of skill shout: read\n",
        "  approved growing: new text: /skills/shout\n",
        "  approved growing: text gone: /skills/echo\n",
    ] {
        host.says(said, |said| said.contains(line)).await;
    }
    let approvals = host.client().get("/api/v1/approvals?status=approved").await.of(200);
    assert_eq!(approvals["items"][0]["reason"], "`dev` approves as its operator", "{approvals:#}");
}
