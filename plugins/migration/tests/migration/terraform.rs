//! `terraform`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::hcl::{Block, blocks};
use crate::samples::{ask, shop};

fn of<'a>(all: &'a [Block], kind: &str) -> Vec<&'a Block> {
    all.iter().filter(|block| block.kind == "resource" && block.labels[0] == kind).collect()
}

#[test]
fn resources_are_written_closed_encrypted_and_related() {
    let terraform = ask("terraform", &shop(), "gcp", json!({}));
    let all = blocks(&terraform);
    let network = of(&all, "google_compute_network")[0];
    let subnet = of(&all, "google_compute_subnetwork")[0];
    assert_eq!(
        subnet.attributes["network"],
        json!({ "$": format!("google_compute_network.{}.id", network.labels[1]) })
    );
    assert_eq!(
        (&subnet.attributes["ip_cidr_range"], &subnet.attributes["region"]),
        (&json!("10.0.1.0/24"), &json!("us-east4"))
    );
    let machine = of(&all, "google_compute_instance")[0];
    assert_eq!(machine.attributes["machine_type"], "e2-standard-2");
    assert_eq!(machine.attributes["labels"]["app"], "shop");
    let rules = of(&all, "google_compute_firewall");
    let web = rules.iter().filter(|rule| rule.attributes["target_tags"] == machine.attributes["tags"]).count();
    assert_eq!(web, 4, "HTTPS by IPv4 and by IPv6, SSH, and everything out");
    let database = of(&all, "google_sql_database_instance")[0];
    assert_eq!(database.attributes["database_version"], "POSTGRES_16");
    let access = database.blocks[0].blocks.iter().find(|block| block.kind == "ip_configuration").unwrap();
    assert_eq!(access.attributes["ipv4_enabled"], false);
    assert_eq!(of(&all, "google_storage_bucket")[0].attributes["public_access_prevention"], "enforced");

    let azure = blocks(&ask("terraform", &shop(), "azure", json!({})));
    let group =
        of(&azure, "azurerm_network_security_group").into_iter().find(|group| !group.blocks.is_empty()).unwrap();
    let priorities: BTreeSet<String> =
        group.blocks.iter().map(|rule| rule.attributes["priority"].to_string()).collect();
    assert_eq!(priorities.len(), group.blocks.len());
    assert_eq!(of(&azure, "azurerm_postgresql_flexible_server")[0].attributes["version"], "16");

    let aws = blocks(&ask("terraform", &shop(), "aws", json!({})));
    assert_eq!(of(&aws, "aws_vpc_security_group_ingress_rule").len(), 4);
    assert_eq!(of(&aws, "aws_db_instance")[0].attributes["storage_encrypted"], true);
    // A disk from which a machine starts comes with its image; another is attached where it was.
    assert_eq!(of(&aws, "aws_ebs_volume").len(), 1);
    let device = aws.iter().find(|block| block.kind == "variable" && block.labels[0].starts_with("device_")).unwrap();
    assert_eq!(device.attributes["default"], "/dev/sdh");
}

#[test]
fn there_are_no_secrets_and_what_is_not_known_is_asked() {
    let mut resources = shop();
    let web = resources.iter_mut().find(|resource| resource["id"] == "i-web").unwrap();
    web["tags"]["db-password"] = json!("hunter2hunter2");
    web["attributes"]["user_data"] = json!("export TOKEN=hunter2hunter2");
    for cloud in ["aws", "azure", "gcp"] {
        let terraform = ask("terraform", &resources, cloud, json!({}));
        assert!(!terraform.to_string().contains("hunter2hunter2"), "{cloud}");
        let left: Vec<&str> =
            terraform["by_hand"].as_array().unwrap().iter().map(|row| row["why"].as_str().unwrap()).collect();
        assert!(left.iter().any(|why| why.contains("`db-password` is left behind")), "{left:#?}");
        let all = blocks(&terraform);
        let declared: BTreeSet<&str> =
            all.iter().filter(|block| block.kind == "variable").map(|block| block.labels[0].as_str()).collect();
        let told: BTreeSet<&str> =
            terraform["variables"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        assert_eq!(declared, told);
        assert!(declared.iter().any(|name| name.starts_with("image_")), "{declared:?}");
        // Every variable that is used is declared, and every reference leads to a block.
        let addresses: BTreeSet<String> =
            all.iter().filter(|block| block.kind == "resource").map(|block| block.labels.join(".")).collect();
        let mut references = Vec::new();
        all.iter().for_each(|block| collect(block, &mut references));
        for reference in references {
            let mut parts = reference.split('.');
            let (one, two) = (parts.next().unwrap(), parts.next().unwrap_or_default());
            match one {
                "var" => assert!(declared.contains(two), "{reference}"),
                "string" | "aws" => {}
                _ => assert!(addresses.contains(&format!("{one}.{two}")), "{reference} leads nowhere"),
            }
        }
    }
}

fn collect(block: &Block, references: &mut Vec<String>) {
    fn walk(value: &Value, references: &mut Vec<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| walk(item, references)),
            Value::Object(map) => match map.get("$").and_then(Value::as_str) {
                Some(reference) => references.push(reference.to_owned()),
                None => map.values().for_each(|value| walk(value, references)),
            },
            _ => {}
        }
    }
    block.attributes.values().for_each(|value| walk(value, references));
    block.blocks.iter().for_each(|inner| collect(inner, references));
}

