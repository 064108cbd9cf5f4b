//! What a policy that is attached to a resource opens.
//!
//! A policy is public if one of its statements allows something to everybody and no condition
//! holds that back. Everybody is the principal `*`, alone or as `AWS`, and whoever is not named
//! in a `NotPrincipal`. A condition holds back if it compares where a request comes from or who
//! sends it ([`KEYS`]) with something in particular, and asks for equality, not for
//! difference. What a Deny takes away again is left to whoever judges; the whole policy is told
//! for that.

use serde_json::Value;

use crate::model::Resource;

/// The keys that tell who or where a request comes from, in lower case, up to a `/`.
const KEYS: [&str; 16] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principaltag",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "aws:vpcsourceip",
    "kms:calleraccount",
];

/// Values that a condition on one of the keys holds nobody back with.
const EVERYWHERE: [&str; 4] = ["*", "0.0.0.0/0", "::/0", "arn:aws:*"];

/// Tells a resource's policy, as the service wrote it, and whether it is public; `null` and
/// not public without one.
pub(super) fn put(resource: &mut Resource, policy: Option<&str>) {
    match policy.map(|text| (text, serde_json::from_str::<Value>(text))) {
        None => {
            resource.set("public", false);
            resource.set("policy", Value::Null);
        }
        Some((_, Ok(policy))) => {
            resource.set("public", is_public(&policy));
            resource.set("policy", policy);
        }
        // What cannot be read may open anything.
        Some((text, Err(_))) => {
            resource.unread(&["public"]);
            resource.set("policy", text);
        }
    }
}

/// Reports whether a policy allows something to everybody.
fn is_public(policy: &Value) -> bool {
    many(policy.get("Statement")).any(|statement| {
        statement.get("Effect").and_then(Value::as_str) == Some("Allow")
            && (statement.get("NotPrincipal").is_some() || is_everybody(statement.get("Principal")))
            && !is_held_back(statement.get("Condition"))
    })
}

fn is_everybody(principal: Option<&Value>) -> bool {
    let is_star = |value: &Value| value.as_str() == Some("*");
    principal.is_some_and(|principal| is_star(principal) || many(principal.get("AWS")).any(is_star))
}

fn is_held_back(condition: Option<&Value>) -> bool {
    let tests = condition.and_then(Value::as_object).into_iter().flatten();
    let equal = tests.filter(|(test, _)| {
        let test = test.to_ascii_lowercase();
        // `ForAnyValue:` and `ForAllValues:` may stand before the test. With `…IfExists` and
        // `ForAllValues:` a request without the key passes.
        !test.contains("not") && test != "null" && !test.ends_with("ifexists") && !test.starts_with("forallvalues:")
    });
    let mut pairs = equal.filter_map(|(_, pairs)| pairs.as_object()).flatten();
    pairs.any(|(key, values)| {
        let key = key.to_ascii_lowercase();
        let known = KEYS.contains(&key.split('/').next().unwrap_or(&key));
        let everywhere = |value: &Value| value.as_str().is_some_and(|text| EVERYWHERE.contains(&text));
        known && !many(Some(values)).any(everywhere)
    })
}

/// A value, or each of a list.
fn many(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let list = value.and_then(Value::as_array);
    let one = value.filter(|_| list.is_none());
    list.into_iter().flatten().chain(one)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn public(statement: &Value) -> bool {
        is_public(&json!({ "Version": "2012-10-17", "Statement": statement }))
    }

    #[test]
    fn a_policy_is_public_if_it_allows_something_to_everybody() {
        for principal in [json!("*"), json!({ "AWS": "*" }), json!({ "AWS": ["111122223333", "*"] })] {
            assert!(public(&json!([{ "Effect": "Allow", "Principal": principal, "Action": "sqs:*" }])), "{principal}");
            assert!(!public(&json!({ "Effect": "Deny", "Principal": principal })), "{principal}");
        }
        assert!(public(&json!({ "Effect": "Allow", "NotPrincipal": { "AWS": "111122223333" } })));
        for principal in [json!({ "AWS": "arn:aws:iam::111122223333:root" }), json!({ "Service": "sns.amazonaws.com" })]
        {
            assert!(!public(&json!([{ "Effect": "Allow", "Principal": principal }])), "{principal}");
        }
        assert!(!public(&json!([])) && !is_public(&json!("not a policy")));
    }

    #[test]
    fn a_condition_holds_back_if_it_asks_for_someone_or_somewhere_in_particular() {
        for (condition, held) in [
            (json!({ "StringEquals": { "aws:SourceAccount": "111122223333" } }), true),
            (json!({ "ArnLike": { "AWS:SourceArn": "arn:aws:s3:::reports" } }), true),
            (json!({ "ForAnyValue:StringLike": { "aws:PrincipalOrgPaths": ["o-1/*"] } }), true),
            (json!({ "StringEquals": { "aws:PrincipalTag/team": "data" } }), true),
            (json!({ "IpAddress": { "aws:SourceIp": ["192.0.2.0/24"] } }), true),
            (json!({ "IpAddress": { "aws:SourceIp": ["192.0.2.0/24", "0.0.0.0/0"] } }), false),
            (json!({ "StringLike": { "aws:PrincipalArn": "*" } }), false),
            (json!({ "StringNotEquals": { "aws:SourceAccount": "111122223333" } }), false),
            (json!({ "StringEqualsIfExists": { "aws:SourceVpce": "vpce-1" } }), false),
            (json!({ "ForAllValues:StringEquals": { "aws:PrincipalOrgID": "o-1" } }), false),
            (json!({ "Null": { "aws:SourceArn": "false" } }), false),
            (json!({ "Bool": { "aws:SecureTransport": "true" } }), false),
        ] {
            let statement = json!([{ "Effect": "Allow", "Principal": "*", "Condition": condition }]);
            assert_eq!(public(&statement), !held, "{condition}");
        }
    }
}
