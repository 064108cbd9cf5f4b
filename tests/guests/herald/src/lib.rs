//! Publishes events as it is told, and tells how each call ended; takes events, and passes them on.

use std::time::Duration;

use serde_json::{Map, Value, json};
use troupe_sdk::events::{Priority, Taken};
use troupe_sdk::prelude::*;

#[derive(Default)]
struct Herald;

/// An event that is published.
#[derive(Deserialize, JsonSchema, Clone)]
struct Wanted {
    topic: String,
    #[serde(default)]
    data: Value,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    priority: Priority,
    #[serde(default)]
    delay_ms: u64,
    /// Further attributes.
    #[serde(default)]
    attributes: Map<String, Value>,
}

#[derive(Deserialize, JsonSchema)]
struct All {
    /// What is published, one after the other.
    #[serde(default)]
    publish: Vec<Wanted>,
    /// How often all of it is.
    #[serde(default = "once")]
    times: u32,
    /// How long it naps after each, in milliseconds.
    #[serde(default)]
    nap_ms: u64,
    /// Whether it fails the first time, so that it is tried again.
    #[serde(default)]
    fail_first: bool,
}

fn once() -> u32 {
    1
}

/// How a call ended: with a position, or with why not.
#[derive(Serialize, JsonSchema)]
struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What is passed on.
#[derive(Serialize, Deserialize, JsonSchema, Clone)]
struct Message {
    /// The topics under which it goes on, the next first.
    #[serde(default)]
    then: Vec<String>,
    /// Whether it goes round, in their order.
    #[serde(default)]
    circle: bool,
    /// Whether another task, that this one asks for, passes it on.
    #[serde(default)]
    by_asking: bool,
}

#[derive(Serialize, JsonSchema)]
struct PassedOn {
    sender: String,
    source: String,
    hops: u32,
    /// How many were taken so far.
    taken: i64,
    /// What came of passing it on.
    #[serde(skip_serializing_if = "Option::is_none")]
    told: Option<Told>,
}

fn publish(wanted: Wanted) -> Told {
    let Wanted { topic, data, id, priority, delay_ms, attributes } = wanted;
    let mut event = events::publish(topic).data(data).priority(priority).delay(Duration::from_millis(delay_ms));
    if let Some(id) = id {
        event = event.id(id);
    }
    for (name, value) in attributes {
        event = event.attribute(name, value);
    }
    match event.send() {
        Ok(position) => Told { position: Some(position), code: None, error: None },
        Err(error) => {
            let code = match &error {
                CapabilityError::Denied(problem) => problem.code().unwrap_or("denied").to_owned(),
                CapabilityError::Cancelled(_) => "cancelled".to_owned(),
                CapabilityError::Limit(limit) => limit.code.clone(),
                CapabilityError::Invalid(_) => "invalid".to_owned(),
                CapabilityError::Conflict(_) => "conflict".to_owned(),
                CapabilityError::Unavailable(_) => "unavailable".to_owned(),
            };
            Told { position: None, code: Some(code), error: Some(error.to_string()) }
        }
    }
}

#[troupe_sdk::agent]
impl Herald {
    /// Publishes all, and tells what came of each.
    #[skill(effect = "write")]
    fn publish(&self, input: All) -> Result<Vec<Told>, Failure> {
        let mut told = Vec::new();
        for _ in 0..input.times {
            for wanted in &input.publish {
                told.push(publish(wanted.clone()));
                if input.nap_ms > 0 {
                    progress::report(None, "published");
                    time::sleep(Duration::from_millis(input.nap_ms)).wait();
                }
            }
        }
        if input.fail_first && invocation::attempt() == 1 {
            return Err(Failure::unavailable("it fails as it was told"));
        }
        Ok(told)
    }

    /// Does the same although it says of itself that it only reads.
    #[skill(effect = "read")]
    fn publish_as_reader(&self, input: All) -> Result<Vec<Told>, Failure> {
        self.publish(input)
    }

    /// Takes an event, and passes it on as that says.
    #[skill(effect = "write")]
    fn pass_on(&self, event: Taken<Message>) -> Result<PassedOn, Failure> {
        let Message { mut then, circle, by_asking } = event.data;
        let taken = state::increment("taken", 1)?;
        let told = if then.is_empty() {
            None
        } else {
            let topic = then.remove(0);
            if circle {
                then.push(topic.clone());
            }
            let wanted = json!({ "topic": topic, "data": Message { then, circle, by_asking } });
            let input = json!({ "publish": [wanted] });
            if by_asking {
                let _: Value = agents::ask("herald", "publish").input(&input).answer().wait()?;
                None
            } else {
                let wanted = serde_json::from_value(wanted).map_err(Failure::failed)?;
                Some(publish(wanted))
            }
        };
        Ok(PassedOn { sender: event.sender, source: event.source, hops: event.hops, taken, told })
    }
}
