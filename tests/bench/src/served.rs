//! The reference of P2: `wasmtime serve`, which makes an instance of a component for each request,
//! put together from the same parts as that program, since it is no library.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Config, Enabled, Engine, PoolingAllocationConfig, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::host::Failure;
use crate::through::Through;

/// How the reference keeps memory between requests.
#[derive(Debug, Clone, Copy)]
pub enum Pool {
    /// As `wasmtime serve` does when it is told nothing.
    AsItShips,
    /// `-O pooling-pagemap-scan=y,pooling-memory-keep-resident=262144,pooling-table-keep-resident=65536,
    /// pooling-async-stack-keep-resident=32768`.
    Tuned,
}

struct Data {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    through: Through,
}

impl WasiView for Data {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Data {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.through }
    }
}

/// Serves a component of the `wasi:http/proxy` world until the process ends; returns where.
pub async fn start(component: &[u8], pool: Pool) -> Result<SocketAddr, Failure> {
    let mut pooling = PoolingAllocationConfig::new();
    if matches!(pool, Pool::Tuned) {
        pooling
            .pagemap_scan(Enabled::Auto)
            .linear_memory_keep_resident(262_144)
            .table_keep_resident(65_536)
            .async_stack_keep_resident(32_768);
    }
    let mut config = Config::new();
    config.wasm_component_model(true).allocation_strategy(pooling);
    let engine = Engine::new(&config)?;
    let mut linker = Linker::<Data>::new(&engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    let component = Component::new(&engine, component)?;
    let pre = Arc::new(ProxyPre::new(linker.instantiate_pre(&component)?)?);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let pre = Arc::clone(&pre);
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                let service = service_fn(|request| answer(Arc::clone(&pre), request));
                http1::Builder::new().keep_alive(true).serve_connection(TokioIo::new(stream), service).await
            });
        }
    });
    Ok(address)
}

async fn answer(pre: Arc<ProxyPre<Data>>, request: Request<Incoming>) -> wasmtime::Result<Response<HyperOutgoingBody>> {
    let data = Data {
        table: ResourceTable::new(),
        wasi: WasiCtx::builder().build(),
        http: WasiHttpCtx::new(),
        through: Through::Stub(Bytes::new()),
    };
    let mut store = Store::new(pre.engine(), data);
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let request = store.data_mut().http().new_incoming_request(Scheme::Http, request)?;
    let out = store.data_mut().http().new_response_outparam(sender)?;
    let handling = tokio::spawn(async move {
        let proxy = pre.instantiate_async(&mut store).await?;
        proxy.wasi_http_incoming_handler().call_handle(store, request, out).await
    });
    match receiver.await {
        Ok(answer) => Ok(answer?),
        Err(_) => match handling.await {
            Ok(Ok(())) => Err(wasmtime::Error::msg("the guest gave no answer")),
            Ok(Err(error)) => Err(error),
            Err(error) => Err(error.into()),
        },
    }
}
