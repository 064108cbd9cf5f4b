//! Retention, and the collection of what no release needs: blobs and compiled code.
//!
//! *The danger:* a publish has written its blobs, and its row is not there yet; whoever looks at
//! the rows now takes them for rubbish. *The rule:* from its first blob to its row a publish
//! shares a lock that a collection has alone from its look at the rows to its last removal. The
//! same holds for compiled code from when it is kept to when it is loaded. A crash leaves what
//! the next look finds.
//!
//! What is referenced is told by the rows alone: a deleted release is one that nothing needed at
//! the moment of its deletion, which is a question and an act in one (`store/releases/delete.rs`).
//! Builds of `troupe dev` beyond the newest few are deleted in just that way, so whatever still
//! needs one keeps it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use troupe_core::view::{CollectRequest, Collected};
use troupe_core::{AgentName, Caller, Code, Digest, Error, ReleaseRef, Result, Rubbish, Scope, TenantId, limits};
use troupe_registry::{Holds, IndexEntry};
use troupe_store::ReleaseDigest;

use crate::Runtime;
use crate::blocking::blocking;

/// Why the host deletes a release by itself, as feed and audit say it.
const RETENTION: &str = "retention";

/// Which releases a host keeps without being told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReleaseLimits {
    /// How many builds of `troupe dev` of each agent. Proper releases are kept until somebody
    /// deletes them.
    pub dev_kept: u32,
}

impl Default for ReleaseLimits {
    fn default() -> Self {
        Self { dev_kept: limits::DEV_RELEASES_KEPT_DEFAULT }
    }
}

impl Runtime {
    /// Deletes builds of `troupe dev` that are not kept any longer, and removes what no release
    /// of any tenant needs; or tells what that would be.
    ///
    /// # Errors
    /// [`Code::AuthScope`]; [`Code::ArtifactDigest`] and, on a host that is alone, [`Code::ReleaseNotFound`] if a
    /// release is damaged, since what it needs is not known then; what keeps the disk from being read.
    pub async fn collect(&self, caller: &Caller, request: CollectRequest) -> Result<Collected> {
        caller.require(Scope::Owner)?;
        self.require_ready()?;
        let runtime = self.clone();
        // What has begun to remove files has the lock until it is done, whoever goes away.
        let collecting = tokio::spawn(async move { runtime.collect_now(request.dry_run).await });
        collecting.await.map_err(Error::internal)?
    }

    async fn collect_now(&self, dry_run: bool) -> Result<Collected> {
        let old = old_dev_builds(self.store.all_releases().await?, self.releases.dev_kept);
        let (mut gone, mut releases) = (HashSet::new(), Vec::new());
        for row in old {
            if self.is_stopping() || releases.len() >= limits::COLLECTED_RELEASES_MAX {
                break;
            }
            let is_gone = match dry_run {
                true => self.store.release_holders(&row.tenant, &row.release).await?.is_empty(),
                false => self.delete_old(&row).await?,
            };
            if is_gone {
                releases.push(format!("{}/{}", row.tenant, row.release));
                gone.insert((row.tenant, row.release));
            }
        }
        let alone = self.placing.write().await;
        let mut rows = self.store.all_releases().await?;
        if dry_run {
            rows.retain(|row| !gone.contains(&(row.tenant.clone(), row.release.clone())));
        }
        // A backup copies blobs whose rows it has read.
        let blobs = if self.backups.any() { Rubbish::default() } else { self.blobs(&rows, dry_run).await? };
        let compiled = self.compiled(&rows, dry_run).await?;
        drop(alone);
        if !dry_run && !releases.is_empty() {
            self.renew_index().await;
        }
        Ok(Collected {
            dry_run,
            releases,
            blobs: blobs.files,
            blob_bytes: blobs.bytes,
            compiled: compiled.files,
            compiled_bytes: compiled.bytes,
        })
    }

