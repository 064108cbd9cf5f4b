//! The agents that come with Troupe, built and compiled once a run, and hosts that serve them.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use crate::template::{copy, kept};
use crate::{Host, root};

/// Where an agent's component lies once it is built, and where its code, if a host was asked for.
#[derive(Debug, Clone, Default)]
struct Made {
    component: PathBuf,
    code: Option<PathBuf>,
}

/// What this run has made, by agent. Whoever wants one waits for who makes one.
static MADE: Mutex<BTreeMap<String, Made>> = Mutex::new(BTreeMap::new());

/// Builds an agent of `plugins/`, once, before a host does, so that no start of a host has a compiler in it.
pub fn build(name: &str) {
    built(&mut MADE.lock().unwrap_or_else(PoisonError::into_inner), name);
}

fn built<'a>(made: &'a mut BTreeMap<String, Made>, name: &str) -> &'a mut Made {
    made.entry(name.to_owned()).or_insert_with(|| {
        let status = Command::new("cargo")
            .args(["build", "--quiet", "--release", "--lib", "--target", "wasm32-wasip2"])
            .args(["--package", &format!("troupe-agent-{name}")])
            .current_dir(root())
            .status();
        assert!(status.expect("cargo starts").success(), "the agent `{name}` does not build");
        let component = root().join(format!("target/wasm32-wasip2/release/troupe_agent_{name}.wasm"));
        Made { component, code: None }
    })
}

/// A host that has not been started, on which such an agent serves and is granted what it asks for. A host before
/// it has compiled the agent, which takes longer than most tests.
pub fn host(program: &str, name: &str) -> Host {
    let code = {
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        let made = built(&mut made, name);
        made.code.get_or_insert_with(|| compiled(program, name, &made.component)).clone()
    };
    let host = developing(program, name);
    copy(&code, &host.data_dir());
    // A host takes no directory in which others may look.
    fs::set_permissions(host.data_dir(), Permissions::from_mode(0o700)).expect("a directory of ours");
    host
}

/// A directory with what a data directory holds of compiled code: the code, and the key under which it is authentic.
fn compiled(program: &str, name: &str, component: &Path) -> PathBuf {
    let component = fs::read(component).expect("a component that has been built");
    kept(&format!("compiled-{name}"), program, &[component], async |unfinished| {
        let mut host = developing(program, name);
        host.start().await;
        host.stop().await;
        copy(&host.data_dir().join("compiled"), &unfinished.join("compiled"));
        fs::copy(host.data_dir().join("cache.key"), unfinished.join("cache.key")).expect("a key to copy");
    })
}

fn developing(program: &str, name: &str) -> Host {
    let agent = root().join("plugins").join(name);
    Host::new(program, &["dev", agent.to_str().expect("a path of text"), "--listen", "127.0.0.1:0"])
}
