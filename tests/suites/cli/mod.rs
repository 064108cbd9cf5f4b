//! The command line, as a person or a script meets it.

mod client;
mod dev;
mod help;
mod trouble;
mod wit;

use troupe_tests::redacted;

/// What a command said, with what differs from run to run replaced.
fn seen(text: &str) -> String {
    redacted(text).replace("troupe-under-test", "troupe")
}
