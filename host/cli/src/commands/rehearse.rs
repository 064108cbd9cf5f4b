//! `troupe rehearse`: a release, tried on what its agent was asked lately.

use std::io::IsTerminal as _;
use std::pin::pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use troupe_core::view::{
    CostSpread, DifferenceGroup, DifferenceKind, Problem, RehearsalProgress, RehearsalReport, RehearsalResult,
    RehearseRequest, SkillRehearsal, Spread,
};
use troupe_core::{Code, Error, ReleaseRef, Result};

use crate::args::{Args, Rehearse};
use crate::client::Client;
use crate::human::{escaped, table};
use crate::output;

/// The exit statuses of something that differs, and of nothing that was rehearsed.
const DIFFERENT: u8 = 3;
const NOT_REHEARSED: u8 = 4;

/// Between two lines of how far it is, where there is no terminal to show it on.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// What is said of a rehearsal that went with its connection, so that nobody waits for the rest.
const CUT_SHORT: &str = "the host stopped telling before the rehearsal was over, which ended it; begin it again";

/// Groups that a person is shown; the rest is in `--json`.
const GROUPS_SHOWN: usize = 20;

/// Whoever interrupts this ends the rehearsal, since its connection ends.
pub(crate) async fn run(args: &Args, command: &Rehearse) -> Result<ExitCode> {
    let release: ReleaseRef = command.release.parse()?;
    let path = format!("/api/v1/deployments/{}/rehearse", release.agent);
    let request = RehearseRequest {
        version: release.version,
        last: Some(command.last),
        skill: command.skill.clone(),
        timeout_ms: command.timeout.map(|seconds| seconds.saturating_mul(1000)),
    };
    let report = follow(args.json, &Client::new(args)?, &path, &request).await?;
    output::answer(args.json, &report, text)?;
    Ok(match report.result {
        RehearsalResult::Identical => ExitCode::SUCCESS,
        RehearsalResult::Different => ExitCode::from(DIFFERENT),
        RehearsalResult::NotRehearsed => ExitCode::from(NOT_REHEARSED),
    })
}

