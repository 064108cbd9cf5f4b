//! Everything that an operator has set up, in force: the document of credentials, kept in
//! step with its file, and what was got by it.
//!
//! The attack: the file is open to others, or is changed half way, or a slip in it takes
//! away every credential of a host that serves. The rule: a file that others may read or
//! write is refused; it is read again when it changes; one that cannot be used is said, by
//! line, and the last good one stays in force. What did not change keeps its tokens. The
//! default: a name that the document does not have means nothing, in every tenant.

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use futures::future::BoxFuture;
use troupe_core::{Clock, Code, Error, Result, TenantId};
use zeroize::Zeroizing;

use super::cache::{Cached, Minted};
use super::document::{AwsTable, CredentialTable, Document, KeysOf};
use super::exchange::Exchanger;
use super::source::{Keepers, Origins, Variable};
use super::sts::Taker;
use super::vault::{Vault, VaultSettings};
use super::{Credential, Reach, Secret, aws};
use crate::{AwsCredentials, Client, EndpointMap};

/// How often the file is looked at, and the tokens of Vault are tended.
const ROUND: Duration = Duration::from_secs(1);
/// Rounds that a file may be away before it counts as removed: an editor that writes a new
/// one may take the old one away first.
const AWAY_ROUNDS_MAX: u32 = 2;

/// With what credentials and secrets are got.
#[derive(Clone)]
pub struct BookConfig {
    /// By what requests for tokens leave.
    pub client: Client,
    /// The sockets this host listens on.
    pub own_addresses: Arc<[std::net::SocketAddr]>,
    /// The operator's replacements of AWS's endpoints, where roles are taken.
    pub endpoints: Arc<EndpointMap>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The host's environment.
    pub variable: Variable,
}

impl std::fmt::Debug for BookConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BookConfig").finish_non_exhaustive()
    }
}

/// An operator's credentials and secrets.
#[derive(Debug)]
pub struct Book {
    path: PathBuf,
    config: BookConfig,
    in_force: RwLock<Arc<Pages>>,
    seen: Mutex<Seen>,
}

/// What is known of the file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Seen {
    mark: Option<(i64, i64, u64, u64)>,
    away: u32,
}

/// A document in force.
#[derive(Debug, Default)]
struct Pages {
    document: Document,
    vaults: BTreeMap<String, Arc<Vault>>,
    credentials: BTreeMap<(TenantId, String), Arc<Cached<Credential>>>,
    secrets: BTreeMap<(TenantId, String), Arc<Cached<Secret>>>,
}

impl Book {
    /// Reads the document in a file, if there is one.
    ///
    /// # Errors
    /// [`Code::CredentialsInvalid`] if the file is open to others, cannot be read or is not
    /// a document, naming the line.
    pub fn open(path: PathBuf, config: BookConfig) -> Result<Self> {
        let mark = mark(&path);
        let document = read(&path)?.unwrap_or_default();
        let pages = Pages::new(document, &config, &Pages::default());
        let seen = Mutex::new(Seen { mark, away: 0 });
        Ok(Self { path, config, in_force: RwLock::new(Arc::new(pages)), seen })
    }

