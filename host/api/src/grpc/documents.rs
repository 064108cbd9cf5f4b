//! The host's documents as messages: what REST prints as JSON.

use serde::Serialize;
use serde_json::{Map, Value};
use troupe_core::view::{
    AgentDetail, AgentSummary, ArtifactView, Durability, InstanceErrorView, InstanceFault, InstanceStatus,
    InstanceView, MessageState, MessageView, Missing, NewMessage, OwnSuggestion, RanOn, Reply, ReplyKind, Retry,
    SessionStatus, SessionView, SkillCandidate, SkillView, StreamEnd, StreamEndReason, Suggestion, SuggestionNote,
    TaskBudget, TaskFailure, TaskStatus, TaskUsage, TaskView,
};
use troupe_core::{Effect, Timestamp};

use super::proto;

/// A document as JSON text.
pub(super) fn json(document: &impl Serialize) -> String {
    serde_json::to_string(document).unwrap_or_default()
}

/// An object as JSON text; nothing if there is nothing in it.
fn object(document: &Map<String, Value>) -> String {
    if document.is_empty() { String::new() } else { json(document) }
}

fn time(at: Timestamp) -> prost_types::Timestamp {
    let ms = at.as_millis();
    let nanos = i32::try_from(ms.rem_euclid(1_000) * 1_000_000).unwrap_or_default();
    prost_types::Timestamp { seconds: ms.div_euclid(1_000), nanos }
}

fn effect(effect: Effect) -> i32 {
    let effect = match effect {
        Effect::Read => proto::Effect::Read,
        Effect::Write => proto::Effect::Write,
        Effect::Destructive => proto::Effect::Destructive,
    };
    effect.into()
}

/// The durability that a client asks for.
pub(super) const fn durability(durability: proto::Durability) -> Durability {
    match durability {
        proto::Durability::None => Durability::None,
        proto::Durability::Unspecified | proto::Durability::Full => Durability::Full,
    }
}

/// The status that a client names.
pub(super) const fn status_of(status: proto::TaskStatus) -> Option<TaskStatus> {
    Some(match status {
        proto::TaskStatus::Unspecified => return None,
        proto::TaskStatus::Pending => TaskStatus::Pending,
        proto::TaskStatus::AwaitingApproval => TaskStatus::AwaitingApproval,
        proto::TaskStatus::Running => TaskStatus::Running,
        proto::TaskStatus::Suspended => TaskStatus::Suspended,
        proto::TaskStatus::Completed => TaskStatus::Completed,
        proto::TaskStatus::Failed => TaskStatus::Failed,
        proto::TaskStatus::Cancelled => TaskStatus::Cancelled,
        proto::TaskStatus::InDoubt => TaskStatus::InDoubt,
    })
}

fn status(status: TaskStatus) -> i32 {
    let status = match status {
        TaskStatus::Pending => proto::TaskStatus::Pending,
        TaskStatus::AwaitingApproval => proto::TaskStatus::AwaitingApproval,
        TaskStatus::Running => proto::TaskStatus::Running,
        TaskStatus::Suspended => proto::TaskStatus::Suspended,
        TaskStatus::Completed => proto::TaskStatus::Completed,
        TaskStatus::Failed => proto::TaskStatus::Failed,
        TaskStatus::Cancelled => proto::TaskStatus::Cancelled,
        TaskStatus::InDoubt => proto::TaskStatus::InDoubt,
    };
    status.into()
}

impl From<AgentSummary> for proto::Agent {
    fn from(agent: AgentSummary) -> Self {
        Self {
            name: agent.name,
            summary: agent.summary,
            serving: agent.serving.map(|version| version.to_string()).unwrap_or_default(),
            newest: agent.newest.to_string(),
            skill_names: agent.skills,
            is_quarantined: agent.quarantine.is_some(),
            goals: Vec::new(),
            skills: Vec::new(),
        }
    }
}

impl From<AgentDetail> for proto::Agent {
    fn from(agent: AgentDetail) -> Self {
        let skills = agent.skill_details.into_iter().map(Into::into).collect();
        Self { goals: agent.goals, skills, ..agent.summary.into() }
    }
}

impl From<SkillView> for proto::Skill {
    fn from(skill: SkillView) -> Self {
        Self {
            name: skill.name,
            description: skill.description,
            effect: effect(skill.effect),
            input_schema_json: json(&skill.input),
            output_schema_json: json(&skill.output),
        }
    }
}

impl From<RanOn> for proto::Release {
    fn from(release: RanOn) -> Self {
        Self { version: release.version.to_string(), digest: release.digest.to_string(), epoch: release.epoch }
    }
}

impl From<TaskFailure> for proto::Failure {
    fn from(failure: TaskFailure) -> Self {
        Self {
            code: failure.code,
            message: failure.message,
            is_retryable: failure.retryable,
            details_json: object(&failure.details),
        }
    }
}

