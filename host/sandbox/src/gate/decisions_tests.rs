use serde_bytes::ByteBuf;
use troupe_core::Error;

use super::super::call::encode;
use super::super::{HttpBody, HttpFailure, StateCall};
use super::*;

fn request(url: &str, credential: Option<&str>, secrets: &[&str]) -> HttpCall {
    HttpCall {
        method: "GET".to_owned(),
        url: url.to_owned(),
        headers: vec![("x".to_owned(), ByteBuf::from("private"))],
        body: HttpBody::of(b"private"),
        credential: credential.map(str::to_owned),
        action: None,
        repeatable: false,
        secrets: secrets.iter().map(|&name| name.to_owned()).collect(),
    }
}

fn failed(code: Code) -> Answer {
    Answer::HttpFailed(HttpFailure::new(&Error::new(code, "private")))
}

/// Each decision on a line.
fn told(decisions: &Decisions) -> String {
    let line = |entry: AuditEntry| {
        let details = serde_json::to_string(&entry.details).unwrap();
        let code = entry.code.map_or("-", Code::as_str);
        format!("{} {code} {} {details}\n", entry.kind.as_str(), entry.times)
    };
    decisions.entries().into_iter().map(line).collect()
}

#[test]
fn the_same_decision_is_one_with_a_count_and_nothing_private_is_in_it() {
    let mut decisions = Decisions::default();
    let state = Call::State(StateCall::Get { key: "private".to_owned() });
    let denied = Answer::denied("private".to_owned());
    for _ in 0..100 {
        assert_eq!(decisions.answered(&state, &denied), Some(AuditKind::Denied));
    }
    let url = "https://user:private@example.com:444/private?private";
    decisions.used(&request(url, Some("aws:prod"), &["chat-token", "other"]));
    decisions.used(&request("https://example.com/private", Some("aws:prod"), &[]));
    decisions.used(&request("https://example.com/", None, &[]));
    let inside = Call::Http(request("http://10.0.0.1/", None, &[]));
    assert_eq!(decisions.answered(&inside, &failed(Code::DeniedEgress)), Some(AuditKind::Denied));
    assert_eq!(decisions.answered(&inside, &failed(Code::LimitIdle)), Some(AuditKind::Limited));
    decisions.broken_off("http://10.0.0.1/private", Code::LimitIdle);
    decisions.broken_off("http://10.0.0.1/private", Code::UnavailableUpstream);
    assert_eq!(decisions.answered(&inside, &failed(Code::UnavailableUpstream)), None);
    let full = Answer::limit(Code::LimitStorage, 1, "private".to_owned());
    assert_eq!(decisions.answered(&state, &full), Some(AuditKind::Limited));
    assert_eq!(decisions.answered(&state, &Answer::Invalid("private".to_owned())), None);
    let files = FilesCall::Stat { directory: "notes".to_owned(), path: "private".to_owned() };
    assert!(decisions.answered(&Call::Files(files), &denied).is_some());
    let lines = [
        r#"denied denied.capability 1 {"call":"files.stat","directory":"notes"}"#,
        r#"denied denied.capability 100 {"call":"state.get"}"#,
        r#"denied denied.egress 1 {"call":"http","host":"http://10.0.0.1"}"#,
        r#"limited limit.idle 2 {"call":"http","host":"http://10.0.0.1"}"#,
        r#"limited limit.storage 1 {"call":"state.get"}"#,
        r#"credential - 1 {"credential":"aws:prod"}"#,
        r#"credential - 1 {"credential":"aws:prod","host":"https://example.com"}"#,
        r#"credential - 1 {"secret":"chat-token"}"#,
        r#"credential - 1 {"secret":"other"}"#,
    ];
    assert_eq!(told(&decisions), lines.join("\n") + "\n");
}

#[test]
fn rows_tell_what_the_calls_told() {
    let calls = [
        (Call::Http(request("https://example.com/", Some("aws:prod"), &["chat-token"])), None),
        (Call::Http(request("https://example.com/", Some("aws:prod"), &[])), Some(failed(Code::DeniedEgress))),
        (Call::Secrets(SecretsCall::Reference { name: "x".to_owned() }), Some(Answer::denied("no".to_owned()))),
        (Call::Wait, Some(Answer::Completed(1))),
    ];
    let mut live = Decisions::default();
    let mut rows = Vec::new();
    for (number, (call, answer)) in (1..).zip(&calls) {
        if let Call::Http(call) = call {
            live.used(call);
        }
        if let Some(answer) = answer {
            live.answered(call, answer);
        }
        let answer = answer.as_ref().map(Answer::encode).unwrap_or_default();
        let at = troupe_core::Timestamp::from_millis(0);
        rows.push(JournalRow { number, at, call: encode(call), answer, write: false });
    }
    assert_eq!(told(&Decisions::of(rows.iter())), told(&live));
    assert_eq!(Decisions::of(rows.iter()).entries(), live.entries());
    let mut none = Decisions::default();
    none.row(b"no call", b"no answer");
    assert!(none.entries().is_empty());
}

#[test]
fn what_is_too_much_to_be_told_apart_is_counted() {
    let mut decisions = Decisions::default();
    for round in 0..2 {
        for host in 0..1_000 {
            let call = Call::Http(request(&format!("https://h{host}.example/"), None, &[]));
            decisions.answered(&call, &failed(Code::DeniedCapability));
        }
        assert_eq!(decisions.entries().len(), limits::AUDIT_DECISIONS_MAX + 1, "{round}");
    }
    let entries = decisions.entries();
    assert_eq!(entries.iter().map(|entry| entry.times).sum::<u64>(), 2_000);
    let last = entries.last().unwrap();
    assert_eq!((last.times, last.details.get("others")), (2 * (1_000 - 64), Some(&true.into())));
}
