//! The calls: each reads its message, calls one entry of the runtime and answers what that returns.

use prost::Message as _;
use tonic::{Request, Response, Status, Streaming};
use troupe_core::view::{NewInstance, RanOn};
use troupe_core::{Caller, Code, Error, limits};
use troupe_runtime::AgentQuery;

use super::streams::{self, Sent};
use super::{chat, proto, requests, status};
use crate::{Doors, told};

/// What a call answers.
type Answer<T> = Result<Response<T>, Status>;

/// The service.
#[derive(Debug, Clone)]
pub(super) struct Service {
    doors: Doors,
}

impl Service {
    pub(super) const fn new(doors: Doors) -> Self {
        Self { doors }
    }
}

/// What the door has put beside a request, and what came in it.
fn asked<T>(request: Request<T>) -> Result<(Caller, T), Status> {
    let (_, mut extensions, message) = request.into_parts();
    // Nobody comes this far who was not let in.
    let caller = extensions.remove::<Caller>().ok_or_else(|| {
        let message = "send the metadata `authorization: Bearer TOKEN`";
        status::of(&Error::new(Code::AuthMissing, message))
    })?;
    Ok((caller, message))
}

/// An error on its way out.
fn failed(error: Error) -> Status {
    status::of(&error)
}

/// An answer that says on which release it was made.
fn made_on<T>(message: T, agent: &str, release: Option<&RanOn>) -> Response<T> {
    let mut response = Response::new(message);
    let release = release.map(|release| format!("{agent}@{}; digest={}", release.version, release.digest));
    if let Some(value) = release.and_then(|release| release.parse().ok()) {
        response.metadata_mut().insert("troupe-release", value);
    }
    response
}

#[tonic::async_trait]
impl proto::agent_service_server::AgentService for Service {
    type WatchTaskStream = Sent<proto::TaskEvent>;
    type SendMessageStream = Sent<proto::MessageEvent>;
    type ChatStream = Sent<proto::ChatEvent>;

    async fn list_agents(&self, request: Request<proto::ListAgentsRequest>) -> Answer<proto::ListAgentsResponse> {
        let (caller, proto::ListAgentsRequest { search, event, limit }) = asked(request)?;
        let agents = self.doors.runtime.agents(&caller, AgentQuery { search, event, limit }).await.map_err(failed)?;
        let agents = agents.into_iter().map(Into::into).collect();
        Ok(Response::new(proto::ListAgentsResponse { agents }))
    }

    async fn get_agent(&self, request: Request<proto::GetAgentRequest>) -> Answer<proto::Agent> {
        let (caller, which) = asked(request)?;
        let agent = self.doors.runtime.agent(&caller, &which.name).await.map_err(failed)?;
        Ok(Response::new(agent.into()))
    }

    async fn run_task(&self, request: Request<proto::RunTaskRequest>) -> Answer<proto::Task> {
        let (caller, task) = asked(request)?;
        let wait = requests::wait(task.wait_ms);
        let task = requests::task(task).map_err(failed)?;
        let task = self.doors.runtime.submit(&caller, task, wait).await.map_err(failed)?.task;
        let (agent, release) = (task.agent.clone(), task.release.clone());
        Ok(made_on(task.into(), &agent, release.as_ref()))
    }

    async fn get_task(&self, request: Request<proto::GetTaskRequest>) -> Answer<proto::Task> {
        let (caller, which) = asked(request)?;
        let id = which.task.parse().map_err(failed)?;
        let task = match requests::wait(which.wait_ms) {
            Some(wait) => self.doors.runtime.wait_for_task(&caller, id, wait).await,
            None => self.doors.runtime.task(&caller, id).await,
        };
        let task = task.map_err(failed)?;
        let (agent, release) = (task.agent.clone(), task.release.clone());
        Ok(made_on(task.into(), &agent, release.as_ref()))
    }

    async fn list_tasks(&self, request: Request<proto::ListTasksRequest>) -> Answer<proto::ListTasksResponse> {
        let (caller, which) = asked(request)?;
        let query = requests::tasks(which).map_err(failed)?;
        let page = self.doors.runtime.tasks(&caller, query).await.map_err(failed)?;
        let (mut tasks, mut next, mut bytes) = (Vec::<proto::Task>::new(), page.next, 0);
        for task in page.items {
            let task = proto::Task::from(task);
            bytes += task.encoded_len();
            if let Some(last) = tasks.last().filter(|_| bytes > limits::GRPC_PAGE_BYTES_MAX) {
                next = Some(last.id.clone());
                break;
            }
            tasks.push(task);
        }
        Ok(Response::new(proto::ListTasksResponse { tasks, next }))
    }

    async fn watch_task(&self, request: Request<proto::WatchTaskRequest>) -> Answer<Self::WatchTaskStream> {
        let (caller, which) = asked(request)?;
        let id = which.task.parse().map_err(failed)?;
        let resume = which.resume.as_deref().filter(|resume| !resume.is_empty());
        let events = self.doors.runtime.watch_task(&caller, id, resume).await.map_err(failed)?;
        Ok(Response::new(streams::sent(told::task(events), streams::of_task)))
    }

    async fn cancel_task(&self, request: Request<proto::CancelTaskRequest>) -> Answer<proto::Task> {
        let (caller, which) = asked(request)?;
        let id = which.task.parse().map_err(failed)?;
        let task = self.doors.runtime.cancel(&caller, id).await.map_err(failed)?;
        Ok(Response::new(task.into()))
    }

