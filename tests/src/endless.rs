//! A service whose answers do not end, end too early, or are all head.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

/// A service on 127.0.0.1; it ends with the test.
///
/// | path | answer |
/// |---|---|
/// | `/endless` | bytes for as long as somebody takes them |
/// | `/begun/SENT/SAID` | so many bytes of an answer that is said to have more, and then nothing |
/// | `/headers/COUNT/BYTES` | so many headers, each of so many bytes |
/// | anything else | `well` |
#[derive(Debug)]
pub struct Endless {
    port: u16,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    sent: AtomicU64,
    open: AtomicUsize,
}

impl Endless {
    /// Starts a service.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let service = Self { port: listener.local_addr().expect("an address").port(), counts: Arc::default() };
        let counts = Arc::clone(&service.counts);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let counts = Arc::clone(&counts);
                tokio::spawn(async move {
                    counts.open.fetch_add(1, Ordering::Relaxed);
                    serve(connection, &counts).await;
                    counts.open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        service
    }

    /// Where it listens.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its address, as `HOST:PORT`.
    pub fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Bytes of bodies that the system has taken to be sent.
    pub fn sent(&self) -> u64 {
        self.counts.sent.load(Ordering::Relaxed)
    }

    /// Waits until nobody is connected to it any more.
    ///
    /// # Panics
    /// If somebody still is after a while.
    pub async fn is_left(&self) {
        let until = Instant::now() + Duration::from_secs(15);
        while self.counts.open.load(Ordering::Relaxed) > 0 {
            assert!(Instant::now() < until, "somebody is still connected");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Answers one request.
async fn serve(mut connection: TcpStream, counts: &Counts) {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        if connection.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default();
    let mut parts = path.split('/').skip(1);
    let kind = parts.next().unwrap_or_default();
    let [first, second] = [0, 1].map(|_| parts.next().and_then(|part| part.parse::<u64>().ok()).unwrap_or(0));
    let (status, sent) = match kind {
        "endless" => {
            ("HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(), u64::MAX)
        }
        "begun" => (format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {second}\r\n\r\n"), first),
        "headers" => {
            let header = |number| format!("x-{number}: {}\r\n", "v".repeat(second as usize));
            let headers: String = (0..first).map(header).collect();
            (format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n{headers}\r\n"), 0)
        }
        _ => ("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\nwell".to_owned(), 0),
    };
    if connection.write_all(status.as_bytes()).await.is_err() {
        return;
    }
    let piece = [b'x'; 64 * 1024];
    let mut left = sent;
    while left > 0 {
        let now = left.min(piece.len() as u64) as usize;
        let framed = if sent == u64::MAX { format!("{now:x}\r\n") } else { String::new() };
        let end: &[u8] = if sent == u64::MAX { b"\r\n" } else { b"" };
        if connection.write_all(&[framed.as_bytes(), &piece[..now], end].concat()).await.is_err() {
            return;
        }
        counts.sent.fetch_add(now as u64, Ordering::Relaxed);
        left -= now as u64;
    }
    // Until the other side goes.
    while connection.read(&mut [0; 64]).await.unwrap_or(0) > 0 {}
}
