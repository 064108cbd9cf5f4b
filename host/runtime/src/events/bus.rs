//! The bus: routes events when their time comes, and has deliveries handled.
//!
//! The store is the record and says when it is worth looking. One task of the runtime looks, tenant by
//! tenant, takes what goes first by rank, and has a task of the agent made of each: durable, with a lease,
//! retried and journalled like any other. No more than [`limits::EVENTS_PARALLEL_MAX`] of a tenant are
//! handled at once, so that those that wait do so here, where priority counts. Another carrier would tell
//! this loop that it is worth looking, and nothing else.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use troupe_core::view::{NewSubscription, NewTask, TaskFailure};
use troupe_core::{Caller, Code, Error, EventDraft, EventInput, Kind, Result, TenantId, Timestamp, limits};
use troupe_store::{Dispatched, EventRow, ReadyRow, Taker, ToDeliver};

use crate::Runtime;

/// Tenants that have no room for what is due, and until when that is not looked at again.
type Full = HashMap<TenantId, Timestamp>;

impl Runtime {
    /// Hands out events until the host stops.
    pub(crate) fn keep_events(&self) {
        let runtime = self.clone();
        tokio::spawn(async move {
            runtime.take_over_sending().await;
            let (mut moves, mut full) = (runtime.store.watch_events(), Full::new());
            while !runtime.is_stopping() {
                moves.borrow_and_update();
                let pause = runtime.hand_out(&mut full).await.unwrap_or_else(|error| {
                    tracing::warn!(cause = error.cause_chain(), "events were not looked at: {error}");
                    limits::LEASE_RENEWAL
                });
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    Ok(()) = moves.changed() => {}
                }
            }
        });
        let runtime = self.clone();
        tokio::spawn(async move {
            while !runtime.is_stopping() {
                if let Err(error) = runtime.forget_events().await {
                    tracing::warn!(cause = error.cause_chain(), "old events were not removed: {error}");
                }
                tokio::time::sleep(limits::EVENTS_SWEEP_EVERY).await;
            }
        });
    }

    /// Has what a host was sending when it died sent again. Where a database has one host, whoever had begun is
    /// gone; else it is when its lease is over.
    async fn take_over_sending(&self) {
        if self.store.is_shared() {
            return;
        }
        let all = self.clock.now().plus(limits::WEBHOOK_LEASE);
        loop {
            match self.store.end_leases_of_sending(all).await {
                Ok(0) => return,
                Ok(_) => {}
                // Then it is when its lease is over.
                Err(error) => {
                    let cause = error.cause_chain();
                    return tracing::warn!(cause, "what was being sent is not sent again yet: {error}");
                }
            }
        }
    }

    /// Routes and hands out what can be, and returns for how long nothing more will be, or until what has to
    /// wait is tried again.
    async fn hand_out(&self, full: &mut Full) -> Result<Duration> {
        let looked = self.clock.now();
        self.route_due(looked, full).await?;
        // What is begun here ends later than the longest pause.
        let leased = self.store.next_end_of_sending().await?;
        if leased.is_some_and(|leased| leased <= self.clock.now()) {
            self.store.end_leases_of_sending(self.clock.now()).await?;
        }
        for (rows, room) in self.first_in_rank().await? {
            self.handle(rows, room).await;
        }
        let now = self.clock.now();
        let next = [self.store.next_event(looked).await?, self.store.next_delivery(now).await?, leased];
        let next = next.into_iter().flatten().min();
        let left = next.map_or(limits::LEASE_RENEWAL, |next| next.since(self.clock.now()));
        Ok(left.clamp(limits::TICK, limits::LEASE_RENEWAL))
    }

    /// Routes what was put off and is due. Each is looked at once, and a tenant that has no room is left in peace for a
    /// while, so that nobody's stand in the way of others'.
    async fn route_due(&self, now: Timestamp, full: &mut Full) -> Result<()> {
        full.retain(|_, until| *until > now);
        let mut last = None;
        loop {
            let due = self.store.due_events(now, last.as_ref(), full.keys(), limits::EVENTS_AT_ONCE).await?;
            if due.is_empty() {
                return Ok(());
            }
            for event in due {
                let (tenant, position) = (&event.tenant, event.position);
                if full.contains_key(tenant) {
                    continue;
                }
                match self.store.route_event(tenant, position).await {
                    Ok(()) => {}
                    Err(error) if error.code.kind() == Kind::Unavailable => return Err(error),
                    Err(error) => {
                        let cause = error.cause_chain();
                        tracing::warn!(%tenant, position, cause, "an event whose time has come waits: {error}");
                        if error.code == Code::LimitEvents {
                            full.insert(tenant.clone(), now.plus(limits::LEASE_RENEWAL));
                        }
                    }
                }
                last = Some(event);
            }
        }
    }

    /// What is ready: of each tenant the first in rank of each subscription, and how many of them it may have
    /// handled now.
    async fn first_in_rank(&self) -> Result<Vec<(Vec<ReadyRow>, usize)>> {
        let now = self.clock.now();
        let mut after = (String::new(), String::new());
        let mut tenants: HashMap<TenantId, Vec<ReadyRow>> = HashMap::new();
        while let Some((at, rows)) = self.store.ready_deliveries(now, &after, limits::EVENTS_PARALLEL_MAX).await? {
            for row in rows {
                tenants.entry(row.tenant.clone()).or_default().push(row);
            }
            after = at;
        }
        let mut chosen = Vec::new();
        for (tenant, mut rows) in tenants {
            if self.disabled.check(&tenant).is_err() {
                continue;
            }
            let running = self.store.running_deliveries(&tenant).await?;
            let left = u64::from(limits::EVENTS_PARALLEL_MAX).saturating_sub(running);
            rows.sort_by_key(|row| (row.rank, row.place));
            chosen.push((rows, usize::try_from(left).unwrap_or(usize::MAX)));
        }
        Ok(chosen)
    }

    /// Has so many deliveries of one tenant handled, as many at a time as there is room for, so that they commit
    /// together. Those that have to wait, since their agent takes no work, leave their room to others.
    async fn handle(&self, rows: Vec<ReadyRow>, mut room: usize) {
        let mut rows = rows.into_iter().peekable();
        while room > 0 && rows.peek().is_some() {
            let mut at_once = JoinSet::new();
            for row in rows.by_ref().take(room) {
                let runtime = self.clone();
                at_once.spawn(async move {
                    runtime.deliver(&row).await.unwrap_or_else(|error| {
                        let (tenant, delivery, cause) = (&row.tenant, row.place, error.cause_chain());
                        tracing::debug!(%tenant, delivery, cause, "the delivery of an event waits: {error}");
                        false
                    })
                });
            }
            let made = at_once.join_all().await.into_iter().filter(|made| *made).count();
            room = room.saturating_sub(made);
        }
    }

    /// Has one delivery handled, by a task or by sending it; returns whether it is.
    ///
    /// # Errors
    /// What may pass: then it is still ready.
    async fn deliver(&self, row: &ReadyRow) -> Result<bool> {
        let Some(ToDeliver { event, taker, .. }) = self.store.to_deliver(&row.tenant, row.place).await? else {
            return Ok(false);
        };
        let to = match taker {
            Taker::Skill(to) => to,
            Taker::Webhook(webhook) => return self.send_event(row, event, webhook).await,
        };
        let agent = to.subscription.agent.clone();
        let caller = Caller::absent(&row.tenant, &to.principal);
        let room = self.queue.room(&(row.tenant.clone(), agent.clone()))?;
        let made = match self.task_asked(&caller, asked(event, to.subscription)).await {
            Err(error) if is_passing(&error) => return Err(error),
            made => made.map_err(|error| TaskFailure::from(&error)),
        };
        let dispatched = match self.store.dispatch(row, made).await {
            Err(error) if !is_passing(&error) => self.store.dispatch(row, Err(TaskFailure::from(&error))).await?,
            dispatched => dispatched?,
        };
        let outcome = match &dispatched {
            Dispatched::Made(task) => {
                self.push(task);
                "made"
            }
            Dispatched::Failed => "failed",
            Dispatched::Changed => "changed",
        };
        drop(room);
        metrics::counter!("troupe_event_deliveries_total", "agent" => agent.to_string(), "outcome" => outcome)
            .increment(1);
        Ok(matches!(dispatched, Dispatched::Made(_)))
    }

    /// Removes events that are kept no longer.
    async fn forget_events(&self) -> Result<()> {
        let kept = Duration::from_secs(limits::EVENT_DAYS_KEPT * 86_400);
        let kept_ms = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
        let before = Timestamp::from_millis(self.clock.now().as_millis().saturating_sub(kept_ms));
        for tenant in self.store.tenants_with_events().await? {
            while self.store.sweep_events(&tenant, before).await? >= u64::from(limits::EVENTS_AT_ONCE) {}
        }
        Ok(())
    }
}

/// Whether what keeps an event from being handled passes by itself, so that it is no try of it: the host has
/// no room, or takes no work of the agent for now.
fn is_passing(error: &Error) -> bool {
    error.retryable && error.code != Code::LimitEvents
}

/// The task that handles an event.
fn asked(event: EventRow, subscription: NewSubscription) -> NewTask {
    let NewSubscription { agent, skill, instance, input, timeout_ms, .. } = subscription;
    let input = match input {
        EventInput::Event => Value::Object(event.document),
        EventInput::Data => EventDraft::data(&event.document),
    };
    NewTask {
        instance: instance.map(|instance| instance.to_string()),
        timeout_ms,
        priority: event.priority.of_task(),
        ..NewTask::new(agent.to_string(), skill.to_string(), input)
    }
}
