//! Whether a case ended as its folder says.
//!
//! Agents tell refusals in their own ways; what counts is a code beside a message: the failure of a task, a problem
//! document, an object with `code` and `error`, or a text `CODE: MESSAGE`.

use serde_json::Value;
use troupe_core::Code;

use super::case::Expect;
use crate::cases::asked::Outcome;

/// A refusal: its code and its message.
type Refusal = (String, String);

/// The refusals in what came of a call.
pub fn refusals(outcome: &Outcome) -> Vec<Refusal> {
    let mut found = Vec::new();
    match outcome {
        Outcome::Refused { code, message } => found.push((code.clone(), message.clone())),
        Outcome::Ended { output, failure, .. } => {
            if let Some(failure) = failure {
                // An agent that passes on what it was told says so of a limit.
                let code = failure.details["code"].as_str().unwrap_or(&failure.code);
                found.push((code.to_owned(), failure.message.clone()));
            }
            collect(output, &mut found);
        }
    }
    found
}

fn collect(value: &Value, found: &mut Vec<Refusal>) {
    match value {
        Value::String(text) => {
            // A sentence with a colon begins with no code.
            if let Some((code, message)) = text.split_once(": ").filter(|(code, _)| Code::parse(code).is_some()) {
                found.push((code.to_owned(), message.to_owned()));
            }
        }
        Value::Object(fields) => {
            if let (Some(Value::String(code)), Some(Value::String(error))) = (fields.get("code"), fields.get("error")) {
                found.push((code.clone(), error.clone()));
                return;
            }
            fields.values().for_each(|field| collect(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

/// Holds what came of a case against what its folder expects: everything that was refused was refused so, something
/// was, and nothing else was sent.
///
/// # Errors
/// What is otherwise.
pub fn judge(expect: &Expect, refusals: &[Refusal], sent: &[String]) -> Result<(), String> {
    let mut wrong = Vec::new();
    if refusals.is_empty() {
        wrong.push("nothing was refused".to_owned());
    }
    for (code, message) in refusals {
        if *code != expect.code {
            wrong.push(format!("refused with `{code}` (`{message}`), and not with `{}`", expect.code));
        } else if !message.contains(&expect.message) {
            wrong.push(format!("refused with the message `{message}`, which does not hold `{}`", expect.message));
        }
    }
    if sent != expect.sent {
        wrong.push(format!("these requests were sent: {sent:?}, and not: {:?}", expect.sent));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}
