//! NATS: another carrier of what hosts of one database tell each other.
//!
//! *Holds:* the one connection to NATS, the stream of words, and what is made of a server that is not there.
//! *Never holds:* anything that has to be believed or kept. The database is the record; a word says that it is worth
//! looking there.
//! *Start at:* [`Bus::connect`].
//! *Tested by:* `tests/suites/cluster/bus.rs`, on a server of its own.
//!
//! ```text
//!  this host's commits ─▸ say ─▸ queue (bounded) ─▸ JetStream, a minute of words ─▸ hear ─▸ those who wait here
//!                                   │ full, or the server is away: dropped            ▲
//!                                   └ whoever missed it looks within a second         └ after each new connection:
//!                                                                                       anything may have moved
//! ```
//!
//! *The attack on correctness:* words are lost, doubled or old, the server is rolled back, or somebody else
//! speaks there. *The rule:* whoever hears one only looks. *The default:* PostgreSQL carries words; NATS does where an
//! operator names a server.

use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::{Ordered, OrderedConfig};
use async_nats::jetstream::stream::{Config, DiscardPolicy};
use async_nats::{Client, ConnectOptions, ServerAddr, jetstream};
use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use troupe_core::{Code, Error, Result, limits};

/// How long a word is kept by the server, for those whose connection is away for a moment.
const WORDS_KEPT: Duration = Duration::from_secs(60);
/// Words that the server keeps at most.
const WORDS_KEPT_MAX: i64 = 100_000;
/// How long the server may take to answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// How long it is waited before the server is asked anew.
const PAUSE: Duration = Duration::from_secs(1);

/// Where a server of NATS is. What is printed of it has no password.
#[derive(Clone)]
pub struct BusAddress(ServerAddr);

impl std::fmt::Debug for BusAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::fmt::Display for BusAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.0.host(), self.0.port())
    }
}

impl std::str::FromStr for BusAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unread = || {
            let message = "the address of the bus cannot be read; write it as nats://HOST:PORT, or tls://HOST:PORT";
            Error::new(Code::RequestInvalid, message)
        };
        if !["nats://", "tls://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err(unread());
        }
        let address: ServerAddr = text.parse().map_err(|_| unread())?;
        if address.host().is_empty() { Err(unread()) } else { Ok(Self(address)) }
    }
}

/// What came by the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// What another host says, or this one has said.
    Words(String),
    /// Something may have been missed.
    Gap,
}

/// A carrier of words. It ends when it is dropped.
#[derive(Debug)]
pub struct Bus {
    said: mpsc::Sender<String>,
    heard: tokio::sync::Mutex<mpsc::Receiver<Heard>>,
    carrying: JoinHandle<()>,
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.carrying.abort();
    }
}

impl Bus {
    /// Carries words from now on, between all who name the same `database`: letters and digits. Whether the server
    /// is there is found out by and by.
    #[must_use]
    pub fn connect(address: BusAddress, database: &str) -> Self {
        let (said, to_say) = mpsc::channel(limits::WORDS_WAITING_MAX);
        let (hear, heard) = mpsc::channel(limits::WORDS_WAITING_MAX);
        let carrier =
            Carrier { address, name: format!("TROUPE_{database}"), subject: format!("troupe.{database}.words") };
        let carrying = tokio::spawn(carrier.run(to_say, hear));
        Self { said, heard: tokio::sync::Mutex::new(heard), carrying }
    }

    /// Says something to the others. What cannot be taken at once is lost, and they look all the same.
    pub fn say(&self, words: String) {
        if self.said.try_send(words).is_err() {
            tracing::debug!("the bus takes no word just now");
        }
    }

    /// What comes next; nothing once there will be nothing.
    pub async fn hear(&self) -> Option<Heard> {
        self.heard.lock().await.recv().await
    }
}

struct Carrier {
    address: BusAddress,
    /// Of the stream.
    name: String,
    subject: String,
}

