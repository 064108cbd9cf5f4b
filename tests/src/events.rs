//! Reading streams of server-sent events, and the bytes in which HTTP carries them.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::Client;

/// Longest that a stream may say nothing, not even that it is alive.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its id; empty if it has none.
    pub id: String,
    /// Its data.
    pub data: Value,
}

/// Reads the events of a stream, as far as they came whole.
pub fn events(stream: &str) -> Vec<Event> {
    let field = |block: &str, name: &str| {
        let lines = block.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        lines.collect::<Vec<_>>().join("\n")
    };
    let event = |block: &str| Event {
        name: field(block, "event"),
        id: field(block, "id"),
        data: serde_json::from_str(&field(block, "data")).expect("JSON in an event"),
    };
    let whole = stream.rfind("\n\n").map_or("", |end| &stream[..end]);
    whole.split("\n\n").filter(|block| block.contains("data: ")).map(event).collect()
}

/// What a stream told that has ended as it should, with `end` as its last event.
#[track_caller]
pub fn told(stream: &str) -> Vec<Event> {
    let mut events = events(stream);
    let end = events.pop().expect("an event");
    assert_eq!(end.name, "end", "{end:?}");
    events
}

/// An answer as the bytes of HTTP/1.1 (RFC 9112, section 7.1).
#[derive(Debug)]
pub struct Raw {
    stream: TcpStream,
    came: Vec<u8>,
}

impl Raw {
    /// Asks for a stream, after the event with this id if one is named.
    pub async fn open(client: &Client, path: &str, after: Option<&str>) -> Self {
        let address = client.url.strip_prefix("http://").expect("a plain address");
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let token = client.token.as_deref().unwrap_or_default();
        let after = after.map(|after| format!("last-event-id: {after}\r\n")).unwrap_or_default();
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\naccept: text/event-stream\r\n{after}\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("a request that is sent");
        Self { stream, came: Vec::new() }
    }

    /// Reads until `wanted` says so of the events so far, and returns them.
    pub async fn until(&mut self, wanted: impl Fn(&[Event]) -> bool) -> Vec<Event> {
        loop {
            let events = events(&self.body().0);
            if wanted(&events) {
                return events;
            }
            assert!(self.more().await > 0, "it ends before that: {events:#?}");
        }
    }

    /// Reads to the end of the connection, which must come after the last chunk of the body and
    /// not by a reset; returns what the stream told, `end` included.
    pub async fn ended(mut self) -> Vec<Event> {
        while self.more().await > 0 {}
        let (text, is_whole) = self.body();
        assert!(is_whole, "no last chunk: {}", String::from_utf8_lossy(&self.came));
        events(&text)
    }

    async fn more(&mut self) -> usize {
        let read = timeout(SILENCE_MAX, self.stream.read_buf(&mut self.came)).await.expect("a sign of life");
        read.expect("no reset")
    }

    /// The body as far as it came, and whether its last chunk is there with nothing after it.
    fn body(&self) -> (String, bool) {
        let came = String::from_utf8(self.came.clone()).expect("text");
        let Some((head, mut rest)) = came.split_once("\r\n\r\n") else { return (String::new(), false) };
        assert!(head.starts_with("HTTP/1.1 200 "), "{came}");
        assert!(head.to_ascii_lowercase().contains("transfer-encoding: chunked"), "{head}");
        let mut body = String::new();
        while let Some((size, after)) = rest.split_once("\r\n") {
            let size = usize::from_str_radix(size, 16).expect("the size of a chunk");
            if size == 0 {
                return (body, after == "\r\n");
            }
            let Some(chunk) = after.get(..size) else { break };
            body.push_str(chunk);
            rest = after.get(size + 2..).unwrap_or_default();
        }
        (body, false)
    }
}
