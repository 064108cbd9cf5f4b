//! The swaps that go on: how to reach the task that drives each, and what it says last.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot, watch};
use troupe_core::view::SwapView;
use troupe_core::{AgentName, Code, Error, Result, SwapId, TenantId};
use troupe_store::SwapRow;

use super::machine::Command;

/// Orders that wait for a swap to take them; it takes one at a time.
const ORDERS_MAX: usize = 16;

/// What an operator asks of a swap.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) command: Command,
    pub(crate) by: String,
    pub(crate) done: oneshot::Sender<Result<SwapView>>,
}

/// What whoever drives a swap is given.
#[derive(Debug)]
pub(crate) struct Reins {
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) view: watch::Sender<SwapView>,
}

#[derive(Debug)]
struct Live {
    tenant: TenantId,
    agent: AgentName,
    orders: mpsc::Sender<Order>,
    view: watch::Receiver<SwapView>,
}

/// The swaps that are not over.
#[derive(Debug, Default)]
pub(crate) struct Swaps(Mutex<HashMap<SwapId, Live>>);

impl Swaps {
    /// Takes a swap in.
    pub(crate) fn enter(&self, row: &SwapRow) -> Reins {
        let (sender, orders) = mpsc::channel(ORDERS_MAX);
        let (view, seen) = watch::channel(view(row));
        let live = Live { tenant: row.tenant.clone(), agent: row.agent.clone(), orders: sender, view: seen };
        self.lock().insert(row.id, live);
        Reins { orders, view }
    }

    pub(crate) fn leave(&self, id: SwapId) {
        self.lock().remove(&id);
    }

    /// The swap that is in charge of a deployment.
    pub(crate) fn in_charge(&self, tenant: &TenantId, agent: &AgentName) -> Option<SwapId> {
        let all = self.lock();
        let mut of_agent = all.iter().filter(|(_, live)| live.tenant == *tenant && live.agent == *agent);
        of_agent.find(|(_, live)| live.view.borrow().state.phase.is_in_charge()).map(|(id, _)| *id)
    }

    /// What a swap says, and what it will.
    pub(crate) fn watch(&self, tenant: &TenantId, id: SwapId) -> Option<watch::Receiver<SwapView>> {
        self.lock().get(&id).filter(|live| live.tenant == *tenant).map(|live| live.view.clone())
    }

    /// Asks something of a swap, and waits until it is done.
    ///
    /// # Errors
    /// [`Code::SwapConflict`] if it is over, and why it cannot be done.
    pub(crate) async fn order(&self, tenant: &TenantId, id: SwapId, command: Command, by: &str) -> Result<SwapView> {
        let orders = self.lock().get(&id).filter(|live| live.tenant == *tenant).map(|live| live.orders.clone());
        let (done, answer) = oneshot::channel();
        let order = Order { command, by: by.to_owned(), done };
        let over = || Error::new(Code::SwapConflict, format!("swap {id} is over, so nothing of it can be changed"));
        orders.ok_or_else(over)?.send(order).await.map_err(|_| over())?;
        answer.await.map_err(|_| over())?
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SwapId, Live>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A swap as clients see it.
pub(crate) fn view(row: &SwapRow) -> SwapView {
    SwapView {
        id: row.id,
        agent: row.agent.to_string(),
        from: row.from.as_ref().map(|(version, _)| version.clone()),
        to: row.to.0.clone(),
        by: row.principal.clone(),
        epoch: row.epoch,
        state: row.state.clone(),
        policy: row.policy.clone(),
        started_at: row.started_at,
        changed_at: row.changed_at,
        ended_at: row.ended_at,
    }
}
