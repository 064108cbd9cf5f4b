//! Forgetting what was said on the way to a task that is redacted.

use serde_json::{Value, json};
use troupe_core::{SessionId, SkillName};

use crate::fault::Done;
use crate::rows::{Columns as _, broken};
use crate::sql::{Row, query};
use crate::tasks::{REDACTED, TaskRow};
use crate::writer::Tx;

/// Forgets what was sent to have a task made, and what was proposed before. An answer in the agent's own words is
/// forgotten with its own message alone: what was said before has tasks of its own, which are redacted by
/// themselves.
pub(crate) async fn redacted(tx: &mut Tx, session: SessionId, task: &TaskRow) -> Done<()> {
    let document = json!({ "text": REDACTED }).to_string();
    let row = query(
        "update messages set document = $3, request = $4, reading = null, reply = null
         where tenant = $1 and task = $2 returning number",
    )
    .bind(task.tenant.as_str())
    .bind(task.id.to_string())
    .bind(&document)
    .bind(REDACTED)
    .fetch_optional(&mut tx.connection)
    .await?;
    let Some(row) = row.filter(|_| !task.skill.is_conversation()) else { return Ok(()) };
    // What was asked for, given and proposed on the way to it holds parts of the same input: all
    // that was said to the same agent since it last ran a skill. What the agent said itself on the way has a
    // task of its own besides, which is redacted by itself. A task that is not kept any more is told by its reply,
    // which own words alone leave with the message.
    let said = query(
        "update messages as said set document = $4, request = $5, reading = null
         where said.tenant = $1 and said.session = $2 and said.number < $3
            and exists (select 1 from messages as this where this.tenant = $1 and this.session = $2
                and this.number = $3 and this.agent = said.agent and this.instance = said.instance)
            and not exists (select 1 from messages as other where other.tenant = $1 and other.session = $2
                and other.agent = said.agent and other.instance = said.instance
                and other.number >= said.number and other.number < $3 and other.task is not null
                and other.reply is null and not exists (select 1 from tasks
                    where tasks.tenant = $1 and tasks.id = other.task and tasks.skill = $6))
         returning number, reply",
    )
    .bind(task.tenant.as_str())
    .bind(session.to_string())
    .bind(row.get_as::<i64>("number")?)
    .bind(&document)
    .bind(REDACTED)
    .bind(SkillName::CONVERSE)
    .fetch_all(&mut tx.connection)
    .await?;
    for row in said {
        let Some(reply) = without_input(&row)? else { continue };
        query("update messages set reply = $4 where tenant = $1 and session = $2 and number = $3")
            .bind(task.tenant.as_str())
            .bind(session.to_string())
            .bind(row.get_as::<i64>("number")?)
            .bind(reply)
            .execute(&mut tx.connection)
            .await?;
    }
    Ok(())
}

/// The host's own reply, if it gave one, without what it repeats of what was said.
fn without_input(row: &Row) -> Done<Option<String>> {
    let Some(reply) = row.get_as::<Option<&str>>("reply")? else { return Ok(None) };
    let mut reply: Value = serde_json::from_str(reply).map_err(|error| broken("reply", error))?;
    let fields = reply.as_object_mut().ok_or_else(|| broken("reply", "it is no object"))?;
    fields.remove("input");
    fields.insert("text".to_owned(), Value::from(REDACTED));
    Ok(Some(reply.to_string()))
}
