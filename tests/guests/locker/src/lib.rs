//! Takes locks as it is told, and tells how each call ended.

use std::time::Duration;

use serde_json::{Value, json};
use troupe_sdk::locks::{Lock, LockError, Priority};
use troupe_sdk::prelude::*;
use troupe_sdk::state::{Fenced, FencedError, Space};

#[derive(Default)]
struct Locker;

/// How a lock is asked for.
#[derive(Deserialize, JsonSchema, Clone)]
struct Ask {
    /// What it is on.
    name: String,
    /// `low`, `normal`, `high` or `critical`.
    #[serde(default)]
    priority: Option<String>,
    /// For how long, in milliseconds.
    #[serde(default)]
    lease_ms: Option<u64>,
    /// How long it is waited for, in milliseconds.
    #[serde(default)]
    wait_ms: Option<u64>,
    /// `wait`, `fail` or `preempt`.
    #[serde(default)]
    policy: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
struct Hold {
    #[serde(flatten)]
    ask: Ask,
    /// How long it is held, in milliseconds.
    #[serde(default)]
    ms: u64,
    /// What is done then: `renew`, `write` the token under it, or nothing; then it is given back.
    #[serde(default)]
    then: Option<String>,
    /// Whether it is left to the end of the task.
    #[serde(default)]
    keep: bool,
    /// Whether the skill fails after that, so that it is tried again.
    #[serde(default)]
    fail: bool,
}

#[derive(Deserialize, JsonSchema)]
struct InTurn {
    /// The locks, one after the other; each is kept.
    names: Vec<String>,
    /// How long it waits between two, in milliseconds.
    #[serde(default)]
    ms: u64,
}

#[derive(Deserialize, JsonSchema)]
struct Write {
    /// The name of the lock.
    lock: String,
    /// Its token.
    token: u64,
    key: String,
    text: String,
    /// Whether it is a key of the instance that is asked, and not of the deployment.
    #[serde(default)]
    own: bool,
}

#[derive(Deserialize, JsonSchema)]
struct Key {
    key: String,
    /// As for writing.
    #[serde(default)]
    own: bool,
}

#[derive(Deserialize, JsonSchema)]
struct Many {
    /// What each name begins with.
    prefix: String,
    /// How many locks.
    count: u32,
    /// Whether each is kept; else it is given back at once.
    #[serde(default)]
    keep: bool,
    /// Whether all are of one name.
    #[serde(default)]
    same: bool,
}

/// How a call ended: with a value, or with why not.
#[derive(Serialize, JsonSchema, Default)]
struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    /// The kind of the error, or its code where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Value>,
}

#[derive(Serialize, JsonSchema)]
struct Held {
    /// The token, or why there was none.
    got: Told,
    /// How what was done then ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    then: Option<Told>,
    /// How giving it back ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    back: Option<Told>,
}

#[derive(Serialize, JsonSchema)]
struct Counted {
    /// How many were given.
    given: u32,
    /// The highest token.
    token: u64,
    /// Whether each token was higher than the one before.
    rising: bool,
    /// Why it is not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Told>,
}

fn refused(error: &CapabilityError) -> (String, Option<Value>) {
    match error {
        CapabilityError::Denied(problem) => {
            let code = problem.details.as_ref().and_then(|details| details.get("code")?.as_str().map(str::to_owned));
            (code.unwrap_or_else(|| "denied".to_owned()), None)
        }
        CapabilityError::Limit(limit) => (limit.code.clone(), Some(json!(limit.maximum))),
        CapabilityError::Invalid(_) => ("invalid".to_owned(), None),
        CapabilityError::Conflict(_) => ("conflict".to_owned(), None),
        CapabilityError::Cancelled(_) => ("cancelled".to_owned(), None),
        CapabilityError::Unavailable(_) => ("unavailable".to_owned(), None),
    }
}

fn told<T: Serialize>(result: Result<T, LockError>) -> Told {
    let error = match result {
        Ok(value) => return Told { value: serde_json::to_value(value).ok(), ..Told::default() },
        Err(error) => error,
    };
    let (code, details) = match &error {
        LockError::Refused(error) => refused(error),
        LockError::Busy(problem) => ("busy".to_owned(), problem.details.clone()),
        LockError::TimedOut => ("timed-out".to_owned(), None),
        LockError::Deadlock(names) => ("deadlock".to_owned(), Some(json!(names))),
        LockError::Lost(problem) => ("lost".to_owned(), problem.details.clone()),
    };
    Told { value: None, code: Some(code), error: Some(error.to_string()), details }
}

fn told_write<T: Serialize>(result: Result<T, FencedError>) -> Told {
    let error = match result {
        Ok(value) => return Told { value: serde_json::to_value(value).ok(), ..Told::default() },
        Err(error) => error,
    };
    let (code, details) = match &error {
        FencedError::Stale(newest) => ("stale".to_owned(), Some(json!(newest))),
        FencedError::Refused(error) => refused(error),
    };
    Told { value: None, code: Some(code), error: Some(error.to_string()), details }
}

