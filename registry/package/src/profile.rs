//! The profile: what a component says about itself when it is asked to `describe`.
//!
//! ```json
//! {
//!   "profile": 1,
//!   "summary": "Looks after AWS accounts",
//!   "goals": ["Answer what runs where"],
//!   "skills": [{
//!     "name": "list_instances",
//!     "description": "Lists the instances of a region.",
//!     "effect": "read",
//!     "input": { "type": "object" },
//!     "output": { "type": "array" }
//!   }],
//!   "triggers": [{ "event": "com.example.instance.*", "skill": "list_instances" }],
//!   "conversation": { "effect": "read" },
//!   "configuration": { "type": "object" }
//! }
//! ```
//!
//! The field `profile` is the version of the document. Unknown fields are ignored, so
//! that an agent compiled against a later contract still loads; they are not part of
//! the release. A skill without `effect` is taken to write. `conversation` stands where the component
//! exports one, and there alone; one without `effect` is taken to read.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;
use troupe_core::{Code, Effect, Error, Result, SkillName, limits};

use crate::{Manifest, json, text, trigger, trigger::Trigger};
use troupe_core::list::{self, Keyed};

/// The version of profiles that this host reads.
const PROFILE_VERSION: u32 = 1;

/// What a component's `describe` returned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The version of the document, 1.
    #[serde(deserialize_with = "profile_version")]
    pub profile: u32,
    /// One line on what the agent does, 1 to 200 characters.
    #[serde(deserialize_with = "text::summary")]
    pub summary: String,
    /// What the agent is for, at most 20 lines of 1 to 200 characters.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "text::goals")]
    pub goals: Vec<String>,
    /// What the agent can do, at least one and at most 128 skills.
    #[serde(deserialize_with = "skills")]
    pub skills: Vec<Skill>,
    /// The events the agent answers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "trigger::lenient")]
    pub triggers: Vec<Trigger>,
    /// Its own conversation, if it exports one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<Conversation>,
    /// The JSON Schema of the configuration; absent = anything.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "schema_option")]
    pub configuration: Option<Value>,
}

/// One thing an agent can do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Skill {
    /// The skill's name, once per profile.
    pub name: SkillName,
    /// What it does, for people and models, 1 to 4,000 characters.
    #[serde(deserialize_with = "description")]
    pub description: String,
    /// How much it may change, by its author's claim; the ceiling of its calls.
    #[serde(default)]
    pub effect: Effect,
    /// The JSON Schema of the input, an object.
    #[serde(deserialize_with = "schema")]
    pub input: Value,
    /// The JSON Schema of the output, an object.
    #[serde(deserialize_with = "schema")]
    pub output: Value,
}

/// What an agent says of its own conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// How much it may change: the ceiling of its calls.
    #[serde(default = "least")]
    pub effect: Effect,
}

const fn least() -> Effect {
    Effect::Read
}

impl Keyed for Skill {
    fn key(&self) -> &str {
        self.name.as_str()
    }
}

impl Profile {
    /// Reads what a component's `describe` returned.
    ///
    /// # Errors
    /// [`Code::ProfileInvalid`], naming the field.
    pub fn parse(json: &str) -> Result<Self> {
        check_length(json.len())?;
        let profile: Self = json::read(json.as_bytes())
            .map_err(|why| Error::new(Code::ProfileInvalid, format!("the profile is not valid: {why}")))?;
        // Defaults that are written out make it a little longer.
        check_length(profile.to_json().len())?;
        Ok(profile)
    }

    /// What an agent offers of it: the skills that its manifest names, and the triggers of those.
    #[must_use]
    pub fn offered(mut self, manifest: &Manifest) -> Self {
        self.skills.retain(|skill| manifest.offers(&skill.name));
        self.triggers.retain(|trigger| trigger.skill.as_ref().is_none_or(|skill| manifest.offers(skill)));
        self
    }

