//! The runtime as a whole: what it is made of, how it starts and how it stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, Notify, RwLock, Semaphore};
use troupe_bus::BusAddress;
use troupe_core::{Clock, Code, Entropy, Error, Result, limits, random_hex};
use troupe_package::SigningKey;
use troupe_registry::Layout;
use troupe_sandbox::{Artifacts, Directories, Sandbox};
use troupe_store::{JournalLimits, StateLimits, Store};

use crate::admission::{Admission, Pool};
use crate::backup::Backups;
use crate::beyond::Beyond;
use crate::compared::Differences;
use crate::components::Components;
use crate::deploy::GrantPolicy;
use crate::groups::Groups;
use crate::health::Health;
use crate::hooks::Rates;
use crate::hosts::{HostPlace, Hosts};
use crate::keyring::Keyring;
use crate::pressure::{MemoryPlace, Pressure};
use crate::releases::ReleaseLimits;
use crate::route::Drain;
use crate::routes::Routes;
use crate::schedules::Schedules;
use crate::sessions::Sessions;
use crate::state::Leftovers;
use crate::stopped::Stopped;
use crate::swap::Swaps;
use crate::task_approvals::TaskApprovals;
use crate::tasks::{Queue, Timed, Waits, Watchers, Workers};
use crate::tenants::Disabled;
use crate::trust::{SignaturePolicy, Trust};
use crate::webhooks::WebhookConfig;

/// The parts a runtime is made of.
#[derive(Debug)]
pub struct RuntimeConfig {
    /// Where rows are kept.
    pub store: Store,
    /// Where blobs are kept.
    pub layout: Layout,
    /// Where agents run.
    pub sandbox: Sandbox,
    /// The directories that agents may be granted.
    pub directories: Directories,
    /// The bytes of what tasks leave.
    pub artifacts: Artifacts,
    /// Who looks inside components first.
    pub admission: Box<dyn Admission>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub entropy: Arc<dyn Entropy>,
    /// Who turns the operator's key.
    pub grants: GrantPolicy,
    /// What a swap does while an older release still drains.
    pub drain: Drain,
    /// How long journals are kept.
    pub journals: JournalLimits,
    /// What the key spaces of one deployment may hold together.
    pub state: StateLimits,
    /// Where releases are that are not published here: a prefix of images in an OCI registry.
    pub registry: Option<String>,
    /// Whether releases need signatures.
    pub signatures: SignaturePolicy,
    /// The host's own key, by which a tenant that has said nothing trusts a release, and which signs links to
    /// approvals.
    pub own_key: Option<Arc<SigningKey>>,
    /// Which releases are kept.
    pub releases: ReleaseLimits,
    /// How this host is told from others of its database.
    pub place: HostPlace,
    /// What carries words between them in place of the database.
    pub bus: Option<BusAddress>,
    /// What events are sent with that leave the host.
    pub webhooks: WebhookConfig,
    /// Where it is read how much memory is left.
    pub memory: MemoryPlace,
}

/// The host without its doors. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Runtime(Arc<Inner>);

/// What a runtime is; reachable within this crate alone.
#[derive(Debug)]
pub struct Inner {
    pub(crate) store: Store,
    pub(crate) layout: Arc<Layout>,
    pub(crate) sandbox: Sandbox,
    pub(crate) directories: Directories,
    pub(crate) artifacts: Artifacts,
    pub(crate) place: HostPlace,
    pub(crate) admission: Box<dyn Admission>,
    pub(crate) compiles: Pool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) grants: GrantPolicy,
    pub(crate) drain: Drain,
    pub(crate) journals: JournalLimits,
    pub(crate) state: StateLimits,
    pub(crate) registry: Option<String>,
    /// Room for releases on their way from registries and to them.
    pub(crate) images: Semaphore,
    pub(crate) trust: Trust,
    pub(crate) own_key: Option<Arc<SigningKey>>,
    pub(crate) releases: ReleaseLimits,
    /// Shared by whoever has written blobs or compiled code that no row names yet; whoever
    /// removes what no row names has it alone.
    pub(crate) placing: RwLock<()>,
    /// The turn to write the index.
    pub(crate) indexing: Mutex<()>,
    pub(crate) routes: Routes,
    pub(crate) swaps: Swaps,
    /// Told whenever somebody decides about a release.
    pub(crate) decided: Notify,
    pub(crate) components: Components,
    pub(crate) keyring: Keyring,
    pub(crate) disabled: Disabled,
    pub(crate) stopped: Stopped,
    /// This process, in leases.
    pub(crate) owner: String,
    pub(crate) hosts: Hosts,
    pub(crate) queue: Queue,
    pub(crate) workers: Workers,
    pub(crate) watchers: Watchers,
    pub(crate) waits: Waits,
    pub(crate) rehearsals: Waits,
    pub(crate) timed: Timed,
    pub(crate) differences: Differences,
    pub(crate) schedules: Schedules,
    pub(crate) task_approvals: TaskApprovals,
    pub(crate) groups: Groups,
    pub(crate) sessions: Sessions,
    pub(crate) health: Health,
    pub(crate) leftovers: Leftovers,
    /// Leave to load a whole journal.
    pub(crate) journals_loading: Semaphore,
    pub(crate) backups: Backups,
    pub(crate) webhooks: WebhookConfig,
    pub(crate) hook_rates: Rates,
    pub(crate) beyond: Beyond,
    pub(crate) pressure: Pressure,
    stopping: AtomicBool,
}

