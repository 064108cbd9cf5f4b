//! An invocation that is answered from its journal sees what it saw.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use troupe_core::Code;
use troupe_sandbox::{Answer, Call, Invocation, JournalRow, NoLedger, Outcome, Recording, Then};

use super::support::Bench;

const STEPS: u32 = 120;

fn input(other: bool) -> Value {
    json!({ "authority": "api.example.com", "steps": STEPS, "other": other })
}

/// One service under one path, so that some requests are denied.
fn grants() -> Value {
    json!({
        "state": { "bytes": 1 << 20, "keys": 100 },
        "http": [{ "id": "api", "host": "api.example.com", "methods": ["GET", "POST"], "path_prefix": "/v1/" }],
    })
}

async fn bench() -> Bench {
    Bench::of("weave", |egress| egress).await
}

/// The journal as the store would hold it: a row of the same number completes the first.
pub fn journal(commits: &[Vec<JournalRow>]) -> Vec<JournalRow> {
    let mut rows: BTreeMap<u64, JournalRow> = BTreeMap::new();
    for row in commits.iter().flatten() {
        let kept = rows.entry(row.number).or_insert_with(|| row.clone());
        if kept.answer.is_empty() {
            *kept = JournalRow { call: std::mem::take(&mut kept.call), ..row.clone() };
        }
    }
    rows.into_values().collect()
}

struct Recorded {
    output: String,
    /// The rows of each commit, the last one's among them.
    commits: Vec<Vec<JournalRow>>,
}

/// Performs the guest once, with a seed.
async fn record(bench: &Bench, seed: u8) -> Recorded {
    bench.recorded.lock().unwrap().clear();
    let invocation = Invocation { seed: [seed; 32], ..bench.invocation(grants()) };
    let outcome = bench.perform(invocation, "weave", input(false)).await;
    let mut commits: Vec<Vec<JournalRow>> =
        bench.recorded.lock().unwrap().drain(..).map(|recorded| recorded.rows).collect();
    commits.push(outcome.rows);
    Recorded { output: outcome.result.unwrap(), commits }
}

/// A seed whose run ends with every write answered.
async fn unhurried(bench: &Bench) -> (u8, Recorded) {
    for seed in 0..=u8::MAX {
        let recorded = record(bench, seed).await;
        if !journal(&recorded.commits).iter().any(|row| row.write && row.answer.is_empty()) {
            return (seed, recorded);
        }
    }
    panic!("every run ends in doubt");
}

async fn repeat(bench: &Bench, seed: u8, rows: Vec<JournalRow>, then: Then, other: bool) -> Outcome {
    let recording = Some(Recording::new(rows, then));
    let mut invocation = Invocation { seed: [seed; 32], recording, ..bench.invocation(grants()) };
    if then == Then::Stop {
        invocation.ledger = Box::new(NoLedger);
    }
    bench.perform(invocation, "weave", input(other)).await
}

fn lines(output: &str) -> Vec<String> {
    serde_json::from_str(output).unwrap()
}

