//! How Google is asked, and what a row about a question says.

use troupe_cloud::{Asked, Budget, Client};
use troupe_estate::{Provider, Word};

use crate::name;

/// The credential that the host mints a token with.
const CREDENTIAL: &str = "gcp:default";

/// Requests under way at once. Google allows a project some ten a second of most services; the host allows a tenant
/// 64 at once.
const AT_ONCE: usize = 8;

/// What asks Google, for as long as the invocation has time.
pub fn client() -> Client {
    Client::new(CREDENTIAL, AT_ONCE, Budget::of_invocation().until)
}

/// What a row about an operation of a service says: which project it was about, if about one, and which region, zone
/// or `global`.
pub fn asked(service: &'static str, operation: impl Into<Word>, project: Option<&str>, location: &str) -> Asked {
    Asked::new(Provider::Gcp, service, &name::region(location), operation).account(project.map(str::to_owned))
}
