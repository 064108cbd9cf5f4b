//! Reading messages.

use troupe_core::view::{MessageState, NewMessage, RanOn, TaskStatus};
use troupe_core::{AgentName, Code, Error, InstanceId, ProposalId, SessionId, TenantId, limits};

use super::{MessageRow, Outcome};
use crate::fault::Done;
use crate::rows::{self, Columns as _, broken, number};
use crate::sql::{Builder, Connection, Row, query};

/// A message with its task's outcome; an output that is longer than `$1` is left out.
const SELECT: &str = "select messages.*, tasks.status as task_status, tasks.failure as task_failure,
        tasks.version as task_version, tasks.digest as task_digest, tasks.epoch as task_epoch,
        tasks.skill as task_skill, octet_length(tasks.output) as output_bytes,
        case when octet_length(tasks.output) <= ";

const FROM: &str = " then tasks.output end as task_output
     from messages left join tasks on tasks.tenant = messages.tenant and tasks.id = messages.task
     where messages.tenant = ";

/// Those whose turn it is: nothing before them in their line is unanswered.
const DUE: &str = "select tenant, session, number from messages
     where state = 'waiting' and (tenant, session, number) > ($1, $2, $3)
        and not exists (select 1 from messages as earlier
            where earlier.tenant = messages.tenant and earlier.session = messages.session
                and earlier.agent = messages.agent and earlier.instance = messages.instance
                and earlier.number < messages.number and earlier.state <> 'answered')
     order by tenant, session, number limit $4";

fn select(tenant: &TenantId, session: SessionId, output_bytes: u64) -> Builder {
    let mut query = Builder::new(SELECT);
    query.push_bind(i64::try_from(output_bytes).unwrap_or(i64::MAX)).push(FROM).push_bind(tenant.as_str());
    query.push(" and messages.session = ").push_bind(session.to_string());
    query
}

pub(super) async fn find(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    session: SessionId,
    message: u64,
) -> Done<Option<MessageRow>> {
    let mut query = select(tenant, session, limits::MESSAGE_OUTPUT_BYTES_MAX);
    query.push(" and messages.number = ").push_bind(number(message)?);
    query.build().fetch_optional(connection).await?.as_ref().map(read).transpose()
}

