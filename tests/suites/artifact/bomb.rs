//! A component that is made to compile for long.

use std::time::Duration;

use insta::assert_snapshot;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;
use troupe_core::limits;
use troupe_tests::Host;
use troupe_tests::odd::Odd;
use troupe_tests::processes::children_of;

/// The processor time that a compile may take by now, in seconds; none if nothing compiles.
fn compute_max(host: &Host) -> Option<(i32, u64)> {
    let child = children_of(host.pid()).first()?.pid;
    let limits = std::fs::read_to_string(format!("/proc/{child}/limits")).ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max cpu time"))?;
    Some((child, line.split_whitespace().next()?.parse().ok()?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h96_a_component_that_takes_too_long_to_compile_is_refused_and_neighbours_are_served() {
    let host = crate::host().await;
    // So much code that a compile of it computes for some seconds; it may for one here.
    let sum = "(i32.mul (i32.add (local.get 0) (i32.const 7)) (local.get 1))";
    let body: String = (0..60).map(|_| format!("(local.set 0 {sum})")).collect();
    let functions = format!("(func (param i32 i32) (result i32) {body} (local.get 0))").repeat(6_000);
    let bomb = Odd { fields: functions, ..Odd::default() }.guest();
    let bystander = host.bystander().await;
    let client = host.client();
    let publish = client.publish(bomb.archive("1.0.0"));
    let hurried = async {
        loop {
            match compute_max(&host) {
                // It has set its own limit, and comes to this one sooner.
                Some((child, seconds)) if seconds == limits::ADMISSION_COMPUTE_MAX.as_secs() => {
                    let one = Rlimit { current: Some(1), maximum: Some(1) };
                    prlimit(Pid::from_raw(child), Resource::Cpu, one).unwrap();
                    return;
                }
                _ => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    };
    let both = futures::future::join(publish, hurried);
    let (refused, ()) = bystander.served_while(&client.url, both).await;
    let problem = refused.problem(422, "artifact.compile_limit");
    assert_snapshot!(problem["detail"].as_str().unwrap(), @"the component could not be checked within 240 s of processor time and 4 GiB of memory");
    client.get("/api/v1/agents/odd/versions").await.problem(404, "agent.not_found");
    assert_eq!(client.run("echo", "version", json!({})).await.output()["version"], "1.0.0");
}
