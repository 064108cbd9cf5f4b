//! A service that agents call: it answers whatever it is asked, and remembers it. It can be
//! told to end the process that asks, at the instant between a request and its answer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};

use crate::command::signal;

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
    /// How many answers may be given yet.
    answers: Semaphore,
    trap: Mutex<Option<Trap>>,
}

/// When a process is killed that asks something.
#[derive(Debug, Clone, Copy)]
pub struct Trap {
    /// The process.
    pub pid: u32,
    /// How many requests come before the one that does it.
    pub after: usize,
    /// How long after its answer was sent; none if it gets no answer.
    pub answered: Option<Duration>,
}

impl Server {
    /// Starts one that answers each request with its first line.
    pub async fn start() -> Self {
        Self::new(Semaphore::MAX_PERMITS).await
    }

    /// Starts one that takes requests and answers none until it is told to.
    pub async fn silent() -> Self {
        Self::new(0).await
    }

    async fn new(answers: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared {
            requests: Mutex::default(),
            came: Notify::new(),
            answers: Semaphore::new(answers),
            trap: Mutex::default(),
        });
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
        self.answer_more(Semaphore::MAX_PERMITS - self.shared.answers.available_permits());
    }

    /// Answers so many more, of those that wait and of those that come.
    pub fn answer_more(&self, count: usize) {
        self.shared.answers.add_permits(count);
    }

    /// Kills a process at one of the next requests, once.
    pub fn trap(&self, trap: Trap) {
        *self.shared.trap.lock().expect("no panic while held") = Some(trap);
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
        let line = body(request.lines().next().unwrap_or_default());
        let sprung = sprung(&shared);
        if let Some(Trap { pid, answered: None, .. }) = sprung {
            signal(Some(pid), Signal::KILL);
            return;
        }
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{line}", line.len());
        shared.answers.acquire().await.expect("a semaphore that stays open").forget();
        if connection.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        if let Some(Trap { pid, answered: Some(after), .. }) = sprung {
            tokio::time::sleep(after).await;
            signal(Some(pid), Signal::KILL);
        }
    }
}

/// What a request is answered: its first line, or as much text as its path asks for.
fn body(line: &str) -> String {
    let path = line.split(' ').nth(1).unwrap_or_default();
    match path.rsplit_once("/bytes/").and_then(|(_, count)| count.parse().ok()) {
        Some(count) => (0..)
            .map(|number| format!("<item>{number}</item>"))
            .flat_map(String::into_bytes)
            .take(count)
            .map(char::from)
            .collect(),
        None => line.to_owned(),
    }
}

/// The trap, if it is this request that springs it.
fn sprung(shared: &Shared) -> Option<Trap> {
    let mut trap = shared.trap.lock().expect("no panic while held");
    match trap.as_mut() {
        Some(Trap { after: 0, .. }) => trap.take(),
        Some(trap) => {
            trap.after -= 1;
            None
        }
        None => None,
    }
}
