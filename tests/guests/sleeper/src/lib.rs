//! Sleeps, and tells what it saw when it woke.

use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use troupe_sdk::prelude::*;
use troupe_sdk::state::Space;

#[derive(Default)]
struct Sleeper;

#[derive(Deserialize, JsonSchema)]
struct Nights {
    /// The key in state whose number each evening raises by one.
    key: String,
    /// How many nights.
    nights: u32,
    /// How long each is, in milliseconds.
    ms: u64,
    /// Whether the number is the instance's; else it is the deployment's.
    #[serde(default)]
    instance: bool,
}

#[derive(Serialize, JsonSchema)]
struct Morning {
    /// What the evening before wrote.
    count: u64,
    /// When it is, in milliseconds since the Unix epoch.
    at_ms: u64,
    /// When the invocation will be cut off, as the host says in the morning.
    deadline_ms: u64,
}

#[derive(Deserialize, JsonSchema)]
struct Race {
    /// How long each runner takes, in milliseconds.
    ms: Vec<u64>,
}

#[derive(Deserialize, JsonSchema)]
struct Beside {
    /// What is asked for.
    url: String,
    /// How long it sleeps meanwhile, in milliseconds.
    ms: u64,
}

#[derive(Serialize, JsonSchema)]
struct Woken {
    /// The status of the answer.
    status: u16,
    /// When both were over, in milliseconds since the Unix epoch.
    at_ms: u64,
}

#[derive(Deserialize, JsonSchema)]
struct Trying {
    /// The key in state whose number each try raises by one.
    key: String,
    /// How many tries fail.
    failures: u32,
    /// How long each takes, in milliseconds.
    #[serde(default)]
    ms: u64,
}

#[derive(Serialize, JsonSchema)]
struct Tried {
    /// What the last try wrote.
    count: u64,
    /// Which attempt it was.
    attempt: u32,
}

fn milliseconds(at: SystemTime) -> Result<u64, Failure> {
    let since = at.duration_since(UNIX_EPOCH).map_err(Failure::failed)?;
    u64::try_from(since.as_millis()).map_err(Failure::failed)
}

#[troupe_sdk::agent]
impl Sleeper {
    /// Counts the evenings and sleeps through the nights.
    #[skill(effect = "write")]
    fn nights(&self, input: Nights) -> Result<Vec<Morning>, Failure> {
        let mut mornings = Vec::new();
        let keys = if input.instance { Space::Instance } else { Space::Deployment };
        for night in 1..=input.nights {
            let count = keys.update_json(&input.key, |count: Option<u64>| Ok(count.unwrap_or(0) + 1))?;
            log::info!("good night", night = night);
            progress::report(None, format!("night {night}"));
            std::thread::sleep(Duration::from_millis(input.ms));
            let (now, deadline) = (time::now(), invocation::deadline());
            mornings.push(Morning { count, at_ms: milliseconds(now)?, deadline_ms: milliseconds(deadline)? });
        }
        Ok(mornings)
    }

    /// Counts its tries, of which the first fail.
    #[skill(effect = "write")]
    fn persist(&self, input: Trying) -> Result<Tried, Failure> {
        let count = state::update_json(&input.key, |count: Option<u64>| Ok(count.unwrap_or(0) + 1))?;
        std::thread::sleep(Duration::from_millis(input.ms));
        if count <= u64::from(input.failures) {
            return Err(Failure::unavailable(format!("try {count} fails")).retry_after(Duration::from_millis(100)));
        }
        Ok(Tried { count, attempt: invocation::attempt() })
    }

    /// Sets a timer for each runner at once and returns the order in which they arrive.
    #[skill(effect = "read")]
    fn race(&self, input: Race) -> Result<Vec<u64>, Failure> {
        let arrived = RefCell::new(Vec::new());
        let run = async |ms| {
            time::sleep(Duration::from_millis(ms)).await;
            arrived.borrow_mut().push(ms);
        };
        wait::all(input.ms.iter().map(|ms| run(*ms))).wait();
        Ok(arrived.into_inner())
    }

    /// Sleeps while a request is on its way.
    #[skill(effect = "read")]
    fn beside(&self, input: Beside) -> Result<Woken, Failure> {
        let sleeps = time::sleep(Duration::from_millis(input.ms));
        let ((), answer) = wait::both(sleeps, http::get(input.url).send()).wait();
        Ok(Woken { status: answer?.status(), at_ms: milliseconds(time::now())? })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use troupe_sdk::test::{self, Host};

    use super::*;

    #[test]
    fn the_quickest_arrives_first() {
        let _host = Host::start();
        assert_eq!(test::perform::<Sleeper>("race", json!({ "ms": [300, 100, 200] })), Ok(json!([100, 200, 300])));
    }
}