async fn follow(json: bool, client: &Client, path: &str, request: &RehearseRequest) -> Result<RehearsalReport> {
    let mut events = pin!(client.post_events(path, request).await?);
    let is_terminal = std::io::stderr().is_terminal();
    let bar = if is_terminal { bar() } else { ProgressBar::hidden() };
    let mut said: Option<Instant> = None;
    while let Some(event) = events.next().await {
        let event = event.map_err(|error| error.context(CUT_SHORT))?;
        match event.name.as_str() {
            "progress" => {
                let progress: RehearsalProgress = serde_json::from_str(&event.data).map_err(Error::internal)?;
                show(&bar, progress);
                if !is_terminal && !json && said.is_none_or(|said| said.elapsed() >= LINE_EVERY) {
                    said = Some(Instant::now());
                    let RehearsalProgress { done, of, different } = progress;
                    output::note(&format!("  rehearsing {done} of {of} repeated, {different} different"));
                }
            }
            "report" => {
                bar.finish_and_clear();
                return serde_json::from_str(&event.data).map_err(Error::internal);
            }
            "problem" => {
                bar.finish_and_clear();
                let problem: Problem = serde_json::from_str(&event.data).map_err(Error::internal)?;
                return Err(problem.into());
            }
            _ => {}
        }
    }
    Err(Error::new(Code::UnavailableHost, CUT_SHORT))
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:24} {pos}/{len} {wide_msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn show(bar: &ProgressBar, progress: RehearsalProgress) {
    bar.set_length(progress.of.into());
    bar.set_position(progress.done.into());
    bar.set_message(format!("{} different", progress.different));
}

fn text(report: &RehearsalReport) -> String {
    let mut parts = vec![summary(report)];
    if !report.groups.is_empty() {
        parts.push(groups(report));
    }
    if report.rehearsed > 0 {
        parts.push(skills(&report.skills));
    }
    if report.cost.invocations > 0 {
        parts.push(cost(report));
    }
    if !report.left_out.is_empty() {
        let row = |left: &troupe_core::view::LeftOut| vec![left.tasks.to_string(), left.says.clone()];
        parts.push(table(&["left out", "why"], &report.left_out.iter().map(row).collect::<Vec<_>>()));
    }
    parts.push(verdict(report));
    parts.join("\n").trim_end().to_owned()
}

fn summary(report: &RehearsalReport) -> String {
    let of = format!("{}@{}", report.agent, report.candidate.version);
    let beside = report.serving.as_ref().map_or_else(
        || "no release serves beside it".to_owned(),
        |serving| format!("beside {}, which serves", serving.version),
    );
    let mut text = match report.result {
        RehearsalResult::NotRehearsed => format!("not rehearsed: {of}; {beside}\n"),
        RehearsalResult::Identical => {
            format!("identical: {of} in {} invocations; {beside}\n", report.rehearsed)
        }
        RehearsalResult::Different => {
            let (different, rehearsed) = (report.different, report.rehearsed);
            format!("different: {of} in {different} of {rehearsed} invocations; {beside}\n")
        }
    };
    if report.serving_different > 0 {
        let (count, all) = (report.serving_different, report.rehearsed);
        text.push_str(&format!("in {count} of {all} the serving release does not do what is recorded either\n"));
    }
    if report.no_time > 0 {
        text.push_str(&format!("there was no time for {} more\n", report.no_time));
    }
    text
}

fn groups(report: &RehearsalReport) -> String {
    let row = |group: &DifferenceGroup| {
        vec![
            group.invocations.to_string(),
            group.skill.clone(),
            word(group.kind).to_owned(),
            group.says.clone(),
            group.tasks.first().map(ToString::to_string).unwrap_or_default(),
        ]
    };
    let rows: Vec<Vec<String>> = report.groups.iter().take(GROUPS_SHOWN).map(row).collect();
    let mut text = table(&["times", "skill", "what", "such as", "task"], &rows);
    let more = report.groups.len().saturating_sub(GROUPS_SHOWN);
    if more > 0 || report.ungrouped > 0 {
        text.push_str(&format!("and {more} more, and {} in no group\n", report.ungrouped));
    }
    text
}

const fn word(kind: DifferenceKind) -> &'static str {
    match kind {
        DifferenceKind::Trap => "traps",
        DifferenceKind::Limit => "meets a limit",
        DifferenceKind::InputInvalid => "refuses the input",
        DifferenceKind::OutputInvalid => "breaks its schema",
        DifferenceKind::Fails => "fails",
        DifferenceKind::Succeeds => "no longer fails",
        DifferenceKind::Failure => "fails otherwise",
        DifferenceKind::Answer => "answers otherwise",
        DifferenceKind::Denied => "is denied",
        DifferenceKind::NewWrite => "new write",
        DifferenceKind::NewRead => "new read",
        DifferenceKind::ChangedCall => "changed call",
        DifferenceKind::MissingCall => "missing call",
    }
}

fn skills(skills: &[SkillRehearsal]) -> String {
    let row = |skill: &SkillRehearsal| {
        let count = match skill.invocations {
            0 => "none".to_owned(),
            count => count.to_string(),
        };
        vec![skill.skill.clone(), count, skill.different.to_string()]
    };
    table(&["skill", "invocations", "different"], &skills.iter().map(row).collect::<Vec<_>>())
}

/// What is called how, and where it stands.
type Quantity = (&'static str, fn(&CostSpread) -> Spread);

fn cost(report: &RehearsalReport) -> String {
    let (then, now) = (&report.cost.serving, &report.cost.candidate);
    let quantities: [Quantity; 5] = [
        ("processor time, us", |cost| cost.compute_us),
        ("peak memory, bytes", |cost| cost.memory_bytes_peak),
        ("host calls", |cost| cost.host_calls),
        ("requests", |cost| cost.http_requests),
        ("bytes of bodies", |cost| cost.http_bytes),
    ];
    let pair = |then: u64, now: u64| if then == now { now.to_string() } else { format!("{then} > {now}") };
    let row = |(name, of): Quantity| {
        let (then, now) = (of(then), of(now));
        let pairs = [(then.p50, now.p50), (then.p95, now.p95), (then.max, now.max), (then.total, now.total)];
        std::iter::once(name.to_owned()).chain(pairs.map(|(then, now)| pair(then, now))).collect()
    };
    let rows: Vec<Vec<String>> = quantities.into_iter().map(row).collect();
    table(&["what it took, then > now", "half", "95 of 100", "most", "all"], &rows)
}

fn verdict(report: &RehearsalReport) -> String {
    let says = if report.verdict.passes { "the default policy lets it go on" } else { "the default policy stops it" };
    // A reason may hold what an agent wrote.
    let reasons = report.verdict.reasons.iter().map(|reason| format!("  {}\n", escaped(reason)));
    format!("{says}\n{}", reasons.collect::<String>())
}
