//! What all requests of one invocation may hold together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes out of a bounded sum; given back when dropped.
#[derive(Debug)]
pub(crate) struct Share {
    sum: Arc<AtomicU64>,
    most: u64,
    bytes: u64,
}

impl Share {
    pub(super) fn of(sum: &Arc<AtomicU64>, most: usize) -> Self {
        Self { sum: Arc::clone(sum), most: most as u64, bytes: 0 }
    }

    /// Adds bytes; tells whether the sum is still within its bound.
    pub(super) fn add(&mut self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        self.bytes = self.bytes.saturating_add(bytes);
        self.sum.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes) <= self.most
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.sum.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
