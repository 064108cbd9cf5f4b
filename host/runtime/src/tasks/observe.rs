//! What a running guest says, passed on to the log and to the watchers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::value::RawValue;
use troupe_core::view::Progress;
use troupe_core::{SwapId, TaskId, TenantId};
use troupe_sandbox::{LogLevel, LogRecord, Observer};
use troupe_store::SwapRow;

use super::watchers::{Said, Watchers};

/// Passes on what the guest of one task says.
#[derive(Debug)]
pub(crate) struct TaskObserver {
    task: TaskId,
    attempt: u32,
    agent: AgentObserver,
    watchers: Watchers,
    /// Whether anything was said that watchers keep.
    said: AtomicBool,
}

impl TaskObserver {
    /// For an attempt that begins, or goes on.
    pub(crate) const fn new(task: TaskId, attempt: u32, agent: AgentObserver, watchers: Watchers) -> Self {
        Self { task, attempt, agent, watchers, said: AtomicBool::new(false) }
    }

    fn said<T>(&self, number: u64, what: T) -> Said<T> {
        self.said.store(true, Ordering::Relaxed);
        Said { attempt: self.attempt, number, what }
    }
}

impl Drop for TaskObserver {
    fn drop(&mut self) {
        if self.said.load(Ordering::Relaxed) {
            self.watchers.over(self.task);
        }
    }
}

/// Passes on what a guest says to the log alone.
#[derive(Debug)]
pub(crate) struct AgentObserver {
    pub(super) tenant: TenantId,
    pub(super) agent: String,
    pub(super) task: Option<TaskId>,
    pub(super) swap: Option<SwapId>,
}

impl AgentObserver {
    /// For what runs for a swap.
    pub(crate) fn of_swap(swap: &SwapRow) -> Self {
        Self { tenant: swap.tenant.clone(), agent: swap.agent.to_string(), task: None, swap: Some(swap.id) }
    }
}

impl Observer for TaskObserver {
    fn log(&self, record: LogRecord) {
        self.agent.log(record);
    }

    fn progress(&self, number: u64, progress: Progress) {
        self.watchers.progress(self.task, self.said(number, progress));
    }

    fn partial(&self, number: u64, part: String) {
        if let Ok(part) = RawValue::from_string(part) {
            self.watchers.part(self.task, self.said(number, Arc::from(part)));
        }
    }
}

impl Observer for AgentObserver {
    fn log(&self, record: LogRecord) {
        let LogRecord { origin, level, message, fields, dropped, .. } = record;
        let by = origin.as_str();
        let dropped = (dropped > 0).then_some(dropped);
        let (tenant, agent) = (&self.tenant, &self.agent);
        let task = self.task.map(tracing::field::display);
        let swap = self.swap.map(tracing::field::display);
        let fields = serde_json::Value::Object(fields.into_iter().map(|(k, v)| (k, v.into())).collect()).to_string();
        macro_rules! emit {
            ($level:ident) => {
                tracing::event!(target: "agent", tracing::Level::$level, %tenant, task, swap, agent, by, dropped, fields, "{message}")
            };
        }
        match level {
            LogLevel::Trace => emit!(TRACE),
            LogLevel::Debug => emit!(DEBUG),
            LogLevel::Info => emit!(INFO),
            LogLevel::Warn => emit!(WARN),
            LogLevel::Error => emit!(ERROR),
        }
    }

    fn progress(&self, _: u64, _: Progress) {}

    fn partial(&self, _: u64, _: String) {}
}
