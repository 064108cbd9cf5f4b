//! Whether a policy of AWS that is attached to a resource lets everybody in.
//!
//! It does if one of its statements allows something to everybody and no condition holds that back. Everybody is the
//! principal `*`, alone or as `AWS`, and whoever is not named in a `NotPrincipal`. A condition holds back if it
//! compares who sends a request, or where it comes from ([`KEYS`]), with something in particular, and asks for equality:
//! that a request must come over TLS holds nobody back. What a Deny takes away again is not worked out.

use std::net::IpAddr;

use serde_json::Value;

use crate::Truth;

/// The keys that tell who or where a request comes from, in lower case, up to a `/`. Access points of S3 have
/// policies of their own, so who names them, or their account, names who may.
const KEYS: [&str; 24] = [
    "aws:principalaccount",
    "aws:principalarn",
    IS_SERVICE,
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalservicename",
    "aws:principaltag",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpcarn",
    "aws:sourcevpce",
    "aws:userid",
    "aws:vpceaccount",
    "aws:vpceorgid",
    "aws:vpceorgpaths",
    "aws:vpcsourceip",
    "kms:calleraccount",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
];

/// Whether a service of AWS asks. Whoever else asks is everybody again.
const IS_SERVICE: &str = "aws:principalisawsservice";

/// Values that a condition on one of the keys holds nobody back with, beside ranges that are the whole internet.
const EVERYWHERE: [&str; 3] = ["*", "arn:*", "arn:aws:*"];

/// Tells why a value is not known, if it is not: in a document some are worked out only when it is applied.
pub type Unknown = fn(&Value) -> Option<&str>;

/// Reports whether a policy, or the text of one, lets everybody in.
pub fn admits_everybody(policy: &Value, unknown: Unknown) -> Truth {
    match policy {
        Value::Null => Truth::No,
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(policy) if policy.is_object() => admits_everybody(&policy, unknown),
            _ => Truth::unknown("the policy is no JSON"),
        },
        policy => {
            let known = Known(unknown);
            known.of(policy.get("Statement"), |statements| {
                Truth::any(many(statements).map(|statement| known.of(Some(statement), |one| known.admits(one))))
            })
        }
    }
}

/// What is told of values that may not be known.
#[derive(Clone, Copy)]
struct Known(Unknown);

impl Known {
    /// What is told of a value, if it is there and somebody knows it.
    fn of<'v>(self, value: Option<&'v Value>, told: impl FnOnce(&'v Value) -> Truth) -> Truth {
        match value {
            None => Truth::No,
            Some(value) => (self.0)(value).map_or_else(|| told(value), Truth::unknown),
        }
    }

    /// Reports whether one statement lets everybody in.
    fn admits(self, statement: &Value) -> Truth {
        let allows = self.of(statement.get("Effect"), |effect| Truth::from(effect.as_str() == Some("Allow")));
        let is_everybody = match statement.get("NotPrincipal").filter(|named| !named.is_null()) {
            Some(_) => Truth::Yes,
            None => self.of(statement.get("Principal"), |principal| self.is_everybody(principal)),
        };
        let held_back = self.of(statement.get("Condition"), |condition| self.is_held_back(condition));
        allows.and(is_everybody).and(held_back.negated())
    }

    fn is_everybody(self, principal: &Value) -> Truth {
        let is_star = |value: &Value| self.of(Some(value), |value| Truth::from(value.as_str() == Some("*")));
        let of_aws = self.of(principal.get("AWS"), |named| Truth::any(many(named).map(is_star)));
        is_star(principal).or(of_aws)
    }

    fn is_held_back(self, condition: &Value) -> Truth {
        let tests = condition.as_object().into_iter().flatten();
        let equal = tests.filter(|(test, _)| {
            let test = test.to_ascii_lowercase();
            // `ForAnyValue:` and `ForAllValues:` may stand before the test. With `…IfExists` and `ForAllValues:` a request
            // without the key passes.
            !test.contains("not") && test != "null" && !test.ends_with("ifexists") && !test.starts_with("forallvalues:")
        });
        Truth::any(equal.map(|(_, pairs)| {
            self.of(Some(pairs), |pairs| {
                let mut pairs = pairs.as_object().into_iter().flatten();
                Truth::from(pairs.any(|(key, values)| is_particular(key, values)))
            })
        }))
    }
}

