//! A server that says what it is told to, and what surrounds it in a test.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Method};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use troupe_core::Result;

use crate::{AddressPolicy, Client, ClientConfig, Exemption, Limits, Request, Resolve, SendOptions};

/// A server on the loopback interface. Each connection is handed to the script; the heads
/// of all requests are kept.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
}

impl Server {
    /// Answers every request with `answer`, on connections that stay open.
    pub(super) async fn answering(answer: &'static str) -> Self {
        Self::scripted(move |mut peer| async move {
            while peer.read_request().await {
                peer.write(answer).await;
            }
        })
        .await
    }

    /// Runs `script` for every connection.
    pub(super) async fn scripted<F, R>(script: F) -> Self
    where
        F: Fn(Peer) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        Self::scripted_on("127.0.0.1:0", script).await
    }

    /// The same, listening elsewhere.
    pub(super) async fn scripted_on<F, R>(address: &str, script: F) -> Self
    where
        F: Fn(Peer) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.unwrap();
        let (heads, connections) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<usize>>::default());
        let server = Self {
            address: listener.local_addr().unwrap(),
            heads: Arc::clone(&heads),
            connections: Arc::clone(&connections),
        };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *connections.lock().unwrap() += 1;
                tokio::spawn(script(Peer { stream, heads: Arc::clone(&heads) }));
            }
        });
        server
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The heads of the requests so far.
    pub(super) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    pub(super) fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    /// Options under which this server may be called.
    pub(super) fn options(&self) -> SendOptions {
        options(
            AddressPolicy::default()
                .with(Exemption::Granted { host: self.address.ip().to_string(), port: self.address.port() }),
        )
    }
}

/// One connection, seen from the server.
pub(super) struct Peer {
    stream: TcpStream,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    /// Reads one request's head, and its body by `content-length`; false when the client
    /// is gone.
    pub(super) async fn read_request(&mut self) -> bool {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match self.stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return false,
            }
        }
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |n| n.parse().unwrap());
        self.stream.read_exact(&mut vec![0; length]).await.unwrap();
        self.heads.lock().unwrap().push(head);
        true
    }

    /// Sends text; false when the client is gone.
    pub(super) async fn write(&mut self, text: &str) -> bool {
        self.stream.write_all(text.as_bytes()).await.is_ok()
    }
}

/// A resolver that gives prepared answers, one after the other.
#[derive(Debug)]
pub(super) struct Answers(Mutex<Vec<Vec<SocketAddr>>>);

impl Answers {
    pub(super) fn new(answers: &[&[&str]]) -> Arc<Self> {
        let parse = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        Arc::new(Self(Mutex::new(answers.iter().rev().map(parse).collect())))
    }

    pub(super) fn left(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Resolve for Answers {
    fn resolve<'a>(
        &'a self,
        _partition: &'a Arc<str>,
        host: &'a str,
        _port: u16,
    ) -> BoxFuture<'a, Result<Vec<SocketAddr>>> {
        let answer = self.0.lock().unwrap().pop();
        Box::pin(async move { Ok(answer.unwrap_or_else(|| panic!("{host} was resolved once more than prepared"))) })
    }
}

pub(super) fn client() -> Client {
    Client::new(ClientConfig::default())
}

pub(super) fn client_with(resolver: Arc<dyn Resolve>) -> Client {
    Client::new(ClientConfig { resolver, ..ClientConfig::default() })
}

pub(super) fn options(policy: AddressPolicy) -> SendOptions {
    SendOptions { partition: "default".into(), policy, limits: Limits::default() }
}

pub(super) fn get(url: &str) -> Request {
    Request { method: Method::GET, uri: url.parse().unwrap(), headers: HeaderMap::new(), body: Bytes::new() }
}

/// Short enough for a test, long enough for a loaded machine.
pub(super) const SHORT: Duration = Duration::from_millis(200);
