//! What the test host of one thread knows and remembers.

use std::cell::RefCell;

use serde_json::{Value, json};

use super::agents::Agents;
use super::approvals::Approvals;
use super::artifacts::Artifacts;
use super::events::Events;
use super::files::Files;
use super::http::Http;
use super::locks::Locks;
use super::secrets::Secrets;
use super::state::State;
use super::timers::Timers;
use crate::log::Level;
use crate::state::Space;
use crate::{CapabilityError, Problem};

/// One log record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// How much it matters.
    pub level: Level,
    /// The sentence.
    pub message: String,
    /// The fields, in the order they were written.
    pub fields: Vec<(String, String)>,
}

impl Record {
    /// Returns the value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

/// One progress report.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// How far, from 0 to 1, where it was known.
    pub fraction: Option<f64>,
    /// The line of text.
    pub message: String,
}

pub struct World {
    pub tenant: String,
    pub session: Option<String>,
    pub instance: Option<String>,
    pub user: Option<String>,
    pub trace: String,
    pub attempt: u32,
    pub deadline_ms: u64,
    pub configuration: Value,
    pub state: State,
    pub instance_state: State,
    pub files: Files,
    pub locks: Locks,
    pub agents: Agents,
    pub approvals: Approvals,
    pub artifacts: Artifacts,
    pub events: Events,
    pub cancelled: bool,
    pub records: Vec<Record>,
    pub reports: Vec<Report>,
    pub partials: Vec<Value>,
    pub http: Http,
    pub secrets: Secrets,
    pub timers: Timers,
    pub randomness: Randomness,
}

impl Default for World {
    fn default() -> Self {
        Self {
            tenant: "default".to_owned(),
            session: None,
            instance: None,
            user: None,
            trace: "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01".to_owned(),
            attempt: 1,
            // The first moment of the year 2100: no test waits that long.
            deadline_ms: 4_102_444_800_000,
            configuration: json!({}),
            state: State::default(),
            instance_state: State::default(),
            files: Files::default(),
            locks: Locks::default(),
            agents: Agents::default(),
            approvals: Approvals::default(),
            artifacts: Artifacts::default(),
            events: Events::default(),
            cancelled: false,
            records: Vec::new(),
            reports: Vec::new(),
            partials: Vec::new(),
            http: Http::default(),
            secrets: Secrets::default(),
            timers: Timers::default(),
            randomness: Randomness::default(),
        }
    }
}

impl World {
    /// The keys of a space, where the invocation has some.
    pub fn keys(&mut self, space: Space) -> Result<&mut State, CapabilityError> {
        match (space, &self.instance) {
            (Space::Deployment, _) => Ok(&mut self.state),
            (Space::Instance, Some(_)) => Ok(&mut self.instance_state),
            (Space::Instance, None) => {
                let message =
                    "the keys of an instance are meant, and this task is for none; ask for it with `instance`";
                Err(CapabilityError::Invalid(Problem::new(message)))
            }
        }
    }
}

/// The same numbers in every test: splitmix64 from zero.
#[derive(Default)]
pub struct Randomness(u64);

impl Randomness {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

/// Looks at the calling thread's world, or changes it. `look` must not come back here.
pub fn with<T>(look: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(look)
}
