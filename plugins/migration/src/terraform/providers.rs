//! The blocks that say which providers are used, and what is asked of whoever applies.

use super::draft::{Draft, Variable};
use super::hcl::{Block, Value};
use crate::Cloud;

/// The providers of a target, in versions for which what is written was checked.
pub fn write(draft: &mut Draft<'_>) -> Vec<Block> {
    let (name, source, version) = match draft.cloud {
        Cloud::Aws => ("aws", "hashicorp/aws", "~> 5.0"),
        Cloud::Azure => ("azurerm", "hashicorp/azurerm", "~> 4.0"),
        Cloud::Gcp => ("google", "hashicorp/google", "~> 6.0"),
    };
    let required = Value::Map(vec![("source".to_owned(), source.into()), ("version".to_owned(), version.into())]);
    let terraform = Block::new("terraform", &[])
        .with("required_version", ">= 1.5")
        .within(Block::new("required_providers", &[]).with(name, required));
    let mut blocks = vec![terraform];
    let region = draft.region.clone();
    match draft.cloud {
        Cloud::Aws => {
            let aliases = draft.regions();
            blocks.push(Block::new("provider", &["aws"]).with("region", region));
            for region in aliases {
                let alias = alias(&region);
                blocks.push(Block::new("provider", &["aws"]).with("alias", alias).with("region", region));
            }
        }
        Cloud::Azure => {
            let subscription = draft.variable("subscription_id", "The subscription that everything is made in.");
            let provider = Block::new("provider", &["azurerm"]).with("subscription_id", subscription);
            blocks.push(provider.within(Block::new("features", &[])));
        }
        Cloud::Gcp => {
            let project = draft.variable("project_id", "The project that everything is made in.");
            blocks.push(Block::new("provider", &["google"]).with("project", project).with("region", region));
        }
    }
    blocks
}

/// The name of a provider for another region.
pub fn alias(region: &str) -> String {
    super::names::slug(region, super::names::Form::Terraform, 40)
}

/// The block of a variable.
pub fn variable(variable: &Variable) -> Block {
    let mut block = Block::new("variable", &[&variable.name])
        .with("description", variable.description.as_str())
        .with("type", Value::Reference("string".to_owned()));
    if variable.sensitive {
        block = block.with("sensitive", true);
    }
    block.maybe("default", variable.default.as_deref())
}
