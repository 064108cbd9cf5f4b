//! A host that several tests share, one after the other.
//!
//! It lives for as long as a test uses it or waits for its turn, and starts anew for whoever
//! comes later, or after a test that failed. So no process outlives the tests.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::OwnedMutexGuard;

use crate::Host;

/// Where tests of one file find their host.
#[derive(Debug, Default)]
pub struct Shared(Mutex<Weak<Kept>>);

/// What those who use a host or wait for it hold together.
#[derive(Debug)]
struct Kept {
    host: Arc<tokio::sync::Mutex<Option<Host>>>,
    /// What the host's process is watched on; the tests' own runtimes end with them.
    runtime: Option<Runtime>,
}

/// A test's turn with the host.
#[derive(Debug)]
pub struct Turn {
    host: OwnedMutexGuard<Option<Host>>,
    _kept: Arc<Kept>,
}

impl Shared {
    /// A place for a host that nobody has started.
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    /// Waits for a turn; starts the host by `start` if there is none.
    pub async fn turn<F>(&self, start: impl FnOnce() -> F) -> Turn
    where
        F: Future<Output = Host> + Send + 'static,
    {
        let kept = {
            let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            found.upgrade().unwrap_or_else(|| {
                let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
                let kept = Arc::new(Kept { host: Arc::default(), runtime: Some(runtime) });
                *found = Arc::downgrade(&kept);
                kept
            })
        };
        let mut host = Arc::clone(&kept.host).lock_owned().await;
        if host.is_none() {
            let runtime = kept.runtime.as_ref().expect("a runtime until the end");
            *host = Some(runtime.spawn(start()).await.expect("a host that starts"));
        }
        Turn { host, _kept: kept }
    }
}

impl Deref for Turn {
    type Target = Host;

    fn deref(&self) -> &Host {
        self.host.as_ref().expect("a host until the end of the turn")
    }
}

impl DerefMut for Turn {
    fn deref_mut(&mut self) -> &mut Host {
        self.host.as_mut().expect("a host until the end of the turn")
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Whoever comes next shall not suffer for it.
            self.host.take();
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // Nobody has a turn any more. The process ends before what watches it.
        if let Ok(mut host) = self.host.try_lock() {
            host.take();
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