    /// Keeps the book in step with its file, and the tokens of Vault alive, for as long as
    /// somebody else holds the book.
    pub fn keep(self: &Arc<Self>) {
        let book = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut rounds = tokio::time::interval(ROUND);
            rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                rounds.tick().await;
                let Some(book) = book.upgrade() else { return };
                let pages = book.pages();
                let looking = tokio::task::spawn_blocking(move || book.look());
                let vaults: Vec<Arc<Vault>> = pages.vaults.values().cloned().collect();
                let tending =
                    futures::future::join_all(vaults.into_iter().map(|vault| async move { vault.tend().await }));
                let _ = futures::future::join(looking, tending).await;
            }
        });
    }

    /// Maps requests to the hosts of the document's table `[endpoints]`, in front of what is mapped already. One that
    /// is changed later is in force from the next start on.
    pub fn map_hosts(&self, map: &mut EndpointMap) {
        for (host, endpoint) in &self.pages().document.endpoints {
            map.map_host(host, endpoint.clone());
        }
    }

    /// Whether the document gives a tenant's credential a meaning, and the credential.
    ///
    /// # Errors
    /// [`Code::CredentialsInvalid`] if a source cannot be read or a server refuses, and the
    /// codes `unavailable.*` if none answers. The message names the credential.
    pub async fn credential(&self, tenant: &TenantId, name: &str) -> Result<Option<Arc<Credential>>> {
        let cached = self.pages().credentials.get(&(tenant.clone(), name.to_owned())).cloned();
        match cached {
            Some(cached) => cached.get().await.map(Some),
            None => Ok(None),
        }
    }

    /// Whether the document gives a tenant's secret a meaning, and the secret.
    ///
    /// # Errors
    /// As [`Book::credential`].
    pub async fn secret(&self, tenant: &TenantId, name: &str) -> Result<Option<Arc<Secret>>> {
        let cached = self.pages().secrets.get(&(tenant.clone(), name.to_owned())).cloned();
        match cached {
            Some(cached) => cached.get().await.map(Some),
            None => Ok(None),
        }
    }

    fn pages(&self) -> Arc<Pages> {
        Arc::clone(&self.in_force.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks at the file, and puts a changed document in force.
    fn look(&self) {
        let now = mark(&self.path);
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if now == seen.mark {
                seen.away = 0;
                return;
            }
            seen.away += 1;
            if now.is_none() && seen.away < AWAY_ROUNDS_MAX {
                return;
            }
            *seen = Seen { mark: now, away: 0 };
        }
        match read(&self.path) {
            Ok(document) => {
                let before = self.pages();
                let pages = Pages::new(document.unwrap_or_default(), &self.config, &before);
                if pages.document.endpoints != before.document.endpoints {
                    tracing::warn!("the changed table [endpoints] is in force once the host starts again");
                }
                *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pages);
                tracing::info!("the changed document of credentials is in force");
            }
            Err(error) => {
                let cause = error.cause_chain();
                tracing::error!(
                    cause,
                    "the changed document of credentials is not in force, the one before is: {error}"
                );
            }
        }
    }
}

/// What tells one state of a file from another, also where its mode alone differs; none if
/// there is no file.
fn mark(path: &Path) -> Option<(i64, i64, u64, u64)> {
    let found = std::fs::metadata(path).ok()?;
    Some((found.ctime(), found.ctime_nsec(), found.len(), found.ino()))
}

/// Reads a document; none if there is no file.
fn read(path: &Path) -> Result<Option<Document>> {
    let unusable = |why: String| Error::new(Code::CredentialsInvalid, format!("credentials.toml {why}"));
    let read = || -> std::io::Result<(u32, String)> {
        use std::io::Read as _;
        let file = std::fs::File::open(path)?;
        let mode = file.metadata()?.permissions().mode();
        let mut text = String::new();
        file.take(troupe_core::limits::CREDENTIALS_BYTES_MAX as u64 + 1).read_to_string(&mut text)?;
        Ok((mode, text))
    };
    match read() {
        Ok((mode, _)) if mode & 0o077 != 0 => {
            Err(unusable(format!("is open to other users (mode {:o}); close it with `chmod 600`", mode & 0o777)))
        }
        Ok((_, text)) => Document::parse(&text).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unusable(format!("cannot be read ({})", error.kind())).with_cause(error)),
    }
}

impl Pages {
    /// Makes what a document says usable. What is as it was `before` keeps what was got.
    fn new(document: Document, config: &BookConfig, before: &Self) -> Self {
        let exchanger = Exchanger {
            client: config.client.clone(),
            clock: Arc::clone(&config.clock),
            own_addresses: Arc::clone(&config.own_addresses),
        };
        let origins = Arc::new(Origins { variable: Arc::clone(&config.variable) });
        let same_vaults = document.vault == before.document.vault;
        let vaults = if same_vaults {
            before.vaults.clone()
        } else {
            let vault = |(name, settings): (&String, &VaultSettings)| {
                let vault = Vault::new(name.clone(), settings.clone(), exchanger.clone(), Arc::clone(&origins));
                (name.clone(), Arc::new(vault))
            };
            document.vault.iter().map(vault).collect()
        };
        let keepers = Arc::new(Keepers { origins, vaults: vaults.clone() });
        let means = Means { exchanger, keepers, config: config.clone() };
        let (mut credentials, mut secrets) = (BTreeMap::new(), BTreeMap::new());
        for (tenant, table) in &document.tenant {
            let earlier = before.document.tenant.get(tenant).filter(|_| same_vaults);
            for (name, table) in &table.credentials {
                let key = (tenant.clone(), name.clone());
                let same = earlier.and_then(|earlier| earlier.credentials.get(name)) == Some(table);
                let kept = before.credentials.get(&key).filter(|_| same).cloned();
                let cached = kept.unwrap_or_else(|| means.credential(name.clone(), table.clone()));
                credentials.insert(key, cached);
            }
            for (name, table) in &table.secrets {
                let key = (tenant.clone(), name.clone());
                let same = earlier.and_then(|earlier| earlier.secrets.get(name)) == Some(table);
                let kept = before.secrets.get(&key).filter(|_| same).cloned();
                let cached = kept.unwrap_or_else(|| {
                    let (what, source, reach) = (format!("the secret `{name}`"), table.value.clone(), table.to.reach());
                    means.cached(what, move |means| {
                        let (source, reach) = (source.clone(), reach.clone());
                        Box::pin(async move {
                            let (value, every) = means.keepers.read(&source).await?;
                            Ok(Minted::read(Secret::new(value, reach)?, every))
                        })
                    })
                });
                secrets.insert(key, cached);
            }
        }
        Self { document, vaults, credentials, secrets }
    }
}

