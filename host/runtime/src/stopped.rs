//! Stopping a tenant's runtime: none of its tasks begin until somebody starts it again.
//!
//! *The danger:* an operator who has to stop everything at once, since something outside is on fire, goes from
//! agent to agent, or cancels what others wait for. *The rule:* one word holds all of a tenant back. Nothing is
//! refused that can wait: what is asked, scheduled, delivered or said in a session is accepted and waits on disk, in
//! its order. What had begun goes on to its end, also after a suspension or a crash, since half of it
//! is worse than either. *The default:* a runtime runs.
//!
//! It stands in the tenant's row, so it is so over a restart, and the statement that claims a task looks there
//! (`host/store/src/tasks/claim.rs`), so that no host begins one from the answer on. An awaited call that is not on
//! disk yet goes by the copy in memory, which other hosts bring up to date within two seconds.

use std::collections::HashSet;

use arc_swap::ArcSwap;
use troupe_core::view::RuntimeState;
use troupe_core::{Caller, Code, Error, Result, Scope, TenantId, Timestamp, limits};
use troupe_store::{FigureFilter, InstanceRow, TaskRow, TenantRow, tenant_not_found};

use crate::Runtime;

/// The tenants whose runtime is stopped, in memory: asked before anything of a tenant begins.
#[derive(Debug, Default)]
pub(crate) struct Stopped {
    all: ArcSwap<HashSet<TenantId>>,
    /// Held while row and memory change, so that two changes at once do not part them.
    changing: tokio::sync::Mutex<()>,
}

/// Why a task that has not begun waits, whatever place is free.
#[derive(Debug)]
pub(crate) enum Held {
    /// Its tenant's runtime is stopped.
    Runtime,
    /// Its instance begins nothing for now.
    Instance(Box<InstanceRow>),
}

impl Stopped {
    fn has(&self, tenant: &TenantId) -> bool {
        self.all.load().contains(tenant)
    }

    /// Refuses to begin what is of a tenant whose runtime is stopped.
    ///
    /// # Errors
    /// [`Code::RuntimeStopped`].
    pub(crate) fn check(&self, tenant: &TenantId) -> Result<()> {
        if self.has(tenant) { Err(Held::Runtime.refusal()) } else { Ok(()) }
    }

    fn set(&self, tenant: &TenantId, stopped: bool) {
        self.all.rcu(|all| {
            let mut all = HashSet::clone(all);
            if stopped {
                all.insert(tenant.clone());
            } else {
                all.remove(tenant);
            }
            all
        });
    }
}

impl Held {
    /// The error for a call that cannot wait.
    pub(crate) fn refusal(&self) -> Error {
        let (code, why) = match self {
            Self::Runtime => (
                Code::RuntimeStopped,
                "the runtime is stopped, and a call of durability `none` cannot wait for it; ask with durability \
                 `full`, or start it with `troupe runtime start`"
                    .to_owned(),
            ),
            Self::Instance(row) => {
                let (id, status) = (row.id, row.status().as_str());
                let next = match (&row.life.error, row.paused_at) {
                    (Some(_), _) => format!("restart it with `troupe instances restart {id}`"),
                    (None, Some(_)) => "resume it".to_owned(),
                    (None, None) => "ask again when it was found healthy".to_owned(),
                };
                let why = format!(
                    "the instance is {status}, and a call of durability `none` cannot wait for it; ask with durability \
                     `full`, or {next}"
                );
                (Code::InstancePaused, why)
            }
        };
        Error::new(code, why)
    }
}

impl Runtime {
    /// Has none of the tenant's tasks begin until the runtime is started again. What runs goes on.
    ///
    /// # Errors
    /// [`Code::AuthScope`].
    pub async fn stop_runtime(&self, caller: &Caller) -> Result<RuntimeState> {
        self.set_stopped(caller, true).await
    }

