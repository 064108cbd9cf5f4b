//! Which key space a statement works on.

use troupe_core::{AgentName, InstanceId, TenantId};

use crate::fault::Done;
use crate::rows::number;
use crate::sql::Query;

/// A key space: all that its rows are named by, apart from the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateSpace<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// The agent.
    pub agent: &'a AgentName,
    /// The instance whose keys they are; absent for the deployment's.
    pub instance: Option<InstanceId>,
    /// The copy of the deployment's key spaces.
    pub generation: u64,
}

impl<'a> StateSpace<'a> {
    /// Binds the space as the first parameters of a statement: `$1` to `$4`.
    pub(super) fn bind(self, statement: Query) -> Done<Query> {
        let statement = statement.bind(self.tenant.as_str()).bind(self.agent.as_str());
        Ok(statement.bind(column(self.instance)).bind(number(self.generation)?))
    }
}

/// How rows name the instance whose keys they are: a key of a table holds no null.
pub(super) fn column(instance: Option<InstanceId>) -> String {
    instance.map_or_else(String::new, |instance| instance.to_string())
}
