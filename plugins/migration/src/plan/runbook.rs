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

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Item, PlanInput, Wave};
use crate::Cloud;
use crate::assess::Looked;
use crate::catalog::services::Move;

/// Groups within the group of a wave: with two steps each and four more beside them they are what a group may have.
const MOVES_MAX: usize = 20;

/// How long people have for a step: two weeks.
const STEP_TIME_MS: u64 = 14 * 24 * 60 * 60 * 1000;

/// Lines of a step that people read; what is more is counted.
const LINES_MAX: usize = 40;

/// The task group of a wave.
pub fn write(input: &PlanInput, looked: &Looked, wave: &Wave, items: &[Item]) -> Value {
    let own: Vec<&Item> = items.iter().filter(|item| item.wave == wave.number).collect();
    let mut steps = vec![
        check(input, "unchanged", &own, "unchanged", &[]),
        confirm(
            input,
            "approve",
            &format!("begin wave {}", wave.number),
            approve(input, wave),
            &["unchanged".to_owned()],
        ),
    ];
    let size = wave.workloads.len().div_ceil(MOVES_MAX).max(1);
    let mut moved = Vec::new();
    for (number, names) in wave.workloads.chunks(size).enumerate() {
        let step = format!("move-{}", number + 1);
        steps.push(
            json!({ "name": step, "needs": ["approve"], "group": { "steps": moves(input, looked, names, &own) } }),
        );
        moved.push(step);
    }
    steps.push(check(input, "verify", &own, "moved", &moved));
    let accept = vec![
        format!(
            "{} resources of {} workloads run in {}",
            wave.resources,
            wave.workloads.len(),
            input.target.cloud.title()
        ),
        "users and operators see what they saw before: errors, latency, alarms, backups".to_owned(),
        "the source is kept, stopped, until its data is no longer needed to go back".to_owned(),
    ];
    steps.push(confirm(input, "accept", &format!("accept wave {}", wave.number), accept, &["verify".to_owned()]));
    json!({ "on_failure": "stop", "steps": steps })
}

fn approve(input: &PlanInput, wave: &Wave) -> Vec<String> {
    let mut lines = vec![format!("{} resources move to {}", wave.resources, input.target.cloud.title())];
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
fn confirm(input: &PlanInput, name: &str, title: &str, lines: Vec<String>, needs: &[String]) -> Value {
    let mut step = json!({ "name": name, "task": asked(input, title, lines) });
    if !needs.is_empty()
        && let Some(step) = step.as_object_mut()
    {
        step.insert("needs".to_owned(), json!(needs));
    }
    step
}

fn asked(input: &PlanInput, title: &str, mut lines: Vec<String>) -> Value {
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
        "input": { "title": title.chars().take(200).collect::<String>(), "lines": lines, "dry_run": input.dry_run },
        "lifetime_ms": STEP_TIME_MS,
    })
}

/// A look at the source or the target.
fn check(input: &PlanInput, name: &str, own: &[&Item], require: &str, needs: &[String]) -> Value {
    let clouds: BTreeSet<Cloud> = own.iter().filter_map(|item| Cloud::of(item.provider)).collect();
    let regions = |cloud: Cloud| {
        let of = own.iter().filter(|item| Cloud::of(item.provider) == Some(cloud));
        of.map(|item| item.region.as_str()).filter(|region| *region != troupe_estate::GLOBAL).collect::<BTreeSet<_>>()
    };
    let source: Vec<Value> = clouds.into_iter().map(|cloud| inventory(cloud, &regions(cloud))).collect();
    let mut task = json!({
        "target": input.target,
        "items": own,
        "source": { "inventories": source },
        "require": require,
        "dry_run": input.dry_run,
    });
    if require == "moved"
        && let Some(task) = task.as_object_mut()
    {
        let regions = input.target.region.as_deref().into_iter().collect();
        task.insert("arrived".to_owned(), json!({ "inventories": [inventory(input.target.cloud, &regions)] }));
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
fn moves(input: &PlanInput, looked: &Looked, names: &[String], own: &[&Item]) -> Value {
    let title = names.join(", ");
    let mine = own.iter().filter(|item| names.contains(&item.workload));
    let (mut prepare, mut cut, mut back) = (Vec::new(), Vec::new(), Vec::new());
    prepare.push(format!("apply the Terraform of the wave for {title}, and look at its plan first"));
    for item in mine {
        let (before, during) = words(item.way);
        let name = looked.estate.named(item.provider, &item.id).and_then(|found| found.name.as_deref());
        let shown = name.map_or_else(|| item.id.clone(), |name| format!("{name} ({})", item.id));
        prepare.extend(before.map(|words| format!("{shown}: {words}")));
        cut.extend(during.map(|words| format!("{shown}: {words}")));
    }
    cut.insert(0, "stop writes at the source, and wait until nothing is in flight".to_owned());
    cut.push("lead names and clients to the target, and watch errors for as long as names are remembered".to_owned());
    back.push("lead names and clients back to the source".to_owned());
    back.push("bring back what was written to the target since the cut-over, or say that it is lost".to_owned());
    back.push("let the source write again, and stop the target".to_owned());
    let mut cut_over = confirm(input, "cut-over", &format!("cut over {title}"), cut, &["prepare".to_owned()]);
    if let Some(step) = cut_over.as_object_mut() {
        let task = asked(input, &format!("roll back {title}"), back);
        step.insert("compensate".to_owned(), json!({ "task": task }));
    }
    json!([confirm(input, "prepare", &format!("prepare {title}"), prepare, &[]), cut_over])
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
