//! The cut-over of a wave, as a task group that the host runs.
//!
//! ```text
//! unchanged ─ approve ─┬ move-1: prepare ─ cut-over ↩ roll back ┐
//!                      ├ move-2: …                             ├ verify ─ accept
//!                      └ …                                     ┘
//! ```
//!
//! | step | asks | does |
//! |---|---|---|
//! | `unchanged` | `migration progress` | looks at the source again, and fails if what the wave moves is not as it was planned, or what it depends on has not moved |
//! | `approve` | `migration confirm` | people approve of this wave, its blockers in front of them |
//! | `move-N` | a group | for some workloads: `prepare`, then `cut-over`, each done by people who confirm it; the cut-over's compensation is the way back, confirmed by people too |
//! | `verify` | `migration progress` | looks at the target, and fails if not all of the wave is there |
//! | `accept` | `migration confirm` | people accept it, or say no: then everything of the wave is rolled back |
//!
//! A wave is a group of its own: one that fails is rolled back whole, and no wave before it is touched. In a dry run
//! nobody is asked and nothing fails: each step answers what it would ask, and what it sees.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Item, Wave};
use crate::Cloud;
use crate::assess::Looked;
use crate::catalog::services::Move;
use crate::input::Target;

/// Groups within the group of a wave: with two steps each and four more beside them they are what a group may have.
const MOVES_MAX: usize = 20;

/// How long people have for a step: two weeks.
const STEP_TIME_MS: u64 = 14 * 24 * 60 * 60 * 1000;

/// Lines of a step that people read; what is more is counted.
const LINES_MAX: usize = 40;

/// What all runbooks of a plan are written by.
pub struct Order<'a> {
    /// Where it goes.
    pub target: &'a Target,
    /// Whether nobody is asked.
    pub dry_run: bool,
    /// What moves.
    pub looked: &'a Looked,
}

/// The task group of a wave that moves these items.
pub fn write(order: &Order<'_>, wave: &Wave, own: &[&Item]) -> Value {
    let mut of_workload: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
    for item in own {
        of_workload.entry(&item.workload).or_default().push(item);
    }
    let mut steps = vec![
        check(order, "unchanged", own, "unchanged", &[]),
        confirm(
            order,
            "approve",
            &format!("begin wave {}", wave.number),
            approve(order, wave),
            &["unchanged".to_owned()],
        ),
    ];
    let size = wave.workloads.len().div_ceil(MOVES_MAX).max(1);
    let mut moved = Vec::new();
    for (number, names) in wave.workloads.chunks(size).enumerate() {
        let step = format!("move-{}", number + 1);
        steps.push(
            json!({ "name": step, "needs": ["approve"], "group": { "steps": moves(order, names, &of_workload) } }),
        );
        moved.push(step);
    }
    steps.push(check(order, "verify", own, "moved", &moved));
    let accept = vec![
        format!(
            "{} resources of {} workloads run in {}",
            wave.resources,
            wave.workloads.len(),
            order.target.cloud.title()
        ),
        "users and operators see what they saw before: errors, latency, alarms, backups".to_owned(),
        "the source is kept, stopped, until its data is no longer needed to go back".to_owned(),
    ];
    steps.push(confirm(order, "accept", &format!("accept wave {}", wave.number), accept, &["verify".to_owned()]));
    json!({ "on_failure": "stop", "steps": steps })
}

fn approve(order: &Order<'_>, wave: &Wave) -> Vec<String> {
    let mut lines = vec![format!("{} resources move to {}", wave.resources, order.target.cloud.title())];
    lines.extend(wave.workloads.iter().map(|name| format!("workload {name}")));
    lines.extend(wave.blockers.iter().map(|row| {
        let code = row.code.name();
        format!("solved before: {code}: {} ({}): {}", row.message, row.resources.join(", "), row.remedy)
    }));
    lines.extend(wave.stays_behind.iter().map(|name| format!("it uses {name}, which stays behind")));
    let needs = wave.needs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if !needs.is_empty() {
        lines.push(format!("waves {needs} are accepted"));
    }
    lines
}

/// What is asked of people.
fn confirm(order: &Order<'_>, name: &str, title: &str, lines: Vec<String>, needs: &[String]) -> Value {
    let mut step = json!({ "name": name, "task": asked(order, title, lines) });
    if !needs.is_empty()
        && let Some(step) = step.as_object_mut()
    {
        step.insert("needs".to_owned(), json!(needs));
    }
    step
}

