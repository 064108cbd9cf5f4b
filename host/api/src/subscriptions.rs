//! What one client follows at once on one connection: on a socket, or in a conversation.
//!
//! Each subscription is read by a task of its own, which waits until its event is taken. Read by the
//! task of the socket they would stand still while that sends or asks, with whatever of the host's
//! they hold just then.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;

use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;
use troupe_core::view::StreamEndReason;
use troupe_core::{Code, Error, Result, limits, shown};

use crate::told::{END, Telling, Told};

/// The subscriptions of a connection, by the ids that its client gave them.
#[derive(Debug)]
pub(crate) struct Subscriptions {
    /// The number of each, and its reader.
    following: HashMap<String, (u64, AbortOnDropHandle<()>)>,
    /// How many there were. By its number what was told of one is known from what is told of a later
    /// one of the same id.
    count: u64,
    tell: mpsc::Sender<(String, u64, Told)>,
    told: mpsc::Receiver<(String, u64, Told)>,
}

impl Subscriptions {
    /// None.
    pub(crate) fn new() -> Self {
        let (tell, told) = mpsc::channel(1);
        Self { following: HashMap::new(), count: 0, tell, told }
    }

    /// Whether a further one may begin.
    ///
    /// # Errors
    /// [`Code::RequestInvalid`] for an id that is too long, or that another has;
    /// [`Code::LimitConcurrency`] if there are too many.
    pub(crate) fn room_for(&self, id: &str) -> Result<()> {
        let most = limits::SOCKET_ID_CHARS_MAX;
        if id.is_empty() || id.chars().count() > most {
            let message = format!("the `id` of a subscription has 1 to {most} characters");
            return Err(Error::new(Code::RequestInvalid, message));
        }
        if self.following.contains_key(id) {
            let message = format!("the subscription `{}` has not ended; choose another `id`", shown(id));
            return Err(Error::new(Code::RequestInvalid, message));
        }
        let most = limits::SOCKET_SUBSCRIPTIONS_MAX;
        if self.following.len() >= most {
            let message = format!("a socket has at most {most} subscriptions; end one, or open another socket");
            return Err(Error::new(Code::LimitConcurrency, message));
        }
        Ok(())
    }

    /// Adds one.
    pub(crate) fn add(&mut self, id: String, mut telling: Telling) {
        self.count += 1;
        let (number, tell, of) = (self.count, self.tell.clone(), id.clone());
        let read = async move {
            loop {
                // It failed in the host, whose log has it; what was told stands.
                let told = AssertUnwindSafe(telling.next()).catch_unwind().await;
                let Some(told) = told.unwrap_or_else(|_| Some(Told::end(StreamEndReason::Unavailable, None))) else {
                    return;
                };
                let is_last = told.name == END;
                if tell.send((of.clone(), number, told)).await.is_err() || is_last {
                    return;
                }
            }
        };
        let reader = AbortOnDropHandle::new(tokio::spawn(read.in_current_span()));
        self.following.insert(id, (number, reader));
    }

    /// Ends one, if it is there.
    pub(crate) fn leave(&mut self, id: &str) {
        self.following.remove(id);
    }

    /// Whether nothing is followed.
    pub(crate) fn is_empty(&self) -> bool {
        self.following.is_empty()
    }

    /// What any of them tells next.
    pub(crate) async fn next(&mut self) -> Option<(String, Told)> {
        loop {
            let (id, number, told) = self.told.recv().await?;
            if self.following.get(&id).is_some_and(|(current, _)| *current == number) {
                if told.name == END {
                    self.following.remove(&id);
                }
                return Some((id, told));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_that_panics_ends_its_own_subscription_and_says_so() {
        let mut subscriptions = Subscriptions::new();
        let breaks = futures::stream::unfold(0, |number| async move {
            assert!(number < 1, "a fault in the host");
            Some((Told::new("event", None, &number), number + 1))
        });
        subscriptions.add("broken".to_owned(), Box::pin(breaks));
        let names = [subscriptions.next().await.unwrap(), subscriptions.next().await.unwrap()];
        assert_eq!(names.each_ref().map(|(id, told)| (id.as_str(), told.name)), [("broken", "event"), ("broken", END)]);
        assert!(names[1].1.data.get().contains("unavailable"), "{:?}", names[1]);
        assert!(subscriptions.is_empty());
        // Its id is free again, and what follows under it is told.
        subscriptions.add("broken".to_owned(), Box::pin(futures::stream::iter([Told::new("event", None, &7)])));
        assert_eq!(subscriptions.next().await.unwrap().1.data.get(), "7");
    }
}
