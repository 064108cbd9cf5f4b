//! The `troupe` command: the one place that chooses backends and puts the house together.
//!
//! *Holds:* arguments, commands, the client of the REST API, composition of a host,
//! building agents, what a person reads on a terminal.
//! *Never holds:* rules of the runtime: every command but `build`, `wit`, `keygen`, `dev`
//! and `serve` is a client of the API.
//! *Start at:* `args.rs` for the commands, `host.rs` for how a host is put together.
//! *Tested by:* `tests/suites/cli/`.

mod args;
mod ask;
mod build;
mod client;
mod commands;
mod credentials;
mod data_dir;
mod events;
mod host;
mod human;
mod output;
mod signing;
mod time;

use std::process::ExitCode;

use clap::Parser as _;

/// The hidden command that looks inside components in a process of its own.
pub(crate) const ADMISSION_COMMAND: &str = "admission-child";

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    // The child holds nothing and needs no runtime, log or arguments.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == ADMISSION_COMMAND) {
        return troupe_runtime::admission::child_main();
    }
    troupe_egress::install_tls();
    let args = args::Args::parse();
    output::start_log(args.command.is_host());
    // Guests that compute have as many turns as there are cores; with as many threads again,
    // whatever else becomes ready is never behind them.
    let threads = 2 * std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let error = troupe_core::Error::internal(error);
            output::log_cause(&error, args.command.is_host());
            return output::fail(args.json, &error);
        }
    };
    let code = runtime.block_on(commands::run(args));
    // What blocks in the background must not keep a finished command from ending.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    code
}
