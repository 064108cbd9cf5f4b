//! One thing that is asked of Google to be done.

use serde_json::{Value, json};
use troupe_cloud::{Client, Fault};
use troupe_sdk::http;
use troupe_sdk::prelude::*;

use super::operation;
use super::request_id;
use crate::record::path;

/// What is done.
#[derive(Debug, Clone)]
pub enum Kind {
    /// The machine is started.
    Start,
    /// The machine is stopped.
    Stop,
    /// The machine gets another type.
    Resize(String),
}

/// One step.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Step {
    /// What it does, such as `set the machine type to e2-standard-4`.
    pub what: String,
    /// The method of Compute that does it.
    pub operation: String,
    /// Whether it was done.
    pub done: bool,
    #[serde(skip)]
    kind: Kind,
}

impl Step {
    /// A step that is to be taken with a machine.
    pub fn new(kind: Kind, item: &Value) -> Self {
        let name = path::text(item, "/name").unwrap_or_default();
        let (what, method) = match &kind {
            Kind::Start => (format!("start {name}"), "start"),
            Kind::Stop => (format!("stop {name}"), "stop"),
            Kind::Resize(machine_type) => {
                (format!("set the machine type of {name} to {machine_type}"), "setMachineType")
            }
        };
        Self { what, operation: format!("compute.instances.{method}"), done: false, kind }
    }

    /// Takes the step, and waits until Google says that it is done.
    ///
    /// # Errors
    ///
    /// What Google says, or that it did not say in time.
    pub async fn take(&mut self, client: &Client, address: &str, item: &Value) -> Result<(), Fault> {
        let zone = address.split("/instances/").next().unwrap_or(address);
        let (method, body) = match &self.kind {
            Kind::Start => ("start", None),
            Kind::Stop => ("stop", None),
            Kind::Resize(machine_type) => {
                let zone_name = crate::name::last(zone);
                (
                    "setMachineType",
                    Some(json!({ "machineType": format!("zones/{zone_name}/machineTypes/{machine_type}") })),
                )
            }
        };
        // The same for a repetition, so it may be sent again.
        let id = request_id::of(&self.what, item);
        let request = http::post(format!("{address}/{method}")).query("requestId", id).repeatable();
        let request = match body {
            Some(body) => request.json(&body),
            None => request.header("content-length", 0),
        };
        let begun: Value = client.read(request).await?;
        operation::wait(client, zone, &begun).await?;
        self.done = true;
        Ok(())
    }
}
