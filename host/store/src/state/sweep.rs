//! Taking away what has ended.
//!
//! An ended key is absent at once, so nothing waits for this: it frees the disk and the
//! quota. Each sweep is bounded, so that no commit waits long for it.

use troupe_core::{Result, limits};

use super::StateSpace;
use crate::Store;
use crate::fault::Done;
use crate::rows::{Columns as _, number};
use crate::sql::{query, query_scalar};
use crate::writer::Tx;

/// A write that finds its space full makes it, so it reads what has ended and nothing else.
const OF_SPACE: &str = "delete from state where (tenant, agent, instance, generation, key) in
        (select tenant, agent, instance, generation, key from state
         where tenant = $1 and agent = $2 and instance = $3 and generation = $4 and key <> $5 and expires_at <= $6
         limit $7)
     returning octet_length(key) + octet_length(value) as bytes";

impl Store {
    /// Takes away some of the keys that have ended, of whatever tenant, and returns how many.
    /// Where nothing has ended nothing is written.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn sweep_state(&self) -> Result<u64> {
        if !self.any_ended().await? {
            return Ok(0);
        }
        self.write(|tx| Box::pin(everywhere(tx))).await
    }

    async fn any_ended(&self) -> Done<bool> {
        let found: i64 = query_scalar("select exists (select 1 from state where expires_at <= $1)")
            .bind(self.now().as_millis())
            .fetch_one(&mut self.reader().await?)
            .await?;
        Ok(found != 0)
    }
}

async fn everywhere(tx: &mut Tx) -> Done<u64> {
    let swept = query(
        "delete from state where (tenant, agent, instance, generation, key) in
            (select tenant, agent, instance, generation, key from state where expires_at <= $1 limit $2)
         returning tenant, agent, instance, generation, octet_length(key) + octet_length(value) as bytes",
    )
    .bind(tx.now.as_millis())
    .bind(i64::from(limits::STATE_SWEEP_MAX))
    .fetch_all(&mut tx.connection)
    .await?;
    for row in &swept {
        query(
            "update state_usage set keys = keys - 1, bytes = bytes - $5
             where tenant = $1 and agent = $2 and instance = $3 and generation = $4",
        )
        .bind(row.get_as::<&str>("tenant")?)
        .bind(row.get_as::<&str>("agent")?)
        .bind(row.get_as::<&str>("instance")?)
        .bind(row.get_as::<i64>("generation")?)
        .bind(row.get_as::<i64>("bytes")?)
        .execute(&mut tx.connection)
        .await?;
    }
    Ok(swept.len() as u64)
}

/// Takes away some of the ended keys of one space, but for `except`, and returns how many.
pub(super) async fn of_space(tx: &mut Tx, space: StateSpace<'_>, except: &str) -> Done<u64> {
    let swept = space
        .bind(query(OF_SPACE))?
        .bind(except.as_bytes())
        .bind(tx.now.as_millis())
        .bind(i64::from(limits::STATE_SWEEP_MAX))
        .fetch_all(&mut tx.connection)
        .await?;
    let bytes = swept.iter().map(|row| row.number::<u64>("bytes")).sum::<Done<u64>>()?;
    let keys = swept.len() as u64;
    let statement = query(
        "update state_usage set keys = keys - $5, bytes = bytes - $6
         where tenant = $1 and agent = $2 and instance = $3 and generation = $4",
    );
    space.bind(statement)?.bind(number(keys)?).bind(number(bytes)?).execute(&mut tx.connection).await?;
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::plan;

    #[tokio::test]
    async fn a_full_space_is_not_searched_for_what_has_ended() {
        let search = "SEARCH state USING INDEX state_ending \
                      (tenant=? AND agent=? AND instance=? AND generation=? AND expires_at<?)";
        assert!(plan(OF_SPACE).await.iter().any(|step| step == search));
    }
}
