//! Words that go by another carrier than the database: this host's commits said there, and those of others heard.

use std::sync::Arc;

use tokio::sync::broadcast;
use troupe_bus::{Bus, BusAddress, Heard};
use troupe_core::Result;
use troupe_store::{PASSED, Words};

use crate::Runtime;

impl Runtime {
    /// Has a bus carry words, if there is one, for as long as the host works.
    ///
    /// # Errors
    /// When the store is unavailable. A bus that is away is no error.
    pub(crate) async fn keep_bus(&self, address: Option<BusAddress>) -> Result<()> {
        let Some(address) = address.filter(|_| self.store.is_shared()) else { return Ok(()) };
        let name = self.store.database_name(&self.owner).await?;
        // Whoever listens to the database alone is told by looking.
        self.store.is_carried();
        let bus = Arc::new(Bus::connect(address, &name));
        self.hosts.bus.get_or_init(|| Arc::clone(&bus));
        let (runtime, mut said) = (self.clone(), self.store.said());
        tokio::spawn(async move {
            while !runtime.is_stopping() || runtime.workers.count() > 0 {
                tokio::select! {
                    words = said.recv() => match words {
                        Ok(words) => bus.say(words.to_string()),
                        Err(broadcast::error::RecvError::Lagged(_)) => {
                            bus.say(Words { from: runtime.owner.clone(), ..Words::anything() }.to_string());
                        }
                        Err(broadcast::error::RecvError::Closed) => return,
                    },
                    heard = bus.hear() => match heard {
                        Some(Heard::Words(text)) if text.starts_with(PASSED) => runtime.store.pass_on(text),
                        Some(Heard::Words(text)) => {
                            // Whatever anybody may say there, it makes nobody do more than look.
                            if let Some(words) = Words::parse(&text).filter(|words| words.from != runtime.owner) {
                                runtime.store.hear(words);
                            }
                        }
                        Some(Heard::Gap) => runtime.store.hear(Words::anything()),
                        None => return,
                    },
                    () = tokio::time::sleep(troupe_core::limits::LEASE_RENEWAL) => {}
                }
            }
        });
        Ok(())
    }
}
