//! The gate: the one place that every capability call passes.
//!
//! The attack: a guest, or somebody who steers it by its input, asks for what its
//! operator did not grant, or asks for so much that others suffer, or acts and then
//! denies it. The rule: each call is authorised against the grants in force, metered,
//! performed and recorded here, in this order, whichever capability it belongs to. The
//! default: what no grant names is denied, and the guest is told so as an answer, not
//! by a trap, so that it can go on without.
//!
//! A capability is performed only with a permit, and only `authorize` of its file makes
//! one, so a forgotten check does not compile.
//!
//! Rows of reads wait and ride along with the next commit; a write commits its row and
//! all that wait in the transaction of its effect. A write outside our database commits
//! its row without an answer before it is sent, and the answer before the guest sees it.
//!
//! What a capability is to the gate stands in its file alone: its calls and answers as
//! data, who may make them, which arguments are acceptable, and what performing one means,
//! as a [`Deed`]. Here each has one arm of [`Gate::pass`].
//!
//! HTTP calls are under way while the guest goes on (`under_way.rs`), so the gate is shared with their
//! tasks. What goes wrong in one of them and must end the invocation is kept, and the
//! guest's next call to the host ends it.

mod agents;
mod approvals;
mod artifacts;
mod budget;
mod call;
mod cancelled;
mod decisions;
mod deed;
mod events;
mod explain;
mod files;
mod finish;
mod http;
mod http_call;
mod live;
mod lock_waits;
mod locks;
mod matched;
mod matching;
mod options;
mod parts;
mod past;
mod recording;
mod redacted;
mod secrets;
mod state;
mod suspend;
mod under_way;
mod waiting;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use troupe_core::audit::AuditKind;
use troupe_core::{Clock, Code, Effect, Error, KeySpace, Result, Timestamp, limits};

pub use agents::{AgentsAnswer, AgentsCall};
pub use approvals::{ApprovalEnd, ApprovalsAnswer, ApprovalsCall};
pub use artifacts::{ArtifactsAnswer, ArtifactsCall, Writing};
pub use budget::Budgets;
pub use call::{Answer, Call, JournalRow};
pub use decisions::Decisions;
pub use events::{EventsAnswer, EventsCall};
pub use explain::{Grounds, Question};
pub use files::{Content, FileItem, FilePiece, FileStat, FilesAnswer, FilesCall};
pub use http::check_grants;
pub(crate) use http::{HttpAsk, HttpPermit, NO_CREDENTIAL, Terms};
pub(crate) use http_call::kept;
pub use http_call::{Header, HttpAnswer, HttpBody, HttpCall, HttpFailure, Way};
pub use live::LiveGrants;
pub use locks::{LocksAnswer, LocksCall};
pub(crate) use matching::Came;
pub use matching::{MadeCall, Matched, Matching, Record, RecordedCall, Source};
pub use parts::{Parts, PartsRequest};
pub(crate) use past::{Completion, PastWait};
pub(crate) use recording::{Past, diverged, ended};
pub use recording::{Recording, Then};
pub use redacted::{redacted_answer, redacted_call};
pub(crate) use secrets::{Place, PlacingPermit, References};
pub use secrets::{SecretsAnswer, SecretsCall};
pub use state::{Entry, StateAnswer, StateCall};
pub(crate) use under_way::Drawn;

use crate::artifacts::Artifacts;
use crate::clock::GuestClock;
use crate::directories::AgentDirectories;
use crate::port::Ledger;
use crate::stop::Stop;
use call::encode;
use decisions::decided;
use deed::{Change, Deed, Doing};
use waiting::Waiting;

/// The gate of one invocation. Clones are the same gate.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Inner>);

struct Inner {
    grants: LiveGrants,
    ceiling: Effect,
    ledger: tokio::sync::Mutex<Box<dyn Ledger>>,
    host_clock: Arc<dyn Clock>,
    guest_clock: GuestClock,
    references: References,
    waiting: Mutex<Waiting>,
    calls: AtomicU64,
    denied: AtomicU64,
    decisions: Mutex<Decisions>,
    /// Those that no row tells: the guest did not wait for the answer, or had its head already.
    unseen: Mutex<Decisions>,
    /// Bytes of the rows so far.
    journalled: AtomicU64,
    fatal: Mutex<Option<Error>>,
    closed: AtomicBool,
    /// Whether an answer was too long to keep.
    streamed: AtomicBool,
    directories: OnceLock<AgentDirectories>,
    artifacts: OnceLock<Artifacts>,
    left: Mutex<artifacts::Left>,
    /// Whether the invocation is for an instance, so that it has keys.
    has_instance: AtomicBool,
    /// The switch that ends the invocation.
    stop: OnceLock<Stop>,
    /// Whether the guest was told that its task was cancelled.
    told_cancelled: AtomicBool,
    recording: Option<Recording>,
}