#[test]
fn names_are_unique_and_the_same_whatever_else_is_written() {
    let all = shop();
    for cloud in ["aws", "azure", "gcp"] {
        let whole = ask("terraform", &all, cloud, json!({}));
        let labels: Vec<String> =
            blocks(&whole).iter().map(|block| format!("{} {}", block.kind, block.labels.join(" "))).collect();
        let mut resources: Vec<&String> = labels.iter().filter(|label| label.starts_with("resource")).collect();
        let count = resources.len();
        resources.sort();
        resources.dedup();
        assert_eq!(resources.len(), count, "{cloud}");
        let part = ask("terraform", &all, cloud, json!({ "only": ["i-web", "vol-web"] }));
        for made in part["made"].as_array().unwrap() {
            assert!(whole["made"].as_array().unwrap().contains(made), "{made}");
        }
        assert_eq!(part["made"].as_array().unwrap().len(), 2);
    }
}

#[test]
fn every_resource_is_written_or_left_or_made_with_another() {
    for cloud in ["aws", "azure", "gcp"] {
        let terraform = ask("terraform", &shop(), cloud, json!({}));
        let mapping = ask("map", &shop(), cloud, json!({}));
        let ids = |name: &str| -> BTreeSet<String> {
            terraform[name].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
        };
        let (made, left) = (ids("made"), ids("by_hand"));
        for row in mapping["rows"].as_array().unwrap() {
            let id = row["resource"]["id"].as_str().unwrap();
            assert!(made.contains(id) || left.contains(id) || row["way"] == "follows", "{cloud}: {id}");
        }
    }
}

#[test]
fn half_a_rule_is_never_written_and_what_is_left_out_is_told() {
    let rule = |more: Value| {
        let mut rule = json!({ "protocol": "tcp", "from_port": 22, "to_port": 22, "cidrs": ["10.0.0.0/8"] });
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        rule
    };
    let rules = [
        rule(json!({ "from_port": "22" })),
        rule(json!({ "to_port": 70_000 })),
        rule(json!({ "to_port": null })),
        rule(json!({ "protocol": null })),
        rule(json!({ "prefix_lists": ["pl-1"] })),
        rule(json!({ "cidrs": [] })),
        rule(json!({})),
    ];
    let group = json!({ "id": "sg-1", "type": "aws.ec2.security-group", "class": "network.security_group", "provider": "aws",
        "region": "us-east-1", "attributes": { "ingress": rules } });
    for (cloud, kind) in [("aws", "aws_vpc_security_group_ingress_rule"), ("gcp", "google_compute_firewall")] {
        let terraform = ask("terraform", std::slice::from_ref(&group), cloud, json!({}));
        assert_eq!(of(&blocks(&terraform), kind).len(), 1, "{cloud}");
        let whys = terraform["by_hand"].as_array().unwrap().iter().map(|row| row["why"].as_str().unwrap());
        assert_eq!(whys.filter(|why| why.starts_with("6 of its rules")).count(), 1, "{cloud}: {terraform}");
    }
}

#[test]
fn tags_beyond_what_clouds_take_are_told() {
    let tags: serde_json::Map<String, Value> = (0..60).map(|n| (format!("t{n:02}"), json!("x"))).collect();
    let queue = json!({ "id": "q", "type": "aws.sqs.queue", "class": "messaging.queue", "provider": "aws",
        "region": "us-east-1", "attributes": {}, "tags": tags });
    let terraform = ask("terraform", &[queue], "aws", json!({}));
    let written = of(&blocks(&terraform), "aws_sqs_queue")[0].attributes["tags"].as_object().unwrap().len();
    let left = terraform["by_hand"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["why"].as_str().unwrap().contains("at most 50"));
    assert_eq!((written, left.count()), (50, 12));
}

#[test]
fn a_disk_is_in_a_zone_of_its_own_region() {
    let disk = |id: &str, region: &str| {
        json!({ "id": id, "type": "aws.ec2.volume", "class": "compute.disk", "provider": "aws", "region": region,
            "attributes": { "size_gib": 8, "type": "gp3", "state": "in-use" } })
    };
    let disks = [disk("a", "us-east-1"), disk("b", "us-east-1"), disk("c", "eu-west-1")];
    let all = blocks(&ask("terraform", &disks, "aws", json!({})));
    let zones: BTreeSet<String> = all
        .iter()
        .filter(|block| block.kind == "variable" && block.labels[0].starts_with("zone"))
        .map(|block| format!("{} {}", block.labels[0], block.attributes["default"].as_str().unwrap()))
        .collect();
    assert_eq!(zones, BTreeSet::from(["zone us-east-1a".to_owned(), "zone_eu_west_1 eu-west-1a".to_owned()]));
}
