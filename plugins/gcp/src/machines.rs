//! Starting, stopping and resizing a machine of Compute.
//!
//! Each skill looks first, says what it would do, and does it only if it is told to (`dry_run: false`). What is asked
//! of Google to be done has a request id, by which Google takes a repetition for what it is.
//!
//! ```text
//!            start                       stop                          resize
//!  TERMINATED ───► RUNNING     RUNNING ───► TERMINATED    TERMINATED ───────────────► TERMINATED
//!                                                          RUNNING ─ stop, resize, start ─► RUNNING
//! ```
//!
//! A machine in another state (`STOPPING`, `SUSPENDED`, …) is left alone. A step that fails ends the skill: the ones
//! before it are done, and the answer says which.

mod operation;
mod request_id;
mod step;

use serde_json::Value;
use troupe_cloud::{Client, Fault};
use troupe_sdk::http;
use troupe_sdk::prelude::*;

use crate::ask;
use crate::input::check_project;
use crate::name;
use crate::named::check_name;
use crate::record::path;
use step::Kind;
pub use step::Step;

/// Which machine, and whether it is meant.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MachineInput {
    /// The project, by id.
    pub project: String,
    /// The zone, such as `europe-west1-b`.
    pub zone: String,
    /// The machine's name.
    pub instance: String,
    /// Whether it is only told what would be done; so it is, unless this is `false`.
    #[serde(default = "yes")]
    pub dry_run: bool,
}

/// Which machine, how large, and whether it is meant.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResizeInput {
    /// The project, by id.
    pub project: String,
    /// The zone, such as `europe-west1-b`.
    pub zone: String,
    /// The machine's name.
    pub instance: String,
    /// The machine type it shall have, such as `e2-standard-4`.
    pub machine_type: String,
    /// Whether a machine that runs is stopped for it, and started again; else it is left alone.
    #[serde(default)]
    pub restart: bool,
    /// Whether it is only told what would be done; so it is, unless this is `false`.
    #[serde(default = "yes")]
    pub dry_run: bool,
}

const fn yes() -> bool {
    true
}

/// What was done to a machine, or would be.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Change {
    /// The machine's full name.
    pub instance: String,
    /// Whether it is only told what would be done.
    pub dry_run: bool,
    /// How the machine was before.
    pub before: Machine,
    /// How it is now; absent if nothing was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Machine>,
    /// The steps, in order; none if it is as it shall be.
    pub steps: Vec<Step>,
    /// What whoever approves should know.
    pub warnings: Vec<String>,
}

/// How a machine is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Machine {
    /// Its state in Google's words.
    pub state: String,
    /// Its machine type.
    pub machine_type: String,
}

/// What a machine shall come to.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// That it runs.
    Started,
    /// That it does not run.
    Stopped,
    /// That it is of this type; it may be stopped and started for it, or not.
    Sized(&'a str, bool),
}

/// Brings a machine to what is wanted, or says how.
///
/// # Errors
///
/// `InvalidInput` for what names no machine; `Denied` and `Failed`, with what was done before, for what Google
/// refuses.
pub async fn bring(input: &MachineInput, wanted: Wanted<'_>) -> Result<Change, Failure> {
    check_project(&input.project)?;
    check_name("zone", &input.zone)?;
    check_name("instance", &input.instance)?;
    if let Wanted::Sized(machine_type, _) = wanted {
        check_name("machine_type", machine_type)?;
    }
    let client = ask::client();
    let MachineInput { project, zone, instance, dry_run } = input;
    let address =
        format!("https://compute.googleapis.com/compute/v1/projects/{project}/zones/{zone}/instances/{instance}");
    let item: Value = client.read(http::get(&address)).await.map_err(|fault| failure(fault, &[]))?;
    let before = machine(&item);
    let kinds = plan(&before, wanted)?;
    let mut warnings = warnings(&item, wanted);
    if let Some(Kind::Resize(machine_type)) = kinds.iter().find(|kind| matches!(kind, Kind::Resize(_))) {
        let zone = format!("https://compute.googleapis.com/compute/v1/projects/{project}/zones/{zone}");
        warnings.extend(check_type(&client, &zone, machine_type).await?);
    }
    let mut change = Change {
        instance: format!("//compute.googleapis.com/projects/{project}/zones/{zone}/instances/{instance}"),
        dry_run: *dry_run,
        steps: kinds.into_iter().map(|kind| Step::new(kind, &item)).collect(),
        warnings,
        before,
        after: None,
    };
    if *dry_run || change.steps.is_empty() {
        return Ok(change);
    }
    let count = change.steps.len();
    for place in 0..count {
        let Some(step) = change.steps.get_mut(place) else { break };
        #[expect(clippy::cast_precision_loss, reason = "three steps at most")]
        progress::report(place as f64 / count as f64, &step.what);
        if let Err(fault) = step.take(&client, &address, &item).await {
            return Err(failure(fault, &change.steps));
        }
    }
    let item: Value = client.read(http::get(&address)).await.map_err(|fault| failure(fault, &change.steps))?;
    change.after = Some(machine(&item));
    Ok(change)
}

