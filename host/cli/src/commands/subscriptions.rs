//! `troupe subscriptions`: who takes which events.

use std::process::ExitCode;

use troupe_core::view::{NewSubscription, Page, SubscriptionOrigin, SubscriptionView};
use troupe_core::{EventInput, Result};

use crate::args::{Args, SetSubscription, Subscriptions, SubscriptionsVerb};
use crate::client::{Client, segment};
use crate::human::table;
use crate::output;

const PATH: &str = "/api/v1/events/subscriptions";

pub(crate) async fn run(args: &Args, command: &Subscriptions) -> Result<ExitCode> {
    let client = Client::new(args)?;
    let of = |name: &str| format!("{PATH}/{}", segment(name));
    let verb = command.verb.as_ref().unwrap_or(&SubscriptionsVerb::List);
    let subscription: SubscriptionView = match verb {
        SubscriptionsVerb::List => {
            let page = Page { items: client.all(PATH, &[]).await?, next: None };
            output::answer(args.json, &page, |page| list(&page.items))?;
            return Ok(ExitCode::SUCCESS);
        }
        SubscriptionsVerb::Remove { subscription } => {
            let removed: SubscriptionView = client.delete(&of(subscription)).await?;
            output::answer(args.json, &removed, |removed| format!("{} is removed", removed.name))?;
            return Ok(ExitCode::SUCCESS);
        }
        SubscriptionsVerb::Show { subscription } => client.get(&of(subscription)).await?,
        SubscriptionsVerb::Set(set) => client.put(&of(&set.subscription), &asked(set)?).await?,
        SubscriptionsVerb::Pause { subscription } => client.post(&format!("{}/pause", of(subscription)), &()).await?,
        SubscriptionsVerb::Resume { subscription } => client.post(&format!("{}/resume", of(subscription)), &()).await?,
    };
    output::answer(args.json, &subscription, show)?;
    Ok(ExitCode::SUCCESS)
}

fn asked(set: &SetSubscription) -> Result<NewSubscription> {
    let plain = NewSubscription::new(set.topic.parse()?, set.agent.parse()?, set.skill.parse()?);
    Ok(NewSubscription {
        instance: set.instance.as_deref().map(str::parse).transpose()?,
        input: if set.input == "data" { EventInput::Data } else { EventInput::Event },
        parallel: set.parallel.unwrap_or(plain.parallel),
        tries: set.tries.unwrap_or(plain.tries),
        timeout_ms: set.timeout.map(|seconds| seconds.saturating_mul(1000)),
        paused: set.paused,
        ..plain
    })
}

fn list(subscriptions: &[SubscriptionView]) -> String {
    if subscriptions.is_empty() {
        return "no subscriptions yet; `troupe subscriptions set NAME TOPIC AGENT SKILL` sets one".to_owned();
    }
    let row = |row: &SubscriptionView| {
        let NewSubscription { topic, agent, skill, .. } = &row.subscription;
        vec![
            row.name.clone(),
            topic.to_string(),
            format!("{agent} {skill}"),
            standing(row).to_owned(),
            row.stats.open.to_string(),
            row.stats.delivered.to_string(),
            row.stats.dead.to_string(),
        ]
    };
    let rows: Vec<_> = subscriptions.iter().map(row).collect();
    table(&["subscription", "topics", "handled by", "state", "open", "delivered", "dead"], &rows)
}

fn show(row: &SubscriptionView) -> String {
    let NewSubscription { topic, agent, skill, input, parallel, tries, .. } = &row.subscription;
    let input = if *input == EventInput::Data { "its data" } else { "the event" };
    format!(
        "subscription  {}\ntopics        {topic}\nhandled by    {agent} {skill}\ngiven         {input}\nat once       {parallel}\ntries         {tries}\nset by        {}\nstate         {}\nrouted        {}\nopen          {}\ndelivered     {}\nfailed tries  {}\ndead          {}\n",
        row.name,
        row.principal,
        standing(row),
        row.stats.routed,
        row.stats.open,
        row.stats.delivered,
        row.stats.failed,
        row.stats.dead,
    )
}

fn standing(row: &SubscriptionView) -> &'static str {
    match (row.subscription.paused, row.origin) {
        (true, _) => "paused",
        (false, SubscriptionOrigin::Set) => "set",
        (false, SubscriptionOrigin::Trigger) => "trigger",
    }
}
