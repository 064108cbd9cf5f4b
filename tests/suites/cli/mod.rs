//! The command line, as a person or a script meets it.

mod client;
mod data_dir;
mod dev;
mod grant;
mod groups;
mod help;
mod instances;
mod interrupt;
mod keys;
mod lost;
mod output;
mod schedules;
mod sessions;
mod swap;
mod templates;
mod trouble;
mod wit;

use troupe_tests::command::Said;
use troupe_tests::redacted;

/// What a host said that did not start: its last line, after its log.
fn told(said: &Said) -> String {
    let last = said.bad().lines().last().unwrap_or_default();
    seen(last)
}

/// What a command said, with what differs from run to run replaced.
pub fn seen(text: &str) -> String {
    redacted(text).replace("troupe-under-test", "troupe")
}
