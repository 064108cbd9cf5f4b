//! Rules: data that says what is wrong, how bad it is, and what to do.

mod catalogue;
mod facts;
mod framework;

use serde::Deserialize;
use serde_json::{Map, Value};
use troupe_estate::{Framework, Severity};

pub use catalogue::{Catalogue, Problems, expand};
pub use facts::Facts;
pub use framework::{Controls, Frameworks, Topic};

use crate::judge::{Condition, Glob, Path};

/// A rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its id, such as `aws.s3.public-access-block`; never used again for another rule.
    pub id: String,
    /// What is wrong where it fails, in a line.
    pub title: String,
    /// How bad that is.
    pub severity: Severity,
    /// The types of resources it is about, as patterns.
    pub types: Vec<String>,
    /// Why it matters.
    pub why: String,
    /// What to do.
    pub fix: String,
    /// The controls of frameworks that it is about.
    pub frameworks: Vec<Framework>,
    /// Which resources of its types it is about; all of them without it.
    pub when: Option<Condition>,
    /// A list of which each element is looked at by itself, and what tells one from another.
    pub each: Option<Each>,
    /// What is wrong; of a rule about what is missing, what one of the resources has to be.
    pub fail: Condition,
    /// Where something is missing if none of the resources there is so; a rule without it is about each resource.
    pub within: Option<Within>,
    /// Whether each region shows all that the account has, so that one is enough to look at.
    pub shows_everywhere: bool,
    /// Its parameters as they are configured.
    pub parameters: Map<String, Value>,
    /// Whether what fails it can be reached from the internet, which is where paths of attack begin.
    pub exposes: bool,
    /// The rule as it is written.
    pub written: Written,
    /// The file it stands in.
    pub file: String,
    globs: Vec<Glob>,
}

/// Where something may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Within {
    /// In an account, a subscription or a project.
    Account,
    /// In a region of one.
    Region,
}

/// A list of which each element is looked at by itself.
#[derive(Debug, Clone)]
pub struct Each {
    /// Where the list is.
    pub path: Path,
    /// What tells a finding from the others: `{protocol}/{from_port}`.
    pub discriminator: String,
}

/// A rule as it is written; README.md says what each field means.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "they are documented in README.md for those who write them")]
pub struct Written {
    pub id: String,
    pub title: String,
    pub severity: Severity,
    #[serde(default)]
    pub why: Option<String>,
    pub fix: String,
    #[serde(default)]
    pub topics: Vec<String>,
    #[serde(default)]
    pub cis: Option<Value>,
    #[serde(default)]
    pub frameworks: Map<String, Value>,
    #[serde(default)]
    pub parameters: Map<String, Value>,
    #[serde(default)]
    pub when: Option<Value>,
    #[serde(default)]
    pub each: Option<String>,
    #[serde(default, rename = "as")]
    pub discriminator: Option<String>,
    #[serde(default)]
    pub fail: Option<Value>,
    #[serde(default)]
    pub about: Option<Within>,
    #[serde(default)]
    pub lacks: Option<Value>,
    #[serde(default)]
    pub shows_everywhere: bool,
    #[serde(default)]
    pub exposes: bool,
    pub fails: Vec<Value>,
    pub passes: Vec<Value>,
    #[serde(default)]
    pub unknowns: Vec<Value>,
}

impl Within {
    /// Its name, as rules write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Region => "region",
        }
    }
}

impl Rule {
    /// Reports whether it is about a type.
    pub fn is_about(&self, kind: &str) -> bool {
        self.globs.iter().any(|glob| glob.fits(kind))
    }

    /// The clouds it is about, by the beginnings of its types.
    pub fn provider(&self) -> &str {
        self.types.first().and_then(|kind| kind.split('.').next()).unwrap_or_default()
    }
}
