//! Reading a finished stream of server-sent events.

use serde_json::Value;

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its data.
    pub data: Value,
}

/// Reads the events of a stream that has ended.
pub fn events(stream: &str) -> Vec<Event> {
    let field = |block: &str, name: &str| {
        let lines = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        lines.collect::<Vec<_>>().join("\n")
    };
    let event = |block: &str| Event {
        name: field(block, "event"),
        data: serde_json::from_str(&field(block, "data")).expect("JSON in an event"),
    };
    stream.split("\n\n").filter(|block| block.contains("data: ")).map(event).collect()
}
