//! `confirm`: a step that people do, and say that they have done.
//!
//! What is asked is shown whole. A no fails the step, and with it its task group, which then goes back; so does a
//! question that nobody answers in time.

use serde_json::json;
use troupe_sdk::prelude::*;

/// Longest title: it is the line by which people find the question.
const TITLE_CHARS_MAX: usize = 250;

/// What is asked.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmInput {
    /// What is to be done, in a few words.
    pub title: String,
    /// What that means, line by line.
    #[serde(default)]
    pub lines: Vec<String>,
    /// Whether nobody is asked, and the answer is what would be asked.
    #[serde(default = "yes")]
    pub dry_run: bool,
}

const fn yes() -> bool {
    true
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Confirmed {
    /// Whether people said that it is done. Never in a dry run.
    pub confirmed: bool,
    /// Whether nobody was asked.
    pub dry_run: bool,
    /// Who said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The question.
    pub title: String,
    /// Its lines.
    pub lines: Vec<String>,
}

/// Asks.
///
/// # Errors
///
/// [`Failure::InvalidInput`] for a title that is none; [`Failure::Failed`] if somebody said no, or nobody anything.
pub async fn run(input: ConfirmInput) -> Result<Confirmed, Failure> {
    let ConfirmInput { title, lines, dry_run } = input;
    if !(1..=TITLE_CHARS_MAX).contains(&title.chars().count()) {
        return Err(Failure::invalid_input(format!("`title` has 1 to {TITLE_CHARS_MAX} characters")));
    }
    if dry_run {
        return Ok(Confirmed { confirmed: false, dry_run, by: None, title, lines });
    }
    let asked = approvals::ask(format!("done: {title}")).action(json!({ "done": title, "lines": lines }));
    match asked.decision().await {
        Ok(approved) => Ok(Confirmed { confirmed: true, dry_run, by: Some(approved.by.clone()), title, lines }),
        Err(error) => Err(Failure::failed(format!("`{title}` was not confirmed: {error}"))),
    }
}
