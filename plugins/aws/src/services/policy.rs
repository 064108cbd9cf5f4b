//! What a policy that is attached to a resource opens: whether it lets everybody in, as [`troupe_estate::policy`] says. The
//! whole policy is told, for whoever judges more.

use serde_json::Value;
use troupe_estate::{Truth, policy};

use crate::model::Resource;

/// Tells a resource's policy, as the service wrote it, and whether it is public; `null` and
/// not public without one.
pub(super) fn put(resource: &mut Resource, policy: Option<&str>) {
    match policy.map(|text| (text, serde_json::from_str::<Value>(text))) {
        None => {
            resource.set("public", false);
            resource.set("policy", Value::Null);
        }
        Some((_, Ok(policy))) => {
            resource.set("public", policy::admits_everybody(&policy, |_| None) == Truth::Yes);
            resource.set("policy", policy);
        }
        // What cannot be read may open anything.
        Some((text, Err(_))) => {
            resource.unread(&["public"]);
            resource.set("policy", text);
        }
    }
}
