//! The sandbox: where agents run.
//!
//! *Holds:* the engine, the compiled cache, the linker, the gate and the capabilities,
//! and the ports through which they reach the rest of the host.
//! *Never holds:* SQL, HTTP doors, tenants' policies; no other crate knows wasmtime.
//! *Start at:* [`Sandbox`], then `gate.rs` for what a guest may ask.
//! *Tested by:* `tests/http/` here and `tests/suites/sandbox/`, with the guests of
//! `tests/guests/`.

mod artifacts;
mod authentic;
mod cache;
mod capabilities;
mod clean;
mod clock;
mod component;
mod compute;
mod context;
mod deadline;
mod directories;
mod egress;
mod engine;
mod gate;
mod injected;
mod invocation;
mod limiter;
mod linker;
mod log;
mod outcome;
mod poll;
mod port;
mod sandbox;
mod seeds;
mod shape;
mod stdio;
mod stop;
mod streams;
mod stubs;
mod suspend;
mod turns;
mod world;

pub use artifacts::{Artifacts, Coming, Draft, Fetching, Keeping, Sweeping, Synced};
pub use authentic::CacheKey;
pub use component::Agent;
pub use directories::{AgentDirectories, Directories};
pub use egress::{Credentials, Egress, NoCredentials, Origin, Post, Posted};
pub use gate::{
    AgentsAnswer, AgentsCall, Answer, ApprovalEnd, ApprovalsAnswer, ApprovalsCall, ArtifactsAnswer, ArtifactsCall,
    Budgets, Call, Content, Decisions, Entry, EventsAnswer, EventsCall, FileItem, FilePiece, FileStat, FilesAnswer,
    FilesCall, Grounds, Header, HttpAnswer, HttpBody, HttpCall, HttpFailure, JournalRow, LiveGrants, LocksAnswer,
    LocksCall, MadeCall, Matched, Matching, Parts, PartsRequest, Question, Record, RecordedCall, Recording,
    SecretsAnswer, SecretsCall, Source, StateAnswer, StateCall, Then, Way, check_grants, redacted_answer,
    redacted_call,
};
pub use invocation::{Facts, Invocation, Outcome, Usage};
pub use port::{
    ApprovalAsk, ApprovalStands, Ask, Ledger, LogLevel, LogOrigin, LogRecord, NewArtifact, NoLedger, Observer, Publish,
    StateChange, StateOutcome, StateWrite,
};
pub use sandbox::{Sandbox, SandboxConfig};
pub use stop::{Stop, StopReason};

/// The bindings that `wasmtime` generates from our contract.
mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "agent",
        imports: {
            "troupe:agent/secrets": async | trappable,
            "troupe:agent/state": async | trappable,
            "troupe:agent/instance-state": async | trappable,
            "troupe:agent/files": async | trappable,
            "troupe:agent/locks": async | trappable,
            "troupe:agent/agents": async | trappable,
            "troupe:agent/approvals": async | trappable,
            "troupe:agent/events": async | trappable,
            "troupe:agent/artifacts": async | trappable,
            default: trappable,
        },
        with: {
            "wasi:io/poll": wasmtime_wasi_io::bindings::wasi::io::poll,
            "troupe:agent/locks.lock": crate::capabilities::locks::Lock,
            "troupe:agent/locks.waiter": crate::capabilities::locks::Waiter,
            "troupe:agent/agents.child": crate::capabilities::agents::Child,
            "troupe:agent/approvals.approval": crate::capabilities::approvals::Approval,
            "troupe:agent/artifacts.writer": crate::gate::Writing,
        },
        exports: { default: async },
        require_store_data_send: true,
    });
}

/// The bindings of what an agent exports besides, if it answers in its own words.
mod conversing {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "conversing",
        with: { "troupe:agent/types": crate::bindings::troupe::agent::types },
        exports: { default: async },
        require_store_data_send: true,
    });
}

/// The bindings of what an agent exports besides, if it brings state from one form to another.
mod migrating {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "migrating",
        with: { "troupe:agent/types": crate::bindings::troupe::agent::types },
        exports: { default: async },
        require_store_data_send: true,
    });
}
