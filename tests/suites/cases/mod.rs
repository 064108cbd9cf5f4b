//! What attackers do, each case by the letter and number under which it is known, and those
//! that are folders; and what must hold after it whatever it is: see
//! [`troupe_tests::oracle`]. The cases of a file share a host, one after the other, unless
//! they change or end it.

mod alike;
pub(crate) mod asked;
mod components;
mod control;
mod doors;
mod egress;
mod events;
mod files;
mod folders;
mod grpc;
mod locks;
mod memory;
mod output;
mod pages;
mod requests;
mod slow;
mod streams;
pub(crate) mod tenancy;

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use troupe_tests::odd::Odd;
use troupe_tests::oracle::{Good, Oracle};
use troupe_tests::shared::{Shared, Turn};
use troupe_tests::{Answer, Host};

use crate::PROGRAM;

/// Waits for a turn with the host of a file's cases, on which the guests are deployed and
/// nothing is granted.
async fn turn(host: &'static Shared) -> Turn {
    host.turn(|| Host::with_agents(PROGRAM)).await
}

/// Asks the hostile agent for a skill.
async fn ask(oracle: &Oracle<'_>, skill: &str, input: Value) -> Answer {
    oracle.client().run("hostile", skill, input).await
}

/// Asks the hostile agent for a skill that the host ends with a code; returns what is said
/// about it.
async fn ended(oracle: &mut Oracle<'_>, skill: &str, input: Value, code: &str) -> String {
    let failure = ask(oracle, skill, input).await.failure(code);
    oracle.decides(code);
    failure["message"].as_str().expect("a sentence").to_owned()
}

/// Publishes an odd agent under a version of its own and makes it serve, as `odd`; returns
/// the version.
async fn serve(host: &Host, odd: &Odd) -> String {
    static VERSION: AtomicU32 = AtomicU32::new(0);
    let version = format!("1.0.{}", VERSION.fetch_add(1, Ordering::Relaxed));
    let client = host.client().fresh();
    client.publish(odd.guest().archive(&version)).await.of(201);
    client.swap("odd", &version).await.of(200);
    version
}

/// Watches a host on which an odd agent serves.
async fn watch(host: &Host) -> Oracle<'_> {
    let good = Good { agent: "odd", skill: "good", input: json!({}), output: json!("good") };
    Oracle::watch_with(host, good).await
}

/// Has odd agents act on a host, which ends each with a code; returns what is said about
/// each.
async fn acted<const N: usize>(host: &Host, odds: [Odd; N], code: &str) -> [String; N] {
    // What is loaded stays loaded, so all are before the host is watched.
    let mut versions = Vec::new();
    for odd in &odds {
        versions.push(serve(host, odd).await);
    }
    let mut oracle = watch(host).await;
    let mut said = Vec::new();
    for version in versions {
        oracle.client().swap("odd", &version).await.of(200);
        let failure = oracle.client().run("odd", "act", json!({})).await.failure(code);
        oracle.decides(code);
        said.push(failure["message"].as_str().expect("a sentence").to_owned());
    }
    oracle.holds().await;
    said.try_into().expect("a sentence for each")
}
