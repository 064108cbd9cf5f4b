//! What is measured of a run: for the metrics, and for whoever compares releases.

use std::time::Duration;

use troupe_core::view::{TaskStatus, TaskUsage};
use troupe_core::{Code, Timestamp};
use troupe_sandbox::Usage;
use troupe_store::{TaskEnd, TaskRow};

use super::run::Last;
use crate::swap::Observation;

/// An invocation that holds a store, as long as this lives.
pub(super) struct Running;

impl Running {
    pub(super) fn one() -> Self {
        metrics::gauge!("troupe_invocations_running").increment(1.0);
        Self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        metrics::gauge!("troupe_invocations_running").decrement(1.0);
    }
}

/// What the end of a call says of its release; nothing if the release had no part in it.
pub(super) fn observed(end: &TaskEnd, usage: &Usage, took: Duration) -> Option<Observation> {
    let failed = match end.status {
        TaskStatus::Completed => None,
        TaskStatus::Failed | TaskStatus::InDoubt => {
            let code = end.failure.as_ref().and_then(|failure| Code::parse(&failure.code))?;
            let is_of_the_host = matches!(code, Code::SwapDrained | Code::StaleEpoch | Code::Internal)
                || (code.as_str().starts_with("unavailable.") && code != Code::UnavailableUpstream);
            if is_of_the_host {
                return None;
            }
            Some(code)
        }
        _ => return None,
    };
    Some(Observation {
        failed,
        denied: usage.denied > 0,
        latency_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        memory_bytes: usage.memory_bytes_peak,
    })
}

/// What a run used, as its task counts it. Calls that were made before a suspension are among those of whoever
/// goes on; all else is the run's own.
pub(super) fn used(usage: &Usage, is_suspended: bool) -> TaskUsage {
    TaskUsage {
        memory_bytes: usage.memory_bytes_peak,
        compute_us: u64::try_from(usage.compute.as_micros()).unwrap_or(u64::MAX),
        calls: if is_suspended { 0 } else { usage.host_calls },
        sent_bytes: usage.http_bytes_sent,
        received_bytes: usage.http_bytes_received,
    }
}

/// Tells the metrics of a run.
pub(super) fn meter(row: &TaskRow, last: &Last, usage: Usage, now: Timestamp) {
    let agent = row.agent.to_string();
    match last {
        Last::End(end) => {
            let status = end.status.as_str();
            metrics::counter!("troupe_tasks_total", "agent" => agent.clone(), "status" => status).increment(1);
            let seconds = now.since(row.created_at).as_secs_f64();
            metrics::histogram!("troupe_task_seconds", "agent" => agent.clone()).record(seconds);
            // Those that were made before a suspension are among them.
            metrics::counter!("troupe_host_calls_total", "agent" => agent.clone()).increment(usage.host_calls);
        }
        Last::Retry(_) => {
            metrics::counter!("troupe_task_retries_total", "agent" => agent.clone()).increment(1);
            metrics::counter!("troupe_host_calls_total", "agent" => agent.clone()).increment(usage.host_calls);
        }
        Last::Suspension(_) => {
            metrics::counter!("troupe_suspensions_total", "agent" => agent.clone()).increment(1);
        }
    }
    metrics::counter!("troupe_denied_calls_total", "agent" => agent.clone()).increment(usage.denied);
    metrics::counter!("troupe_http_requests_total", "agent" => agent.clone()).increment(usage.http_requests);
    metrics::counter!("troupe_http_sent_bytes_total", "agent" => agent.clone()).increment(usage.http_bytes_sent);
    metrics::counter!("troupe_http_received_bytes_total", "agent" => agent.clone())
        .increment(usage.http_bytes_received);
    for (name, count) in [
        ("troupe_http_retries_total", usage.http_retries),
        ("troupe_http_redirects_total", usage.http_redirects),
        ("troupe_http_over_budget_total", usage.http_over_budget),
        ("troupe_http_left_alone_total", usage.http_left_alone),
    ] {
        metrics::counter!(name, "agent" => agent.clone()).increment(count);
    }
    metrics::counter!("troupe_secret_echoes_total", "agent" => agent).increment(usage.secret_echoes);
}
