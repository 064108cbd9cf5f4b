use proptest::prelude::*;
use serde_json::json;

use super::*;

fn question(text: &str) -> ExplainRequest {
    ExplainRequest { question: text.to_owned(), ..ExplainRequest::default() }
}

fn read(text: &str) -> Question {
    Question::read(&question(text)).unwrap()
}

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    proptest::sample::select(texts)
}

fn grants() -> impl Strategy<Value = Grants> {
    let http = (
        one_of(&["a", "b", "c"]),
        one_of(&["*.b.example", "a.b.example", "c.b.example"]),
        proptest::sample::subsequence(vec!["GET", "POST", "DELETE"], 1..4),
        one_of(&["/", "/v1/", "/v1/x", "/v2"]),
        proptest::option::of(one_of(&["token:a", "token:b"])),
        proptest::option::of(one_of(&["read", "write", "destructive"])),
    )
        .prop_map(|(id, host, methods, path_prefix, credential, effect)| {
            let mut grant = json!({
                "id": id, "host": host, "methods": methods, "path_prefix": path_prefix, "effect": effect,
            });
            if let Some(credential) = credential {
                grant["credential"] = credential.into();
            }
            grant
        });
    let state = proptest::option::of(any::<bool>());
    let lock = (one_of(&["*", "a/*", "a/b", "c"]), 1_000..1_003_u64, any::<bool>());
    let lock = lock.prop_map(|(name, ms, preempt)| json!({ "name": name, "lease_ms": ms, "preempt": preempt }));
    let locks = proptest::collection::vec(lock, 0..4);
    let agents = one_of(&["*/*", "a/*", "*/x", "b/x"]).prop_map(|ask| json!({ "ask": ask }));
    let agents = proptest::collection::vec(agents, 0..3);
    let events = one_of(&[">", "a.>", "*.b", "a.b"]).prop_map(|publish| json!({ "publish": publish }));
    let events = proptest::collection::vec(events, 0..3);
    let approvals = proptest::option::of((1..3u32).prop_map(|open| json!({ "open": open })));
    let artifacts = proptest::option::of((1..3u32).prop_map(|count| json!({ "count": count })));
    let all = (state, proptest::collection::vec(http, 0..5), locks, agents, events, approvals, artifacts);
    all.prop_map(|(state, http, locks, agents, events, approvals, artifacts)| {
        let state = state.map(|instances| json!({ "bytes": 10, "keys": 1, "instances": instances }));
        let mut grants = json!({ "state": state, "http": http, "locks": locks, "agents": agents, "events": events });
        grants["approvals"] = json!(approvals);
        grants["artifacts"] = json!(artifacts);
        serde_json::from_value(grants).unwrap()
    })
}

fn ceiling() -> impl Strategy<Value = Effect> {
    proptest::sample::select(vec![Effect::Read, Effect::Write, Effect::Destructive])
}

fn questions() -> impl Strategy<Value = Question> {
    let http = (
        one_of(&["GET", "POST", "DELETE", "PUT"]),
        one_of(&["a.b.example", "c.b.example", "b.example"]),
        one_of(&["/", "/v1/x/y", "/v1/y", "/v2"]),
        one_of(&["none", "token:a", "token:b"]),
    )
        .prop_map(|(method, host, path, credential)| {
            let mut request = question(&format!("http {method} https://{host}{path}"));
            request.credential = Some(credential.to_owned());
            Question::read(&request).unwrap()
        });
    let state = one_of(&[
        "state get",
        "state set k",
        "state delete",
        "state list",
        "state compare-and-set",
        "instance-state get",
        "instance-state increment k",
    ]);
    let locks = one_of(&["locks acquire a/b", "locks preempt a/b", "locks acquire c", "locks preempt d"]);
    let agents = one_of(&["agents ask a/x", "agents ask a/y", "agents ask b/x", "approvals ask", "artifacts create a"]);
    let events = one_of(&["events publish a.b", "events publish a.c", "events publish b"]);
    prop_oneof![
        3 => http,
        1 => state.prop_map(read),
        1 => locks.prop_map(read),
        1 => agents.prop_map(read),
        1 => events.prop_map(read),
    ]
}

/// Whether the gate lets the call through.
fn passes(question: &Question, grants: &Grants, ceiling: Effect) -> bool {
    match &question.0 {
        Asked::State(space, call) => state::authorize(grants, ceiling, *space, call).is_ok(),
        Asked::Files(call) => files::authorize(grants, ceiling, call).is_ok(),
        Asked::Secrets(call) => secrets::authorize(grants, call).is_ok(),
        Asked::Locks(call) => locks::authorize(grants, ceiling, call).is_ok(),
        Asked::Agents(call) => agents::authorize(grants, ceiling, call).is_ok(),
        Asked::Events(call) => events::authorize(grants, ceiling, call).is_ok(),
        Asked::Approvals(call) => approvals::authorize(grants, ceiling, call).is_ok(),
        Asked::Artifacts(call) => artifacts::authorize(grants, call, &artifacts::Left::default()).is_ok(),
        Asked::Http { method, uri, headers, body, credential } => {
            let ask = HttpAsk { method, uri, headers, body, credential: credential.as_deref() };
            http_gate::authorize(grants, ceiling, &ask).is_ok()
        }
    }
}

