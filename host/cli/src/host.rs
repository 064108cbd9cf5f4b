//! A host put together: data directory, store, blobs, sandbox, runtime, doors.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use semver::Version;
use serde_json::json;
use troupe_api::{Doors, Server, Stopper, Tokens, install_metrics, router};
use troupe_core::{Caller, Error, ReleaseRef, Result, SystemClock, SystemEntropy, TenantId, limits};
use troupe_package::SigningKey;
use troupe_registry::{ImageName, Layout};
use troupe_runtime::admission::ChildAdmission;
use troupe_runtime::{
    BusAddress, Drain, GrantPolicy, HostPlace, MemoryPlace, Runtime, RuntimeConfig, SignaturePolicy, WebhookConfig,
};
use troupe_sandbox::{Artifacts, Directories, Sandbox, SandboxConfig};
use troupe_store::{PostgresAddress, Store};

use crate::ADMISSION_COMMAND;
use crate::args::{ActsWith, Kept, Listen};
use crate::credentials;
use crate::data_dir::DataDir;
use crate::output::{note, tell};

/// How a host differs between `dev` and `serve`.
#[derive(Debug, Clone)]
pub(crate) struct Manner {
    pub(crate) grants: GrantPolicy,
    pub(crate) drain: Drain,
    /// Where releases are fetched from that are not published here.
    pub(crate) registry: Option<String>,
    pub(crate) signatures: SignaturePolicy,
    /// Where what must not be forgotten is kept, if not in the data directory.
    pub(crate) database: Option<PostgresAddress>,
    /// What carries words between its hosts.
    pub(crate) bus: Option<BusAddress>,
    /// Where other hosts of that reach this one.
    pub(crate) peer_address: Option<String>,
    /// The directory of the cgroup whose memory the host keeps within, if not its own.
    pub(crate) cgroup: Option<PathBuf>,
}

/// A host that listens and works; its doors open with [`Host::open`].
pub(crate) struct Host {
    pub(crate) runtime: Runtime,
    pub(crate) owner: Caller,
    pub(crate) key: Arc<SigningKey>,
    server: Server,
    doors: Doors,
    /// Of the address that it tells: `https` where it has a certificate.
    scheme: &'static str,
    _data_dir: DataDir,
}

/// A host whose doors are open.
pub(crate) struct Open {
    runtime: Runtime,
    stopper: Stopper,
    serving: tokio::task::JoinHandle<()>,
    _data_dir: DataDir,
}