/// Where two runs part.
fn parting(first: &str, second: &str) -> Option<String> {
    let (first, second) = (lines(first), lines(second));
    let pairs = first.iter().zip(&second).find(|(a, b)| a != b);
    pairs.map(|(a, b)| format!("{a}\n{b}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_sees_the_same_and_does_nothing() {
    let bench = bench().await;
    for seed in 0..24 {
        let recorded = record(&bench, seed).await;
        let writes = bench.writes.load(Ordering::SeqCst);
        let outcome = repeat(&bench, seed, journal(&recorded.commits), Then::Stop, false).await;
        let output = outcome.result.unwrap();
        assert_eq!(parting(&recorded.output, &output), None, "seed {seed}");
        assert!(output == recorded.output && outcome.unmade.is_empty(), "seed {seed}");
        assert!(outcome.rows.is_empty(), "seed {seed}");
        assert_eq!((outcome.usage.http_requests, bench.writes.load(Ordering::SeqCst)), (0, writes), "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_resumes_after_any_commit_and_repeats_nothing() {
    let bench = bench().await;
    for seed in 0..12 {
        let recorded = record(&bench, seed).await;
        let whole = recorded.commits.len();
        for kept in [0, whole / 3, whole / 2, whole - 1] {
            let rows = journal(&recorded.commits[..kept]);
            let open = rows.iter().any(|row| row.write && row.answer.is_empty());
            bench.recorded.lock().unwrap().clear();
            let outcome = repeat(&bench, seed, rows.clone(), Then::GoOn, false).await;
            if open {
                assert_eq!(outcome.result.unwrap_err().code, Code::InDoubt, "seed {seed} after {kept}");
                continue;
            }
            let output = outcome.result.unwrap();
            assert_eq!(lines(&output).len(), STEPS as usize, "seed {seed} after {kept}");
            // What was recorded is not recorded again.
            let mut commits: Vec<Vec<JournalRow>> =
                bench.recorded.lock().unwrap().drain(..).map(|recorded| recorded.rows).collect();
            commits.push(outcome.rows);
            let again = commits.iter().flatten().filter(|row| rows.iter().any(|kept| kept.number == row.number));
            assert_eq!(again.count(), 0, "seed {seed} after {kept}");
            // Both parts together are a journal that replays.
            commits.insert(0, rows);
            let replayed = repeat(&bench, seed, journal(&commits), Then::Stop, false).await;
            assert_eq!(parting(&output, &replayed.result.unwrap()), None, "seed {seed} after {kept}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_that_does_something_else_is_told_where_it_parted() {
    let bench = bench().await;
    let recorded = record(&bench, 1).await;
    let rows = journal(&recorded.commits);
    let error = repeat(&bench, 1, rows.clone(), Then::Stop, true).await.result.unwrap_err();
    assert_eq!(error.code, Code::ReplayDiverged, "{error}");
    assert!(error.details.contains_key("number"), "{error}");
    // A record that breaks off is told from one that differs.
    let (half, rest) = rows.split_at(rows.len() / 2);
    assert!(!rest.is_empty());
    let error = repeat(&bench, 1, half.to_vec(), Then::Stop, false).await.result.unwrap_err();
    assert!([Code::ReplayEnded, Code::ReplayDiverged].contains(&error.code), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wait_ends_with_one_completion_and_time_moves_only_then() {
    let bench = bench().await;
    let recorded = record(&bench, 3).await;
    let rows = journal(&recorded.commits);
    let mut completed: Vec<u64> = rows
        .iter()
        .filter(|row| matches!(Call::decode(&row.call), Ok(Call::Wait)))
        .map(|row| match Answer::decode(&row.answer) {
            Ok(Answer::Completed(call)) => call,
            other => panic!("{other:?}"),
        })
        .collect();
    let count = completed.len();
    completed.sort_unstable();
    completed.dedup();
    assert!(count > 10 && completed.len() == count, "{count} waits, {} completions", completed.len());
    let times: Vec<_> = rows.iter().filter(|row| !row.answer.is_empty()).map(|row| row.at).collect();
    let shown: Vec<String> = lines(&recorded.output);
    let moves = shown.windows(2).filter(|pair| pair[0].rsplit(' ').next() != pair[1].rsplit(' ').next()).count();
    assert!(moves <= times.len(), "{moves} moves of the clock, {} deliveries", times.len());
}

/// Progress and log records of what was said before are not said again.
#[tokio::test(flavor = "multi_thread")]
async fn a_resumed_guest_does_not_say_again_what_it_said() {
    struct Counting(AtomicUsize);
    impl troupe_sandbox::Observer for Counting {
        fn log(&self, _record: troupe_sandbox::LogRecord) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
        fn progress(&self, _number: u64, _progress: troupe_core::view::Progress) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
        fn partial(&self, _number: u64, _part: String) {}
    }
    let bench = bench().await;
    let (seed, recorded) = unhurried(&bench).await;
    let said = Arc::new(Counting(AtomicUsize::new(0)));
    let recording = Some(Recording::new(journal(&recorded.commits), Then::GoOn));
    let observer = Arc::clone(&said) as Arc<dyn troupe_sandbox::Observer>;
    let invocation = Invocation { seed: [seed; 32], recording, observer, ..bench.invocation(grants()) };
    let whole = bench.perform(invocation, "weave", input(false)).await;
    // After the last row it looks for itself again, and may see more than it saw.
    assert_eq!(lines(&whole.result.unwrap()).len(), lines(&recorded.output).len());
    let last = recorded.commits.iter().flatten().map(|row| row.number).max().unwrap();
    let again = said.0.load(Ordering::SeqCst);
    assert!(again <= 6, "{again} things said again before call {last}");
}
