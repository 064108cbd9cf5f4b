//! Which resource of an estate is meant: tools speak of ARNs, ids and addresses.

use serde::Serialize;
use serde_json::Value;

use crate::classes::{Class, Classes};

/// What stands for the account itself where a fault is its own.
pub const ACCOUNT: &str = "account";

/// A resource that Terraform made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Made {
    /// Its address, such as `module.net.aws_vpc.main[0]`.
    pub address: String,
    /// Its type.
    pub kind: String,
    /// By what others know it: ARN, id, name.
    pub names: Vec<String>,
    /// Every text in its values, by which it names others.
    #[serde(skip)]
    pub says: Vec<String>,
}

/// A finding as a tool tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule, check or policy.
    pub rule: String,
    /// The names of what it is about, the one that is most its own first.
    pub about: Vec<String>,
}

/// Whom a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meant {
    /// A resource of the estate or the account, by its address.
    Made(String),
    /// Something that the estate did not make, by the name that was told.
    Stranger(String),
}

impl Made {
    /// Reads a resource of a state as `terraform show -json` tells it; nothing of what was only read.
    pub fn read(resource: &Value) -> Option<Self> {
        if resource["mode"] != "managed" {
            return None;
        }
        let values = &resource["values"];
        let mut names: Vec<String> = ["arn", "id", "name", "bucket", "identifier", "cluster_identifier", "url"]
            .iter()
            .filter_map(|field| values[*field].as_str())
            .map(str::to_owned)
            .collect();
        // Disks of a machine are its own and no resources of Terraform.
        for disks in ["root_block_device", "ebs_block_device"] {
            let disks = values[disks].as_array().into_iter().flatten();
            names.extend(disks.filter_map(|disk| disk["volume_id"].as_str()).map(str::to_owned));
        }
        names.retain(|name| !name.is_empty());
        let mut says = Vec::new();
        texts(values, &mut says);
        Some(Self {
            address: resource["address"].as_str()?.to_owned(),
            kind: resource["type"].as_str()?.to_owned(),
            names,
            says,
        })
    }

    fn is_called(&self, name: &str) -> bool {
        self.address == name || self.names.iter().any(|own| own == name)
    }

    fn names_one(&self, other: &Self) -> bool {
        other.names.iter().any(|name| self.says.contains(name))
    }
}

/// Every text within a value.
fn texts(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) if !text.is_empty() => into.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
        Value::Object(fields) => fields.values().for_each(|field| texts(field, into)),
        _ => {}
    }
}

/// The classes in which a finding of a tool falls, and whom it is about in each. What is of another type than a class is
/// about falls into it no more than what no class knows.
pub fn placed<'a>(
    classes: &'a Classes,
    tool: &'a str,
    finding: &'a Finding,
    made: &'a [Made],
) -> impl Iterator<Item = (&'a str, Meant)> {
    let classes = classes.of(tool, &finding.rule);
    classes.filter_map(move |(name, class)| Some((name, meant(class, finding, made)?)))
}

/// Whom a finding of a class is about; nothing if that is a resource of another type.
fn meant(class: &Class, finding: &Finding, made: &[Made]) -> Option<Meant> {
    if class.account {
        return Some(Meant::Made(ACCOUNT.to_owned()));
    }
    let is_of = |types: &[String], one: &Made| types.contains(&one.kind);
    let called = |types: &[String]| {
        let named = |name: &String| made.iter().find(|one| is_of(types, one) && one.is_called(name));
        finding.about.iter().find_map(named)
    };
    if let Some(found) = called(&class.resources) {
        return Some(Meant::Made(found.address.clone()));
    }
    // A tool may name the whole that a class's resource is in.
    if let Some(owner) = called(&class.owners) {
        let part = made.iter().find(|one| is_of(&class.resources, one) && one.names_one(owner));
        return part.map(|part| Meant::Made(part.address.clone()));
    }
    let other = finding.about.iter().find_map(|name| made.iter().find(|one| one.is_called(name)));
    match other {
        Some(part) => {
            let is_part = |whole: &str| part.kind.starts_with(&format!("{whole}_")) || class.parts.contains(&part.kind);
            let whole =
                made.iter().find(|one| is_of(&class.resources, one) && is_part(&one.kind) && part.names_one(one));
            whole.map(|whole| Meant::Made(whole.address.clone()))
        }
        None => finding.about.first().cloned().map(Meant::Stranger),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn made() -> Vec<Made> {
        let resource = |address: &str, values: Value| {
            let kind = address.split('.').next().unwrap();
            Made::read(&json!({ "mode": "managed", "address": address, "type": kind, "values": values })).unwrap()
        };
        vec![
            resource("aws_s3_bucket.a", json!({ "id": "bills", "arn": "arn:aws:s3:::bills" })),
            resource("aws_s3_bucket_policy.a", json!({ "id": "bills", "bucket": "bills", "policy": "{}" })),
            resource("aws_vpc.v", json!({ "id": "vpc-1" })),
            resource("aws_default_security_group.v", json!({ "id": "sg-1", "vpc_id": "vpc-1" })),
            resource("aws_instance.m", json!({ "id": "i-1", "root_block_device": [{ "volume_id": "vol-1" }] })),
            resource("aws_lambda_function.f", json!({ "id": "f", "arn": "arn:aws:lambda:r:1:function:f" })),
            resource("aws_lambda_permission.p", json!({ "id": "world", "function_name": "f" })),
        ]
    }

    fn class(text: &str) -> Class {
        toml::from_str(&format!("summary = ''\n{text}")).unwrap()
    }

    fn found(text: &str, about: &[&str]) -> Option<Meant> {
        let about = about.iter().map(|&name| name.to_owned()).collect();
        meant(&class(text), &Finding { rule: "any".to_owned(), about }, &made())
    }

    fn address(text: &str) -> Option<Meant> {
        Some(Meant::Made(text.to_owned()))
    }

    #[test]
    fn a_resource_is_found_by_arn_id_and_address() {
        let buckets = "resources = ['aws_s3_bucket']";
        for name in ["arn:aws:s3:::bills", "bills", "aws_s3_bucket.a"] {
            assert_eq!(found(buckets, &[name]), address("aws_s3_bucket.a"), "{name}");
        }
    }

    #[test]
    fn what_is_said_of_a_part_is_said_of_the_whole() {
        assert_eq!(found("resources = ['aws_s3_bucket']", &["aws_s3_bucket_policy.a"]), address("aws_s3_bucket.a"));
        let functions = "resources = ['aws_lambda_function']\nparts = ['aws_lambda_permission']";
        assert_eq!(found(functions, &["aws_lambda_permission.p"]), address("aws_lambda_function.f"));
        assert_eq!(found("resources = ['aws_ebs_volume', 'aws_instance']", &["vol-1"]), address("aws_instance.m"));
    }

    #[test]
    fn what_is_said_of_the_owner_is_said_of_what_is_in_it() {
        let groups = "resources = ['aws_default_security_group']\nowners = ['aws_vpc']";
        assert_eq!(found(groups, &["aws_vpc.v"]), address("aws_default_security_group.v"));
    }

    #[test]
    fn another_type_is_no_finding_of_the_class_and_what_nobody_made_is_a_stranger() {
        let buckets = "resources = ['aws_s3_bucket']";
        assert_eq!(found(buckets, &["vpc-1"]), None);
        assert_eq!(
            found(buckets, &["arn:aws:s3:::other", "other"]),
            Some(Meant::Stranger("arn:aws:s3:::other".to_owned()))
        );
        assert_eq!(found("resources = []\naccount = true", &["anything"]), address(ACCOUNT));
    }
}
