//! Scripted HTTP: what the agent sends, and what it gets.

use std::time::Duration;

use serde::Serialize;

use super::timers::Timer;
use super::world::with;
use crate::http::{Head, Headers, HttpError, Request, Url};

/// A request that the agent sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The method, upper case.
    pub method: String,
    /// The whole address.
    pub url: String,
    /// The headers, those to the host (`troupe-…`) among them.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
}

impl Sent {
    /// Takes a request as the host would, which refuses what cannot be sent.
    pub(crate) fn of(request: Request) -> Result<Self, HttpError> {
        Url::parse(&request.url)?;
        Ok(Self { method: request.method, url: request.url, headers: request.headers, body: request.body })
    }

    /// Returns the body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Begins to serve the request.
    pub(crate) fn exchange(self) -> Exchange {
        // The scripts are out of the world meanwhile, so that they may look at it.
        let mut scripts = with(|world| std::mem::take(&mut world.http.scripts));
        let answer = scripts.iter_mut().find_map(|script| script(&self)).unwrap_or_else(|| {
            Answer::error(HttpError::Denied(format!("the test host has no answer to {} {}", self.method, self.url)))
        });
        with(|world| {
            scripts.append(&mut world.http.scripts);
            world.http.scripts = scripts;
            world.http.sent.push(self);
            world.http.in_flight += 1;
            world.http.in_flight_most = world.http.in_flight_most.max(world.http.in_flight);
        });
        Exchange { answer }
    }
}

/// What the agent gets for a request.
#[derive(Debug, Clone)]
pub struct Answer {
    outcome: Result<(Head, Vec<Vec<u8>>), HttpError>,
    after: Duration,
}

impl Answer {
    /// An answer of a status, without a body.
    pub fn new(status: u16) -> Self {
        Self { outcome: Ok((Head { status, headers: Headers::default() }, Vec::new())), after: Duration::ZERO }
    }

    /// An answer with a body.
    pub fn text(status: u16, body: impl AsRef<[u8]>) -> Self {
        Self::new(status).chunk(body)
    }

    /// An answer with a JSON body; a value that is not JSON becomes `null`.
    pub fn json(status: u16, body: impl Serialize) -> Self {
        let body = serde_json::to_value(body).unwrap_or_default();
        Self::text(status, body.to_string()).header("content-type", "application/json")
    }

    /// No answer.
    pub const fn error(error: HttpError) -> Self {
        Self { outcome: Err(error), after: Duration::ZERO }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Ok((head, _)) = &mut self.outcome {
            head.headers.add(name, value.to_owned());
        }
        self
    }

    /// Adds a piece to the body.
    #[must_use]
    pub fn chunk(mut self, piece: impl AsRef<[u8]>) -> Self {
        if let Ok((_, body)) = &mut self.outcome {
            body.push(piece.as_ref().to_vec());
        }
        self
    }

    /// Lets the answer come when this time has passed on the test host's clock.
    #[must_use]
    pub const fn after(mut self, time: Duration) -> Self {
        self.after = time;
        self
    }
}

/// A request under way. It counts as such until it is dropped.
pub(crate) struct Exchange {
    answer: Answer,
}

impl Exchange {
    pub(crate) async fn answered(self) -> Result<(Head, Body), HttpError> {
        if self.answer.after > Duration::ZERO {
            Timer::new(self.answer.after).await;
        }
        let (head, mut pieces) = self.answer.outcome.clone()?;
        pieces.reverse();
        Ok((head, Body { pieces, _exchange: self }))
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        with(|world| world.http.in_flight = world.http.in_flight.saturating_sub(1));
    }
}

/// The body of an answer, its pieces last first.
pub struct Body {
    pieces: Vec<Vec<u8>>,
    _exchange: Exchange,
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("pieces", &self.pieces.len()).finish_non_exhaustive()
    }
}

impl Body {
    #[expect(clippy::unused_async, reason = "the body of a real host is waited for")]
    pub(crate) async fn chunk(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
        loop {
            match self.pieces.pop() {
                Some(piece) if piece.is_empty() => {}
                other => return Ok(other),
            }
        }
    }
}

/// A script: the answer to a request, if it has one.
pub(crate) type Script = Box<dyn FnMut(&Sent) -> Option<Answer>>;

/// What the test host knows about HTTP.
#[derive(Default)]
pub(crate) struct Http {
    /// Asked in order until one answers.
    pub scripts: Vec<Script>,
    /// Everything that was sent.
    pub sent: Vec<Sent>,
    pub in_flight: usize,
    pub in_flight_most: usize,
}

/// Which addresses a script answers for: one, as text (with `*` at its end: all that
/// begin so), or those a closure accepts.
pub trait Address: 'static {
    /// Reports whether the script answers for this address.
    fn covers(&self, url: &str) -> bool;
}

impl Address for &'static str {
    fn covers(&self, url: &str) -> bool {
        self.strip_suffix('*').map_or_else(|| *self == url, |stem| url.starts_with(stem))
    }
}

impl<F: Fn(&str) -> bool + 'static> Address for F {
    fn covers(&self, url: &str) -> bool {
        self(url)
    }
}
