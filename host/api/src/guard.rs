//! What stands around every route: the names this host answers to, bounds on size and
//! time, a request id, and a net under panics.
//!
//! The attack: a page in an operator's browser sends requests to the loopback address,
//! directly or through a name of its own that resolves there (DNS rebinding). The rule:
//! the `Host` must be a name of this host, and an `Origin`, if there is one, too; both
//! are checked before a body is read. Ports are not compared: a page that another program
//! of this machine serves comes this far, and lacks the token. A path that two programs could
//! read differently is refused (`guard/paths.rs`), and no answer does anything in a browser
//! (`guard/inert.rs`).

mod inert;
mod paths;

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::RequestBodyDeadlineLayer;
use troupe_core::{Code, Error, limits};

use crate::problem::Failed;
use crate::{Doors, beyond, grpc};

/// The id of a request, made here, sent back, and named in the log.
static REQUEST_ID: HeaderName = HeaderName::from_static("troupe-request");

tokio::task_local! {
    /// The id of the request that this task answers.
    static REQUEST: String;
}

/// The id of the request that is being answered.
pub(crate) fn request() -> Option<String> {
    REQUEST.try_with(Clone::clone).ok()
}

/// Answers a request further once its handler has returned.
pub(crate) async fn on_behalf_of<F: Future>(request: Option<String>, answer: F) -> F::Output {
    use tracing::Instrument as _;
    let id = request.unwrap_or_default();
    let span = tracing::info_span!("socket", id);
    REQUEST.scope(id, answer).instrument(span).await
}

/// Puts the guards around `routes`, outermost last.
pub(crate) fn around(routes: axum::Router<Doors>, grpc: axum::Router<Doors>, doors: &Doors) -> axum::Router<Doors> {
    let routes = routes
        .fallback(|headers: HeaderMap| async move {
            if grpc::is_call(&headers) {
                let message = "there is no such service; server reflection lists those there are";
                return grpc::refusal(&Error::new(Code::RouteNotFound, message));
            }
            let message = "there is nothing at this path; `/api/v1/openapi.json` lists what there is";
            Failed::from(Error::new(Code::RouteNotFound, message)).into_response()
        })
        .method_not_allowed_fallback(|| async {
            Failed::from(Error::new(
                Code::RouteMethod,
                "this path does not take this method; the header `allow` names those that it takes",
            ))
        });
    let routes = in_time(routes, limits::REQUEST_BODY_TIME_MAX)
        .merge(grpc)
        .layer(middleware::from_fn_with_state(doors.clone(), admitted));
    answered(routes)
}

/// Has each request answered by an id and with headers that do nothing in a browser, also where its handler
/// panics: that is a fault of this one request, and nobody beside it is disturbed.
fn answered<S: Clone + Send + Sync + 'static>(routes: axum::Router<S>) -> axum::Router<S> {
    routes
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            Failed::from(Error::internal("a handler panicked")).into_response()
        }))
        .layer(middleware::from_fn(request_id))
}

/// Bounds the time of each body as a whole: a byte now and then must not hold a connection.
pub(crate) fn in_time<S: Clone + Send + Sync + 'static>(routes: axum::Router<S>, time: Duration) -> axum::Router<S> {
    routes.layer(RequestBodyDeadlineLayer::new(time))
}

async fn request_id(request: Request, next: Next) -> Response {
    let id = uuid::Uuid::now_v7().to_string();
    let span = tracing::info_span!("request", id, method = %request.method(), path = request.uri().path());
    let mut response = {
        use tracing::Instrument as _;
        REQUEST.scope(id.clone(), next.run(request)).instrument(span).await
    };
    inert::inert(&mut response);
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID.clone(), id);
    }
    response
}

/// Has a request answered that names this host and has a path of one reading. One layer for all of it, since each
/// costs every request what it takes to pass it on.
async fn admitted(State(doors): State<Doors>, request: Request, next: Next) -> Response {
    match names(&doors, request.headers(), request.uri()).and_then(|()| paths::read_alike(&request)) {
        Ok(()) => beyond::around(doors, request, next).await,
        Err(error) if grpc::is_call(request.headers()) => grpc::refusal(&error),
        Err(error) => Failed::from(error).into_response(),
    }
}

