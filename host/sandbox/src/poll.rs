//! `wasi:io/poll`, ours so that time and order are the host's.
//!
//! A completion reaches a guest only by delivery: each `poll` or `block` delivers
//! exactly one, the oldest of those it waits for, and the guest's clocks move then and
//! only then. That order is all a replay has to repeat.

use wasmtime::Result;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi_io::bindings::wasi::io::poll::{Host, HostPollable};

use crate::context::Context;

impl Host for Context {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> Result<Vec<u32>> {
        self.count()?;
        let handles: Vec<u32> = pollables.iter().map(Resource::rep).collect();
        let now_ready = Host::poll(&mut self.table, pollables).await?;
        for index in now_ready {
            if let Some(handle) = at(&handles, index)
                && !self.ready.contains(&handle)
            {
                self.ready.push(handle);
            }
        }
        let oldest = self.ready.iter().position(|ready| handles.contains(ready));
        let delivered = oldest.map(|position| self.ready.remove(position));
        if let Some(handle) = delivered {
            self.delivered(handle);
            self.gate.relieve().await.map_err(wasmtime::Error::new)?;
        }
        let index = delivered.and_then(|handle| handles.iter().position(|h| *h == handle));
        Ok(index.and_then(|index| u32::try_from(index).ok()).into_iter().collect())
    }
}

fn at(handles: &[u32], index: u32) -> Option<u32> {
    handles.get(usize::try_from(index).ok()?).copied()
}

impl HostPollable for Context {
    async fn ready(&mut self, pollable: Resource<DynPollable>) -> Result<bool> {
        self.count()?;
        let handle = pollable.rep();
        Ok(HostPollable::ready(&mut self.table, pollable).await? && !self.waits_for_answer(handle))
    }

    async fn block(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        self.count()?;
        let handle = pollable.rep();
        HostPollable::block(&mut self.table, pollable).await?;
        self.ready.retain(|ready| *ready != handle);
        self.delivered(handle);
        self.gate.relieve().await.map_err(wasmtime::Error::new)
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> Result<()> {
        let handle = pollable.rep();
        self.ready.retain(|ready| *ready != handle);
        self.forget(handle);
        HostPollable::drop(&mut self.table, pollable)
    }
}
