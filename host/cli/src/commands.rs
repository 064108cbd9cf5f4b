//! One file for each command.

mod agents;
mod audit;
mod build;
mod dev;
mod grant;
mod keys;
mod publish;
mod replay;
mod run;
mod serve;
mod swap;
mod tasks;
mod tenants;
mod wit;

use std::process::ExitCode;

use troupe_core::Result;

use crate::args::{Args, Command};
use crate::output;

/// Runs a command and says how it ended.
pub(crate) async fn run(args: Args) -> ExitCode {
    let json = args.json;
    let done: Result<ExitCode> = match &args.command {
        Command::Dev(command) => dev::run(&args, command).await,
        Command::Serve(command) => serve::run(&args, command).await,
        Command::Build(command) => build::run(&args, command).await,
        Command::Publish(command) => publish::run(&args, command).await,
        Command::Run(command) => run::run(&args, command).await,
        Command::Agents(command) => agents::run(&args, command).await,
        Command::Tasks(command) => tasks::run(&args, command).await,
        Command::Replay(command) => replay::run(&args, command).await,
        Command::Swap(command) => swap::run(&args, command).await,
        Command::Tenants(command) => tenants::run(&args, command).await,
        Command::Keys(command) => keys::run(&args, command).await,
        Command::Grant(command) => grant::run(&args, command).await,
        Command::Audit(command) => audit::run(&args, command).await,
        Command::Wit(command) => wit::run(&args, command),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            output::log_cause(&error, args.command.is_host());
            output::fail(json, &error)
        }
    }
}
