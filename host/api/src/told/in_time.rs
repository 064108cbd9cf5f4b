//! Telling a client that takes it in time.
//!
//! *The attack:* a client follows what floods, keeps its connection alive and reads none of it: over HTTP/2 it can do
//! that for ever, since the connection as a whole goes on. *The rule:* what is told next waits for its client no longer
//! than [`limits::SOCKET_SEND_TIME_MAX`]; then nothing more is read for it, and its place is given back. *The
//! default:* a client that reads on after that is told so, with where it goes on.

use std::time::Duration;

use futures::{Stream, StreamExt as _, stream};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;
use troupe_core::limits;
use troupe_core::view::StreamEndReason;

use super::Told;

/// What is told, and by whom.
struct Telling {
    told: mpsc::Receiver<Told>,
    /// Returns whether its client was too slow.
    reader: Option<AbortOnDropHandle<bool>>,
    /// Where its client is.
    position: Option<String>,
}

/// What is told, for as long as its client takes it in time.
pub(crate) fn in_time(telling: impl Stream<Item = Told> + Send + 'static) -> impl Stream<Item = Told> + Send + 'static {
    within(limits::SOCKET_SEND_TIME_MAX, telling)
}

fn within(
    time: Duration,
    telling: impl Stream<Item = Told> + Send + 'static,
) -> impl Stream<Item = Told> + Send + 'static {
    let (tell, told) = mpsc::channel(1);
    let counted = Counted::new();
    let read = async move {
        let _counted = counted;
        let mut telling = std::pin::pin!(telling);
        while let Some(one) = telling.next().await {
            match tell.send_timeout(one, time).await {
                Ok(()) => {}
                Err(mpsc::error::SendTimeoutError::Timeout(_)) => return true,
                Err(mpsc::error::SendTimeoutError::Closed(_)) => return false,
            }
        }
        false
    };
    let reader = Some(AbortOnDropHandle::new(tokio::spawn(read.in_current_span())));
    let telling = Telling { told, reader, position: None };
    stream::unfold(telling, |mut telling| async move { Some((telling.next().await?, telling)) })
}

/// A stream that is open, in the metrics.
struct Counted;

impl Counted {
    fn new() -> Self {
        metrics::gauge!("troupe_streams").increment(1);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("troupe_streams").decrement(1);
    }
}

impl Telling {
    async fn next(&mut self) -> Option<Told> {
        if let Some(told) = self.told.recv().await {
            if told.position.is_some() {
                self.position.clone_from(&told.position);
            }
            return Some(told);
        }
        let reason = match self.reader.take()?.await {
            Ok(false) => return None,
            Ok(true) => StreamEndReason::Slow,
            // It failed in the host, whose log has it; what was told stands.
            Err(_) => StreamEndReason::Unavailable,
        };
        Some(Told::end(reason, self.position.take()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::told::END;

    #[tokio::test]
    async fn who_takes_nothing_is_left_and_told_so_with_where_it_goes_on() {
        let held = Arc::new(());
        let place = Arc::clone(&held);
        let flood = stream::unfold((0_u64, place), |(number, place)| async move {
            Some((Told::new("event", Some(number.to_string()), &number), (number + 1, place)))
        });
        let time = Duration::from_millis(200);
        let mut told = std::pin::pin!(within(time, flood));
        assert_eq!(told.next().await.unwrap().position.as_deref(), Some("0"));
        assert_eq!(Arc::strong_count(&held), 2);
        tokio::time::sleep(time * 4).await;
        assert_eq!(Arc::strong_count(&held), 1, "its place is given back while it takes nothing");
        assert_eq!(told.next().await.unwrap().position.as_deref(), Some("1"));
        let end = told.next().await.unwrap();
        assert_eq!((end.name, end.data.get()), (END, r#"{"reason":"slow","resume":"1"}"#));
        assert!(told.next().await.is_none());
    }

    #[tokio::test]
    async fn what_fails_in_the_host_ends_with_a_word_of_it() {
        let told = in_time(stream::once(async { Vec::<Told>::new().pop().expect("a fault in the host") }));
        let told: Vec<_> = told.collect().await;
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].name, told[0].data.get()), (END, r#"{"reason":"unavailable"}"#));
    }

    #[tokio::test]
    async fn what_ends_by_itself_ends_as_it_does() {
        let told = in_time(stream::iter([Told::new(END, None, &())]));
        assert_eq!(told.collect::<Vec<_>>().await.len(), 1);
    }
}
