//! An account of very many resources: volumes and snapshots that a service makes up, page by page.
//!
//! `TROUPE_RESOURCES` says how many there are; a million are the promise, and take minutes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use troupe_core::limits;
use troupe_package::Manifest;
use troupe_tests::service::{Reply, Request, Service};
use troupe_tests::{Host, seed};

use super::{STRANGER, agent_host_at};

const ACCOUNT: &str = "123456789012";

/// Resources of one page, as EC2 gives them.
const PAGE: usize = 500;

/// Of so many resources `watch` and `changes` can be told with some room: they hold what they compare in memory.
const COMPARED: usize = 20_000;

/// Ten changes: three volumes are gone, three have grown, and four are new.
const GONE: [usize; 3] = [1, 500, 999];
const GROWN: [usize; 3] = [0, 499, 700];
const NEW: usize = 4;

/// An account with so many volumes, and as many snapshots beside every fourth of them.
struct Large {
    volumes: usize,
    snapshots: usize,
    is_changed: AtomicBool,
}

impl Large {
    fn of(resources: usize) -> Self {
        let snapshots = resources / 5;
        Self { volumes: resources - snapshots, snapshots, is_changed: AtomicBool::new(false) }
    }

    fn answer(&self, request: &Request) -> Reply {
        let Some(form) = request.form() else { return Reply::json(200, &json!({})) };
        let action = form.get("Action").map(String::as_str).unwrap_or_default();
        let from = form.get("NextToken").map_or(0, |token| token.parse().unwrap());
        let body = match action {
            "GetCallerIdentity" => format!(
                "<GetCallerIdentityResult><Account>{ACCOUNT}</Account><Arn>arn:aws:iam::{ACCOUNT}:user/looker</Arn>\
                 </GetCallerIdentityResult>"
            ),
            "DescribeVolumes" => {
                let is_changed = self.is_changed.load(Ordering::SeqCst);
                let count = self.volumes + if is_changed { NEW } else { 0 };
                page("volumeSet", from, count, |number| volume(number, is_changed))
            }
            "DescribeSnapshots" => page("snapshotSet", from, self.snapshots, |number| Some(snapshot(number))),
            _ => String::new(),
        };
        Reply::text(200, format!("<?xml version=\"1.0\"?><Response>{body}</Response>")).with("content-type", "text/xml")
    }
}

/// A page of a list, and where the next one is.
fn page(set: &str, from: usize, count: usize, item: impl Fn(usize) -> Option<String>) -> String {
    let to = count.min(from + PAGE);
    let items: String = (from..to).filter_map(item).collect();
    let next = if to < count { format!("<nextToken>{to}</nextToken>") } else { String::new() };
    format!("<{set}>{items}</{set}>{next}")
}

