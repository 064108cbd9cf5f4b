//! The handle that a test holds.

use std::marker::PhantomData;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::Value;

use super::artifacts::Left;
use super::events::Published;
use super::http::{Address, Answer, Sent};
use super::world::{Record, Report, with};
use crate::CapabilityError;

/// The calling thread's test host.
#[derive(Debug)]
pub struct Host {
    /// It speaks of its own thread alone, so it stays there.
    here: PhantomData<*const ()>,
}

impl Host {
    /// Starts over: an empty state, nothing said, no HTTP, tenant `default`, attempt 1, no
    /// session, no instance, no user, the first moment of 2026, a deadline far away, and `{}` as
    /// configuration.
    pub fn start() -> Self {
        // The old world is dropped outside, since what it holds may look at the new one.
        drop(with(std::mem::take));
        Self { here: PhantomData }
    }

    /// Sets the tenant.
    #[must_use]
    pub fn tenant(self, tenant: &str) -> Self {
        with(|world| tenant.clone_into(&mut world.tenant));
        self
    }

    /// Sets the session.
    #[must_use]
    pub fn session(self, session: &str) -> Self {
        with(|world| world.session = Some(session.to_owned()));
        self
    }

    /// Sets the instance that the task is for, which has keys then.
    #[must_use]
    pub fn instance(self, instance: &str) -> Self {
        with(|world| world.instance = Some(instance.to_owned()));
        self
    }

    /// Sets the principal who asked.
    #[must_use]
    pub fn user(self, user: &str) -> Self {
        with(|world| world.user = Some(user.to_owned()));
        self
    }

    /// Sets the trace.
    #[must_use]
    pub fn trace(self, traceparent: &str) -> Self {
        with(|world| traceparent.clone_into(&mut world.trace));
        self
    }

    /// Sets which attempt this is.
    #[must_use]
    pub fn attempt(self, attempt: u32) -> Self {
        with(|world| world.attempt = attempt);
        self
    }