    /// Checks that it tells of a conversation if and only if the component exports one.
    ///
    /// # Errors
    /// [`Code::ProfileInvalid`], saying what is missing.
    pub fn check_conversation(&self, is_exported: bool) -> Result<()> {
        let message = match (self.conversation.is_some(), is_exported) {
            (true, false) => {
                "the profile has the field `conversation`, and the component does not export \
                 `troupe:agent/conversation`; export it, or leave out the field"
            }
            (false, true) => {
                "the component exports `troupe:agent/conversation`, and its profile has no field `conversation`; have \
                 `describe` say `\"conversation\": {\"effect\": \"read\"}`"
            }
            _ => return Ok(()),
        };
        Err(Error::new(Code::ProfileInvalid, message))
    }

    /// Finds a skill by its name.
    pub fn skill(&self, name: &str) -> Option<&Skill> {
        self.skills.iter().find(|skill| skill.name.as_str() == name)
    }

    /// Writes the canonical JSON form, the one that digests are computed over.
    pub fn to_json(&self) -> Vec<u8> {
        json::canonical(self)
    }
}

fn check_length(length: usize) -> Result<()> {
    if length > limits::PROFILE_BYTES_MAX {
        return Err(Error::new(
            Code::ProfileInvalid,
            format!("the profile has {length} bytes, the limit is {}", limits::PROFILE_BYTES_MAX),
        ));
    }
    Ok(())
}

fn profile_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let version = u64::deserialize(deserializer)?;
    if version == u64::from(PROFILE_VERSION) {
        return Ok(PROFILE_VERSION);
    }
    Err(D::Error::custom(format_args!("version {version} is not supported, this host reads version {PROFILE_VERSION}")))
}

fn skills<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Skill>, D::Error> {
    let skills = list::read(deserializer, limits::SKILLS_MAX, |skill: &Skill| {
        let reserved = format!("`{}` is the host's own name; name the skill otherwise", skill.name);
        if skill.name.is_conversation() { Err(reserved) } else { Ok(()) }
    })?;
    if skills.is_empty() {
        return Err(D::Error::custom("an agent has at least one skill"));
    }
    Ok(skills)
}

fn description<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    text::prose(&text, limits::SKILL_DESCRIPTION_CHARS_MAX).map_err(D::Error::custom)?;
    Ok(text)
}

fn schema<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if value.is_object() { Ok(value) } else { Err(D::Error::custom("a schema must be a JSON object")) }
}