fn machine(item: &Value) -> Machine {
    Machine {
        state: path::text(item, "/status").unwrap_or_default().to_owned(),
        machine_type: name::last(path::text(item, "/machineType").unwrap_or_default()).to_owned(),
    }
}

/// The steps from what is to what is wanted.
fn plan(now: &Machine, wanted: Wanted<'_>) -> Result<Vec<Kind>, Failure> {
    let is = |state: &str| now.state == state;
    let refuse = |why: String| Err(Failure::failed(why).with("state", &now.state));
    match wanted {
        Wanted::Started if is("RUNNING") => Ok(Vec::new()),
        Wanted::Started if is("TERMINATED") => Ok(vec![Kind::Start]),
        Wanted::Stopped if is("TERMINATED") => Ok(Vec::new()),
        Wanted::Stopped if is("RUNNING") => Ok(vec![Kind::Stop]),
        Wanted::Sized(machine_type, _) if now.machine_type == machine_type => Ok(Vec::new()),
        Wanted::Sized(machine_type, _) if is("TERMINATED") => Ok(vec![Kind::Resize(machine_type.to_owned())]),
        Wanted::Sized(machine_type, true) if is("RUNNING") => {
            Ok(vec![Kind::Stop, Kind::Resize(machine_type.to_owned()), Kind::Start])
        }
        Wanted::Sized(..) if is("RUNNING") => refuse(
            "the machine runs, and is resized only while it does not; `restart: true` stops and starts it".to_owned(),
        ),
        _ => refuse(format!("the machine is {}, in which it is left alone", now.state)),
    }
}

/// Refuses a machine type that the zone does not have: Google says so only when the machine is stopped already. That
/// it could not be asked is a warning. One that is made to measure is in no list, so it is not asked about.
async fn check_type(client: &Client, zone: &str, machine_type: &str) -> Result<Option<String>, Failure> {
    if machine_type.contains("custom-") {
        return Ok(None);
    }
    match client.read::<Value>(http::get(format!("{zone}/machineTypes/{machine_type}"))).await {
        Ok(_) => Ok(None),
        Err(fault) if fault.is_absent() => {
            Err(Failure::failed(format!("the zone has no machine type {machine_type}")).with("code", fault.code))
        }
        Err(Fault { code, message, .. }) => {
            Ok(Some(format!("whether the zone has {machine_type} could not be asked: {code}: {message}")))
        }
    }
}

/// What whoever approves should know.
fn warnings(item: &Value, wanted: Wanted<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    let runs = path::text(item, "/status") == Some("RUNNING");
    let stops = runs && !matches!(wanted, Wanted::Started | Wanted::Sized(_, false));
    let disks = path::all(item, "/disks/*/type");
    if stops && disks.iter().any(|kind| kind.as_str() == Some("SCRATCH")) {
        warnings.push("it has local disks, whose data is lost when it stops".to_owned());
    }
    let pairs = path::all(item, "/metadata/items/*");
    let manager = pairs.iter().find(|pair| path::text(pair, "/key") == Some("created-by"));
    if let Some(manager) =
        manager.and_then(|pair| path::text(pair, "/value")).filter(|by| by.contains("/instanceGroupManagers/"))
    {
        warnings.push(format!("the group `{}` made it, and may undo what is done to it", name::last(manager)));
    }
    let addresses = path::all(item, "/networkInterfaces/*/accessConfigs/*/natIP");
    if stops && !addresses.is_empty() {
        warnings.push("its public address changes, unless it is a reserved one".to_owned());
    }
    warnings
}

/// A failure that says what was done before.
fn failure(fault: Fault, steps: &[Step]) -> Failure {
    let Fault { kind, code, message, .. } = fault;
    let done: Vec<&str> = steps.iter().filter(|step| step.done).map(|step| step.what.as_str()).collect();
    let text = format!("{code}: {message}");
    let failure = match kind {
        troupe_estate::ProblemKind::Denied => Failure::denied(text),
        troupe_estate::ProblemKind::Throttled => Failure::unavailable(text),
        _ => Failure::failed(text),
    };
    if steps.is_empty() { failure } else { failure.with("done", done).with("code", code) }
}