/// What it takes to get a value.
#[derive(Clone)]
struct Means {
    exchanger: Exchanger,
    keepers: Arc<Keepers>,
    config: BookConfig,
}

impl Means {
    /// A value that is got by `get`; what goes wrong is told about `what`.
    fn cached<T: Send + Sync + 'static>(
        &self,
        what: String,
        get: impl Fn(Self) -> BoxFuture<'static, Result<Minted<T>>> + Send + Sync + 'static,
    ) -> Arc<Cached<T>> {
        let means = self.clone();
        Cached::new(Arc::clone(&self.config.clock), move || {
            let (got, what) = (get(means.clone()), what.clone());
            Box::pin(async move { got.await.map_err(|error| error.context(what)) })
        })
    }

    fn credential(&self, name: String, table: CredentialTable) -> Arc<Cached<Credential>> {
        self.cached(format!("the credential `{name}`"), move |means| {
            let table = table.clone();
            Box::pin(async move { means.mint(&table).await })
        })
    }

    async fn mint(&self, table: &CredentialTable) -> Result<Minted<Credential>> {
        let bearer = |token: Minted<Zeroizing<String>>, reach: &Reach| {
            token.try_map(|token| Credential::bearer(&token, reach.clone()))
        };
        match table {
            CredentialTable::Aws(table) => self.keys(table).await?.try_map(Credential::aws),
            CredentialTable::Azure(client, reach) => bearer(client.token(&self.exchanger, &self.keepers).await?, reach),
            CredentialTable::Gcp(account, reach) => bearer(account.token(&self.exchanger, &self.keepers).await?, reach),
            CredentialTable::Bearer(source, reach) => {
                let (token, every) = self.keepers.read(source).await?;
                bearer(Minted::read(token, every), reach)
            }
            CredentialTable::Header(header, source, reach) => {
                let (value, every) = self.keepers.read(source).await?;
                Ok(Minted::read(Credential::header(header.clone(), &value, reach.clone())?, every))
            }
        }
    }

    /// Keys for AWS: those that the operator has, or those of the role taken with them.
    async fn keys(&self, table: &AwsTable) -> Result<Minted<AwsCredentials>> {
        let endpoints = &self.config.endpoints;
        let (keys, every) = match &table.keys {
            KeysOf::WebIdentity(source) => {
                let (token, _) = self.keepers.read(source).await?;
                let role = table.role.as_ref().ok_or_else(|| Error::internal("a web identity without a role"))?;
                return role.take(Taker::WebIdentity(&token), &self.exchanger, endpoints).await;
            }
            KeysOf::Sources { id, secret, token } => {
                let (id, id_every) = self.keepers.read(id).await?;
                let (secret, secret_every) = self.keepers.read(secret).await?;
                let token = match token {
                    Some(token) => Some(self.keepers.read(token).await?),
                    None => None,
                };
                let every = id_every.min(secret_every).min(token.as_ref().map_or(Duration::MAX, |(_, every)| *every));
                let token = token.map(|(token, _)| String::clone(&token));
                (AwsCredentials::new(String::clone(&id), String::clone(&secret), token), every)
            }
            KeysOf::Profile(profile) => (self.profile(profile.clone()).await?, PROFILE_EVERY),
        };
        match &table.role {
            Some(role) => role.take(Taker::Keys(&keys), &self.exchanger, endpoints).await,
            None => Ok(Minted::read(keys, every)),
        }
    }

    /// The keys in a profile of the operator's AWS files.
    async fn profile(&self, profile: String) -> Result<AwsCredentials> {
        let variable = Arc::clone(&self.config.variable);
        let found = tokio::task::spawn_blocking(move || {
            aws::find_profile(&profile, &*variable)?.ok_or_else(|| {
                let message = format!("the AWS profile `{}` has no keys", profile.escape_default());
                Error::new(Code::CredentialsInvalid, message)
            })
        });
        found.await.map_err(Error::internal)?
    }
}

/// How often a profile is read again: as a file is.
const PROFILE_EVERY: Duration = Duration::from_secs(2);