/// Reports whether a key tells who or where a request comes from, and the values are not everybody and everywhere. What
/// a template refers to, an account or what it makes, is something in particular.
fn is_particular(key: &str, values: &Value) -> bool {
    let key = key.to_ascii_lowercase();
    let is_everywhere = |value: &Value| match value.as_str() {
        Some(text) if key == IS_SERVICE => text.eq_ignore_ascii_case("false"),
        Some(text) => EVERYWHERE.contains(&text) || is_whole_internet(text),
        None => key == IS_SERVICE && value.as_bool() == Some(false),
    };
    KEYS.contains(&key.split('/').next().unwrap_or(&key)) && !many(values).any(is_everywhere)
}

fn is_whole_internet(range: &str) -> bool {
    range.strip_suffix("/0").is_some_and(|address| address.parse::<IpAddr>().is_ok())
}

/// A value, or each of a list.
fn many(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What nobody knows stands as `{ "?": WHY }`.
    fn admits_everybody(policy: &Value) -> Truth {
        super::admits_everybody(policy, |value| value.get("?").and_then(Value::as_str))
    }

    fn unknown(why: &str) -> Value {
        json!({ "?": why })
    }

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
            (json!({ "StringEquals": { "aws:SourceAccount": unknown("of the stack") } }), Truth::No),
            (json!({ "ArnLike": { "AWS:SourceArn": "arn:aws:s3:::reports" } }), Truth::No),
            (json!({ "ForAnyValue:StringLike": { "aws:PrincipalOrgPaths": ["o-1/*"] } }), Truth::No),
            (json!({ "StringEquals": { "aws:PrincipalTag/team": "data" } }), Truth::No),
            (json!({ "StringEquals": { "s3:DataAccessPointAccount": "111122223333" } }), Truth::No),
            (json!({ "StringEquals": { "aws:VpceAccount": "111122223333" } }), Truth::No),
            (json!({ "StringEquals": { "aws:VpceOrgID": "o-1" } }), Truth::No),
            (json!({ "ForAnyValue:StringLike": { "aws:VpceOrgPaths": ["o-1/r-1/*"] } }), Truth::No),
            (json!({ "ArnEquals": { "aws:SourceVpcArn": "arn:aws:ec2:eu-west-1:111122223333:vpc/vpc-1" } }), Truth::No),
            (json!({ "StringEquals": { "aws:PrincipalServiceName": "cloudtrail.amazonaws.com" } }), Truth::No),
            (json!({ "Bool": { "aws:PrincipalIsAWSService": "true" } }), Truth::No),
            (json!({ "Bool": { "aws:PrincipalIsAWSService": true } }), Truth::No),
            (json!({ "Bool": { "aws:PrincipalIsAWSService": "false" } }), Truth::Yes),
            (json!({ "Bool": { "aws:PrincipalIsAWSService": [false] } }), Truth::Yes),
            (json!({ "IpAddress": { "aws:SourceIp": ["192.0.2.0/24"] } }), Truth::No),
            (json!({ "IpAddress": { "aws:SourceIp": "0::0/0" } }), Truth::Yes),
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
        let nobody = || unknown("known after apply");
        assert_eq!(admits_everybody(&json!("{ not JSON")), Truth::unknown("the policy is no JSON"));
        let statements = [
            json!([{ "Effect": "Allow", "Principal": { "AWS": nobody() } }]),
            json!([{ "Effect": "Allow", "Principal": "*", "Condition": nobody() }]),
            json!([{ "Effect": "Allow", "Principal": "*", "Condition": { "StringEquals": nobody() } }]),
            json!([{ "Effect": "Allow", "Principal": "*", "Condition": { "Bool": { "aws:SecureTransport": "true" }, "StringLike": nobody() } }]),
            nobody(),
        ];
        assert!(statements.iter().all(|statement| admits(statement) == Truth::unknown("known after apply")));
        let held = json!({ "StringEquals": nobody(), "ArnLike": { "aws:SourceArn": "arn:aws:s3:::reports" } });
        assert_eq!(admits(&json!([{ "Effect": "Allow", "Principal": "*", "Condition": held }])), Truth::No);
        let text = r#"{"Statement":[{"Effect":"Allow","Principal":"*"}]}"#;
        assert_eq!(admits_everybody(&json!(text)), Truth::Yes);
    }
}
