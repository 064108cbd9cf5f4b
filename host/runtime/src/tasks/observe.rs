//! What a running guest says, passed on to the log and to the watchers.

use std::sync::Arc;

use serde_json::value::RawValue;
use troupe_core::view::Progress;
use troupe_core::{TaskId, TenantId};
use troupe_sandbox::{LogLevel, LogRecord, Observer};

use super::watch::Watchers;

/// Passes on what the guest of one task says.
#[derive(Debug)]
pub(crate) struct TaskObserver {
    pub(crate) tenant: TenantId,
    pub(crate) task: TaskId,
    pub(crate) agent: String,
    pub(crate) watchers: Watchers,
}

impl Observer for TaskObserver {
    fn log(&self, record: LogRecord) {
        let LogRecord { origin, level, message, fields, dropped, .. } = record;
        let by = origin.as_str();
        let dropped = (dropped > 0).then_some(dropped);
        let (tenant, task, agent) = (&self.tenant, &self.task, &self.agent);
        let fields = serde_json::Value::Object(fields.into_iter().map(|(k, v)| (k, v.into())).collect()).to_string();
        macro_rules! emit {
            ($level:ident) => {
                tracing::event!(target: "agent", tracing::Level::$level, %tenant, %task, agent, by, dropped, fields, "{message}")
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

    fn progress(&self, progress: Progress) {
        self.watchers.progress(self.task, progress);
    }

    fn partial(&self, part: String) {
        if let Ok(part) = RawValue::from_string(part) {
            self.watchers.part(self.task, Arc::from(part));
        }
    }
}
