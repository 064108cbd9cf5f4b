//! What the macro makes of a type with methods.

use serde_json::json;
use troupe_sdk::prelude::*;
use troupe_sdk::test::{self, Host};

#[derive(Default)]
struct Finder;

#[derive(Deserialize, JsonSchema)]
struct Settings {
    /// Where to look when nobody says.
    region: String,
}

#[derive(Deserialize, JsonSchema)]
struct FindInput {
    /// What to look for.
    names: Vec<String>,
    /// How many to return.
    #[serde(default)]
    limit: u32,
}

#[derive(Serialize, JsonSchema)]
struct FindOutput {
    found: Vec<String>,
}

#[derive(Debug)]
struct OwnError;

impl From<OwnError> for Failure {
    fn from(_: OwnError) -> Self {
        Failure::failed("an error of the agent's own")
    }
}

#[troupe_sdk::agent(configuration = Settings)]
impl Finder {
    /// Finds things.
    ///
    /// The order is that of the names.
    #[skill(effect = "read")]
    fn find(&self, input: FindInput) -> Result<FindOutput, Failure> {
        let limit = usize::try_from(input.limit).map_err(Failure::failed)?;
        Ok(FindOutput { found: input.names.into_iter().take(limit).collect() })
    }

    /// Forgets everything.
    #[skill(effect = "destructive", name = "forget-all")]
    fn forget_all(&self) -> Result<(), Failure> {
        self.helper()
    }

    /// Tells the region.
    #[skill]
    fn region(&self) -> Result<String, Failure> {
        Ok(invocation::configuration::<Settings>()?.region)
    }

    /// Fails in its own way.
    #[skill]
    fn own(&self) -> Result<(), OwnError> {
        Err(OwnError)
    }

    fn helper(&self) -> Result<(), Failure> {
        Ok(())
    }
}

#[derive(Default)]
struct Conditional;

#[troupe_sdk::agent]
impl Conditional {
    /// Is there.
    #[cfg(not(target_family = "wasm"))]
    #[skill]
    fn here(&self) -> Result<bool, Failure> {
        Ok(true)
    }

    /// Is not there.
    #[cfg(target_family = "wasm")]
    #[skill(name = "here")]
    fn here_otherwise(&self) -> Result<bool, Failure> {
        Ok(false)
    }

    /// Is not there either.
    #[skill]
    #[cfg(target_family = "wasm")]
    fn gone(&self) -> Result<NoSuchType, Failure> {
        Err(Failure::failed("never"))
    }
}

#[test]
fn a_skill_whose_condition_does_not_hold_is_not_there() {
    let profile = test::profile::<Conditional>();
    let names: Vec<_> = profile["skills"].as_array().unwrap().iter().map(|skill| skill["name"].clone()).collect();
    assert_eq!(names, ["here"]);
    assert_eq!(test::perform::<Conditional>("here", json!({})), Ok(json!(true)));
    assert_eq!(test::perform::<Conditional>("gone", json!({})), Err(Failure::UnknownSkill("gone".to_owned())));
}

#[test]
fn the_profile_is_made_of_the_manifest_the_doc_comments_and_the_types() {
    const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";
    let nothing_in = json!({
        "$schema": DIALECT, "title": "NoInput", "description": "Nothing: an object without fields.",
        "type": "object", "additionalProperties": false,
    });
    let nothing_out = json!({ "$schema": DIALECT, "title": "null", "type": "null" });
    let profile = json!({
        "profile": 1,
        "summary": "Says things back.",
        "goals": ["Show what an agent looks like"],
        "triggers": [{ "event": "example.happened" }],
        "skills": [
            {
                "name": "find", "effect": "read",
                "description": "Finds things.\n\nThe order is that of the names.",
                "input": {
                    "$schema": DIALECT, "title": "FindInput", "type": "object", "required": ["names"],
                    "properties": {
                        "names": { "type": "array", "items": { "type": "string" }, "description": "What to look for." },
                        "limit": {
                            "type": "integer", "format": "uint32", "minimum": 0, "default": 0,
                            "description": "How many to return.",
                        },
                    },
                },
                "output": {
                    "$schema": DIALECT, "title": "FindOutput", "type": "object", "required": ["found"],
                    "properties": { "found": { "type": "array", "items": { "type": "string" } } },
                },
            },
            {
                "name": "forget-all", "effect": "destructive", "description": "Forgets everything.",
                "input": nothing_in, "output": nothing_out,
            },
            {
                "name": "region", "effect": "write", "description": "Tells the region.", "input": nothing_in,
                "output": { "$schema": DIALECT, "title": "string", "type": "string" },
            },
            {
                "name": "own", "effect": "write", "description": "Fails in its own way.",
                "input": nothing_in, "output": nothing_out,
            },
        ],
        "configuration": {
            "$schema": DIALECT, "title": "Settings", "type": "object", "required": ["region"],
            "properties": { "region": { "type": "string", "description": "Where to look when nobody says." } },
        },
    });
    assert_eq!(test::profile::<Finder>(), profile);
}

#[test]
fn a_skill_gets_its_input_and_hands_out_its_output() {
    let input = json!({ "names": ["a", "b", "c"], "limit": 2 });
    assert_eq!(test::perform::<Finder>("find", input), Ok(json!({ "found": ["a", "b"] })));
}

#[test]
fn an_input_that_does_not_fit_is_refused_with_its_place() {
    let failure = test::perform::<Finder>("find", json!({ "names": ["a", 1] })).unwrap_err();
    let Failure::InvalidInput(problem) = failure else { panic!("{failure:?}") };
    assert_eq!(problem.details, Some(json!({ "path": "names[1]" })));
    assert_eq!(problem.message, "`names[1]`: invalid type: integer `1`, expected a string at line 1 column 15");
}

#[test]
fn text_that_is_not_one_json_document_is_refused() {
    for text in ["", "{", r#"{"names":[]} {}"#] {
        let failure = Finder.perform("find", text).unwrap_err();
        assert!(matches!(failure, Failure::InvalidInput(_)), "{text}: {failure:?}");
    }
}

#[test]
fn a_skill_without_input_takes_an_object_without_fields() {
    assert_eq!(test::perform::<Finder>("forget-all", json!({})), Ok(json!(null)));
    let failure = test::perform::<Finder>("forget-all", json!({ "really": true })).unwrap_err();
    assert!(matches!(failure, Failure::InvalidInput(_)), "{failure:?}");
}

#[test]
fn a_method_without_the_mark_is_no_skill() {
    let failure = test::perform::<Finder>("helper", json!({})).unwrap_err();
    assert_eq!(failure, Failure::UnknownSkill("helper".to_owned()));
}

#[test]
fn an_agents_own_error_becomes_a_failure() {
    let failure = test::perform::<Finder>("own", json!({})).unwrap_err();
    assert_eq!(failure, Failure::failed("an error of the agent's own"));
}

#[test]
fn the_configuration_is_read_as_its_type() {
    let _host = Host::start().configuration(json!({ "region": "eu-west-1" }));
    assert_eq!(test::perform::<Finder>("region", json!({})), Ok(json!("eu-west-1")));
}

#[test]
fn a_configuration_that_does_not_fit_names_the_field() {
    let _host = Host::start().configuration(json!({ "region": 1 }));
    let failure = test::perform::<Finder>("region", json!({})).unwrap_err();
    assert_eq!(
        failure.to_string(),
        "the configuration does not fit: `region`: invalid type: integer `1`, expected a string at line 1 column 11"
    );
}
