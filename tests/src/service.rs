//! A service whose answers a test decides: each request is read whole and handed to a
//! function.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A request, read whole.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The headers, names in lower case, as they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Request {
    /// The value of a header that must stand there once at most.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(header, _)| header == name).map(|(_, value)| value.as_str());
        let first = values.next();
        assert!(values.next().is_none(), "the header `{name}` stands twice");
        first
    }

    /// The fields of a form, if this is one with each field once.
    pub fn form(&self) -> Option<BTreeMap<String, String>> {
        let kind = self.header("content-type")?;
        if kind.split(';').next() != Some("application/x-www-form-urlencoded") {
            return None;
        }
        let mut fields = BTreeMap::new();
        for pair in self.body.split('&') {
            let (name, value) = pair.split_once('=')?;
            if fields.insert(unescaped(name)?, unescaped(value)?).is_some() {
                return None;
            }
        }
        Some(fields)
    }

    /// Everything that came, as text.
    pub fn text(&self) -> String {
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        format!("{} {}\n{headers}\n{}", self.method, self.target, self.body)
    }
}

/// Undoes the escapes of a form.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

/// What a service answers.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Reply {
    /// A status with text.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// A status with a JSON document.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::text(status, body.to_string()).with("content-type", "application/json")
    }

    /// The same with a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A service on 127.0.0.1; it ends with the test.
#[derive(Debug, Clone)]
pub struct Service {
    port: u16,
    seen: Arc<Mutex<Vec<Request>>>,
}

type Handler = dyn Fn(Request) -> Pin<Box<dyn Future<Output = Option<Reply>> + Send>> + Send + Sync;

impl Service {
    /// Starts a service.
    pub async fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::answering(move |request| std::future::ready(Some(answer(&request)))).await
    }

    /// Starts a service whose answers take time; where there is none it stays silent, and connected.
    pub async fn answering<F>(answer: impl Fn(Request) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Option<Reply>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let service = Self { port: listener.local_addr().expect("an address").port(), seen: Arc::default() };
        let (seen, answer): (_, Arc<Handler>) =
            (Arc::clone(&service.seen), Arc::new(move |request| Box::pin(answer(request))));
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(serve(connection, Arc::clone(&seen), Arc::clone(&answer)));
            }
        });
        service
    }

    /// Where it listens.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The requests that came.
    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().expect("no panic while held").clone()
    }
}

async fn serve(mut connection: TcpStream, seen: Arc<Mutex<Vec<Request>>>, answer: Arc<Handler>) {
    let mut bytes = Vec::new();
    loop {
        let (request, length) = loop {
            if let Some(read) = read(&bytes) {
                break read;
            }
            if connection.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        };
        bytes.drain(..length);
        seen.lock().expect("no panic while held").push(request.clone());
        let Some(Reply { status, headers, body }) = answer(request).await else {
            while connection.read(&mut [0; 64]).await.unwrap_or(0) > 0 {}
            return;
        };
        let mut text = format!("HTTP/1.1 {status} -\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.push_str(&body);
        if connection.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// A request at the beginning of what came, and its length; none if it is not whole.
fn read(bytes: &[u8]) -> Option<(Request, usize)> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, length)| length.parse::<usize>().expect("a length"));
    let body = bytes.get(end + 4..end + 4 + length)?;
    let body = String::from_utf8_lossy(body).into_owned();
    Some((Request { method, target, headers, body }, end + 4 + length))
}
