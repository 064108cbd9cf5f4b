//! Asking whoever sits at the terminal.

use std::io::{self, IsTerminal as _};

use console::Term;
use troupe_core::{Code, Error, Result};

/// The terminal, if somebody is there who reads what is asked and can answer.
pub(crate) fn terminal() -> Option<Term> {
    let term = Term::stderr();
    (io::stdin().is_terminal() && term.is_term()).then_some(term)
}

/// Has whoever sits at the terminal say yes to what cannot be taken back.
///
/// # Errors
/// [`Code::RequestInvalid`] if nobody does, or nobody is there.
pub(crate) fn sure(what: &str) -> Result<()> {
    let Some(term) = terminal() else {
        let message = format!("{what}? There is no terminal to ask at; say `--yes` if that is meant");
        return Err(Error::new(Code::RequestInvalid, message));
    };
    let asked = term.write_str(&format!("{what}? [y/N] ")).and_then(|()| term.read_line());
    let said = asked.map_err(|error| Error::new(Code::RequestInvalid, "no answer was read").with_cause(error))?;
    if matches!(said.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Error::new(Code::RequestInvalid, "nothing was changed"))
}