    /// Sets the deadline, in whole milliseconds since the Unix epoch.
    #[must_use]
    pub fn deadline(self, deadline: SystemTime) -> Self {
        let since = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
        with(|world| world.deadline_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Sets the configuration; a value that is not JSON becomes `null`.
    #[must_use]
    pub fn configuration(self, configuration: impl Serialize) -> Self {
        let configuration = serde_json::to_value(configuration).unwrap_or_default();
        with(|world| world.configuration = configuration);
        self
    }

    /// Stores a value before the agent runs.
    #[must_use]
    pub fn stored(self, key: &str, value: impl AsRef<[u8]>) -> Self {
        with(|world| world.state.write(key, value.as_ref(), None));
        self
    }

    /// Stores a value in the keys of the instance before the agent runs.
    #[must_use]
    pub fn stored_in_instance(self, key: &str, value: impl AsRef<[u8]>) -> Self {
        with(|world| world.instance_state.write(key, value.as_ref(), None));
        self
    }

    /// Lets another invocation write `key` just before the agent's next compare-and-set
    /// of it. Called more than once, the writes come one at a time, in this order.
    #[must_use]
    pub fn rival_write(self, key: &str, value: impl AsRef<[u8]>) -> Self {
        with(|world| world.state.rivals.push((key.to_owned(), value.as_ref().to_vec())));
        self
    }

    /// Has another agent hold a lock for a time, in place of whoever holds it: the agent, if it does,
    /// has lost it.
    #[must_use]
    pub fn rival_lock(self, name: &str, time: Duration) -> Self {
        with(|world| {
            let now = world.timers.now();
            world.locks.rival(name, now.checked_add(time).unwrap_or(now));
        });
        self
    }

    /// Makes every call of `locks` fail from here on.
    #[must_use]
    pub fn locks_fail(self, error: CapabilityError) -> Self {
        with(|world| world.locks.failure = Some(error));
        self
    }

    /// Says what another agent answers when it is asked for a skill; all others may not be asked.
    #[must_use]
    pub fn agent(
        self,
        agent: &str,
        skill: &str,
        answers: impl Fn(Value) -> Result<Value, crate::Failure> + 'static,
    ) -> Self {
        let of = (agent.to_owned(), skill.to_owned());
        with(|world| world.agents.skills.insert(of, std::rc::Rc::new(answers)));
        self
    }

    /// Returns what other agents were asked for, in order: the agent, the skill and its input.
    pub fn asked(&self) -> Vec<(String, String, Value)> {
        with(|world| world.agents.asked())
    }

    /// Says what somebody decides about the line and the action that the agent shows: who says yes, or why it is
    /// a no. Nobody may be asked otherwise.
    #[must_use]
    pub fn approves(self, decides: impl Fn(&str, &Value) -> Result<String, String> + 'static) -> Self {
        with(|world| world.approvals.decides = Some(std::rc::Rc::new(decides)));
        self
    }

    /// Returns what approval was asked of, in order: the line and the action.
    pub fn asked_to_approve(&self) -> Vec<(String, Value)> {
        with(|world| world.approvals.asked())
    }

    /// Returns what the agent published, in order; what came under the same id again is there once.
    pub fn published(&self) -> Vec<Published> {
        with(|world| world.events.published.clone())
    }

    /// Makes every call of `events` fail from here on.
    #[must_use]
    pub fn events_fail(self, error: CapabilityError) -> Self {
        with(|world| world.events.failure = Some(error));
        self
    }

    /// Returns an artefact that the agent has finished.
    pub fn artifact(&self, name: &str) -> Option<Left> {
        with(|world| world.artifacts.left.iter().find(|left| left.name == name).cloned())
    }

    /// Returns the artefacts that the agent has finished, in order.
    pub fn artifacts(&self) -> Vec<Left> {
        with(|world| world.artifacts.left.clone())
    }

    /// Makes every call of `artifacts` fail from here on.
    #[must_use]
    pub fn artifacts_fail(self, error: CapabilityError) -> Self {
        with(|world| world.artifacts.failure = Some(error));
        self
    }

    /// Has [`invocation::cancelled`](crate::invocation::cancelled) say that the task was cancelled.
    #[must_use]
    pub fn cancelled(self) -> Self {
        with(|world| world.cancelled = true);
        self
    }

    /// Returns whether the agent holds a lock.
    pub fn holds(&self, name: &str) -> bool {
        with(|world| {
            let now = world.timers.now();
            world.locks.holds(name, now)
        })
    }

    /// Makes every call of `state` fail from here on, on whosever keys.
    #[must_use]
    pub fn state_fails(self, error: CapabilityError) -> Self {
        with(|world| {
            world.instance_state.failure = Some(error.clone());
            world.state.failure = Some(error);
        });
        self
    }

    /// Grants a secret, of which the agent gets a reference. Without it, it gets none.
    #[must_use]
    pub fn secret(self, name: &str) -> Self {
        with(|world| world.secrets.names.insert(name.to_owned()));
        self
    }

    /// Puts a file into a directory before the agent runs.
    #[must_use]
    pub fn file(self, directory: &str, path: &str, bytes: impl AsRef<[u8]>) -> Self {
        with(|world| world.files.put(directory, path, bytes.as_ref(), world.timers.now()));
        self
    }

    /// Makes every call of `files` fail from here on.
    #[must_use]
    pub fn files_fail(self, error: CapabilityError) -> Self {
        with(|world| world.files.failure = Some(error));
        self
    }

    /// Sets the time.
    #[must_use]
    pub fn at(self, now: SystemTime) -> Self {
        with(|world| world.timers.set(now));
        self
    }

    /// Answers requests of a method to an address, each time. Scripts are asked in the
    /// order they were given; what none answers is denied.
    #[must_use]
    pub fn respond(self, method: &'static str, url: impl Address, answer: Answer) -> Self {
        self.respond_by(move |sent| (sent.method == method && url.covers(&sent.url)).then(|| answer.clone()))
    }

    /// As [`Self::respond`], but for one request alone.
    #[must_use]
    pub fn respond_once(self, method: &'static str, url: impl Address, answer: Answer) -> Self {
        let mut answer = Some(answer);
        self.respond_by(move |sent| (sent.method == method && url.covers(&sent.url)).then(|| answer.take()).flatten())
    }

    /// Answers requests by a script of the test's own, for which none is no answer.
    #[must_use]
    pub fn respond_by(self, script: impl FnMut(&Sent) -> Option<Answer> + 'static) -> Self {
        with(|world| world.http.scripts.push(Box::new(script)));
        self
    }

    /// Returns the requests that were sent, oldest first.
    pub fn sent(&self) -> Vec<Sent> {
        with(|world| world.http.sent.clone())
    }

    /// Returns how many requests were under way at once, at most.
    pub fn in_flight_most(&self) -> usize {
        with(|world| world.http.in_flight_most)
    }

    /// Returns what is stored under a key.
    pub fn value(&self, key: &str) -> Option<Vec<u8>> {
        with(|world| world.state.read(key, world.timers.now()).map(|entry| entry.value.clone()))
    }

    /// Returns what is stored under a key of the instance.
    pub fn value_in_instance(&self, key: &str) -> Option<Vec<u8>> {
        with(|world| world.instance_state.read(key, world.timers.now()).map(|entry| entry.value.clone()))
    }

    /// Returns what a file holds.
    pub fn content(&self, directory: &str, path: &str) -> Option<Vec<u8>> {
        with(|world| world.files.content(directory, path))
    }

    /// Returns the log records, oldest first.
    pub fn records(&self) -> Vec<Record> {
        with(|world| world.records.clone())
    }

    /// Returns the progress reports, oldest first.
    pub fn reports(&self) -> Vec<Report> {
        with(|world| world.reports.clone())
    }

    /// Returns the parts of the output that were handed out, in order.
    pub fn partials(&self) -> Vec<Value> {
        with(|world| world.partials.clone())
    }
}
