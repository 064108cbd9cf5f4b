//! Asks other agents as it is told, and tells how each call ended; does a little itself, so that it can be asked.

use std::time::Duration;

use serde_json::{Value, json};
use troupe_sdk::agents::{AskError, Asked, Child};
use troupe_sdk::prelude::*;

#[derive(Default)]
struct Asker;

/// A skill that is asked for.
#[derive(Deserialize, JsonSchema, Clone)]
struct Wanted {
    agent: String,
    skill: String,
    #[serde(default)]
    input: Value,
    #[serde(default)]
    timeout_ms: Option<u64>,
    #[serde(default)]
    priority: Option<i32>,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    outlives: bool,
}

#[derive(Deserialize, JsonSchema)]
struct All {
    /// What is asked for, all at once.
    ask: Vec<Wanted>,
    /// How long it naps before it does anything with the answers, in milliseconds.
    #[serde(default)]
    nap_ms: u64,
    /// What is done then: `wait` for all, `cancel` all and wait, or nothing.
    #[serde(default)]
    then: Option<String>,
    /// Whether it fails the first time, so that it is tried again.
    #[serde(default)]
    fail_first: bool,
}

#[derive(Deserialize, JsonSchema)]
struct Nap {
    /// How long, in milliseconds.
    #[serde(default)]
    ms: u64,
    /// What it writes first, if anything: a key of state whose number it raises by one.
    #[serde(default)]
    key: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct Many {
    count: u32,
}

#[derive(Deserialize, JsonSchema)]
struct Find {
    task: String,
}

#[derive(Deserialize, JsonSchema)]
struct Tidy {
    /// The lock that it holds meanwhile.
    lock: String,
    /// What it waits for: `time`, `lock`, `agent`, or nothing but for the word that it was cancelled, which it asks for.
    wait: String,
    /// Whether it goes on for ever once it was told.
    #[serde(default)]
    stubborn: bool,
}

/// How a call ended: with a value, or with why not.
#[derive(Serialize, JsonSchema, Default)]
struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Value>,
}

#[derive(Serialize, JsonSchema)]
struct Answers {
    /// The tasks that were asked for.
    tasks: Vec<String>,
    told: Vec<Told>,
}

#[derive(Serialize, JsonSchema)]
struct Chain {
    /// How many are below this one.
    below: u32,
    /// Why there is no further one.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Told>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Depth {
    below: u32,
    #[serde(default)]
    why: Option<Value>,
}

#[derive(Serialize, JsonSchema)]
struct Tidied {
    cancelled: bool,
    /// How the wait ended.
    wait: Told,
    /// How a read of state, a write, a request for another task, and giving the lock back ended then.
    read: Told,
    write: Told,
    ask: Told,
    release: Told,
}

fn of_capability(error: &CapabilityError) -> (String, Option<Value>) {
    match error {
        CapabilityError::Denied(problem) => (problem.code().unwrap_or("denied").to_owned(), None),
        CapabilityError::Cancelled(_) => ("cancelled".to_owned(), None),
        CapabilityError::Limit(limit) => (limit.code.clone(), Some(json!(limit.maximum))),
        CapabilityError::Invalid(_) => ("invalid".to_owned(), None),
        CapabilityError::Conflict(_) => ("conflict".to_owned(), None),
        CapabilityError::Unavailable(_) => ("unavailable".to_owned(), None),
    }
}

fn told<T: Serialize>(result: Result<T, AskError>) -> Told {
    let error = match result {
        Ok(value) => return Told { value: serde_json::to_value(value).ok(), ..Told::default() },
        Err(error) => error,
    };
    let (code, details) = match &error {
        AskError::Refused(error) => of_capability(error),
        AskError::Ended(problem) => ("ended".to_owned(), problem.details.clone()),
        AskError::Unfit(_) => ("unfit".to_owned(), None),
    };
    Told { value: None, code: Some(code), error: Some(error.to_string()), details }
}

fn told_of<T: Serialize>(result: Result<T, CapabilityError>) -> Told {
    told(result.map_err(AskError::Refused))
}

fn start(wanted: Wanted) -> Result<Child, AskError> {
    let Wanted { agent, skill, input, timeout_ms, priority, key, outlives } = wanted;
    let input = if input.is_null() { json!({}) } else { input };
    let mut ask = agents::ask(agent, skill).input(input);
    if let Some(ms) = timeout_ms {
        ask = ask.timeout(Duration::from_millis(ms));
    }
    if let Some(priority) = priority {
        ask = ask.priority(priority);
    }
    if let Some(key) = key {
        ask = ask.idempotency_key(key);
    }
    if outlives {
        ask = ask.outlives();
    }
    ask.start()
}

fn nap(ms: u64) {
    if ms > 0 {
        time::sleep(Duration::from_millis(ms)).wait();
    }
}