impl Gate {
    pub(crate) fn new(
        grants: LiveGrants,
        ceiling: Effect,
        ledger: Box<dyn Ledger>,
        host_clock: Arc<dyn Clock>,
        guest_clock: GuestClock,
        references: References,
        recording: Option<Recording>,
    ) -> Self {
        // What was journalled before an interruption counts as well.
        let journalled = recording.as_ref().map_or(0, Recording::bytes_gone_on_from);
        let decisions = recording.as_ref().map(Recording::decisions).unwrap_or_default();
        Self(Arc::new(Inner {
            grants,
            ceiling,
            ledger: tokio::sync::Mutex::new(ledger),
            host_clock,
            guest_clock,
            references,
            waiting: Mutex::default(),
            calls: AtomicU64::new(0),
            denied: AtomicU64::new(0),
            decisions: Mutex::new(decisions),
            unseen: Mutex::default(),
            journalled: AtomicU64::new(journalled),
            fatal: Mutex::default(),
            closed: AtomicBool::new(false),
            streamed: AtomicBool::new(false),
            directories: OnceLock::new(),
            artifacts: OnceLock::new(),
            left: Mutex::default(),
            has_instance: AtomicBool::new(false),
            stop: OnceLock::new(),
            told_cancelled: AtomicBool::new(false),
            recording,
        }))
    }

    /// Gives the gate the directories of the agent, where the host has any.
    #[must_use]
    pub(crate) fn with_directories(self, directories: Option<AgentDirectories>) -> Self {
        if let Some(directories) = directories {
            // A gate is given them once, where it is made.
            let _ = self.0.directories.set(directories);
        }
        self
    }

    /// Says whether the invocation is for an instance of the agent.
    #[must_use]
    pub(crate) fn with_instance(self, has_instance: bool) -> Self {
        self.0.has_instance.store(has_instance, Ordering::Relaxed);
        self
    }

    /// Numbers and meters a host call of any kind.
    ///
    /// # Errors
    /// As [`Gate::check`].
    pub(crate) fn count(&self) -> Result<u64> {
        let number = self.tally();
        self.check()?;
        Ok(number)
    }

    /// Numbers a host call that cannot fail; the next one that can is told if there were
    /// too many, and so is the clock that watches the invocation.
    pub(crate) fn tally(&self) -> u64 {
        self.0.calls.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Checks that the invocation may go on.
    ///
    /// # Errors
    /// [`Code::LimitHostCalls`], [`Code::LimitJournal`], or what a call under way has met; the invocation ends
    /// with it.
    pub(crate) fn check(&self) -> Result<()> {
        if let Some(fatal) = self.0.fatal.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(fatal);
        }
        if self.0.calls.load(Ordering::Relaxed) > limits::HOST_CALLS_MAX {
            return Err(Error::new(
                Code::LimitHostCalls,
                format!("the agent made more than {} host calls in one invocation", limits::HOST_CALLS_MAX),
            ));
        }
        if self.0.journalled.load(Ordering::Relaxed) > limits::JOURNAL_BYTES_MAX {
            let most = limits::bytes(limits::JOURNAL_BYTES_MAX);
            let message = format!("the agent's calls fill more than {most} of journal in one invocation");
            return Err(Error::new(Code::LimitJournal, message));
        }
        Ok(())
    }

    /// Lets the guest's clock move to now: something is delivered to it.
    fn deliver(&self) -> Timestamp {
        let now = self.now();
        self.0.guest_clock.deliver(now);
        now
    }

