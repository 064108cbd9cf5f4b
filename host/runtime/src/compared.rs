//! How a release differs from another, remembered for the pairs that were looked at last.
//!
//! A swap asks twice, before its release is loaded and right before it serves, and whoever swaps to
//! and fro asks the same again. A release never changes under its digest, so what was found of two
//! of them holds for good; what was decided about it is read anew each time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use troupe_core::view::ReleaseDelta;
use troupe_core::{Digest, Result, limits};
use troupe_package::Compared;
use troupe_store::ReleaseRow;

use crate::agents;
use crate::blocking::blocking;

/// How a release differs from one that serves, and the digest of all that counts of both.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) changes: ReleaseDelta,
    pub(crate) delta: Digest,
}

/// A release, and what it is held against.
type Pair = (Digest, Option<Digest>);

/// Those that were asked for last, the newest at the front.
type Newest = VecDeque<(Pair, Arc<Difference>)>;

/// The newest differences.
#[derive(Debug, Clone, Default)]
pub(crate) struct Differences(Arc<Mutex<Newest>>);

impl Differences {
    /// How `release` differs from `base`, or from nothing.
    pub(crate) async fn of(&self, base: Option<ReleaseRow>, release: &ReleaseRow) -> Result<Arc<Difference>> {
        let pair = (release.digest, base.as_ref().map(|base| base.digest));
        if let Some(known) = self.known(&pair) {
            return Ok(known);
        }
        let release = release.clone();
        let found = Arc::new(blocking(move || compare(base.as_ref(), &release)).await?);
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        newest.retain(|(other, _)| *other != pair);
        newest.truncate(limits::DIFFERENCES_KEPT_MAX - 1);
        newest.push_front((pair, Arc::clone(&found)));
        Ok(found)
    }

    fn known(&self, pair: &Pair) -> Option<Arc<Difference>> {
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = newest.iter().position(|(other, _)| other == pair)?;
        let (pair, known) = newest.remove(place)?;
        newest.push_front((pair, Arc::clone(&known)));
        Some(known)
    }
}

fn compare(base: Option<&ReleaseRow>, release: &ReleaseRow) -> Result<Difference> {
    let (base, candidate) = (base.map(agents::offer).transpose()?, agents::offer(release)?);
    let base = base.as_ref().map(|(manifest, profile)| Compared { manifest, profile });
    let candidate = Compared { manifest: &candidate.0, profile: &candidate.1 };
    Ok(Difference { changes: troupe_package::compare(base, candidate), delta: troupe_package::delta(base, candidate) })
}
