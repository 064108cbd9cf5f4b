//! `troupe releases`: what is said of releases, and their end.

use std::process::ExitCode;

use troupe_core::view::{AgentDetail, CollectRequest, Collected, DeprecateRequest, ReleaseView, YankRequest};
use troupe_core::{Code, Error, ReleaseRef, Result, limits};

use crate::args::{Args, Releases, ReleasesVerb};
use crate::client::{Client, segment};
use crate::human::table;
use crate::output;

pub(crate) async fn run(args: &Args, command: &Releases) -> Result<ExitCode> {
    let client = Client::new(args)?;
    let verb = match (&command.verb, &command.agent) {
        (Some(verb), _) => verb,
        (None, Some(agent)) => return list(args, &client, agent).await,
        (None, None) => return Err(Error::new(Code::RequestInvalid, "name an agent, as in `troupe releases aws`")),
    };
    let (release, said): (ReleaseView, &str) = match verb {
        ReleasesVerb::List { agent } => return list(args, &client, agent).await,
        ReleasesVerb::Gc { dry_run } => return collect(args, &client, *dry_run).await,
        ReleasesVerb::Deprecate { release, message } => {
            let request = DeprecateRequest { message: message.clone() };
            (client.post(&format!("{}/deprecate", path(release)?), &request).await?, "is deprecated")
        }
        ReleasesVerb::Undeprecate { release } => {
            (client.post(&format!("{}/undeprecate", path(release)?), &()).await?, "is not deprecated")
        }
        ReleasesVerb::Yank { release, reason } => {
            let request = YankRequest { reason: reason.clone() };
            let said = "is yanked: nothing begins to use it, what serves goes on";
            (client.post(&format!("{}/yank", path(release)?), &request).await?, said)
        }
        ReleasesVerb::Unyank { release } => {
            (client.post(&format!("{}/unyank", path(release)?), &()).await?, "is not yanked")
        }
        ReleasesVerb::Delete { release } => (client.delete(&path(release)?).await?, "is deleted"),
    };
    output::answer(args.json, &release, |release| format!("{} {said}", release.name()))?;
    Ok(ExitCode::SUCCESS)
}

/// Where a release is.
fn path(release: &str) -> Result<String> {
    let ReleaseRef { agent, version } = release.parse()?;
    Ok(format!("/api/v1/agents/{agent}/versions/{}", segment(&version.to_string())))
}

async fn list(args: &Args, client: &Client, agent: &str) -> Result<ExitCode> {
    let path = format!("/api/v1/agents/{}", segment(agent));
    let releases: Vec<ReleaseView> = client.all(&format!("{path}/versions"), &[]).await?;
    let detail: AgentDetail = client.get(&path).await?;
    output::answer(args.json, &releases, |releases| table_of(releases, detail.summary.serving.as_ref()))?;
    Ok(ExitCode::SUCCESS)
}

/// A table of releases, and below it what is said of them.
pub(super) fn table_of(releases: &[ReleaseView], serving: Option<&semver::Version>) -> String {
    let row = |release: &ReleaseView| {
        let mut marks: Vec<String> = Vec::new();
        marks.extend((serving == Some(&release.version)).then(|| "serving".to_owned()));
        marks.extend(release.channels.iter().map(ToString::to_string));
        marks.extend(release.deprecated.as_ref().map(|_| "deprecated".to_owned()));
        marks.extend(release.yanked.as_ref().map(|_| "yanked".to_owned()));
        let marks = marks.join(", ");
        vec![release.version.to_string(), release.published_at.to_string(), marks, release.digest.to_string()]
    };
    let rows: Vec<_> = releases.iter().map(row).collect();
    let mut out = table(&["version", "published", "", "digest"], &rows);
    let notices: Vec<String> = releases.iter().flat_map(notices).collect();
    if !notices.is_empty() {
        out.push_str(&format!("\n{}\n", notices.join("\n")));
    }
    out
}

/// What is said of a release that whoever uses it should know, a sentence each.
fn notices(release: &ReleaseView) -> Vec<String> {
    let said = |notice: &Option<troupe_core::view::Notice>, what: &str| {
        notice.as_ref().map(|notice| {
            let words = notice.message.as_ref().map(|words| format!(": {}", crate::human::escaped(words)));
            format!("{} is {what}{}", release.name(), words.unwrap_or_default())
        })
    };
    said(&release.deprecated, "deprecated").into_iter().chain(said(&release.yanked, "yanked")).collect()
}

/// Warns whoever has just made a release serve of what is said of it.
pub(super) async fn warn(client: &Client, agent: &str, version: &semver::Version) {
    let path = format!("/api/v1/agents/{}/versions/{}", segment(agent), segment(&version.to_string()));
    // It serves, whether or not this can be told.
    if let Ok(release) = client.get::<ReleaseView>(&path).await {
        for notice in notices(&release) {
            output::note(&format!("warning: {notice}"));
        }
    }
}

async fn collect(args: &Args, client: &Client, dry_run: bool) -> Result<ExitCode> {
    let collected: Collected = client.post("/api/v1/releases/gc", &CollectRequest { dry_run }).await?;
    output::answer(args.json, &collected, |collected| {
        let done = if collected.dry_run { "would be removed" } else { "removed" };
        let mut out = format!(
            "{done}: {} dev builds, {} blobs ({}), {} files of compiled code ({})\n",
            collected.releases.len(),
            collected.blobs,
            limits::bytes(collected.blob_bytes),
            collected.compiled,
            limits::bytes(collected.compiled_bytes),
        );
        for release in &collected.releases {
            out.push_str(&format!("  {release}\n"));
        }
        out
    })?;
    Ok(ExitCode::SUCCESS)
}
