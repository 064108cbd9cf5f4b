//! Hooks: events that come from somebody outside, who has a signature and no token.
//!
//! *The attack:* whoever knows the path sends what its sender never said, or sends once more what it did say; has the
//! host read, hash and write for nothing; or learns from the time of an answer how near a guess was. *The rule:* what
//! comes is counted against the hook before anything of it is looked at (`rate.rs`); its body is read to a bound; its
//! signature is over all of it, compared in one time; one that says when it was sent is taken within five minutes of
//! that, and each id is one event, as long as the event is kept. What is not signed makes no other message of one:
//! where the id is not, the digest of what is signed stands for it. The topic and the tenant are the hook's; what is
//! signed says neither. *The default:* there is none, and its path is a word that cannot be guessed.
//!
//! | kind | signed | id | when |
//! |---|---|---|---|
//! | `standard` | id, time and body | `webhook-id` | `webhook-timestamp` |
//! | `github` | the body | the digest of that; `X-GitHub-Delivery` is told as `delivery` | is not said |
//! | `hmac`, with a timestamp | time and body | the digest of that | the header that the hook names |
//! | `hmac`, without | the body | the digest of that | is not said |
//!
//! Where no time is said, a message that was seen can be sent again once its event is kept no longer, and two messages
//! of one body are one event: of GitHub's, which say in the body what happened and when, no two are alike but for a
//! `ping`.

mod check;
mod rate;

use troupe_core::view::{HookKind, HookSet, HookView, NewHook, Page, RotateWebhook, WebhookSecretView};
use troupe_core::{Caller, Code, Error, Result, Scope, SubscriptionName, TenantId, WebhookSecret, limits, shown};
use troupe_store::{HookRow, NewEventRow, Publication, hook_not_found};

use crate::webhooks::{Secret, overlap};
use crate::{Runtime, event_of_parts, events};
pub use check::HookHeaders;
pub(crate) use rate::Rates;

/// What stands before the name of a hook where the sender of an event is told.
const SENDER: &str = "hook/";

/// A hook that takes a message whose body was not read yet.
#[derive(Debug)]
pub struct OpenHook {
    runtime: Runtime,
    row: HookRow,
}

impl Runtime {
    /// Sets a hook, in place of the one of its name, which keeps its path and its secret.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::NameInvalid`]; [`Code::RequestInvalid`] for a secret that there is none of;
    /// [`Code::LimitSubscriptions`].
    pub async fn set_hook(&self, caller: &Caller, name: &str, hook: NewHook) -> Result<HookSet> {
        may_set(caller)?;
        self.require_ready()?;
        let name: SubscriptionName = name.parse()?;
        check::check_set(&hook)?;
        if let Some(secret) = &hook.secret_name
            && self.secret_of(&caller.tenant, secret).await?.is_none()
        {
            let message = format!("the operator has given the secret `{}` no meaning", shown(secret));
            return Err(Error::new(Code::RequestInvalid, message));
        }
        let (fresh, secret) = self.first_secret(&caller.tenant);
        let is_made = hook.secret_name.is_none();
        let (row, is_new) = self.store.set_hook(&caller.tenant, &name, hook, fresh, &caller.principal).await?;
        self.hook_rates.forget(&row.secret.id);
        let (tenant, by) = (&caller.tenant, &caller.principal);
        tracing::info!(%tenant, hook = row.name, by, "a hook was set");
        Ok(HookSet { hook: view(row), signing_secret: (is_new && is_made).then(|| secret.text()) })
    }