async fn acquire(ask: Ask) -> Result<Lock, LockError> {
    let priority = match ask.priority.as_deref() {
        Some("low") => Priority::Low,
        Some("high") => Priority::High,
        Some("critical") => Priority::Critical,
        _ => Priority::Normal,
    };
    let mut asked = locks::on(ask.name).priority(priority);
    if let Some(ms) = ask.lease_ms {
        asked = asked.lease(Duration::from_millis(ms));
    }
    if let Some(ms) = ask.wait_ms {
        asked = asked.at_most(Duration::from_millis(ms));
    }
    let asked = match ask.policy.as_deref() {
        Some("fail") => asked.or_fail(),
        Some("preempt") => asked.or_preempt(),
        _ => asked,
    };
    asked.acquire().await
}

fn named(name: &str) -> Ask {
    Ask { name: name.to_owned(), priority: None, lease_ms: None, wait_ms: None, policy: None }
}

#[troupe_sdk::agent]
impl Locker {
    /// Takes a lock, holds it for a time, does something, and gives it back.
    #[skill(effect = "write")]
    fn hold(&self, input: Hold) -> Result<Held, Failure> {
        let lock = match acquire(input.ask).wait() {
            Ok(lock) => lock,
            Err(error) => return Ok(Held { got: told::<u64>(Err(error)), then: None, back: None }),
        };
        progress::report(None, "held");
        let got = told(Ok(lock.token()));
        if input.ms > 0 {
            time::sleep(Duration::from_millis(input.ms)).wait();
        }
        let then = match input.then.as_deref() {
            Some("renew") => Some(told(lock.renew(None).map(|_| true))),
            Some("write") => Some(told_write(lock.set("written", lock.token().to_string()))),
            _ => None,
        };
        if input.fail {
            return Err(Failure::unavailable("it fails as it was told"));
        }
        if input.keep {
            std::mem::forget(lock);
            return Ok(Held { got, then, back: None });
        }
        Ok(Held { got, then, back: Some(told(lock.release().map(|()| true))) })
    }

    /// Takes one lock after the other and keeps them; tells of each.
    #[skill(effect = "write")]
    fn in_turn(&self, input: InTurn) -> Result<Vec<Told>, Failure> {
        let (mut held, mut all) = (Vec::new(), Vec::new());
        for (place, name) in input.names.iter().enumerate() {
            if place > 0 && input.ms > 0 {
                time::sleep(Duration::from_millis(input.ms)).wait();
            }
            match acquire(named(name)).wait() {
                Ok(lock) => {
                    all.push(told(Ok(lock.token())));
                    held.push(lock);
                }
                Err(error) => {
                    all.push(told::<u64>(Err(error)));
                    break;
                }
            }
        }
        Ok(all)
    }

    /// Asks for all locks at once, waits for them together, and gives them back.
    #[skill(effect = "write")]
    fn at_once(&self, input: InTurn) -> Result<Vec<Told>, Failure> {
        let locks = wait::all(input.names.iter().map(|name| acquire(named(name)))).wait();
        Ok(locks.iter().map(|lock| told(lock.as_ref().map(Lock::token).map_err(Clone::clone))).collect())
    }

    /// Writes a key under a lock that it need not hold.
    #[skill(effect = "write")]
    fn write(&self, input: Write) -> Result<Told, Failure> {
        let space = if input.own { Space::Instance } else { Space::Deployment };
        let keys = Fenced::new(space, input.lock, input.token);
        Ok(told_write(keys.set(&input.key, input.text)))
    }

    /// Takes many locks.
    #[skill(effect = "write")]
    fn many(&self, input: Many) -> Result<Counted, Failure> {
        let (mut held, mut counted) = (Vec::new(), Counted { given: 0, token: 0, rising: true, why: None });
        for number in 0..input.count {
            let name = if input.same { input.prefix.clone() } else { format!("{}{number}", input.prefix) };
            match acquire(named(&name)).wait() {
                Ok(lock) => {
                    counted.given += 1;
                    counted.rising &= lock.token() > counted.token;
                    counted.token = lock.token();
                    if input.keep {
                        held.push(lock);
                    }
                }
                Err(error) => {
                    counted.why = Some(told::<u64>(Err(error)));
                    break;
                }
            }
        }
        Ok(counted)
    }

    /// Asks for a lock although it says of itself that it only reads.
    #[skill(effect = "read")]
    fn hold_as_reader(&self, input: Ask) -> Result<Told, Failure> {
        Ok(told(acquire(input).wait().map(|lock| lock.token())))
    }

    /// Reads a key.
    #[skill(effect = "read")]
    fn read(&self, input: Key) -> Result<Option<String>, Failure> {
        let found = if input.own { state::instance().get(&input.key)? } else { state::get(&input.key)? };
        Ok(found.map(|entry| String::from_utf8_lossy(&entry.value).into_owned()))
    }
}