fn asked(order: &Order<'_>, title: &str, mut lines: Vec<String>) -> Value {
    if lines.len() > LINES_MAX {
        let more = lines.len() - LINES_MAX;
        lines.truncate(LINES_MAX);
        lines.push(format!("and {more} more"));
    }
    // Lines are of names and tags that anybody may have given.
    let lines: Vec<String> = lines.into_iter().map(|line| line.chars().take(300).collect()).collect();
    json!({
        "agent": "migration",
        "skill": "confirm",
        "input": { "title": title.chars().take(200).collect::<String>(), "lines": lines, "dry_run": order.dry_run },
        "lifetime_ms": STEP_TIME_MS,
    })
}

/// A look at the source or the target.
fn check(order: &Order<'_>, name: &str, own: &[&Item], require: &str, needs: &[String]) -> Value {
    let clouds: BTreeSet<Cloud> = own.iter().filter_map(|item| Cloud::of(item.provider)).collect();
    let regions = |cloud: Cloud| {
        let of = own.iter().filter(|item| Cloud::of(item.provider) == Some(cloud));
        of.map(|item| item.region.as_str()).filter(|region| *region != troupe_estate::GLOBAL).collect::<BTreeSet<_>>()
    };
    let source: Vec<Value> = clouds.into_iter().map(|cloud| inventory(cloud, &regions(cloud))).collect();
    let mut task = json!({
        "target": order.target,
        "items": own,
        "source": { "inventories": source },
        "require": require,
        "dry_run": order.dry_run,
    });
    if require == "moved"
        && let Some(task) = task.as_object_mut()
    {
        let regions = order.target.region.as_deref().into_iter().collect();
        task.insert("arrived".to_owned(), json!({ "inventories": [inventory(order.target.cloud, &regions)] }));
    }
    let mut step = json!({ "name": name, "task": { "agent": "migration", "skill": "progress", "input": task } });
    if !needs.is_empty()
        && let Some(step) = step.as_object_mut()
    {
        step.insert("needs".to_owned(), json!(needs));
    }
    step
}

/// What an agent is asked: AWS's looks in regions that it is told.
fn inventory(cloud: Cloud, regions: &BTreeSet<&str>) -> Value {
    if cloud == Cloud::Aws && !regions.is_empty() {
        return json!({ "cloud": cloud, "input": { "regions": regions } });
    }
    json!({ "cloud": cloud })
}

/// The two steps of some workloads.
fn moves(order: &Order<'_>, names: &[String], of_workload: &BTreeMap<&str, Vec<&Item>>) -> Value {
    let title = names.join(", ");
    let mine = names.iter().filter_map(|name| of_workload.get(name.as_str())).flatten();
    let (mut prepare, mut cut, mut back) = (Vec::new(), Vec::new(), Vec::new());
    prepare.push(format!("apply the Terraform of the wave for {title}, and look at its plan first"));
    for item in mine {
        let (before, during) = words(item.way);
        let name = order.looked.estate.by_key(&item.reference().key()).and_then(|found| found.name.as_deref());
        let shown = name.map_or_else(|| item.id.clone(), |name| format!("{name} ({})", item.id));
        prepare.extend(before.map(|words| format!("{shown}: {words}")));
        cut.extend(during.map(|words| format!("{shown}: {words}")));
    }
    cut.insert(0, "stop writes at the source, and wait until nothing is in flight".to_owned());
    cut.push("lead names and clients to the target, and watch errors for as long as names are remembered".to_owned());
    back.push("lead names and clients back to the source".to_owned());
    back.push("bring back what was written to the target since the cut-over, or say that it is lost".to_owned());
    back.push("let the source write again, and stop the target".to_owned());
    let mut cut_over = confirm(order, "cut-over", &format!("cut over {title}"), cut, &["prepare".to_owned()]);
    if let Some(step) = cut_over.as_object_mut() {
        let task = asked(order, &format!("roll back {title}"), back);
        step.insert("compensate".to_owned(), json!({ "task": task }));
    }
    json!([confirm(order, "prepare", &format!("prepare {title}"), prepare, &[]), cut_over])
}

/// What is done to a resource before and during its cut-over.
const fn words(way: Move) -> (Option<&'static str>, Option<&'static str>) {
    match way {
        Move::Rehost => (
            Some("copy it, and go on copying what changes"),
            Some("copy what changed last, compare, and start it in the target"),
        ),
        Move::Replatform => (
            Some("make the managed service, load it, and go on replicating"),
            Some("wait until replication has caught up, compare, and end it"),
        ),
        Move::Refactor => (
            Some("deploy and test what was rewritten, beside the old"),
            Some("let the rewritten take over, with the data that it needs"),
        ),
        Move::Repurchase => (
            Some("subscribe to what takes its place, and load it"),
            Some("let people and programs use what takes its place"),
        ),
        Move::Follows | Move::Retire | Move::Retain => (None, None),
    }
}
