//! The algebra of grants: what two keys open together is what each opens, by the judgement of the gate itself.

use serde_json::{Map, Value, json};
use troupe_core::view::ExplainRequest;
use troupe_core::{Effect, Grants};
use troupe_sandbox::Question;

use super::Choices;

const HOSTS: [&str; 8] = [
    "a.b.example",
    "*.b.example",
    "c.b.example",
    "a.*.x.example",
    "ec2.us-east-1.amazonaws.com",
    "ec2.*.amazonaws.com",
    "127.0.0.1",
    "::1",
];
const PATHS: [&str; 13] = [
    "/",
    "/v1/",
    "/v1",
    "/v1/x",
    "/v2",
    "/%761/",
    "/v1/%C3%A9/",
    "/v1/a%252fb/",
    "/*",
    "/*/x",
    "/v1/*/y",
    "/v1/*/",
    "/v1/%2A",
];
const METHODS: [&str; 5] = ["GET", "POST", "DELETE", "HEAD", "PUT"];
const ACTIONS: [&str; 5] = ["ec2:*", "ec2:Describe*", "ec2:DescribeInstances", "ec2:StopInstances", "s3:*"];
const CREDENTIALS: [&str; 4] = ["none", "bearer:a", "bearer:b", "aws:default"];
const CLASSES: [&str; 3] = ["read", "write", "destructive"];
const TARGETS: [&str; 16] = [
    "/",
    "/v1/",
    "/v1",
    "/v1/x/y",
    "/v1/../v2",
    "/v1/%2e%2e/v2",
    "/v2/",
    "/v1//x",
    "/v1/a%2fb",
    "/%76%31/x",
    "/v1/x;y/../z",
    "/v1/;x/y",
    "/v1/%3bx/y",
    "/v1/x%3F/y",
    "/v1/*/y",
    "/?Action=DescribeInstances&Version=2016-11-15",
];
const NAMES: [&str; 3] = ["one", "two", "three"];

/// Lines of one kind, at most.
const LINES_MAX: usize = 4;
/// Questions asked of one pair of keys.
const QUESTIONS: usize = 6;

pub(super) fn grants(data: &[u8]) -> bool {
    of_document(data);
    let mut choices = Choices::new(data);
    let (Some(one), Some(two)) = (key(&mut choices), key(&mut choices)) else { return false };
    let both = one.intersect(&two);
    assert!(!both.is_wider_than(&one) && !both.is_wider_than(&two), "{both:#?}\nis wider than a key");
    let turned = two.intersect(&one);
    assert!(!both.is_wider_than(&turned) && !turned.is_wider_than(&both), "the order of keys means nothing");
    assert!(!both.is_wider_than(&both.intersect(&one)), "a key that was turned changes nothing");
    let covered = !one.is_wider_than(&two);
    for _ in 0..QUESTIONS {
        let Some(question) = question(&mut choices) else { continue };
        let ceiling = choices.one_of(&[Effect::Destructive, Effect::Write, Effect::Read]);
        let allows = |grants: &Grants| question.judge(grants, ceiling).is_ok();
        let (by_one, by_two, by_both) = (allows(&one), allows(&two), allows(&both));
        assert!(!by_both || by_one && by_two, "{} is open, and not with each key", question.describe());
        // Directories and the places of secrets may differ, so that both keys open something and not the same.
        let whole = ["http ", "state", "instance-state", "locks", "agents", "approvals", "events", "artifacts"];
        if whole.iter().any(|kind| question.describe().starts_with(kind)) {
            assert_eq!(by_both, by_one && by_two, "{}: {by_one} {by_two}\n{both:#?}", question.describe());
        }
        assert!(!covered || !by_one || by_two, "{} is open by what is not wider", question.describe());
        grounds(&question, &one, ceiling);
    }
    true
}

/// Grants as an operator sends them: what is read is written as it is read.
fn of_document(data: &[u8]) {
    let Ok(grants) = serde_json::from_slice::<Grants>(data) else { return };
    let text = serde_json::to_vec(&grants).expect("JSON");
    assert_eq!(serde_json::from_slice::<Grants>(&text).expect("grants that read back"), grants);
    for key in grants.keys() {
        assert!(!grants.only(&key).is_wider_than(&grants), "{key}");
        assert!(!grants.without(&key).is_wider_than(&grants), "{key}");
    }
}

/// Each line that an explanation names allows the call by itself, and none that it leaves out does.
fn grounds(question: &Question, grants: &Grants, ceiling: Effect) {
    let Ok(grounds) = question.judge(grants, ceiling) else { return };
    assert!(grounds.effect <= ceiling && !grounds.lines.is_empty(), "{grounds:?}");
    for line in &grounds.lines {
        let alone = grants.only(line);
        assert!(question.judge(&alone, Effect::Destructive).is_ok(), "{line} does not allow {}", question.describe());
    }
    let rest = grounds.lines.iter().fold(grants.clone(), |rest, line| rest.without(line));
    assert!(question.judge(&rest, ceiling).is_err(), "something beside {:?} allows it", grounds.lines);
}

