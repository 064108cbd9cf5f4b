//! What a caller asks for, and what is made of it.

use std::collections::BTreeSet;

use troupe_sdk::prelude::*;

use crate::kinds::{Kind, kind_of, kinds};

/// The agent's configuration.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Which subscriptions to look at when the caller names none, by their ids; all that the credential sees, if
    /// there are none here either.
    #[serde(default)]
    pub subscriptions: Vec<String>,
}

/// What to list.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InventoryInput {
    /// The ids of the subscriptions to look at; those of the configuration if none are named, else all.
    #[serde(default)]
    pub subscriptions: Vec<String>,
    /// The types to list, such as `Microsoft.Compute/disks`, or all of a service, `Microsoft.Compute`; all that the
    /// agent knows if none are named.
    #[serde(default)]
    pub types: Vec<String>,
    /// Who is asked.
    #[serde(default)]
    pub source: Source,
}

/// Who is asked for lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Resource Graph, and Resource Manager for what it does not have or does not tell us.
    #[default]
    Auto,
    /// Resource Manager alone: slower, and never a few minutes behind.
    ResourceManager,
}

/// What will be looked at: input and configuration, checked.
#[derive(Debug)]
pub struct Plan {
    /// The subscriptions, none twice; all if there are none.
    pub subscriptions: Vec<String>,
    /// Who is asked.
    pub source: Source,
    /// What is told.
    told: BTreeSet<&'static str>,
    /// What is listed: what is told, and that in which it lies.
    listed: BTreeSet<&'static str>,
}

impl Plan {
    /// Makes a plan.
    ///
    /// # Errors
    ///
    /// If a type is asked for that the agent does not know, or a subscription's id cannot be one.
    pub fn new(input: InventoryInput, settings: Settings) -> Result<Self, Failure> {
        let subscriptions = subscriptions(input.subscriptions, settings)?;
        let mut told = BTreeSet::new();
        for asked in &input.types {
            let before = told.len();
            told.extend(kinds().iter().filter(|kind| kind.is_asked_by(asked)).map(Kind::name));
            if told.len() == before && !kinds().iter().any(|kind| kind.is_asked_by(asked)) {
                let why = format!("no type or service `{asked}` is known; write one such as `Microsoft.Compute/disks`");
                return Err(Failure::invalid_input(why).with("type", asked));
            }
        }
        if input.types.is_empty() {
            told.extend(kinds().iter().map(Kind::name));
        }
        let mut listed = told.clone();
        let mut above: Vec<&str> = told.iter().copied().collect();
        while let Some(name) = above.pop() {
            if let Some(parent) = kind_of(name).and_then(Kind::parent)
                && listed.insert(parent.name())
            {
                above.push(parent.name());
            }
        }
        Ok(Self { subscriptions, source: input.source, told, listed })
    }

    /// Reports whether resources of a kind are told.
    pub fn tells(&self, kind: &Kind) -> bool {
        self.told.contains(kind.name())
    }

    /// Reports whether resources of a kind are listed, be it for what lies in them.
    pub fn lists(&self, kind: &Kind) -> bool {
        self.listed.contains(kind.name())
    }
}

/// The subscriptions that are named, by the caller or else by the configuration, none twice; none if nobody names any.
///
/// # Errors
///
/// If an id cannot be one.
pub fn subscriptions(named: Vec<String>, settings: Settings) -> Result<Vec<String>, Failure> {
    let asked = if named.is_empty() { settings.subscriptions } else { named };
    let mut subscriptions: Vec<String> = Vec::new();
    for id in asked {
        if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            let why = format!("`{id}` is no id of a subscription; write it as 00000000-0000-0000-0000-000000000000");
            return Err(Failure::invalid_input(why).with("subscription", id));
        }
        if !subscriptions.iter().any(|there| there.eq_ignore_ascii_case(&id)) {
            subscriptions.push(id);
        }
    }
    Ok(subscriptions)
}
