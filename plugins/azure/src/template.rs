//! The skill `template`: an ARM template and the same in Bicep, of resources that were found or are wished for.
//!
//! What the catalogue calls `settings` says where each attribute stands in Azure's object, so the way back is the same
//! data: a resource of the inventory becomes the object that makes another one like it. Both forms are written from
//! the one list of objects in [`Built`], so they say the same.
//!
//! Passwords are in neither an inventory nor a list: they become parameters, which whoever deploys the template gives.

mod arm;
mod bicep;
mod build;
mod invert;
mod refs;
mod wanted;

use troupe_estate::Resource;
use troupe_sdk::prelude::*;

use build::Built;

/// What to make a template of: one of the two, or both.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateInput {
    /// Resources as `inventory` tells them.
    #[serde(default)]
    pub resources: Vec<Resource>,
    /// A list of resources in YAML: `resources`, each with `type`, `name`, and what its type has.
    #[serde(default)]
    pub yaml: Option<String>,
}

/// A template, in two forms that say the same.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Template {
    /// The ARM template, to be deployed into a resource group.
    pub arm: serde_json::Value,
    /// The same in Bicep.
    pub bicep: String,
    /// How many resources it has.
    pub resources: usize,
    /// What whoever deploys it has to give.
    pub parameters: Vec<String>,
    /// What is not in it, and why.
    pub left_out: Vec<LeftOut>,
}

/// A resource, or a part of one, that is not in the template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LeftOut {
    /// Its id, or its name where it has none yet.
    pub resource: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Why.
    pub why: String,
}

/// Makes a template.
///
/// # Errors
///
/// If a list cannot be read, or asks for what its type does not have.
pub fn make(input: TemplateInput) -> Result<Template, Failure> {
    let mut left_out = Vec::new();
    let mut wanted = wanted::of_inventory(input.resources, &mut left_out);
    if let Some(text) = &input.yaml {
        wanted.extend(wanted::of_yaml(text)?);
    }
    if wanted.is_empty() && left_out.is_empty() {
        return Err(Failure::invalid_input("there is no resource to make a template of; give `resources` or `yaml`"));
    }
    let built = Built::new(wanted, &mut left_out)?;
    left_out.sort_by(|one, other| (&one.kind, &one.resource).cmp(&(&other.kind, &other.resource)));
    Ok(Template {
        arm: arm::write(&built),
        bicep: bicep::write(&built),
        resources: built.objects.len(),
        parameters: built.parameters.iter().map(|parameter| parameter.name.clone()).collect(),
        left_out,
    })
}
