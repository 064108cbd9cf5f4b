//! REST, one file for each resource.

pub(crate) mod agents;
pub(crate) mod approval_page;
pub(crate) mod approvals;
pub(crate) mod artifacts;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod channels;
pub(crate) mod deployments;
pub(crate) mod documents;
pub(crate) mod events;
pub(crate) mod feed;
pub(crate) mod grants;
pub(crate) mod groups;
pub(crate) mod host;
pub(crate) mod hosts;
pub(crate) mod instances;
pub(crate) mod keys;
pub(crate) mod locks;
pub(crate) mod messages;
pub(crate) mod registry;
pub(crate) mod rehearsal;
pub(crate) mod releases;
pub(crate) mod runtime;
pub(crate) mod schedules;
pub(crate) mod sessions;
pub(crate) mod standing_policy;
pub(crate) mod streams;
pub(crate) mod swaps;
pub(crate) mod task_approvals;
pub(crate) mod task_events;
pub(crate) mod task_journal;
pub(crate) mod tasks;
pub(crate) mod templates;
pub(crate) mod tenants;
pub(crate) mod trust;
pub(crate) mod undeploy;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use troupe_core::Digest;
use utoipa::IntoParams;

/// The header that says on which release an answer was made.
static RELEASE: HeaderName = HeaderName::from_static("troupe-release");

/// Whose, of what a tenant has and the owner of the host may look after in any.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(crate) struct Whose {
    /// What is this tenant's, for the owner of the host; the caller's own when absent.
    pub(crate) tenant: Option<String>,
}

/// Says on which release an answer was made.
pub(crate) fn release_header(agent: &str, version: &semver::Version, digest: &Digest) -> HeaderMap {
    let value = HeaderValue::from_str(&format!("{agent}@{version}; digest={digest}"));
    value.into_iter().map(|value| (RELEASE.clone(), value)).collect()
}