    async fn start_session(&self, request: Request<proto::StartSessionRequest>) -> Answer<proto::Session> {
        let (caller, new) = asked(request)?;
        let new = requests::session(&new).map_err(failed)?;
        let session = self.doors.runtime.start_session(&caller, new).await.map_err(failed)?;
        Ok(Response::new(session.into()))
    }

    async fn get_session(&self, request: Request<proto::GetSessionRequest>) -> Answer<proto::Session> {
        let (caller, which) = asked(request)?;
        let id = which.session.parse().map_err(failed)?;
        let session = self.doors.runtime.session(&caller, id).await.map_err(failed)?;
        Ok(Response::new(session.into()))
    }

    async fn end_session(&self, request: Request<proto::EndSessionRequest>) -> Answer<proto::Session> {
        let (caller, which) = asked(request)?;
        let id = which.session.parse().map_err(failed)?;
        let session = self.doors.runtime.end_session(&caller, id).await.map_err(failed)?;
        Ok(Response::new(session.into()))
    }

    async fn spawn_sub_agent(
        &self,
        request: Request<proto::SpawnSubAgentRequest>,
    ) -> Answer<proto::SpawnSubAgentResponse> {
        let (caller, new) = asked(request)?;
        let session = new.session.as_deref().map(str::parse).transpose().map_err(failed)?;
        let new: NewInstance = requests::instance(new).map_err(failed)?;
        let started = match session {
            Some(session) => self.doors.runtime.join_session(&caller, session, new).await,
            None => self.doors.runtime.start_instance(&caller, new).await,
        };
        let (instance, is_new) = started.map_err(failed)?;
        Ok(Response::new(proto::SpawnSubAgentResponse { instance: Some(instance.into()), is_new }))
    }

    async fn get_instance(&self, request: Request<proto::GetInstanceRequest>) -> Answer<proto::Instance> {
        let (caller, which) = asked(request)?;
        let id = which.instance.parse().map_err(failed)?;
        let instance = self.doors.runtime.instance(&caller, id).await.map_err(failed)?;
        Ok(Response::new(instance.into()))
    }

    async fn pause_instance(&self, request: Request<proto::PauseInstanceRequest>) -> Answer<proto::Instance> {
        let (caller, which) = asked(request)?;
        let id = which.instance.parse().map_err(failed)?;
        let instance = self.doors.runtime.pause_instance(&caller, id).await.map_err(failed)?;
        Ok(Response::new(instance.into()))
    }

    async fn resume_instance(&self, request: Request<proto::ResumeInstanceRequest>) -> Answer<proto::Instance> {
        let (caller, which) = asked(request)?;
        let id = which.instance.parse().map_err(failed)?;
        let instance = self.doors.runtime.resume_instance(&caller, id).await.map_err(failed)?;
        Ok(Response::new(instance.into()))
    }

    async fn restart_instance(&self, request: Request<proto::RestartInstanceRequest>) -> Answer<proto::Instance> {
        let (caller, which) = asked(request)?;
        let id = which.instance.parse().map_err(failed)?;
        let instance = self.doors.runtime.restart_instance(&caller, id).await.map_err(failed)?;
        Ok(Response::new(instance.into()))
    }

    async fn stop_instance(&self, request: Request<proto::StopInstanceRequest>) -> Answer<proto::Instance> {
        let (caller, which) = asked(request)?;
        let id = which.instance.parse().map_err(failed)?;
        let instance = self.doors.runtime.stop_instance(&caller, id).await.map_err(failed)?;
        Ok(Response::new(instance.into()))
    }

    async fn send_message(&self, request: Request<proto::SendMessageRequest>) -> Answer<Self::SendMessageStream> {
        let (caller, said) = asked(request)?;
        let session = said.session.parse().map_err(failed)?;
        let message = requests::message(said.saying).map_err(failed)?;
        let resume = said.resume.filter(|resume| !resume.is_empty());
        let events = self.doors.runtime.follow_message(&caller, session, message, resume).await.map_err(failed)?;
        Ok(Response::new(streams::sent(told::message(events), streams::of_message)))
    }

    async fn get_message(&self, request: Request<proto::GetMessageRequest>) -> Answer<proto::Message> {
        let (caller, which) = asked(request)?;
        let (session, wait) = (which.session.parse().map_err(failed)?, requests::wait(which.wait_ms));
        let message = self.doors.runtime.message(&caller, session, which.number, wait).await.map_err(failed)?;
        let (agent, release) = (message.agent.clone(), message.reply.as_ref().and_then(|reply| reply.release.clone()));
        Ok(made_on(message.into(), &agent, release.as_ref()))
    }

    async fn chat(&self, request: Request<Streaming<proto::ChatRequest>>) -> Answer<Self::ChatStream> {
        let (caller, said) = asked(request)?;
        chat::open(&self.doors, caller, said).await.map(Response::new).map_err(failed)
    }

    async fn get_suggestions(
        &self,
        request: Request<proto::GetSuggestionsRequest>,
    ) -> Answer<proto::GetSuggestionsResponse> {
        let (caller, which) = asked(request)?;
        let id = which.session.parse().map_err(failed)?;
        let suggestions = self.doors.runtime.suggestions(&caller, id).await.map_err(failed)?;
        let notes = suggestions.notes.into_iter().map(Into::into).collect();
        let suggestions = suggestions.items.into_iter().map(Into::into).collect();
        Ok(Response::new(proto::GetSuggestionsResponse { suggestions, notes }))
    }
}
