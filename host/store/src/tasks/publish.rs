//! Events that agents publish: each in the commit of the call's row.
//!
//! Who sent an event, where it comes from and what led to it follow from the task that publishes it, whose
//! row is read in the same transaction; its agent says nothing of that. Where it gives the event no id, that
//! is task, attempt and number of the call.

use std::time::Duration;

use troupe_core::{EventDraft, Result};

use super::{Pin, commit};
use crate::Store;
use crate::events::{self, EventRow, NewEventRow, Publication};
use crate::fault::Done;
use crate::journal::{self, JournalRow, Kept, pack};
use crate::writer::Tx;

/// An event that an agent publishes, as part of its invocation's commit.
#[derive(Debug, Clone)]
pub struct PublishCommit {
    /// The event.
    pub draft: EventDraft,
    /// For how long it is put off.
    pub delay: Duration,
    /// Makes the journalled answer of its position.
    pub encode: fn(u64) -> Vec<u8>,
}

impl Store {
    /// Accepts an event that the agent of a running invocation publishes, and routes it if its time has come,
    /// with rows of the invocation's journal and the row of the call. The same event of the same agent under
    /// the same id is kept once, and its row is none of a write then.
    ///
    /// # Errors
    /// As [`Store::commit`]; [`LimitEvents`](troupe_core::Code::LimitEvents); [`LimitDescendants`](troupe_core::Code::LimitDescendants);
    /// [`ConflictIdempotency`](troupe_core::Code::ConflictIdempotency). Nothing is written on any of them.
    pub async fn commit_publish(
        &self,
        pin: &Pin,
        journal: Vec<JournalRow>,
        publish: PublishCommit,
        row: JournalRow,
    ) -> Result<Publication> {
        let pin = pin.clone();
        let number = row.number;
        let (journal, row) = (journal::packed(journal).await?, super::children::one(row).await?);
        self.persist(move |tx| Box::pin(run(tx, pin, journal, publish, (number, row)))).await
    }
}

async fn run(
    tx: &mut Tx,
    pin: Pin,
    mut journal: Vec<Kept>,
    publish: PublishCommit,
    (number, mut row): (u64, Kept),
) -> Done<Publication> {
    commit::check(tx, &pin).await?;
    let (sender, source) = match pin.instance {
        None => (format!("agent/{}", pin.agent), format!("/agents/{}", pin.agent)),
        Some(id) => (format!("agent/{}/{id}", pin.agent), format!("/agents/{}/instances/{id}", pin.agent)),
    };
    let PublishCommit { draft, delay, encode } = publish;
    let new = NewEventRow {
        draft,
        sender,
        source,
        id: format!("{}-{}-{}", pin.task, pin.attempt, number),
        is_drawn: false,
        due_at: (!delay.is_zero()).then(|| tx.now.plus(delay)),
        caused_by: Some(pin.task),
    };
    let published = events::publish(tx, &pin.tenant, new).await?;
    let (Publication::New(event) | Publication::Existing(event)) = &published;
    let EventRow { position, .. } = **event;
    row.answer = Some(pack(encode(position)));
    row.write = matches!(published, Publication::New(_));
    journal.push(row);
    journal::append(tx, &pin.tenant, pin.task, pin.attempt, &journal).await?;
    Ok(published)
}
