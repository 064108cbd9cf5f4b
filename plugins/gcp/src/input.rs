//! What a caller asks an inventory for, and what is made of it.

use troupe_sdk::prelude::*;

use crate::services::Service;

/// The agent's configuration.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to look when the caller names no projects; none: in every active project that the credential sees.
    #[serde(default)]
    pub projects: Vec<String>,
}

/// What to list.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InventoryInput {
    /// The projects to look in, by id; those of the configuration if none are named, else every active project that
    /// the credential sees.
    #[serde(default)]
    pub projects: Vec<String>,
    /// The services to look at; all of them if none are named.
    #[serde(default)]
    pub services: Vec<Service>,
    /// How resources are found.
    #[serde(default)]
    pub via: Via,
}

/// How resources are found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// By asking each service: what is there now.
    #[default]
    Services,
    /// By Cloud Asset Inventory: a thousand resources a request, of every type there is, and minutes behind. Where it
    /// may not be asked, each service is.
    Assets,
}

/// What will be looked at: input and configuration, checked.
#[derive(Debug)]
pub struct Plan {
    /// The projects, none twice; if there are none, those that the credential sees.
    pub projects: Vec<String>,
    /// At least one service, none twice.
    pub services: Vec<Service>,
    /// Whether it is all services, and so all types that Cloud Asset knows.
    pub everything: bool,
    /// How resources are found.
    pub via: Via,
}

impl Plan {
    /// Makes a plan.
    ///
    /// # Errors
    ///
    /// `InvalidInput`, if something is named that cannot be a project.
    pub fn new(input: InventoryInput, settings: Settings) -> Result<Self, Failure> {
        let projects = projects(input.projects, settings)?;
        let everything = input.services.is_empty();
        let mut services = if everything { Service::ALL.to_vec() } else { input.services };
        services.sort_unstable();
        services.dedup();
        Ok(Self { projects, services, everything, via: input.via })
    }
}

/// The projects of the input, else of the configuration, each once.
///
/// # Errors
///
/// `InvalidInput`, if something is named that cannot be a project.
pub fn projects(asked: Vec<String>, settings: Settings) -> Result<Vec<String>, Failure> {
    let named = if asked.is_empty() { settings.projects } else { asked };
    let mut projects: Vec<String> = Vec::new();
    for project in named {
        check_project(&project)?;
        if !projects.contains(&project) {
            projects.push(project);
        }
    }
    Ok(projects)
}

/// As [`projects`], for what needs at least one.
///
/// # Errors
///
/// `InvalidInput`, also if none is named.
pub fn some_projects(asked: Vec<String>, settings: Settings) -> Result<Vec<String>, Failure> {
    let projects = projects(asked, settings)?;
    if projects.is_empty() {
        return Err(Failure::invalid_input("no project is named, neither in the input nor in the configuration"));
    }
    Ok(projects)
}

/// Refuses what cannot be a project's id or number: `acme-prod`, of a domain `example.com:acme-prod`.
///
/// # Errors
///
/// `InvalidInput`.
pub fn check_project(project: &str) -> Result<(), Failure> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:".contains(&byte);
    let is_project = (1..=100).contains(&project.len())
        && project.bytes().all(plain)
        && project.starts_with(|first: char| first.is_ascii_alphanumeric())
        && project.ends_with(|last: char| last.is_ascii_alphanumeric());
    if is_project {
        return Ok(());
    }
    Err(Failure::invalid_input(format!("`{project}` is not a project's id such as `acme-prod`"))
        .with("project", project))
}
