//! A component that is compiled, checked and linked: what every invocation of it starts
//! from.

use std::sync::atomic::{AtomicU64, Ordering};

use troupe_core::{Code, Error, Result, limits};
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::bindings::AgentPre;
use crate::context::Context;
use crate::conversing::ConversingPre;
use crate::migrating::MigratingPre;
use crate::world::World;
use crate::{shape, stubs, world};

/// A loaded component, ready to be invoked any number of times.
#[derive(Clone)]
pub struct Agent {
    pub(crate) pre: AgentPre<Context>,
    /// What it exports besides if it brings state from one form to another.
    pub(crate) migrating: Option<MigratingPre<Context>>,
    /// The same if it answers in its own words.
    pub(crate) conversing: Option<ConversingPre<Context>>,
    pub(crate) id: AgentId,
}

impl Agent {
    /// Whether it brings state from one form to another.
    pub const fn migrates(&self) -> bool {
        self.migrating.is_some()
    }

    /// Whether it answers in its own words.
    pub const fn converses(&self) -> bool {
        self.conversing.is_some()
    }
}

/// Tells the components of a process apart that it has loaded. Clones of an [`Agent`] have the
/// same, whichever deployments they serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AgentId(u64);

impl AgentId {
    fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// One with this number.
    #[cfg(test)]
    pub(crate) const fn of(number: u64) -> Self {
        Self(number)
    }
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Agent(..)")
    }
}

/// Compiles a component from its binary form.
pub(crate) fn compile(engine: &Engine, wasm: &[u8]) -> Result<Component> {
    if wasm.len() as u64 > limits::COMPONENT_BYTES_MAX {
        return Err(Error::new(
            Code::ArtifactSize,
            format!(
                "the component has {} bytes; the host accepts at most {}",
                wasm.len(),
                limits::bytes(limits::COMPONENT_BYTES_MAX)
            ),
        ));
    }
    // The layer field of the preamble tells a core module (0) from a component (1).
    if wasm.get(..4) == Some(b"\0asm") && wasm.get(6) == Some(&0) {
        return Err(Error::new(
            Code::ArtifactMalformed,
            "this is a core WebAssembly module, not a component; build for `wasm32-wasip2`",
        ));
    }
    shape::check(wasm)?;
    Component::from_binary(engine, wasm).map_err(|error| {
        let text = format!("{error:#}");
        let first: String = text.lines().next().unwrap_or_default().chars().take(300).collect();
        let says = |parts: [&str; 2]| parts.iter().any(|part| text.contains(part));
        // A component that needs what the host switches off is well formed, and still
        // not of our world; so is one that adds up to more than the pool gives.
        let code = if says(["exceeds the configured maximum", "exceeds the limit"]) {
            Code::ArtifactLimits
        } else if says(["feature", "async"]) {
            Code::ArtifactWorld
        } else {
            Code::ArtifactMalformed
        };
        let why = match code {
            Code::ArtifactLimits => "the component adds up to more than the host gives",
            _ => "this is not a component the host can run",
        };
        Error::new(code, format!("{why}: {}", first.escape_default()))
    })
}

/// Checks a compiled component and links it.
pub(crate) fn link(engine: &Engine, linker: &Linker<Context>, component: &Component) -> Result<Agent> {
    let World { migrates, converses } = world::check(engine, component)?;
    let mismatch = |error: wasmtime::Error| {
        let text: String = format!("{error:#}").chars().take(300).collect();
        Error::new(Code::ArtifactWorld, format!("the component does not fit the contract: {}", text.escape_default()))
    };
    let mut linker = linker.clone();
    stubs::define(&mut linker, engine, component).map_err(mismatch)?;
    let pre = linker.instantiate_pre(component).map_err(mismatch)?;
    let migrating = migrates.then(|| MigratingPre::new(pre.clone())).transpose().map_err(mismatch)?;
    let conversing = converses.then(|| ConversingPre::new(pre.clone())).transpose().map_err(mismatch)?;
    Ok(Agent { pre: AgentPre::new(pre).map_err(mismatch)?, migrating, conversing, id: AgentId::next() })
}
