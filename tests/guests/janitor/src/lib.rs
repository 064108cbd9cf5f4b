//! Keeps things, and removes them once somebody has approved of exactly that.

use std::time::Duration;

use serde_json::{Value, json};
use troupe_sdk::approvals::{Approval, ApprovalError};
use troupe_sdk::prelude::*;

#[derive(Default)]
struct Janitor;

#[derive(Deserialize, JsonSchema)]
struct Things {
    things: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
struct Purge {
    /// What is removed.
    things: Vec<String>,
    /// After how long the question is over, in milliseconds.
    #[serde(default)]
    expires_after_ms: Option<u64>,
    /// Whether it fails the first time, once it has asked, so that it is tried again.
    #[serde(default)]
    fail_first: bool,
}

#[derive(Deserialize, JsonSchema)]
struct Show {
    /// The line that is shown.
    summary: String,
    /// The action, as text.
    action: Value,
    /// How many times it is asked.
    #[serde(default)]
    times: Option<u32>,
    /// Whether it waits for the last one.
    #[serde(default)]
    wait: bool,
}

/// How a question ended: with a yes, or with why not.
#[derive(Serialize, JsonSchema, Default)]
struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    /// What was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    removed: Option<Vec<String>>,
    /// `refused`, `rejected`, `expired` or `void`.
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<ApprovalError> for Told {
    fn from(error: ApprovalError) -> Self {
        let (end, code) = match &error {
            ApprovalError::Refused(CapabilityError::Denied(problem) | CapabilityError::Cancelled(problem)) => {
                ("refused", problem.code().map(str::to_owned))
            }
            ApprovalError::Refused(CapabilityError::Limit(limit)) => ("refused", Some(limit.code.clone())),
            ApprovalError::Refused(CapabilityError::Invalid(_)) => ("refused", Some("invalid".to_owned())),
            ApprovalError::Refused(_) => ("refused", None),
            ApprovalError::Rejected(_) => ("rejected", None),
            ApprovalError::Expired(_) => ("expired", None),
            ApprovalError::Void(_) => ("void", None),
        };
        Self { end: Some(end.to_owned()), code, error: Some(error.to_string()), ..Self::default() }
    }
}

fn ask(purge: &Purge) -> Result<Approval, ApprovalError> {
    let things = purge.things.join(", ");
    let ask = approvals::ask(format!("remove {things}")).action(json!({ "remove": purge.things }));
    match purge.expires_after_ms {
        Some(ms) => ask.expires_after(Duration::from_millis(ms)),
        None => ask,
    }
    .start()
}

#[troupe_sdk::agent]
impl Janitor {
    /// Keeps things.
    #[skill(effect = "write")]
    fn keep(&self, input: Things) -> Result<usize, Failure> {
        for thing in &input.things {
            state::set(thing, b"kept")?;
        }
        Ok(input.things.len())
    }

    /// Lists the things that are kept.
    #[skill(effect = "read")]
    fn kept(&self) -> Result<Vec<String>, Failure> {
        Ok(state::list_keys("", None, 1_000)?)
    }

    /// Removes things, once somebody has approved.
    #[skill(effect = "destructive")]
    fn purge(&self, input: Purge) -> Result<Told, Failure> {
        let asked = match ask(&input) {
            Ok(asked) => asked,
            Err(error) => return Ok(error.into()),
        };
        log::info!("asked", approval = asked.id(), digest = asked.digest());
        if input.fail_first && invocation::attempt() == 1 {
            return Err(Failure::unavailable("not the first time"));
        }
        let approved = match asked.decision().wait() {
            Ok(approved) => approved,
            Err(error) => return Ok(error.into()),
        };
        // What was approved of is what is done.
        let mut removed = Vec::new();
        for thing in approved.action["remove"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if state::delete(thing)? {
                removed.push(thing.to_owned());
            }
        }
        let (by, reason, digest) = (Some(approved.by), approved.reason, Some(approved.digest));
        Ok(Told { by, reason, digest, removed: Some(removed), ..Told::default() })
    }

    /// Asks about whatever it is told to, though it only reads, and tells how each question began.
    #[skill(effect = "read")]
    fn show(&self, input: Show) -> Result<Vec<Told>, Failure> {
        let mut told = Vec::new();
        let mut last = None;
        for _ in 0..input.times.unwrap_or(1) {
            match approvals::ask(input.summary.clone()).action(&input.action).start() {
                Ok(asked) => {
                    told.push(Told { digest: Some(asked.digest()), ..Told::default() });
                    last = Some(asked);
                }
                Err(error) => told.push(error.into()),
            }
        }
        if let (true, Some(asked)) = (input.wait, last) {
            told.push(match asked.decision().wait() {
                Ok(approved) => Told { by: Some(approved.by), ..Told::default() },
                Err(error) => error.into(),
            });
        }
        Ok(told)
    }
}
