//! Which key space a statement works on.

use sqlx::Sqlite;
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use troupe_core::{AgentName, TenantId};

use crate::fault::Done;
use crate::rows::number;
use crate::tasks::Pin;

/// A key space: all that its rows are named by, apart from the key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Space<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) agent: &'a AgentName,
    pub(super) generation: u64,
}

impl<'a> Space<'a> {
    /// The space that an invocation works on.
    pub(super) const fn of(pin: &'a Pin) -> Self {
        Self { tenant: &pin.tenant, agent: &pin.agent, generation: pin.generation }
    }

    /// Binds the space as the first parameters of a statement: `$1` to `$3`.
    pub(super) fn bind(
        self,
        statement: Query<'a, Sqlite, SqliteArguments>,
    ) -> Done<Query<'a, Sqlite, SqliteArguments>> {
        Ok(statement.bind(self.tenant.as_str()).bind(self.agent.as_str()).bind(number(self.generation)?))
    }
}
