//! `/api/v1/deployments/{agent}/rehearse`: a release, tried on what its agent was asked.
//!
//! It lasts as long as its client stays: whoever goes away ends it. Clients that say so
//! (`Accept: text/event-stream`) are told how far it is, as server-sent events (WHATWG
//! HTML, section 9.2); others get the report when it is there.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use futures::Stream;
use http::HeaderMap;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use troupe_core::view::{Problem, RehearsalProgress, RehearsalReport, RehearseRequest, StreamEndReason};
use troupe_core::{Code, Error, Kind, Result};
use troupe_runtime::Rehearsal;

use crate::Doors;
use crate::auth::Authenticated;
use crate::body::{Json, Path};
use crate::problem::{Answer, problem};
use crate::rest::streams;
use crate::told::Told;

/// Between two reports of how far it is.
const PAUSE: Duration = Duration::from_millis(100);

/// Tries a release on the newest recorded invocations of its agent, with no effect anywhere,
/// beside the release that serves, and reports what differs. With `Accept: text/event-stream` it
/// is told as events: `progress` while it goes on, then `report`, or `problem` if it fails, and
/// `end` with its `reason`: `done`; `host_stopping`; `refused` if the caller is let in no more.
/// It ends when the client goes away, and nothing of it is kept.
#[utoipa::path(post, path = "/api/v1/deployments/{agent}/rehearse", tag = "deployments", operation_id = "rehearse",
    params(("agent" = String, Path, description = "The agent's name")),
    request_body = RehearseRequest,
    responses((status = 200, body = RehearsalReport), (status = "default", body = Problem)))]
pub(crate) async fn rehearse(
    State(doors): State<Doors>,
    Authenticated(caller): Authenticated,
    Path(agent): Path<String>,
    headers: HeaderMap,
    Json(request): Json<RehearseRequest>,
) -> Answer<Response> {
    let rehearsal = doors.runtime.rehearsal(&caller, &agent, &request).await?;
    if streams::is_wanted(&headers) {
        return Ok(streams::answer(stream(rehearsal)));
    }
    let report = rehearsal.run(&watch::Sender::default()).await?;
    Ok(axum::Json(report).into_response())
}

/// A rehearsal under way; ended when it is dropped.
struct UnderWay {
    run: Pin<Box<dyn Future<Output = Result<RehearsalReport>> + Send>>,
    progress: watch::Receiver<RehearsalProgress>,
    next: Instant,
}

/// What is told next.
enum Next {
    Progress(Box<UnderWay>),
    End(StreamEndReason),
    Nothing,
}

fn stream(rehearsal: Rehearsal) -> impl Stream<Item = Told> {
    let (sender, progress) = watch::channel(RehearsalProgress::default());
    let run = Box::pin(async move { rehearsal.run(&sender).await });
    let under_way = Box::new(UnderWay { run, progress, next: Instant::now() });
    futures::stream::unfold(Next::Progress(under_way), |next| async move {
        match next {
            Next::Progress(mut under_way) => {
                let (event, end) = under_way.next().await;
                Some((event, end.map_or(Next::Progress(under_way), Next::End)))
            }
            // It cannot be gone on with, but begun anew.
            Next::End(reason) => Some((Told::end(reason, None), Next::Nothing)),
            Next::Nothing => None,
        }
    })
}

/// Why a rehearsal that failed tells no more.
fn why(error: &Error) -> StreamEndReason {
    match error.code.kind() {
        _ if error.code == Code::UnavailableHost => StreamEndReason::HostStopping,
        Kind::Unauthenticated | Kind::Denied => StreamEndReason::Refused,
        _ => StreamEndReason::Done,
    }
}

impl UnderWay {
    /// The next event, and why it is the last of the rehearsal, if it is.
    async fn next(&mut self) -> (Told, Option<StreamEndReason>) {
        let Self { run, progress, next } = self;
        let newest = async {
            sleep_until(*next).await;
            let changed = progress.changed().await;
            // Its end comes by the other way.
            if changed.is_err() {
                std::future::pending::<()>().await;
            }
            *progress.borrow_and_update()
        };
        let ended = tokio::select! {
            biased;
            ended = run => ended,
            newest = newest => {
                *next = Instant::now() + PAUSE;
                return (Told::new("progress", None, &newest), None);
            }
        };
        match ended {
            Ok(report) => (Told::new("report", None, &report), Some(StreamEndReason::Done)),
            Err(error) => (failed(&error), Some(why(&error))),
        }
    }
}

fn failed(error: &Error) -> Told {
    if let Some(cause) = error.cause_chain() {
        tracing::error!(code = %error.code, cause, "a rehearsal failed: {error}");
    }
    Told::new("problem", None, &problem(error))
}
