//! `kill -9` of one host of three, again and again, while all are asked at every door, sessions with the database are
//! cut, and their bus comes and goes: a few times, so that others take over and not, or with `TROUPE_KILL_PROOF` every five seconds for so many.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::RwLock;
use troupe_tests::server::Server;
use troupe_tests::{Client, grpc, guests, seed, socket};

use super::bus::Nats;
use super::{Cluster, feed, state};
use crate::may_send_plainly;

/// Requests that each task sends, one after another.
const STEPS: usize = 2;

/// How long the hosts are asked between two deaths.
const BETWEEN: Duration = Duration::from_secs(3);

/// How far apart deaths are in a proof.
const EVERY: Duration = Duration::from_secs(5);

/// How long a host is away whose work the others take over.
const AWAY: Duration = Duration::from_secs(20);

/// Clients of the hosts that are there.
type Clients = Arc<RwLock<Vec<Client>>>;

/// By which door a task is asked for.
#[derive(Debug, Clone, Copy)]
enum Door {
    Rest,
    Grpc,
    Socket,
}

impl Door {
    /// The id of a task that was accepted. A host that is gone has accepted it or not; who is not answered does
    /// not know.
    async fn asks(self, client: &Client, input: &Value) -> Option<String> {
        let task = json!({ "agent": "fetch", "skill": "one_by_one", "input": input });
        match self {
            Self::Rest => {
                let request = client.request(reqwest::Method::POST, "/api/v1/tasks").json(&task);
                let answer = client.try_send(request).await.ok().filter(|answer| answer.status == 202)?;
                Some(answer.json()["id"].as_str().unwrap().to_owned())
            }
            Self::Grpc => {
                let asked = grpc::untimed(client).run_task(grpc::run("fetch", "one_by_one", input)).await;
                asked.ok().map(|task| task.into_inner().id)
            }
            Self::Socket => socket::run(client, &task).await,
        }
    }
}

/// Asks for tasks at whichever hosts there are until it is stopped; those that were accepted, each with its label.
async fn flood(clients: Clients, port: u16, door: Door, stop: Arc<AtomicBool>) -> Vec<(String, String)> {
    let mut accepted = Vec::new();
    for count in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let label = format!("{door:?}-{count}");
        let request = |step: usize| {
            json!({ "method": "POST", "scheme": "http", "authority": format!("127.0.0.1:{port}"),
                "path": format!("/{label}/{step}"), "headers": [] })
        };
        let input = json!({ "requests": (0..STEPS).map(request).collect::<Vec<_>>() });
        let client = {
            let all = clients.read().await;
            all[count % all.len()].clone()
        };
        if let Some(id) = door.asks(&client, &input).await {
            accepted.push((id, label));
        }
        tokio::time::sleep(Duration::from_millis(120)).await;
    }
    accepted
}