pub(super) async fn proposed(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    session: SessionId,
    proposal: ProposalId,
) -> Done<Option<MessageRow>> {
    let mut query = select(tenant, session, limits::MESSAGE_OUTPUT_BYTES_MAX);
    // An input that was proposed may hold the like; which one it is only the document tells.
    query.push(" and messages.reply like ").push_bind(format!(r#"%"proposal":"{proposal}"%"#));
    let found = query.build().fetch_all(connection).await?.iter().map(read).collect::<Done<Vec<_>>>()?;
    Ok(found.into_iter().find(|row| row.reply.as_ref().is_some_and(|reply| reply.proposal == Some(proposal))))
}

pub(super) async fn by_key(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    session: SessionId,
    message: &NewMessage,
) -> Done<Option<MessageRow>> {
    let Some(key) = &message.idempotency_key else { return Ok(None) };
    let mut query = select(tenant, session, limits::MESSAGE_OUTPUT_BYTES_MAX);
    query.push(" and messages.idempotency_key = ").push_bind(key);
    let Some(row) = query.build().fetch_optional(connection).await? else { return Ok(None) };
    if row.get_as::<&str>("request")? == fingerprint(message)? {
        return Ok(Some(read(&row)?));
    }
    let message =
        "this idempotency key came with another message of the session before; use a new key for a new message";
    Err(Error::new(Code::ConflictIdempotency, message).with("message", row.number::<u64>("number")?).into())
}

/// The fingerprint of what is sent, without its key.
pub(super) fn fingerprint(message: &NewMessage) -> Done<String> {
    let message = NewMessage { idempotency_key: None, ..message.clone() };
    serde_json::to_value(message).map(rows::fingerprint).map_err(|error| broken("document", error))
}

/// First measures the rows, which does not read them, then reads as many as fit.
pub(super) async fn page(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    session: SessionId,
    after: u64,
    limit: u32,
) -> Done<(Vec<MessageRow>, bool)> {
    let measured = query(
        "select octet_length(document) + coalesce(octet_length(reading), 0) + coalesce(octet_length(reply), 0) as bytes
         from messages where tenant = $1 and session = $2 and number > $3 order by number limit $4",
    )
    .bind(tenant.as_str())
    .bind(session.to_string())
    .bind(number(after)?)
    .bind(i64::from(limit) + 1)
    .fetch_all(&mut *connection)
    .await?;
    let count = fitting(&measured, limit)?;
    let mut query = select(tenant, session, limits::MESSAGE_OUTPUT_BYTES_MAX);
    query.push(" and messages.number > ").push_bind(number(after)?);
    query.push(" order by messages.number limit ").push_bind(i64::from(count));
    let rows = query.build().fetch_all(connection).await?.iter().map(read).collect::<Done<Vec<_>>>()?;
    let more = measured.len() > rows.len();
    Ok((rows, more))
}

/// How many of these rows fit into a page; at least one.
fn fitting(measured: &[Row], limit: u32) -> Done<u32> {
    let (mut bytes, mut count) = (0, 0_u32);
    for row in measured.iter().take(usize::try_from(limit).unwrap_or(usize::MAX)) {
        bytes += row.number::<u64>("bytes")? + limits::MESSAGE_OUTPUT_BYTES_MAX;
        if count > 0 && bytes > limits::STORE_PAGE_BYTES_MAX {
            break;
        }
        count += 1;
    }
    Ok(count)
}

/// Messages in a line before one, newest first, as many as fit into a page.
pub(super) async fn history(
    connection: &mut dyn Connection,
    (tenant, session): (&TenantId, SessionId),
    (agent, instance): (&AgentName, Option<InstanceId>),
    before: u64,
    limit: u32,
) -> Done<Vec<MessageRow>> {
    let (to, before) = (column(instance), i64::try_from(before).unwrap_or(i64::MAX));
    let measured = query(
        "select octet_length(document) + coalesce(octet_length(reading), 0) + coalesce(octet_length(reply), 0) as bytes
         from messages
         where tenant = $1 and session = $2 and agent = $3 and instance = $4 and number < $5
         order by number desc limit $6",
    )
    .bind(tenant.as_str())
    .bind(session.to_string())
    .bind(agent.as_str())
    .bind(&to)
    .bind(before)
    .bind(i64::from(limit))
    .fetch_all(&mut *connection)
    .await?;
    let count = fitting(&measured, limit)?;
    let mut query = select(tenant, session, limits::MESSAGE_OUTPUT_BYTES_MAX);
    query.push(" and messages.agent = ").push_bind(agent.as_str());
    query.push(" and messages.instance = ").push_bind(to);
    query.push(" and messages.number < ").push_bind(before);
    query.push(" order by messages.number desc limit ").push_bind(i64::from(count));
    query.build().fetch_all(connection).await?.iter().map(read).collect()
}

/// The number of the last message in a line before one; 0 for none.
pub(super) async fn last_number(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    session: SessionId,
    (agent, instance): (&AgentName, Option<InstanceId>),
    before: u64,
) -> Done<u64> {
    let row = query(
        "select coalesce(max(number), 0) as number from messages
         where tenant = $1 and session = $2 and agent = $3 and instance = $4 and number < $5",
    )
    .bind(tenant.as_str())
    .bind(session.to_string())
    .bind(agent.as_str())
    .bind(column(instance))
    .bind(i64::try_from(before).unwrap_or(i64::MAX))
    .fetch_one(connection)
    .await?;
    row.number("number")
}

pub(super) async fn unanswered(
    connection: &mut dyn Connection,
    tenant: &TenantId,
    session: SessionId,
    (agent, instance): (&AgentName, Option<InstanceId>),
) -> Done<bool> {
    let found = query(
        "select 1 from messages
         where tenant = $1 and session = $2 and agent = $3 and instance = $4 and state <> 'answered' limit 1",
    )
    .bind(tenant.as_str())
    .bind(session.to_string())
    .bind(agent.as_str())
    .bind(column(instance))
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

pub(super) async fn waiting(connection: &mut dyn Connection, tenant: &TenantId, session: SessionId) -> Done<u64> {
    let row =
        query("select count(*) as waiting from messages where tenant = $1 and session = $2 and state = 'waiting'")
            .bind(tenant.as_str())
            .bind(session.to_string())
            .fetch_one(connection)
            .await?;
    row.number("waiting")
}

pub(super) async fn due(
    connection: &mut dyn Connection,
    after: Option<(TenantId, SessionId, u64)>,
    limit: u32,
) -> Done<Vec<(TenantId, SessionId, u64)>> {
    let (tenant, session, after) = match after {
        Some((tenant, session, after)) => (tenant.to_string(), session.to_string(), after),
        None => (String::new(), String::new(), 0),
    };
    let rows =
        query(DUE).bind(tenant).bind(session).bind(number(after)?).bind(i64::from(limit)).fetch_all(connection).await?;
    rows.iter().map(|row| Ok((row.parsed("tenant")?, row.parsed("session")?, row.number("number")?))).collect()
}

pub(super) fn column(instance: Option<InstanceId>) -> String {
    instance.map(|instance| instance.to_string()).unwrap_or_default()
}

fn read(row: &Row) -> Done<MessageRow> {
    let instance: &str = row.get_as("instance")?;
    let state: &str = row.get_as("state")?;
    let mut message: NewMessage =
        serde_json::from_str(row.get_as("document")?).map_err(|error| broken("document", error))?;
    message.idempotency_key = row.get_as("idempotency_key")?;
    let reading: Option<&str> = row.get_as("reading")?;
    let reply: Option<&str> = row.get_as("reply")?;
    Ok(MessageRow {
        tenant: row.parsed("tenant")?,
        session: row.parsed("session")?,
        number: row.number("number")?,
        agent: row.parsed("agent")?,
        instance: (!instance.is_empty()).then(|| row.parsed("instance")).transpose()?,
        principal: row.get_as("principal")?,
        message,
        state: MessageState::parse(state).ok_or_else(|| broken("state", state))?,
        reading: reading.map(serde_json::from_str).transpose().map_err(|error| broken("reading", error))?,
        task: row.parsed_option("task")?,
        outcome: outcome(row)?,
        reply: reply.map(serde_json::from_str).transpose().map_err(|error| broken("reply", error))?,
        created_at: row.at("created_at")?,
        answered_at: row.at_option("answered_at")?,
    })
}

fn outcome(row: &Row) -> Done<Option<Outcome>> {
    let Some(status) = row.get_as::<Option<&str>>("task_status")? else { return Ok(None) };
    let failure: Option<&str> = row.get_as("task_failure")?;
    let release = match row.parsed_option("task_version")? {
        Some(version) => Some(RanOn { version, digest: row.parsed("task_digest")?, epoch: row.number("task_epoch")? }),
        None => None,
    };
    let bytes: Option<i64> = row.get_as("output_bytes")?;
    Ok(Some(Outcome {
        status: TaskStatus::parse(status).ok_or_else(|| broken("task_status", status))?,
        skill: row.get_as("task_skill")?,
        output: row.get_as("task_output")?,
        output_bytes: bytes.and_then(|bytes| u64::try_from(bytes).ok()),
        failure: failure.map(serde_json::from_str).transpose().map_err(|error| broken("task_failure", error))?,
        release,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn whose_turn_it_is_is_found_among_those_that_wait_alone() {
        let plan = plan(DUE).await;
        assert!(plan.iter().any(|step| step.contains("INDEX messages_waiting")), "{plan:?}");
        assert!(plan.iter().any(|step| step.contains("INDEX messages_unanswered")), "{plan:?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:?}");
    }
}