impl From<TaskView> for proto::Task {
    fn from(task: TaskView) -> Self {
        Self {
            id: task.id.to_string(),
            agent: task.agent,
            skill: task.skill,
            status: status(task.status),
            input_json: json(&task.input),
            output_json: task.output.as_ref().map(json),
            failure: task.failure.map(Into::into),
            release: task.release.map(Into::into),
            attempt: task.attempt,
            retries: task.retries,
            usage: Some(task.usage.into()),
            priority: task.priority,
            principal: task.principal,
            instance: task.instance.map(|id| id.to_string()),
            session: task.session.map(|id| id.to_string()),
            group: task.group.map(|member| member.group.to_string()),
            timeout_ms: task.timeout_ms,
            created_at: Some(time(task.created_at)),
            started_at: task.started_at.map(time),
            wake_at: task.wake_at.map(time),
            ended_at: task.ended_at.map(time),
            artifacts: task.artifacts.into_iter().map(Into::into).collect(),
            approval: task.approval.map(|id| id.to_string()),
            caused_by: task.caused_by.map(|id| id.to_string()),
            event: task.event,
            root: task.root.map(|id| id.to_string()),
            retry_of: task.retry_of.map(|id| id.to_string()),
            lifetime_ms: task.lifetime_ms,
            retry: task.retry.map(Into::into),
            budget: task.budget.map(Into::into),
        }
    }
}

impl From<ArtifactView> for proto::Artifact {
    fn from(artifact: ArtifactView) -> Self {
        Self {
            name: artifact.name.to_string(),
            media_type: artifact.media_type.to_string(),
            size: artifact.size,
            digest: artifact.digest.to_string(),
            created_at: Some(time(artifact.created_at)),
        }
    }
}

impl From<Retry> for proto::Retry {
    fn from(retry: Retry) -> Self {
        Self { tries: retry.tries, pause_ms: Some(retry.pause_ms), pause_max_ms: retry.pause_max_ms }
    }
}

impl From<TaskBudget> for proto::Budget {
    fn from(budget: TaskBudget) -> Self {
        let TaskBudget { tasks, compute_ms, sent_bytes, received_bytes } = budget;
        Self { tasks, compute_ms, sent_bytes, received_bytes }
    }
}

impl From<troupe_core::view::Progress> for proto::Progress {
    fn from(progress: troupe_core::view::Progress) -> Self {
        Self { fraction: progress.fraction, message: progress.message, skipped: progress.skipped }
    }
}

impl From<StreamEnd> for proto::End {
    fn from(end: StreamEnd) -> Self {
        let reason = match end.reason {
            StreamEndReason::Done => proto::EndReason::Done,
            StreamEndReason::HostStopping => proto::EndReason::HostStopping,
            StreamEndReason::Refused => proto::EndReason::Refused,
            StreamEndReason::Unavailable => proto::EndReason::Unavailable,
            StreamEndReason::Slow => proto::EndReason::Slow,
            _ => proto::EndReason::Unspecified,
        };
        Self { reason: reason.into(), resume: end.resume }
    }
}

impl From<SessionView> for proto::Session {
    fn from(session: SessionView) -> Self {
        let status = match session.status {
            SessionStatus::Open => proto::SessionStatus::Open,
            SessionStatus::Ended => proto::SessionStatus::Ended,
            SessionStatus::Expired => proto::SessionStatus::Expired,
        };
        Self {
            id: session.id.to_string(),
            status: status.into(),
            principal: session.principal,
            user_json: json(&session.user),
            context_json: json(&session.context),
            context_revision: session.context_revision,
            messages: session.messages,
            idle_ms: session.idle_ms,
            created_at: Some(time(session.created_at)),
            used_at: Some(time(session.used_at)),
            expires_at: Some(time(session.expires_at)),
            lives_until: Some(time(session.lives_until)),
            ended_at: session.ended_at.map(time),
        }
    }
}

impl From<InstanceView> for proto::Instance {
    fn from(instance: InstanceView) -> Self {
        let status = match instance.status {
            InstanceStatus::Starting => proto::InstanceStatus::Starting,
            InstanceStatus::Error => proto::InstanceStatus::Error,
            InstanceStatus::Idle => proto::InstanceStatus::Idle,
            InstanceStatus::Running => proto::InstanceStatus::Running,
            InstanceStatus::Paused => proto::InstanceStatus::Paused,
            InstanceStatus::Stopped => proto::InstanceStatus::Stopped,
        };
        Self {
            id: instance.id.to_string(),
            agent: instance.agent,
            name: instance.name.map(|name| name.to_string()),
            session: instance.session.map(|id| id.to_string()),
            status: status.into(),
            principal: instance.principal,
            created_at: Some(time(instance.created_at)),
            stopped_at: instance.stopped_at.map(time),
            paused_at: instance.paused_at.map(time),
            error: instance.error.map(Into::into),
            checked_at: instance.checked_at.map(time),
            restarts: instance.restarts,
        }
    }
}

