//! `map`.

use serde_json::{Value, json};
use troupe_estate::Class;
use troupe_sdk::Failure;
use troupe_sdk::test::Host;

use crate::samples::{ask, codes, perform, row, shop};

#[test]
fn resources_become_what_does_the_same_in_the_target() {
    let mapping = ask("map", &shop(), "gcp", json!({}));
    let web = row(&mapping, "i-web");
    assert_eq!((&web["way"], &web["to"]["type"]), (&json!("rehost"), &json!("gcp.compute.googleapis.com/Instance")));
    assert_eq!(web["to"]["size"]["name"], "e2-standard-2");
    assert_eq!(web["to"]["region"], "us-east4");
    assert_eq!(web["price"]["now"]["monthly"], 70.08);
    assert_eq!(web["price"]["then"]["monthly"], 48.91803);
    assert_eq!(web["price"]["then"]["as_of"], "2025-06-01");
    let note = web["price"]["note"].as_str().unwrap();
    assert!(note.contains("`us-central1`, and not of `us-east4`"), "{note}");

    let database = row(&mapping, "shop-db");
    assert_eq!(database["to"]["type"], "gcp.sqladmin.googleapis.com/Instance");
    assert_eq!((&database["to"]["engine"], &database["to"]["version"]), (&json!("postgresql"), &json!("16")));
    assert_eq!(database["to"]["size"]["name"], "db-custom-2-8192");
    assert_eq!(codes(database), ["key"]);
    assert_eq!(database["price"]["note"], "no price known: list prices here are of machine types alone");

    assert_eq!(row(&mapping, "shop-pictures")["to"]["storage_class"], "STANDARD");
    assert_eq!(row(&mapping, "vol-web")["to"]["disk_type"], "pd-balanced");
    assert_eq!(row(&mapping, "report")["to"]["version"], "3.12");
    assert_eq!(row(&mapping, "reports")["way"], "refactor");
    assert_eq!(codes(row(&mapping, "wiki-db")), ["engine"]);
    assert_eq!(mapping["resources"], shop().len());
    assert!(mapping["sources"].as_array().unwrap().len() > 5);
}

#[test]
fn what_is_in_the_way_is_told_with_what_to_do() {
    let machine = |id: &str, attributes: Value| {
        json!({ "id": id, "type": "aws.ec2.instance", "class": "compute.instance",
        "provider": "aws", "region": "eu-west-1", "attributes": attributes })
    };
    let of = |resource: Value, cloud: &str| ask("map", &[resource], cloud, json!({}))["rows"][0].clone();
    let windows = of(
        machine(
            "w",
            json!({ "instance_type": "m5d.large", "platform": "Windows with SQL Server Standard",
        "tenancy": "host", "lifecycle": "spot" }),
        ),
        "azure",
    );
    assert_eq!(codes(&windows), ["instance-store", "license", "license", "tenancy", "spot"]);
    assert!(windows["price"]["note"].as_str().unwrap().starts_with("no price known"), "{}", windows["price"]);
    // Google has no region in Ireland, and data does not leave its country by itself.
    assert_eq!(
        codes(&of(machine("i", json!({ "instance_type": "m5.large", "platform": "Linux/UNIX" })), "gcp")),
        ["region"]
    );
    assert_eq!(
        codes(&of(machine("i", json!({ "instance_type": "u-6tb1.56xlarge", "platform": "Linux" })), "azure")),
        Vec::<&str>::new()
    );
    assert_eq!(
        codes(&of(machine("i", json!({ "instance_type": "p4d.24xlarge", "platform": "Linux" })), "azure")),
        ["gpu", "instance-store"]
    );
    let unknown = of(machine("i", json!({ "instance_type": "m99.large", "platform": "Linux" })), "azure");
    assert!(unknown["unchecked"][0]["why"].as_str().unwrap().contains("`m99.large` is not known here"), "{unknown}");
    let function = json!({ "id": "f", "type": "aws.lambda.function", "class": "compute.function", "provider": "aws",
        "region": "us-east-1", "attributes": { "runtime": "ruby3.3", "timeout_s": 900 } });
    assert_eq!(codes(&of(function, "azure")), ["runtime", "time"]);
    let network = |cidrs: Value| {
        json!({ "id": "n", "type": "aws.ec2.subnet", "class": "network.subnet", "provider": "aws",
        "region": "us-east-1", "attributes": cidrs })
    };
    assert_eq!(codes(&of(network(json!({ "cidrs_v6": ["fd00::/64"] })), "azure")), ["ipv6-only"]);
    assert_eq!(codes(&of(network(json!({ "cidrs_v6": ["fd00::/64"] })), "gcp")), Vec::<&str>::new());
    let disk = json!({ "id": "v", "type": "aws.ec2.volume", "class": "compute.disk", "provider": "aws", "region": "us-east-1",
        "attributes": { "type": "st1", "size_gib": 40000 } });
    assert_eq!(codes(&of(disk, "azure")), ["disk-size"]);
    for version in ["9.6.24", "18.1"] {
        let database = json!({ "id": "d", "type": "aws.rds.instance", "class": "database.relational", "provider": "aws",
            "region": "us-east-1", "attributes": { "engine": "postgres", "engine_version": version, "instance_class": "db.r5.large" } });
        let row = of(database, "azure");
        assert_eq!(codes(&row), ["engine-version"], "{version}");
        assert_eq!(row["to"]["size"]["name"], "MO_Standard_E2ds_v5");
    }
}

