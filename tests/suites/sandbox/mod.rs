//! A guest that misbehaves meets a limit with a code, and nobody else notices: after
//! every case the same process answers a good call of the same agent.

mod greed;
mod reach;

use serde_json::{Value, json};
use troupe_tests::{Answer, Host};

/// Asks the hostile guest for a skill, then checks that the host and the agent are well.
async fn ask(host: &mut Host, skill: &str, input: Value) -> Answer {
    let pid = host.pid();
    let answer = host.client().run("hostile", skill, input).await;
    let good = host.client().run("hostile", "environment", json!({})).await.output();
    assert_eq!(good, json!({ "variables": {}, "arguments": [] }));
    assert!(host.is_alive() && host.pid() == pid);
    assert!(!host.said().contains("panicked"), "something in the host panicked");
    answer
}
