//! Blobs of releases from one host to another.
//!
//! *The attack:* somebody who is no host reads what tenants publish; or a host is handed other bytes than a
//! release's. *The rule:* only what is shown the secret of this start of this host is handed out, which stands in
//! the database and nowhere else; and whoever is handed a blob holds it against its digest, which the rows say. So
//! who can lie here could write the database. *The default:* nothing.

use std::collections::HashSet;
use std::sync::Arc;

use troupe_core::{Code, Digest, Error, ReleaseRef, Result};
use troupe_store::HostRow;

use crate::Runtime;
use crate::blocking::blocking;

impl Runtime {
    /// A blob for another host, which shows the secret of this one.
    ///
    /// # Errors
    /// [`Code::AuthInvalid`]; [`Code::ReleaseNotFound`] if it is not here.
    pub async fn blob_for_host(&self, secret: &str, digest: &str) -> Result<Vec<u8>> {
        self.check_host(secret)?;
        let digest: Digest = digest.parse()?;
        // Only hosts come as far as this, and each asks for one after another.
        let _turn = self.hosts.handing_out.acquire().await.map_err(Error::internal)?;
        let layout = Arc::clone(&self.layout);
        let read = blocking(move || layout.read_blob(&digest)).await;
        read.map_err(|error| match error.code {
            Code::ArtifactDigest => Error::new(Code::ReleaseNotFound, format!("blob {digest} is not here")),
            _ => error,
        })
    }

    /// Checks that who asks is another host of the database.
    ///
    /// # Errors
    /// [`Code::AuthInvalid`].
    pub(crate) fn check_host(&self, secret: &str) -> Result<()> {
        if Digest::of(secret.as_bytes()) == self.hosts.secret {
            return Ok(());
        }
        Err(Error::new(Code::AuthInvalid, "this is not the secret of this host"))
    }

    /// Has the blobs of a release handed over by the first host that has them all.
    ///
    /// # Errors
    /// When this host's disk does not take them, or the store is unavailable.
    pub(crate) async fn handed_over_by_hosts(&self, release: &ReleaseRef, digest: &Digest) -> Result<bool> {
        let known = self.hosts.others.load_full();
        if self.handed_over_by_one_of(&known, release, digest).await? {
            return Ok(true);
        }
        if !self.store.is_shared() {
            return Ok(false);
        }
        // Whoever published it may have come since the last look, or have been started anew with another secret.
        let come = self.other_hosts().await?.into_iter().filter(|host| known.iter().all(|old| old.owner != host.owner));
        self.handed_over_by_one_of(&come.collect::<Vec<_>>(), release, digest).await
    }

    async fn handed_over_by_one_of(&self, hosts: &[HostRow], release: &ReleaseRef, digest: &Digest) -> Result<bool> {
        for host in hosts {
            match troupe_registry::handed_over(&host.address, &host.secret, digest).await {
                Ok(whole) => {
                    let layout = Arc::clone(&self.layout);
                    blocking(move || layout.put(&whole)).await?;
                    tracing::info!(%release, from = host.address, "a release was handed over");
                    return Ok(true);
                }
                Err(error) => {
                    let (from, cause) = (&host.address, error.cause_chain());
                    tracing::debug!(%release, from, cause, "a release was not handed over: {error}");
                }
            }
        }
        Ok(false)
    }

    /// The other hosts of the database that are not late, as it has them now.
    pub(crate) async fn other_hosts(&self) -> Result<Vec<HostRow>> {
        let (hosts, now) = self.store.hosts().await?;
        Ok(hosts.into_iter().filter(|host| host.owner != self.owner && host.until > now).collect())
    }

    /// Has the blobs of all releases handed over that are published at other hosts and not here yet.
    ///
    /// # Errors
    /// [`Code::ReleaseNotFound`] if no host has them.
    pub(crate) async fn gather_blobs(&self) -> Result<()> {
        if !self.is_shared() {
            return Ok(());
        }
        let layout = Arc::clone(&self.layout);
        let here: HashSet<Digest> = blocking(move || layout.blobs()).await?.into_iter().collect();
        for row in self.store.all_releases().await?.into_iter().filter(|row| !here.contains(&row.digest)) {
            if !self.handed_over_by_hosts(&row.release, &row.digest).await? {
                let message = format!("the blobs of {} are at no host of the database; publish it again", row.release);
                return Err(Error::new(Code::ReleaseNotFound, message));
            }
        }
        Ok(())
    }
}
