//! A host without doors, for figures that need one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use troupe_core::view::{Durability, NewTask};
use troupe_core::{Caller, SystemClock, SystemEntropy, limits};
use troupe_package::{Manifest, Profile, Release, write_archive};
use troupe_registry::Layout;
use troupe_runtime::admission::ChildAdmission;
use troupe_runtime::{Drain, GrantPolicy, JournalLimits, Runtime, RuntimeConfig};
use troupe_sandbox::{CacheKey, Directories, Egress, Sandbox, SandboxConfig};
use troupe_store::Store;

/// The argument by which this program is its own admission child.
pub const ADMISSION: &str = "admission-child";

pub type Failure = Box<dyn std::error::Error>;

/// Starts a host in a directory.
pub async fn start(dir: &Path) -> Result<Runtime, Failure> {
    let config = RuntimeConfig {
        store: store(dir).await?,
        layout: Layout::open(&dir.join("releases"))?,
        sandbox: sandbox(dir)?.with_egress(Egress::default()),
        directories: Directories::new(dir, Arc::new(SystemClock)),
        admission: Box::new(ChildAdmission::new(std::env::current_exe()?, ADMISSION)),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        grants: GrantPolicy::AsAsked,
        drain: Drain::Wait,
        journals: JournalLimits { time: Duration::MAX, tenant_bytes: u64::MAX },
    };
    Ok(Runtime::start(config).await?)
}

/// The store of a directory's host.
pub async fn store(dir: &Path) -> Result<Store, Failure> {
    Ok(Store::open(&dir.join("troupe.db"), Arc::new(SystemClock)).await?)
}

/// A sandbox over the compiled cache of a directory's host.
pub fn sandbox(dir: &Path) -> Result<Sandbox, Failure> {
    let cache = Some((dir.join("compiled"), CacheKey([9; 32])));
    Ok(Sandbox::new(SandboxConfig { clock: Arc::new(SystemClock), places: limits::INVOCATIONS_MAX, cache })?)
}

/// Publishes a test guest under a version, asking for what its manifest does or for these
/// capabilities, written as a manifest has them.
pub async fn publish(
    runtime: &Runtime,
    caller: &Caller,
    guest: &str,
    version: &str,
    component: &[u8],
    capabilities: Option<Value>,
) -> Result<(), Failure> {
    let profile: Profile = runtime.describe(caller, component.to_vec()).await?;
    let manifest = crate::guest::workspace().join("tests/guests").join(guest).join("agent.toml");
    let text = std::fs::read_to_string(manifest)?;
    let mut manifest = Manifest { version: version.parse()?, ..Manifest::parse(&text)? };
    if let Some(capabilities) = capabilities {
        manifest.capabilities = serde_json::from_value(capabilities)?;
    }
    let release = Release { manifest, profile, component: component.to_vec() };
    let mut archive = Vec::new();
    write_archive(&release, &mut archive)?;
    runtime.publish(caller, archive).await?;
    Ok(())
}

/// Runs a skill and returns its output.
pub async fn ask(
    runtime: &Runtime,
    caller: &Caller,
    agent: &str,
    skill: &str,
    input: Value,
    durability: Durability,
) -> Result<Value, Failure> {
    let request = NewTask {
        agent: agent.to_owned(),
        skill: skill.to_owned(),
        input,
        idempotency_key: None,
        timeout_ms: None,
        lifetime_ms: None,
        priority: 0,
        durability,
    };
    let submitted = runtime.submit(caller, request, Some(Duration::from_secs(5))).await?;
    let task = submitted.task;
    let output = task.output.ok_or_else(|| format!("`{skill}` of `{agent}` gave no output: {:?}", task.failure))?;
    Ok(serde_json::to_value(output)?)
}
