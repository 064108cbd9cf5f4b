use proptest::prelude::*;
use serde_json::json;

use super::*;

const BASE: &str = r#"name = "aws"
version = "1.2.0"
summary = "Looks after AWS accounts"
goals = ["Answer what runs where"]

[configuration]
region = "eu-central-1"
hours = 1

[state]
version = 2
reads = "1..=2"

[limits]
time = "90s"

[capabilities.state]
bytes = "2 MiB"
"#;

fn base() -> Manifest {
    Manifest::parse(BASE).unwrap()
}

fn template(parameters: Value, agent: Value) -> Template {
    let document = json!({
        "template": 1, "name": "explorer", "version": "1.0.0", "summary": "Looks around", "component": "aws@1.2.0",
        "parameters": parameters, "agent": agent,
    });
    serde_json::from_value(document).unwrap()
}

/// What comes of a template with parameters.
fn made(template: &Template, given: Value) -> Result<Manifest> {
    check(template)?;
    let Value::Object(given) = given else { panic!("an object") };
    let values = values(template, &given)?;
    manifest(template, &values, &base(), "eu".parse().unwrap(), "3.0.0".parse().unwrap())
}

fn refused(template: &Template, given: Value) -> String {
    let error = made(template, given).unwrap_err();
    assert!(matches!(error.code, Code::TemplateInvalid | Code::ManifestInvalid), "{error:?}");
    error.message
}

fn region() -> Value {
    json!({ "type": "object", "properties": {
        "region": { "type": "string", "default": "eu-west-1" }, "hours": { "type": "integer" } }, "required": ["hours"] })
}

#[test]
fn what_it_says_stands_in_place_of_the_release_and_the_rest_stays() {
    let agent = json!({
        "summary": "Looks around in ${region}, for ${hours} h, at $${region}",
        "skills": ["list_*"],
        "configuration": { "region": "${region}", "hours": "${hours}", "deep": [["${hours}"], true] },
    });
    let made = made(&template(region(), agent), json!({ "hours": 12 })).unwrap();
    assert_eq!(made.release().to_string(), "eu@3.0.0");
    assert_eq!(made.summary, "Looks around in eu-west-1, for 12 h, at ${region}");
    assert_eq!(Value::from(made.configuration), json!({ "region": "eu-west-1", "hours": 12, "deep": [[12], true] }));
    assert!(made.skills[0].takes(&"list_instances".parse().unwrap()));
    let base = base();
    assert_eq!(
        (made.goals, made.state, made.limits, made.capabilities),
        (base.goals, base.state, base.limits, base.capabilities)
    );
}

#[test]
fn a_parameter_is_a_value_whatever_stands_in_it() {
    let template = template(region(), json!({ "configuration": { "text": "in ${region}", "region": "${region}" } }));
    let odd = "\", \"goals\": [\"x\"], ${hours} $${ }";
    let made = made(&template, json!({ "hours": 1, "region": odd })).unwrap();
    assert_eq!(Value::from(made.configuration), json!({ "text": format!("in {odd}"), "region": odd }));
    assert_eq!(made.goals, base().goals);
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let named = |text: &str| template(region(), json!({ "summary": text }));
    assert_eq!(
        refused(&named("${hours}"), json!({ "hour": 1 })),
        "the template explorer has no parameter `hour`; it has hours, region"
    );
    assert_eq!(refused(&named("${hours}"), json!({})), "the parameter `hours` is needed and was not given");
    let undeclared = refused(&named("${account}"), json!({}));
    assert!(undeclared.starts_with("`${account}` stands under `agent`, and no parameter `account`"), "{undeclared}");
    for broken in ["${", "${a b}", "${}", "${region", "${1}"] {
        let why = refused(&named(broken), json!({ "hours": 1 }));
        assert!(why.contains("does not name a parameter"), "{broken}: {why}");
    }
    // Without a default and not required, it may not be there.
    let optional = json!({ "properties": { "region": { "type": "string" } } });
    assert!(refused(&template(optional, json!({ "summary": "${region}" })), json!({})).contains("`required`"));
    for field in ["name", "version", "state"] {
        let why = refused(&template(json!({}), json!({ field: "x" })), json!({}));
        assert_eq!(why, format!("`agent.{field}` is not for a template to say; remove it"));
    }
    assert_eq!(
        refused(&template(json!({}), json!({ "sumary": "x" })), json!({})).split_once(',').unwrap().0,
        "the manifest is not valid: unknown field `sumary`"
    );
    assert!(refused(&template(region(), json!({ "goals": "${region}" })), json!({ "hours": 1 })).contains("goals"));
    let within = template(region(), json!({ "summary": "at ${region}" }));
    assert!(refused(&within, json!({ "hours": 1, "region": [1] })).contains("a text, a number or a truth value"));
    for schema in [
        json!({ "type": "array" }),
        json!({ "properties": [] }),
        json!({ "properties": { "a-b": {} } }),
        json!({ "required": ["x"] }),
    ] {
        refused(&template(schema, json!({})), json!({}));
    }
    let many: Map<String, Value> = (0..=TEMPLATE_PARAMETERS_MAX).map(|n| (format!("p{n}"), json!({}))).collect();
    assert!(refused(&template(json!({ "properties": many }), json!({})), json!({})).contains("the limit is 64"));
}

#[test]
fn little_does_not_become_much() {
    let parameters = json!({ "properties": { "text": { "default": "x".repeat(15_000) } } });
    let many: Vec<String> = vec!["${text}".repeat(40); 100];
    let why = refused(&template(parameters.clone(), json!({ "configuration": { "many": many } })), json!({}));
    assert!(why.contains("bytes come of the template"), "{why}");
    let long = "x".repeat(TEMPLATE_VALUES_BYTES_MAX);
    assert!(refused(&template(parameters, json!({})), json!({ "text": long })).contains("the parameters have"));
    let large = template(json!({}), json!({ "configuration": { "x": "y".repeat(TEMPLATE_BYTES_MAX) } }));
    assert!(refused(&large, json!({})).contains("the template has"));
    let deep = (0..troupe_core::limits::JSON_DEPTH_MAX).fold(json!(1), |inner, _| json!([inner]));
    assert!(
        refused(&template(json!({}), json!({ "configuration": { "x": deep } })), json!({})).contains("nested deeper")
    );
}

proptest! {
    #[test]
    fn what_an_agent_exports_is_made_into_the_same_again(texts in prop::collection::vec("[ -~]{0,20}", 1..6)) {
        let configuration: Map<String, Value> =
            texts.iter().enumerate().map(|(n, text)| (format!("key{n}"), json!([text, n]))).collect();
        let before = Manifest { configuration, ..base() };
        let exported = of(&before, "aws@1.2.0".to_owned()).unwrap();
        check(&exported).unwrap();
        let (name, version) = (before.name.clone(), before.version.clone());
        prop_assert_eq!(manifest(&exported, &Map::new(), &base(), name, version).unwrap(), before);
    }

    #[test]
    fn any_text_is_filled_or_refused(text in "[$a{}]{0,12}") {
        let template = template(json!({ "properties": { "a": { "default": "z" } } }), json!({ "configuration": { "x": text } }));
        let _ = check(&template).and_then(|()| made(&template, json!({})));
    }
}