/// Whether a request is sent to a name of this host, from nowhere else.
///
/// # Errors
/// [`Code::AuthOrigin`].
fn names(doors: &Doors, headers: &HeaderMap, address: &Uri) -> troupe_core::Result<()> {
    let refuse = |message: &str| Err(Error::new(Code::AuthOrigin, message));
    let mut hosts = headers.get_all(HOST).iter();
    // HTTP/2 has it in the address, HTTP/1.1 in a header; what comes in both is known in both.
    let in_address = address.host();
    let host = hosts.next().map(|host| host.to_str().unwrap_or_default());
    let known = |host: &str| is_ours(doors, host);
    let names = [host, in_address];
    let is_known = names.iter().any(Option::is_some) && names.into_iter().flatten().all(known);
    if hosts.next().is_some() || !is_known {
        return refuse("this host does not answer to the name in `Host`; start it with `--host-name` to add one");
    }
    let foreign = |origin: &HeaderValue| {
        let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
        !origin.is_some_and(|origin| origin.authority().is_some_and(|authority| known(authority.as_str())))
    };
    if headers.get_all(ORIGIN).iter().any(foreign) {
        return refuse("requests from pages of another origin are not taken");
    }
    Ok(())
}

/// Whether an authority, with or without a port, names this host.
fn is_ours(doors: &Doors, authority: &str) -> bool {
    let name = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let loopback = ["127.0.0.1", "::1", "localhost"];
    let mut names = loopback.into_iter().chain(doors.hosts.iter().map(String::as_str));
    names.any(|known| known.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::post;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;
    use crate::body;
    use crate::problem::Answer;

    async fn length(body: Body) -> Answer<String> {
        Ok(body::read(body, 1024).await?.len().to_string())
    }

    #[tokio::test]
    async fn i132_a_handler_that_panics_fails_its_own_request_alone() {
        let broken = || async { Vec::<&str>::new().pop().expect("a fault in the host") };
        let routes = axum::Router::new().route("/broken", post(broken)).route("/whole", post(|| async { "well" }));
        let routes = answered(routes);
        let ask = |path: &str| routes.clone().oneshot(Request::post(path).body(Body::empty()).unwrap());
        for _ in 0..3 {
            let (broken, whole) = tokio::join!(ask("/broken"), ask("/whole"));
            let (broken, whole) = (broken.unwrap(), whole.unwrap());
            assert_eq!((broken.status().as_u16(), whole.status().as_u16()), (500, 200));
            let id = broken.headers()["troupe-request"].clone();
            assert_eq!(broken.headers()["x-content-type-options"], "nosniff");
            let problem = broken.into_body().collect().await.unwrap().to_bytes();
            let problem: serde_json::Value = serde_json::from_slice(&problem).unwrap();
            assert_eq!((&problem["code"], &problem["retryable"]), (&"internal".into(), &false.into()), "{problem}");
            assert!(!problem.to_string().contains("a fault in the host"), "{problem}");
            assert!(!id.is_empty());
        }
    }

    #[tokio::test]
    async fn a_body_that_trickles_is_ended_as_a_whole() {
        let trickle = futures::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Some((Ok::<_, std::io::Error>("x"), ()))
        });
        let routes = in_time(axum::Router::new().route("/", post(length)), Duration::from_millis(200));
        let request = Request::post("/").body(Body::from_stream(trickle)).unwrap();
        let answer = routes.oneshot(request).await.unwrap();
        assert_eq!(answer.status(), http::StatusCode::PAYLOAD_TOO_LARGE);
        let problem = answer.into_body().collect().await.unwrap().to_bytes();
        let problem: serde_json::Value = serde_json::from_slice(&problem).unwrap();
        assert_eq!(problem["code"], "limit.request");
        assert_eq!(problem["detail"], "the body did not arrive within 60 s");
    }
}