    /// The time as the host sees it.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.host_clock.now()
    }

    /// Passes one capability call: authorise, meter, perform, journal.
    ///
    /// # Errors
    /// Whatever ends the invocation: too many calls, or a store that cannot go on.
    pub(crate) async fn pass(&self, call: Call) -> Result<Answer> {
        let number = self.count()?;
        if let Some(answer) = self.answered_before(number, &call)? {
            self.0.references.given_before(&call, &answer);
            return Ok(answer);
        }
        self.relieve().await?;
        if let Some(answer) = self.refused_as_cancelled(number, &call) {
            return Ok(answer);
        }
        let (grants, ceiling) = (&self.0.grants, self.0.ceiling);
        let deed = match &call {
            Call::State(call) => state::authorize(&grants.now(), ceiling, KeySpace::Deployment, call)
                .and_then(|permit| permit.deed(self, call)),
            Call::InstanceState(call) => state::authorize(&grants.now(), ceiling, KeySpace::Instance, call)
                .and_then(|permit| permit.deed(self, call)),
            Call::Secrets(call) => secrets::authorize(&grants.now(), call).map(|permit| permit.deed(self)),
            Call::Files(call) => {
                files::authorize(&grants.now(), ceiling, call).and_then(|permit| permit.deed(self, call))
            }
            Call::Locks(call) => locks::authorize(&grants.now(), ceiling, call).map(|permit| permit.deed(number)),
            Call::Agents(call) => agents::authorize(&grants.now(), ceiling, call).map(|permit| permit.deed(self)),
            Call::Approvals(call) => approvals::authorize(&grants.now(), ceiling, call).map(|permit| permit.deed(self)),
            Call::Events(call) => events::authorize(&grants.now(), ceiling, call).map(events::Permit::deed),
            Call::Artifacts(call) => self.artifact_deed(call),
            // HTTP calls come by `Gate::authorize_http`, whose permit is another.
            Call::Http(_)
            | Call::HttpBegun
            | Call::Wait
            | Call::Cancelled
            | Call::Refused { .. }
            | Call::Redacted { .. } => {
                return Err(Error::internal("a call that does not come this way"));
            }
        };
        if let Some(matching) = self.matching() {
            return Ok(self.answer_matched(matching, number, &call, deed));
        }
        match deed {
            Ok(Deed::Known(answer)) => Ok(self.answered(number, &call, encode(&call), answer)),
            Ok(Deed::Read(reading)) => {
                let answer = reading.await?;
                Ok(self.answered(number, &call, encode(&call), answer))
            }
            Ok(Deed::Own(change)) => self.change(number, &call, change).await,
            Ok(Deed::Outside(doing)) => self.act(number, &call, doing).await,
            Err(refusal) => Ok(self.answered(number, &call, call.refused(), refusal)),
        }
    }

    /// Answers a call whose row waits for the next commit.
    fn answered(&self, number: u64, call: &Call, kept: Vec<u8>, answer: Answer) -> Answer {
        self.tell_decided(call, &answer);
        let row = JournalRow { number, at: self.deliver(), call: kept, answer: answer.encode(), write: false };
        self.meter(&row);
        self.waiting().push(row);
        answer
    }

    /// Notes a denial or a limit, if the answer of the call is one.
    fn tell_decided(&self, call: &Call, answer: &Answer) {
        // Most answers are none, and need not wait for the lock.
        if decided(answer).is_some() && self.decisions().answered(call, answer) == Some(AuditKind::Denied) {
            self.0.denied.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn decisions(&self) -> MutexGuard<'_, Decisions> {
        self.0.decisions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what no row will tell, since the guest did not wait for it.
    fn tell_unseen(&self, call: &Call, answer: &Answer) {
        self.unseen().answered(call, answer);
    }

    /// Notes that an answer was broken off while it streamed; its row holds the head alone.
    pub(crate) fn tell_broken_off(&self, url: &str, code: Code) {
        self.decisions().broken_off(url, code);
        self.unseen().broken_off(url, code);
    }

    fn unseen(&self) -> MutexGuard<'_, Decisions> {
        self.0.unseen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes our own database, in the transaction that keeps the call's row.
    async fn change(&self, number: u64, call: &Call, change: Change) -> Result<Answer> {
        let at = self.now();
        let row = JournalRow { number, at, call: encode(call), answer: Vec::new(), write: true };
        self.meter(&row);
        let gate = self.clone();
        let answer = to_its_end(async move {
            let mut ledger = gate.ledger().await?;
            let waiting = gate.take();
            let changed = match change {
                Change::State(change) => {
                    let space = change.space;
                    let written = ledger.write(waiting.clone(), row, change).await;
                    written.map(|outcome| Answer::of_change(space, &outcome))
                }
                Change::Lock(change) => {
                    ledger.lock(waiting.clone(), row, change).await.map(|outcome| Answer::of_lock(&outcome))
                }
                Change::Ask(ask) => {
                    let (agent, skill) = (ask.agent.clone(), ask.skill.clone());
                    let asked = ledger.ask(waiting.clone(), row, *ask).await;
                    asked.map(|outcome| Answer::of_ask(&outcome, agent.as_str(), skill.as_str()))
                }
                Change::Approval(ask) => {
                    let asked = ledger.ask_approval(waiting.clone(), row, *ask).await;
                    asked.map(|outcome| Answer::of_asked_approval(&outcome))
                }
                Change::Publish(publish) => {
                    let published = ledger.publish(waiting.clone(), row, *publish).await;
                    published.map(|outcome| Answer::of_publish(&outcome))
                }
                Change::Artifact(new) => {
                    let kept = ledger.artifact(waiting.clone(), row, *new).await;
                    kept.map(|outcome| Answer::of_artifact(&outcome))
                }
                Change::CancelChild(task) => {
                    ledger.cancel_child(waiting.clone(), row, task).await.map(Answer::of_child_cancel)
                }
            };
            if changed.is_err() {
                gate.waiting().put_back(waiting);
            }
            changed
        });
        let answer = answer.await?;
        self.0.guest_clock.deliver(at);
        self.tell_decided(call, &answer);
        Ok(answer)
    }

    /// Changes something outside that may be done twice, between the commits of its intent
    /// and of its result. The ledger is held all the while, so the invocation's end waits.
    async fn act(&self, number: u64, call: &Call, doing: Doing<'static>) -> Result<Answer> {
        let intent = JournalRow { number, at: self.now(), call: encode(call), answer: Vec::new(), write: true };
        self.meter(&intent);
        let (gate, call) = (self.clone(), call.clone());
        let acted = to_its_end(async move {
            let mut ledger = gate.ledger().await?;
            let waiting = gate.take();
            let rows = waiting.iter().cloned().chain([intent]).collect();
            if let Err(error) = ledger.record(rows).await {
                gate.waiting().put_back(waiting);
                return Err(error);
            }
            let answer = doing.await?;
            gate.tell_decided(&call, &answer);
            let at = gate.now();
            // What was refused has changed nothing.
            let write = !answer.is_refusal();
            let result = JournalRow { number, at, call: Vec::new(), answer: answer.encode(), write };
            gate.meter(&result);
            ledger.record(vec![result]).await?;
            Ok((answer, at))
        });
        let (answer, at) = acted.await?;
        self.0.guest_clock.deliver(at);
        Ok(answer)
    }

    /// Whether the invocation is for an instance of the agent.
    fn has_instance(&self) -> bool {
        self.0.has_instance.load(Ordering::Relaxed)
    }

    /// The directories of the agent, where the host has any.
    fn directories(&self) -> Option<&AgentDirectories> {
        self.0.directories.get()
    }

    fn meter(&self, row: &JournalRow) {
        self.0.journalled.fetch_add((row.call.len() + row.answer.len()) as u64, Ordering::Relaxed);
    }

    /// Commits what waits, if it is much.
    ///
    /// # Errors
    /// A store that cannot go on; the invocation ends with it.
    pub(crate) async fn relieve(&self) -> Result<()> {
        if self.waiting().bytes() <= limits::JOURNAL_WAITING_BYTES_MAX {
            return Ok(());
        }
        self.commit(None).await
    }

    /// Keeps what must end the invocation, for the guest's next call to the host.
    pub(crate) fn fail(&self, error: Error) {
        self.0.fatal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// Commits all rows that wait, and one more after them.
    async fn commit(&self, last: Option<JournalRow>) -> Result<()> {
        let gate = self.clone();
        let commit = to_its_end(async move {
            let mut ledger = gate.ledger().await?;
            let number = last.as_ref().map(|row| row.number);
            let waiting = gate.take();
            let rows: Vec<JournalRow> = waiting.iter().cloned().chain(last).collect();
            if rows.is_empty() {
                return Ok(());
            }
            if let Err(error) = ledger.record(rows).await {
                gate.waiting().put_back(waiting);
                return Err(error);
            }
            if let Some(number) = number {
                gate.waiting().committed(number);
            }
            Ok(())
        });
        commit.await
    }

    /// Takes the rows that wait for a commit.
    fn take(&self) -> Vec<JournalRow> {
        let mut rows = self.waiting().take();
        if let Some(recording) = &self.0.recording {
            recording.keep_new(&mut rows);
        }
        rows
    }

    /// The ledger, while the invocation lasts.
    async fn ledger(&self) -> Result<tokio::sync::MutexGuard<'_, Box<dyn Ledger>>> {
        let ledger = self.0.ledger.lock().await;
        if self.0.closed.load(Ordering::Relaxed) {
            return Err(Error::internal("the invocation has ended"));
        }
        Ok(ledger)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets a commit go on to its end even if whoever asked for it is gone, so that no row is
/// lost half way.
async fn to_its_end<T: Send + 'static>(commit: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    tokio::spawn(commit).await.map_err(Error::internal)?
}

/// The sentence of a call that reaches further than its skill.
fn above_ceiling(what: &str, effect: Effect, ceiling: Effect) -> String {
    format!("{what} is a call of class {effect}; the skill says of itself that it goes no further than {ceiling}")
}

#[cfg(test)]
#[path = "gate/tests.rs"]
mod tests;
