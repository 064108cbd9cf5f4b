//! Troupe as its users meet it: each test talks to a host of its own, a child process, by
//! the API or the command line. A folder is a resource, a file a concern, a test's name a
//! sentence. One binary, since linking the house once is enough.

mod artifact;
mod aws;
mod cli;
mod faults;
mod http;
mod rest;
mod sandbox;
mod state;
mod swap;

use troupe_tests::Host;

/// The program under test, built by the run that tests it.
const PROGRAM: &str = env!("CARGO_BIN_EXE_troupe-under-test");

/// A host with nothing in it.
async fn empty_host() -> Host {
    Host::empty(PROGRAM).await
}

/// A host on which the guests are published and deployed, with nothing granted.
async fn host() -> Host {
    Host::with_agents(PROGRAM).await
}
