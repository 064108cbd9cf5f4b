//! Seeing swaps: one, those of an agent, and one while it goes on.

use std::time::Duration;

use tokio::sync::watch;
use troupe_core::view::{Page, StreamEnd, StreamEndReason, SwapPhase, SwapView};
use troupe_core::{Caller, Result, Scope, SwapId, limits};
use troupe_store::{SwapRow, swap_not_found};

use super::live::view;
use crate::Runtime;
use crate::streams::{STATE_DIGITS, not_of_this_stream, state};
use crate::tasks::{Reader, Wait};

/// What a stream of a swap tells.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SwapEvent {
    /// The swap as it stands.
    Swap(Box<SwapView>),
    /// Nothing more comes.
    End(StreamEnd),
}

/// The states of one swap, from now to its end. Each is told whole, so that only the newest counts,
/// and whoever goes on after one is not told the same again.
#[derive(Debug)]
pub struct SwapEvents {
    first: Option<SwapView>,
    going: Option<watch::Receiver<SwapView>>,
    /// What was told last; empty if nothing was.
    told: String,
    /// What `end` is yet to say.
    ending: Option<StreamEndReason>,
    reader: Reader,
    counted: Option<Wait>,
}

impl SwapEvents {
    /// The next state, or the same with more that was seen of its releases; the last is `End`,
    /// after which there is nothing.
    pub async fn next(&mut self) -> Option<SwapEvent> {
        loop {
            let view = match self.first.take() {
                Some(first) => Ok(first),
                None => match self.changed().await {
                    Some(changed) => changed,
                    None => return self.end(),
                },
            };
            match view {
                Ok(view) => {
                    if view.state.phase == SwapPhase::Ended {
                        self.leave(StreamEndReason::Done);
                    }
                    if self.note(&view) {
                        return Some(SwapEvent::Swap(Box::new(view)));
                    }
                }
                Err(why) => self.leave(why),
            }
        }
    }

    /// Whether whoever comes back has been told everything.
    pub const fn is_over(&self) -> bool {
        self.first.is_none() && self.going.is_none()
    }

    /// Where a reader goes on who has read every event so far: the id of the last.
    pub fn position(&self) -> &str {
        &self.told
    }

    /// What changed, or why nothing will; nothing once that was said.
    async fn changed(&mut self) -> Option<Result<SwapView, StreamEndReason>> {
        let (going, counted) = (self.going.as_mut()?, self.counted.as_ref());
        let closed = async {
            match counted {
                Some(counted) => counted.closed().await,
                None => std::future::pending().await,
            }
        };
        Some(tokio::select! {
            biased;
            () = self.reader.refused() => Err(StreamEndReason::Refused),
            changed = going.changed() => match changed {
                Ok(()) => Ok(going.borrow_and_update().clone()),
                // Whoever drives it has stopped before its end.
                Err(_) => Err(StreamEndReason::HostStopping),
            },
            () = closed => Err(StreamEndReason::HostStopping),
        })
    }

    /// Notes what is told; false if just that was told last.
    fn note(&mut self, view: &SwapView) -> bool {
        let state = state(view);
        let is_new = self.told != state;
        self.told = state;
        is_new
    }

    fn leave(&mut self, why: StreamEndReason) {
        self.going = None;
        self.ending = Some(why);
    }

    fn end(&mut self) -> Option<SwapEvent> {
        let reason = self.ending.take()?;
        let resume = (reason != StreamEndReason::Done).then(|| self.told.clone());
        Some(SwapEvent::End(StreamEnd { reason, resume }))
    }
}

impl Runtime {
    /// One swap.
    ///
    /// # Errors
    /// [`troupe_core::Code::SwapNotFound`].
    pub async fn swap_view(&self, caller: &Caller, agent: &str, id: SwapId) -> Result<SwapView> {
        caller.require(Scope::Read)?;
        let row = self.swap_of(caller, agent, id).await?;
        let going = self.swaps.watch(&caller.tenant, id).map(|going| going.borrow().clone());
        Ok(going.unwrap_or_else(|| view(&row)))
    }