#[troupe_sdk::agent]
impl Asker {
    /// Asks for all, and tells what came of each.
    #[skill(effect = "write")]
    fn ask(&self, input: All) -> Result<Answers, Failure> {
        let started: Vec<Result<Child, AskError>> = input.ask.into_iter().map(start).collect();
        let tasks = started.iter().filter_map(|child| child.as_ref().ok().map(Child::id)).collect();
        progress::report(None, "asked");
        nap(input.nap_ms);
        if input.fail_first && invocation::attempt() == 1 {
            return Err(Failure::unavailable("it fails as it was told"));
        }
        let cancels = input.then.as_deref() == Some("cancel");
        let waits = cancels || input.then.as_deref() == Some("wait");
        let mut answers = Vec::new();
        for child in &started {
            if let (true, Ok(child)) = (cancels, child) {
                child.cancel().map_err(Failure::from)?;
            }
        }
        let waited = async |child: &Result<Child, AskError>| match child {
            Ok(child) if waits => told(child.answer::<Value>().await),
            Ok(child) => told(Ok(child.id())),
            Err(error) => told::<Value>(Err(error.clone())),
        };
        answers.extend(wait::all(started.iter().map(waited)).wait());
        Ok(Answers { tasks, told: answers })
    }

    /// Does the same although it says of itself that it only reads.
    #[skill(effect = "read")]
    fn ask_as_reader(&self, input: All) -> Result<Answers, Failure> {
        self.ask(input)
    }

    /// Asks itself for the same, until it may not.
    #[skill(effect = "read")]
    fn chain(&self, _input: Value) -> Result<Chain, Failure> {
        let below = agents::ask("asker", "chain").answer::<Depth>().wait();
        Ok(match below {
            Ok(Depth { below, why }) => {
                let why = why.map(|why| Told { value: Some(why), ..Told::default() });
                Chain { below: below + 1, why }
            }
            Err(error) => Chain { below: 0, why: Some(told::<Value>(Err(error))) },
        })
    }

    /// Waits, and says so.
    #[skill(effect = "read")]
    fn nap(&self, input: Nap) -> Result<String, Failure> {
        nap(input.ms);
        Ok(invocation::user().unwrap_or_default())
    }

    /// Raises a number, and waits.
    #[skill(effect = "write")]
    fn count(&self, input: Nap) -> Result<i64, Failure> {
        let count = match &input.key {
            Some(key) => state::increment(key, 1)?,
            None => 0,
        };
        nap(input.ms);
        Ok(count)
    }

    /// Fails.
    #[skill(effect = "read")]
    fn fail(&self, _input: Value) -> Result<(), Failure> {
        Err(Failure::failed("it fails as it was told").with("why", "told"))
    }

    /// Asks for many naps that outlive it.
    #[skill(effect = "read")]
    fn many(&self, input: Many) -> Result<Chain, Failure> {
        for below in 0..input.count {
            if let Err(error) = agents::ask("asker", "nap").input(json!({})).outlives().start() {
                return Ok(Chain { below, why: Some(told::<Value>(Err(error))) });
            }
        }
        Ok(Chain { below: input.count, why: None })
    }

    /// Looks for a task that it may not have asked for.
    #[skill(effect = "read")]
    fn find(&self, input: Find) -> Result<Told, Failure> {
        Ok(told(agents::find(&input.task).map(|child| child.id())))
    }

    /// Tells what it has asked for.
    #[skill(effect = "read")]
    fn children(&self, input: All) -> Result<Vec<String>, Failure> {
        for wanted in input.ask {
            start(wanted)?;
        }
        let told = |asked: Asked| format!("{}/{} {}", asked.agent, asked.skill, asked.status);
        Ok(agents::children()?.into_iter().map(told).collect())
    }

    /// Holds a lock and waits until it is told that it was cancelled; tries what it may then, and tidies up.
    #[skill(effect = "write")]
    fn tidy(&self, input: Tidy) -> Result<Tidied, Failure> {
        let lock = locks::on(input.lock.as_str()).acquire().wait()?;
        let other = agents::ask("asker", "nap").input(json!({ "ms": 60_000 }));
        let other = if input.wait == "agent" { Some(other.start()?) } else { None };
        progress::report(None, "waits");
        let wait = match (input.wait.as_str(), other) {
            ("time", _) => {
                time::sleep(Duration::from_secs(60)).wait();
                Told::default()
            }
            ("lock", _) => {
                let second = locks::on(format!("{}/second", input.lock)).acquire().wait();
                told(second.map(|_| true).map_err(|error| match error {
                    locks::LockError::Refused(error) => AskError::Refused(error),
                    other => AskError::Refused(CapabilityError::Invalid(troupe_sdk::Problem::new(other))),
                }))
            }
            (_, Some(child)) => told(child.answer::<Value>().wait()),
            _ => {
                while !invocation::cancelled() {
                    std::hint::spin_loop();
                }
                Told::default()
            }
        };
        if input.stubborn {
            loop {
                std::hint::spin_loop();
            }
        }
        let read = told_of(state::get("key").map(|entry| entry.is_some()));
        let write = told_of(state::set("key", "late"));
        let ask = told(agents::ask("asker", "nap").start().map(|child| child.id()));
        let release = match lock.release() {
            Ok(()) => Told { value: Some(json!(true)), ..Told::default() },
            Err(error) => Told { error: Some(error.to_string()), ..Told::default() },
        };
        progress::partial("tidied")?;
        Ok(Tidied { cancelled: invocation::cancelled(), wait, read, write, ask, release })
    }
}
