//! Who may do what with a resource: its IAM policy.

use serde_json::{Value, json};
use troupe_estate::Resource;

use crate::listing::Detail;
use crate::record::path;

/// What is not known of a resource whose policy cannot be read.
const NAMES: &[&str] = &["policy", "public"];

/// Members that are everybody, or everybody who has signed in with anything at Google.
const EVERYBODY: [&str; 2] = ["allUsers", "allAuthenticatedUsers"];

/// The question about a resource's policy.
pub const fn detail(operation: &'static str, address: &'static str) -> Detail {
    Detail { operation, address, names: NAMES, put }
}

/// Puts a policy into its resource: the bindings, and whether everybody is bound.
fn put(resource: &mut Resource, policy: Value) {
    let bindings: Vec<Value> = path::all(&policy, "/bindings/*").into_iter().map(binding).collect();
    resource.set("public", bindings.iter().any(is_public));
    resource.set("policy", bindings);
}

/// A binding, in the form in which it is told.
pub fn binding(binding: &Value) -> Value {
    let condition = path::one(binding, "/condition").map(|condition| {
        json!({ "title": path::text(condition, "/title"), "expression": path::text(condition, "/expression") })
    });
    json!({
        "role": path::text(binding, "/role"),
        "members": path::one(binding, "/members").cloned().unwrap_or_else(|| json!([])),
        "condition": condition,
    })
}

/// Reports whether a binding binds everybody.
pub fn is_public(binding: &Value) -> bool {
    path::all(binding, "/members/*").iter().any(|member| member.as_str().is_some_and(|one| EVERYBODY.contains(&one)))
}
