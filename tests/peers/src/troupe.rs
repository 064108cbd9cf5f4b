//! Ours: a host with `aws` and `security`, asked by REST as an operator's own program would.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use troupe_package::Manifest;
use troupe_tests::moto::Moto;
use troupe_tests::{Client, Host, command, plugin, processes, root};

use crate::estate::Estate;
use crate::named::Finding;
use crate::process::{KEY, Took};
use crate::tools::Saw;

/// Longest that an inventory takes, in milliseconds: all that the agent may.
const INVENTORY_TIME_MAX_MS: u64 = 600_000;

/// Longest that a check takes, in milliseconds: all that the agent may.
const CHECK_TIME_MAX_MS: u64 = 300_000;

/// Findings that are answered, and not left as artefacts: all that the agent lets be.
const FINDINGS_MAX: u64 = 5_000;

/// Ticks in a second, as the system counts the time of processes for programs (proc_pid_stat(5)); 100 wherever Linux runs
/// on what hosts run on.
const TICKS_PER_S: f64 = 100.0;

/// The program of the host, which is built beside this one.
fn program() -> Result<PathBuf> {
    let program = std::env::current_exe()?.with_file_name("troupe");
    if !program.exists() {
        bail!("{} is not there; `just peers` builds it", program.display());
    }
    Ok(program)
}

/// Lets the agents look.
///
/// # Errors
/// No host to be started, or a task that does not complete.
pub async fn look(estate: &Estate, moto: &Moto) -> Result<Saw> {
    let program = program()?;
    let program = program.to_str().context("the path of the program is no text")?;
    let mut host = plugin::host(program, "aws")
        .with_usual_memory()
        .with_variable("AWS_ENDPOINT_URL", moto.url())
        .with_variable("AWS_ACCESS_KEY_ID", KEY.0)
        .with_secret("AWS_SECRET_ACCESS_KEY", KEY.1)
        .with_variable("AWS_REGION", &estate.region);
    host.start().await;
    deploy_security(&host, program).await?;
    // Compiled once, when they were published; what is measured is a host that was started since.
    host.stop().await;
    host.start().await;
    let (client, pid) = (host.client(), host.pid());
    let before = processes::ticks(pid).unwrap_or_default();
    let began = Instant::now();
    let input = json!({ "regions": [estate.region] });
    let (task, inventory) = asked(&client, "aws", "inventory", input, INVENTORY_TIME_MAX_MS).await?;
    let inventoried = began.elapsed().as_secs_f64();
    tell_unseen(&inventory);
    let mut input = json!({ "resources": resources(&client, &task, &inventory).await?, "inline_max": FINDINGS_MAX });
    for field in ["errors", "areas"] {
        if let Some(value) = inventory.get(field) {
            input[field] = value.clone();
        }
    }
    let asked_again = Instant::now();
    let (_, checked) = asked(&client, "security", "check", input, CHECK_TIME_MAX_MS).await?;
    let check = asked_again.elapsed().as_secs_f64();
    let ticks = processes::ticks(pid).unwrap_or_default().saturating_sub(before);
    let took = Took {
        wall_s: inventoried + check,
        cpu_s: f64::from(u32::try_from(ticks).unwrap_or(u32::MAX)) / TICKS_PER_S,
        peak_bytes: processes::peak_bytes(pid).context("the system does not tell the host's memory")?,
    };
    host.stop().await;
    Ok(Saw {
        name: "troupe",
        title: "Troupe".to_owned(),
        findings: findings(&checked)?,
        failed: Vec::new(),
        took,
        steps: vec![("inventory".to_owned(), inventoried), ("check".to_owned(), check)],
    })
}

/// Tells a person what the inventory could not look at.
fn tell_unseen(inventory: &Value) {
    for error in inventory["errors"].as_array().into_iter().flatten() {
        let text = |field: &str| error[field].as_str().unwrap_or_default().to_owned();
        let [service, operation, code, message] = ["service", "operation", "code", "message"].map(text);
        eprintln!("peers: not seen by the inventory: {service} {operation}: {code} {message}");
    }
}

/// Builds, publishes and deploys `security`, granted what it asks for.
async fn deploy_security(host: &Host, program: &str) -> Result<()> {
    plugin::build("security");
    let agent = root().join("plugins/security");
    let archive = host.dir().join("security.tar");
    let arguments =
        ["build", agent.to_str().context("no path of text")?, "--output", archive.to_str().context("no path of text")?];
    let said = command::run(program, host.dir(), &arguments).await;
    if said.code != Some(0) {
        bail!("`security` cannot be packed: {}", said.err);
    }
    let manifest = Manifest::parse(&std::fs::read_to_string(agent.join("agent.toml"))?)?;
    let client = host.client();
    client.publish(std::fs::read(archive)?).await.of(201);
    client.swap("security", &manifest.version.to_string()).await.of(200);
    client
        .put("/api/v1/deployments/security/grants", &json!({ "grants": manifest.capabilities.grants() }))
        .await
        .of(200);
    Ok(())
}

/// Asks for a skill and waits for its end; returns the task's id and output.
async fn asked(client: &Client, agent: &str, skill: &str, input: Value, timeout_ms: u64) -> Result<(String, Value)> {
    let task = json!({ "agent": agent, "skill": skill, "input": input, "timeout_ms": timeout_ms });
    let mut task = client.post("/api/v1/tasks?wait=30", &task).await.json();
    loop {
        let id = task["id"].as_str().with_context(|| format!("`{agent}` was not asked: {task}"))?.to_owned();
        match task["status"].as_str() {
            Some("completed") => return Ok((id, task["output"].clone())),
            Some("pending" | "running") => task = client.ended(&id).await,
            _ => bail!("`{skill}` of `{agent}` did not complete: {}", task["failure"]),
        }
    }
}

/// The resources of an inventory, from its answer or from the artefacts that it left in its place.
async fn resources(client: &Client, task: &str, inventory: &Value) -> Result<Vec<Value>> {
    if let Some(resources) = inventory["resources"].as_array() {
        return Ok(resources.clone());
    }
    let mut resources = Vec::new();
    for part in inventory["parts"].as_array().into_iter().flatten() {
        let name = part.as_str().or_else(|| part["name"].as_str()).context("a part has no name")?;
        let answer = client.get(&format!("/api/v1/tasks/{task}/artifacts/{name}")).await;
        for line in answer.text.lines() {
            resources.push(serde_json::from_str(line)?);
        }
    }
    Ok(resources)
}

fn findings(checked: &Value) -> Result<Vec<Finding>> {
    let findings = checked["findings"].as_array().context("the check answered no findings")?;
    let open = findings.iter().filter(|finding| finding["status"] == "fail");
    Ok(open
        .filter_map(|finding| {
            let resource = &finding["resource"];
            let about = ["arn", "id", "name"].iter().filter_map(|field| resource[*field].as_str());
            let rule = finding["rule"].as_str()?.to_owned();
            Some(Finding { rule, about: about.map(str::to_owned).collect() })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_findings_are_read_with_all_names_of_what_they_are_about() {
        let finding = |status: &str| json!({ "rule": "aws.s3.versioning", "status": status, "resource": { "id": "bills", "arn": "arn:aws:s3:::bills" } });
        let found = findings(&json!({ "findings": [finding("fail"), finding("suppressed")] })).unwrap();
        let about = vec!["arn:aws:s3:::bills".to_owned(), "bills".to_owned()];
        assert_eq!(found, [Finding { rule: "aws.s3.versioning".to_owned(), about }]);
    }
}