impl From<InstanceErrorView> for proto::InstanceError {
    fn from(error: InstanceErrorView) -> Self {
        let by = match error.by {
            InstanceFault::Health => proto::InstanceFault::Health,
            InstanceFault::Traps => proto::InstanceFault::Traps,
        };
        Self {
            since: Some(time(error.since)),
            by: by.into(),
            code: error.code,
            message: error.message,
            restart_at: error.restart_at.map(time),
        }
    }
}

impl From<TaskUsage> for proto::TaskUsage {
    fn from(usage: TaskUsage) -> Self {
        let TaskUsage { memory_bytes, compute_us, calls, sent_bytes, received_bytes } = usage;
        Self { memory_bytes, compute_us, calls, sent_bytes, received_bytes }
    }
}

impl From<NewMessage> for proto::Saying {
    fn from(message: NewMessage) -> Self {
        Self {
            text: message.text,
            to: message.to,
            input_json: message.input.as_ref().map(json),
            confirm: message.confirm,
            idempotency_key: message.idempotency_key,
        }
    }
}

impl From<MessageView> for proto::Message {
    fn from(message: MessageView) -> Self {
        let state = match message.state {
            MessageState::Waiting => proto::MessageState::Waiting,
            MessageState::Running => proto::MessageState::Running,
            MessageState::Answered => proto::MessageState::Answered,
        };
        Self {
            session: message.session.to_string(),
            number: message.number,
            state: state.into(),
            saying: Some(message.message.into()),
            agent: message.agent,
            instance: message.instance.map(|id| id.to_string()),
            principal: message.principal,
            reading_json: message.reading.as_ref().map(json).unwrap_or_default(),
            task: message.task.map(|id| id.to_string()),
            reply: message.reply.map(Into::into),
            created_at: Some(time(message.created_at)),
            answered_at: message.answered_at.map(time),
        }
    }
}

impl From<Missing> for proto::Missing {
    fn from(missing: Missing) -> Self {
        let values_json = missing.values.iter().map(json).collect();
        Self { name: missing.name, description: missing.description, r#type: missing.kind, values_json }
    }
}

impl From<SkillCandidate> for proto::Candidate {
    fn from(candidate: SkillCandidate) -> Self {
        let SkillCandidate { skill, summary, effect: reach, score } = candidate;
        Self { skill, summary, effect: effect(reach), score }
    }
}

impl From<Reply> for proto::Reply {
    fn from(reply: Reply) -> Self {
        let kind = match reply.kind {
            ReplyKind::Result => proto::ReplyKind::Result,
            ReplyKind::Answer => proto::ReplyKind::Answer,
            ReplyKind::Asks => proto::ReplyKind::Asks,
            ReplyKind::Proposal => proto::ReplyKind::Proposal,
            ReplyKind::Candidates => proto::ReplyKind::Candidates,
            ReplyKind::Abilities => proto::ReplyKind::Abilities,
            ReplyKind::Failed => proto::ReplyKind::Failed,
        };
        Self {
            kind: kind.into(),
            text: reply.text,
            skill: reply.skill,
            input_json: reply.input.as_ref().map(json),
            missing: reply.missing.into_iter().map(Into::into).collect(),
            proposal: reply.proposal.map(|id| id.to_string()),
            effect: reply.effect.map(effect).unwrap_or_default(),
            candidates: reply.candidates.into_iter().map(Into::into).collect(),
            output_json: reply.output.as_ref().map(json),
            output_bytes: reply.output_bytes,
            failure: reply.failure.map(Into::into),
            release: reply.release.map(Into::into),
            suggestions: reply.suggestions.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<OwnSuggestion> for proto::OwnSuggestion {
    fn from(OwnSuggestion { text, why }: OwnSuggestion) -> Self {
        Self { text, why }
    }
}

impl From<SuggestionNote> for proto::SuggestionNote {
    fn from(SuggestionNote { agent, to, code, message }: SuggestionNote) -> Self {
        Self { agent, to, code, message }
    }
}

impl From<Suggestion> for proto::Suggestion {
    fn from(suggestion: Suggestion) -> Self {
        let Suggestion { text, agent, to, skill, confirm, why } = suggestion;
        Self { text, agent, to, skill, confirm, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_its_fraction_beside_its_seconds() {
        let at = time(Timestamp::from_millis(1_500));
        assert_eq!((at.seconds, at.nanos), (1, 500_000_000));
    }

    #[test]
    fn every_status_of_a_task_is_read_back() {
        for known in TaskStatus::ALL {
            let number = status(known);
            assert_eq!(status_of(proto::TaskStatus::try_from(number).unwrap()), Some(known));
        }
    }
}
