//! What the command says: answers on standard output, everything else on standard
//! error; colour only on a terminal; errors as sentences, or as problems with `--json`.
//!
//! A host has no answer: with `--json` it tells what it does on standard output, each
//! event a line.

use std::io::Write as _;
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use owo_colors::OwoColorize as _;
use serde::Serialize;
use serde_json::{Value, json};
use tracing_subscriber::EnvFilter;
use troupe_core::{Error, Kind, Result};

/// The exit status of a command that was interrupted: 128 and the number of SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// Starts the log on standard error. `TROUPE_LOG` sets what is logged, in the syntax of
/// tracing's `EnvFilter`; a host logs what happens, a client only trouble.
pub(crate) fn start_log(is_host: bool) {
    // What watches files tells of every directory that goes.
    let default = if is_host { "info,notify=error" } else { "warn" };
    let filter = EnvFilter::try_from_env("TROUPE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(AutoStream::choice(&std::io::stderr()) != ColorChoice::Never)
        .with_target(false)
        // A line that a full disk does not take is lost, and nobody ends of that.
        .log_internal_errors(false)
        .init();
}

/// Prints an answer: as JSON, or by `text` for a person.
pub(crate) fn answer<T: Serialize>(json: bool, answer: &T, text: impl FnOnce(&T) -> String) -> Result<()> {
    let printed = if json { serde_json::to_string_pretty(answer).map_err(Error::internal)? } else { text(answer) };
    line(&printed);
    Ok(())
}

/// Prints a line of an answer. A reader that went away is not an error.
pub(crate) fn line(text: &str) {
    let _ = writeln!(anstream::stdout(), "{}", text.trim_end());
}

/// Says something about the work to a person.
pub(crate) fn note(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Tells what a host does: as a line of JSON, or by `text` to a person.
pub(crate) fn tell(json: bool, event: &Value, text: &str) {
    if json { line(&event.to_string()) } else { note(text) }
}

/// An error for programs.
pub(crate) fn problem(error: &Error) -> Value {
    json!({
        "code": error.code.as_str(),
        "detail": error.message,
        "retryable": error.retryable,
        "details": error.details,
    })
}

/// An error for people.
pub(crate) fn sentence(error: &Error) -> String {
    let code = error.code.as_str();
    format!("{} {} {}", "error:".red().bold(), error.message, format!("[{code}]").dimmed())
}

/// Says that a command failed.
pub(crate) fn fail(json: bool, error: &Error) -> ExitCode {
    tell(json, &problem(error), &sentence(error));
    ExitCode::FAILURE
}

/// Logs what an error's sentence leaves out: as trouble on a host, whose log is where an
/// operator looks, and wherever the sentence says nothing else.
pub(crate) fn log_cause(error: &Error, is_host: bool) {
    let Some(cause) = error.cause_chain() else { return };
    if is_host || error.code.kind() == Kind::Internal {
        tracing::error!(cause, "{error}");
    } else {
        tracing::debug!(cause, "{error}");
    }
}
