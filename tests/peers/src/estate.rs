//! The account: Terraform applied to moto.
//!
//! An emulator does not do all that Terraform asks. What cannot be made is told and left out, and everybody looks at what is
//! there. A provider that dies at one resource takes down those that it was about to make, so they are tried once more.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::process::Command;

use crate::args::Asked;
use crate::named::Made;
use crate::process::{self, last_lines, on_path};

/// Where the AWS provider is, for machines that fetch nothing.
const PLUGINS: &str = "TROUPE_TERRAFORM_PLUGINS";

/// The region of an estate that does not say.
const REGION: &str = "us-east-1";

/// Longest that a step takes that asks the account nothing.
const STEP_TIME_MAX: Duration = Duration::from_secs(180);

/// Longest that one attempt at making the estate takes.
const APPLY_TIME_MAX: Duration = Duration::from_secs(420);

/// How often what is not there yet is tried.
const ATTEMPTS: usize = 3;

/// State in a file beside the configuration, wherever the estate's own would be.
const LOCAL_STATE: &str = "terraform {\n  backend \"local\" {}\n}\n";

/// What was made.
#[derive(Debug)]
pub struct Estate {
    /// Where it was taken from.
    pub source: PathBuf,
    /// Its resources.
    pub resources: Vec<Made>,
    /// The region in which most of them lie.
    pub region: String,
    /// The plan as JSON, made before there was anything.
    pub plan: PathBuf,
    /// What could not be made, and why.
    pub failures: Vec<String>,
}

impl Estate {
    /// Makes the estate in the account at `url`, from a copy of its directory.
    ///
    /// # Errors
    /// No terraform, a configuration that it refuses, or nothing that could be made.
    pub async fn make(asked: &Asked, work: &Path, url: &str) -> Result<Self> {
        let terraform = Terraform::new(asked, work, url)?;
        terraform.init().await?;
        terraform.run(&["plan", "-out=plan.out", "-input=false", "-no-color"], STEP_TIME_MAX).await?;
        let plan = terraform.show("plan.json", &["plan.out"]).await?;
        let wanted = planned(&std::fs::read(&plan)?)?;
        let (mut resources, mut failures) = (Vec::new(), Vec::new());
        for attempt in 0..ATTEMPTS {
            let plan: &[&str] = if attempt == 0 { &["plan.out"] } else { &["-auto-approve", "-refresh=false"] };
            let arguments = [["apply", "-input=false", "-no-color"].as_slice(), plan].concat();
            let said = terraform.try_run(&arguments, APPLY_TIME_MAX).await?;
            let state = terraform.show("state.json", &[]).await?;
            let before = resources.len();
            resources = made(&std::fs::read(state)?)?;
            failures = said.map(|said| reasons(&said)).unwrap_or_default();
            // What fails again for its own reasons is not tried for ever.
            let died = failures.iter().any(|reason| reason.contains("did not respond") || reason.contains("cancelled"));
            if resources.len() >= wanted || !died || resources.len() == before {
                break;
            }
        }
        if resources.is_empty() {
            bail!("nothing of {} could be made: {}", asked.estate.display(), failures.join("; "));
        }
        let region = asked.region.clone().unwrap_or_else(|| region_of(&resources));
        Ok(Self { source: asked.estate.clone(), resources, region, plan, failures })
    }
}

/// Terraform in a directory of its own.
struct Terraform {
    program: PathBuf,
    dir: PathBuf,
    url: String,
    region: String,
}

impl Terraform {
    fn new(asked: &Asked, work: &Path, url: &str) -> Result<Self> {
        let program = on_path("terraform", "it makes the account that is compared")?;
        let dir = work.join("estate");
        copy(&asked.estate, &dir)?;
        std::fs::write(dir.join("peers_override.tf"), LOCAL_STATE)?;
        let region = asked.region.clone().unwrap_or_else(|| REGION.to_owned());
        Ok(Self { program, dir, url: url.to_owned(), region })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = process::command(&self.program, &self.dir);
        // `init` may fetch the provider, and asks nothing of an account.
        if arguments.first() != Some(&"init") {
            process::in_account(&mut command, &self.url, &self.region);
        }
        // What the emulator fails at it fails at again.
        command.args(arguments).env("AWS_MAX_ATTEMPTS", "2").env("TF_IN_AUTOMATION", "1");
        let configured = std::env::var_os("TF_CLI_CONFIG_FILE");
        if configured.is_some_and(|file| !Path::new(&file).exists()) {
            command.env_remove("TF_CLI_CONFIG_FILE");
        }
        command
    }

    async fn init(&self) -> Result<()> {
        let plugins = plugins().map(|dir| format!("-plugin-dir={}", dir.display()));
        let mut arguments = vec!["init", "-input=false", "-no-color", "-reconfigure"];
        arguments.extend(plugins.as_deref());
        let done = self.run(&arguments, STEP_TIME_MAX).await;
        done.with_context(|| {
            format!("terraform finds no provider; {PLUGINS} names the directory with one, if it is not fetched")
        })
    }

    async fn run(&self, arguments: &[&str], time: Duration) -> Result<()> {
        process::run_well(self.command(arguments), &self.dir.join("said.log"), time).await
    }

    /// Runs it; returns what it said if it failed.
    async fn try_run(&self, arguments: &[&str], time: Duration) -> Result<Option<String>> {
        let said = self.dir.join("said.log");
        let status = process::run(self.command(arguments), &said, time).await?;
        Ok(if status.success() { None } else { Some(String::from_utf8_lossy(&std::fs::read(&said)?).into_owned()) })
    }

