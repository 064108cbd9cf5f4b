//! Templates: definitions of agents over a component that others share.
//!
//! ```yaml
//! template: 1
//! name: explorer
//! version: 1.0.0
//! summary: Looks around in one region and changes nothing
//! component: aws@1.2.0            # or aws@stable, a channel, or aws, its newest release
//! parameters:                     # a JSON Schema; what is put in is checked by it
//!   type: object
//!   properties:
//!     region: { type: string, default: eu-central-1 }
//!     hours: { type: integer }
//!   required: [hours]
//! agent:                          # field by field as in agent.toml
//!   summary: Looks around in ${region}
//!   skills: ["list_*"]
//!   configuration: { region: "${region}", window_hours: "${hours}" }
//! ```
//!
//! An agent that is made of it is a release of its own, with the component and the profile of the
//! release that is named: what `agent` does not say stays as that release says it. A text that is
//! `${name}` and nothing else becomes the parameter, of whatever kind; within a longer one stands its
//! text. `$${` is written for `${`.
//!
//! *The attack:* somebody who fills in a parameter has an agent say or ask for what its template does not.
//! *The rule:* parameters are values: a text stays one text, and what comes of it is read and checked as
//! any manifest; what an agent may do is granted to it, never by its template. *The default:* a parameter that is
//! not declared is refused.

mod filled;

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use troupe_core::limits::{SUMMARY_CHARS_MAX, TEMPLATE_BYTES_MAX, TEMPLATE_PARAMETERS_MAX, TEMPLATE_VALUES_BYTES_MAX};
use troupe_core::view::Template;
use troupe_core::{AgentName, Code, Error, Result};

use crate::{Manifest, json, text};
use filled::{Filled, placeholders};

/// The version of templates that this host reads.
pub const TEMPLATE_VERSION: u32 = 1;

/// Fields of a manifest that a template does not set: who is made is said when it is, and how the
/// component lays out its state is the component's.
const NOT_SET: [&str; 3] = ["name", "version", "state"];

fn wrong(message: impl Into<String>) -> Error {
    Error::new(Code::TemplateInvalid, message)
}

/// Checks what can be known of a template before anything is put into it.
///
/// # Errors
/// [`Code::TemplateInvalid`], naming the field.
pub fn check(template: &Template) -> Result<()> {
    if template.template != TEMPLATE_VERSION {
        let message = format!("`template` is {}; this host reads {TEMPLATE_VERSION}", template.template);
        return Err(wrong(message));
    }
    let value = serde_json::to_value(template).map_err(Error::internal)?;
    json::check_depth(&value).map_err(|why| wrong(format!("the template {why}")))?;
    let length = json::canonical(template).len();
    if length > TEMPLATE_BYTES_MAX {
        return Err(wrong(format!("the template has {length} bytes as JSON, the limit is {TEMPLATE_BYTES_MAX}")));
    }
    text::line(&template.summary, SUMMARY_CHARS_MAX).map_err(|why| wrong(format!("`summary` {why}")))?;
    if let Some(field) = NOT_SET.iter().find(|field| template.agent.contains_key(**field)) {
        return Err(wrong(format!("`agent.{field}` is not for a template to say; remove it")));
    }
    let declared = Declared::of(&template.parameters)?;
    for name in placeholders(&Value::Object(template.agent.clone())).map_err(wrong)? {
        if !declared.is_always_there(&name) {
            return Err(wrong(format!(
                "`${{{name}}}` stands under `agent`, and no parameter `{name}` is declared under `parameters.properties` \
                 that has a `default` or is `required`; write `$${{{name}}}` for the text itself"
            )));
        }
    }
    Ok(())
}

/// The parameters of a template with its defaults, checked but for their schema.
///
/// # Errors
/// [`Code::TemplateInvalid`], naming the parameter.
pub fn values(template: &Template, given: &Map<String, Value>) -> Result<Map<String, Value>> {
    let declared = Declared::of(&template.parameters)?;
    if let Some(name) = given.keys().find(|name| !declared.properties.contains_key(name.as_str())) {
        let known: Vec<&str> = declared.properties.keys().copied().collect();
        let known = if known.is_empty() { "it has none".to_owned() } else { format!("it has {}", known.join(", ")) };
        let (template, name) = (&template.name, text::visible(name));
        return Err(wrong(format!("the template {template} has no parameter `{name}`; {known}")));
    }
    let mut values = declared.defaults();
    values.extend(given.clone());
    let length = json::canonical(&values).len();
    if length > TEMPLATE_VALUES_BYTES_MAX {
        let message = format!("the parameters have {length} bytes as JSON, the limit is {TEMPLATE_VALUES_BYTES_MAX}");
        return Err(wrong(message));
    }
    Ok(values)
}

