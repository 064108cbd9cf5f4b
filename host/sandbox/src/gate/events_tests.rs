use serde_json::{Value, json};

use super::*;

fn grants(events: Value) -> Grants {
    serde_json::from_value(json!({ "events": events })).unwrap()
}

fn publish(topic: &str, data: &str, options: &str) -> EventsCall {
    EventsCall::Publish { topic: topic.to_owned(), data: data.to_owned(), options: options.to_owned() }
}

fn refusal(call: &EventsCall) -> Answer {
    authorize(&grants(json!([{ "publish": "billing.>" }])), Effect::Write, call).unwrap_err()
}

#[test]
fn a_grant_names_the_topics_and_no_other_is_published_under() {
    let granted = grants(json!([{ "publish": "billing.>" }, { "publish": "audit.*.done" }]));
    let allowed = |topic: &str| authorize(&granted, Effect::Write, &publish(topic, "null", "{}")).is_ok();
    assert!(allowed("billing.paid") && allowed("billing.a.b") && allowed("audit.x.done"));
    assert!(!allowed("billing") && !allowed("billing-eu.paid") && !allowed("audit.done") && !allowed("audit.x.y.done"));
    let call = publish("billing.paid", "null", "{}");
    assert!(authorize(&Grants::default(), Effect::Destructive, &call).is_err());
    // To publish is a write, whatever a skill says of itself.
    let Answer::Denied { message, .. } = authorize(&granted, Effect::Read, &call).unwrap_err() else { panic!() };
    assert!(message.contains("a call of class write"), "{message}");
}

#[test]
fn f66_a_pattern_is_no_topic_even_where_it_is_granted() {
    let granted = grants(json!([{ "publish": ">" }]));
    for topic in ["billing.>", "billing.*", ">", "*", "", "a b", "a..b", "a\nb"] {
        let answer = authorize(&granted, Effect::Write, &publish(topic, "null", "{}")).unwrap_err();
        assert!(matches!(answer, Answer::Invalid(_)), "{topic}: {answer:?}");
    }
}

#[test]
fn arguments_are_documents_within_their_bounds_that_name_no_sender() {
    for (data, options, says) in [
        ("", "{}", "the data is not JSON"),
        ("{}", "[]", "they are a JSON object"),
        ("{}", r#"{"source":"/owner"}"#, "unknown field `source`"),
        ("{}", r#"{"hops":0}"#, "unknown field `hops`"),
        ("{}", r#"{"id":""}"#, "`id`"),
        ("{}", r#"{"attributes":{"source":"/owner"}}"#, "`source` is no further attribute"),
        ("{}", r#"{"attributes":{"Bad-Name":"x"}}"#, "Bad-Name"),
        ("{}", r#"{"delay_ms":99999999999999}"#, "put off"),
    ] {
        let Answer::Invalid(message) = refusal(&publish("billing.paid", data, options)) else { panic!("{options}") };
        assert!(message.contains(says), "{message}");
    }
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    assert!(matches!(refusal(&publish("billing.paid", &deep, "{}")), Answer::Invalid(_)));
    let long = format!("\"{}\"", "a".repeat(limits::EVENT_BYTES_MAX));
    assert!(matches!(refusal(&publish("billing.paid", &long, "{}")), Answer::Invalid(_)));
    let options = format!("{{\"id\":\"{}\"}}", "a".repeat(limits::EVENT_OPTIONS_BYTES_MAX));
    assert!(matches!(refusal(&publish("billing.paid", "{}", &options)), Answer::Invalid(_)));
}

#[test]
fn what_comes_of_publishing_is_told_without_who_listens() {
    let told = Answer::of_publish(&PublishOutcome::Published(7));
    assert_eq!(Answer::decode(&told.encode()).unwrap(), told);
    assert_eq!(told.describe(), "event 7");
    let Answer::Limit { code, maximum, .. } = Answer::of_publish(&PublishOutcome::Descendants) else { panic!() };
    assert_eq!((code.as_str(), maximum), ("limit.descendants", limits::EVENT_DESCENDANTS_MAX));
}
