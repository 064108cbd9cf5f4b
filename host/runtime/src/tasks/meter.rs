//! What is measured of a run: for the metrics, and for whoever compares releases.

use std::time::Duration;

use metrics::{Counter, Histogram};
use troupe_core::view::{TaskStatus, TaskUsage};
use troupe_core::{AgentName, Code, Timestamp};
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

/// What a counter counts of a run.
type Counts = fn(&Usage) -> u64;

/// The counters of an agent, looked up once: there are many, and each run adds to most of them.
pub(crate) struct Meters {
    agent: String,
    completed: Counter,
    seconds: Histogram,
    retries: Counter,
    suspensions: Counter,
    host_calls: Counter,
    denied: Counter,
    http: [(Counts, Counter); 7],
    echoes: Counter,
}

impl Meters {
    pub(crate) fn of(agent: &AgentName) -> Self {
        let agent = agent.to_string();
        let counter = |name: &'static str| metrics::counter!(name, "agent" => agent.clone());
        let http: [(&'static str, Counts); 7] = [
            ("troupe_http_requests_total", |usage| usage.http_requests),
            ("troupe_http_sent_bytes_total", |usage| usage.http_bytes_sent),
            ("troupe_http_received_bytes_total", |usage| usage.http_bytes_received),
            ("troupe_http_retries_total", |usage| usage.http_retries),
            ("troupe_http_redirects_total", |usage| usage.http_redirects),
            ("troupe_http_over_budget_total", |usage| usage.http_over_budget),
            ("troupe_http_left_alone_total", |usage| usage.http_left_alone),
        ];
        Self {
            completed: tasks(&agent, TaskStatus::Completed),
            seconds: metrics::histogram!("troupe_task_seconds", "agent" => agent.clone()),
            retries: counter("troupe_task_retries_total"),
            suspensions: counter("troupe_suspensions_total"),
            host_calls: counter("troupe_host_calls_total"),
            denied: counter("troupe_denied_calls_total"),
            http: http.map(|(name, count)| (count, counter(name))),
            echoes: counter("troupe_secret_echoes_total"),
            agent,
        }
    }

    /// Tells the metrics of a run.
    pub(super) fn tell(&self, row: &TaskRow, last: &Last, usage: &Usage, now: Timestamp) {
        match last {
            Last::End(end) => {
                match end.status {
                    TaskStatus::Completed => self.completed.increment(1),
                    status => tasks(&self.agent, status).increment(1),
                }
                self.seconds.record(now.since(row.created_at).as_secs_f64());
                // Those that were made before a suspension are among them.
                self.host_calls.increment(usage.host_calls);
            }
            Last::Retry(_) => {
                self.retries.increment(1);
                self.host_calls.increment(usage.host_calls);
            }
            Last::Suspension(_) => self.suspensions.increment(1),
        }
        self.denied.increment(usage.denied);
        for (count, counter) in &self.http {
            counter.increment(count(usage));
        }
        self.echoes.increment(usage.secret_echoes);
    }
}

fn tasks(agent: &str, status: TaskStatus) -> Counter {
    metrics::counter!("troupe_tasks_total", "agent" => agent.to_owned(), "status" => status.as_str())
}
