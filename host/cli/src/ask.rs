//! Asking whoever sits at the terminal.

use std::io::{self, IsTerminal as _};

use console::Term;

/// The terminal, if somebody is there who reads what is asked and can answer.
pub(crate) fn terminal() -> Option<Term> {
    let term = Term::stderr();
    (io::stdin().is_terminal() && term.is_term()).then_some(term)
}