fn key(choices: &mut Choices<'_>) -> Option<Grants> {
    let mut document = Map::new();
    if choices.flag() {
        let (bytes, keys) = (choices.byte(), choices.byte());
        document.insert("state".to_owned(), json!({ "bytes": bytes, "keys": keys, "instances": keys % 2 == 1 }));
    }
    let http: Vec<Value> = (0..choices.below(LINES_MAX)).map(|_| service(choices)).collect();
    let secrets: Vec<Value> = (0..choices.below(LINES_MAX)).map(|_| secret(choices)).collect();
    let files: Vec<Value> = NAMES.iter().filter(|_| choices.flag()).map(|name| json!({ "name": name })).collect();
    let files = files.into_iter().map(|file| directory(file, choices)).collect::<Vec<_>>();
    document.extend([("http".to_owned(), http.into()), ("secrets".to_owned(), secrets.into())]);
    document.insert("files".to_owned(), files.into());
    let locks: Vec<Value> = (0..choices.below(LINES_MAX)).map(|_| lock(choices)).collect();
    document.insert("locks".to_owned(), locks.into());
    let agents: Vec<Value> = (0..choices.below(LINES_MAX)).map(|_| agent(choices)).collect();
    document.insert("agents".to_owned(), agents.into());
    if choices.flag() {
        document.insert("approvals".to_owned(), json!({ "open": 1 + choices.below(500) }));
    }
    if choices.flag() {
        document
            .insert("artifacts".to_owned(), json!({ "bytes": 1 + choices.below(500), "count": 1 + choices.below(9) }));
    }
    let events: Vec<Value> = (0..choices.below(LINES_MAX)).map(|_| event(choices)).collect();
    document.insert("events".to_owned(), events.into());
    serde_json::from_value(document.into()).ok()
}

fn host(choices: &mut Choices<'_>) -> String {
    if choices.below(16) == 15 { choices.text(24) } else { choices.one_of(&HOSTS).to_owned() }
}

fn path(choices: &mut Choices<'_>) -> String {
    if choices.below(16) == 15 { format!("/{}", choices.text(16)) } else { choices.one_of(&PATHS).to_owned() }
}

fn service(choices: &mut Choices<'_>) -> Value {
    let mut grant = json!({
        "id": choices.one_of(&NAMES), "host": host(choices), "methods": choices.some_of(&METHODS),
        "path_prefix": path(choices), "private": choices.flag(),
    });
    if choices.flag() {
        grant["port"] = choices.one_of(&[443, 80, 8443]).into();
    }
    if choices.flag() {
        grant["scheme"] = choices.one_of(&["https", "http"]).into();
    }
    match choices.one_of(&CREDENTIALS) {
        "none" => {}
        "aws:default" => {
            grant["credential"] = "aws:default".into();
            grant["actions"] = choices.some_of(&ACTIONS).into();
        }
        other => grant["credential"] = other.into(),
    }
    if choices.flag() {
        grant["effect"] = choices.one_of(&CLASSES).into();
    }
    grant
}

fn secret(choices: &mut Choices<'_>) -> Value {
    json!({ "name": choices.one_of(&NAMES), "host": host(choices), "path_prefix": path(choices) })
}

fn agent(choices: &mut Choices<'_>) -> Value {
    json!({ "ask": choices.one_of(&["*/*", "a/*", "a*/x", "*/x", "a/x", "b/y"]) })
}

fn event(choices: &mut Choices<'_>) -> Value {
    json!({ "publish": choices.one_of(&[">", "a.>", "a.*", "*.x", "a.x", "a.*.y", "b"]) })
}

fn lock(choices: &mut Choices<'_>) -> Value {
    let name = choices.one_of(&["*", "a/*", "a/b*", "a/b", "c"]);
    json!({ "name": name, "lease_ms": 1_000 + u64::from(choices.byte()), "preempt": choices.flag() })
}

fn directory(mut grant: Value, choices: &mut Choices<'_>) -> Value {
    grant["bytes"] = choices.byte().into();
    grant["files"] = choices.byte().into();
    grant["access"] = choices.one_of(&["read", "read-write"]).into();
    if choices.flag() {
        grant["path"] = choices.one_of(&["/a", "/b", "*"]).into();
    }
    grant
}

/// A call that a guest could make, with its credential named, so that no other is chosen.
fn question(choices: &mut Choices<'_>) -> Option<Question> {
    let mut request = ExplainRequest::default();
    match choices.below(10) {
        0 => {
            let verb = choices.one_of(&["get", "set", "delete", "list", "compare-and-set", "increment"]);
            let whose = choices.one_of(&["state", "instance-state"]);
            request.question = format!("{whose} {verb}");
        }
        1 => {
            let verb = choices.one_of(&["read", "write", "stat", "list", "delete"]);
            request.question = format!("files {verb} {}/x", choices.one_of(&NAMES));
        }
        8 => request.question = "approvals ask".to_owned(),
        9 => request.question = "artifacts create a.txt".to_owned(),
        2 => request.question = format!("secrets reference {}", choices.one_of(&NAMES)),
        5 => {
            request.question = format!("events publish {}", choices.one_of(&["a.x", "a.b", "a.b.y", "b", "c"]));
        }
        4 => {
            request.question = format!("agents ask {}", choices.one_of(&["a/x", "ab/x", "b/y", "c/z"]));
        }
        3 => {
            let verb = choices.one_of(&["acquire", "preempt"]);
            request.question = format!("locks {verb} {}", choices.one_of(&["a/b", "a/bc", "c", "d"]));
        }
        _ => {
            let method = choices.one_of(&METHODS);
            let host = choices.one_of(&[
                "a.b.example",
                "c.b.example",
                "a.q.x.example",
                "ec2.us-east-1.amazonaws.com",
                "127.0.0.1",
                "[::1]",
                "A.b.Example",
                "a.b.example.",
            ]);
            let scheme = choices.one_of(&["https", "http"]);
            let port = choices.one_of(&["", ":443", ":80", ":8443"]);
            let target = choices.one_of(&TARGETS);
            request.question = format!("http {method} {scheme}://{host}{port}{target}");
            request.credential = Some(choices.one_of(&CREDENTIALS).to_owned());
            if choices.flag() {
                request.headers = vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
                request.body = Some(format!("Action={}", choices.one_of(&["DescribeInstances", "StopInstances"])));
            }
        }
    }
    Question::read(&request).ok()
}
