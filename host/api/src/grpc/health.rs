//! `grpc.health.v1.Health`: whether the host takes work, for whoever balances load. Needs no token.
//!
//! *The attack:* without a token a client watches again and again, and each watch is held. *The rule:* so
//! many watch at once, and the next is told to come again.

use std::pin::Pin;

use futures::{Stream, stream};
use tokio::sync::{Semaphore, SemaphorePermit};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use troupe_core::{Code, Error, limits};

use super::proto::agent_service_server::SERVICE_NAME;
use super::status;
use crate::Doors;

/// Places for those who watch.
static WATCHES: Semaphore = Semaphore::const_new(limits::HEALTH_WATCHES_MAX);

/// The service.
pub(super) fn service(doors: &Doors) -> HealthServer<impl Health + use<>> {
    HealthServer::new(Ready(doors.clone()))
}

/// Whether a host takes work.
#[derive(Debug, Clone)]
struct Ready(Doors);

impl Ready {
    fn status(&self) -> ServingStatus {
        match self.0.runtime.ready() {
            Ok(()) => ServingStatus::Serving,
            Err(_) => ServingStatus::NotServing,
        }
    }
}

/// Whether there is a service of this name; without one the host as a whole is meant.
fn is_known(service: &str) -> bool {
    service.is_empty() || service == SERVICE_NAME
}

fn says(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl Health for Ready {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        if is_known(&request.get_ref().service) {
            return Ok(Response::new(says(self.status())));
        }
        let message = "there is no service of this name; leave it out, or name `troupe.v1.AgentService`";
        Err(Status::not_found(message))
    }

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let place = WATCHES.try_acquire().map_err(|_| {
            let message = "as many watch the health of the host as it has room for; ask with `Check`, or come again";
            status::of(&Error::new(Code::LimitConcurrency, message))
        })?;
        if !is_known(&request.get_ref().service) {
            // As the protocol has it: it may become known.
            let unknown = Ok(says(ServingStatus::ServiceUnknown));
            return Ok(Response::new(Box::pin(stream::iter([unknown]))));
        }
        let watch = Watch { ready: self.clone(), told: None, _place: place };
        Ok(Response::new(Box::pin(stream::unfold(Some(watch), next))))
    }
}

/// Somebody who watches.
struct Watch {
    ready: Ready,
    /// What was told last.
    told: Option<ServingStatus>,
    _place: SemaphorePermit<'static>,
}

/// What is told next: whatever has changed, and with it the end once the host stops.
async fn next(watch: Option<Watch>) -> Option<(Result<HealthCheckResponse, Status>, Option<Watch>)> {
    let mut watch = watch?;
    loop {
        let status = watch.ready.status();
        if watch.told != Some(status) {
            watch.told = Some(status);
            return Some((Ok(says(status)), Some(watch)));
        }
        if let Err(error) = watch.ready.0.runtime.require_ready()
            && error.code == Code::UnavailableHost
        {
            return Some((Err(status::of(&error)), None));
        }
        tokio::time::sleep(limits::HEALTH_LOOK_EVERY).await;
    }
}
