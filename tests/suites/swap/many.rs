//! A hundred releases that have to be compiled at the same time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::{join, join_all, join3};
use serde_json::{Value, json};
use troupe_core::{Digest, limits};
use troupe_tests::odd::Odd;
use troupe_tests::processes::children_of;
use troupe_tests::{Client, Guest, Host, guests};

use super::{begin, over, swap_of};
use crate::host;

/// Agents that serve already, and those that are only published.
const SERVING: u32 = 10;
const PUBLISHED: u32 = 40;

/// A small agent whose component nobody else has.
fn small(odd: &Guest, name: &str, number: u32) -> Guest {
    odd.called(&format!("{name}-{number}")).marked(number)
}

/// The processes that a host has at once while something is done: how many at most, and the lowest
/// priority that each was seen with.
async fn watched<T>(host: &Host, doing: impl Future<Output = T>) -> (T, usize, Vec<i32>) {
    let (is_over, parent) = (Arc::new(AtomicBool::new(false)), host.pid());
    let watch = std::thread::spawn({
        let is_over = Arc::clone(&is_over);
        move || {
            let (mut most, mut nice) = (0, BTreeMap::new());
            while !is_over.load(Ordering::Relaxed) {
                let children = children_of(parent);
                most = most.max(children.len());
                for child in children {
                    let seen = nice.entry(child.pid).or_insert(child.nice);
                    *seen = child.nice.max(*seen);
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            (most, nice.into_values().collect())
        }
    });
    let done = doing.await;
    is_over.store(true, Ordering::Relaxed);
    let (most, nice) = tokio::task::spawn_blocking(move || watch.join().unwrap()).await.unwrap();
    (done, most, nice)
}

/// Checks that children were seen, few at once, each of a low priority once it had given its own up.
fn few(most: usize, nice: &[i32]) {
    println!("{} children were seen, {most} at once; their priorities were {nice:?}", nice.len());
    assert!((1..=limits::ADMISSION_CHILDREN_MAX).contains(&most), "{most} children at once");
    assert!(nice.contains(&limits::ADMISSION_NICE), "{nice:?}");
    assert!(nice.iter().all(|nice| [0, limits::ADMISSION_NICE].contains(nice)), "{nice:?}");
}

/// Takes away the code that a host has made of components.
pub(super) fn forget(host: &Host, components: &[Guest]) {
    let of: Vec<String> = components.iter().map(|guest| Digest::of(&guest.component).hex()).collect();
    for file in std::fs::read_dir(host.data_dir().join("compiled")).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if of.iter().any(|digest| name.starts_with(digest)) {
            std::fs::remove_file(path).unwrap();
        }
    }
}

/// Swaps by steps, and says how many were ever said to be before it.
async fn by_steps(client: &Client, agent: &str) -> (Value, Vec<u64>) {
    let id = begin(client, agent, "2.0.0", &json!({ "watch": { "seconds": 1 } })).await;
    let mut ahead = Vec::new();
    loop {
        let swap = swap_of(client, agent, &id).await;
        ahead.extend(swap["state"]["ahead"].as_u64());
        if swap["state"]["outcome"] != Value::Null {
            return (over(client, agent, &id).await, ahead);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn j145_a_hundred_releases_at_once_are_compiled_few_at_a_time_and_neighbours_have_their_turn() {
    let mut host = host().await;
    let owner = host.client();
    owner.make_tenant("acme").await;
    let acme = owner.with_key("acme", &["read", "run", "operate", "approve"]).await;
    let odd = Odd::default().guest();
    let serving: Vec<Guest> = (0..SERVING).map(|number| odd.called(&format!("serving-{number}"))).collect();
    join_all(serving.iter().map(async |guest| acme.publish(guest.archive("1.0.0")).await.of(201))).await;
    join_all(serving.iter().map(async |guest| acme.swap(guest.manifest.name.as_str(), "1.0.0").await.of(200))).await;
    let next: Vec<Guest> = (0..SERVING).map(|number| small(&odd, "serving", number)).collect();
    let fresh: Vec<Guest> = (0..PUBLISHED).map(|number| small(&odd, "fresh", 1_000 + number)).collect();

    // Fifty are published at once, and then a neighbour comes with one.
    let published = AtomicUsize::new(0);
    let publish = async |guest: &Guest, version: &str| {
        acme.publish(guest.archive(version)).await.of(201);
        published.fetch_add(1, Ordering::Relaxed);
    };
    let all = join(
        join_all(next.iter().map(async |guest| publish(guest, "2.0.0").await)),
        join_all(fresh.iter().map(async |guest| publish(guest, "1.0.0").await)),
    );
    let neighbour = async {
        while published.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        owner.publish(small(&odd, "neighbour", 2_000).archive("1.0.0")).await.of(201);
        published.load(Ordering::Relaxed)
    };
    let ((_, before), most, nice) = watched(&host, join(all, neighbour)).await;
    few(most, &nice);
    println!("{before} of {} were published before the neighbour's one", SERVING + PUBLISHED);
    assert!(before < 40, "{before}");

    // A hundred at once: swaps of what this host has no code of any more, at once and by steps, and
    // as many publishes.
    host.stop().await;
    forget(&host, &[next.clone(), fresh.clone()].concat());
    host.start().await;
    let owner = host.client();
    let (acme, bystander) = (owner.with_token(acme.token.as_deref()), host.bystander().await);
    let late: Vec<Guest> = (0..SERVING + PUBLISHED).map(|number| small(&odd, "late", 3_000 + number)).collect();
    let by_steps = join_all(next.iter().map(async |guest| by_steps(&acme, guest.manifest.name.as_str()).await));
    let at_once =
        join_all(fresh.iter().map(async |guest| acme.swap(guest.manifest.name.as_str(), "1.0.0").await.of(200)));
    let publishes = join_all(late.iter().map(async |guest| acme.publish(guest.archive("1.0.0")).await.of(201)));
    let all = bystander.served_while(&host, join3(by_steps, at_once, publishes));
    let ((swaps, _, _), most, nice) = watched(&host, all).await;
    few(most, &nice);
    // One that is very quick is not seen.
    assert!(nice.len() > 90, "{} children were seen", nice.len());
    let ahead: Vec<u64> = swaps.iter().flat_map(|(_, ahead)| ahead.clone()).collect();
    println!("those in line were told {ahead:?}");
    assert!(ahead.iter().any(|ahead| *ahead > 0), "nobody was told how many were before it");
    for (swap, _) in &swaps {
        assert_eq!(swap["state"]["outcome"], "promoted", "{swap:#}");
        assert_eq!(swap["state"]["ahead"], Value::Null, "{swap:#}");
    }
    for guest in next.iter().chain(&fresh) {
        acme.run(guest.manifest.name.as_str(), "good", json!({})).await.output();
    }
    assert_eq!(owner.run("echo", "version", json!({})).await.output(), json!({ "version": "1.0.0" }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_that_share_a_component_have_it_compiled_once() {
    let host = host().await;
    let client = host.client();
    let shared = Odd::default().guest().marked(4_000);
    let agents: Vec<Guest> = (0..20).map(|number| shared.called(&format!("shared-{number}"))).collect();
    let all = join_all(agents.iter().map(async |guest| client.publish(guest.archive("1.0.0")).await.of(201)));
    let (_, most, nice) = watched(&host, all).await;
    // As many as there are places begin before there is code.
    assert!(nice.len() <= limits::ADMISSION_CHILDREN_MAX, "{most} at once, {nice:?}");
    let compiled = std::fs::read_dir(host.data_dir().join("compiled")).unwrap().count();
    let template = [&guests().echo, &guests().echo_2, &guests().counter, &guests().hostile].len();
    assert_eq!(compiled, template + 1);
}
