//! An invocation that leaves off while its guest waits, and goes on later, sees what one sees
//! that never left off.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use troupe_core::{Clock as _, SystemClock, Timestamp};
use troupe_sandbox::{Answer, Call, Invocation, JournalRow, NoLedger, Outcome, Recording, Then};

use super::replay::journal;
use super::support::Bench;

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn grants() -> Value {
    json!({
        "state": { "bytes": 1 << 20, "keys": 100 },
        "http": [
            { "id": "api", "host": "api.example.com", "methods": ["GET", "POST"], "path_prefix": "/v1/" },
            { "id": "slow", "host": "api.example.com", "methods": ["GET"], "path_prefix": "/slow/" },
        ],
    })
}

/// A task of one skill, in all its runs.
struct Life<'a> {
    bench: &'a Bench,
    seed: u8,
    skill: &'a str,
    input: Value,
    started_at: Timestamp,
    /// The rows of each commit.
    commits: Vec<Vec<JournalRow>>,
    suspensions: usize,
}

impl<'a> Life<'a> {
    fn new(bench: &'a Bench, seed: u8, skill: &'a str, input: Value) -> Self {
        let started_at = SystemClock.now();
        Self { bench, seed, skill, input, started_at, commits: Vec::new(), suspensions: 0 }
    }

    /// The invocation as it is now, in the way of whoever resumes or replays it.
    fn invocation(&self, then: Then) -> Invocation {
        let mut invocation = Invocation {
            seed: [self.seed; 32],
            started_at: self.started_at,
            life: Duration::from_secs(60),
            ..self.bench.invocation(grants())
        };
        invocation.facts.deadline = self.started_at.plus(self.bench.time);
        invocation.facts.latest = self.started_at.plus(invocation.life);
        if !self.commits.is_empty() {
            let recording = Recording::new(journal(&self.commits), then);
            let deadline = invocation.facts.deadline.plus(recording.suspended());
            invocation.time = deadline.since(recording.suspended_since().unwrap_or(SystemClock.now()));
            invocation.recording = Some(recording);
        }
        if then == Then::Stop {
            (invocation.ledger, invocation.time) = (Box::new(NoLedger), self.bench.time);
        }
        invocation
    }

    /// One run, to its end or to where it is suspended.
    async fn run(&mut self) -> Outcome {
        self.bench.recorded.lock().unwrap().clear();
        let invocation = self.invocation(Then::GoOn);
        let outcome = self.bench.perform(invocation, self.skill, self.input.clone()).await;
        self.commits.extend(self.bench.recorded.lock().unwrap().drain(..).map(|recorded| recorded.rows));
        self.commits.push(outcome.rows.clone());
        self.suspensions += usize::from(outcome.suspended.is_some());
        outcome
    }

    /// All runs, each begun when it is time; the output.
    async fn whole(&mut self) -> String {
        loop {
            let outcome = self.run().await;
            let Some(until) = outcome.suspended else { return outcome.result.unwrap() };
            tokio::time::sleep(until.since(SystemClock.now())).await;
        }
    }

    async fn replayed(&self) -> Outcome {
        self.bench.perform(self.invocation(Then::Stop), self.skill, self.input.clone()).await
    }
}

