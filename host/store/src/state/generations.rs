//! Removing copies of key spaces that no deployment uses: what was in use before a migration, and
//! what one has left that came to nothing. Each commit removes so much and no more.

use troupe_core::{AgentName, Result, TenantId, limits};

use super::clear::{self, Room};
use crate::Store;
use crate::fault::{Done, Failed};
use crate::rows::Columns as _;
use crate::sql::query;
use crate::writer::Tx;

/// One that is being made is in the hands of its swap.
const LEFT: &str = concat!(
    "select state_usage.tenant, state_usage.agent, state_usage.instance, state_usage.generation from state_usage
     join deployments on deployments.tenant = state_usage.tenant and deployments.agent = state_usage.agent
     where state_usage.generation <> deployments.state_generation and not ",
    migrating!("deployments", ""),
    " limit $1"
);

impl Store {
    /// Removes some of what no deployment uses, and says whether there is more of it. Where there
    /// is nothing nothing is written.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn sweep_generations(&self) -> Result<bool> {
        let found = query(LEFT).bind(1_i64).fetch_optional(&mut self.reader().await?).await;
        if found.map_err(Failed::from)?.is_none() {
            return Ok(false);
        }
        self.write(|tx| Box::pin(sweep(tx))).await
    }
}

async fn sweep(tx: &mut Tx) -> Done<bool> {
    let most = limits::STATE_SPACES_CLEARED_MAX;
    let left = query(LEFT).bind(i64::from(most)).fetch_all(&mut tx.connection).await?;
    let mut room = Room::of_a_commit();
    for row in &left {
        let (tenant, agent): (TenantId, AgentName) = (row.parsed("tenant")?, row.parsed("agent")?);
        let generation = row.number("generation")?;
        let whose = (&tenant, &agent, row.get_as::<&str>("instance")?);
        if !clear::remove(tx, whose, generation..=generation, &mut room).await? {
            return Ok(true);
        }
    }
    Ok(left.len() == most as usize)
}