    /// Makes a hook's next secret. The one before is taken as well for a while.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::HookNotFound`]; [`Code::WebhookConflict`]; [`Code::RequestInvalid`] where the secret
    /// is the operator's.
    pub async fn rotate_hook(&self, caller: &Caller, name: &str, request: RotateWebhook) -> Result<HookSet> {
        may_set(caller)?;
        self.require_ready()?;
        let overlap = overlap(&request)?;
        let before = self.find_hook(caller, name).await?;
        if before.hook.secret_name.is_some() {
            let message = "the secret of this hook is the operator's, and is rotated where the operator keeps it";
            return Err(Error::new(Code::RequestInvalid, message));
        }
        let (next, secret) = self.next_secret(&caller.tenant, &before.secret, overlap);
        let row = self.store.rotate_hook(&caller.tenant, &before.name, next, &caller.principal).await?;
        self.hook_rates.forget(&row.secret.id);
        let (tenant, by) = (&caller.tenant, &caller.principal);
        tracing::info!(%tenant, hook = row.name, by, "the secret of a hook was rotated");
        Ok(HookSet { hook: view(row), signing_secret: Some(secret.text()) })
    }

    /// Removes a hook, and returns what it was.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::HookNotFound`].
    pub async fn remove_hook(&self, caller: &Caller, name: &str) -> Result<HookView> {
        may_set(caller)?;
        self.require_ready()?;
        let row = self.find_hook(caller, name).await?;
        let row = self.store.remove_hook(&caller.tenant, &row.name, &caller.principal).await?;
        self.hook_rates.forget(&row.secret.id);
        let (tenant, by) = (&caller.tenant, &caller.principal);
        tracing::info!(%tenant, hook = row.name, by, "a hook was removed");
        Ok(view(row))
    }

    /// Lists hooks, by name.
    ///
    /// # Errors
    /// [`Code::AuthScope`].
    pub async fn hooks(&self, caller: &Caller, after: &str, limit: Option<u32>) -> Result<Page<HookView>> {
        caller.require(Scope::Read)?;
        let limit = limits::page(limit);
        let rows = self.store.hooks(&caller.tenant, after, limit + 1).await?;
        Ok(Page::of(rows, limit, |row| row.name.clone(), view))
    }

    /// One hook.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::HookNotFound`].
    pub async fn hook(&self, caller: &Caller, name: &str) -> Result<HookView> {
        caller.require(Scope::Read)?;
        self.find_hook(caller, name).await.map(view)
    }

    async fn find_hook(&self, caller: &Caller, name: &str) -> Result<HookRow> {
        self.store.hook(&caller.tenant, name).await?.ok_or_else(|| hook_not_found(&shown(name)))
    }

    /// The hook at a path, if it takes a further message now. Nothing of that was looked at.
    ///
    /// # Errors
    /// [`Code::HookNotFound`]; [`Code::LimitEvents`] for more than it takes.
    pub async fn open_hook(&self, id: &str) -> Result<OpenHook> {
        let row = match self.hook_rates.known(id)? {
            Some(row) => row,
            None => {
                let row = self.store.hook_by_id(id).await?.ok_or_else(nobody)?;
                self.hook_rates.learn(row)?
            }
        };
        self.require_room()?;
        self.disabled.check(&row.tenant).map_err(|_| nobody())?;
        if row.hook.paused {
            return Err(Error::new(Code::HookNotFound, "this hook takes nothing for now"));
        }
        Ok(OpenHook { runtime: self.clone(), row })
    }
}

impl OpenHook {
    /// What it reads of a message's head; `text` is what that has under a name, if once.
    pub fn headers(&self, text: impl Fn(&str) -> Option<String>) -> HookHeaders {
        HookHeaders::of(&self.row.hook, text)
    }

    /// Takes a message: an event under the hook's topic, once for each id that is signed, or for what is signed.
    ///
    /// # Errors
    /// [`Code::AuthInvalid`] for one that is not signed by the hook's secret; [`Code::AuthReplay`] for one that was not
    /// sent just now; [`Code::ConflictIdempotency`] for an id that came with another body; those of an event.
    pub async fn take(self, headers: HookHeaders, body: &[u8]) -> Result<()> {
        let Self { runtime, row } = self;
        let taken = runtime.taken(&row, &headers, body).await;
        let outcome = match &taken {
            Ok(Publication::New(_)) => "taken",
            Ok(Publication::Existing(_)) => "again",
            Err(error) => error.code.as_str(),
        };
        metrics::counter!("troupe_hook_messages_total", "outcome" => outcome).increment(1);
        events::meter(&taken?);
        Ok(())
    }
}

