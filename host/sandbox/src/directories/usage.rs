//! What a directory holds, and may hold.

use std::time::Duration;

use cap_fs_ext::DirExt as _;
use cap_std::fs::{Dir, MetadataExt as _, ReadDir};
use troupe_core::{Timestamp, limits};

use super::directory::{Directory, modified_ms, too_many};
use super::fault::Fault;
use super::path::TEMPORARY;

/// How old an unfinished file is when nobody writes it any more, where another host may write
/// as well. A write of the largest file takes seconds, also on a slow disk.
pub(super) const UNFINISHED_TIME_MAX: Duration = Duration::from_secs(10 * 60);

/// What may be held.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quota {
    /// Bytes of the files together.
    pub(crate) bytes: u64,
    /// Files and directories.
    pub(crate) files: u64,
}

/// What is held.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) bytes: u64,
    pub(super) files: u64,
}

impl Usage {
    /// Checks that the directory may come to hold `next`. One that is over a quota made
    /// smaller can still shrink.
    pub(super) fn admit(self, next: Self, quota: Quota) -> Result<(), Fault> {
        let full = |maximum: u64, what: String| {
            Fault::Full(maximum, format!("the directory is full: it may hold {what}; delete some or ask for more"))
        };
        if next.files > self.files && next.files > quota.files {
            return Err(full(quota.files, format!("{} files", quota.files)));
        }
        if next.bytes > self.bytes && next.bytes > quota.bytes {
            return Err(full(quota.bytes, limits::bytes(quota.bytes)));
        }
        Ok(())
    }
}

impl Directory {
    /// Counts what is there, and removes what a host that died left unfinished. What is being
    /// written is its writer's to count.
    pub(super) fn count(&self) -> Result<Usage, Fault> {
        let device = self.root.dir_metadata()?.dev();
        let mut usage = Usage::default();
        let mut open: Vec<(Dir, ReadDir)> = vec![opened(self.root.try_clone()?)?];
        while let Some((dir, entries)) = open.last_mut() {
            let Some(entry) = entries.next() else {
                open.pop();
                continue;
            };
            let name = entry?.file_name();
            let Ok(found) = dir.symlink_metadata(&name) else { continue };
            if found.is_file() && name.to_str().is_some_and(|name| name.starts_with(TEMPORARY)) {
                let age = self.clock.now().since(Timestamp::from_millis(modified_ms(&found)));
                if age >= self.unfinished_time {
                    dir.remove_file(&name)?;
                }
                continue;
            }
            usage.files += 1;
            if usage.files > limits::FILES_SEEN_MAX {
                return Err(too_many());
            }
            if found.is_file() {
                usage.bytes = usage.bytes.saturating_add(found.len());
            }
            // What is deeper than any path reaches is not the agent's.
            if found.is_dir()
                && found.dev() == device
                && open.len() < limits::FILES_DEPTH_MAX
                && let Some((dir, _)) = open.last()
            {
                let below = dir.open_dir_nofollow(&name)?;
                open.push(opened(below)?);
            }
        }
        Ok(usage)
    }
}

fn opened(dir: Dir) -> Result<(Dir, ReadDir), Fault> {
    let entries = dir.entries()?;
    Ok((dir, entries))
}