impl std::ops::Deref for Runtime {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Runtime {
    /// Starts the runtime: sweeps what a dead host left half done, settles its tasks,
    /// loads tenants and deployments, and begins to work off what is pending.
    ///
    /// # Errors
    /// Whatever makes the store or the blobs unusable. A release that cannot be loaded
    /// does not stop the host: its agent answers with the reason.
    pub async fn start(config: RuntimeConfig) -> Result<Self> {
        let RuntimeConfig { store, layout, sandbox, directories, admission, clock, entropy, .. } = config;
        let RuntimeConfig { grants, drain, journals, state, registry, signatures, own_key, releases, .. } = config;
        let RuntimeConfig { place, bus, webhooks, memory, artifacts, .. } = config;
        let (owner, secret) = (random_hex::<16>(&*entropy), random_hex::<32>(&*entropy));
        let releases_by = own_key.as_ref().map(|key| key.public().id().to_string()).unwrap_or_default();
        let signs_with = format!("{releases_by} {}", webhooks.key.mark());
        let runtime = Self(Arc::new(Inner {
            store,
            layout: Arc::new(layout),
            sandbox,
            directories,
            artifacts,
            place: place.clone(),
            admission,
            compiles: Pool::default(),
            clock,
            entropy,
            grants,
            drain,
            journals,
            state,
            registry,
            images: Semaphore::new(limits::REGISTRY_IMAGES_MAX),
            trust: Trust::new(signatures, own_key.as_deref().map(SigningKey::public))?,
            own_key,
            releases,
            placing: RwLock::new(()),
            indexing: Mutex::new(()),
            routes: Routes::default(),
            swaps: Swaps::default(),
            decided: Notify::new(),
            components: Components::default(),
            keyring: Keyring::default(),
            disabled: Disabled::default(),
            stopped: Stopped::default(),
            owner,
            hosts: Hosts::new(&secret),
            queue: Queue::default(),
            workers: Workers::default(),
            watchers: Watchers::default(),
            waits: Waits::default(),
            rehearsals: Waits::for_rehearsals(),
            timed: Timed::default(),
            differences: Differences::default(),
            schedules: Schedules::default(),
            task_approvals: TaskApprovals::default(),
            groups: Groups::default(),
            sessions: Sessions::default(),
            health: Health::default(),
            leftovers: Leftovers::default(),
            journals_loading: Semaphore::new(limits::JOURNALS_LOADING_MAX),
            backups: Backups::default(),
            webhooks,
            hook_rates: Rates::default(),
            beyond: Beyond::default(),
            pressure: Pressure::default(),
            stopping: AtomicBool::new(false),
        }));
        runtime.enter_hosts(place, secret, signs_with).await?;
        // What follows can take longer than others wait for a host that says nothing.
        runtime.keep_host();
        runtime.keep_memory(memory);
        let begun = runtime.begin(bus).await;
        if begun.is_err() {
            runtime.stopping.store(true, Ordering::SeqCst);
        }
        begun.map(|()| runtime)
    }

    async fn begin(&self, bus: Option<BusAddress>) -> Result<()> {
        self.sweep().await?;
        self.load_tenants().await?;
        self.load_approval_policies().await?;
        self.recover().await?;
        self.load_deployments().await?;
        self.take_up_swaps().await?;
        self.queue_pending().await?;
        self.dispatch();
        self.keep_looking();
        self.keep_bus(bus).await?;
        self.keep_passing();
        self.keep_leases();
        self.keep_waking();
        self.keep_schedules();
        self.keep_task_approvals();
        self.keep_locks();
        self.keep_cancelling();
        self.keep_groups();
        self.keep_sessions();
        self.keep_health();
        self.keep_events();
        self.sweep_state();
        self.keep_journals();
        self.keep_collecting();
        self.keep_beyond();
        Ok(())
    }

    /// Stops: takes no new work, waits up to `grace` for what runs, has whoever waits or reads a
    /// stream told the rest and where to go on, and closes the store. What still runs then is
    /// settled by the next start.
    pub async fn stop(&self, grace: Duration) {
        self.stopping.store(true, Ordering::SeqCst);
        self.queue.close();
        if tokio::time::timeout(grace, self.workers.idle()).await.is_err() {
            tracing::warn!(tasks = self.workers.count(), "stopping while tasks still run; the next start settles them");
        }
        self.watchers.close();
        self.waits.close();
        self.rehearsals.close();
        let told = async { tokio::join!(self.waits.idle(), self.rehearsals.idle()) };
        if tokio::time::timeout(limits::STREAMS_END_TIME_MAX, told).await.is_err() {
            tracing::warn!("stopping while streams are still read: some of their clients read nothing");
        }
        self.record_beyond().await;
        if self.store.is_shared()
            && let Err(error) = self.store.leave(&self.owner).await
        {
            tracing::warn!(
                cause = error.cause_chain(),
                "others take over from this host only when it is late: {error}"
            );
        }
        self.store.close().await;
    }

    /// Whether the host takes work.
    ///
    /// # Errors
    /// [`Code::UnavailableHost`] while it shuts down, those of a store that takes no writes any more, and
    /// [`Code::UnavailableStore`] if other hosts may have taken over from this one.
    pub fn require_ready(&self) -> Result<()> {
        if self.is_stopping() {
            return Err(Error::new(Code::UnavailableHost, "the host is shutting down; try again when it is back"));
        }
        self.store.check()?;
        self.check_live()
    }

    /// Whether other hosts may work on the same database.
    pub(crate) fn is_shared(&self) -> bool {
        self.store.is_shared()
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }
}