proptest! {
    #[test]
    fn an_explanation_says_allowed_where_the_gate_does(
        (a, b, ceiling, question) in (grants(), grants(), ceiling(), questions())
    ) {
        let both = a.intersect(&b);
        prop_assert_eq!(question.judge(&both, ceiling).is_ok(), passes(&question, &both, ceiling));
        let each = question.judge(&a, ceiling).is_ok() && question.judge(&b, ceiling).is_ok();
        prop_assert_eq!(question.judge(&both, ceiling).is_ok(), each);
    }

    #[test]
    fn each_line_that_is_named_allows_the_call_by_itself(
        (a, ceiling, question) in (grants(), ceiling(), questions())
    ) {
        if let Ok(grounds) = question.judge(&a, ceiling) {
            prop_assert!(!grounds.lines.is_empty() && grounds.effect <= ceiling);
            let alone = |key: &GrantKey| passes(&question, &a.only(key), Effect::Destructive);
            prop_assert!(grounds.lines.iter().all(alone));
            let rest = grounds.lines.iter().fold(a, |rest, key| rest.without(key));
            prop_assert!(!passes(&question, &rest, ceiling));
        }
    }
}

#[test]
fn what_is_no_question_is_refused_with_an_example() {
    let refused = |request: &ExplainRequest| Question::read(request).unwrap_err().message;
    for text in [
        "",
        "state",
        "state drop",
        "state get a b",
        "instance-state get a b",
        "instance state get",
        "http GET",
        "http GET https://a.b extra",
        "files eat x",
        "locks acquire",
        "locks break a",
    ] {
        assert!(refused(&question(text)).contains("is no question; ask one such as"), "{text}");
    }
    assert_eq!(refused(&question("http G<T https://a.b/")), "`G<T` is not a method, so it is no request");
    assert_eq!(refused(&question("http GET https://[/")), "`https://[/` is not a URL, so it is no request");
    let headers = vec![("a b".to_owned(), "c".to_owned())];
    let with_header = ExplainRequest { headers: headers.clone(), ..question("http GET https://a.b/") };
    assert_eq!(refused(&with_header), "`a b` is not the name of a header, so it is no request");
    let of_state = ExplainRequest { headers, ..question("state get") };
    assert_eq!(refused(&of_state), "headers, body and credential belong to a question of `http`");
}

#[test]
fn a_question_of_aws_is_named_by_its_body() {
    let grants: Grants = serde_json::from_value(json!({ "http": [{
        "id": "ec2", "host": "ec2.*.amazonaws.com", "methods": ["POST"], "credential": "aws:default",
        "actions": ["ec2:Describe*"],
    }] }))
    .unwrap();
    let ask = |body: &str| {
        let request = ExplainRequest {
            body: Some(body.to_owned()),
            headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
            ..question("http POST https://ec2.us-east-1.amazonaws.com/")
        };
        Question::read(&request).unwrap().judge(&grants, Effect::Destructive)
    };
    let grounds = ask("Action=DescribeInstances&Version=2016-11-15").unwrap();
    assert_eq!(grounds.action.as_deref(), Some("ec2:DescribeInstances"));
    assert_eq!((grounds.lines, grounds.effect), (vec![GrantKey::Http("ec2".to_owned())], Effect::Read));
    assert!(
        ask("Action=TerminateInstances&Version=2016-11-15").unwrap_err().message.contains("ec2:TerminateInstances")
    );
}

#[test]
fn a_call_whose_arguments_the_gate_refuses_is_not_said_to_be_allowed() {
    let granted = json!({ "state": { "bytes": 10, "keys": 1 }, "files": [{ "name": "in" }] });
    let grants: Grants = serde_json::from_value(granted).unwrap();
    let told = |text: &str| read(text).judge(&grants, Effect::Destructive).map_err(|error| error.code);
    for (text, code) in [
        (format!("state get {}", "k".repeat(limits::STATE_KEY_BYTES_MAX + 1)), Code::RequestInvalid),
        ("files read in/../out".to_owned(), Code::DeniedPath),
        ("files read in".to_owned(), Code::DeniedPath),
        ("secrets reference No-Name".to_owned(), Code::RequestInvalid),
    ] {
        assert_eq!(told(&text).unwrap_err(), code, "{text}");
    }
    for text in ["state expire k", "files list in", "files read in/a"] {
        assert!(told(text).is_ok(), "{text}");
    }
}

#[test]
fn a_reference_may_stand_where_the_host_alone_sets_a_header() {
    let grants: Grants = serde_json::from_value(json!({ "http": [{ "id": "a", "host": "api.example.com" }] })).unwrap();
    let ask = |value: &str| {
        let headers = vec![("authorization".to_owned(), value.to_owned())];
        let request = ExplainRequest { headers, ..question("http GET https://api.example.com/") };
        Question::read(&request).unwrap().judge(&grants, Effect::Read).map_err(|error| error.code)
    };
    assert!(ask(&format!("Bearer troupe-secret-{}", "a".repeat(32))).is_ok());
    assert_eq!(ask("Bearer mine").unwrap_err(), Code::DeniedHeader);
}

#[test]
fn a_header_that_no_agent_may_set_is_denied_in_the_answer() {
    let request = ExplainRequest {
        headers: vec![("authorization".to_owned(), "x".to_owned())],
        ..question("http GET https://a.b/")
    };
    let question = Question::read(&request).unwrap();
    assert_eq!(question.judge(&Grants::default(), Effect::Read).unwrap_err().code, Code::DeniedHeader);
}
