//! Prowler: every check of the services that the classes of the estate are of, in one region.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::process::Command;

use super::left;
use crate::classes::{Class, Classes};
use crate::estate::Estate;
use crate::named::Finding;

/// How its file is named.
const FILE: &str = "found";

/// The services whose checks are run: those that the names of the classes' checks begin with.
pub fn services(estate: &Estate, classes: &Classes) -> BTreeSet<String> {
    let is_there =
        |class: &&Class| class.account || estate.resources.iter().any(|one| class.resources.contains(&one.kind));
    let checks = classes.0.values().filter(is_there).flat_map(|class| &class.prowler);
    checks.filter_map(|check| check.split('_').next()).map(str::to_owned).collect()
}

/// What it is asked.
pub fn arguments(command: &mut Command, estate: &Estate, classes: &Classes, dir: &Path) {
    command
        .args([
            "aws",
            "--no-banner",
            "--ignore-exit-code-3",
            "--region",
            &estate.region,
            "--output-formats",
            "json-ocsf",
        ])
        .args(["--log-level", "CRITICAL", "--output-filename", FILE, "--output-directory"])
        .arg(dir)
        .arg("--services")
        .args(services(estate, classes));
}

/// What it found.
pub fn findings(dir: &Path) -> Result<Vec<Finding>> {
    read(&left(&dir.join(format!("{FILE}.ocsf.json")))?)
}

fn read(found: &Value) -> Result<Vec<Finding>> {
    let rows = found.as_array().context("its findings are no list")?;
    let failed = rows.iter().filter(|row| row["status_code"] == "FAIL");
    Ok(failed
        .filter_map(|row| {
            let resource = &row["resources"][0];
            let about = [&resource["uid"], &resource["name"]].into_iter().filter_map(Value::as_str);
            Some(Finding {
                rule: row["metadata"]["event_code"].as_str()?.to_owned(),
                about: about.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_failed_is_read_and_what_passed_is_not() {
        let row = |status: &str, uid: &str| {
            json!({
                "status_code": status, "metadata": { "event_code": "s3_bucket_object_versioning" },
                "resources": [{ "uid": uid, "name": "bills", "region": "us-east-1" }],
            })
        };
        let found = read(&json!([row("FAIL", "arn:aws:s3:::bills"), row("PASS", "arn:aws:s3:::other")])).unwrap();
        let about = vec!["arn:aws:s3:::bills".to_owned(), "bills".to_owned()];
        assert_eq!(found, [Finding { rule: "s3_bucket_object_versioning".to_owned(), about }]);
    }
}
