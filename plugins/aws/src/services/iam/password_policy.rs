//! What passwords have to be.

use serde_json::json;

use super::ABSENT;
use crate::client::Fault;
use crate::found::Found;
use crate::model::{GLOBAL, Resource};
use crate::protocol::query::{Api, result};
use crate::protocol::xml;
use crate::services::if_any;

const OPERATION: (&str, &str) = ("iam", "GetAccountPasswordPolicy");

/// What holds where the account has no policy of its own (IAM's default).
const LENGTH_WITHOUT: i64 = 8;

/// Asks for the account's policy; without one, what holds then is told.
pub async fn collect(api: Api<'_>) -> Found {
    let mut found = Found::default();
    let answer = if_any(api.ask(OPERATION.1, &[]).await, ABSENT);
    // There is one, without a name.
    let policy = Resource::new("aws.iam.password-policy", GLOBAL, "password-policy");
    match answer.and_then(|text| put(policy, text.as_deref())) {
        Ok(policy) => found.resources.push(policy),
        Err(fault) => found.note_hiding(OPERATION, GLOBAL, None, &["aws.iam.password-policy"], fault),
    }
    found
}

fn put(mut policy: Resource, text: Option<&str>) -> Result<Resource, Fault> {
    let Some(text) = text else {
        policy.set("configured", false);
        policy.set("length_min", LENGTH_WITHOUT);
        return Ok(policy);
    };
    let document = xml::parse(text)?;
    let told = result(xml::root(&document), OPERATION.1).at("PasswordPolicy");
    policy.set("configured", true);
    for (name, value) in [
        ("length_min", json!(told.number("MinimumPasswordLength"))),
        ("reuse_prevention", json!(told.number("PasswordReusePrevention"))),
        ("age_max_days", json!(told.number("MaxPasswordAge"))),
        ("needs_lower_case", json!(told.truth("RequireLowercaseCharacters"))),
        ("needs_upper_case", json!(told.truth("RequireUppercaseCharacters"))),
        ("needs_numbers", json!(told.truth("RequireNumbers"))),
        ("needs_symbols", json!(told.truth("RequireSymbols"))),
    ] {
        policy.set(name, value);
    }
    Ok(policy)
}
