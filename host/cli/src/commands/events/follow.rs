//! Following events: a line for each as it is published, until the command is interrupted.

use std::pin::pin;

use futures::StreamExt as _;
use serde_json::Value;
use troupe_core::view::{EventView, Page};
use troupe_core::{Error, Result};

use super::{PATH, state};
use crate::client::{Client, segment};
use crate::human::escaped;
use crate::output;

/// Prints what is published after a position, or from now on.
pub(super) async fn run(json: bool, client: &Client, topic: Option<&str>, after: Option<u64>) -> Result<()> {
    let after = match after {
        Some(after) => after,
        None => newest(client).await?,
    };
    let topic = topic.map(|topic| format!("&topic={}", segment(topic))).unwrap_or_default();
    let path = format!("{PATH}/stream?after={after}{topic}");
    let mut events = pin!(client.follow(&path, output::note));
    while let Some(event) = events.next().await {
        let event = event?;
        if event.name != "event" {
            continue;
        }
        if json {
            let event: Value = serde_json::from_str(&event.data).map_err(Error::internal)?;
            output::line(&event.to_string());
        } else {
            let event: EventView = serde_json::from_str(&event.data).map_err(Error::internal)?;
            output::line(&line(&event));
        }
    }
    Ok(())
}

/// The position of the last event.
async fn newest(client: &Client) -> Result<u64> {
    let page: Page<EventView> = client.query(PATH, &[("limit", "1".to_owned())]).await?;
    Ok(page.items.first().map_or(0, |event| event.position))
}

fn line(event: &EventView) -> String {
    let data = event.event.get("data").map(|data| format!("  {}", escaped(&data.to_string()))).unwrap_or_default();
    let (position, topic, priority) = (event.position, &event.topic, event.priority.as_str());
    let stands = match &event.due_at {
        Some(due) => format!("{} until {due}", state(event)),
        None => state(event),
    };
    format!("{position}  {topic}  {priority}  {}  {stands}{data}", event.sender)
}