impl Host {
    /// Puts a host together. The address is taken first, so that a busy port changes
    /// nothing on disk.
    ///
    /// # Errors
    /// Whatever the parts need and do not find, each naming the way out.
    pub(crate) async fn start(
        data_dir: &Path,
        listen: &Listen,
        acts_with: &ActsWith,
        kept: &Kept,
        manner: Manner,
    ) -> Result<Self> {
        let tls = listen.tls()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let server = Server::bind(listen.listen).await?.with_tls(tls);
        if scheme == "http" && !server.address().ip().is_loopback() {
            note(&format!(
                "warning: {} is open to the network: whoever reaches it can try tokens, and yours crosses it in the clear; give it a certificate with `--tls-cert` and `--tls-key`",
                server.address()
            ));
        }
        if let Some(prefix) = &manner.registry {
            check_registry(prefix)?;
        }
        let data_dir = DataDir::take(data_dir)?;
        let entropy = Arc::new(SystemEntropy);
        let clock = Arc::new(SystemClock);
        let document = credentials::document(acts_with.credentials.as_deref(), &data_dir.join(""))?;
        let egress = credentials::egress(server.address(), document, clock.clone())?;
        let token = data_dir.token(&*entropy)?;
        let key = Arc::new(data_dir.signing_key(&*entropy)?);
        let store = match &manner.database {
            Some(address) => Store::connect(address, clock.clone()).await?,
            None => Store::open(&data_dir.join("troupe.db"), clock.clone()).await?,
        };
        let place = HostPlace {
            home: data_dir.name(&*entropy)?,
            address: manner.peer_address.unwrap_or_else(|| url(scheme, server.address())),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let layout = Layout::open(&data_dir.join("releases"))?;
        let cache = (data_dir.join("compiled"), data_dir.cache_key(&*entropy)?);
        let sandbox =
            Sandbox::new(SandboxConfig { clock: clock.clone(), places: limits::INVOCATIONS_MAX, cache: Some(cache) })?
                .with_egress(egress);
        let program = std::env::current_exe().map_err(Error::internal)?;
        let memory = MemoryPlace::own();
        let memory = match manner.cgroup {
            Some(directory) => memory.of_group(directory).map_err(|error| error.context("`--cgroup`"))?,
            None => memory,
        };
        // Before anything runs that is counted.
        let metrics = install_metrics()?;
        let runtime = Runtime::start(RuntimeConfig {
            store,
            layout,
            sandbox,
            directories: Directories::new(data_dir.path(), clock.clone()),
            artifacts: Artifacts::open(&data_dir.join("artifacts"))?,
            admission: Box::new(ChildAdmission::new(program, ADMISSION_COMMAND)),
            clock,
            entropy,
            grants: manner.grants,
            drain: manner.drain,
            journals: kept.journals.limits(),
            state: kept.state.limits(),
            releases: kept.releases(),
            registry: manner.registry,
            signatures: manner.signatures,
            own_key: Some(Arc::clone(&key)),
            place,
            bus: manner.bus,
            webhooks: WebhookConfig { key: data_dir.webhook_key(&SystemEntropy)?, named: acts_with.origins()? },
            memory,
        })
        .await?;
        let owner = Caller::owner(TenantId::default());
        let mut hosts = listen.host_name.clone();
        let ip = server.address().ip();
        hosts.extend((!ip.is_unspecified()).then(|| ip.to_string()));
        let doors = Doors {
            runtime: runtime.clone(),
            tokens: Arc::new(Tokens::default().with(&token, owner.clone())),
            hosts: hosts.into(),
            metrics,
        };
        Ok(Self { runtime, owner, key, server, doors, scheme, _data_dir: data_dir })
    }

    /// Where the host can be reached from this machine.
    pub(crate) fn url(&self) -> String {
        url(self.scheme, self.server.address())
    }

    /// Opens the doors.
    ///
    /// # Errors
    /// [`troupe_core::Code::Internal`] if the doors are not as they should be.
    pub(crate) fn open(self) -> Result<Open> {
        let router = router(self.doors)?;
        let stopper = self.server.stopper();
        // Streams last as long as what they tell of, and end after that.
        let most = limits::SHUTDOWN_TIME_MAX + limits::STREAMS_END_TIME_MAX + limits::ANSWERS_END_TIME_MAX;
        let serving = tokio::spawn(self.server.serve(router, most));
        Ok(Open { runtime: self.runtime, stopper, serving, _data_dir: self._data_dir })
    }
}

impl Open {
    /// Closes the doors and stops, letting what runs end within `grace`.
    pub(crate) async fn close(self, grace: Duration) {
        let began = tokio::time::Instant::now();
        self.stopper.stop();
        self.runtime.stop(grace).await;
        // What a stream said last is still on its way.
        let left = grace.saturating_sub(began.elapsed()).max(limits::ANSWERS_END_TIME_MAX);
        let _ = tokio::time::timeout(left, self.serving).await;
    }
}

/// Where a host that listens there can be reached from this machine.
fn url(scheme: &str, mut address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    format!("{scheme}://{address}")
}

/// Checks that releases can have their places under a prefix.
fn check_registry(prefix: &str) -> Result<()> {
    let any = ReleaseRef { agent: "agent".parse()?, version: Version::new(0, 0, 0) };
    ImageName::of_release(prefix, &any).map(drop).map_err(|error| error.context("`--registry`"))
}

/// Tells that the host stops.
pub(crate) fn stopping(json: bool) {
    tell(json, &json!({ "event": "stopping" }), "stopping; a second Ctrl-C stops at once");
}

/// Listens for Ctrl-C and requests to terminate from now on; what is returned ends with
/// the first one. A second one ends the process at once.
///
/// # Errors
/// [`troupe_core::Code::Internal`] if this process may not listen for signals.
pub(crate) fn asked_to_stop() -> Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::internal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::internal)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            std::process::exit(130);
        });
    })
}
