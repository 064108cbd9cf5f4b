//! One file for each command.

mod agents;
mod approvals;
mod audit;
mod backup;
mod build;
mod channels;
mod dev;
mod documents;
mod events;
mod grant;
mod groups;
mod hooks;
mod hosts;
mod instances;
mod interrupt;
mod keys;
mod locks;
mod publish;
mod registry;
mod rehearse;
mod release;
mod releases;
mod replay;
mod run;
mod runtime;
mod schedules;
mod serve;
mod sessions;
mod sign;
mod subscriptions;
mod swap;
mod tasks;
mod templates;
mod tenants;
mod trust;
mod undeploy;
mod webhooks;
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
        Command::Pull(command) => registry::pull(&args, command).await,
        Command::Push(command) => registry::push(&args, command).await,
        Command::Keygen(command) => sign::keygen(&args, command),
        Command::Sign(command) => sign::run(&args, command).await,
        Command::Trust(command) => trust::run(&args, command).await,
        Command::Run(command) => run::run(&args, command).await,
        Command::Agents(command) => agents::run(&args, command).await,
        Command::Templates(command) => templates::run(&args, command).await,
        Command::Releases(command) => releases::run(&args, command).await,
        Command::Channels(command) => channels::run(&args, command).await,
        Command::Tasks(command) => tasks::run(&args, command).await,
        Command::Groups(command) => groups::run(&args, command).await,
        Command::Schedules(command) => schedules::run(&args, command).await,
        Command::Events(command) => events::run(&args, command).await,
        Command::Subscriptions(command) => subscriptions::run(&args, command).await,
        Command::Locks(command) => locks::run(&args, command).await,
        Command::Approvals(command) => approvals::run(&args, command).await,
        Command::Instances(command) => instances::run(&args, command).await,
        Command::Runtime(command) => runtime::run(&args, command).await,
        Command::Sessions(command) => sessions::run(&args, command).await,
        Command::Ask(command) => sessions::ask(&args, command).await,
        Command::Suggest(command) => sessions::suggest(&args, command).await,
        Command::Replay(command) => replay::run(&args, command).await,
        Command::Rehearse(command) => rehearse::run(&args, command).await,
        Command::Swap(command) => swap::run(&args, command).await,
        Command::Canary(command) => swap::canary(&args, command).await,
        Command::Promote(command) => swap::promote(&args, command).await,
        Command::Rollback(command) => swap::rollback(&args, command).await,
        Command::Undeploy(command) => undeploy::run(&args, command).await,
        Command::Policy(command) => swap::policy::run(&args, command).await,
        Command::Swaps(command) => swap::swaps(&args, command).await,
        Command::Release(command) => release::run(&args, command).await,
        Command::Tenants(command) => tenants::run(&args, command).await,
        Command::Hosts => hosts::run(&args).await,
        Command::Keys(command) => keys::run(&args, command).await,
        Command::Grant(command) => grant::run(&args, command).await,
        Command::Audit(command) => audit::run(&args, command).await,
        Command::Backup(command) => backup::make(&args, command).await,
        Command::Restore(command) => backup::restore(&args, command).await,
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