/// Publishes numbered events of one sender until it is stopped; how many were accepted, each asked for again under
/// its id until it is.
async fn events(clients: Clients, stop: Arc<AtomicBool>) -> usize {
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let event = json!({ "specversion": "1.0", "type": "flood.line", "id": count.to_string(), "source": "/flood",
            "datacontenttype": "application/json", "data": { "key": "events" } });
        loop {
            let client = {
                let all = clients.read().await;
                all[count % all.len()].clone()
            };
            let sent = client.try_send(client.request(reqwest::Method::POST, "/api/v1/events").json(&event)).await;
            if sent.is_ok_and(|answer| answer.status == 202 || answer.status == 200) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        count += 1;
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    count
}

/// What befalls the hosts.
struct Trouble {
    cluster: Cluster,
    /// None where there is no server of it to test with.
    nats: Option<Nats>,
    clients: Clients,
    kills: usize,
    /// Hosts that are gone, and since when.
    gone: BTreeMap<usize, Instant>,
}

impl Trouble {
    /// Has those asked that are there.
    async fn seen(&self) {
        let is_there = |number: &usize| !self.gone.contains_key(number);
        *self.clients.write().await = (0..3).filter(is_there).map(|number| self.cluster.client(number)).collect();
    }

    /// Kills the next host that is there. It comes back before the others have noticed, or long after; two are
    /// never away for long.
    async fn kill(&mut self, is_long: bool) {
        let is_long = is_long && self.gone.is_empty();
        let number = (self.kills..).map(|number| number % 3).find(|number| !self.gone.contains_key(number)).unwrap();
        self.cluster.hosts[number].kill().await;
        self.kills += 1;
        self.gone.insert(number, Instant::now());
        self.seen().await;
        self.strike();
        if !is_long {
            tokio::time::sleep(Duration::from_millis(500)).await;
            self.comes_back(number).await;
        }
    }

    /// Sessions with the database are cut; the bus goes and comes back.
    fn strike(&mut self) {
        self.cluster.base.cut();
        if let Some(nats) = &mut self.nats {
            match self.kills % 6 {
                2 => nats.stop(),
                4 => nats.start(),
                _ => {}
            }
        }
    }

    /// Has those come back that have been away for `time`.
    async fn come_back(&mut self, time: Duration) {
        let due = self.gone.iter().filter(|(_, since)| since.elapsed() >= time).map(|(number, _)| *number);
        for number in due.collect::<Vec<_>>() {
            self.comes_back(number).await;
        }
    }

    async fn comes_back(&mut self, number: usize) {
        self.cluster.hosts[number].start().await;
        self.gone.remove(&number);
        self.seen().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_three_hosts_one_after_another_dies_and_each_accepted_task_ends_once_with_each_effect_once() {
    let nats = Nats::new();
    let cluster = match &nats {
        Some(nats) => Cluster::by_bus(3, &nats.url()).await,
        None => Cluster::of(3).await,
    };
    let Some(cluster) = cluster else { return };
    let server = Server::start().await;
    let leave = may_send_plainly(&server);
    cluster.deploys(0, &guests().fetch.asking(leave.clone()), "fetch", &leave).await;
    cluster.deploys(1, &guests().counter, "counter", &state()).await;
    let subscription = json!({ "topic": "flood.>", "agent": "counter", "skill": "increment", "input": "data" });
    cluster.client(0).put("/api/v1/events/subscriptions/count", &subscription).await.of(200);
    let clients: Clients = Arc::new(RwLock::new((0..3).map(|number| cluster.client(number)).collect()));
    let stop = Arc::new(AtomicBool::new(false));
    let floods = [Door::Rest, Door::Grpc, Door::Socket]
        .map(|door| tokio::spawn(flood(Arc::clone(&clients), server.port(), door, Arc::clone(&stop))));
    let published = tokio::spawn(events(Arc::clone(&clients), Arc::clone(&stop)));
    let (proof, begun) = (seed::kill_proof(), Instant::now());
    let mut trouble = Trouble { cluster, nats, clients, kills: 0, gone: BTreeMap::new() };
    // Each takes as long as ten of those of one host.
    while proof.map_or(trouble.kills < seed::kills().div_ceil(5), |time| begun.elapsed() < time) {
        let pause = match proof {
            Some(_) => (EVERY * u32::try_from(trouble.kills + 1).unwrap()).saturating_sub(begun.elapsed()),
            None => BETWEEN,
        };
        tokio::time::sleep(pause).await;
        trouble.come_back(AWAY).await;
        let away_every = if proof.is_some() { 8 } else { 2 };
        trouble.kill(trouble.kills.is_multiple_of(away_every)).await;
        if proof.is_none() && !trouble.gone.is_empty() {
            tokio::time::sleep(AWAY).await;
        }
    }
    trouble.come_back(Duration::ZERO).await;
    if let Some(nats) = &mut trouble.nats {
        nats.start();
    }
    let (cluster, kills) = (&trouble.cluster, trouble.kills);
    tokio::time::sleep(BETWEEN).await;
    stop.store(true, Ordering::Relaxed);
    let mut accepted = Vec::new();
    for flood in floods {
        accepted.extend(flood.await.unwrap());
    }
    let published = published.await.unwrap();
    let client = cluster.client(2);
    let (mut completed, mut in_doubt) = (0, 0);
    let mut came: BTreeMap<String, usize> = BTreeMap::new();
    for (id, label) in &accepted {
        let task = settled(&client, id).await;
        let all = crate::faults::came(&server);
        let sent: Vec<usize> =
            (0..STEPS).map(|step| all.get(&format!("/{label}/{step}")).map_or(0, Vec::len)).collect();
        assert!(sent.iter().all(|times| *times <= 1), "{label}: {sent:?} {task:#}");
        match task["status"].as_str().unwrap() {
            "completed" => {
                assert!(sent.iter().all(|times| *times == 1), "{label}: {sent:?} {task:#}");
                completed += 1;
            }
            "in_doubt" => in_doubt += 1,
            _ => panic!("{label}: {task:#}"),
        }
        came.insert(label.clone(), sent.iter().sum());
    }
    let seconds = begun.elapsed().as_secs();
    println!(
        "{kills} kills; of {} accepted tasks {completed} completed and {in_doubt} ended in doubt, each once, and no \
         request came twice; {published} events; settled after {seconds} s",
        accepted.len()
    );
    assert!(completed > 0);
    // Each event was handled once, in the order in which it was accepted.
    let until = Instant::now() + Duration::from_secs(120);
    let counted = async || client.run("counter", "get", json!({ "key": "events" })).await.output()["value"].clone();
    let all = json!(published.to_string());
    while counted().await != all {
        assert!(Instant::now() < until, "{} of {published} events were handled", counted().await);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let mut handled: Vec<(u64, u64)> = Vec::new();
    let mut after = String::new();
    loop {
        let page = client.get(&format!("/api/v1/events?topic=flood.line&limit=200{after}")).await.of(200);
        for event in page["items"].as_array().unwrap() {
            let position = event["position"].as_u64().unwrap();
            let event = client.get(&format!("/api/v1/events/{position}")).await.of(200);
            let task = event["deliveries"][0]["task"].as_str().unwrap().to_owned();
            let task = settled(&client, &task).await;
            handled.push((position, task["output"]["count"].as_u64().unwrap()));
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    handled.sort_unstable();
    let counts: Vec<u64> = handled.iter().map(|(_, count)| *count).collect();
    assert!(counts.iter().copied().eq(1..=published as u64), "{counts:?}");
    // What the feed tells has no gap, and no task ended twice.
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for event in feed(&client).await {
        let kind = event["type"].as_str().unwrap();
        if ["task.completed", "task.in_doubt", "task.failed", "task.cancelled"].contains(&kind) {
            *ends.entry(event["subject"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    assert!(ends.values().all(|times| *times == 1), "{ends:?}");
}

/// A task that has ended, by whichever host.
async fn settled(client: &Client, id: &str) -> Value {
    let until = Instant::now() + Duration::from_secs(240);
    loop {
        let task = client.get(&format!("/api/v1/tasks/{id}")).await.of(200);
        if !task["ended_at"].is_null() {
            return task;
        }
        assert!(Instant::now() < until, "task {id} never ends: {task:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
