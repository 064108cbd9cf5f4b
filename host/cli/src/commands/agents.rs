//! `troupe agents`: what agents there are, and what one can do. Making one is in `templates.rs`.

use std::process::ExitCode;

use serde_json::{Value, json};
use troupe_core::Result;
use troupe_core::view::{AgentDetail, AgentSummary, DeploymentView, Page, ReleaseView};

use crate::args::{Agents, AgentsVerb, Args};
use crate::client::{Client, segment};
use crate::human::table;
use crate::output;

use super::releases::table_of;

/// Characters of the skills in the list of agents: with short names and summaries a line
/// then fits a terminal. `troupe agents AGENT` has them all.
const SKILLS_WIDTH: usize = 40;

pub(crate) async fn run(args: &Args, command: &Agents) -> Result<ExitCode> {
    match &command.verb {
        Some(AgentsVerb::Create(create)) => return super::templates::create(args, create).await,
        Some(AgentsVerb::Export { agent }) => return super::templates::export_agent(args, agent).await,
        Some(AgentsVerb::Delete(delete)) => return super::undeploy::delete(args, delete).await,
        None => {}
    }
    let client = Client::new(args)?;
    match &command.agent {
        None => {
            let asked = [("search", &command.search), ("event", &command.event)];
            let query: Vec<_> = asked.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect();
            let page: Page<AgentSummary> = client.query("/api/v1/agents", &query).await?;
            output::answer(args.json, &page.items, |agents| match (&command.search, &command.event) {
                (_, Some(_)) if agents.is_empty() => "no such agent handles these events".to_owned(),
                (Some(_), None) if agents.is_empty() => "no agent has all of these words".to_owned(),
                _ => list(agents),
            })?;
        }
        Some(agent) => {
            if command.lift {
                let path = format!("/api/v1/deployments/{}/quarantine/lift", segment(agent));
                let _: DeploymentView = client.post(&path, &Value::Null).await?;
            }
            let path = format!("/api/v1/agents/{}", segment(agent));
            let detail: AgentDetail = client.get(&path).await?;
            let versions: Vec<ReleaseView> = client.all(&format!("{path}/versions"), &[]).await?;
            let both = json!({ "agent": detail, "versions": versions });
            output::answer(args.json, &both, |_| show(&detail, &versions))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(agents: &[AgentSummary]) -> String {
    if agents.is_empty() {
        return "no agents yet; `troupe publish DIR` publishes one".to_owned();
    }
    let row = |agent: &AgentSummary| {
        let mut serving = agent.serving.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        if agent.quarantine.is_some() {
            serving.push_str(" (quarantined)");
        }
        vec![agent.name.clone(), serving, few(&agent.skills), agent.summary.clone()]
    };
    table(&["agent", "serving", "skills", "summary"], &agents.iter().map(row).collect::<Vec<_>>())
}

/// The first names that fit into a column, and how many more there are.
fn few(names: &[String]) -> String {
    let mut out = String::new();
    for (index, name) in names.iter().enumerate() {
        if index > 0 && out.len() + 1 + name.len() > SKILLS_WIDTH {
            out.push_str(&format!(" +{}", names.len() - index));
            break;
        }
        if index > 0 {
            out.push(' ');
        }
        out.push_str(name);
    }
    out
}

fn show(agent: &AgentDetail, versions: &[ReleaseView]) -> String {
    let mut out = format!("{}: {}\n", agent.summary.name, agent.summary.summary);
    for goal in &agent.goals {
        out.push_str(&format!("  - {goal}\n"));
    }
    if let Some(quarantine) = &agent.summary.quarantine {
        let (since, until) = (quarantine.since, quarantine.until);
        out.push_str(&format!(
            "\nquarantined since {since}: it trapped again and again; tried again from {until} on\n"
        ));
    }
    out.push_str(&format!("\nskills of {}\n", agent.release.version));
    let skill = |skill: &troupe_core::view::SkillView| {
        let first = skill.description.lines().next().unwrap_or_default().to_owned();
        vec![skill.name.clone(), skill.effect.to_string(), first]
    };
    let skills: Vec<_> = agent.skill_details.iter().map(skill).collect();
    out.push_str(&table(&["skill", "effect", "description"], &skills));
    out.push('\n');
    out.push_str(&table_of(versions, agent.summary.serving.as_ref()));
    out
}
