//! What a skill takes and answers: the schemas of a profile, compiled once for each release in force.

use std::collections::HashMap;

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;
use troupe_core::{Code, Effect, Error, Result};
use troupe_package::Profile;

/// A skill, with its schemas compiled.
pub(crate) struct Skill {
    pub(crate) effect: Effect,
    input: Validator,
    /// Whether what its schema wants of one place may depend on another.
    is_conditional: bool,
    output: Validator,
}

/// Checks that this host can check documents against every schema of a profile.
pub(crate) fn check_schemas(profile: &Profile) -> Result<()> {
    profile.configuration.as_ref().map(configuration_schema).transpose()?;
    skills_of(profile).map(drop)
}

pub(super) fn skills_of(profile: &Profile) -> Result<HashMap<String, Skill>> {
    let mut skills = HashMap::new();
    for skill in &profile.skills {
        let compile = |schema: &Value, which: &str| {
            compiled(schema).map_err(|error| error.context(format!("skill `{}`: its {which} schema", skill.name)))
        };
        let input = compile(&skill.input, "input")?;
        let output = compile(&skill.output, "output")?;
        let text = skill.input.to_string();
        let is_conditional = CONDITIONS.iter().any(|word| text.contains(word));
        skills.insert(skill.name.to_string(), Skill { effect: skill.effect, input, is_conditional, output });
    }
    Ok(skills)
}

pub(super) fn configuration_schema(schema: &Value) -> Result<Validator> {
    compiled(schema).map_err(|error| error.context("the configuration's schema"))
}

impl Skill {
    /// One that takes whatever it is given, and answers by a schema of the host's.
    pub(crate) fn of_the_host(effect: Effect, output: &Value) -> Result<Self> {
        let input = compiled(&Value::Bool(true))?;
        Ok(Self { effect, input, is_conditional: false, output: compiled(output)? })
    }

    /// Checks a skill's input.
    pub(crate) fn check_input(&self, input: &Value) -> Result<()> {
        check(&self.input, input, Code::InputInvalid, "the input")
    }

    /// Checks what is known of a skill's input some places of which are filled later, each a JSON
    /// Pointer. A fault that what is filled there could mend is none.
    pub(crate) fn check_known(&self, input: &Value, open: &[String]) -> Result<()> {
        if open.is_empty() {
            return self.check_input(input);
        }
        if self.is_conditional {
            return Ok(());
        }
        // What is added to an array changes the array.
        let open: Vec<&str> = open.iter().map(|place| place.split("/-").next().unwrap_or(place)).collect();
        let is_within = |inner: &str, outer: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let stays = |path: &str| !open.iter().any(|place| is_within(path, place) || is_within(place, path));
        check_where(&self.input, input, Code::InputInvalid, "the input", stays)
    }

    /// Checks a skill's output.
    pub(crate) fn check_output(&self, output: &Value) -> Result<()> {
        check(&self.output, output, Code::OutputInvalid, "the agent's output")
    }
}

/// Keywords of JSON Schema by which one place decides what is wanted of another.
const CONDITIONS: [&str; 3] = ["\"if\"", "\"dependent", "\"dependencies\""];

/// Compiles a schema of a profile. Its patterns run on an engine whose time is linear in
/// the text, since author and guest choose pattern and text: one that backtracks could be
/// made to take hours. What that engine cannot do, such as looking around, is refused.
pub(crate) fn compiled(schema: &Value) -> Result<Validator> {
    let options = jsonschema::draft202012::options().with_pattern_options(PatternOptions::regex());
    options.build(schema).map_err(|error| {
        let text: String = error.to_string().chars().take(300).collect();
        Error::new(
            Code::ProfileInvalid,
            format!(
                "not a schema that this host can check: {text}; a `pattern` has no look-around and no back-reference"
            ),
        )
    })
}

/// How many faults one message names.
const FAULTS_SHOWN: usize = 5;

pub(crate) fn check(validator: &Validator, document: &Value, code: Code, what: &str) -> Result<()> {
    check_where(validator, document, code, what, |_| true)
}

/// Checks a document, in which a fault counts where `counts` says so of its place.
fn check_where(
    validator: &Validator,
    document: &Value,
    code: Code,
    what: &str,
    counts: impl Fn(&str) -> bool,
) -> Result<()> {
    if validator.is_valid(document) {
        return Ok(());
    }
    let faults: Vec<(String, String)> = validator
        .iter_errors(document)
        .map(|error| (error.instance_path().to_string(), error))
        .filter(|(path, _)| counts(path))
        .take(FAULTS_SHOWN)
        .map(|(path, error)| (path, error.to_string().chars().take(300).collect()))
        .collect();
    let Some((path, text)) = faults.first().cloned() else { return Ok(()) };
    let at = if path.is_empty() { String::new() } else { format!(" at `{path}`") };
    let details: Vec<Value> =
        faults.iter().map(|(path, text)| serde_json::json!({ "path": path, "message": text })).collect();
    Err(Error::new(code, format!("{what} breaks the schema{at}: {text}")).with("faults", details))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use super::*;

    #[test]
    fn a_pattern_made_to_backtrack_takes_no_longer_than_another() {
        let schema = compiled(&json!({ "type": "string", "pattern": "^(a+)+$" })).unwrap();
        let started = Instant::now();
        let text = json!("a".repeat(1_000_000) + "b");
        assert_eq!(check(&schema, &text, Code::InputInvalid, "the input").unwrap_err().code, Code::InputInvalid);
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }

    #[test]
    fn of_an_input_that_is_filled_later_what_stands_for_good_is_checked() {
        let skill = |schema: Value| Skill {
            effect: Effect::Read,
            is_conditional: CONDITIONS.iter().any(|word| schema.to_string().contains(word)),
            input: compiled(&schema).unwrap(),
            output: compiled(&json!(true)).unwrap(),
        };
        let schema = json!({
            "type": "object", "required": ["text", "limit"],
            "properties": { "text": { "type": "string" }, "limit": { "type": "integer" }, "list": { "maxItems": 1 } },
        });
        let check = |input: Value, open: &str| skill(schema.clone()).check_known(&input, &[open.to_owned()]).is_ok();
        assert!(check(json!({ "limit": 1 }), "/text"));
        assert!(!check(json!({ "limit": "many" }), "/text"));
        assert!(check(json!({ "limit": "many" }), ""));
        assert!(check(json!({ "limit": 1, "list": [1, 2] }), "/list/-"));
        assert!(!check(json!({ "limit": "many", "list": [1] }), "/list/-"));
        let conditional = json!({ "if": { "required": ["text"] }, "else": { "properties": { "limit": false } } });
        assert!(skill(conditional).check_known(&json!({ "limit": 1 }), &["/text".to_owned()]).is_ok());
    }

    #[test]
    fn a_pattern_that_only_backtracking_can_match_is_refused_with_the_reason() {
        for pattern in ["(?=a)b", r"(a)\1"] {
            let error = compiled(&json!({ "type": "string", "pattern": pattern })).unwrap_err();
            assert_eq!(error.code, Code::ProfileInvalid);
            assert!(error.message.contains("no look-around"), "{error}");
        }
    }
}
