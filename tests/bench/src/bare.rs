//! The reference of P1, P7 and P10: the same component on the same engine and pool, with a fresh
//! store and instance for each call, a `HashMap` behind the imports, and requests passed
//! through. No gate, no journal, no meters.

use std::collections::HashMap;
use std::sync::Arc;

use wasmtime::component::{Component, HasSelf, Linker, Resource, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::through::Through;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "agent",
        imports: {
            "troupe:agent/state": async | trappable,
            "troupe:agent/instance-state": async | trappable,
            default: trappable,
        },
        with: { "wasi:io/poll": wasmtime_wasi::p2::bindings::io::poll },
        exports: { default: async },
        require_store_data_send: true,
    });
}

use bindings::troupe::agent::{
    agents, approvals, artifacts, events, files, instance_state, invocation, locks, log, progress, secrets, state,
    types,
};

type Map = Arc<HashMap<String, Vec<u8>>>;

struct Data {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    through: Through,
    map: Map,
}

impl WasiHttpView for Data {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.through }
    }
}

impl WasiView for Data {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl invocation::Host for Data {
    fn tenant(&mut self) -> wasmtime::Result<String> {
        Ok("default".to_owned())
    }
    fn session(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
    fn instance(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
    fn user(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(None)
    }
    fn trace(&mut self) -> wasmtime::Result<String> {
        Ok(String::new())
    }
    fn attempt(&mut self) -> wasmtime::Result<u32> {
        Ok(1)
    }
    fn deadline(&mut self) -> wasmtime::Result<u64> {
        Ok(0)
    }
    fn cancelled(&mut self) -> wasmtime::Result<bool> {
        Ok(false)
    }
    fn configuration(&mut self) -> wasmtime::Result<String> {
        Ok("{}".to_owned())
    }
}

impl log::Host for Data {
    fn write(&mut self, _: log::Level, _: String, _: Vec<(String, String)>) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl progress::Host for Data {
    fn report(&mut self, _: Option<f64>, _: String) -> wasmtime::Result<()> {
        Ok(())
    }
    fn partial(&mut self, _: String) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl types::Host for Data {}

type Answered<T> = wasmtime::Result<Result<T, types::CapabilityError>>;

impl secrets::Host for Data {
    fn reference(&mut self, _: String) -> Answered<String> {
        Ok(Ok(String::new()))
    }
}

/// Both key spaces are one map here.
macro_rules! keys {
    ($interface:ident) => {
        impl $interface::Host for Data {
            async fn get(&mut self, key: String) -> Answered<Option<state::Entry>> {
                Ok(Ok(self.map.get(&key).map(|value| state::Entry { value: value.clone(), revision: 1 })))
            }
            async fn fenced(
                &mut self,
                _: state::Fence,
                _: state::Write,
            ) -> wasmtime::Result<Result<state::Written, state::FencedError>> {
                Ok(Ok(state::Written::Revision(1)))
            }
            async fn set(&mut self, _: String, _: Vec<u8>) -> Answered<u64> {
                Ok(Ok(1))
            }
            async fn compare_and_set(&mut self, _: String, _: Option<u64>, _: Vec<u8>) -> Answered<u64> {
                Ok(Ok(1))
            }
            async fn set_with_ttl(&mut self, _: String, _: Vec<u8>, _: u64) -> Answered<u64> {
                Ok(Ok(1))
            }
            async fn compare_and_set_with_ttl(
                &mut self,
                _: String,
                _: Option<u64>,
                _: Vec<u8>,
                _: u64,
            ) -> Answered<u64> {
                Ok(Ok(1))
            }
            async fn increment(&mut self, _: String, delta: i64) -> Answered<i64> {
                Ok(Ok(delta))
            }
            async fn expire(&mut self, _: String, _: Option<u64>) -> Answered<bool> {
                Ok(Ok(false))
            }
            async fn delete(&mut self, _: String) -> Answered<bool> {
                Ok(Ok(false))
            }
            async fn list_keys(&mut self, _: String, _: Option<String>, _: u32) -> Answered<Vec<String>> {
                Ok(Ok(Vec::new()))
            }
        }
    };
}

keys!(state);
keys!(instance_state);

impl files::Host for Data {
    fn read(&mut self, _: String, _: String, _: u64, _: u32) -> Answered<Option<files::Piece>> {
        Ok(Ok(None))
    }
    fn write(&mut self, _: String, _: String, _: Vec<u8>) -> Answered<()> {
        Ok(Ok(()))
    }
    fn stat(&mut self, _: String, _: String) -> Answered<Option<files::Attributes>> {
        Ok(Ok(None))
    }
    fn list_directory(
        &mut self,
        _: String,
        _: String,
        _: Option<String>,
        _: u32,
    ) -> Answered<Option<Vec<files::Item>>> {
        Ok(Ok(None))
    }
    fn delete(&mut self, _: String, _: String) -> Answered<bool> {
        Ok(Ok(false))
    }
}

type Asked<T> = wasmtime::Result<Result<T, agents::AskError>>;

/// No component that is measured asks another agent.
fn no_agents() -> wasmtime::Error {
    wasmtime::Error::msg("there are no other agents here")
}

impl agents::Host for Data {
    fn ask(&mut self, _: String, _: String, _: String, _: String) -> Asked<Resource<agents::Child>> {
        Err(no_agents())
    }
    fn find(&mut self, _: String) -> Asked<Resource<agents::Child>> {
        Err(no_agents())
    }
    fn children(&mut self) -> Asked<String> {
        Err(no_agents())
    }
}

impl agents::HostChild for Data {
    fn id(&mut self, _: Resource<agents::Child>) -> wasmtime::Result<String> {
        Err(no_agents())
    }
    fn subscribe(&mut self, _: Resource<agents::Child>) -> wasmtime::Result<Resource<DynPollable>> {
        Err(no_agents())
    }
    fn get(&mut self, _: Resource<agents::Child>) -> Asked<Option<String>> {
        Err(no_agents())
    }
    fn cancel(&mut self, _: Resource<agents::Child>) -> Asked<()> {
        Err(no_agents())
    }
    fn drop(&mut self, _: Resource<agents::Child>) -> wasmtime::Result<()> {
        Err(no_agents())
    }
}

type Approving<T> = wasmtime::Result<Result<T, approvals::ApprovalError>>;

/// There is nobody to ask.
fn nobody() -> wasmtime::Error {
    wasmtime::Error::msg("there is nobody to ask here")
}

impl approvals::Host for Data {
    fn ask(&mut self, _: String, _: String, _: String) -> Approving<Resource<approvals::Approval>> {
        Err(nobody())
    }
}

impl approvals::HostApproval for Data {
    fn id(&mut self, _: Resource<approvals::Approval>) -> wasmtime::Result<String> {
        Err(nobody())
    }
    fn digest(&mut self, _: Resource<approvals::Approval>) -> wasmtime::Result<String> {
        Err(nobody())
    }
    fn subscribe(&mut self, _: Resource<approvals::Approval>) -> wasmtime::Result<Resource<DynPollable>> {
        Err(nobody())
    }
    fn get(&mut self, _: Resource<approvals::Approval>) -> Approving<Option<String>> {
        Err(nobody())
    }
    fn drop(&mut self, _: Resource<approvals::Approval>) -> wasmtime::Result<()> {
        Err(nobody())
    }
}

impl events::Host for Data {
    /// No component that is measured publishes.
    fn publish(&mut self, _: String, _: String, _: String) -> Answered<u64> {
        Err(wasmtime::Error::msg("nobody listens here"))
    }
}

/// No component that is measured leaves anything.
fn no_artifacts() -> wasmtime::Error {
    wasmtime::Error::msg("there are no artefacts here")
}

impl artifacts::Host for Data {
    fn create(&mut self, _: String, _: String) -> Answered<Resource<artifacts::Writer>> {
        Err(no_artifacts())
    }
}

impl artifacts::HostWriter for Data {
    fn write(&mut self, _: Resource<artifacts::Writer>, _: Vec<u8>) -> Answered<()> {
        Err(no_artifacts())
    }
    fn finish(&mut self, _: Resource<artifacts::Writer>) -> Answered<artifacts::Info> {
        Err(no_artifacts())
    }
    fn drop(&mut self, _: Resource<artifacts::Writer>) -> wasmtime::Result<()> {
        Err(no_artifacts())
    }
}

type Locked<T> = wasmtime::Result<Result<T, locks::LockError>>;

/// No component that is measured asks for a lock.
fn no_locks() -> wasmtime::Error {
    wasmtime::Error::msg("there are no locks here")
}

impl locks::Host for Data {
    fn acquire(&mut self, _: String, _: String) -> Locked<locks::Acquired> {
        Ok(Err(locks::LockError::TimedOut))
    }
}

impl locks::HostLock for Data {
    fn name(&mut self, _: Resource<locks::Lock>) -> wasmtime::Result<String> {
        Err(no_locks())
    }
    fn token(&mut self, _: Resource<locks::Lock>) -> wasmtime::Result<u64> {
        Err(no_locks())
    }
    fn until(&mut self, _: Resource<locks::Lock>) -> wasmtime::Result<u64> {
        Err(no_locks())
    }
    fn renew(&mut self, _: Resource<locks::Lock>, _: Option<u64>) -> Locked<u64> {
        Err(no_locks())
    }
    fn release(&mut self, _: Resource<locks::Lock>) -> Locked<()> {
        Err(no_locks())
    }
    fn drop(&mut self, _: Resource<locks::Lock>) -> wasmtime::Result<()> {
        Err(no_locks())
    }
}

impl locks::HostWaiter for Data {
    fn subscribe(&mut self, _: Resource<locks::Waiter>) -> wasmtime::Result<Resource<DynPollable>> {
        Err(no_locks())
    }
    fn get(&mut self, _: Resource<locks::Waiter>) -> Locked<Option<Resource<locks::Lock>>> {
        Err(no_locks())
    }
    fn drop(&mut self, _: Resource<locks::Waiter>) -> wasmtime::Result<()> {
        Err(no_locks())
    }
}

/// A component linked without Troupe.
pub struct Bare {
    engine: Engine,
    pre: bindings::AgentPre<Data>,
    map: Map,
    through: Through,
}

impl Bare {
    /// Compiles and links a component on an engine.
    pub fn new(engine: &Engine, component: &[u8], map: HashMap<String, Vec<u8>>) -> wasmtime::Result<Self> {
        let component = Component::from_binary(engine, component)?;
        let mut linker = Linker::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
        // One by one: what of WASI our interfaces name is there already.
        invocation::add_to_linker::<_, HasSelf<Data>>(&mut linker, |data| data)?;
        log::add_to_linker::<_, HasSelf<Data>>(&mut linker, |data| data)?;
        progress::add_to_linker::<_, HasSelf<Data>>(&mut linker, |data| data)?;
        secrets::add_to_linker::<_, HasSelf<Data>>(&mut linker, |data| data)?;
        state::add_to_linker::<_, HasSelf<Data>>(&mut linker, |data| data)?;
        instance_state::add_to_linker::<_, HasSelf<Data>>(&mut linker, |data| data)?;
        files::add_to_linker::<_, HasSelf<Data>>(&mut linker, |data| data)?;
        locks::add_to_linker::<_, HasSelf<Data>>(&mut linker, |data| data)?;
        agents::add_to_linker::<_, HasSelf<Data>>(&mut linker, |data| data)?;
        approvals::add_to_linker::<_, HasSelf<Data>>(&mut linker, |data| data)?;
        events::add_to_linker::<_, HasSelf<Data>>(&mut linker, |data| data)?;
        artifacts::add_to_linker::<_, HasSelf<Data>>(&mut linker, |data| data)?;
        let pre = bindings::AgentPre::new(linker.instantiate_pre(&component)?)?;
        Ok(Self { engine: engine.clone(), pre, map: Arc::new(map), through: Through::default() })
    }

    /// The same, with this behind its requests.
    pub fn with(self, through: Through) -> Self {
        Self { through, ..self }
    }

    /// Performs a skill in a fresh instance.
    pub async fn perform(&self, skill: &str, input: &String) -> wasmtime::Result<String> {
        let wasi = WasiCtxBuilder::new().build();
        let data = Data {
            table: ResourceTable::new(),
            wasi,
            http: WasiHttpCtx::new(),
            through: self.through.clone(),
            map: Arc::clone(&self.map),
        };
        let mut store = Store::new(&self.engine, data);
        store.set_epoch_deadline(u64::MAX / 2);
        let instance = self.pre.instantiate_async(&mut store).await?;
        let answer = instance.troupe_agent_skills().call_perform(&mut store, skill, input).await?;
        answer.map_err(|_| wasmtime::Error::msg("the skill failed"))
    }
}
