//! Grants as clients see, change and question them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::grant::{Change, GrantKey};
use crate::{Effect, Grants};

/// Both keys of a deployment, and what they open together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GrantsView {
    /// The agent's name.
    pub agent: String,
    /// The deployment's epoch.
    pub epoch: u64,
    /// The version that serves, whose manifest asks.
    #[schema(value_type = String)]
    pub serving: semver::Version,
    /// How often an operator has changed the grants.
    pub revision: u64,
    /// What the manifest asks for.
    pub asked: Grants,
    /// What the operator grants.
    pub granted: Grants,
    /// What is in force for calls that begin now: what both say.
    pub effective: Grants,
    /// The same side by side, by address.
    pub lines: Vec<GrantLine>,
}

/// What stands at one address in both keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GrantLine {
    /// The address, such as `state` or `http/ID`.
    #[schema(value_type = String)]
    pub line: GrantKey,
    /// What the manifest asks for there, as an operator reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// What the operator grants there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<String>,
    /// What of it is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force: Option<String>,
    /// How much of what is asked for there is in force.
    pub standing: Standing,
}

/// How much of what a manifest asks for at an address is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// All of it.
    Whole,
    /// A part.
    Part,
    /// Nothing: no operator has granted any of it.
    NotGranted,
    /// The manifest asks for nothing there; what is granted waits for a release that does.
    NotAsked,
}

/// A request to change some lines of what an operator grants. What is removed goes first.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantChange {
    /// Addresses whose lines are taken away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub remove: Vec<GrantKey>,
    /// Addresses at which what the manifest asks for is granted, as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub add: Vec<GrantKey>,
    /// Whether all is granted that the manifest asks for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub add_all: bool,
    /// Lines in the operator's own words; they stand in place of those at their addresses.
    #[serde(default, skip_serializing_if = "Grants::is_empty")]
    pub set: Grants,
    /// The epoch the caller looked at, as in a swap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
}

/// A request to compare what is in force with something else: with `release`, what that
/// release asks for; with `grants`, what would be in force if the operator granted that;
/// with neither, what the release that serves asks for.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DiffRequest {
    /// The version of a release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub release: Option<semver::Version>,
    /// What an operator might grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<Grants>,
}

/// How something else would differ from what is in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GrantsDiff {
    /// The agent's name.
    pub agent: String,
    /// The deployment's epoch.
    pub epoch: u64,
    /// Whether it allows anything that is denied now.
    pub wider: bool,
    /// Whether it denies anything that is allowed now.
    pub narrower: bool,
    /// Every address of either, in order.
    pub lines: Vec<LineDiff>,
}

/// How what stands at one address would differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LineDiff {
    /// The address.
    #[schema(value_type = String)]
    pub line: GrantKey,
    /// What becomes of it.
    pub change: Change,
    /// What is in force there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What would be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A question: may the agent do this?
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    /// The call, such as `state set` or `http GET https://example.com/`.
    pub question: String,
    /// The skill that makes it, whose class is the ceiling; absent = no ceiling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skill: Option<String>,
    /// Headers of an HTTP request: names and values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<Vec<String>>)]
    pub headers: Vec<(String, String)>,
    /// The body of an HTTP request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The credential that the request names; `none` for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// What the gate would say to a call, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// The agent's name.
    pub agent: String,
    /// The deployment's epoch.
    pub epoch: u64,
    /// The call, as the journal would name it.
    pub call: String,
    /// Whether it would be performed.
    pub allowed: bool,
    /// The code of the refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What the agent would be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// How far the call reaches; a skill of a lower class may not make it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// The credential that the host would add.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
    /// What the manifest says to it.
    pub manifest: KeyExplanation,
    /// What the operator's grants say to it.
    pub operator: KeyExplanation,
    /// What would have to be done for it to be allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What one key says to a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KeyExplanation {
    /// Whether this key turns.
    pub allows: bool,
    /// The lines that say so.
    pub lines: Vec<ExplainedLine>,
    /// Which part of the call no line has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
}

/// A line with its address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ExplainedLine {
    /// The address.
    #[schema(value_type = String)]
    pub line: GrantKey,
    /// What stands there, as an operator reads it.
    pub text: String,
}

/// Everything that an agent may do, each line with the lines that say so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Authority {
    /// The agent's name.
    pub agent: String,
    /// The deployment's epoch.
    pub epoch: u64,
    /// What is in force.
    pub lines: Vec<AuthorityLine>,
    /// Addresses at which the manifest asks for more than is in force.
    pub not_granted: Vec<ExplainedLine>,
    /// Addresses at which the operator grants what the manifest does not ask for.
    pub not_asked: Vec<ExplainedLine>,
}

/// A line that is in force, with where it comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuthorityLine {
    /// What may be done, as an operator reads it.
    pub text: String,
    /// The lines of the manifest that ask for it.
    #[schema(value_type = Vec<String>)]
    pub manifest: Vec<GrantKey>,
    /// The lines of the operator that grant it.
    #[schema(value_type = Vec<String>)]
    pub operator: Vec<GrantKey>,
}
