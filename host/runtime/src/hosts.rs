//! Several hosts on one database: being one of them, taking over from those that are gone, and following
//! what the others change.
//!
//! ```text
//!  every 5 s   this host's row is renewed                              (keep_host)
//!  every 1 s,  who is late is taken over from, its tasks are resumed   (look)
//!  and when    routes, tenants and swaps are as the database says      (follow.rs)
//!  something   what is watched here and runs elsewhere is told         (heard.rs, said.rs)
//!  was said    how far this host has come is written down              (report.rs)
//! ```
//!
//! *The attack on correctness:* two hosts do one thing twice, or one goes on with what another has changed. *The
//! rule:* the database alone says what is; memory is a copy that is at most two seconds behind, and each commit
//! that rests on it names what it looked at (epoch, revision, number, lease) and is refused if that has moved on.
//! What must happen once is claimed in the transaction that does it: a task by its lease, a schedule by its
//! next time, a delivery by its state, a group and an approval by their revision, a swap by its driver. So
//! there is no leader, and nothing waits for one to be chosen. *The default:* a host that cannot reach the
//! database for as long as a lease lasts takes no work.
//!
//! On SQLite there is one host, and nothing of this runs.

mod carried;
mod follow;
mod heard;
mod peers;
mod report;
mod said;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::{Semaphore, broadcast, watch};
use tokio::time::{Instant, MissedTickBehavior};
use troupe_bus::Bus;
use troupe_core::view::HostView;
use troupe_core::{AgentName, Caller, Code, Digest, Error, Result, Scope, SwapId, TenantId, limits};
use troupe_store::{HostRouteRow, HostRow, Words};

use crate::Runtime;
use crate::hold::Holding;

/// How a host is told from others of its database.
#[derive(Debug, Clone, Default)]
pub struct HostPlace {
    /// The name of its data directory, which one process holds at a time.
    pub home: String,
    /// Where other hosts reach it.
    pub address: String,
    /// Its version.
    pub version: String,
}

type Key = (TenantId, AgentName);

/// What a host knows of the others, and they of it.
#[derive(Debug)]
pub(crate) struct Hosts {
    /// The others, as was last seen.
    others: ArcSwap<Vec<HostRow>>,
    /// Until when this one is surely nobody's to take over from.
    live_until: Mutex<Option<Instant>>,
    lost: watch::Sender<bool>,
    /// What opens this host's blobs to others.
    secret: Digest,
    handing_out: Semaphore,
    /// What the others were told is in force here.
    reported: tokio::sync::Mutex<HashMap<Key, HostRouteRow>>,
    /// The events that were looked at for what is watched here.
    seen: Mutex<HashMap<TenantId, u64>>,
    /// New work that is held back for a swap that another host drives.
    holds: Mutex<HashMap<SwapId, (Key, Holding)>>,
    /// What carries words in place of the database.
    bus: OnceLock<Arc<Bus>>,
    /// When was last tried what could not be loaded.
    tried: Mutex<Option<Instant>>,
    /// Deployments whose new route is made ready.
    catching_up: Mutex<HashSet<Key>>,
}

impl Hosts {
    /// A host that others show `secret` to be given blobs.
    pub(crate) fn new(secret: &str) -> Self {
        Self {
            others: ArcSwap::default(),
            live_until: Mutex::default(),
            lost: watch::Sender::new(false),
            secret: Digest::of(secret.as_bytes()),
            handing_out: Semaphore::new(limits::PEER_BLOBS_AT_ONCE),
            reported: tokio::sync::Mutex::default(),
            seen: Mutex::default(),
            holds: Mutex::default(),
            bus: OnceLock::new(),
            tried: Mutex::default(),
            catching_up: Mutex::default(),
        }
    }

    fn is_live(&self, asked: Instant) {
        *self.live_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked + limits::LEASE_TIME);
    }

    /// Whether it is time to try once more what could not be loaded.
    fn tries_again(&self) -> bool {
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = tried.is_none_or(|tried| tried.elapsed() >= limits::LEASE_RENEWAL);
        if is_due {
            *tried = Some(Instant::now());
        }
        is_due
    }

    /// Checks that nobody has taken over from this host, as far as it can know.
    fn check(&self) -> Result<()> {
        let until = *self.live_until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.is_none_or(|until| Instant::now() < until) {
            return Ok(());
        }
        let message = "the database has not heard of this host for as long as a lease lasts, so others may have \
                       taken over from it; try another host, or again when the database is back";
        Err(Error::new(Code::UnavailableStore, message))
    }
}

