//! What happens in a session, as it happens: the events of the feed that are about it.

use troupe_core::view::{FeedFilter, StreamEnd, StreamEndReason};
use troupe_core::{Caller, Result, SessionId, TenantId, limits};

use crate::streams::not_of_this_stream;
use crate::{FeedEvents, FeedItem, Runtime};

/// The events of a session. Whoever goes on after the number of the last one that was read misses and
/// repeats nothing. It ends once the session has ended and all that was said in it is answered.
#[derive(Debug)]
pub struct SessionEvents {
    runtime: Runtime,
    tenant: TenantId,
    session: SessionId,
    feed: FeedEvents,
    /// The number of the last event, once there is nothing to come; whether that was told.
    over: Option<(u64, bool)>,
}

impl SessionEvents {
    /// Whether there is nothing to tell.
    pub const fn is_over(&self) -> bool {
        self.over.is_some()
    }

    /// What comes next; the last is `End`, after which there is nothing.
    pub async fn next(&mut self) -> Option<FeedItem> {
        if let Some((last, told)) = &mut self.over {
            if std::mem::replace(told, true) {
                return None;
            }
            let resume = Some(last.to_string());
            return Some(FeedItem::End(StreamEnd { reason: StreamEndReason::Done, resume }));
        }
        let item = self.feed.next().await?;
        if let FeedItem::Event(event) = &item {
            let may_be_last = matches!(event.kind.as_str(), "session.ended" | "session.answered");
            // What cannot be told now is found out when the client comes back.
            if may_be_last && self.runtime.is_last(&self.tenant, self.session, event.seq).await.unwrap_or(false) {
                self.over = Some((event.seq, false));
            }
        }
        Some(item)
    }
}

impl Runtime {
    /// Follows what happens in a session from the number `after` of the feed, or from the id of the last
    /// event that was read.
    ///
    /// # Errors
    /// [`troupe_core::Code::AuthScope`]; [`troupe_core::Code::SessionNotFound`]; those of
    /// [`Runtime::follow_feed`].
    pub async fn follow_session(
        &self,
        caller: &Caller,
        session: SessionId,
        after: u64,
        read: Option<&str>,
    ) -> Result<SessionEvents> {
        let row = self.seen_session(caller, session).await?;
        let after = match read {
            Some(read) => read.parse().map_err(|_| not_of_this_stream())?,
            None => after,
        };
        let over = if row.ended.is_some() && self.is_last(&row.tenant, session, after).await? {
            Some((after, false))
        } else {
            None
        };
        let about = FeedFilter { types: Vec::new(), subjects: vec![format!("session/{session}")] };
        let feed = self.follow_feed(caller, after, None, about).await?;
        let (runtime, tenant) = (self.clone(), row.tenant);
        Ok(SessionEvents { runtime, tenant, session, feed, over })
    }

    /// Whether nothing more comes of a session after an event of the feed: it has ended, all is answered,
    /// and no event after that one is about it.
    async fn is_last(&self, tenant: &TenantId, session: SessionId, event: u64) -> Result<bool> {
        if !self.store.session_is_over(tenant, session).await? {
            return Ok(false);
        }
        let (subject, mut after) = (format!("session/{session}"), event);
        loop {
            let page = self.store.feed(tenant, after, limits::PAGE_MAX).await?;
            let Some(last) = page.last() else { return Ok(true) };
            if page.iter().any(|event| event.subject == subject) {
                return Ok(false);
            }
            after = last.seq;
        }
    }
}