/// The manifest of an agent that is made of a template: `base` is that of the release whose component
/// it shares, `values` are those of [`values`].
///
/// # Errors
/// [`Code::TemplateInvalid`] for a parameter that is missing, or if too much comes of it;
/// [`Code::ManifestInvalid`], naming the field, if what comes of it is no manifest.
pub fn manifest(
    template: &Template,
    values: &Map<String, Value>,
    base: &Manifest,
    name: AgentName,
    version: semver::Version,
) -> Result<Manifest> {
    let mut document: Map<String, Value> =
        serde_json::from_slice(&base.to_json()).map_err(|error| Error::internal(error.to_string()))?;
    for (field, value) in Filled::new(values).object(&template.agent).map_err(wrong)? {
        document.insert(field, value);
    }
    let manifest = Manifest { name, version, ..Manifest::from_json(&json::canonical(&document))? };
    // What is short when it stands in a text may be long with everything that is left to be the default.
    Manifest::from_json(&manifest.to_json())
}

/// The template without parameters that an agent is again made of.
pub fn of(manifest: &Manifest, component: String) -> Result<Template> {
    let mut agent: Map<String, Value> =
        serde_json::from_slice(&manifest.to_json()).map_err(|error| Error::internal(error.to_string()))?;
    agent.retain(|field, _| !NOT_SET.contains(&field.as_str()));
    Ok(Template {
        template: TEMPLATE_VERSION,
        name: manifest.name.as_str().parse()?,
        version: manifest.version.clone(),
        summary: manifest.summary.clone(),
        component,
        parameters: Map::new(),
        agent: filled::escaped(agent),
    })
}

/// What a template says of its parameters.
struct Declared<'a> {
    properties: BTreeMap<&'a str, &'a Value>,
    required: Vec<&'a str>,
}

impl<'a> Declared<'a> {
    fn of(schema: &'a Map<String, Value>) -> Result<Self> {
        if schema.get("type").is_some_and(|kind| kind != "object") {
            return Err(wrong("`parameters` is the JSON Schema of an object: its `type` is `object`"));
        }
        let properties = match schema.get("properties") {
            None => None,
            Some(Value::Object(properties)) => Some(properties),
            Some(_) => return Err(wrong("`parameters.properties` is an object")),
        };
        let properties: BTreeMap<&str, &Value> =
            properties.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema)).collect();
        let there = properties.len();
        if there > TEMPLATE_PARAMETERS_MAX {
            return Err(wrong(format!("there are {there} parameters, the limit is {TEMPLATE_PARAMETERS_MAX}")));
        }
        if let Some(name) = properties.keys().find(|name| !filled::is_name(name)) {
            let name = text::visible(name);
            return Err(wrong(format!(
                "`{name}` is no name of a parameter: letters, digits and `_`, beginning with a letter"
            )));
        }
        let required = schema.get("required").and_then(Value::as_array);
        let required: Vec<&str> = required.into_iter().flatten().filter_map(Value::as_str).collect();
        if let Some(name) = required.iter().find(|name| !properties.contains_key(**name)) {
            let name = text::visible(name);
            return Err(wrong(format!("`{name}` is required, and not among `parameters.properties`")));
        }
        Ok(Self { properties, required })
    }

    fn defaults(&self) -> Map<String, Value> {
        let default = |(name, schema): (&&str, &&Value)| Some(((*name).to_owned(), schema.get("default")?.clone()));
        self.properties.iter().filter_map(default).collect()
    }

    fn is_always_there(&self, name: &str) -> bool {
        let declared = self.properties.get(name);
        declared.is_some_and(|schema| self.required.contains(&name) || schema.get("default").is_some())
    }
}

#[cfg(test)]
mod tests;
