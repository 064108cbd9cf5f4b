//! A service that agents call: it answers whatever it is asked, and remembers it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// A service; it ends with the test.
#[derive(Debug)]
pub struct Server {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    requests: Mutex<Vec<String>>,
    came: Notify,
    answers: AtomicBool,
}

impl Server {
    /// Starts one that answers each request with its first line.
    pub async fn start() -> Self {
        Self::new(true).await
    }

    /// Starts one that takes requests and never answers.
    pub async fn silent() -> Self {
        Self::new(false).await
    }

    async fn new(answers: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared =
            Arc::new(Shared { requests: Mutex::default(), came: Notify::new(), answers: AtomicBool::new(answers) });
        let serving = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, Arc::clone(&serving)));
            }
        });
        Self { port, shared }
    }

    /// Answers from now on.
    pub fn answer(&self) {
        self.shared.answers.store(true, Ordering::SeqCst);
    }

    /// Where it listens, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The heads of the requests that came.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().expect("no panic while held").clone()
    }

    /// Waits until so many requests came.
    pub async fn came(&self, count: usize) -> Vec<String> {
        loop {
            let next = self.shared.came.notified();
            let requests = self.requests();
            if requests.len() >= count {
                return requests;
            }
            next.await;
        }
    }
}

/// Reads heads; the requests of these tests have no bodies.
async fn serve(mut connection: TcpStream, shared: Arc<Shared>) {
    let mut head = Vec::new();
    let mut piece = vec![0; 4096];
    while let Ok(count @ 1..) = connection.read(&mut piece).await {
        head.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&head).into_owned();
        let Some((request, _)) = text.split_once("\r\n\r\n") else { continue };
        shared.requests.lock().expect("no panic while held").push(request.to_owned());
        shared.came.notify_waiters();
        head.clear();
        let line = request.lines().next().unwrap_or_default();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{line}", line.len());
        if shared.answers.load(Ordering::SeqCst) && connection.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}
