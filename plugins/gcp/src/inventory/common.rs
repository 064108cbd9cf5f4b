//! Metadata that holds for every machine of a project, where the machine has none of its own.
//!
//! What decides who may sign in stands in the metadata of a machine or of its project. It is asked once for a project,
//! when the first machine is met. `block-project-ssh-keys` is a machine's own alone: nobody reads it of the project.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;
use troupe_cloud::{Client, Fault, Found};
use troupe_estate::{GLOBAL, Resource};
use troupe_sdk::{http, wait};

use crate::address::address;
use crate::ask::asked;
use crate::record::path;
use crate::services::compute::{INSTANCE, OF_PROJECT, is_on};

const PROJECT: &str = "https://compute.googleapis.com/compute/v1/projects/{project}?fields=commonInstanceMetadata";

/// The metadata of a project.
pub struct Common<'a> {
    client: &'a Client,
    found: &'a Found,
    project: &'a str,
    /// One asks, and the others wait for the answer.
    turns: wait::Turns,
    /// What of it is told of machines, by their attribute; none if it could not be read.
    known: RefCell<Option<Option<BTreeMap<&'static str, bool>>>>,
}

impl<'a> Common<'a> {
    /// That of a project, which is not asked yet.
    pub const fn new(client: &'a Client, found: &'a Found, project: &'a str) -> Self {
        Self { client, found, project, turns: wait::Turns::new(1), known: RefCell::new(None) }
    }

    /// Tells of a machine what holds for it by its project; of any other resource nothing.
    pub async fn complete(&self, resource: &mut Resource) {
        let is_own = |attribute: &str| resource.attributes.get(attribute).is_some_and(|value| !value.is_null());
        let open: Vec<&'static str> =
            OF_PROJECT.iter().map(|(attribute, _)| *attribute).filter(|attribute| !is_own(attribute)).collect();
        if resource.kind != INSTANCE.kind || open.is_empty() {
            return;
        }
        let _turn = self.turns.take().await;
        if self.known.borrow().is_none() {
            let known = self.ask().await;
            *self.known.borrow_mut() = Some(known);
        }
        match self.known.borrow().as_ref().and_then(Option::as_ref) {
            // What neither says is off.
            Some(known) => {
                for attribute in open {
                    resource.set(attribute, known.get(attribute).copied().unwrap_or_default());
                }
            }
            None => resource.unread(&open),
        }
    }

    async fn ask(&self) -> Option<BTreeMap<&'static str, bool>> {
        let asked = asked("compute.googleapis.com", "compute.projects.get", Some(self.project), GLOBAL);
        let answer = match address(PROJECT, self.project, &Value::Null, &Value::Null) {
            Some(address) => self.client.read::<Value>(http::get(address)).await,
            None => Err(Fault::unreadable("the project does not say who it is")),
        };
        match answer {
            Ok(project) => {
                let items = path::all(&project, "/commonInstanceMetadata/items/*");
                Some(OF_PROJECT.iter().filter_map(|(name, key)| Some((*name, is_on(&items, key)?))).collect())
            }
            Err(fault) => {
                // The machines are told all the same, and say themselves what is not known of them.
                let id = format!("//compute.googleapis.com/projects/{}", self.project);
                self.found.note(&asked, Some(&id), fault);
                None
            }
        }
    }
}
