//! What is watched here and happens elsewhere.
//!
//! Whoever watches a task or a group at this host is told what another host does with it: the feed says which
//! have changed, and each is read anew. What a guest says while it runs comes another way (`said.rs`).

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};

use troupe_core::view::FeedEvent;
use troupe_core::{Result, TenantId, limits};
use troupe_store::Words;

use super::Hosts;
use crate::Runtime;
use crate::tasks::view_of;

impl Hosts {
    fn seen(&self) -> MutexGuard<'_, HashMap<TenantId, u64>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runtime {
    /// Tells those who wait here of feeds that have grown.
    pub(super) async fn hear_feeds(&self, words: &Words, is_tick: bool) -> Result<()> {
        if !is_tick && !words.all_feeds {
            if self.watches_anything() {
                for tenant in &words.feeds {
                    self.hear_feed(tenant).await?;
                }
            }
            return Ok(());
        }
        let heads = self.store.feed_heads().await?;
        let is_first = self.hosts.seen().is_empty();
        let grown: Vec<(TenantId, u64)> = {
            let seen = self.hosts.seen();
            heads.into_iter().filter(|(tenant, head)| seen.get(tenant).is_none_or(|seen| seen < head)).collect()
        };
        // Words may be lost; what has moved without an event is looked at as well, where others may have moved it.
        let are_others = !self.hosts.others.load().is_empty();
        let feeds = grown.iter().map(|(tenant, _)| tenant.clone()).collect();
        self.store.nudge(&Words { feeds, locks: are_others, bus: are_others, ..Words::default() });
        for (tenant, head) in grown {
            if self.watches_anything() && !is_first {
                self.hear_feed(&tenant).await?;
            }
            self.hosts.seen().insert(tenant, head);
        }
        Ok(())
    }

    fn watches_anything(&self) -> bool {
        self.watchers.any() || self.groups.any_watched()
    }

    /// Looks through what has happened in a tenant for what is watched here.
    async fn hear_feed(&self, tenant: &TenantId) -> Result<()> {
        loop {
            let after = self.hosts.seen().get(tenant).copied().unwrap_or(0);
            let events = self.store.feed(tenant, after, limits::HEARD_EVENTS_AT_ONCE).await?;
            let Some(last) = events.last().map(|event| event.seq) else { return Ok(()) };
            for event in &events {
                self.hear_event(tenant, event).await?;
            }
            self.hosts.seen().insert(tenant.clone(), last);
        }
    }

    async fn hear_event(&self, tenant: &TenantId, event: &FeedEvent) -> Result<()> {
        match event.subject.split_once('/') {
            Some(("task", id)) => {
                let Ok(id) = id.parse() else { return Ok(()) };
                if !self.watchers.is_watched(id) && !self.groups.any_watched() {
                    return Ok(());
                }
                let Some(row) = self.store.task(tenant, id).await? else { return Ok(()) };
                if row.status.is_final() {
                    self.watchers.end(id, || view_of(&row));
                } else {
                    self.watchers.stands(id, || view_of(&row));
                }
                if let Some(member) = &row.group {
                    self.groups.changed(member.group);
                }
            }
            Some(("group", id)) => {
                if let Ok(id) = id.parse() {
                    self.groups.changed(id);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
