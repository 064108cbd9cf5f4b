//! The swaps that go on: how to reach the task that drives each, and what it says last. Those that another
//! host drives are known as they stand on disk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc, oneshot, watch};
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
    /// Told when another host may have taken the reins.
    pub(crate) lost: Arc<Notify>,
}

#[derive(Debug)]
struct Live {
    tenant: TenantId,
    agent: AgentName,
    held: Held,
    view: watch::Receiver<SwapView>,
}

/// Who has the reins.
#[derive(Debug)]
enum Held {
    /// This host.
    Here { orders: mpsc::Sender<Order>, lost: Arc<Notify> },
    /// Another, or nobody for now; what it says is passed on here.
    Elsewhere(watch::Sender<SwapView>),
}

/// The swaps that are not over.
#[derive(Debug, Default)]
pub(crate) struct Swaps(Mutex<HashMap<SwapId, Live>>);

impl Swaps {
    /// Takes a swap in.
    pub(crate) fn enter(&self, row: &SwapRow) -> Reins {
        let (sender, orders) = mpsc::channel(ORDERS_MAX);
        let lost = Arc::new(Notify::new());
        let mut all = self.lock();
        // Who has watched it until now goes on.
        let view = match all.remove(&row.id) {
            Some(Live { held: Held::Elsewhere(said), .. }) => {
                said.send_replace(view(row));
                said
            }
            _ => watch::Sender::new(view(row)),
        };
        let held = Held::Here { orders: sender, lost: Arc::clone(&lost) };
        let live = Live { tenant: row.tenant.clone(), agent: row.agent.clone(), held, view: view.subscribe() };
        all.insert(row.id, live);
        Reins { orders, view, lost }
    }

    /// Takes in how a swap stands that another host drives.
    pub(crate) fn follow(&self, row: &SwapRow) {
        let mut all = self.lock();
        match all.get(&row.id).map(|live| &live.held) {
            Some(Held::Here { lost, .. }) => lost.notify_one(),
            Some(Held::Elsewhere(said)) => {
                let now = view(row);
                said.send_if_modified(|known| {
                    let is_new = *known != now;
                    *known = now;
                    is_new
                });
            }
            None => {
                let said = watch::Sender::new(view(row));
                let (tenant, agent, view) = (row.tenant.clone(), row.agent.clone(), said.subscribe());
                all.insert(row.id, Live { tenant, agent, held: Held::Elsewhere(said), view });
            }
        }
    }

    /// Lets go of the reins; who watches goes on.
    pub(crate) fn hand_over(&self, id: SwapId, said: watch::Sender<SwapView>) {
        if let Some(live) = self.lock().get_mut(&id) {
            live.held = Held::Elsewhere(said);
        }
    }

    /// Those that another host drives.
    pub(crate) fn followed(&self) -> Vec<(TenantId, SwapId)> {
        let all = self.lock();
        let followed = all.iter().filter(|(_, live)| matches!(live.held, Held::Elsewhere(_)));
        followed.map(|(id, live)| (live.tenant.clone(), *id)).collect()
    }

    /// Whether a swap is driven here.
    pub(crate) fn drives(&self, id: SwapId) -> bool {
        self.lock().get(&id).is_some_and(|live| matches!(live.held, Held::Here { .. }))
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
        let orders = self.lock().get(&id).filter(|live| live.tenant == *tenant).and_then(|live| match &live.held {
            Held::Here { orders, .. } => Some(orders.clone()),
            Held::Elsewhere(_) => None,
        });
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
