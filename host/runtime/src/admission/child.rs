//! The inside of the admission child, and the words in which it answers.
//!
//! It reads a component from its standard input until the end and writes one line of
//! JSON, the verdict, followed, if the component is good, by the machine code.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use troupe_core::{Code, Error, Result, SystemClock, limits};
use troupe_package::Profile;
use troupe_sandbox::{Sandbox, SandboxConfig};

use super::Admitted;

/// The first line of the answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// The component is an agent.
    Good {
        /// What it says of itself.
        profile: String,
        /// How many bytes of machine code follow.
        code_bytes: usize,
    },
    /// It is not.
    Bad {
        /// The code of the error.
        code: String,
        /// The sentence.
        message: String,
    },
}

/// Runs the child: the whole of its process.
pub fn child_main() -> ExitCode {
    match answer() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer() -> std::io::Result<()> {
    confine()?;
    let mut component = Vec::new();
    std::io::stdin().lock().take(limits::COMPONENT_BYTES_MAX + 1).read_to_end(&mut component)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let found = runtime.block_on(check(&component));
    let (verdict, code) = match found {
        Ok(Admitted { profile, code }) => (Verdict::Good { profile, code_bytes: code.len() }, code),
        Err(error) => (Verdict::Bad { code: error.code.as_str().to_owned(), message: error.message }, Vec::new()),
    };
    let mut out = std::io::stdout().lock();
    serde_json::to_writer(&mut out, &verdict)?;
    out.write_all(b"\n")?;
    out.write_all(&code)?;
    out.flush()
}

/// Gives up what the work does not need, its priority, and life after the host's. Reserved address space is not counted, only
/// memory that can be written.
fn confine() -> std::io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    // Threads that it starts have the same.
    rustix::process::nice(limits::ADMISSION_NICE)?;
    let limit = |maximum| Rlimit { current: Some(maximum), maximum: Some(maximum) };
    setrlimit(Resource::Data, limit(limits::ADMISSION_MEMORY_BYTES_MAX))?;
    setrlimit(Resource::Cpu, limit(limits::ADMISSION_COMPUTE_MAX.as_secs()))?;
    setrlimit(Resource::Core, limit(0))?;
    // Images of initial memory are anonymous files.
    setrlimit(Resource::Fsize, limit(limits::GUEST_MEMORY_BYTES_MAX as u64))?;
    Ok(())
}

/// Validates, compiles and describes a component in this process.
///
/// # Errors
/// The codes `artifact.*`; [`Code::ArtifactInit`] also if it describes itself in two
/// ways; [`Code::ProfileInvalid`] if it says something else of its conversation than it exports.
pub async fn check(component: &[u8]) -> Result<Admitted> {
    let sandbox = Sandbox::new(SandboxConfig { clock: Arc::new(SystemClock), places: 0, cache: None })?;
    let (agent, code) = sandbox.compile(component)?;
    let profile = sandbox.describe(&agent).await?;
    if sandbox.describe(&agent).await? != profile {
        return Err(Error::new(Code::ArtifactInit, "the agent describes itself differently each time it is asked"));
    }
    // What is wrong with a profile itself is told when it is read.
    if let Ok(said) = Profile::parse(&profile) {
        said.check_conversation(agent.converses())?;
    }
    Ok(Admitted { profile, code })
}
