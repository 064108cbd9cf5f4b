//! API keys: given by an administrator of a tenant, or by the owner in any.
//!
//! The attack: whoever may give keys gives itself more than it has. The rule: nobody gives
//! a scope that it does not hold, and no key is `owner`; who is bound to agents gives none. A
//! secret is shown in the answer that makes it, and nowhere else.

use std::time::Duration;

use troupe_core::trust::NamePattern;
use troupe_core::view::{CreatedKey, KeyView, NewKey, Page};
use troupe_core::{Caller, Code, Error, KeyId, Result, Scope, TenantId, Token, limits};
use troupe_store::{KeyRow, NewKeyRow, key_not_found};

use crate::Runtime;

impl Runtime {
    /// Makes a key in the caller's tenant, or, for the owner, in another.
    ///
    /// # Errors
    /// [`Code::AuthScope`] naming a scope that the caller lacks; [`Code::RequestInvalid`];
    /// [`Code::TenantNotFound`]; [`Code::LimitKeys`].
    pub async fn create_key(&self, caller: &Caller, tenant: Option<&str>, request: NewKey) -> Result<CreatedKey> {
        let tenant = self.tenant_of_keys(caller, tenant).await?;
        self.require_ready()?;
        let token = Token::generate(&*self.entropy);
        let key = NewKeyRow {
            id: KeyId::generate(&*self.clock, &*self.entropy),
            name: request.name,
            scopes: scopes(caller, request.scopes)?,
            agents: agents(request.agents)?,
            token: token.digest(),
            expires_at: lifetime(request.expires_in_s)?.map(|time| self.clock.now().plus(time)),
        };
        let row = self.store.create_key(&tenant, key, Some(&caller.principal)).await?;
        tracing::info!(%tenant, key = %row.id, name = %row.name, by = caller.principal, "a key was made");
        Ok(CreatedKey { key: view(row), token: token.reveal().to_owned() })
    }

    /// Lists keys of a tenant, newest first; those that are revoked or expired too.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::TenantNotFound`].
    pub async fn keys(
        &self,
        caller: &Caller,
        tenant: Option<&str>,
        after: Option<KeyId>,
        limit: Option<u32>,
    ) -> Result<Page<KeyView>> {
        let tenant = self.tenant_of_keys(caller, tenant).await?;
        let limit = limits::page(limit);
        let rows = self.store.keys(&tenant, after, limit + 1).await?;
        Ok(Page::of(rows, limit, |row| row.id.to_string(), view))
    }

    /// One key.
    ///
    /// # Errors
    /// [`Code::KeyNotFound`].
    pub async fn key(&self, caller: &Caller, tenant: Option<&str>, id: &str) -> Result<KeyView> {
        let tenant = self.tenant_of_keys(caller, tenant).await?;
        let id: KeyId = id.parse()?;
        self.store.key(&tenant, id).await?.map(view).ok_or_else(|| key_not_found(id))
    }

    /// Revokes a key: here it opens nothing from the answer on.
    ///
    /// # Errors
    /// [`Code::KeyNotFound`].
    pub async fn revoke_key(&self, caller: &Caller, tenant: Option<&str>, id: &str) -> Result<KeyView> {
        let tenant = self.tenant_of_keys(caller, tenant).await?;
        let id: KeyId = id.parse()?;
        self.require_ready()?;
        let (runtime, by) = (self.clone(), caller.principal.clone());
        // What is on disk is forgotten in memory, also when the client goes away meanwhile.
        let revoked = tokio::spawn(async move {
            let row = runtime.store.revoke_key(&tenant, id, Some(&by)).await?;
            runtime.keyring.forget(|known| known.id == id);
            tracing::info!(%tenant, key = %id, by, "a key was revoked");
            Ok(view(row))
        });
        revoked.await.map_err(Error::internal)?
    }

    async fn tenant_of_keys(&self, caller: &Caller, named: Option<&str>) -> Result<TenantId> {
        self.tenant_meant(caller, named, Scope::Admin).await
    }
}

/// The scopes of a new key, in order and each once.
fn scopes(caller: &Caller, mut asked: Vec<Scope>) -> Result<Vec<Scope>> {
    asked.sort_unstable();
    asked.dedup();
    if asked.is_empty() {
        return Err(Error::new(Code::RequestInvalid, "a key needs at least one scope, such as `read`"));
    }
    if asked.contains(&Scope::Owner) {
        let message = "the scope `owner` belongs to the token of the data directory; no key has it";
        return Err(Error::new(Code::RequestInvalid, message));
    }
    for scope in &asked {
        caller.require(*scope)?;
    }
    Ok(asked)
}

/// The names of the agents that a new key is bound to, in order and each once.
fn agents(asked: Option<Vec<NamePattern>>) -> Result<Vec<NamePattern>> {
    let Some(mut asked) = asked else { return Ok(Vec::new()) };
    asked.sort_unstable();
    asked.dedup();
    let most = limits::KEY_AGENTS_MAX;
    if (1..=most).contains(&asked.len()) {
        return Ok(asked);
    }
    let message = format!("`agents` are 1 to {most} patterns of names; leave it out for a key that is bound to none");
    Err(Error::new(Code::RequestInvalid, message))
}

fn lifetime(seconds: Option<u64>) -> Result<Option<Duration>> {
    let Some(seconds) = seconds else { return Ok(None) };
    let most = limits::KEY_TIME_MAX.as_secs();
    if (1..=most).contains(&seconds) {
        return Ok(Some(Duration::from_secs(seconds)));
    }
    Err(Error::new(Code::RequestInvalid, format!("`expires_in_s` is 1 to {most}; leave it out for a key without end")))
}

fn view(row: KeyRow) -> KeyView {
    let KeyRow { id, name, scopes, agents, created_at, expires_at, revoked_at, used_at, .. } = row;
    KeyView { id, name, scopes, agents, created_at, expires_at, revoked_at, used_at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gives_a_scope_that_it_does_not_hold() {
        let (scopes_held, agents) = (vec![Scope::Admin, Scope::Read], Vec::new());
        let admin = Caller { tenant: TenantId::default(), principal: "key/1".into(), scopes: scopes_held, agents };
        assert_eq!(scopes(&admin, vec![Scope::Read, Scope::Admin, Scope::Read]).unwrap(), [Scope::Read, Scope::Admin]);
        let error = scopes(&admin, vec![Scope::Read, Scope::Operate]).unwrap_err();
        assert_eq!((error.code, error.message.contains("`operate`")), (Code::AuthScope, true));
        assert_eq!(scopes(&admin, Vec::new()).unwrap_err().code, Code::RequestInvalid);
    }

    #[test]
    fn no_key_is_the_owner() {
        let owner = Caller::owner(TenantId::default());
        assert_eq!(scopes(&owner, vec![Scope::Owner]).unwrap_err().code, Code::RequestInvalid);
        assert_eq!(scopes(&owner, vec![Scope::Metrics]).unwrap(), [Scope::Metrics]);
    }
}
