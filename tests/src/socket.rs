//! A client of WebSockets.

use std::fmt;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::{Client, tls};

/// Longest that is waited for a message.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// What a host answers who does not open a socket: the status, and the problem document.
pub type Refused = (u16, Value);

/// What a socket is on.
trait Carrier: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Carrier for T {}

/// An open socket.
pub struct Socket(WebSocketStream<Box<dyn Carrier>>);

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Socket").field(self.0.get_config()).finish()
    }
}

impl Socket {
    /// Opens one with the client's token.
    pub async fn open(client: &Client) -> Self {
        let (socket, _) = Self::try_open(client, &[]).await.expect("an open socket");
        socket
    }

    /// Opens one over TLS, to a host whose certificate these sign for `localhost`.
    pub async fn open_over_tls(client: &Client, authorities: &str) -> Self {
        let stream = tls::stream(client, authorities, b"http/1.1").await.expect("shaken hands");
        let (socket, _) = Self::over(client, stream, &[]).await.expect("an open socket");
        socket
    }

    /// Opens one with further headers; those of the same name are in place of the client's. Returns
    /// the subprotocol that was chosen, too.
    ///
    /// # Errors
    /// What the host answers instead.
    pub async fn try_open(
        client: &Client,
        headers: &[(&'static str, &str)],
    ) -> Result<(Self, Option<String>), Refused> {
        let address = client.url.strip_prefix("http://").expect("a plain address");
        let stream = TcpStream::connect(address).await.expect("a connection");
        Self::over(client, stream, headers).await
    }

    /// Opens one on a connection that is there.
    async fn over(
        client: &Client,
        stream: impl Carrier + 'static,
        headers: &[(&'static str, &str)],
    ) -> Result<(Self, Option<String>), Refused> {
        let (_, address) = client.url.split_once("://").expect("an address");
        let mut request: Request = format!("ws://{address}/api/v1/ws").into_client_request().expect("an address");
        if let Some(token) = &client.token {
            let token = format!("Bearer {token}").parse().expect("a header");
            request.headers_mut().insert("authorization", token);
        }
        for (name, value) in headers {
            request.headers_mut().remove(*name);
            if !value.is_empty() {
                request.headers_mut().insert(*name, value.parse().expect("a header"));
            }
        }
        let stream: Box<dyn Carrier> = Box::new(stream);
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((socket, answer)) => {
                let chosen = answer.headers().get("sec-websocket-protocol");
                Ok((Self(socket), chosen.map(|chosen| chosen.to_str().expect("text").to_owned())))
            }
            Err(Error::Http(answer)) => {
                let body = answer.body().as_deref().unwrap_or_default();
                Err((answer.status().as_u16(), serde_json::from_slice(body).unwrap_or_default()))
            }
            Err(error) => panic!("no answer of HTTP: {error}"),
        }
    }

    /// Says something.
    pub async fn say(&mut self, document: &Value) {
        self.send(Message::Text(document.to_string().into())).await;
    }

    /// Sends any message.
    pub async fn send(&mut self, message: Message) {
        self.0.send(message).await.expect("a message that is sent");
    }

    /// Follows something.
    pub async fn subscribe(&mut self, id: &str, to: Value, resume: Option<&str>) {
        self.say(&json!({ "type": "subscribe", "id": id, "to": to, "resume": resume })).await;
    }

    /// What the host says next.
    pub async fn next(&mut self) -> Value {
        match self.message().await {
            Message::Text(text) => serde_json::from_str(&text).expect("JSON in a message"),
            other => panic!("no text: {other:?}"),
        }
    }

    /// What the host says until `wanted` says so of the last.
    pub async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut said = Vec::new();
        loop {
            let message = self.next().await;
            assert!(wanted(&message) || message["type"] != "error", "{message}");
            said.push(message);
            if said.last().is_some_and(&wanted) {
                return said;
            }
        }
    }

    /// What the host says of a subscription until its end, which is the last.
    pub async fn until_end(&mut self, id: &str) -> Vec<Value> {
        self.until(|said| said["id"] == id && said["event"] == "end").await
    }

    /// Reads on until the host closes; returns what it said before, and the code of the close. It must
    /// not break off.
    pub async fn closed(mut self) -> (Vec<Value>, u16) {
        let mut said = Vec::new();
        loop {
            match self.message().await {
                Message::Text(text) => said.push(serde_json::from_str(&text).expect("JSON in a message")),
                Message::Close(frame) => {
                    let code = frame.expect("a close with its reason").code.into();
                    // The close is answered, and then the connection ends in order.
                    while let Some(rest) = self.0.next().await {
                        rest.expect("no reset");
                    }
                    return (said, code);
                }
                other => panic!("neither text nor a close: {other:?}"),
            }
        }
    }

    /// Reads until the host has closed as well, in order.
    pub async fn gone(mut self) {
        while let Some(rest) = tokio::time::timeout(SILENCE_MAX, self.0.next()).await.expect("an answer to a close") {
            rest.expect("no reset");
        }
    }

    async fn message(&mut self) -> Message {
        let until = tokio::time::Instant::now() + SILENCE_MAX;
        loop {
            let message = tokio::time::timeout_at(until, self.0.next()).await.expect("a message in time");
            match message.expect("a close before the end").expect("no reset") {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }
}

/// The id of a task that is asked for by a socket of its own; none if the host does not say that it has it.
pub async fn run(client: &Client, task: &Value) -> Option<String> {
    let address = client.url.strip_prefix("http://")?;
    let mut request = format!("ws://{address}/api/v1/ws").into_client_request().ok()?;
    let token = format!("Bearer {}", client.token.as_deref()?).parse().ok()?;
    request.headers_mut().insert("authorization", token);
    let stream = TcpStream::connect(address).await.ok()?;
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await.ok()?;
    let asks = json!({ "type": "run", "id": "task", "task": task }).to_string();
    socket.send(Message::Text(asks.into())).await.ok()?;
    while let Some(Ok(Message::Text(text))) = socket.next().await {
        let said: Value = serde_json::from_str(&text).ok()?;
        if said["type"] == "error" {
            return None;
        }
        if let Some(id) = said["data"]["id"].as_str() {
            return Some(id.to_owned());
        }
    }
    None
}
