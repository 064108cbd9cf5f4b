//! What other people's programs say of the Terraform: `terraform validate` of AWS's with the real provider, a parser of
//! HCL and Checkov of the others'.
//!
//! | needs | else |
//! |---|---|
//! | `terraform` on the path and a folder of providers, `/opt/tf-plugins` or `TROUPE_TF_PLUGINS` | it says so, and checks nothing |
//! | a Python with `python-hcl2` and `checkov`, which `TROUPE_HCL_PYTHON` names | the same |

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::samples::{ask, shop};

/// Writes the files into a folder of its own.
fn folder(cloud: &str, whose: &str) -> PathBuf {
    let name = format!("terraform-{cloud}-{whose}-{}", std::process::id());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let terraform = ask("terraform", &everything(), cloud, json!({}));
    for file in terraform["files"].as_array().unwrap() {
        std::fs::write(folder.join(file["name"].as_str().unwrap()), file["text"].as_str().unwrap()).unwrap();
    }
    folder
}

/// The shop, and one of each class that is written, from another cloud too and in a second region.
fn everything() -> Vec<Value> {
    let mut all = shop();
    let one = |kind: &str, class: &str, id: &str, region: &str, attributes: Value| {
        json!({ "id": id, "type": kind, "class": class, "provider": kind.split('.').next(), "region": region,
            "name": id, "tags": { "owner": "\"${a}\" %{b} \\ \n é" }, "attributes": attributes,
            "relations": [{ "kind": "vpc", "target": "vpc-1" }, { "kind": "subnet", "target": "subnet-1" }] })
    };
    all.extend([
        one("aws.ec2.vpc", "network.vpc", "vpc-west", "us-west-2", json!({ "cidr": "10.9.0.0/16" })),
        one("aws.route53.hosted-zone", "network.dns_zone", "example.com", "global", json!({})),
        one("aws.ec2.address", "network.address", "eip-2", "us-east-1", json!({ "in_use": true })),
        one(
            "aws.ec2.volume",
            "compute.disk",
            "vol-io",
            "us-east-1",
            json!({ "type": "io2", "size_gib": 500, "iops": 4000, "state": "in-use" }),
        ),
        one(
            "aws.ec2.instance",
            "compute.instance",
            "i-win",
            "us-east-1",
            json!({ "instance_type": "m5.large", "platform": "Windows", "state": "running" }),
        ),
        one("aws.efs.file-system", "storage.file_system", "fs-1", "us-east-1", json!({})),
        one(
            "aws.rds.instance",
            "database.relational",
            "my",
            "us-east-1",
            json!({ "engine": "mysql", "engine_version": "8.0.39", "instance_class": "db.r6g.large" }),
        ),
        one(
            "aws.rds.instance",
            "database.relational",
            "ms",
            "us-east-1",
            json!({ "engine": "sqlserver-se", "engine_version": "15.00.4345", "instance_class": "db.m5.xlarge" }),
        ),
        one(
            "aws.elasticache.replication-group",
            "database.cache",
            "cache",
            "us-east-1",
            json!({ "engine": "redis", "engine_version": "7.1", "node_type": "cache.r6g.large" }),
        ),
        one("aws.sns.topic", "messaging.topic", "news", "us-east-1", json!({})),
        one("aws.ecr.repository", "container.registry", "team/app", "us-east-1", json!({})),
        one("aws.eks.cluster", "container.cluster", "prod", "us-east-1", json!({ "version": "1.31" })),
        one("aws.kms.key", "security.key", "key-1", "us-east-1", json!({})),
        one("aws.logs.log-group", "logging.log", "/aws/x", "us-east-1", json!({ "retention_days": 45 })),
        one(
            "gcp.compute.googleapis.com/Instance",
            "compute.instance",
            "//compute/gce-1",
            "us-east4",
            json!({ "machine_type": "e2-medium" }),
        ),
        one(
            "azure.microsoft.network/virtualnetworks",
            "network.vpc",
            "/subscriptions/s/vnet",
            "eastus",
            json!({ "address_space": ["10.5.0.0/16", "10.6.0.0/16"] }),
        ),
    ]);
    all
}

fn ran(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

#[test]
fn terraform_with_the_provider_accepts_what_is_written_for_aws() {
    let plugins = std::env::var_os("TROUPE_TF_PLUGINS").map_or_else(|| PathBuf::from("/opt/tf-plugins"), PathBuf::from);
    if !plugins.is_dir() || Command::new("terraform").arg("version").output().is_err() {
        eprintln!("terraform and its provider of AWS are not here: what is written for AWS is not validated");
        return;
    }
    let folder = folder("aws", "validate");
    let terraform = |arguments: &[&str]| {
        ran(Command::new("terraform").args(arguments).current_dir(&folder).env_remove("TF_CLI_CONFIG_FILE"))
    };
    let from = format!("-plugin-dir={}", plugins.display());
    terraform(&["init", "-backend=false", "-input=false", &from]);
    let output = terraform(&["validate", "-json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["valid"], &told["warning_count"]), (&json!(true), &json!(0)), "{told:#}");
    terraform(&["fmt", "-check", "-diff"]);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn other_readers_read_what_is_written_for_azure_and_google() {
    let Some(python) = std::env::var_os("TROUPE_HCL_PYTHON") else {
        eprintln!(
            "TROUPE_HCL_PYTHON names no Python with python-hcl2: what is written for Azure and Google is read by our reader alone"
        );
        return;
    };
    for cloud in ["aws", "azure", "gcp"] {
        let folder = folder(cloud, "hcl2");
        let script = "import hcl2, pathlib, sys\nfor path in sorted(pathlib.Path(sys.argv[1]).glob('*.tf')):\n    hcl2.loads(path.read_text())\n";
        ran(Command::new(&python).args(["-c", script]).arg(&folder));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