fn is_open_wait(row: &JournalRow) -> bool {
    row.answer.is_empty() && Call::decode(&row.call).unwrap() == Call::Wait
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_sleeps_night_after_night_does_each_thing_once() {
    let mut bench = Bench::suspending("sleeper", ms(5), ms(2)).await;
    bench.time = Duration::from_secs(20);
    let mut life = Life::new(&bench, 1, "nights", json!({ "key": "n", "nights": 40, "ms": 25 }));
    let output = life.whole().await;
    let mornings: Vec<Value> = serde_json::from_str(&output).unwrap();
    let counts: Vec<u64> = mornings.iter().map(|morning| morning["count"].as_u64().unwrap()).collect();
    assert_eq!(counts, (1..=40).collect::<Vec<_>>());
    assert_eq!(bench.writes.load(Ordering::SeqCst), 40);
    assert!(life.suspensions > 30, "{} suspensions", life.suspensions);
    let said = bench.log.lock().unwrap().iter().filter(|record| record.message == "good night").count();
    assert_eq!(said, 40);
    // Its time stood still while it waited: the deadline moved on by each wait.
    let of = |name: &str| mornings.iter().map(|morning| morning[name].as_u64().unwrap()).collect::<Vec<_>>();
    let moved = of("deadline_ms").windows(2).filter(|pair| pair[1] > pair[0]).count();
    assert!(moved + 1 >= life.suspensions, "{moved} moves, {} suspensions", life.suspensions);
    assert!(of("at_ms").windows(2).all(|pair| pair[1] >= pair[0] + 25));

    let rows = journal(&life.commits);
    assert!(!rows.iter().any(is_open_wait));
    let woken = rows.iter().filter(|row| matches!(Answer::decode(&row.answer), Ok(Answer::Woken { .. }))).count();
    assert_eq!(woken, life.suspensions);
    let replayed = life.replayed().await;
    assert!(replayed.unmade.is_empty());
    assert_eq!(replayed.result.unwrap(), output);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_guest_does_between_its_suspensions_replays() {
    let bench = Bench::suspending("weave", ms(1), ms(1)).await;
    let mut suspensions = 0;
    for seed in 0..24 {
        let input = json!({ "authority": "api.example.com", "steps": 120, "other": false });
        let mut life = Life::new(&bench, seed, "weave", input);
        let output = life.whole().await;
        let writes = bench.writes.load(Ordering::SeqCst);
        let replayed = life.replayed().await;
        assert_eq!(replayed.result.unwrap(), output, "seed {seed}");
        assert!(replayed.unmade.is_empty() && replayed.rows.is_empty(), "seed {seed}");
        assert_eq!(bench.writes.load(Ordering::SeqCst), writes, "seed {seed}");
        suspensions += life.suspensions;
    }
    assert!(suspensions > 5, "{suspensions} suspensions");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_timers_the_earliest_wakes_and_none_begins_anew() {
    let bench = Bench::suspending("sleeper", ms(5), ms(2)).await;
    let mut life = Life::new(&bench, 1, "race", json!({ "ms": [3_000, 1_000, 2_000] }));
    let outcome = life.run().await;
    assert_eq!(outcome.suspended, Some(life.started_at.plus(ms(1_000))));
    assert_eq!(outcome.rows.iter().filter(|row| is_open_wait(row)).count(), 1);
    // Woken too early, it is suspended again and adds nothing.
    let again = life.run().await;
    assert_eq!((again.suspended, again.rows), (outcome.suspended, Vec::new()));
    assert_eq!(life.whole().await, "[1000,2000,3000]");
    let took = SystemClock.now().since(life.started_at);
    // Timers that began anew with each run would take 6 s.
    assert!((ms(3_000)..ms(5_500)).contains(&took), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_wait_takes_nothing_of_the_time() {
    let mut bench = Bench::suspending("sleeper", ms(50), ms(20)).await;
    bench.time = Duration::from_secs(2);
    let mut life = Life::new(&bench, 1, "nights", json!({ "key": "n", "nights": 10, "ms": 400 }));
    life.whole().await;
    assert!(life.suspensions == 10 && SystemClock.now().since(life.started_at) > ms(4_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_could_resume_waits_in_its_place() {
    let mut bench = Bench::suspending("sleeper", ms(5), ms(2)).await;
    bench.suspends = false;
    let mut life = Life::new(&bench, 1, "nights", json!({ "key": "n", "nights": 3, "ms": 30 }));
    let outcome = life.run().await;
    assert!(outcome.suspended.is_none() && outcome.result.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_waits_for_an_answer_too_is_not_suspended() {
    let bench = Bench::suspending("sleeper", ms(5), ms(2)).await;
    // The server takes most of a second over this path.
    let input = json!({ "url": "https://api.example.com/slow/600", "ms": 1_200 });
    let mut life = Life::new(&bench, 1, "beside", input);
    let outcome = life.run().await;
    let suspended_at = SystemClock.now().since(life.started_at);
    assert!(outcome.suspended.is_some() && suspended_at >= ms(600), "{suspended_at:?}");
    let woken: Value = serde_json::from_str(&life.whole().await).unwrap();
    assert_eq!(woken["status"], 200);
    assert_eq!(bench.server.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_comes_to_an_end_in_the_wait_that_never_ended() {
    let bench = Bench::suspending("sleeper", ms(5), ms(2)).await;
    let mut life = Life::new(&bench, 1, "nights", json!({ "key": "n", "nights": 2, "ms": 60_000 }));
    assert!(life.run().await.suspended.is_some());
    let replayed = life.replayed().await;
    assert_eq!(replayed.result.unwrap_err().code, troupe_core::Code::ReplayEnded);
    assert!(replayed.unmade.is_empty());
}
