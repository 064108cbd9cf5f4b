//! `just peers`: the agents `aws` and `security` beside Prowler, Checkov and Cloud Custodian, on one account.
//!
//! The account is moto's, filled from a directory of Terraform. Each tool looks at it as its users let it look; what it
//! says is brought into classes of faults (`classes.toml`) and resources of Terraform, and held against what is really
//! wrong (`truth.toml` in the directory), or, where nobody says that, against what the others say.

mod args;
mod classes;
mod compare;
mod estate;
mod named;
mod process;
mod table;
mod tools;
mod troupe;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};
use troupe_tests::moto::Moto;

use args::Asked;
use classes::{Classes, Truth};
use compare::Comparison;
use estate::Estate;
use tools::{Prepared, Saw};

fn main() -> ExitCode {
    let asked = match args::parse(std::env::args().skip(1)) {
        Ok(Some(asked)) => asked,
        Ok(None) => {
            print!("{}", args::HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => return failed(&error),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(until_interrupted(&asked))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

/// Compares, unless somebody ends it before; what was started ends with it either way, when it is dropped.
async fn until_interrupted(asked: &Asked) -> Result<()> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        done = run(asked) => done,
        _ = interrupt.recv() => anyhow::bail!("interrupted; everything that was started is ended"),
        _ = terminate.recv() => anyhow::bail!("asked to end; everything that was started is ended"),
    }
}

async fn run(asked: &Asked) -> Result<()> {
    let classes = Classes::read(&troupe_tests::root().join("tests/peers/classes.toml"))?;
    let truth = Truth::beside(&asked.estate, &classes)?;
    let work = tempfile::tempdir().context("no temporary directory")?;
    let tools = Prepared::new(asked, work.path()).await?;
    say("moto starts");
    let moto =
        Moto::try_start().await.context("moto_server does not start; install it with `pip install 'moto[server]'`")?;
    say("terraform makes the estate");
    let estate = Estate::make(asked, work.path(), moto.url()).await?;
    for failure in &estate.failures {
        eprintln!("not made: {failure}");
    }
    say(&format!("{} resources are there, in {}", estate.resources.len(), estate.region));
    let saw = look(asked, &tools, &estate, &moto, &classes, work.path()).await?;
    let comparison = Comparison::new(&classes, truth.as_ref(), &estate, saw);
    if asked.json {
        println!("{}", serde_json::to_string_pretty(&table::json(&comparison, &estate))?);
    } else {
        println!("{}", table::markdown(&comparison, &estate));
    }
    if asked.write {
        table::write(&troupe_tests::root().join("docs/peers.md"), &comparison, &estate)?;
    }
    Ok(())
}

/// Lets each tool look, one after the other, so that none is in the way of another.
async fn look(
    asked: &Asked,
    tools: &Prepared,
    estate: &Estate,
    moto: &Moto,
    classes: &Classes,
    work: &Path,
) -> Result<Vec<Saw>> {
    let mut saw = Vec::new();
    say("troupe looks");
    saw.push(troupe::look(estate, moto).await?);
    for tool in &tools.peers {
        say(&format!("{} looks", tool.peer.title()));
        saw.push(tool.look(estate, moto.url(), classes, work).await?);
    }
    if let Some(dir) = &asked.keep {
        std::fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
        for one in &saw {
            let findings = serde_json::to_string_pretty(&one.findings)?;
            std::fs::write(dir.join(format!("{}.json", one.name)), findings)?;
        }
        std::fs::write(dir.join("resources.json"), serde_json::to_string_pretty(&estate.resources)?)?;
    }
    Ok(saw)
}

/// Tells a person who waits how far it is.
fn say(what: &str) {
    eprintln!("peers: {what}");
}