impl Runtime {
    /// Makes this process a host of its database.
    ///
    /// # Errors
    /// [`Code::DataDirUnusable`] if what this host signs is not trusted at the others.
    pub(crate) async fn enter_hosts(&self, place: HostPlace, secret: String, signs_with: String) -> Result<()> {
        if self.store.is_shared() {
            let (hosts, now) = self.store.hosts().await?;
            let others = hosts.iter().filter(|host| host.home != place.home && host.until > now);
            for other in others {
                self.check_keys(other, &signs_with)?;
            }
            // Before anything is loaded: they may have blobs that this one lacks.
            let others = hosts.into_iter().filter(|host| host.home != place.home && host.until > now);
            self.hosts.others.store(Arc::new(others.collect()));
        }
        let asked = Instant::now();
        let at = self.clock.now();
        let HostPlace { home, address, version } = place;
        let row = HostRow {
            owner: self.owner.clone(),
            home,
            address,
            secret,
            signs_with,
            version,
            started_at: at,
            until: at,
        };
        self.store.enter(row).await?;
        if self.store.is_shared() {
            self.hosts.is_live(asked);
        }
        Ok(())
    }

    /// Checks that this host signs as another does: releases, where signatures are asked for, and webhooks.
    fn check_keys(&self, other: &HostRow, signs_with: &str) -> Result<()> {
        let (releases, webhooks) = signs_with.split_once(' ').unwrap_or_default();
        let (other_releases, other_webhooks) = other.signs_with.split_once(' ').unwrap_or_default();
        let (file, why) = if self.trust.required && releases != other_releases {
            ("signing.key", "signs with another key, so what one publishes the other would not trust")
        } else if webhooks != other_webhooks {
            ("webhooks.key", "signs webhooks with another key, so who receives them would take neither for the other")
        } else {
            return Ok(());
        };
        let message = format!(
            "the host at {} works on the same database and {why}; copy `{file}` from its data directory into this one's, \
             then start again",
            other.address
        );
        Err(Error::new(Code::DataDirUnusable, message))
    }

    /// Renews this host's row until it stops, or until another host has taken over from it.
    pub(crate) fn keep_host(&self) {
        if !self.store.is_shared() {
            return;
        }
        let runtime = self.clone();
        tokio::spawn(async move {
            let mut pause = limits::LEASE_RENEWAL;
            while !runtime.is_stopping() || runtime.workers.count() > 0 {
                tokio::time::sleep(pause).await;
                let asked = Instant::now();
                pause = match runtime.store.renew_host(&runtime.owner).await {
                    Ok(now) => {
                        runtime.hosts.is_live(asked);
                        runtime.compare_clocks(now);
                        limits::LEASE_RENEWAL
                    }
                    Err(error) => {
                        tracing::warn!(cause = error.cause_chain(), "this host's row was not renewed: {error}");
                        limits::HOSTS_LOOK_EVERY
                    }
                };
                if !runtime.is_stopping()
                    && let Err(error) = runtime.store.check()
                {
                    tracing::error!("this host writes no more, so it ends: {error}");
                    runtime.hosts.lost.send_replace(true);
                    return;
                }
            }
        });
    }

