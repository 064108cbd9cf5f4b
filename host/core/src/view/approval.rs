//! How a release differs from the one that serves, as far as somebody has to approve of it, and
//! what was decided about it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ReleaseView;
use crate::{ApprovalId, Digest, Timestamp, limits};

/// Where a release stands, beside the one that serves now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseStanding {
    /// Nothing of it needs approval.
    Published,
    /// It widens something or says something else, and nobody has approved of that.
    PendingApproval,
    /// Somebody has approved of exactly this difference.
    Approved,
    /// Somebody has rejected it.
    Rejected,
    /// It does not keep what the release that serves promises its callers.
    Incompatible,
}

impl ReleaseStanding {
    /// The word in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::PendingApproval => "pending_approval",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Incompatible => "incompatible",
        }
    }
}

/// What publishing answers: the release, and where it stands.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PublishedView {
    /// The release.
    #[serde(flatten)]
    pub release: ReleaseView,
    /// Where it stands beside the release that serves.
    pub status: ReleaseStanding,
    /// The approval that it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub approval: Option<ApprovalId>,
}

/// The release that another is held against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BaseView {
    /// Its version.
    #[schema(value_type = String)]
    pub version: semver::Version,
    /// Its digest.
    #[schema(value_type = String)]
    pub digest: Digest,
}

/// What became of an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalStatus {
    /// Nobody has decided yet.
    Pending,
    /// Somebody has approved.
    Approved,
    /// Somebody has rejected the release.
    Rejected,
    /// A later decision, or another difference to approve of, has taken its place.
    Superseded,
}

impl ApprovalStatus {
    /// Every status.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Approved, Self::Rejected, Self::Superseded];

    /// The word in documents and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Superseded => "superseded",
        }
    }

    /// The status that `text` spells.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// An approval: of one release, over exactly one difference from what serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalView {
    /// The id.
    #[schema(value_type = String)]
    pub id: ApprovalId,
    /// The agent's name.
    pub agent: String,
    /// The version of the release.
    #[schema(value_type = String)]
    pub version: semver::Version,
    /// The digest of the release.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// What served when it was asked for; absent if nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<BaseView>,
    /// The digest of what is to be approved.
    #[schema(value_type = String)]
    pub delta: Digest,
    /// What became of it.
    pub status: ApprovalStatus,
    /// Whether it is approved that the release breaks what the one before promised.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub breaking: bool,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why, in the words of who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was first asked for.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub decided_at: Option<Timestamp>,
}

/// An approval of a release over what serves now.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ApproveRequest {
    /// The `delta` that was looked at, as the difference tells it; without it, and if it is another
    /// by now, nothing is approved and the answer, 409, tells the one of now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub delta: Option<Digest>,
    /// Approve also that the release breaks what the one that serves promises its callers.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub breaking: bool,
    /// Why; at most 1,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A rejection of a release.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectRequest {
    /// Why; 1 to 1,000 characters.
    pub reason: String,
}

/// What of a release somebody has to approve of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalWant {
    /// What it asks for, or could do.
    Capabilities,
    /// What a model reads of it.
    Text,
    /// Characters that nobody sees.
    Hidden,
}

impl ApprovalWant {
    /// The word in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Capabilities => "capabilities",
            Self::Text => "text",
            Self::Hidden => "hidden",
        }
    }
}

/// Which schema of a skill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SchemaKind {
    /// That of its input.
    Input,
    /// That of its output.
    Output,
}

impl SchemaKind {
    /// The word in documents and sentences.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
        }
    }
}

/// Something that the release that serves promises its callers, and which is not shown to hold
/// any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContractBreak {
    /// The skill.
    pub skill: String,
    /// Which schema; absent if the skill is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<SchemaKind>,
    /// Where in the schema, as a JSON pointer (RFC 6901).
    pub at: String,
    /// What it is, in words.
    pub says: String,
}