#[test]
fn what_could_not_be_read_is_not_checked_and_says_so() {
    let machine = json!({ "id": "i", "type": "aws.ec2.instance", "class": "compute.instance", "provider": "aws",
        "region": "us-east-1", "attributes": {}, "unread": ["platform"] });
    let mapping = ask("map", &[machine], "azure", json!({}));
    let whys: Vec<&str> =
        mapping["rows"][0]["unchecked"].as_array().unwrap().iter().map(|row| row["why"].as_str().unwrap()).collect();
    assert_eq!(whys, ["its inventory tells neither its machine type nor its processors and memory"]);
    let sized = json!({ "id": "i", "type": "aws.ec2.instance", "class": "compute.instance", "provider": "aws",
        "region": "us-east-1", "attributes": { "instance_type": "m5.large" }, "unread": ["platform"] });
    let mapping = ask("map", &[sized], "azure", json!({}));
    let codes: Vec<&Value> =
        mapping["rows"][0]["unchecked"].as_array().unwrap().iter().map(|row| &row["code"]).collect();
    assert_eq!(codes, ["quota", "license"]);
    assert!(mapping["rows"][0]["unchecked"][1]["why"].as_str().unwrap().contains("could not be read"));
}

#[test]
fn every_class_and_type_becomes_something_or_is_told_why_not() {
    let types: Vec<Value> = serde_json::from_str(include_str!("../../../estate/data/types.json")).unwrap();
    let mut count = 0;
    for cloud in ["aws", "azure", "gcp"] {
        let mut resources = Vec::new();
        for class in &types {
            for provider in ["aws", "azure", "gcp", "kubernetes"] {
                for kind in class[provider].as_array().into_iter().flatten() {
                    resources.push(json!({ "id": kind, "type": kind, "class": class["class"], "provider": provider, "region": "us-east-1" }));
                }
            }
        }
        resources.extend(Class::ALL.iter().map(|class| {
            json!({ "id": format!("new {class}"), "type": "aws.new.thing", "class": class, "provider": "aws", "region": "us-east-1" })
        }));
        for chunk in resources.chunks(500) {
            for row in ask("map", chunk, cloud, json!({}))["rows"].as_array().unwrap() {
                count += 1;
                let way = row["way"].as_str().unwrap();
                let is_told = !row["to"].is_null() || ["follows", "retire", "repurchase"].contains(&way);
                assert!(is_told || codes(row).contains(&"no-target"), "{cloud}: {row}");
                assert!(!row["price"]["note"].as_str().unwrap().is_empty());
            }
        }
    }
    assert!(count > 1500, "{count}");
}

#[test]
fn from_every_cloud_there_is_a_way_to_every_other() {
    let azure = json!({ "id": "/subscriptions/s/x", "type": "azure.microsoft.compute/virtualmachines", "class": "compute.instance",
        "provider": "azure", "region": "westus2", "attributes": { "vm_size": "Standard_D4s_v5", "os_type": "Linux" } });
    let gcp = json!({ "id": "//compute/x", "type": "gcp.compute.googleapis.com/Instance", "class": "compute.instance",
        "provider": "gcp", "region": "europe-west3", "attributes": { "machine_type": "zones/z/machineTypes/n2-custom-4-8192", "os": "debian" } });
    let size = |resource: &Value, cloud: &str| {
        let row = ask("map", std::slice::from_ref(resource), cloud, json!({}))["rows"][0].clone();
        (row["to"]["size"]["name"].as_str().unwrap().to_owned(), row["to"]["region"].as_str().unwrap().to_owned())
    };
    assert_eq!(size(&azure, "aws"), ("m6a.xlarge".to_owned(), "us-west-2".to_owned()));
    assert_eq!(size(&azure, "gcp"), ("e2-standard-4".to_owned(), "us-west1".to_owned()));
    assert_eq!(size(&azure, "azure"), ("Standard_D4s_v5".to_owned(), "westus2".to_owned()));
    assert_eq!(size(&gcp, "aws"), ("c6a.xlarge".to_owned(), "eu-central-1".to_owned()));
    assert_eq!(size(&gcp, "azure"), ("Standard_F4s_v2".to_owned(), "germanywestcentral".to_owned()));
}