    fn compare_clocks(&self, of_database: troupe_core::Timestamp) {
        let own = self.clock.now();
        let apart = own.since(of_database).max(of_database.since(own));
        if apart > limits::CLOCKS_APART_MAX {
            let apart_ms = u64::try_from(apart.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(
                apart_ms,
                "the clocks of this host and of its database differ; what is due comes that much early or late"
            );
        }
    }

    /// Comes to pass when this host writes no more, since another has taken over from it.
    pub async fn lost(&self) {
        let mut lost = self.hosts.lost.subscribe();
        if lost.wait_for(|lost| *lost).await.is_err() {
            std::future::pending().await
        }
    }

    /// Checks that the database is there and that this host is still one of it.
    ///
    /// # Errors
    /// [`Code::UnavailableStore`] with the reason, [`Code::LimitHost`] while too little memory is left, and those of
    /// [`Runtime::require_ready`].
    pub fn ready(&self) -> Result<()> {
        self.require_room()?;
        self.store.reached()
    }

    /// Checks the same as far as taking work goes, where a lost connection may be back in time.
    pub(crate) fn check_live(&self) -> Result<()> {
        self.hosts.check()
    }

    /// Lists the hosts of the database, by when they began.
    ///
    /// # Errors
    /// [`Code::AuthScope`] for whoever is not the owner.
    pub async fn hosts(&self, caller: &Caller) -> Result<Vec<HostView>> {
        caller.require(Scope::Owner)?;
        let (rows, now) = self.store.hosts().await?;
        let is_shared = self.store.is_shared();
        let view = |row: HostRow| HostView {
            is_this: row.owner == self.owner,
            is_live: !is_shared || row.until > now,
            until: is_shared.then_some(row.until),
            id: row.owner,
            address: row.address,
            version: row.version,
            started_at: row.started_at,
        };
        Ok(rows.into_iter().map(view).collect())
    }

    /// Looks after the other hosts, every second and whenever one has said something.
    pub(crate) fn keep_looking(&self) {
        if !self.store.is_shared() {
            return;
        }
        let (runtime, mut heard) = (self.clone(), self.store.heard());
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(limits::HOSTS_LOOK_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while !runtime.is_stopping() || runtime.workers.count() > 0 {
                let (mut words, is_tick) = tokio::select! {
                    _ = ticks.tick() => (Words::default(), true),
                    words = heard.recv() => match words {
                        Ok(words) => (words, false),
                        Err(broadcast::error::RecvError::Lagged(_)) => (Words::anything(), false),
                        Err(broadcast::error::RecvError::Closed) => return,
                    },
                };
                // What was said meanwhile is looked after in one go.
                loop {
                    match heard.try_recv() {
                        Ok(more) => words.join(more),
                        Err(broadcast::error::TryRecvError::Lagged(_)) => words.join(Words::anything()),
                        Err(_) => break,
                    }
                }
                if let Err(error) = runtime.look(words, is_tick).await {
                    tracing::debug!(cause = error.cause_chain(), "what other hosts do was not looked at: {error}");
                }
            }
        });
    }

    async fn look(&self, words: Words, is_tick: bool) -> Result<()> {
        if words.keys {
            // Who was let in by one of them is looked at again.
            self.keyring.forget(|_| true);
        }
        self.hear_feeds(&words, is_tick).await?;
        if is_tick {
            self.ask_for_sayings().await;
            self.look_for_the_late().await?;
        }
        if is_tick || words.routes {
            self.follow().await?;
            self.report().await?;
        }
        Ok(())
    }

    /// Finishes what a host does step by step and nobody has a lease on: it is safe to do beside one that does it.
    fn finish_for_the_gone(&self) {
        self.leftovers.look();
        let runtime = self.clone();
        tokio::spawn(async move {
            if let Err(error) = runtime.finish_redactions().await {
                tracing::warn!(cause = error.cause_chain(), "a redaction was not finished: {error}");
            }
        });
    }

    /// Takes over from hosts that are late, and takes up what those that are gone have left.
    async fn look_for_the_late(&self) -> Result<()> {
        let (mut hosts, now) = self.store.hosts().await?;
        if hosts.iter().any(|host| host.owner != self.owner && host.until <= now) {
            let all_gone = self.store.take_over(&self.owner).await?;
            for gone in &all_gone {
                tracing::warn!(host = gone.owner, address = gone.address, "a host is gone; its work is taken over");
                hosts.retain(|host| host.owner != gone.owner);
            }
            if !all_gone.is_empty() {
                self.finish_for_the_gone();
            }
        }
        hosts.retain(|host| host.owner != self.owner);
        let are_new = hosts.iter().map(|host| &host.owner).ne(self.hosts.others.load().iter().map(|host| &host.owner));
        if are_new {
            tracing::info!(others = hosts.len(), "other hosts have come or gone");
            self.hosts.others.store(Arc::new(hosts));
        }
        if self.is_stopping() {
            return Ok(());
        }
        if self.store.any_orphans().await? {
            self.recover().await?;
            self.queue_pending().await?;
        }
        self.take_up_swaps().await
    }
}
