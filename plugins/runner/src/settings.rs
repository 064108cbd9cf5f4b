//! The agent's configuration: what may be asked for, and when somebody is asked first.

use troupe_sdk::prelude::*;

use crate::check::Check;
use crate::pattern::matches;

/// How much a step may change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    /// It looks.
    Read,
    /// It changes something.
    Write,
    /// It may destroy something.
    Destructive,
}

/// From which steps on somebody is asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AskFirst {
    /// Before each step.
    Always,
    /// Before steps that change something.
    Write,
    /// Before steps that may destroy something.
    #[default]
    Destructive,
    /// Nobody is asked.
    Never,
}

/// What may be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct May {
    /// Agent and skill, such as `billing/*`; `*` stands for any text.
    pub ask: String,
    /// How much that may change.
    #[serde(default = "most")]
    pub effect: Reach,
}

/// The agent's configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
pub struct Settings {
    /// From which steps on somebody is asked before they are done.
    #[serde(default)]
    pub approval: AskFirst,
    /// What plans and checks may ask for; the first line that fits counts, and what fits none is refused.
    #[serde(default)]
    pub may: Vec<May>,
    /// Checks that are run where a call brings none.
    #[serde(default)]
    pub checks: Vec<Check>,
}

fn most() -> Reach {
    Reach::Destructive
}

impl Settings {
    /// How much a skill of an agent may change, by these settings.
    ///
    /// # Errors
    ///
    /// [`Failure::Denied`] if it may not be asked for.
    pub fn reach(&self, agent: &str, skill: &str) -> Result<Reach, Failure> {
        let asked = format!("{agent}/{skill}");
        let line = self.may.iter().find(|line| matches(&line.ask, &asked));
        line.map(|line| line.effect).ok_or_else(|| {
            let allowed: Vec<String> = self.may.iter().map(|line| format!("`{}`", line.ask)).collect();
            let allowed = if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") };
            Failure::denied(format!(
                "`{asked}` is not among what may be asked for, which is {allowed}; whoever configures this agent adds it to `may`"
            ))
        })
    }

    /// Whether somebody is asked before what reaches so far.
    pub fn asks_before(&self, reach: Reach) -> bool {
        match self.approval {
            AskFirst::Always => true,
            AskFirst::Write => reach >= Reach::Write,
            AskFirst::Destructive => reach >= Reach::Destructive,
            AskFirst::Never => false,
        }
    }
}
