use serde_json::{Value, json};
use troupe_core::Error;
use troupe_core::view::{TaskFailure, TaskStatus};

use super::*;

fn grants(agents: Value) -> Grants {
    serde_json::from_value(json!({ "agents": agents })).unwrap()
}

fn ask(agent: &str, skill: &str, input: &str, options: &str) -> AgentsCall {
    let (agent, skill) = (agent.to_owned(), skill.to_owned());
    AgentsCall::Ask { agent, skill, input: input.to_owned(), options: options.to_owned() }
}

fn refusal(call: &AgentsCall) -> Answer {
    authorize(&grants(json!([{ "ask": "billing/in*" }])), Effect::Write, call).unwrap_err()
}

#[test]
fn a_grant_names_what_may_be_asked_for_and_nothing_else_is() {
    let granted = grants(json!([{ "ask": "billing/in*" }]));
    let allowed = |agent, skill| authorize(&granted, Effect::Read, &ask(agent, skill, "{}", "{}")).is_ok();
    assert!(allowed("billing", "invoice") && allowed("billing", "in"));
    assert!(!allowed("billing", "refund") && !allowed("billing-eu", "invoice") && !allowed("", ""));
    assert!(authorize(&Grants::default(), Effect::Destructive, &ask("billing", "invoice", "{}", "{}")).is_err());
}

#[test]
fn f70_what_may_not_be_asked_and_what_is_not_there_are_answered_with_the_same_bytes() {
    let call = ask("payroll", "raise", "{}", "{}");
    let not_granted = refusal(&call);
    assert_eq!(not_granted.encode(), Answer::of_ask(&AskOutcome::NotThere, "payroll", "raise").encode());
    // Whatever the input and the options are, which would be looked at only behind the grant.
    assert_eq!(not_granted, refusal(&ask("payroll", "raise", "no JSON", "no JSON")));
}

#[test]
fn arguments_are_documents_within_their_bounds_that_name_nobody() {
    for (input, options, says) in [
        ("", "{}", "the input is not JSON"),
        ("{}", "[]", "they are a JSON object"),
        ("{}", r#"{"principal":"owner"}"#, "unknown field `principal`"),
        ("{}", r#"{"idempotency_key":""}"#, "an idempotency key is 1 to"),
    ] {
        let Answer::Invalid(message) = refusal(&ask("billing", "invoice", input, options)) else { panic!("{input}") };
        assert!(message.contains(says), "{message}");
    }
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    assert!(matches!(refusal(&ask("billing", "invoice", &deep, "{}")), Answer::Invalid(_)));
    let long = format!("\"{}\"", "a".repeat(limits::INPUT_BYTES_MAX));
    assert!(matches!(refusal(&ask("billing", "invoice", &long, "{}")), Answer::Invalid(_)));
    let options = format!("{{\"idempotency_key\":\"{}\"}}", "a".repeat(limits::ASK_OPTIONS_BYTES_MAX));
    assert!(matches!(refusal(&ask("billing", "invoice", "{}", &options)), Answer::Invalid(_)));
}

#[test]
fn what_a_task_has_asked_for_it_may_look_at_whatever_is_granted() {
    let task: TaskId = "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b".parse().unwrap();
    for call in [
        AgentsCall::Find { task: task.to_string() },
        AgentsCall::Get { task },
        AgentsCall::Cancel { task },
        AgentsCall::Children,
    ] {
        assert!(authorize(&Grants::default(), Effect::Read, &call).is_ok(), "{}", call.name());
    }
    assert_eq!(refusal(&AgentsCall::Find { task: "mine".to_owned() }), no_child());
}

#[test]
fn an_end_says_how_and_an_output_is_the_answer() {
    let child = |status, output: Option<&str>, failure| Child {
        task: "0199a2f0-6c1e-7d3a-9b52-4f0c8d1e2a3b".parse().unwrap(),
        agent: "billing".parse().unwrap(),
        skill: "invoice".parse().unwrap(),
        status,
        output: output.map(str::to_owned),
        failure,
    };
    let of = |child| Answer::of_child(Some(child));
    assert_eq!(of(child(TaskStatus::Running, None, None)), Answer::Agents(AgentsAnswer::Pending));
    let completed = AgentsAnswer::Completed("17".to_owned());
    assert_eq!(of(child(TaskStatus::Completed, Some("17"), None)), Answer::Agents(completed));
    let failure = TaskFailure::from(&Error::new(Code::GuestFailed, "no money"));
    let Answer::Agents(AgentsAnswer::Ended { message, details }) =
        of(child(TaskStatus::Cancelled, Some("1"), Some(failure)))
    else {
        panic!("what a cancelled task still answered is no answer")
    };
    assert!(message.ends_with("ended as cancelled: no money"), "{message}");
    let details: Value = serde_json::from_str(&details).unwrap();
    assert_eq!((&details["status"], &details["code"]), (&json!("cancelled"), &json!("guest.failed")));
    assert_eq!(Answer::of_child(None), no_child());
}
