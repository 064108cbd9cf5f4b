//! `wasi:http` without a gate: a request goes to the same client that ours end up at, and its
//! answer comes through as it is; or a stub in this process answers it.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use troupe_egress::{AddressPolicy, Authority, Body, Client, ClientConfig, Exemption, Limits, Request, SendOptions};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

type Work = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Answered = Result<(http::Response<WasiBody>, Work), Error>;

/// The hook. Clones share connections.
#[derive(Clone)]
pub enum Through {
    /// To the service that a request names.
    Client(Arc<Client>),
    /// Nowhere: every request gets this answer.
    Stub(Bytes),
}

impl Default for Through {
    fn default() -> Self {
        Self::Client(Arc::new(Client::new(ClientConfig::default())))
    }
}

impl WasiHttpHooks for Through {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        _options: Option<RequestOptions>,
        _response_error: Work,
    ) -> Box<dyn Future<Output = Answered> + Send> {
        let client = match self {
            Self::Client(client) => Arc::clone(client),
            Self::Stub(answer) => return Box::new(std::future::ready(stubbed(answer.clone()))),
        };
        Box::new(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let Authority { host, port, .. } = Authority::of(&head.uri).map_err(told)?;
            let request = Request { method: head.method, uri: head.uri, headers: head.headers, body };
            let policy = AddressPolicy::default().with(Exemption::Granted { host, port });
            let options = SendOptions { partition: Arc::from("bench"), policy, limits: Limits::default() };
            let answer = client.send(request, &options).await.map_err(told)?;
            let mut response = http::Response::new(through(answer.body));
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.headers;
            let work: Work = Box::new(std::future::ready(Ok(())));
            Ok((response, work))
        })
    }
}

fn stubbed(answer: Bytes) -> Answered {
    let mut response = http::Response::new(Full::new(answer).map_err(|never| match never {}).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    let work: Work = Box::new(std::future::ready(Ok(())));
    Ok((response, work))
}

/// A body, as it comes.
fn through(body: Body) -> WasiBody {
    let pieces = stream::unfold(body, async |mut body| {
        let piece = body.next().await?;
        Some((piece.map(Frame::data).map_err(told), body))
    });
    StreamBody::new(Box::pin(pieces)).boxed_unsync()
}

fn told(error: troupe_core::Error) -> Error {
    Error::InternalError(Some(error.message))
}
