//! A client of gRPC, made from the host's own contract.

use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Request, Status, Streaming};
pub use troupe_api::grpc::proto;
use troupe_api::grpc::proto::agent_service_client::AgentServiceClient;

use crate::{Client, tls};

/// Longest that is waited for a message of a stream.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// A client of the service.
pub type Agents = AgentServiceClient<InterceptedService<Channel, Token>>;

/// Shows a token, if there is one.
#[derive(Debug, Clone)]
pub struct Token(Option<MetadataValue<Ascii>>);

impl Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// A connection of its own to the host of a client of REST.
pub async fn channel(client: &Client) -> Channel {
    Endpoint::from_shared(client.url.clone()).expect("an address").connect().await.expect("a connection")
}

/// The same over TLS, to a host whose certificate these sign for `localhost`; returns the protocol that
/// both sides chose, too.
///
/// # Errors
/// Whatever keeps the hands from being shaken.
pub async fn tls_channel(client: &Client, authorities: &str) -> Result<(Channel, Option<Vec<u8>>), String> {
    let stream = tls::stream(client, authorities, b"h2").await?;
    let chosen = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
    let mut stream = Some(TokioIo::new(stream));
    let connector = tower::service_fn(move |_: Uri| {
        let stream = stream.take().ok_or_else(|| std::io::Error::other("the connection is gone"));
        async { stream }
    });
    let port = tls::port(client);
    let endpoint = Endpoint::from_shared(format!("http://localhost:{port}")).expect("an address");
    let channel = endpoint.connect_with_connector(connector).await.map_err(|error| error.to_string())?;
    Ok((channel, chosen))
}

/// A client that shows the token of a client of REST.
pub async fn agents(client: &Client) -> Agents {
    over(channel(client).await, client)
}

/// The same over a connection that is there.
pub fn over(channel: Channel, client: &Client) -> Agents {
    let token = client.token.as_ref().map(|token| format!("Bearer {token}").parse().expect("a header"));
    AgentServiceClient::with_interceptor(channel, Token(token))
}

/// A client that leaves deadlines to the host.
pub fn untimed(client: &Client) -> AgentServiceClient<InterceptedService<Bare, Token>> {
    let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let token = client.token.as_ref().map(|token| format!("Bearer {token}").parse().expect("a header"));
    let origin: Uri = client.url.parse().expect("an address");
    AgentServiceClient::with_origin(InterceptedService::new(http, Token(token)), origin)
}

/// A connection of HTTP/2 with nothing of gRPC in it.
pub type Bare = hyper_util::client::legacy::Client<HttpConnector, tonic::body::Body>;

/// A request for a skill.
pub fn run(agent: &str, skill: &str, input: &serde_json::Value) -> proto::RunTaskRequest {
    let (agent, skill) = (agent.to_owned(), skill.to_owned());
    proto::RunTaskRequest { agent, skill, input_json: input.to_string(), ..Default::default() }
}

/// Something that is said.
pub fn saying(text: &str, to: Option<&str>) -> Option<proto::Saying> {
    Some(proto::Saying { text: text.to_owned(), to: to.map(str::to_owned), ..Default::default() })
}

/// What an error says of itself beside its status.
pub fn code(status: &Status) -> &str {
    status.metadata().get("troupe-code").map_or("", |code| code.to_str().expect("text"))
}

/// What a stream says next, or the status with which it ends.
///
/// # Errors
/// The status.
pub async fn next<T>(stream: &mut Streaming<T>) -> Result<Option<T>, Status> {
    tokio::time::timeout(SILENCE_MAX, stream.message()).await.expect("a message in time")
}

/// All that a stream says, and the status with which it ends if that is not OK.
pub async fn all<T>(stream: &mut Streaming<T>) -> (Vec<T>, Option<Status>) {
    let mut said = Vec::new();
    loop {
        match next(stream).await {
            Ok(Some(message)) => said.push(message),
            Ok(None) => return (said, None),
            Err(status) => return (said, Some(status)),
        }
    }
}