    /// Writes a plan, or what there is, as JSON.
    async fn show(&self, file: &str, arguments: &[&str]) -> Result<PathBuf> {
        let path = self.dir.join(file);
        let mut command = self.command(&[&["show", "-json"], arguments].concat());
        let (out, said) = (std::fs::File::create(&path)?, self.dir.join("said.log"));
        let status = command.stdout(out).stderr(std::fs::File::create(&said)?).kill_on_drop(true).status().await?;
        if !status.success() {
            bail!("`terraform show` failed ({status}); it said last:\n{}", last_lines(&said));
        }
        Ok(path)
    }
}

/// The directory with the provider, if there is one on this machine.
fn plugins() -> Option<PathBuf> {
    let named = std::env::var_os(PLUGINS).map(PathBuf::from);
    let home = std::env::home_dir().unwrap_or_default();
    let beside = [troupe_tests::root(), home, PathBuf::from("/opt")].map(|dir| dir.join("tf-plugins"));
    named.into_iter().chain(beside).find(|dir| dir.is_dir())
}

/// Copies the configuration, without what an earlier use of it left.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let entries =
        std::fs::read_dir(from).with_context(|| format!("{} is no directory of Terraform", from.display()))?;
    std::fs::create_dir_all(to)?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        if text.starts_with(".terraform") || text.contains(".tfstate") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to.join(&name))?;
        } else {
            std::fs::copy(entry.path(), to.join(&name))?;
        }
    }
    Ok(())
}

/// How many resources a plan makes.
fn planned(plan: &[u8]) -> Result<usize> {
    let plan: Value = serde_json::from_slice(plan)?;
    let changes = plan["resource_changes"].as_array().into_iter().flatten();
    Ok(changes.filter(|change| change["change"]["actions"][0] == "create").count())
}

/// The resources of a state, those of modules too.
fn made(state: &[u8]) -> Result<Vec<Made>> {
    let state: Value = serde_json::from_slice(state)?;
    let mut modules = vec![&state["values"]["root_module"]];
    let mut found = Vec::new();
    while let Some(module) = modules.pop() {
        found.extend(module["resources"].as_array().into_iter().flatten().filter_map(Made::read));
        modules.extend(module["child_modules"].as_array().into_iter().flatten());
    }
    Ok(found)
}

/// Why what could not be made was not made: each error of Terraform's in one line.
fn reasons(said: &str) -> Vec<String> {
    let plain = said.replace(['│', '╷', '╵'], "");
    let mut reasons: Vec<String> = Vec::new();
    for line in plain.lines().map(str::trim) {
        if let Some(reason) = line.strip_prefix("Error: ") {
            reasons.push(reason.to_owned());
        } else if let (Some(address), Some(last)) = (line.strip_prefix("with "), reasons.last_mut()) {
            *last = format!("{}: {last}", address.trim_end_matches(','));
        }
    }
    reasons
}

/// The region that stands in most ARNs.
fn region_of(resources: &[Made]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let arns = resources.iter().flat_map(|one| &one.names).filter(|name| name.starts_with("arn:"));
    for region in arns.filter_map(|arn| arn.split(':').nth(3)).filter(|region| !region.is_empty()) {
        *counts.entry(region).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, count)| *count).map_or(REGION, |(region, _)| region).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_of_modules_are_found_and_data_are_not() {
        let state = serde_json::json!({ "values": { "root_module": {
            "resources": [
                { "mode": "managed", "address": "aws_vpc.a", "type": "aws_vpc", "values": { "id": "vpc-1", "arn": "arn:aws:ec2:eu-west-1:1:vpc/vpc-1" } },
                { "mode": "data", "address": "data.aws_region.r", "type": "aws_region", "values": { "id": "r" } },
            ],
            "child_modules": [{ "resources": [
                { "mode": "managed", "address": "module.m.aws_vpc.b", "type": "aws_vpc", "values": { "id": "vpc-2" } },
            ] }],
        } } });
        let found = made(state.to_string().as_bytes()).unwrap();
        let addresses: Vec<&str> = found.iter().map(|one| one.address.as_str()).collect();
        assert_eq!(addresses, ["aws_vpc.a", "module.m.aws_vpc.b"]);
        assert_eq!(region_of(&found), "eu-west-1");
        assert_eq!(region_of(&[]), REGION);
    }

    #[test]
    fn errors_of_terraform_are_told_in_a_line_each() {
        let said = "╷\n│ Error: creating Redshift Cluster (w): waiting\n│ \n│   with aws_redshift_cluster.w,\n│   on d.tf line 3:\n╵\n\
                    Error: Request cancelled\n\n  with aws_sqs_queue.q,\n";
        assert_eq!(
            reasons(said),
            ["aws_redshift_cluster.w: creating Redshift Cluster (w): waiting", "aws_sqs_queue.q: Request cancelled"]
        );
    }

    #[test]
    fn what_an_earlier_use_left_is_not_copied() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for name in ["a.tf", "terraform.tfstate", ".terraform.lock.hcl"] {
            std::fs::write(from.path().join(name), "").unwrap();
        }
        std::fs::create_dir(from.path().join("net")).unwrap();
        std::fs::write(from.path().join("net/b.tf"), "").unwrap();
        copy(from.path(), &to.path().join("x")).unwrap();
        let mut names: Vec<_> =
            std::fs::read_dir(to.path().join("x")).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["a.tf", "net"]);
        assert!(to.path().join("x/net/b.tf").exists());
    }
}