/// What is wider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CapabilityKind {
    /// A line that the manifest asks for.
    Grant,
    /// A limit of the manifest.
    Limit,
    /// The effect class of a skill.
    Effect,
    /// An event that starts the agent.
    Trigger,
}

/// Something that a release could do, or asks to, and the one before could not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CapabilityChange {
    /// What it is.
    pub kind: CapabilityKind,
    /// Which one: the address of a line, the name of a limit or a skill, an event.
    pub at: String,
    /// How it was; absent if it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// How it would be.
    pub after: String,
}

/// Something that a model reads and that is not as it was. Characters that nobody sees are
/// escaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TextChange {
    /// Where, such as `/skills/list/description`.
    pub at: String,
    /// What stood there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What stands there now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// What a text made somebody look at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// It holds characters that nobody sees.
    Hidden,
    /// A word of it mixes alphabets, and looks like another.
    MixedScript,
    /// It reads like an instruction to a model.
    Instruction,
    /// It names an address that no text named before.
    Url,
}

impl FindingKind {
    /// The words for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hidden => "hidden characters",
            Self::MixedScript => "mixed alphabets",
            Self::Instruction => "reads like an instruction",
            Self::Url => "new address",
        }
    }
}

/// A hint at a text that deserves a look. What it points at may be harmless, and harmful text
/// may have no hint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TextFinding {
    /// What was found.
    pub kind: FindingKind,
    /// Where, as in a change of a text.
    pub at: String,
    /// The part of the text, with what nobody sees escaped.
    pub text: String,
}

/// How a release differs from the one that serves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseDelta {
    /// What it does not keep of the contract, at most one for each schema.
    pub breaks: Vec<ContractBreak>,
    /// What is wider.
    pub capabilities: Vec<CapabilityChange>,
    /// What a model reads otherwise, schemas included; at most 200 on a page.
    pub texts: Vec<TextChange>,
    /// Hints at texts that are new; at most 200 on a page.
    pub findings: Vec<TextFinding>,
    /// Changes of texts and hints on later pages.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes fields by reference")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl ReleaseDelta {
    /// Whether somebody has to approve of it: something is wider, a model reads something
    /// else, or a text hides characters.
    pub fn needs_approval(&self) -> bool {
        !self.wants().is_empty()
    }

    /// What somebody has to approve of.
    pub fn wants(&self) -> Vec<ApprovalWant> {
        let wants = [
            (ApprovalWant::Capabilities, !self.capabilities.is_empty()),
            (ApprovalWant::Text, !self.texts.is_empty()),
            (ApprovalWant::Hidden, self.hidden().next().is_some()),
        ];
        wants.into_iter().filter_map(|(want, is_so)| is_so.then_some(want)).collect()
    }

    /// What somebody has to approve of, in words: what the release does beside `base`, and of each
    /// kind the first.
    pub fn why(&self, base: Option<&str>) -> String {
        let than = base.map(|base| format!(" than {base}")).unwrap_or_default();
        let told = self.wants().into_iter().map(|want| {
            let (what, first, count) = match want {
                ApprovalWant::Capabilities => {
                    let first = self.capabilities.first().map(ToString::to_string);
                    (format!("asks for more{than}"), first, self.capabilities.len())
                }
                ApprovalWant::Text => {
                    let first = self.texts.first().map(ToString::to_string);
                    (format!("tells models something else{than}"), first, self.texts.len())
                }
                ApprovalWant::Hidden => {
                    let first = self.hidden().next().map(|finding| finding.at.clone());
                    ("holds characters that nobody sees".to_owned(), first, self.hidden().count())
                }
            };
            let more = if count > 1 { format!(", and {} more", count - 1) } else { String::new() };
            format!("{what} ({}{more})", first.unwrap_or_default())
        });
        told.collect::<Vec<_>>().join(", and ")
    }

    fn hidden(&self) -> impl Iterator<Item = &TextFinding> {
        self.findings.iter().filter(|finding| finding.kind == FindingKind::Hidden)
    }

    /// The page of texts and hints after the first `after` of each, and where the next page begins.
    #[must_use]
    pub fn page(mut self, after: usize) -> (Self, Option<usize>) {
        let next = after.saturating_add(limits::RELEASE_CHANGES_MAX);
        let all = [self.texts.len(), self.findings.len()];
        self.texts = cut(self.texts, after);
        self.findings = cut(self.findings, after);
        self.left_out = all.map(|all| all.saturating_sub(next)).iter().sum();
        let next = (self.left_out > 0).then_some(next);
        (self, next)
    }

    /// Returns one line for each thing that somebody approves of, without whole texts.
    pub fn lines(&self) -> Vec<String> {
        let breaks = self.breaks.iter().map(ToString::to_string);
        let capabilities = self.capabilities.iter().map(ToString::to_string);
        let texts = self.texts.iter().map(|text| {
            let what = match (&text.before, &text.after) {
                (None, _) => "new text",
                (_, None) => "text gone",
                _ => "text changed",
            };
            format!("{what}: {}", text.at)
        });
        let hidden = self.hidden().map(|finding| format!("{}: {}", finding.kind.as_str(), finding.at));
        let more = (self.left_out > 0).then(|| format!("and {} more changes", self.left_out));
        breaks.chain(capabilities).chain(texts).chain(hidden).chain(more).collect()
    }
}

