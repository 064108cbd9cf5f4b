//! Checkov: the plan, before anything was made.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;
use tokio::process::Command;

use super::left;
use crate::estate::Estate;
use crate::named::Finding;

/// What it is asked.
pub fn arguments(command: &mut Command, estate: &Estate, dir: &Path) {
    command.args(["--quiet", "--compact", "--skip-download", "--output", "json", "--file"]).arg(&estate.plan);
    command.arg("--output-file-path").arg(dir);
}

/// What it found.
pub fn findings(dir: &Path) -> Result<Vec<Finding>> {
    Ok(read(&left(&dir.join("results_json.json"))?))
}

/// One report, or a list of them where several of its frameworks know the file.
fn read(reports: &Value) -> Vec<Finding> {
    let reports = reports.as_array().map_or_else(|| std::slice::from_ref(reports), Vec::as_slice);
    let failed = reports.iter().flat_map(|report| report["results"]["failed_checks"].as_array().into_iter().flatten());
    failed
        .filter_map(|check| {
            let address = check["resource_address"].as_str().or_else(|| check["resource"].as_str())?;
            Some(Finding { rule: check["check_id"].as_str()?.to_owned(), about: vec![address.to_owned()] })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_report_is_read_as_a_list_of_them_is() {
        let check = json!({ "check_id": "CKV_AWS_21", "resource": "aws_s3_bucket.a", "resource_address": "module.m.aws_s3_bucket.a" });
        let report = json!({ "check_type": "terraform_plan", "results": { "failed_checks": [check] } });
        let about = vec!["module.m.aws_s3_bucket.a".to_owned()];
        let expected = [Finding { rule: "CKV_AWS_21".to_owned(), about }];
        assert_eq!(read(&report), expected);
        assert_eq!(read(&json!([report, { "check_type": "secrets", "results": { "failed_checks": [] } }])), expected);
    }
}
