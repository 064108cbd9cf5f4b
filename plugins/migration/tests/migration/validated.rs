//! What other people's programs say of the Terraform: `terraform validate` of AWS's with the real provider, a parser of
//! HCL and Checkov of every cloud's.
//!
//! | needs | else |
//! |---|---|
//! | `terraform` on the path and a folder of providers, `/opt/tf-plugins` or `TROUPE_TF_PLUGINS` | it says so, and checks nothing |
//! | `checkov`, on the path or named by `TROUPE_TEST_CHECKOV`; its Python has `hcl2`, or `TROUPE_HCL_PYTHON` names one that has | the same, but where `TROUPE_REQUIRE_SUITES` is set it fails |

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

/// Checkov's program.
fn checkov() -> Option<PathBuf> {
    let on_path = || {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join("checkov")).find(|program| program.is_file())
    };
    std::env::var_os("TROUPE_TEST_CHECKOV").map(PathBuf::from).or_else(on_path)
}

/// The Python that has `hcl2`: the one that is named, else the one beside Checkov, which brings it.
fn python() -> Option<PathBuf> {
    let beside = || checkov()?.parent().map(|folder| folder.join("python")).filter(|python| python.is_file());
    std::env::var_os("TROUPE_HCL_PYTHON").map(PathBuf::from).or_else(beside)
}

/// Says that a reader is not here, which is no success where everything has to be.
fn left_out(what: &str) {
    use std::io::Write as _;
    assert!(std::env::var_os("TROUPE_REQUIRE_SUITES").is_none(), "{what}, and TROUPE_REQUIRE_SUITES is set");
    // Past the test runner, which keeps what a passing test prints to itself.
    writeln!(std::io::stderr(), "left out: {what}").unwrap();
}

#[test]
fn a_parser_of_hcl_reads_what_is_written_for_every_cloud() {
    let Some(python) = python() else {
        return left_out("Terraform before hcl2: TROUPE_HCL_PYTHON names no Python, and there is none beside checkov");
    };
    for cloud in ["aws", "azure", "gcp"] {
        let folder = folder(cloud, "hcl2");
        let script = "import hcl2, pathlib, sys\nfor path in sorted(pathlib.Path(sys.argv[1]).glob('*.tf')):\n    hcl2.loads(path.read_text())\n";
        ran(Command::new(&python).args(["-c", script]).arg(&folder));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

#[test]
fn checkov_reads_what_is_written_for_every_cloud_and_finds_each_resource() {
    let Some(checkov) = checkov() else {
        return left_out("Terraform before checkov, which neither TROUPE_TEST_CHECKOV names nor the path has");
    };
    for cloud in ["aws", "azure", "gcp"] {
        let folder = folder(cloud, "checkov");
        let output = ran(Command::new(&checkov)
            .args(["--framework", "terraform", "--output", "json", "--soft-fail", "--skip-download", "-d"])
            .arg(&folder));
        let told: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["summary"]["parsing_errors"], 0, "{cloud}: {told:#}");
        let written: usize = std::fs::read_dir(&folder)
            .unwrap()
            .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
            .map(|text| text.lines().filter(|line| line.starts_with("resource \"")).count())
            .sum();
        assert_eq!(told["summary"]["resource_count"], written, "{cloud}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
