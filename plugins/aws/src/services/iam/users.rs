//! Users: their access keys and how old they are, their devices, and whether they have a
//! password.

use serde_json::{Value, json};
use troupe_sdk::{time, wait};

use super::ABSENT;
use crate::found::Found;
use crate::model::{GLOBAL, Resource};
use crate::protocol::query::{Api, result};
use crate::protocol::xml::{self, Element};
use crate::when;

const LIST: (&str, &str) = ("iam", "ListUsers");

/// A question about a user. Each answer is one page: a user has at most two keys, eight
/// devices and fifty tags.
struct Question {
    operation: &'static str,
    /// Names of what it tells.
    tells: &'static [&'static str],
    /// Puts the answer into the user; none is put if IAM says there is no such thing.
    put: fn(&mut Resource, Option<Element<'_>>),
}

const QUESTIONS: [Question; 4] = [
    Question { operation: "GetUser", tells: &["tags"], put: put_user },
    Question { operation: "ListAccessKeys", tells: &["access_keys"], put: put_keys },
    Question { operation: "ListMFADevices", tells: &["mfa", "mfa_devices"], put: put_devices },
    Question { operation: "GetLoginProfile", tells: &["password"], put: put_password },
];

/// Lists the users and asks about each.
pub async fn collect(api: Api<'_>) -> Found {
    let mut found = Found::default();
    let (users, listed) = super::list(api, LIST.1, "Users", user).await;
    if let Err(fault) = listed {
        found.note(LIST, GLOBAL, None, fault);
    }
    let users = wait::all(users.into_iter().map(|user| describe(api, user))).await;
    Found::all(std::iter::once(found).chain(users))
}

fn user(item: Element<'_>) -> Option<Resource> {
    let name = item.text("UserName")?;
    let resource = Resource::new("aws.iam.user", GLOBAL, name)
        .name(name)
        .arn(item.text("Arn").map(str::to_owned))
        .created(item.text("CreateDate").and_then(when::at))
        .with("user_id", item.text("UserId"))
        .with("path", item.text("Path"))
        .with("password_last_used", item.text("PasswordLastUsed").and_then(when::at));
    Some(resource)
}

async fn describe(api: Api<'_>, mut user: Resource) -> Found {
    let mut found = Found::default();
    let parameters = [("UserName", user.id.as_str())];
    let answers = wait::all(QUESTIONS.iter().map(|question| api.ask(question.operation, &parameters))).await;
    for (question, answer) in QUESTIONS.iter().zip(answers) {
        let answer = match &answer {
            Ok(text) => xml::parse(text).map(Some),
            Err(fault) if fault.code == ABSENT => Ok(None),
            Err(fault) => Err(fault.clone()),
        };
        found.read(&mut user, ("iam", question.operation), question.tells, answer, |user, answer| {
            (question.put)(user, answer.as_ref().map(|document| result(xml::root(document), question.operation)));
        });
    }
    found.resources.push(user);
    found
}

fn put_user(user: &mut Resource, answer: Option<Element<'_>>) {
    if let Some(item) = answer.map(|answer| answer.at("User")) {
        user.tags.extend(item.tags("Tags"));
        if let Some(boundary) = item.text("PermissionsBoundary/PermissionsBoundaryArn") {
            user.set("permissions_boundary", boundary);
        }
    }
}

fn put_keys(user: &mut Resource, answer: Option<Element<'_>>) {
    let now = time::now();
    let keys = answer.into_iter().flat_map(|answer| answer.list("AccessKeyMetadata")).map(|key| {
        let created = key.text("CreateDate");
        json!({
            "id": key.text("AccessKeyId"),
            "state": key.text("Status").map(str::to_lowercase),
            "created": created.and_then(when::at),
            "age_days": created.and_then(|created| when::days_since(created, now)),
        })
    });
    let keys: Value = keys.collect();
    user.set("access_keys", keys);
}

fn put_devices(user: &mut Resource, answer: Option<Element<'_>>) {
    let devices: Vec<String> =
        answer.into_iter().flat_map(|answer| answer.texts("MFADevices", "SerialNumber")).collect();
    user.set("mfa", !devices.is_empty());
    user.set("mfa_devices", devices);
}

fn put_password(user: &mut Resource, answer: Option<Element<'_>>) {
    user.set("password", answer.is_some());
}
