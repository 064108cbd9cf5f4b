//! What a component finds when it links: all of our interfaces, the parts of WASI 0.2 that
//! carry no authority, and `wasi:http`, whose requests pass the gate. Everything is always
//! there and the gate decides per call, so one linked component serves every deployment of
//! it.
//!
//! Every call of a guest is counted: ours where they are made, the stock ones where they
//! ask for what they work on.
//!
//! Absent on purpose: `wasi:filesystem` (but for the list of preopened directories,
//! which is empty, so that opening a file fails as an ordinary error) and
//! `wasi:sockets`. A component that names them links, and traps when it calls them.

use troupe_core::{Error, Result};
use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker, Resource};
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::p2::bindings::{cli, clocks, random};
use wasmtime_wasi::random::{WasiRandom, WasiRandomView as _};
use wasmtime_wasi_http::p2::bindings::http;
use wasmtime_wasi_http::{WasiHttp, WasiHttpView as _};
use wasmtime_wasi_io::bindings::wasi::io;

use crate::context::Context;
use crate::stubs::Absent;
use crate::{bindings, capabilities};

/// Makes the linker that every component is linked by.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<Context>> {
    let mut linker = Linker::new(engine);
    add(&mut linker).map_err(Error::internal)?;
    Ok(linker)
}

fn add(l: &mut Linker<Context>) -> wasmtime::Result<()> {
    io::poll::add_to_linker::<_, HasSelf<Context>>(l, |c| c)?;
    io::error::add_to_linker::<_, HasSelf<Context>>(l, |c| c)?;
    io::streams::add_to_linker::<_, HasSelf<Context>>(l, |c| c)?;

    http::types::add_to_linker::<_, WasiHttp>(l, &http::types::LinkOptions::default(), |c| c.counted().http())?;
    http::outgoing_handler::add_to_linker::<_, WasiHttp>(l, |c| c.counted().http())?;
    capabilities::http::shadow(l)?;

    clocks::wall_clock::add_to_linker::<_, HasSelf<Context>>(l, |c| c)?;
    clocks::monotonic_clock::add_to_linker::<_, HasSelf<Context>>(l, |c| c)?;
    random::random::add_to_linker::<_, WasiRandom>(l, |c| c.counted().random())?;
    random::insecure::add_to_linker::<_, WasiRandom>(l, |c| c.counted().random())?;
    random::insecure_seed::add_to_linker::<_, WasiRandom>(l, |c| c.counted().random())?;
    cli::exit::add_to_linker::<_, WasiCli>(l, |c| c.counted().cli())?;
    cli::environment::add_to_linker::<_, WasiCli>(l, |c| c.counted().cli())?;
    cli::stdin::add_to_linker::<_, WasiCli>(l, |c| c.counted().cli())?;
    cli::stdout::add_to_linker::<_, WasiCli>(l, |c| c.counted().cli())?;
    cli::stderr::add_to_linker::<_, WasiCli>(l, |c| c.counted().cli())?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(l, |c| c.counted().cli())?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(l, |c| c.counted().cli())?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, |c| c.counted().cli())?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, |c| c.counted().cli())?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, |c| c.counted().cli())?;

    // wasi-libc asks for preopened directories on the first file call.
    let mut preopens = l.instance("wasi:filesystem/preopens@0.2.0")?;
    preopens.func_wrap("get-directories", |_, (): ()| Ok((Vec::<(Resource<Absent>, String)>::new(),)))?;

    bindings::troupe::agent::invocation::add_to_linker::<_, HasSelf<Context>>(l, |c| c)?;
    bindings::troupe::agent::log::add_to_linker::<_, HasSelf<Context>>(l, |c| c)?;
    bindings::troupe::agent::progress::add_to_linker::<_, HasSelf<Context>>(l, |c| c)?;
    bindings::troupe::agent::secrets::add_to_linker::<_, HasSelf<Context>>(l, |c| c)?;
    bindings::troupe::agent::state::add_to_linker::<_, HasSelf<Context>>(l, |c| c)?;
    bindings::troupe::agent::instance_state::add_to_linker::<_, HasSelf<Context>>(l, |c| c)?;
    bindings::troupe::agent::files::add_to_linker::<_, HasSelf<Context>>(l, |c| c)?;
    bindings::troupe::agent::locks::add_to_linker::<_, HasSelf<Context>>(l, |c| c)?;
    bindings::troupe::agent::agents::add_to_linker::<_, HasSelf<Context>>(l, |c| c)?;
    bindings::troupe::agent::approvals::add_to_linker::<_, HasSelf<Context>>(l, |c| c)?;
    bindings::troupe::agent::events::add_to_linker::<_, HasSelf<Context>>(l, |c| c)?;
    bindings::troupe::agent::artifacts::add_to_linker::<_, HasSelf<Context>>(l, |c| c)?;
    Ok(())
}
