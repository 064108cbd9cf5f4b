//! An event on its way in, with what can be worked out of it before the writer has its turn.

use serde_json::{Map, Value, json};
use troupe_core::{EventDraft, EventPriority, TaskId, TenantId, Timestamp, Topic};

use super::NewEventRow;
use crate::rows;

/// An event to accept.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(super) tenant: TenantId,
    pub(super) sender: String,
    pub(super) source: String,
    pub(super) id: String,
    /// Whether nothing can have this id, since it was drawn for this event.
    pub(super) is_fresh: bool,
    pub(super) topic: Topic,
    pub(super) priority: EventPriority,
    pub(super) rest: Map<String, Value>,
    /// The fingerprint of what is published.
    pub(super) request: String,
    pub(super) due_at: Option<Timestamp>,
    pub(super) caused_by: Option<TaskId>,
}

impl Incoming {
    pub(super) fn of(tenant: &TenantId, new: NewEventRow) -> Self {
        let NewEventRow { draft, sender, source, id, is_drawn, due_at, caused_by } = new;
        let EventDraft { id: own_id, source: own_source, topic, priority, rest } = draft;
        Self {
            tenant: tenant.clone(),
            sender,
            source: own_source.unwrap_or(source),
            is_fresh: is_drawn && own_id.is_none(),
            id: own_id.unwrap_or(id),
            request: rows::fingerprint(json!([topic, priority, rest])),
            topic,
            priority,
            rest,
            due_at,
            caused_by,
        }
    }

    /// What tells it apart.
    pub(super) fn name(&self) -> [String; 4] {
        [self.tenant.to_string(), self.sender.clone(), self.source.clone(), self.id.clone()]
    }
}
