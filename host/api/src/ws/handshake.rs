//! The opening handshake (RFC 6455, section 4.2), and the socket that comes of it.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::HeaderValue;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use troupe_core::{Code, Error, Result, limits};

/// The subprotocol that is spoken.
const PROTOCOL: &str = "troupe.v1";

/// An open socket.
pub(super) type Stream = WebSocketStream<TokioIo<Upgraded>>;

/// Agrees to a socket: the connection as it will be, and the answer.
///
/// # Errors
/// [`Code::RequestInvalid`] for a request that asks for none.
pub(super) fn agree(mut request: Request) -> Result<(OnUpgrade, Response)> {
    let mut answer = create_response_with_body(&request, Body::empty).map_err(|error| {
        let why =
            "this path speaks WebSocket (RFC 6455): ask for it with `Connection: upgrade` and `Upgrade: websocket`";
        Error::new(Code::RequestInvalid, why).with_cause(error)
    })?;
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL).iter();
    let mut offered = offered.filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(','));
    if offered.any(|protocol| protocol.trim() == PROTOCOL) {
        answer.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    }
    Ok((hyper::upgrade::on(&mut request), answer))
}

/// The socket on a connection that both sides have agreed about. A message, and each frame of one, is refused by
/// the length that it says it has, before anything of it is kept.
pub(super) async fn socket(connection: Upgraded) -> Stream {
    let config = WebSocketConfig::default()
        .max_message_size(Some(limits::SOCKET_MESSAGE_BYTES_MAX))
        .max_frame_size(Some(limits::SOCKET_MESSAGE_BYTES_MAX));
    WebSocketStream::from_raw_socket(TokioIo::new(connection), Role::Server, Some(config)).await
}
