//! Triggers: the subscriptions that a release brings with it.
//!
//! They change in the transaction in which another release begins to serve, so each event is routed by the
//! triggers of one of the two, and none by neither. What was routed by a trigger that the new release does
//! not have is handled all the same: by the skill that the old one named, if the new one has it.

use serde_json::Value;
use troupe_core::view::{NewSubscription, SubscriptionOrigin};
use troupe_core::{AgentName, EventInput, TenantId};

use super::SubscriptionRow;
use super::subscriptions::{drop_open, pause, read, tell, write};
use crate::fault::Done;
use crate::releases::ReleaseRow;
use crate::sql::query;
use crate::writer::Tx;

/// Who asks for what a release triggers where nobody has made it serve.
const HOST: &str = "host";

/// Has the triggers of an agent be those of the release that serves from now on.
pub(crate) async fn follow(tx: &mut Tx, tenant: &TenantId, release: &ReleaseRow, by: Option<&str>) -> Done<()> {
    let agent = &release.release.agent;
    let wanted = of(agent, [&release.manifest, &release.profile]);
    let rows =
        query("select * from subscriptions where tenant = $1 and agent = $2 and origin = 'trigger' order by name")
            .bind(tenant.as_str())
            .bind(agent.as_str())
            .fetch_all(&mut tx.connection)
            .await?;
    let there = rows.iter().map(read).collect::<Done<Vec<_>>>()?;
    for row in there.iter().filter(|row| row.removed_at.is_none()) {
        if !wanted.iter().any(|new| new.topic == row.subscription.topic) {
            query("update subscriptions set removed_at = $3 where tenant = $1 and name = $2")
                .bind(tenant.as_str())
                .bind(&row.name)
                .bind(tx.now.as_millis())
                .execute(&mut tx.connection)
                .await?;
            tell(tx, row, "subscription.removed", None).await?;
        }
    }
    for new in wanted {
        let before = there.iter().find(|row| row.subscription.topic == new.topic);
        // One that an operator has paused stays so, whichever release serves.
        let new = NewSubscription { paused: before.is_some_and(|row| row.subscription.paused), ..new };
        let is_same = |row: &&super::SubscriptionRow| row.removed_at.is_none() && row.subscription == new;
        if before.filter(is_same).is_some() {
            continue;
        }
        let name = format!("{agent}/{}", new.topic);
        let row = write(tx, tenant, &name, SubscriptionOrigin::Trigger, &new, by.unwrap_or(HOST)).await?;
        tell(tx, &row, "subscription.set", None).await?;
    }
    Ok(())
}

/// Has an agent take no events any more, since its deployment is removed: its triggers go, with what was routed by
/// them, and what somebody subscribed to for it waits.
pub(crate) async fn leave(tx: &mut Tx, tenant: &TenantId, agent: &AgentName, by: &str) -> Done<()> {
    for row in of_agent(tx, tenant, agent).await? {
        match row.origin {
            SubscriptionOrigin::Trigger => {
                drop_open(tx, tenant, &row.name).await?;
                tell(tx, &row, "subscription.removed", None).await?;
            }
            SubscriptionOrigin::Set if row.subscription.paused => {}
            SubscriptionOrigin::Set => drop(pause(tx, tenant.clone(), row.name, true, by.to_owned()).await?),
        }
    }
    Ok(())
}

/// Removes whatever an agent is subscribed to, as part of the transaction that deletes it.
pub(crate) async fn remove_of(tx: &mut Tx, tenant: &TenantId, agent: &AgentName, by: &str) -> Done<()> {
    for row in of_agent(tx, tenant, agent).await? {
        drop_open(tx, tenant, &row.name).await?;
        tell(tx, &row, "subscription.removed", Some(by)).await?;
    }
    Ok(())
}

/// What an agent is subscribed to, by name.
async fn of_agent(tx: &mut Tx, tenant: &TenantId, agent: &AgentName) -> Done<Vec<SubscriptionRow>> {
    let rows = query(
        "select * from subscriptions
         where tenant = $1 and agent = $2 and origin <> 'webhook' and removed_at is null order by name",
    )
    .bind(tenant.as_str())
    .bind(agent.as_str())
    .fetch_all(&mut tx.connection)
    .await?;
    rows.iter().map(read).collect()
}

/// The triggers that name a skill, the manifest's first; of one pattern the first counts.
fn of(agent: &AgentName, documents: [&str; 2]) -> Vec<NewSubscription> {
    let mut all: Vec<NewSubscription> = Vec::new();
    for document in documents {
        // What is not of this host's making triggers nothing.
        let Ok(document) = serde_json::from_str::<Value>(document) else { continue };
        for trigger in document.get("triggers").and_then(Value::as_array).into_iter().flatten() {
            let field = |name: &str| trigger.get(name).and_then(Value::as_str);
            let (topic, skill) = (field("event").and_then(parsed), field("skill").and_then(parsed));
            if let (Some(topic), Some(skill)) = (topic, skill)
                && !all.iter().any(|other| other.topic == topic)
            {
                let input = if field("input") == Some("data") { EventInput::Data } else { EventInput::Event };
                all.push(NewSubscription { input, ..NewSubscription::new(topic, agent.clone(), skill) });
            }
        }
    }
    all
}

fn parsed<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}
