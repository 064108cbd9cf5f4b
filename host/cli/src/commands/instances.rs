//! `troupe instances`: agents that keep what belongs together apart.

use std::process::ExitCode;

use troupe_core::Result;
use troupe_core::view::{InstanceView, NewInstance, Page};

use crate::args::{Args, Instances, InstancesVerb, Listed};
use crate::client::{Client, segment};
use crate::human::table;
use crate::output;

const PATH: &str = "/api/v1/runtime/instances";

pub(crate) async fn run(args: &Args, command: &Instances) -> Result<ExitCode> {
    let client = Client::new(args)?;
    let instance: InstanceView = match &command.verb {
        None => return listed(args, &client, &Listed::default()).await,
        Some(InstancesVerb::List(which)) => return listed(args, &client, which).await,
        Some(InstancesVerb::Show { instance }) => client.get(&format!("{PATH}/{}", segment(instance))).await?,
        Some(InstancesVerb::Start { agent, name }) => {
            let name = name.as_deref().map(str::parse).transpose()?;
            client.post(PATH, &NewInstance { agent: agent.clone(), name }).await?
        }
        Some(InstancesVerb::Pause { instance }) => {
            client.post(&format!("{PATH}/{}/pause", segment(instance)), &()).await?
        }
        Some(InstancesVerb::Resume { instance }) => {
            client.post(&format!("{PATH}/{}/resume", segment(instance)), &()).await?
        }
        Some(InstancesVerb::Restart { instance }) => {
            client.post(&format!("{PATH}/{}/restart", segment(instance)), &()).await?
        }
        Some(InstancesVerb::Stop { instance }) => {
            client.post(&format!("{PATH}/{}/stop", segment(instance)), &()).await?
        }
    };
    output::answer(args.json, &instance, show)?;
    Ok(ExitCode::SUCCESS)
}

async fn listed(args: &Args, client: &Client, which: &Listed) -> Result<ExitCode> {
    let mut query = vec![("limit", which.limit.to_string())];
    query.extend(which.agent.clone().map(|agent| ("agent", agent)));
    query.extend(which.status.clone().map(|status| ("status", status)));
    let page: Page<InstanceView> = client.query(PATH, &query).await?;
    output::answer(args.json, &page, |page| list(&page.items))?;
    Ok(ExitCode::SUCCESS)
}

fn list(instances: &[InstanceView]) -> String {
    if instances.is_empty() {
        return "no instances; `troupe instances start AGENT` starts one".to_owned();
    }
    let row = |instance: &InstanceView| {
        vec![
            instance.id.to_string(),
            instance.agent.clone(),
            instance.name.as_ref().map_or("-", |name| name.as_str()).to_owned(),
            instance.status.as_str().to_owned(),
            instance.created_at.to_string(),
        ]
    };
    table(&["instance", "agent", "name", "status", "started"], &instances.iter().map(row).collect::<Vec<_>>())
}

pub(super) fn show(instance: &InstanceView) -> String {
    let mut out = format!("instance  {}\nagent     {}\n", instance.id, instance.agent);
    if let Some(name) = &instance.name {
        out.push_str(&format!("name      {name}\n"));
    }
    out.push_str(&format!("status    {}\nstarted   {}\n", instance.status.as_str(), instance.created_at));
    if let Some(error) = &instance.error {
        out.push_str(&format!("error     {} since {}: {}\n", error.code, error.since, error.message));
        out.push_str(&match error.restart_at {
            Some(at) => format!("restart   at {at}, by the host\n"),
            None => {
                format!("restart   `troupe instances restart {}`: the host has tried as often as it may\n", instance.id)
            }
        });
    }
    if instance.restarts > 0 {
        out.push_str(&format!("restarted {} times within an hour, by the host\n", instance.restarts));
    }
    if let Some(checked_at) = instance.checked_at {
        out.push_str(&format!("checked   {checked_at}\n"));
    }
    if let Some(paused_at) = instance.paused_at {
        out.push_str(&format!("paused    {paused_at}\n"));
    }
    if let Some(stopped_at) = instance.stopped_at {
        out.push_str(&format!("stopped   {stopped_at}\n"));
    }
    if let Some(cleared_at) = instance.cleared_at {
        out.push_str(&format!("cleared   {cleared_at}\n"));
    }
    out
}
