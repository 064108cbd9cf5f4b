//! gRPC, the door for programs: `troupe.v1.AgentService`, health and reflection.
//!
//! ```text
//!  client ──▸ guard: Host, Origin ──▸ door: HTTP/2, media type, token, `grpc-timeout`
//!                                       │
//!                                       ├─▸ AgentService: message → document → one entry of the runtime → message
//!                                       ├─▸ grpc.health.v1.Health               without a token
//!                                       └─▸ grpc.reflection.{v1,v1alpha}        without a token
//! ```
//!
//! The contract is `proto/troupe/v1/agent_service.proto`. Its messages are those documents of the REST API
//! that a program needs which calls agents, so that this door decides nothing by itself: the same
//! `Caller`, the same entries of the runtime, the same limits and codes. What its streams tell is what the
//! others tell (`told.rs`).

mod chat;
mod documents;
mod door;
mod health;
mod requests;
mod service;
mod status;
mod streams;

use axum::Router;
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use tower_http::catch_panic::CatchPanicLayer;
use troupe_core::{Error, limits};

use crate::{Doors, guard};
use proto::agent_service_server::{AgentServiceServer, SERVICE_NAME};

/// What is generated from the contract: its messages, the server's side and a client's.
#[allow(missing_docs, clippy::allow_attributes_without_reason, clippy::all, reason = "it is generated")]
pub mod proto {
    tonic::include_proto!("troupe.v1");
}

/// The contract, as reflection tells of it.
const DESCRIBED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/agent_service.bin"));

/// The path of the one call of the service whose requests come for as long as the client likes.
const CHAT: &str = "/troupe.v1.AgentService/Chat";

/// Whether a request is a call of gRPC, so that a refusal of it is a status.
pub(crate) fn is_call(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.to_ascii_lowercase();
    // What `application/grpc-web` is, this host does not speak.
    let rest = kind.strip_prefix("application/grpc");
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
}

/// The answer to a call that is refused.
pub(crate) fn refusal(error: &Error) -> Response {
    status::of(error).into_http::<axum::body::Body>()
}

/// The routes of the services, with what stands around each call of them.
///
/// # Errors
/// [`troupe_core::Code::Internal`] if the contract that was built in is none.
pub(crate) fn routes(doors: &Doors) -> troupe_core::Result<Router<Doors>> {
    let service = AgentServiceServer::new(service::Service::new(doors.clone()))
        .max_decoding_message_size(limits::REQUEST_BYTES_MAX)
        // What the host answers has limits of its own.
        .max_encoding_message_size(usize::MAX);
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIBED)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let v1 = reflection().build_v1().map_err(Error::internal)?;
    let v1alpha = reflection().build_v1alpha().map_err(Error::internal)?;
    let health = health::service(doors);
    let whole = |name: &str| format!("/{name}/{{*method}}");
    let bounded = Router::new()
        .route_service(&whole(SERVICE_NAME), service.clone())
        .route_service(&whole("grpc.reflection.v1.ServerReflection"), v1)
        .route_service(&whole("grpc.reflection.v1alpha.ServerReflection"), v1alpha)
        .route_service(&whole("grpc.health.v1.Health"), health);
    let routes = guard::in_time(bounded, limits::REQUEST_BODY_TIME_MAX).route_service(CHAT, service);
    Ok(caught(routes).layer(middleware::from_fn_with_state(doors.clone(), door::enter)))
}

/// Ends a call that panics with a status, and nothing beside it.
fn caught<S: Clone + Send + Sync + 'static>(routes: Router<S>) -> Router<S> {
    routes.layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
        refusal(&Error::internal("a call panicked")).into_response()
    }))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use axum::routing::post;
    use tower::ServiceExt as _;

    use super::*;

    #[tokio::test]
    async fn i132_a_call_that_panics_ends_with_a_status_and_nothing_beside_it() {
        let broken = || async { Vec::<&str>::new().pop().expect("a fault in the host") };
        let routes = caught(Router::new().route("/broken", post(broken)).route("/whole", post(|| async { "well" })));
        let ask = |path: &str| routes.clone().oneshot(Request::post(path).body(Body::empty()).unwrap());
        let (broken, whole) = tokio::join!(ask("/broken"), ask("/whole"));
        assert_eq!(whole.unwrap().status(), 200);
        let status = tonic::Status::from_header_map(broken.unwrap().headers()).unwrap();
        assert_eq!(status.code(), tonic::Code::Internal);
        assert_eq!(status.metadata().get("troupe-code").unwrap(), "internal");
        assert!(!status.message().contains("a fault in the host"), "{status}");
    }
}
