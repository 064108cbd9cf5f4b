//! What a tried release did otherwise than the record, as a list of findings.

use serde_json::Value;
use troupe_core::Code;
use troupe_core::difference::differences;
use troupe_core::view::{DifferenceKind, Repeated, ReplayOutcome, TaskFailure};
use troupe_sandbox::{Answer, MadeCall, Source};

use super::trial::{OnRecord, Trial};

/// Characters of a value that a sentence holds.
const VALUE_CHARS_MAX: usize = 60;

/// Characters of a call that a sentence holds.
const CALL_CHARS_MAX: usize = 300;

/// One thing that a release did otherwise.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Finding {
    pub(super) kind: DifferenceKind,
    /// Where, as far as it is alike in other invocations.
    pub(super) at: String,
    pub(super) says: String,
    pub(super) recorded: Option<Value>,
    pub(super) replayed: Option<Value>,
}

/// All that a release did otherwise.
pub(super) fn findings(recorded: &ReplayOutcome, trial: &Trial) -> Vec<Finding> {
    let mut found = Vec::new();
    ends(recorded, &trial.outcome, &mut found);
    calls(&trial.calls(), &mut found);
    found
}

fn ends(recorded: &ReplayOutcome, now: &ReplayOutcome, found: &mut Vec<Finding>) {
    let finding = |kind, at: &str, says| Finding { kind, at: at.to_owned(), says, recorded: None, replayed: None };
    match (&recorded.failure, &now.failure) {
        _ if recorded == now => {}
        (None, None) => {
            for difference in differences(recorded.output.as_ref(), now.output.as_ref()) {
                let path = if difference.path.is_empty() { "the answer" } else { difference.path.as_str() };
                let [then, stands] = [&difference.recorded, &difference.replayed].map(value);
                found.push(Finding {
                    kind: DifferenceKind::Answer,
                    at: pattern(&difference.path),
                    says: format!("{path} is {stands} instead of {then}"),
                    recorded: difference.recorded,
                    replayed: difference.replayed,
                });
            }
        }
        (Some(then), Some(now)) if then.code == now.code => {
            let [one, other] = [then, now].map(|failure| serde_json::to_value(failure).unwrap_or_default());
            for difference in differences(Some(&one), Some(&other)) {
                found.push(Finding {
                    kind: DifferenceKind::Failure,
                    at: pattern(&difference.path),
                    says: format!("it fails with {} in other words: {}", now.code, cut(&now.message, CALL_CHARS_MAX)),
                    recorded: difference.recorded,
                    replayed: difference.replayed,
                });
            }
        }
        (then, Some(now)) => {
            let says = format!("{}: {}", now.code, cut(&now.message, CALL_CHARS_MAX));
            found.push(finding(failing(now, then.is_some()), &now.code, says));
        }
        (Some(then), None) => {
            let says = format!("it answers where it failed with {}", then.code);
            found.push(finding(DifferenceKind::Succeeds, &then.code, says));
        }
    }
}

/// What kind of failure this is, where the record has none or another.
fn failing(now: &TaskFailure, failed_then: bool) -> DifferenceKind {
    match Code::parse(&now.code) {
        Some(Code::GuestTrap | Code::GuestStack) => DifferenceKind::Trap,
        Some(Code::InputInvalid | Code::SkillNotFound) => DifferenceKind::InputInvalid,
        Some(Code::OutputInvalid) => DifferenceKind::OutputInvalid,
        Some(code) if code.as_str().starts_with("limit.") => DifferenceKind::Limit,
        _ if failed_then => DifferenceKind::Failure,
        _ => DifferenceKind::Fails,
    }
}

fn calls(calls: &[OnRecord<'_>], found: &mut Vec<Finding>) {
    for call in calls {
        let (kind, at, says) = match call {
            OnRecord::New(made) if made.source == Source::Denied => denied(made),
            OnRecord::Recorded { made: Some(made), repeated: Repeated::Changed, .. }
                if made.source == Source::Denied =>
            {
                denied(made)
            }
            OnRecord::New(made) => {
                let kind = if made.write { DifferenceKind::NewWrite } else { DifferenceKind::NewRead };
                (kind, made.call.kind(), format!("{} is not on record", cut(&made.call.describe(), CALL_CHARS_MAX)))
            }
            OnRecord::Recorded { recorded, made: Some(_), change, repeated: Repeated::Changed } => {
                let how = change.as_deref().unwrap_or("made otherwise");
                let call = cut(&recorded.call.describe(), CALL_CHARS_MAX);
                (DifferenceKind::ChangedCall, recorded.call.kind(), format!("{call}: {how}"))
            }
            OnRecord::Recorded { recorded, repeated: Repeated::Missing, .. } => {
                let call = cut(&recorded.call.describe(), CALL_CHARS_MAX);
                (DifferenceKind::MissingCall, recorded.call.kind(), format!("{call} is not made"))
            }
            OnRecord::Recorded { .. } => continue,
        };
        found.push(Finding { kind, at, says, recorded: None, replayed: None });
    }
}

fn denied(made: &MadeCall) -> (DifferenceKind, String, String) {
    let why = made.answer.as_ref().map(Answer::describe).unwrap_or_default();
    (DifferenceKind::Denied, made.call.kind(), cut(&why, CALL_CHARS_MAX))
}

/// A JSON pointer with `*` for the places of arrays.
fn pattern(path: &str) -> String {
    let is_place = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = path.split('/').map(|part| if is_place(part) { "*" } else { part }).collect();
    parts.join("/")
}

fn value(value: &Option<Value>) -> String {
    value.as_ref().map_or_else(|| "nothing".to_owned(), |value| cut(&value.to_string(), VALUE_CHARS_MAX))
}

fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
    }
}

#[cfg(test)]
#[path = "findings_tests.rs"]
mod tests;