impl Carrier {
    async fn run(self, mut to_say: mpsc::Receiver<String>, hear: mpsc::Sender<Heard>) {
        let mut was_told = false;
        loop {
            match self.carry(&mut to_say, &hear, &mut was_told).await {
                Ok(()) => return,
                Err(error) if !std::mem::replace(&mut was_told, true) => {
                    tracing::warn!(bus = %self.address, error, "the bus is away; hosts look into the database meanwhile");
                }
                Err(error) => tracing::debug!(bus = %self.address, error, "the bus is still away"),
            }
            tokio::time::sleep(PAUSE).await;
            // What nobody could be told they find by looking.
            while to_say.try_recv().is_ok() {}
        }
    }

    /// Carries words until something fails; or for good, once nobody is left to hear them.
    async fn carry(
        &self,
        to_say: &mut mpsc::Receiver<String>,
        hear: &mpsc::Sender<Heard>,
        was_told: &mut bool,
    ) -> std::result::Result<(), String> {
        let client = self.client().await?;
        let context = jetstream::new(client.clone());
        let mut words = within("the stream of words", self.words(&context)).await?;
        if hear.send(Heard::Gap).await.is_err() {
            return Ok(());
        }
        if std::mem::take(was_told) {
            tracing::info!(bus = %self.address, "the bus is there again");
        }
        let mut looks = tokio::time::interval(PAUSE);
        loop {
            tokio::select! {
                _ = looks.tick() => {
                    if client.connection_state() != State::Connected {
                        return Err("the connection was lost".to_owned());
                    }
                }
                said = to_say.recv() => {
                    let Some(said) = said else { return Ok(()) };
                    let sent = context.publish(self.subject.clone(), said.into()).await;
                    // Nobody waits for its answer: what is lost is found by looking.
                    drop(sent.map_err(|error| error.to_string())?);
                }
                word = words.next() => {
                    let word = word.ok_or("the stream of words has ended")?.map_err(|error| error.to_string())?;
                    let Ok(text) = std::str::from_utf8(&word.payload) else { continue };
                    if hear.send(Heard::Words(text.to_owned())).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn client(&self) -> std::result::Result<Client, String> {
        // A connection that is lost is an end: with the next one everything is looked at.
        let options = ConnectOptions::new().name("troupe").connection_timeout(ANSWER_TIME_MAX).max_reconnects(1);
        within("a connection", options.connect(self.address.0.clone())).await
    }

    async fn words(&self, context: &jetstream::Context) -> std::result::Result<Ordered, async_nats::Error> {
        let stream = context
            .get_or_create_stream(Config {
                name: self.name.clone(),
                subjects: vec![self.subject.clone()],
                max_age: WORDS_KEPT,
                max_messages: WORDS_KEPT_MAX,
                discard: DiscardPolicy::Old,
                ..Config::default()
            })
            .await?;
        let new = OrderedConfig { deliver_policy: DeliverPolicy::New, ..OrderedConfig::default() };
        Ok(stream.create_consumer(new).await?.messages().await?)
    }
}

async fn within<T, E: std::fmt::Display>(
    what: &str,
    asked: impl Future<Output = std::result::Result<T, E>>,
) -> std::result::Result<T, String> {
    match tokio::time::timeout(ANSWER_TIME_MAX, asked).await {
        Ok(answered) => answered.map_err(|error| format!("{what}: {error}")),
        Err(_) => Err(format!("{what}: no answer in time")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_server_and_shows_no_password() {
        let address: BusAddress = "nats://troupe:hunter2@bus.example:4333".parse().unwrap();
        assert_eq!(
            (address.to_string(), format!("{address:?}")),
            ("bus.example:4333".into(), "bus.example:4333".into())
        );
        for text in ["bus.example:4222", "http://bus.example", "nats://", ""] {
            assert!(text.parse::<BusAddress>().is_err(), "{text}");
        }
    }
}
