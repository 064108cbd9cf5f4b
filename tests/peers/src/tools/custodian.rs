//! Cloud Custodian: the policies of `custodian.yml`, which do nothing to what they find.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::process::Command;

use super::left;
use crate::estate::Estate;
use crate::named::Finding;

/// What it is asked.
pub fn arguments(command: &mut Command, estate: &Estate, dir: &Path) -> Result<()> {
    let out = dir.join("out");
    std::fs::create_dir_all(&out)?;
    command.args(["run", "--dryrun", "--cache-period", "0", "--region", &estate.region, "--output-dir"]).arg(out);
    command.arg(troupe_tests::root().join("tests/peers/custodian.yml"));
    Ok(())
}

/// What it found, and which of its policies failed: a directory for each policy, with what it found if it ran to its end.
pub fn findings(dir: &Path) -> Result<(Vec<Finding>, Vec<String>)> {
    let policies = std::fs::read_dir(dir.join("out")).context("it left nothing")?;
    let (mut findings, mut failed) = (Vec::new(), Vec::new());
    for policy in policies {
        let policy = policy?;
        let name = policy.file_name().to_string_lossy().into_owned();
        let resources = policy.path().join("resources.json");
        if resources.exists() {
            findings.extend(read(&name, &left(&resources)?));
        } else {
            failed.push(name);
        }
    }
    Ok((findings, failed))
}

/// Its resources are what AWS tells, so a name stands under another key in each: whatever is a text of the first level may
/// be one, those that look most like one first.
fn read(policy: &str, resources: &Value) -> Vec<Finding> {
    let resources = resources.as_array().into_iter().flatten();
    let about = |resource: &Value| {
        let fields = resource.as_object().into_iter().flatten();
        let mut names: Vec<(bool, String)> = fields
            .filter_map(|(key, value)| Some((key, value.as_str()?)))
            .filter(|(_, text)| !text.is_empty())
            .map(|(key, text)| (!key.to_lowercase().ends_with("arn"), text.to_owned()))
            .collect();
        names.sort_by_key(|(later, _)| *later);
        names.into_iter().map(|(_, name)| name).collect()
    };
    resources.map(|resource| Finding { rule: policy.to_owned(), about: about(resource) }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arns_are_taken_for_names_before_other_texts() {
        let found =
            read("kms-rotation", &json!([{ "KeyId": "k-1", "KeyArn": "arn:aws:kms:r:1:key/k-1", "Enabled": true }]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].about, ["arn:aws:kms:r:1:key/k-1", "k-1"]);
    }
}