fn cut<T>(all: Vec<T>, after: usize) -> Vec<T> {
    all.into_iter().skip(after).take(limits::RELEASE_CHANGES_MAX).collect()
}

impl std::fmt::Display for ContractBreak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { skill, schema, at, says } = self;
        match schema {
            Some(schema) if at.is_empty() => write!(f, "skill `{skill}`, {}: {says}", schema.as_str()),
            Some(schema) => write!(f, "skill `{skill}`, {} at `{at}`: {says}", schema.as_str()),
            None => write!(f, "skill `{skill}`: {says}"),
        }
    }
}

impl std::fmt::Display for CapabilityChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, at, before, after } = self;
        let kind = match kind {
            CapabilityKind::Grant => "grant",
            CapabilityKind::Limit => "limit",
            CapabilityKind::Effect => "effect of skill",
            CapabilityKind::Trigger => "trigger",
        };
        match before {
            Some(before) => write!(f, "wider {kind} {at}: {after}; before {before}"),
            None if after == at => write!(f, "new {kind} {at}"),
            None => write!(f, "new {kind} {at}: {after}"),
        }
    }
}

impl std::fmt::Display for TextChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts = self.at.split('/').skip(1);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("skills"), Some(skill), None, _) => write!(f, "skill `{skill}`")?,
            (Some("skills"), Some(skill), Some(what), None) => write!(f, "the {what} of skill `{skill}`")?,
            (Some("skills"), Some(skill), Some(what), Some(_)) => {
                let above = "/skills/".len() + skill.len() + 1 + what.len();
                write!(f, "the {what} of skill `{skill}` at `{}`", self.at.get(above..).unwrap_or(&self.at))?;
            }
            _ => write!(f, "`{}`", self.at)?,
        }
        f.write_str(match (&self.before, &self.after) {
            (None, _) => " is new",
            (_, None) => " is gone",
            _ => " changed",
        })
    }
}

/// How a release differs from the one that serves, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseDiff {
    /// The agent's name.
    pub agent: String,
    /// The version of the release.
    #[schema(value_type = String)]
    pub version: semver::Version,
    /// The digest of the release.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// What serves; absent if nothing does, and then only hidden characters need approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<BaseView>,
    /// Where the release stands.
    pub status: ReleaseStanding,
    /// The digest of what is to be approved: of all that counts of both releases.
    #[schema(value_type = String)]
    pub delta: Digest,
    /// What was decided about it, or waits to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalView>,
    /// The differences.
    #[serde(flatten)]
    pub changes: ReleaseDelta,
    /// Where the next page of texts and hints begins, as `after`; absent on the last one. All pages are
    /// of one difference while `delta` is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<usize>,
}
