//! Who opens a socket.

use axum::extract::FromRequestParts;
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use http::request::Parts;
use troupe_core::{Caller, Code, Error};

use crate::Doors;
use crate::auth::{self, Authenticated};
use crate::problem::Failed;

/// What a page puts before its token, among the subprotocols.
const BEARER: &str = "troupe.bearer.";

/// The caller of a socket, as an argument of a handler: by `Authorization`, else by a subprotocol.
pub(crate) struct SocketCaller(pub(crate) Caller);

impl FromRequestParts<Doors> for SocketCaller {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, doors: &Doors) -> Result<Self, Failed> {
        let offered = parts.headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
        let offered = offered.filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(',')).map(str::trim);
        let mut tokens = offered.filter_map(|protocol| protocol.strip_prefix(BEARER));
        let Some(token) = tokens.next().filter(|_| !parts.headers.contains_key(AUTHORIZATION)) else {
            return Authenticated::from_request_parts(parts, doors).await.map(|Authenticated(caller)| Self(caller));
        };
        if tokens.next().is_some() {
            return Err(Error::new(Code::AuthInvalid, "send one subprotocol `troupe.bearer.TOKEN`").into());
        }
        Ok(Self(auth::caller(doors, token).await?))
    }
}
