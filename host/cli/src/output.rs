//! What the command says: answers on standard output, everything else on standard
//! error; colour only on a terminal; errors as sentences, or as problems with `--json`.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use owo_colors::OwoColorize as _;
use serde::Serialize;
use serde_json::json;
use tracing_subscriber::EnvFilter;
use troupe_core::{Error, Result};

/// The exit status of a command that was interrupted: 128 and the number of SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;

/// Starts the log on standard error. `TROUPE_LOG` sets what is logged, in the syntax of
/// tracing's `EnvFilter`; a host logs what happens, a client only trouble.
pub(crate) fn start_log(is_host: bool) {
    let default = if is_host { "info" } else { "warn" };
    let filter = EnvFilter::try_from_env("TROUPE_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
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

/// Says that a command failed.
pub(crate) fn fail(json: bool, error: &Error) -> ExitCode {
    if json {
        let problem = json!({
            "code": error.code.as_str(),
            "detail": error.message,
            "retryable": error.retryable,
            "details": error.details,
        });
        line(&problem.to_string());
    } else {
        let code = error.code.as_str();
        note(&format!("{} {} {}", "error:".red().bold(), error.message, format!("[{code}]").dimmed()));
    }
    if let Some(cause) = error.cause_chain() {
        tracing::debug!(cause, "the cause");
    }
    ExitCode::FAILURE
}