fn schema_option<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    let value = Option::<Value>::deserialize(deserializer)?;
    match value {
        Some(value) if !value.is_object() => Err(D::Error::custom("a schema must be a JSON object")),
        value => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn skill(name: &str) -> Value {
        json!({ "name": name, "description": "Does it.", "effect": "read", "input": {}, "output": {} })
    }

    fn minimal() -> Value {
        json!({ "profile": 1, "summary": "Does it", "skills": [skill("run")] })
    }

    fn parse(profile: &Value) -> Result<Profile> {
        Profile::parse(&profile.to_string())
    }

    fn refusal(change: impl FnOnce(&mut Value)) -> String {
        let mut profile = minimal();
        change(&mut profile);
        let error = parse(&profile).unwrap_err();
        assert_eq!(error.code, Code::ProfileInvalid);
        error.message
    }

    #[test]
    fn a_profile_reads_with_defaults_and_finds_its_skills() {
        let mut written = minimal();
        written["skills"][0].as_object_mut().unwrap().remove("effect");
        written["later"] = json!({ "a": 1 });
        written["skills"][0]["later"] = json!(true);
        written["triggers"] = json!([{ "event": "a.*", "later": 1 }]);
        let profile = parse(&written).unwrap();
        assert_eq!(profile.skill("run").unwrap().effect, Effect::Write);
        assert!(profile.skill("walk").is_none());
        assert_eq!(
            profile.triggers,
            [Trigger { event: "a.*".parse().unwrap(), skill: None, input: troupe_core::EventInput::Event }]
        );
        assert_eq!(Profile::parse(std::str::from_utf8(&profile.to_json()).unwrap()).unwrap(), profile);
    }

    #[test]
    fn a_conversation_reads_unless_it_says_more_and_is_told_of_if_and_only_if_it_is_exported() {
        let mut written = minimal();
        assert!(parse(&written).unwrap().check_conversation(false).is_ok());
        let silent = parse(&written).unwrap().check_conversation(true).unwrap_err();
        assert_eq!(silent.code, Code::ProfileInvalid);
        assert!(silent.message.contains("its profile has no field `conversation`"), "{silent}");
        written["conversation"] = json!({});
        let profile = parse(&written).unwrap();
        assert_eq!(profile.conversation, Some(Conversation { effect: Effect::Read }));
        assert!(profile.check_conversation(true).is_ok());
        let absent = profile.check_conversation(false).unwrap_err();
        assert!(absent.message.contains("the component does not export"), "{absent}");
        written["conversation"] = json!({ "effect": "write", "later": 1 });
        assert_eq!(parse(&written).unwrap().conversation.unwrap().effect, Effect::Write);
        let own = refusal(|p| p["skills"][0]["name"] = json!("@converse"));
        assert!(own.contains("`@converse` is the host's own name"), "{own}");
    }

    #[test]
    fn the_canonical_form_does_not_depend_on_the_order_of_keys() {
        let one = r#"{"profile":1,"summary":"s","skills":[{"name":"a","description":"d","input":{"x":1,"y":2},"output":{}}]}"#;
        let two = r#"{"skills":[{"output":{},"input":{"y":2,"x":1},"description":"d","name":"a"}],"summary":"s","profile":1}"#;
        assert_eq!(Profile::parse(one).unwrap().to_json(), Profile::parse(two).unwrap().to_json());
    }

    #[test]
    fn refusals_name_the_field() {
        insta::assert_snapshot!(refusal(|p| p["profile"] = json!(2)), @"the profile is not valid: profile: version 2 is not supported, this host reads version 1");
        insta::assert_snapshot!(refusal(|p| p["skills"] = json!([])), @"the profile is not valid: skills: an agent has at least one skill");
        insta::assert_snapshot!(refusal(|p| p["skills"] = json!([skill("a"), skill("a")])), @"the profile is not valid: skills[1]: `a` stands in the list twice");
        insta::assert_snapshot!(refusal(|p| p["skills"][0]["name"] = json!("no spaces")), @"the profile is not valid: skills[0].name: a skill name is 1 to 64 letters, digits, `_` and `-`, beginning with a letter");
        insta::assert_snapshot!(refusal(|p| p["skills"][0]["input"] = json!(true)), @"the profile is not valid: skills[0].input: a schema must be a JSON object");
        insta::assert_snapshot!(refusal(|p| p["skills"][0]["effect"] = json!("none")), @"the profile is not valid: skills[0].effect: unknown variant `none`, expected one of `read`, `write`, `destructive`");
        insta::assert_snapshot!(refusal(|p| p["skills"][0]["description"] = json!("x\u{202e}")), @"the profile is not valid: skills[0].description: holds U+202E, a character that nobody sees; remove it");
        insta::assert_snapshot!(refusal(|p| p["configuration"] = json!([])), @"the profile is not valid: configuration: a schema must be a JSON object");
        insta::assert_snapshot!(refusal(|p| _ = p.as_object_mut().unwrap().remove("summary")), @"the profile is not valid: missing field `summary`");
        insta::assert_snapshot!(Profile::parse("{").unwrap_err().message, @"the profile is not valid: not JSON, EOF while parsing an object at line 1 column 1");
    }

    #[test]
    fn size_and_nesting_are_bounded() {
        assert!(refusal(|p| p["later"] = json!("x".repeat(limits::PROFILE_BYTES_MAX))).contains("the limit is"));
        let deep = (0..100).fold(json!({}), |inner, _| json!({ "a": inner }));
        assert!(refusal(|p| p["skills"][0]["input"] = deep).contains("nested deeper"));
        let many: Vec<_> = (0..=limits::SKILLS_MAX).map(|n| skill(&format!("s{n}"))).collect();
        assert!(refusal(|p| p["skills"] = json!(many)).contains("longer than the limit of 128"));
    }
}
