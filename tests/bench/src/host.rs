//! A host without doors, for figures that need one.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use troupe_core::view::{Durability, NewTask, PublishQuery, SwapRequest};
use troupe_core::{Caller, SystemClock, SystemEntropy, limits};
use troupe_package::{Manifest, Profile, Release, write_archive};
use troupe_registry::Layout;
use troupe_runtime::admission::ChildAdmission;
use troupe_runtime::{
    Drain, GrantPolicy, HostPlace, JournalLimits, MemoryPlace, ReleaseLimits, Runtime, RuntimeConfig, SignaturePolicy,
    StateLimits, WebhookConfig, WebhookKey,
};
use troupe_sandbox::{Artifacts, CacheKey, Directories, Egress, Sandbox, SandboxConfig};
use troupe_store::Store;

/// The argument by which this program is its own admission child.
pub const ADMISSION: &str = "admission-child";

pub type Failure = Box<dyn std::error::Error>;

/// Starts a host in a directory.
pub async fn start(dir: &Path) -> Result<Runtime, Failure> {
    start_on(dir, store(dir).await?).await
}

/// Starts a host in a directory, with a database that may be elsewhere.
pub async fn start_on(dir: &Path, store: Store) -> Result<Runtime, Failure> {
    let config = RuntimeConfig {
        store,
        layout: Layout::open(&dir.join("releases"))?,
        sandbox: sandbox(dir)?.with_egress(Egress::default()),
        directories: Directories::new(dir, Arc::new(SystemClock)),
        artifacts: Artifacts::open(&dir.join("artifacts"))?,
        admission: Box::new(ChildAdmission::new(std::env::current_exe()?, ADMISSION)),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
        grants: GrantPolicy::AsAsked,
        drain: Drain::Wait,
        registry: None,
        journals: JournalLimits { time: Duration::MAX, tenant_bytes: u64::MAX },
        state: StateLimits { bytes: u64::MAX, keys: u64::MAX },
        signatures: SignaturePolicy::NotAsked,
        webhooks: WebhookConfig::of(WebhookKey([0; 32])),
        own_key: None,
        releases: ReleaseLimits { dev_kept: u32::MAX },
        place: HostPlace::default(),
        bus: None,
        memory: MemoryPlace::own(),
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
    let asks = capabilities.map(serde_json::from_value).transpose()?;
    publish_with(runtime, caller, guest, version, component, |manifest| {
        if let Some(asks) = asks {
            manifest.capabilities = asks;
        }
        Ok(())
    })
    .await
}

/// Publishes a test guest under the name of another agent.
pub async fn publish_as(
    runtime: &Runtime,
    caller: &Caller,
    guest: &str,
    agent: &str,
    version: &str,
    component: &[u8],
) -> Result<(), Failure> {
    publish_with(runtime, caller, guest, version, component, |manifest| {
        manifest.name = agent.parse()?;
        Ok(())
    })
    .await
}

async fn publish_with(
    runtime: &Runtime,
    caller: &Caller,
    guest: &str,
    version: &str,
    component: &[u8],
    change: impl FnOnce(&mut Manifest) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let profile: Profile = runtime.describe(caller, component.to_vec()).await?;
    let manifest = crate::guest::workspace().join("tests/guests").join(guest).join("agent.toml");
    let text = std::fs::read_to_string(manifest)?;
    let mut manifest = Manifest { version: version.parse()?, ..Manifest::parse(&text)? };
    change(&mut manifest)?;
    let release = Release { manifest, profile, component: component.to_vec() };
    let mut archive = Vec::new();
    write_archive(&release, &mut archive)?;
    runtime.publish(caller, archive, &PublishQuery::default()).await?;
    Ok(())
}

/// Makes a release serve.
pub async fn swap(runtime: &Runtime, caller: &Caller, agent: &str, version: &str) -> Result<(), Failure> {
    runtime.begin_swap(caller, agent, SwapRequest { version: version.parse()?, epoch: None, policy: None }).await?;
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
    let request = NewTask { durability, ..NewTask::new(agent, skill, input) };
    let submitted = runtime.submit(caller, request, Some(Duration::from_secs(5))).await?;
    let task = submitted.task;
    let output = task.output.ok_or_else(|| format!("`{skill}` of `{agent}` gave no output: {:?}", task.failure))?;
    Ok(serde_json::to_value(output)?)
}
