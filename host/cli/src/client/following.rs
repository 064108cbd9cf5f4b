//! Following a stream of events to its end, however often its connection ends before. A host that
//! stops, a proxy that has seen nothing for a while and a network that fails take nothing away: with
//! the id of the event that was read last the stream goes on where it was, also on a host that was
//! started again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use futures::Stream;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use reqwest::{Method, Response, StatusCode};
use tokio::time::{sleep, timeout};
use troupe_core::view::{StreamEnd, StreamEndReason};
use troupe_core::{Code, Error, Result, limits};

use super::{Client, EVENT_STREAM};
use crate::events::{Event, EventReader};

/// How long it is tried again with nothing heard of the host: longer than a restart takes, and as
/// long as somebody who waits bears.
const LOST_TIME_MAX: Duration = Duration::from_secs(30);

/// Longest that a host may take to begin its answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);

/// Longest that a stream may be silent whose host says every so often that it is alive.
const SILENCE_MAX: Duration = limits::STREAM_ALIVE_EVERY.saturating_mul(3);

/// The header by which a client says what it has read.
static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

struct Following<'a, T> {
    client: &'a Client,
    path: &'a str,
    /// Told that the connection is lost and tried again, once each time that it is.
    tell: T,
    /// The id of the last event that was read; empty before the first.
    read: String,
    stream: Option<(Response, EventReader)>,
    /// What came and is yet to be told.
    came: VecDeque<Event>,
    /// Whether this is not the first connection.
    is_again: bool,
}

impl Client {
    /// Follows a stream of events to its end. A connection that ends before is made again; a
    /// sentence that says so goes to `tell` if that does not succeed at once.
    ///
    /// The stream fails with what the host answers for good, and with the last failure once
    /// nothing was heard of it for [`LOST_TIME_MAX`].
    pub(crate) fn follow<'a>(
        &'a self,
        path: &'a str,
        tell: impl Fn(&str) + 'a,
    ) -> impl Stream<Item = Result<Event>> + 'a {
        let following = Following {
            client: self,
            path,
            tell,
            read: String::new(),
            stream: None,
            came: VecDeque::new(),
            is_again: false,
        };
        futures::stream::try_unfold(following, |mut following| async move {
            Ok(following.next().await?.map(|event| (event, following)))
        })
    }
}

impl<T: Fn(&str)> Following<'_, T> {
    /// The next event; nothing once all is told.
    async fn next(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.came.pop_front() {
                if !event.id.is_empty() {
                    self.read.clone_from(&event.id);
                }
                if event.name != "end" {
                    return Ok(Some(event));
                }
                if is_done(&event) {
                    return Ok(None);
                }
                // Who is let in no more is told why by the next request.
                self.stream = None;
            } else if let Some((response, reader)) = &mut self.stream {
                match timeout(SILENCE_MAX, response.chunk()).await {
                    Ok(Ok(Some(piece))) => self.came.extend(reader.push(&piece)),
                    Ok(Ok(None) | Err(_)) | Err(_) => self.stream = None,
                }
            } else {
                match self.open().await? {
                    Some(response) => self.stream = Some((response, EventReader::default())),
                    None => return Ok(None),
                }
            }
        }
    }

    /// Asks for what comes after the last event that was read; nothing if that is nothing.
    async fn open(&mut self) -> Result<Option<Response>> {
        let (since, mut is_told) = (Instant::now(), false);
        loop {
            // The first connection is made at once, and none of the others: a host that stops would
            // be asked without end.
            if std::mem::replace(&mut self.is_again, true) {
                sleep(limits::STREAM_RETRY).await;
            }
            let error = match timeout(ANSWER_TIME_MAX, self.ask()).await {
                Ok(Ok(response)) if response.status() == StatusCode::NO_CONTENT => return Ok(None),
                Ok(Ok(response)) if is_stream(&response) => return Ok(Some(response)),
                Ok(Err(error)) => error,
                // Whatever stands before the host, such as the page of a proxy, is not the host.
                Ok(Ok(_)) | Err(_) => {
                    Error::new(Code::UnavailableHost, format!("{} does not answer as a host does", self.client.host))
                }
            };
            if !error.retryable || since.elapsed() + limits::STREAM_RETRY > LOST_TIME_MAX {
                return Err(error);
            }
            if !std::mem::replace(&mut is_told, true) {
                let (host, seconds) = (&self.client.host, LOST_TIME_MAX.as_secs());
                (self.tell)(&format!("the connection to {host} is lost; trying again for {seconds} s"));
            }
        }
    }

    async fn ask(&self) -> Result<Response> {
        let mut request = self.client.request(Method::GET, self.path).header(ACCEPT, EVENT_STREAM);
        if !self.read.is_empty() {
            request = request.header(&LAST_EVENT_ID, &self.read);
        }
        self.client.send(request).await
    }
}

fn is_stream(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with(EVENT_STREAM))
}

fn is_done(end: &Event) -> bool {
    serde_json::from_str::<StreamEnd>(&end.data).is_ok_and(|end| end.reason == StreamEndReason::Done)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use futures::TryStreamExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Gives one answer to each connection, and keeps the heads of the requests.
    async fn answer(listener: TcpListener, answers: &[&str]) -> Vec<String> {
        let mut heads = Vec::new();
        for answer in answers {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(connection.read_u8().await.unwrap());
            }
            heads.push(String::from_utf8(head).unwrap());
            connection.write_all(answer.as_bytes()).await.unwrap();
        }
        heads
    }

    #[tokio::test]
    async fn a_stream_goes_on_after_the_last_event_that_was_read() {
        troupe_egress::install_tls();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = format!("http://{}", listener.local_addr().unwrap());
        let client = Client { http: reqwest::Client::builder().no_proxy().build().unwrap(), host, token: None };
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n";
        let stops = format!(
            "{head}\r\nevent: swap\nid: a1\ndata: 1\n\nevent: end\nid: a2\ndata: {{\"reason\":\"host_stopping\",\"resume\":\"a2\"}}\n\n"
        );
        // Half of an event is none, and is told whole by the next connection.
        let breaks =
            format!("{head}content-length: 1000\r\n\r\nevent: swap\nid: a3\ndata: 2\n\nevent: swap\nid: a4\nda");
        let rest = format!(
            "{head}\r\nevent: swap\nid: a4\ndata: 3\n\nevent: end\nid: a4\ndata: {{\"reason\":\"done\"}}\n\nevent: swap\ndata: 4\n\n"
        );
        let told = RefCell::new(Vec::new());
        let followed = client.follow("/events", |line| told.borrow_mut().push(line.to_owned()));
        let answers = [stops.as_str(), &breaks, "HTTP/1.1 502 Bad Gateway\r\n\r\n", &rest];
        let (events, heads) = tokio::join!(followed.try_collect::<Vec<_>>(), answer(listener, &answers));
        let data: Vec<String> = events.unwrap().into_iter().map(|event| event.data).collect();
        assert_eq!(data, ["1", "2", "3"]);
        let read: Vec<Option<&str>> =
            heads.iter().map(|head| head.lines().find_map(|line| line.strip_prefix("last-event-id: "))).collect();
        assert_eq!(read, [None, Some("a2"), Some("a3"), Some("a3")]);
        assert_eq!(told.into_inner().len(), 1, "only the third was not made again at once");
    }
}
