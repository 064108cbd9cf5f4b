//! `troupe channels`: movable names for releases.

use std::process::ExitCode;

use troupe_core::Result;
use troupe_core::view::{ChannelRequest, ChannelView, Page};

use crate::args::{Args, Channels, ChannelsVerb};
use crate::client::{Client, segment};
use crate::human::table;
use crate::output;

pub(crate) async fn run(args: &Args, command: &Channels) -> Result<ExitCode> {
    let client = Client::new(args)?;
    let path = format!("/api/v1/agents/{}/channels", segment(&command.agent));
    match &command.verb {
        None => {
            let page: Page<ChannelView> = client.get(&path).await?;
            output::answer(args.json, &page, |page| list(&command.agent, &page.items))?;
        }
        Some(ChannelsVerb::Set { channel, version, downgrade }) => {
            let request = ChannelRequest { version: version.clone(), downgrade: *downgrade };
            let channel: ChannelView = client.put(&format!("{path}/{channel}"), &request).await?;
            output::answer(args.json, &channel, |channel| {
                let ChannelView { agent, channel, version, .. } = channel;
                format!(
                    "{agent}@{channel} is {agent}@{version}\nwhat serves stays; run `troupe swap {agent}@{channel}` to change that"
                )
            })?;
        }
        Some(ChannelsVerb::Remove { channel }) => {
            let channel: ChannelView = client.delete(&format!("{path}/{channel}")).await?;
            output::answer(args.json, &channel, |channel| format!("removed {}@{}", channel.agent, channel.channel))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(agent: &str, channels: &[ChannelView]) -> String {
    if channels.is_empty() {
        return format!("no channels; `troupe channels {agent} set CHANNEL VERSION` makes one");
    }
    // Who has no registry is not shown what it would say.
    let documents = channels.iter().any(|channel| channel.document.is_some());
    let row = |channel: &ChannelView| {
        let mut row = vec![
            channel.channel.to_string(),
            channel.version.to_string(),
            channel.number.to_string(),
            channel.moved_at.to_string(),
            channel.by.clone(),
        ];
        if documents {
            let document = channel.document.as_ref().map(|document| {
                format!("{} names {}, until {}", document.number, document.version, document.expires_at)
            });
            row.push(document.unwrap_or_default());
        }
        row
    };
    let mut names = vec!["channel", "version", "move", "moved", "by"];
    names.extend(documents.then_some("document"));
    table(&names, &channels.iter().map(row).collect::<Vec<_>>())
}
