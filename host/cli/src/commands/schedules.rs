//! `troupe schedules`: tasks that are made again and again.

use std::process::ExitCode;

use troupe_core::view::{NewSchedule, NewTask, Page, Retry, ScheduleView};
use troupe_core::{Result, Timestamp};

use super::run::input;
use crate::args::{Args, Schedules, SchedulesVerb, SetSchedule};
use crate::client::{Client, segment};
use crate::human::table;
use crate::output;

const PATH: &str = "/api/v1/schedules";

pub(crate) async fn run(args: &Args, command: &Schedules) -> Result<ExitCode> {
    let client = Client::new(args)?;
    let of = |name: &str| format!("{PATH}/{}", segment(name));
    let verb = command.verb.as_ref().unwrap_or(&SchedulesVerb::List);
    let schedule: ScheduleView = match verb {
        SchedulesVerb::List => {
            let page = Page { items: client.all(PATH, &[]).await?, next: None };
            output::answer(args.json, &page, |page| list(&page.items))?;
            return Ok(ExitCode::SUCCESS);
        }
        SchedulesVerb::Remove { schedule } => {
            let removed: ScheduleView = client.delete(&of(schedule)).await?;
            output::answer(args.json, &removed, |removed| format!("{} is removed", removed.name))?;
            return Ok(ExitCode::SUCCESS);
        }
        SchedulesVerb::Show { schedule } => client.get(&of(schedule)).await?,
        SchedulesVerb::Set(set) => client.put(&of(&set.schedule), &asked(set)?).await?,
        SchedulesVerb::Pause { schedule } => client.post(&format!("{}/pause", of(schedule)), &()).await?,
        SchedulesVerb::Resume { schedule } => client.post(&format!("{}/resume", of(schedule)), &()).await?,
    };
    output::answer(args.json, &schedule, show)?;
    Ok(ExitCode::SUCCESS)
}

fn asked(set: &SetSchedule) -> Result<NewSchedule> {
    let task = NewTask {
        timeout_ms: set.timeout.map(|seconds| seconds.saturating_mul(1000)),
        retry: set.tries.map(Retry::of),
        ..NewTask::new(&set.agent, &set.skill, input(&set.input)?)
    };
    let (cron, timezone) = (set.cron.clone(), set.timezone.clone());
    Ok(NewSchedule { cron, timezone, task, overlap: set.overlap, paused: set.paused })
}

fn list(schedules: &[ScheduleView]) -> String {
    if schedules.is_empty() {
        return "no schedules yet; `troupe schedules set NAME '0 3 * * *' AGENT SKILL` sets one".to_owned();
    }
    let row = |schedule: &ScheduleView| {
        let NewSchedule { cron, task, .. } = &schedule.schedule;
        let failure = schedule.last_failure.as_ref().map(|failure| failure.code.clone()).unwrap_or_default();
        vec![
            schedule.name.to_string(),
            cron.clone(),
            zone(schedule),
            format!("{} {}", task.agent, task.skill),
            next(schedule),
            at(schedule.last_at),
            failure,
        ]
    };
    let rows: Vec<_> = schedules.iter().map(row).collect();
    table(&["schedule", "cron", "zone", "task", "next", "last", "failure"], &rows)
}

fn show(schedule: &ScheduleView) -> String {
    let NewSchedule { cron, task, overlap, .. } = &schedule.schedule;
    let mut out = format!(
        "schedule  {}\ncron      {cron} {}\ntask      {} {}\nset by    {}\noverlap   {}\nnext      {}\nlast      {}\n",
        schedule.name,
        zone(schedule),
        task.agent,
        task.skill,
        schedule.principal,
        if *overlap { "allowed" } else { "passed over" },
        next(schedule),
        at(schedule.last_at),
    );
    if let Some(task) = &schedule.last_task {
        out.push_str(&format!("last task {task}\n"));
    }
    if let Some(failure) = &schedule.last_failure {
        out.push_str(&format!("failure   {} [{}]\n", failure.message, failure.code));
    }
    out
}

fn zone(schedule: &ScheduleView) -> String {
    schedule.schedule.timezone.clone().unwrap_or_else(|| "UTC".to_owned())
}

fn next(schedule: &ScheduleView) -> String {
    if schedule.schedule.paused { "paused".to_owned() } else { at(schedule.next_at) }
}

fn at(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), |at| at.to_string())
}