    /// Deletes a release unless something needs it; says whether it is gone.
    async fn delete_old(&self, row: &ReleaseDigest) -> Result<bool> {
        match self.store.delete_release(&row.tenant, &row.release, None, Some(RETENTION)).await {
            Ok(_) => Ok(true),
            Err(error) if error.code == Code::ReleaseInUse => Ok(false),
            // Somebody was quicker.
            Err(error) if error.code == Code::ReleaseNotFound => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Starts collecting, now and every few minutes.
    pub(crate) fn keep_collecting(&self) {
        let runtime = self.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(limits::COLLECT_PAUSE);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                if runtime.is_stopping() {
                    return;
                }
                runtime.sweep_forgotten().await;
                match runtime.collect_now(false).await {
                    Ok(Collected { releases, blobs, compiled, .. }) if releases.len() as u64 + blobs + compiled > 0 => {
                        tracing::info!(releases = releases.len(), blobs, compiled, "removed what no release needs");
                    }
                    Ok(_) => {}
                    Err(error) => {
                        tracing::warn!(cause = error.cause_chain(), "what no release needs was not removed: {error}");
                    }
                }
            }
        });
    }

    /// Removes what a dead host left, and writes the index anew. A release whose blobs are
    /// damaged keeps neither the host nor the other releases from serving, and what stays is
    /// only in the way of disk space.
    pub(crate) async fn sweep(&self) -> Result<()> {
        let rows = self.store.all_releases().await?;
        match self.blobs(&rows, false).await {
            Ok(Rubbish { files: 0, .. }) => {}
            Ok(Rubbish { files, .. }) => tracing::info!(files, "removed blobs that no release refers to"),
            Err(error) => tracing::error!(cause = error.cause_chain(), "no blob was removed: {error}"),
        }
        match self.compiled(&rows, false).await {
            Ok(Rubbish { files: 0, .. }) => {}
            Ok(Rubbish { files, .. }) => tracing::info!(files, "removed compiled code that no release uses"),
            Err(error) => tracing::warn!(cause = error.cause_chain(), "compiled code was not swept: {error}"),
        }
        self.renew_index().await;
        Ok(())
    }

    async fn blobs(&self, rows: &[ReleaseDigest], dry_run: bool) -> Result<Rubbish> {
        let keep: HashSet<Digest> = rows.iter().map(|row| row.digest).collect();
        let (layout, holds) = (Arc::clone(&self.layout), self.layout_holds());
        blocking(move || if dry_run { layout.rubbish(&keep, holds) } else { layout.sweep(&keep, holds) }).await
    }

    fn layout_holds(&self) -> Holds {
        if self.is_shared() { Holds::Some } else { Holds::All }
    }

    async fn compiled(&self, rows: &[ReleaseDigest], dry_run: bool) -> Result<Rubbish> {
        // What is loaded may be of a publish that has not come to its row.
        let mut keep = self.components.digests();
        keep.extend(rows.iter().map(|row| row.component));
        let runtime = self.clone();
        let sandbox = move || {
            let sandbox = &runtime.sandbox;
            if dry_run { sandbox.rubbish(&keep) } else { sandbox.sweep(&keep) }
        };
        blocking(sandbox).await
    }

    /// Writes the index anew. It serves other tools; nothing fails because of it.
    pub(crate) async fn renew_index(&self) {
        // Of two at once the one that has read the rows first must not write last.
        let _turn = self.indexing.lock().await;
        match self.write_index().await {
            Ok(left_out) => {
                for release in left_out {
                    tracing::error!(%release, "a release is damaged on disk; publish it again to mend it");
                }
            }
            Err(error) => tracing::warn!(cause = error.cause_chain(), "index.json was not written: {error}"),
        }
    }

    async fn write_index(&self) -> Result<Vec<ReleaseRef>> {
        let rows = self.store.all_releases().await?;
        let (layout, holds) = (Arc::clone(&self.layout), self.layout_holds());
        blocking(move || {
            let entries: Vec<IndexEntry> = rows
                .into_iter()
                .map(|row| IndexEntry { tenant: row.tenant, release: row.release, digest: row.digest })
                .collect();
            layout.write_index(&entries, holds)
        })
        .await
    }
}

/// Builds of `troupe dev` beyond the newest `kept` of each agent, oldest first.
fn old_dev_builds(rows: Vec<ReleaseDigest>, kept: u32) -> Vec<ReleaseDigest> {
    let mut of_agent = BTreeMap::<(TenantId, AgentName), Vec<ReleaseDigest>>::new();
    for row in rows.into_iter().filter(|row| is_dev_build(&row.release.version)) {
        of_agent.entry((row.tenant.clone(), row.release.agent.clone())).or_default().push(row);
    }
    let mut old = Vec::new();
    for mut builds in of_agent.into_values() {
        builds.sort_by(|a, b| (a.published_at, &a.release.version).cmp(&(b.published_at, &b.release.version)));
        let surplus = builds.len().saturating_sub(usize::try_from(kept).unwrap_or(usize::MAX));
        old.extend(builds.into_iter().take(surplus));
    }
    old
}

/// Whether a version is one that `troupe dev` gives: `VERSION-dev.N`.
fn is_dev_build(version: &semver::Version) -> bool {
    version.pre.strip_prefix("dev.").is_some_and(|number| number.parse::<u64>().is_ok())
}

#[cfg(test)]
mod tests {
    use troupe_core::Timestamp;
    use troupe_store::Standing;

    use super::*;

    fn row(agent: &str, version: &str, at: i64) -> ReleaseDigest {
        ReleaseDigest {
            tenant: TenantId::default(),
            release: ReleaseRef { agent: agent.parse().unwrap(), version: version.parse().unwrap() },
            digest: Digest::of(version.as_bytes()),
            component: Digest::of(b"component"),
            published_at: Timestamp::from_millis(at),
            standing: Standing::default(),
        }
    }

    #[test]
    fn of_each_agent_the_newest_dev_builds_are_kept_and_every_proper_release() {
        let rows = vec![
            row("aws", "1.0.0", 1),
            row("aws", "2.0.0-dev.9", 2),
            row("aws", "2.0.0-dev.10", 3),
            row("aws", "1.0.0-dev.1", 4),
            row("aws", "1.0.0-dev.1.x", 0),
            row("aws", "1.0.0-rc.1", 0),
            row("gcp", "1.0.0-dev.1", 0),
            row("gcp", "1.0.0-dev.2", 0),
        ];
        let old: Vec<_> = old_dev_builds(rows.clone(), 2).iter().map(|row| row.release.to_string()).collect();
        assert_eq!(old, ["aws@2.0.0-dev.9"]);
        let old: Vec<_> = old_dev_builds(rows, 1).iter().map(|row| row.release.to_string()).collect();
        assert_eq!(old, ["aws@2.0.0-dev.9", "aws@2.0.0-dev.10", "gcp@1.0.0-dev.1"]);
    }
}