    /// Has the tenant's tasks begin again: what waits does so in its order.
    ///
    /// # Errors
    /// [`Code::AuthScope`].
    pub async fn start_runtime(&self, caller: &Caller) -> Result<RuntimeState> {
        self.set_stopped(caller, false).await
    }

    async fn set_stopped(&self, caller: &Caller, stop: bool) -> Result<RuntimeState> {
        caller.require(Scope::Operate)?;
        self.require_ready()?;
        let (runtime, tenant, by) = (self.clone(), caller.tenant.clone(), caller.principal.clone());
        // Row and memory change together, also when the client goes away meanwhile.
        let changed = tokio::spawn(async move {
            let _changing = runtime.stopped.changing.lock().await;
            let row = runtime.store.stop_runtime(&tenant, stop, &by).await?;
            runtime.stopped.set(&tenant, stop);
            if !stop {
                runtime.queue_pending().await?;
            }
            tracing::info!(%tenant, by, stop, "a tenant's runtime was stopped or started");
            let TenantRow { stopped_at, .. } = row;
            let open = runtime.store.open_tasks(&tenant, &FigureFilter::default()).await?;
            Ok(RuntimeState { stopped_at, open })
        });
        changed.await.map_err(Error::internal)?
    }

    /// Learns which runtimes are stopped; one that no longer is begins what waits.
    pub(crate) async fn follow_stopped(&self) -> Result<()> {
        let _changing = self.stopped.changing.lock().await;
        let now: HashSet<TenantId> = self.store.stopped_tenants().await?.into_iter().collect();
        let before = self.stopped.all.swap(now.clone().into());
        if before.difference(&now).next().is_some() {
            self.queue_pending().await?;
        }
        Ok(())
    }

    /// Since when a tenant's runtime is stopped, while it is.
    pub(crate) async fn stopped_at(&self, tenant: &TenantId) -> Result<Option<Timestamp>> {
        let row = self.store.tenant(tenant).await?.ok_or_else(|| tenant_not_found(tenant.as_str()))?;
        Ok(row.stopped_at)
    }

    /// Why a task that has not begun waits; nothing if it may begin.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub(crate) async fn held_back(&self, task: &TaskRow) -> Result<Option<Held>> {
        if self.stopped.has(&task.tenant) {
            return Ok(Some(Held::Runtime));
        }
        let Some(id) = task.instance else { return Ok(None) };
        let row = self.store.instance(&task.tenant, id).await?;
        Ok(row.filter(InstanceRow::holds_back).map(|row| Held::Instance(Box::new(row))))
    }

    /// Checks that one more task may wait, if it would: it takes no place in the queue meanwhile.
    ///
    /// # Errors
    /// [`Code::LimitConcurrency`].
    pub(crate) async fn check_held_room(&self, task: &TaskRow, held: &Held) -> Result<()> {
        let of_agent = match held {
            Held::Runtime => self.store.pending_of_agent(&task.tenant, &task.agent).await?,
            Held::Instance(row) => self.store.pending_of_instance(&task.tenant, row.id).await?,
        };
        let of_tenant = self.store.pending_of_tenant(&task.tenant).await?;
        let is_full = of_tenant >= limits::PENDING_PER_TENANT_MAX as u64;
        if of_agent < limits::PENDING_PER_AGENT_MAX as u64 && !is_full {
            return Ok(());
        }
        let waiting = if is_full { of_tenant } else { of_agent };
        let why = match held {
            _ if is_full => format!("tenant `{}`, as many as may; start or resume what holds them back", task.tenant),
            Held::Runtime => format!("agent `{}`, whose runtime is stopped; start it", task.agent),
            Held::Instance(row) => {
                let (status, next) =
                    (row.status().as_str(), if row.life.error.is_some() { "restart" } else { "resume" });
                format!("instance {}, which is {status}; {next} it", row.id)
            }
        };
        Err(Error::new(Code::LimitConcurrency, format!("{waiting} tasks wait for {why}, or cancel some")))
    }
}
