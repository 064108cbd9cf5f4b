//! REST, one file for each resource.

pub(crate) mod agents;
pub(crate) mod audit;
pub(crate) mod deployments;
pub(crate) mod feed;
pub(crate) mod grants;
pub(crate) mod host;
pub(crate) mod keys;
pub(crate) mod task_events;
pub(crate) mod task_journal;
pub(crate) mod tasks;
pub(crate) mod tenants;

use http::{HeaderMap, HeaderName, HeaderValue};
use troupe_core::Digest;

/// The header that says on which release an answer was made.
static RELEASE: HeaderName = HeaderName::from_static("troupe-release");

/// Says on which release an answer was made.
pub(crate) fn release_header(agent: &str, version: &semver::Version, digest: &Digest) -> HeaderMap {
    let value = HeaderValue::from_str(&format!("{agent}@{version}; digest={digest}"));
    value.into_iter().map(|value| (RELEASE.clone(), value)).collect()
}