/// An id with hexadecimal digits that say nothing of the order, as EC2's do not.
fn id(kind: &str, number: usize) -> String {
    format!("{kind}-{:017x}", (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 4)
}

fn volume(number: usize, is_changed: bool) -> Option<String> {
    if is_changed && GONE.contains(&number) {
        return None;
    }
    let size = if is_changed && GROWN.contains(&number) { 16 } else { 8 };
    let (id, instance) = (id("vol", number), id("i", number / 2));
    Some(format!(
        "<item><volumeId>{id}</volumeId><size>{size}</size><snapshotId/><availabilityZone>us-east-1a</availabilityZone>\
         <status>in-use</status><createTime>2025-03-04T05:06:08.000Z</createTime><attachmentSet><item>\
         <volumeId>{id}</volumeId><instanceId>{instance}</instanceId><device>/dev/sdf</device><status>attached</status>\
         <attachTime>2025-03-04T05:06:08.000Z</attachTime><deleteOnTermination>true</deleteOnTermination></item>\
         </attachmentSet><volumeType>gp3</volumeType><iops>3000</iops><encrypted>true</encrypted><tagSet><item>\
         <key>Name</key><value>data-{number}</value></item></tagSet></item>"
    ))
}

fn snapshot(number: usize) -> String {
    let (id, volume) = (id("snap", number), id("vol", 4 * number));
    format!(
        "<item><snapshotId>{id}</snapshotId><volumeId>{volume}</volumeId><status>completed</status>\
         <startTime>2025-03-04T05:06:08.000Z</startTime><ownerId>{ACCOUNT}</ownerId><volumeSize>8</volumeSize>\
         <description>nightly</description><encrypted>true</encrypted></item>"
    )
}

/// A host with the agent, and the account that it looks at.
async fn looking_at(large: &Arc<Large>) -> (Host, Service) {
    let account = Arc::clone(large);
    let service = Service::start(move |request| account.answer(request)).await;
    let mut host = agent_host_at(&service.url(), STRANGER);
    host.start().await;
    (host, service)
}

/// Runs a skill to its end, within the time that the agent's manifest gives; returns the task.
async fn perform(host: &Host, skill: &str, input: Value) -> Value {
    let client = host.client();
    let id = client.submit("aws", skill, input).await;
    let until = Instant::now() + allowed().1 + Duration::from_secs(30);
    loop {
        let task = client.ended(&id).await;
        if !["pending", "running"].contains(&task["status"].as_str().unwrap()) {
            return task;
        }
        assert!(Instant::now() < until, "{skill} does not end");
    }
}

/// Memory and time that the agent's manifest gives.
fn allowed() -> (u64, Duration) {
    let manifest = Manifest::parse(include_str!("../../../plugins/aws/agent.toml")).unwrap();
    (manifest.limits.memory_bytes.unwrap(), Duration::from_millis(manifest.limits.time_ms.unwrap()))
}

/// Tells what a task took.
fn tell(host: &Host, what: &str, resources: usize, task: &Value, began: Instant) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid())).unwrap_or_default();
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default().trim().to_owned();
    println!(
        "{what} of {resources} resources: {} ms, guest {} MiB, compute {} ms, received {} MiB, host VmHWM {most}",
        began.elapsed().as_millis(),
        task["usage"]["memory_bytes"].as_u64().unwrap_or_default() >> 20,
        task["usage"]["compute_us"].as_u64().unwrap_or_default() / 1_000,
        task["usage"]["received_bytes"].as_u64().unwrap_or_default() >> 20,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inventory_of_very_many_resources_is_whole_within_memory_and_time() {
    let resources = seed::resources();
    let large = Arc::new(Large::of(resources));
    let (host, _service) = looking_at(&large).await;
    let began = Instant::now();
    let task = perform(&host, "inventory", json!({ "services": ["ec2"] })).await;
    tell(&host, "an inventory", resources, &task, began);
    assert_eq!(task["status"], "completed", "{:#}", task["failure"]);
    let output = &task["output"];
    assert_eq!((&output["errors"], output.get("resources")), (&json!([]), None), "{:#}", output["errors"]);
    let counts = json!({ "aws.ec2.volume": large.volumes, "aws.ec2.snapshot": large.snapshots });
    assert_eq!(output["counts"], counts);
    assert!(task["usage"]["memory_bytes"].as_u64().unwrap() <= allowed().0, "{}", task["usage"]);

    // Each is there once, whatever the part.
    let mut ids: BTreeSet<String> = BTreeSet::new();
    let client = host.client();
    for artefact in task["artifacts"].as_array().unwrap() {
        let name = artefact["name"].as_str().unwrap();
        let path = format!("/api/v1/tasks/{}/artifacts/{name}", task["id"].as_str().unwrap());
        let text = client.get(&path).await.text;
        let part = output["parts"].as_array().unwrap().iter().find(|part| part["name"] == name).unwrap();
        assert_eq!(part["entries"], json!(text.lines().count()));
        for line in text.lines() {
            let resource: Value = serde_json::from_str(line).unwrap();
            assert_eq!(resource["account"], ACCOUNT);
            assert!(ids.insert(resource["id"].as_str().unwrap().to_owned()), "{resource:#} is there twice");
        }
    }
    assert_eq!(ids.len(), resources);
    assert!(ids.contains(&id("vol", large.volumes - 1)) && ids.contains(&id("snap", large.snapshots - 1)));

    // Too many to be compared as an input; whoever asks is told what does compare them.
    let refused = perform(&host, "changes", json!({ "previous": output })).await;
    let message = refused["failure"]["message"].as_str().unwrap();
    assert!(message.contains("resources-00001.jsonl") && message.contains("`watch`"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_scans_of_very_many_resources_ten_changes_are_told_or_that_they_are_too_many() {
    let resources = seed::resources();
    let large = Arc::new(Large::of(resources));
    let (host, _service) = looking_at(&large).await;
    let ec2 = json!({ "services": ["ec2"] });
    let began = Instant::now();
    let first = perform(&host, "watch", ec2.clone()).await;
    tell(&host, "a first scan", resources, &first, began);
    assert_eq!(first["status"], "completed", "{:#}", first["failure"]);
    assert!(first["usage"]["memory_bytes"].as_u64().unwrap() <= allowed().0, "{}", first["usage"]);
    if let Some(error) = first["output"]["errors"].as_array().unwrap().first() {
        // Neither killed nor half of it told.
        assert!(resources > COMPARED, "{error:#}");
        assert_eq!((&error["code"], &first["output"]["counts"]), (&json!("too_many"), &json!({})), "{error:#}");
        return;
    }
    assert_eq!(first["output"]["counts"], json!({ "first_seen": resources }));
    large.is_changed.store(true, Ordering::SeqCst);
    let began = Instant::now();
    let second = perform(&host, "watch", ec2).await;
    tell(&host, "a second scan", resources, &second, began);
    let same = resources - GONE.len() - GROWN.len();
    let counts = json!({ "new": NEW, "gone": GONE.len(), "changed": GROWN.len(), "same": same });
    assert_eq!((&second["output"]["counts"], &second["output"]["errors"]), (&counts, &json!([])));
    assert_eq!(second["output"]["published"], 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_compares_what_an_input_and_an_answer_hold_and_says_so_beyond() {
    let small = Arc::new(Large::of(1_250));
    let (host, _service) = looking_at(&small).await;
    let ec2 = json!({ "services": ["ec2"] });
    let before = perform(&host, "inventory", ec2.clone()).await["output"].clone();
    small.is_changed.store(true, Ordering::SeqCst);
    let changed = perform(&host, "changes", json!({ "previous": before, "services": ["ec2"] })).await;
    let told = changed["output"]["changes"].as_array().unwrap();
    let told: BTreeMap<&str, &str> = told
        .iter()
        .map(|change| {
            let resource = if change["now"].is_null() { &change["before"] } else { &change["now"] };
            (resource["id"].as_str().unwrap(), change["change"].as_str().unwrap())
        })
        .collect();
    let new: Vec<usize> = (small.volumes..small.volumes + NEW).collect();
    let all = |numbers: &[usize], what| numbers.iter().map(|number| (id("vol", *number), what)).collect::<Vec<_>>();
    let expected = [all(&GONE, "gone"), all(&GROWN, "changed"), all(&new, "new")].concat();
    let expected: BTreeMap<String, &str> = expected.into_iter().collect();
    assert_eq!(told, expected.iter().map(|(id, what)| (id.as_str(), *what)).collect());
    drop(host);

    // What an input cannot hold is refused by the host, and what an answer cannot by the agent.
    let large = Arc::new(Large::of(COMPARED));
    let (host, _service) = looking_at(&large).await;
    let resources = before["resources"].as_array().unwrap();
    let many: Vec<&Value> = resources.iter().cycle().take(4 * resources.len()).collect();
    let input = json!({ "previous": { "account": ACCOUNT, "resources": many }, "services": ["ec2"] });
    assert!(input.to_string().len() > limits::INPUT_BYTES_MAX);
    let task = json!({ "agent": "aws", "skill": "changes", "input": input });
    let refused = host.client().post("/api/v1/tasks", &task).await;
    assert_eq!(refused.json()["code"], "limit.request", "{}", refused.text);
    let refused = perform(&host, "changes", json!({ "previous": before, "services": ["ec2"] })).await;
    let message = refused["failure"]["message"].as_str().unwrap();
    assert!(message.contains("more than 6 MiB") && message.contains("`watch`"), "{message}");
}