#[test]
fn resources_are_asked_of_agents_and_read_of_files() {
    let volume = |id: &str| {
        json!({ "id": id, "type": "aws.ec2.volume", "class": "compute.disk", "provider": "aws",
        "region": "us-east-1", "attributes": { "type": "gp3", "size_gib": 1 } })
    };
    let problem = json!({ "provider": "aws", "service": "s3", "region": "global", "operation": "ListBuckets",
        "code": "AccessDenied", "message": "no", "kind": "denied", "count": 1 });
    let answer = json!({ "resources": [volume("vol-1")], "errors": [problem], "regions": ["us-east-1"] });
    let host = Host::start().configuration(json!({})).agent("aws", "inventory", move |_| Ok(answer.clone())).file(
        "inventories",
        "a.jsonl",
        format!("{}\n\n{}", volume("vol-2"), volume("vol-3")),
    );
    let input = json!({ "estate": { "inventories": [{ "cloud": "aws", "input": { "regions": ["us-east-1"] } }], "files": ["a.jsonl"] },
        "target": { "cloud": "gcp" } });
    let mapping = perform("map", input.clone()).unwrap();
    assert_eq!((&mapping["resources"], mapping["errors"].as_array().unwrap().len()), (&json!(3), 1));
    assert_eq!(host.asked(), [("aws".to_owned(), "inventory".to_owned(), json!({ "regions": ["us-east-1"] }))]);

    let _host =
        Host::start().configuration(json!({})).file("inventories", "b.jsonl", format!("{}\nnothing", volume("vol-1")));
    for (files, told) in [("b.jsonl", "line 2 of the file `b.jsonl`"), ("c.jsonl", "there is no file `c.jsonl`")] {
        let failure =
            perform("map", json!({ "estate": { "files": [files] }, "target": { "cloud": "gcp" } })).unwrap_err();
        assert!(matches!(&failure, Failure::InvalidInput(problem) if problem.message.contains(told)), "{failure}");
    }
    let failure = perform("map", json!({ "estate": {}, "target": { "cloud": "gcp" } })).unwrap_err();
    assert!(failure.to_string().contains("no resources are named"), "{failure}");
    let failure = perform(
        "map",
        json!({ "estate": { "resources": [volume("v")] }, "target": { "cloud": "gcp", "region": "mars" } }),
    );
    assert!(failure.unwrap_err().to_string().contains("no region `mars`"));
}

#[test]
fn what_no_database_or_cache_holds_is_in_the_way_whatever_is_told() {
    let of = |class: &str, attributes: Value| {
        let resource = json!({ "id": "d", "type": "aws.rds.instance", "class": class, "provider": "aws", "region": "us-east-1",
            "attributes": attributes });
        ask("map", &[resource], "gcp", json!({}))["rows"][0].clone()
    };
    let is_too_large = |row: &Value| codes(row).contains(&"size");
    for told in [
        json!({ "engine": "postgres", "memory_gib": 800 }),
        json!({ "engine": "postgres", "memory_gib": 1e300 }),
        json!({ "engine": "postgres", "memory_gib": "1e308" }),
        json!({ "engine": "postgres", "instance_class": "db-custom-4294967295-4096" }),
        json!({ "engine": "postgres", "instance_class": "db-custom-128-4096" }),
    ] {
        assert!(is_too_large(&of("database.relational", told.clone())), "{told}");
    }
    let row = of("database.relational", json!({ "engine": "postgres", "memory_gib": 600 }));
    assert!(!is_too_large(&row) && row["to"]["size"]["vcpus"] == 94, "{row}");
    assert!(is_too_large(&of("database.cache", json!({ "engine": "redis", "memory_gib": 400 }))));
}