impl Runtime {
    async fn taken(&self, row: &HookRow, headers: &HookHeaders, body: &[u8]) -> Result<Publication> {
        let keys = self.keys_of(row).await?;
        let message = match row.hook.kind {
            HookKind::Standard => check::standard(headers, body, &keys, self.clock.now())?,
            HookKind::Github => check::github(headers, body, &keys)?,
            HookKind::Hmac => {
                let hmac =
                    row.hook.hmac.as_ref().ok_or_else(|| Error::internal("a hook does not say how it is signed"))?;
                check::generic(hmac, headers, body, &keys, self.clock.now())?
            }
        };
        let (sender, source) = (format!("{SENDER}{}", row.name), format!("/hooks/{}", row.name));
        let (id, is_whole) = (message.id.clone(), message.is_whole);
        let before = async || match is_whole {
            true => self.store.event_of_sender(&row.tenant, &sender, &source, &id).await,
            false => Ok(None),
        };
        if let Some(event) = before().await? {
            return Ok(Publication::Existing(Box::new(event)));
        }
        let mut attributes = vec![("type".to_owned(), row.hook.topic.to_string())];
        attributes.extend(message.about.map(|about| ("subject".to_owned(), about)));
        attributes.extend(message.delivery.map(|delivery| ("delivery".to_owned(), delivery)));
        let mut draft = event_of_parts(attributes, headers.content_type.as_deref(), body)?;
        draft.id = Some(message.id);
        draft.priority = row.hook.priority;
        let (sender, source) = (sender.clone(), source.clone());
        let id = String::new();
        let event = NewEventRow { draft, sender, source, id, is_drawn: false, due_at: None, caused_by: None };
        match self.store.publish_events(&row.tenant, vec![event]).await {
            Err(error) if error.code == Code::ConflictIdempotency => {
                // It came twice at once, with something else beside what is signed.
                before().await?.map(|event| Publication::Existing(Box::new(event))).ok_or(error)
            }
            published => published?
                .into_iter()
                .next()
                .ok_or_else(|| Error::internal("one event was published and none is there")),
        }
    }

    /// The keys by which a message may be signed.
    async fn keys_of(&self, row: &HookRow) -> Result<Vec<Vec<u8>>> {
        if let Some(name) = &row.hook.secret_name {
            let found = self.secret_of(&row.tenant, name).await?;
            let bytes = found.ok_or_else(|| Error::new(Code::CredentialsInvalid, "the hook's secret is gone"))?;
            return Ok(vec![check::key(row.hook.kind, bytes)]);
        }
        let (current, before) = self.good_secrets(&row.tenant, &row.secret);
        let key = |secret: Secret| check::key(row.hook.kind, secret.text().into_bytes());
        Ok([Some(current), before].into_iter().flatten().map(key).collect())
    }

    /// A secret of the operator's.
    async fn secret_of(&self, tenant: &TenantId, name: &str) -> Result<Option<Vec<u8>>> {
        let Some(egress) = self.sandbox.egress() else { return Ok(None) };
        let found = egress.credentials.secret(tenant, name).await?;
        Ok(found.map(|secret| secret.expose().as_bytes().to_vec()))
    }
}

/// The error for a path that is no hook's.
fn nobody() -> Error {
    Error::new(Code::HookNotFound, "there is no such hook")
}

/// Whether a caller may have events come in: what it could publish, and as a part of operating its tenant.
fn may_set(caller: &Caller) -> Result<()> {
    caller.require(Scope::Run)?;
    caller.require(Scope::Operate)
}

fn view(row: HookRow) -> HookView {
    let HookRow { name, hook, secret, principal, changed_at, .. } = row;
    let WebhookSecret { id, generation, made_at, before_until, .. } = secret;
    let secret = hook.secret_name.is_none().then_some(WebhookSecretView { generation, made_at, before_until });
    let (path, sender) = (format!("/hooks/{id}"), format!("{SENDER}{name}"));
    HookView { name, path, sender, hook, principal, changed_at, secret }
}
