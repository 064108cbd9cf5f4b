//! Tenants, which the owner alone makes and disables.
//!
//! A disabled tenant keeps what it has: none of its keys opens a door, what runs of it is
//! cancelled, and what waits stays where it is until the tenant is enabled again. There is
//! no deleting: what a tenant did must still be told.

use std::collections::HashSet;

use arc_swap::ArcSwap;
use troupe_core::view::{NewTenant, Page, TenantView};
use troupe_core::{Caller, Code, Error, Result, Scope, TenantId, limits};
use troupe_sandbox::StopReason;
use troupe_store::{TenantRow, tenant_not_found};

use crate::Runtime;

/// The tenants that are disabled, in memory: asked before anything of a tenant runs.
#[derive(Debug, Default)]
pub(crate) struct Disabled {
    all: ArcSwap<HashSet<TenantId>>,
    /// Held while row and memory change, so that two changes at once do not part them.
    changing: tokio::sync::Mutex<()>,
}

impl Disabled {
    /// Refuses what is asked of a disabled tenant.
    pub(crate) fn check(&self, tenant: &TenantId) -> Result<()> {
        if self.all.load().contains(tenant) { Err(disabled()) } else { Ok(()) }
    }

    fn set(&self, tenant: &TenantId, disabled: bool) {
        self.all.rcu(|all| {
            let mut all = HashSet::clone(all);
            if disabled {
                all.insert(tenant.clone());
            } else {
                all.remove(tenant);
            }
            all
        });
    }
}

/// The error for what is asked of a disabled tenant.
pub(crate) fn disabled() -> Error {
    Error::new(Code::TenantDisabled, "this tenant is disabled; ask the owner of the host")
}

impl Runtime {
    /// Lists tenants by name.
    ///
    /// # Errors
    /// [`Code::AuthScope`], or a store that cannot be read.
    pub async fn tenants(&self, caller: &Caller, after: Option<&str>, limit: Option<u32>) -> Result<Page<TenantView>> {
        caller.require(Scope::Owner)?;
        let after = after.map(str::parse::<TenantId>).transpose()?;
        let limit = limits::page(limit);
        let rows = self.store.tenants(after.as_ref(), limit + 1).await?;
        Ok(Page::of(rows, limit, |row| row.name.to_string(), view))
    }

    /// One tenant.
    ///
    /// # Errors
    /// [`Code::TenantNotFound`].
    pub async fn tenant(&self, caller: &Caller, name: &str) -> Result<TenantView> {
        caller.require(Scope::Owner)?;
        self.tenant_named(name).await.map(view)
    }

    /// Makes a tenant.
    ///
    /// # Errors
    /// [`Code::TenantExists`].
    pub async fn create_tenant(&self, caller: &Caller, request: NewTenant) -> Result<TenantView> {
        caller.require(Scope::Owner)?;
        self.require_ready()?;
        let row = self.store.create_tenant(&request.name, Some(&caller.principal)).await?;
        tracing::info!(tenant = %row.name, "a tenant was made");
        Ok(view(row))
    }

    /// Disables a tenant, or enables it again. What runs of a disabled one ends within a
    /// tick.
    ///
    /// # Errors
    /// [`Code::TenantNotFound`]; [`Code::RequestInvalid`] for the owner's own.
    pub async fn disable_tenant(&self, caller: &Caller, name: &str, disable: bool) -> Result<TenantView> {
        caller.require(Scope::Owner)?;
        self.require_ready()?;
        let name = self.tenant_named(name).await?.name;
        if name == caller.tenant {
            let message = format!("`{name}` is the tenant of the host's owner, which cannot be disabled");
            return Err(Error::new(Code::RequestInvalid, message));
        }
        let (runtime, by) = (self.clone(), caller.principal.clone());
        // Row and memory change together, also when the client goes away meanwhile.
        let changed = tokio::spawn(async move {
            let _changing = runtime.disabled.changing.lock().await;
            let row = runtime.store.set_disabled(&name, disable, Some(&by)).await?;
            runtime.put_disabled(&name, disable);
            tracing::info!(tenant = %name, disable, "a tenant was disabled or enabled");
            Ok(view(row))
        });
        changed.await.map_err(Error::internal)?
    }

    /// Sees to it that the tenant of the owner is there, and learns which are disabled and whose runtime is
    /// stopped.
    pub(crate) async fn load_tenants(&self) -> Result<()> {
        let owners = TenantId::default();
        if self.store.tenant(&owners).await?.is_none() {
            self.store.create_tenant(&owners, None).await?;
        }
        self.follow_tenants().await?;
        self.follow_stopped().await
    }

    /// Learns which tenants are disabled by now.
    pub(crate) async fn follow_tenants(&self) -> Result<()> {
        let _changing = self.disabled.changing.lock().await;
        let now: HashSet<TenantId> = self.store.disabled_tenants().await?.into_iter().collect();
        let before = self.disabled.all.load_full();
        now.difference(&before).for_each(|name| self.put_disabled(name, true));
        before.difference(&now).for_each(|name| self.put_disabled(name, false));
        Ok(())
    }

    /// Has memory be as the row of a tenant says that was disabled or enabled.
    fn put_disabled(&self, name: &TenantId, is_disabled: bool) {
        self.disabled.set(name, is_disabled);
        self.keyring.forget(|known| known.tenant == *name);
        if is_disabled {
            self.workers.stop_tenant(name, StopReason::Abandoned);
        } else {
            self.queue.resume_tenant(name);
            self.groups.happened();
        }
    }

    /// The tenant that is meant: the caller's own, for which it needs `scope`, or the one that
    /// the owner names.
    pub(crate) async fn tenant_meant(&self, caller: &Caller, named: Option<&str>, scope: Scope) -> Result<TenantId> {
        let Some(name) = named else {
            caller.require(scope)?;
            return Ok(caller.tenant.clone());
        };
        caller.require(Scope::Owner)?;
        self.tenant_named(name).await.map(|row| row.name)
    }

    pub(crate) async fn tenant_named(&self, name: &str) -> Result<TenantRow> {
        let parsed: TenantId = name.parse().map_err(|_| tenant_not_found(name))?;
        self.store.tenant(&parsed).await?.ok_or_else(|| tenant_not_found(name))
    }
}

fn view(row: TenantRow) -> TenantView {
    let TenantRow { name, created_at, disabled_at, .. } = row;
    TenantView { name, created_at, disabled_at }
}
