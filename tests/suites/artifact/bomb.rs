//! A component that is made to compile for long, or to take much for it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::{Value, json};
use troupe_core::view::{Durability, NewTask, PublishQuery, TaskStatus};
use troupe_core::{Caller, Code, SystemClock, SystemEntropy, TenantId, limits};
use troupe_package::sign_archive;
use troupe_registry::Layout;
use troupe_runtime::admission::ChildAdmission;
use troupe_runtime::{
    Drain, GrantPolicy, HostPlace, JournalLimits, MemoryPlace, ReleaseLimits, Runtime, RuntimeConfig, SignaturePolicy,
    WebhookConfig, WebhookKey,
};
use troupe_sandbox::{Artifacts, CacheKey, Directories, Sandbox, SandboxConfig};
use troupe_store::{StateLimits, Store};
use troupe_tests::odd::Odd;
use troupe_tests::processes::{children_of, process};
use troupe_tests::{Guest, Host, guests};

use crate::PROGRAM;

/// A limit of a process: how the system names it, and what a child that compiles sets it to.
const COMPUTE: (&str, Resource, u64) = ("Max cpu time", Resource::Cpu, limits::ADMISSION_COMPUTE_MAX.as_secs());
const MEMORY: (&str, Resource, u64) = ("Max data size", Resource::Data, limits::ADMISSION_MEMORY_BYTES_MAX);

/// So much code that a compile of it computes for some seconds, and takes some hundred MiB.
fn bomb() -> Guest {
    let sum = "(i32.mul (i32.add (local.get 0) (i32.const 7)) (local.get 1))";
    let body: String = (0..60).map(|_| format!("(local.set 0 {sum})")).collect();
    let functions = format!("(func (param i32 i32) (result i32) {body} (local.get 0))").repeat(6_000);
    Odd { fields: functions, ..Odd::default() }.guest()
}

/// Waits until what compiles for a host has set itself a limit, and lowers that.
async fn lowered(host: &Host, (name, resource, own): (&str, Resource, u64), to: u64) {
    let limit = |pid: i32| {
        let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
        let line = limits.lines().find_map(|line| line.strip_prefix(name))?.to_owned();
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    loop {
        let children = children_of(host.pid());
        if let Some(child) = children.iter().find(|child| limit(child.pid) == Some(own)) {
            let lower = Rlimit { current: Some(to), maximum: Some(to) };
            prlimit(Pid::from_raw(child.pid), resource, lower).unwrap();
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Publishes what takes more than it may, once the limit is one that it comes to soon; it must be
/// refused, and neighbours served meanwhile.
async fn refused_beyond(limit: (&str, Resource, u64), to: u64) -> Value {
    let host = crate::host().await;
    let bystander = host.bystander().await;
    let client = host.client();
    let both = futures::future::join(client.publish(bomb().archive("1.0.0")), lowered(&host, limit, to));
    let (refused, ()) = bystander.served_while(&host, both).await;
    client.get("/api/v1/agents/odd/versions").await.problem(404, "agent.not_found");
    assert_eq!(client.run("echo", "version", json!({})).await.output()["version"], "1.0.0");
    refused.problem(422, "artifact.compile_limit")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h96_a_component_that_takes_too_long_to_compile_is_refused_and_neighbours_are_served() {
    let problem = refused_beyond(COMPUTE, 1).await;
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"the component could not be checked within 240 s of processor time and 4 GiB of memory");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h96_a_component_that_takes_too_much_memory_to_compile_is_refused_and_neighbours_are_served() {
    let problem = refused_beyond(MEMORY, 48 << 20).await;
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"the component could not be checked within 240 s of processor time and 4 GiB of memory");
}

/// A host without doors on a data directory that no other has, in which a compile may take so long.
async fn started(data_dir: &Path, time: Duration) -> Runtime {
    let key = std::fs::read(data_dir.join("cache.key")).unwrap();
    let cache = Some((data_dir.join("compiled"), CacheKey(key.try_into().unwrap())));
    let clock = Arc::new(SystemClock);
    let config = RuntimeConfig {
        store: Store::open(&data_dir.join("troupe.db"), clock.clone()).await.unwrap(),
        layout: Layout::open(&data_dir.join("releases")).unwrap(),
        sandbox: Sandbox::new(SandboxConfig { clock: clock.clone(), places: 8, cache }).unwrap(),
        directories: Directories::new(data_dir, clock.clone()),
        artifacts: Artifacts::open(&data_dir.join("artifacts")).unwrap(),
        admission: Box::new(ChildAdmission::new(PROGRAM.into(), "admission-child").within(time)),
        clock,
        entropy: Arc::new(SystemEntropy),
        grants: GrantPolicy::Approved,
        drain: Drain::Wait,
        registry: None,
        journals: JournalLimits { time: Duration::MAX, tenant_bytes: u64::MAX },
        signatures: SignaturePolicy::NotAsked,
        webhooks: WebhookConfig::of(WebhookKey([0; 32])),
        own_key: None,
        releases: ReleaseLimits::default(),
        state: StateLimits { bytes: u64::MAX, keys: u64::MAX },
        place: HostPlace::default(),
        bus: None,
        memory: MemoryPlace::own(),
    };
    Runtime::start(config).await.unwrap()
}

/// The process that this one has started to compile, once it stands still.
async fn held() -> i32 {
    loop {
        let is_admission = |pid: i32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.ends_with(b"\0admission-child\0")
        };
        if let Some(child) = children_of(std::process::id()).iter().find(|child| is_admission(child.pid)) {
            kill_process(Pid::from_raw(child.pid).unwrap(), Signal::STOP).unwrap();
            return child.pid;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h96_a_compile_that_stands_still_is_refused_when_its_time_is_over_and_neighbours_are_served() {
    const TIME: Duration = Duration::from_secs(3);
    let mut host = crate::host().await;
    host.kill().await;
    let runtime = started(&host.data_dir(), TIME).await;
    let caller = Caller::owner(TenantId::default());
    let publish = tokio::spawn({
        let (runtime, caller) = (runtime.clone(), caller.clone());
        let archive = sign_archive(&guests().echo.marked(96).archive("9.6.0"), &host.key().unwrap()).unwrap();
        async move { runtime.publish(&caller, archive, &PublishQuery::default()).await }
    });
    let child = held().await;
    let mut served = 0;
    while !publish.is_finished() {
        let version = NewTask { durability: Durability::None, ..NewTask::new("echo", "version", json!({})) };
        let task = runtime.submit(&caller, version, Some(TIME)).await.unwrap().task;
        assert_eq!(task.status, TaskStatus::Completed, "{task:?}");
        served += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let error = publish.await.unwrap().unwrap_err();
    assert_eq!(error.code, Code::ArtifactCompileLimit);
    assert_snapshot!(error.message, @"the component could not be checked within 3 s");
    assert!(served > 20, "{served}");
    // It does not stand there for ever.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(process(child).filter(|child| child.state != 'Z'), None);
    runtime.stop(Duration::from_secs(1)).await;
}
