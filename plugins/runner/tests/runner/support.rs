//! The host of these tests, and what is asked of it.

use serde_json::{Value, json};
use troupe_agent_runner::Runner;
use troupe_sdk::Failure;
use troupe_sdk::test::{self, Host};

/// A host on which `shop` sells, for a configuration.
pub fn host(configuration: &Value) -> Host {
    Host::start()
        .configuration(configuration)
        .agent("shop", "find", |input| Ok(json!({ "items": [{ "id": "i-1", "of": input["kind"] }], "count": 3 })))
        .agent("shop", "buy", |input| match input["id"].as_str() {
            Some(id) => Ok(json!({ "bought": id })),
            None => Err(Failure::invalid_input("no id")),
        })
        .agent("shop", "reject", |_| Err(Failure::invalid_input("no id")))
        .agent("shop", "print", |_| Ok(json!({ "long": "x".repeat(70_000), "short": 1 })))
        .agent("shop", "burn", |input| Ok(json!({ "burnt": input })))
        .agent("shop", "down", |_| Err(Failure::unavailable("it is closed")))
}

/// What may be asked for.
pub fn settings() -> Value {
    json!({ "may": [
        { "ask": "shop/find", "effect": "read" },
        { "ask": "shop/bu*", "effect": "destructive" },
        { "ask": "shop/*", "effect": "write" },
    ] })
}

pub fn run(skill: &str, input: Value) -> Value {
    test::perform::<Runner>(skill, input).unwrap()
}

pub fn refusal(skill: &str, input: Value) -> String {
    test::perform::<Runner>(skill, input).unwrap_err().to_string()
}