    /// An agent's swaps, newest first.
    ///
    /// # Errors
    /// [`troupe_core::Code::DeploymentNotFound`].
    pub async fn swaps(
        &self,
        caller: &Caller,
        agent: &str,
        after: Option<SwapId>,
        limit: Option<u32>,
    ) -> Result<Page<SwapView>> {
        caller.require(Scope::Read)?;
        let name = self.deployment_row(caller, agent).await?.agent;
        let limit = limit.unwrap_or(limits::PAGE_DEFAULT).clamp(1, limits::PAGE_MAX);
        let rows = self.store.swaps(&caller.tenant, &name, after, limit).await?;
        let is_full = rows.len() == usize::try_from(limit).unwrap_or(usize::MAX);
        let next = rows.last().filter(|_| is_full).map(|row| row.id.to_string());
        Ok(Page { items: rows.iter().map(view).collect(), next })
    }

    /// Watches a swap: its state now, then whatever changes until its end, until the caller is let
    /// in no more, or until the host stops. With the id of an event that was read before, what came
    /// after it.
    ///
    /// # Errors
    /// [`troupe_core::Code::SwapNotFound`]; [`troupe_core::Code::LimitConcurrency`] if too many
    /// wait already; [`troupe_core::Code::RequestInvalid`] for what is no id of an event.
    pub async fn watch_swap(
        &self,
        caller: &Caller,
        agent: &str,
        id: SwapId,
        after: Option<&str>,
    ) -> Result<SwapEvents> {
        caller.require(Scope::Read)?;
        let told = match after {
            Some(after) if after.len() == STATE_DIGITS && after.bytes().all(|b| b.is_ascii_hexdigit()) => {
                after.to_owned()
            }
            Some(_) => return Err(not_of_this_stream()),
            None => String::new(),
        };
        let reader = Reader::new(self, caller);
        // Watching begins before reading, so an end in between is not missed.
        let mut going = self.swaps.watch(&caller.tenant, id);
        let row = self.swap_of(caller, agent, id).await?;
        let counted = going.as_ref().map(|_| self.waits.enter(&caller.tenant)).transpose()?;
        self.check_caller(caller).await?;
        let first = match &mut going {
            Some(going) => going.borrow_and_update().clone(),
            None => view(&row),
        };
        let is_ended = first.state.phase == SwapPhase::Ended;
        let first = (state(&first) != told).then_some(first);
        let ending = (is_ended && first.is_none()).then_some(StreamEndReason::Done);
        if is_ended {
            going = None;
        }
        Ok(SwapEvents { first, going, told, ending, reader, counted })
    }

    /// Waits until it is known what came of a swap, or for the time to pass; returns it as it
    /// then is.
    ///
    /// # Errors
    /// Those of [`Runtime::watch_swap`].
    pub async fn wait_for_swap(&self, caller: &Caller, agent: &str, id: SwapId, wait: Duration) -> Result<SwapView> {
        let mut events = self.watch_swap(caller, agent, id, None).await?;
        let until = tokio::time::Instant::now() + wait.min(limits::WAIT_MAX);
        while let Ok(Some(event)) = tokio::time::timeout_at(until, events.next()).await {
            if let SwapEvent::Swap(view) = event
                && view.state.outcome.is_some()
            {
                return Ok(*view);
            }
        }
        self.check_caller(caller).await?;
        self.swap_view(caller, agent, id).await
    }

    pub(crate) async fn swap_of(&self, caller: &Caller, agent: &str, id: SwapId) -> Result<SwapRow> {
        let row = self.store.swap(&caller.tenant, id).await?;
        row.filter(|row| row.agent.as_str() == agent).ok_or_else(|| swap_not_found(id))
    }
}
