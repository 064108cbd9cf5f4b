//! Work that would hold up the async threads.

use troupe_core::{Error, Result, limits};

/// Runs work that blocks on the disk or the processor on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?
}

/// Runs a check of a document of `bytes`: a short one here, a long one on a thread of its
/// own.
pub(crate) async fn checking<T: Send + 'static>(
    bytes: usize,
    check: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    if bytes <= limits::SCHEMA_INLINE_BYTES_MAX { check() } else { blocking(check).await }
}
