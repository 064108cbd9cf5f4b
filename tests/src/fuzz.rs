//! Fuzz targets: what strangers write is read by them, and what must hold of it is checked.
//!
//! A target takes any bytes and says whether they were taken for what they should be; it panics where a promise
//! breaks. The same functions run twice: by `tests/suites/fuzz/`, for a few seconds each on every machine, and under
//! cargo-fuzz (`tests/fuzz/`) for as long as somebody likes.
//!
//! | target | reads | holds |
//! |---|---|---|
//! | `manifest` | `agent.toml` and its JSON | one text for one manifest; refusals that can be shown |
//! | `grants` | two keys and questions | never wider than either; explained as decided |
//! | `egress` | URLs, rules, addresses | one reading of what is accepted; what is dialled is of an allowed class |
//! | `aws` | requests to AWS | a name for certain, or none |
//! | `component` | components | a code, in bounded time |
//! | `journal` | rows of the database | what was written, or an error |
//! | `state` | keys and prefixes | each space by itself |

mod aws;
mod choices;
mod component;
mod egress;
mod grants;
mod journal;
mod manifest;
mod mutate;
mod state;

pub use choices::Choices;
pub use mutate::Mutator;

/// A fuzz target.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, that of its folder of seeds too.
    pub name: &'static str,
    /// Reads an input; says whether it was accepted, so that a run can tell that it comes as far as it should.
    pub run: fn(&[u8]) -> bool,
    /// Words that its inputs are made of.
    pub words: &'static [&'static str],
    /// Longest input, in bytes.
    pub longest: usize,
}

/// The targets.
pub const TARGETS: [Target; 7] = [
    Target { name: "manifest", run: manifest::manifest, words: manifest::WORDS, longest: 8 * 1024 },
    Target { name: "grants", run: grants::grants, words: &[], longest: 1024 },
    Target { name: "egress", run: egress::egress, words: egress::WORDS, longest: 1024 },
    Target { name: "aws", run: aws::aws, words: aws::WORDS, longest: 2 * 1024 },
    Target { name: "component", run: component::component, words: &[], longest: 64 * 1024 },
    Target { name: "journal", run: journal::journal, words: &[], longest: 64 * 1024 },
    Target { name: "state", run: state::state, words: &[], longest: 512 },
];

/// Runs a target by name, for whoever has the bytes from elsewhere.
///
/// # Panics
/// Where a promise breaks, and for a name that no target has.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target of this name");
    (target.run)(data);
}

/// Whether a text can be shown on a terminal as it is.
fn is_visible(text: &str) -> bool {
    !text.chars().any(char::is_control)
}
