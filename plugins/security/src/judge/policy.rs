//! Whether a policy that is attached to a resource lets everybody in.
//!
//! It does if one of its statements allows something to everybody and no condition holds that back. Everybody is the
//! principal `*`, alone or as `AWS`, and whoever is not named in a `NotPrincipal`. A condition holds back if it
//! compares who sends a request, or where it comes from ([`KEYS`]), with something in particular, and asks for equality:
//! that a request must come over TLS holds nobody back. The inventory of `aws` works out `public` in the same sense;
//! here the text is judged, so that documents are judged like it. What a Deny takes away again is not worked out.

use serde_json::Value;

use super::{Truth, network};
use crate::unknown;

/// The keys that tell who or where a request comes from, in lower case, up to a `/`. Access points of S3 have
/// policies of their own, so who names them, or their account, names who may.
const KEYS: [&str; 18] = [
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
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
];

/// Values that a condition on one of the keys holds nobody back with, beside ranges that are the whole internet.
const EVERYWHERE: [&str; 3] = ["*", "arn:*", "arn:aws:*"];

/// Reports whether a policy, or the text of one, lets everybody in.
pub fn admits_everybody(policy: &Value) -> Truth {
    match policy {
        Value::Null => Truth::No,
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(policy) if policy.is_object() => admits_everybody(&policy),
            _ => Truth::unknown("the policy is no JSON"),
        },
        policy => known(policy.get("Statement"), |statements| Truth::any(many(statements).map(admits))),
    }
}

/// Reports whether one statement does.
fn admits(statement: &Value) -> Truth {
    known(Some(statement), |statement| {
        let allows = known(statement.get("Effect"), |effect| Truth::from(effect.as_str() == Some("Allow")));
        let is_everybody = match statement.get("NotPrincipal").filter(|named| !named.is_null()) {
            Some(_) => Truth::Yes,
            None => known(statement.get("Principal"), is_everybody),
        };
        let held_back = known(statement.get("Condition"), |condition| Truth::from(is_held_back(condition)));
        allows.and(is_everybody).and(held_back.negated())
    })
}

fn is_everybody(principal: &Value) -> Truth {
    let is_star = |value: &Value| known(Some(value), |value| Truth::from(value.as_str() == Some("*")));
    let of_aws = known(principal.get("AWS"), |named| Truth::any(many(named).map(is_star)));
    is_star(principal).or(of_aws)
}

fn is_held_back(condition: &Value) -> bool {
    let tests = condition.as_object().into_iter().flatten();
    let equal = tests.filter(|(test, _)| {
        let test = test.to_ascii_lowercase();
        // `ForAnyValue:` and `ForAllValues:` may stand before the test. With `…IfExists` and `ForAllValues:` a request
        // without the key passes.
        !test.contains("not") && test != "null" && !test.ends_with("ifexists") && !test.starts_with("forallvalues:")
    });
    let mut pairs = equal.filter_map(|(_, pairs)| pairs.as_object()).flatten();
    pairs.any(|(key, values)| {
        let key = key.to_ascii_lowercase();
        let is_known = KEYS.contains(&key.split('/').next().unwrap_or(&key));
        // What a template refers to, an account or what it makes, is something in particular.
        let is_everywhere =
            |value: &Value| value.as_str().is_some_and(|text| EVERYWHERE.contains(&text) || network::is_open(text));
        is_known && !many(values).any(is_everywhere)
    })
}

/// What is told of a value, if it is there and somebody knows it.
fn known<'v>(value: Option<&'v Value>, told: impl FnOnce(&'v Value) -> Truth) -> Truth {
    match value {
        None => Truth::No,
        Some(value) => unknown::reason(value).map_or_else(|| told(value), Truth::unknown),
    }
}

/// A value, or each of a list.
fn many(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn admits(statement: &Value) -> Truth {
        admits_everybody(&json!({ "Version": "2012-10-17", "Statement": statement }))
    }

    #[test]
    fn a_policy_lets_everybody_in_if_it_allows_something_to_everybody() {
        for principal in [json!("*"), json!({ "AWS": "*" }), json!({ "AWS": ["111122223333", "*"] })] {
            assert_eq!(admits(&json!([{ "Effect": "Allow", "Principal": principal }])), Truth::Yes, "{principal}");
            assert_eq!(admits(&json!({ "Effect": "Deny", "Principal": principal })), Truth::No, "{principal}");
        }
        let all_but_one = json!({ "Effect": "Allow", "NotPrincipal": { "AWS": "111122223333" } });
        assert_eq!(admits(&all_but_one), Truth::Yes);
        for principal in [json!({ "AWS": "arn:aws:iam::111122223333:root" }), json!({ "Service": "sns.amazonaws.com" })]
        {
            assert_eq!(admits(&json!([{ "Effect": "Allow", "Principal": principal }])), Truth::No, "{principal}");
        }
        assert_eq!(admits_everybody(&Value::Null), Truth::No);
    }

    #[test]
    fn a_condition_holds_back_if_it_asks_for_someone_or_somewhere_in_particular() {
        for (condition, admitted) in [
            (json!({ "StringEquals": { "aws:SourceAccount": "111122223333" } }), Truth::No),
            (json!({ "StringEquals": { "aws:SourceAccount": unknown::unknown("of the stack") } }), Truth::No),
            (json!({ "ArnLike": { "AWS:SourceArn": "arn:aws:s3:::reports" } }), Truth::No),
            (json!({ "ForAnyValue:StringLike": { "aws:PrincipalOrgPaths": ["o-1/*"] } }), Truth::No),
            (json!({ "StringEquals": { "aws:PrincipalTag/team": "data" } }), Truth::No),
            (json!({ "StringEquals": { "s3:DataAccessPointAccount": "111122223333" } }), Truth::No),
            (json!({ "IpAddress": { "aws:SourceIp": ["192.0.2.0/24"] } }), Truth::No),
            (json!({ "IpAddress": { "aws:SourceIp": ["192.0.2.0/24", "0.0.0.0/0"] } }), Truth::Yes),
            (json!({ "StringLike": { "aws:PrincipalArn": "*" } }), Truth::Yes),
            (json!({ "StringNotEquals": { "aws:SourceAccount": "111122223333" } }), Truth::Yes),
            (json!({ "StringEqualsIfExists": { "aws:SourceVpce": "vpce-1" } }), Truth::Yes),
            (json!({ "ForAllValues:StringEquals": { "aws:PrincipalOrgID": "o-1" } }), Truth::Yes),
            (json!({ "Null": { "aws:SourceArn": "false" } }), Truth::Yes),
            (json!({ "Bool": { "aws:SecureTransport": "true" } }), Truth::Yes),
        ] {
            let statement = json!([{ "Effect": "Allow", "Principal": "*", "Condition": condition }]);
            assert_eq!(admits(&statement), admitted, "{condition}");
        }
    }

    #[test]
    fn what_nobody_knows_is_neither_open_nor_closed() {
        let nobody = || unknown::unknown("known after apply");
        assert_eq!(admits_everybody(&json!("{ not JSON")), Truth::unknown("the policy is no JSON"));
        let statements = [
            json!([{ "Effect": "Allow", "Principal": { "AWS": nobody() } }]),
            json!([{ "Effect": "Allow", "Principal": "*", "Condition": nobody() }]),
            nobody(),
        ];
        assert!(statements.iter().all(|statement| admits(statement) == Truth::unknown("known after apply")));
        let text = r#"{"Statement":[{"Effect":"Allow","Principal":"*"}]}"#;
        assert_eq!(admits_everybody(&json!(text)), Truth::Yes);
    }
}
