//! The agents that come with Troupe, built once a run, and hosts that serve them.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::{Host, root};

/// Builds an agent of `plugins/`, once, before a host does, so that no start of a host has a compiler in it.
pub fn build(name: &str) {
    static BUILT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if built.contains(name) {
        return;
    }
    let status = Command::new("cargo")
        .args(["build", "--quiet", "--release", "--lib", "--target", "wasm32-wasip2"])
        .args(["--package", &format!("troupe-agent-{name}")])
        .current_dir(root())
        .status();
    assert!(status.expect("cargo starts").success(), "the agent `{name}` does not build");
    built.insert(name.to_owned());
}

/// A host that has not been started, on which such an agent serves and is granted what it asks for.
pub fn host(program: &str, name: &str) -> Host {
    build(name);
    let agent = root().join("plugins").join(name);
    Host::new(program, &["dev", agent.to_str().expect("a path of text"), "--listen", "127.0.0.1:0"])
}
