//! Somebody outside to whom events are sent: takes what is posted, answers as it is told, and checks signatures by a
//! library of its own.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Longest until what is due has come, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How one message is answered.
#[derive(Debug, Clone)]
pub enum Reply {
    /// With a status.
    Status(u16),
    /// With a status, and how many seconds to wait.
    Later(u16, u64),
    /// That it is elsewhere.
    Elsewhere(String),
    /// Well, with a body that never ends.
    Endless,
    /// Not at all.
    Silence,
}

/// A message that came.
#[derive(Debug, Clone)]
pub struct Message {
    /// The method and the target.
    pub line: String,
    /// The headers, by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

/// A receiver; it ends with the test.
#[derive(Debug)]
pub struct Hook {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    messages: Mutex<Vec<Message>>,
    came: Notify,
    replies: Mutex<VecDeque<Reply>>,
}

impl Message {
    /// A header; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The event in it.
    pub fn event(&self) -> Value {
        serde_json::from_slice(&self.body).expect("an event")
    }

    /// How many of its signatures are by a secret.
    pub fn signed_by(&self, secret: &str) -> usize {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").expect("a secret")).expect("base64");
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("any key");
        mac.update(format!("{}.{}.", self.header("webhook-id"), self.header("webhook-timestamp")).as_bytes());
        mac.update(&self.body);
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.header("webhook-signature").split(' ').filter(|one| *one == signature).count()
    }
}

impl Hook {
    /// Starts one that answers each message well, unless it is told otherwise.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, Arc::clone(&serving)));
            }
        });
        Self { port, shared }
    }

    /// Where it listens.
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Answers the next messages so.
    pub fn answers(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.replies.lock().expect("no panic while held").extend(replies);
    }

    /// What came.
    pub fn messages(&self) -> Vec<Message> {
        self.shared.messages.lock().expect("no panic while held").clone()
    }

    /// Waits until so many messages came.
    pub async fn came(&self, count: usize) -> Vec<Message> {
        let come = async {
            loop {
                let next = self.shared.came.notified();
                let messages = self.messages();
                if messages.len() >= count {
                    return messages;
                }
                next.await;
            }
        };
        tokio::time::timeout(PATIENCE, come).await.expect("so many messages")
    }
}

async fn serve(mut connection: TcpStream, shared: Arc<Shared>) {
    let mut came = Vec::new();
    let mut piece = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = connection.read(&mut piece).await {
        came.extend_from_slice(&piece[..count]);
        let Some(end) = came.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&came[..end]).into_owned();
        let mut lines = head.lines();
        let line = lines.next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
        let headers: BTreeMap<String, String> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let length: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if came.len() < end + 4 + length {
            continue;
        }
        let body = came[end + 4..end + 4 + length].to_vec();
        came.clear();
        let reply = shared.replies.lock().expect("no panic while held").pop_front().unwrap_or(Reply::Status(204));
        shared.messages.lock().expect("no panic while held").push(Message { line, headers, body });
        shared.came.notify_waiters();
        let answer = match reply {
            Reply::Status(status) => format!("HTTP/1.1 {status} Told\r\ncontent-length: 0\r\n\r\n"),
            Reply::Later(status, seconds) => {
                format!("HTTP/1.1 {status} Told\r\nretry-after: {seconds}\r\ncontent-length: 0\r\n\r\n")
            }
            Reply::Elsewhere(place) => {
                format!("HTTP/1.1 307 Told\r\nlocation: {place}\r\ncontent-length: 0\r\n\r\n")
            }
            Reply::Endless => {
                let head = b"HTTP/1.1 200 Told\r\n\r\n";
                let mut goes_on = connection.write_all(head).await.is_ok();
                while goes_on {
                    goes_on = connection.write_all(&[b'x'; 4096]).await.is_ok();
                }
                return;
            }
            Reply::Silence => continue,
        };
        if connection.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
