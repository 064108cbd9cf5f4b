//! `troupe swap`: another release serves.

use std::process::ExitCode;

use troupe_core::view::{SwapRequest, Swapped};
use troupe_core::{ReleaseRef, Result};

use crate::args::{Args, Swap};
use crate::client::Client;
use crate::output;

pub(crate) async fn run(args: &Args, command: &Swap) -> Result<ExitCode> {
    let release: ReleaseRef = command.release.parse()?;
    let path = format!("/api/v1/deployments/{}/swap", release.agent);
    let request = SwapRequest { version: release.version.clone(), epoch: command.epoch };
    let swapped: Swapped = Client::new(args)?.post(&path, &request).await?;
    output::answer(args.json, &swapped, |swapped| {
        let mut text = format!("{release} serves; epoch {}", swapped.deployment.epoch);
        for line in swapped.deployment.grants.lines() {
            text.push_str(&format!("\n  granted {line}"));
        }
        text
    })?;
    Ok(ExitCode::SUCCESS)
}
