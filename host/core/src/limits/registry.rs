//! What bounds the way to and from OCI registries.

use std::time::Duration;

/// Longest that fetching or sending a release may take: 48 MiB at 1 Mbit/s take seven minutes.
pub const REGISTRY_TIME_MAX: Duration = Duration::from_secs(600);

/// Releases on their way from registries and to them at once: each is in memory up to three times,
/// at 40 MiB.
pub const REGISTRY_IMAGES_MAX: usize = 4;
