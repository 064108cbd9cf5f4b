//! What is told of machines, disks and networks.

use serde_json::{Value, json};
use troupe_sdk::test::Answer;

use crate::cloud::{cloud, found, inventory, resource};

const AT: &str = "https://www.googleapis.com/compute/v1/projects/acme-prod";
const NAME: &str = "//compute.googleapis.com/projects/acme-prod";

fn aggregated(
    things: &'static str,
    place: &str,
    item: Value,
) -> impl FnMut(&crate::cloud::Asked) -> Option<Answer> + 'static {
    let page = json!({ "items": { place: { things: [item] } } });
    move |asked| {
        let is = asked.path == format!("/compute/v1/projects/acme-prod/aggregated/{things}");
        is.then(|| Answer::json(200, page.clone()))
    }
}

fn global(things: &'static str, item: Value) -> impl FnMut(&crate::cloud::Asked) -> Option<Answer> + 'static {
    let page = json!({ "items": [item] });
    move |asked| {
        let is = asked.path == format!("/compute/v1/projects/acme-prod/global/{things}");
        is.then(|| Answer::json(200, page.clone()))
    }
}

fn compute() -> Value {
    inventory(json!({ "services": ["compute"] }))
}

#[test]
fn a_machine_that_the_world_reaches_by_ipv6_alone_is_public() {
    let open = json!([{ "type": "DIRECT_IPV6", "externalIpv6": "2001:db8::1" }]);
    for (configs, public) in [(open, true), (json!([]), false)] {
        let item = json!({
            "name": "web", "selfLink": format!("{AT}/zones/us-east1-b/instances/web"),
            "networkInterfaces": [{ "networkIP": "10.0.0.2", "stackType": "IPV4_IPV6", "ipv6AccessConfigs": configs }],
        });
        let _host = cloud(aggregated("instances", "zones/us-east1-b", item));
        let all = compute();
        let attributes = &resource(&all, &format!("{NAME}/zones/us-east1-b/instances/web"))["attributes"];
        assert_eq!(attributes["interfaces"][0]["public"], public, "{attributes:#}");
        assert_eq!(attributes["external_ipv6"].as_array().unwrap().len(), usize::from(public));
    }
}

#[test]
fn an_instance_is_told_with_what_rules_and_prices_need_and_without_its_secrets() {
    let item = json!({
        "name": "web", "selfLink": format!("{AT}/zones/us-east1-b/instances/web"), "zone": format!("{AT}/zones/us-east1-b"),
        "status": "RUNNING", "machineType": format!("{AT}/zones/us-east1-b/machineTypes/e2-standard-4"),
        "creationTimestamp": "2025-03-04T06:05:06.7+01:00", "labels": { "team": "web" }, "tags": { "items": ["http"] },
        "networkInterfaces": [{
            "network": format!("{AT}/global/networks/main"), "subnetwork": format!("{AT}/regions/us-east1/subnetworks/s"),
            "networkIP": "10.0.0.2", "accessConfigs": [{ "natIP": "203.0.113.9" }],
        }],
        "disks": [{
            "source": format!("{AT}/zones/us-east1-b/disks/web"), "boot": true, "diskSizeGb": "20", "type": "PERSISTENT",
            "diskEncryptionKey": { "kmsKeyName": "projects/acme-prod/locations/us-east1/keyRings/r/cryptoKeys/k/cryptoKeyVersions/3" },
        }],
        "metadata": { "items": [
            { "key": "startup-script", "value": "PASSWORD=not-to-be-told" }, { "key": "enable-oslogin", "value": "TRUE" },
        ] },
        "serviceAccounts": [{ "email": "12-compute@developer.gserviceaccount.com", "scopes": ["https://www.googleapis.com/auth/cloud-platform"] }],
        "shieldedInstanceConfig": { "enableVtpm": true },
    });
    let _host = cloud(aggregated("instances", "zones/us-east1-b", item));
    let all = compute();
    let web = resource(&all, &format!("{NAME}/zones/us-east1-b/instances/web"));
    assert_eq!(
        (&web["type"], &web["class"], &web["region"], &web["account"], &web["created"]),
        (
            &json!("gcp.compute.googleapis.com/Instance"),
            &json!("compute.instance"),
            &json!("us-east1"),
            &json!("acme-prod"),
            &json!("2025-03-04T05:05:07Z")
        )
    );
    let attributes = &web["attributes"];
    for (name, value) in [
        ("state", json!("RUNNING")),
        ("zone", json!("us-east1-b")),
        ("machine_type", json!("e2-standard-4")),
        ("network_tags", json!(["http"])),
        ("external_ips", json!(["203.0.113.9"])),
        ("metadata_keys", json!(["startup-script", "enable-oslogin"])),
        ("os_login", json!(true)),
        ("serial_port", json!(false)),
        ("shielded", json!({ "secure_boot": false, "vtpm": true, "integrity_monitoring": false })),
        ("deletion_protection", json!(false)),
    ] {
        assert_eq!(attributes[name], value, "{name}");
    }
    assert_eq!(attributes["disks"][0]["size_gib"], 20);
    let relation = |kind: &str| -> Vec<&str> {
        let of = web["relations"].as_array().unwrap().iter().filter(|one| one["kind"] == kind);
        of.map(|one| one["target"].as_str().unwrap()).collect()
    };
    assert_eq!(relation("disk"), [format!("{NAME}/zones/us-east1-b/disks/web")]);
    assert_eq!(relation("subnetwork"), [format!("{NAME}/regions/us-east1/subnetworks/s")]);
    let key = "//cloudkms.googleapis.com/projects/acme-prod/locations/us-east1/keyRings/r/cryptoKeys/k";
    assert_eq!(relation("kms_key"), [key], "the key, not its version");
    let account = "//iam.googleapis.com/projects/acme-prod/serviceAccounts/12-compute@developer.gserviceaccount.com";
    assert_eq!(relation("service_account"), [account]);
    assert!(!all.to_string().contains("not-to-be-told"));
}

#[test]
fn a_disk_of_a_region_and_an_address_of_the_world_have_types_of_their_own() {
    let disk =
        json!({ "name": "d", "selfLink": format!("{AT}/regions/us-east1/disks/d"), "sizeGb": "500", "users": [] });
    let address = json!({ "name": "a", "selfLink": format!("{AT}/global/addresses/a"), "address": "203.0.113.1" });
    let mut disks = aggregated("disks", "regions/us-east1", disk);
    let mut addresses = aggregated("addresses", "global", address);
    let _host = cloud(move |asked| disks(asked).or_else(|| addresses(asked)));
    let all = compute();
    let kinds: Vec<String> = found(&all).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["gcp.compute.googleapis.com/GlobalAddress", "gcp.compute.googleapis.com/RegionDisk"]);
    let disk = resource(&all, &format!("{NAME}/regions/us-east1/disks/d"));
    assert_eq!((&disk["attributes"]["size_gib"], &disk["attributes"]["users"]), (&json!(500), &json!(0)));
    assert_eq!(resource(&all, &format!("{NAME}/global/addresses/a"))["region"], "global");
}

#[test]
fn a_firewall_that_is_open_to_the_world_says_so() {
    for (rule, open) in [
        (json!({ "direction": "INGRESS", "sourceRanges": ["10.0.0.0/8", "0.0.0.0/0"] }), true),
        (json!({ "direction": "INGRESS", "sourceRanges": ["::/0"] }), true),
        (json!({ "direction": "INGRESS", "sourceRanges": ["10.0.0.0/8"] }), false),
        // Whoever names no source at all names every one.
        (json!({ "direction": "INGRESS" }), true),
        (json!({ "direction": "INGRESS", "sourceTags": ["web"] }), false),
        (json!({ "direction": "EGRESS", "destinationRanges": ["0.0.0.0/0"] }), false),
    ] {
        let mut item = json!({
            "name": "f", "selfLink": format!("{AT}/global/firewalls/f"), "network": format!("{AT}/global/networks/main"),
            "allowed": [{ "IPProtocol": "tcp", "ports": ["22", "8000-9000"] }, { "IPProtocol": "icmp" }],
        });
        item.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
        let _host = cloud(global("firewalls", item));
        let all = compute();
        let attributes = &resource(&all, &format!("{NAME}/global/firewalls/f"))["attributes"];
        assert_eq!(attributes["from_everywhere"], open, "{rule}");
        let allowed = json!([{ "protocol": "tcp", "ports": ["22", "8000-9000"] }, { "protocol": "icmp", "ports": [] }]);
        assert_eq!((&attributes["allowed"], &attributes["denied"]), (&allowed, &json!([])));
    }
}

#[test]
fn a_load_balancer_is_told_from_its_address_to_its_machines() {
    let rule = json!({ "name": "r", "selfLink": format!("{AT}/global/forwardingRules/r"), "IPAddress": "203.0.113.7",
        "target": format!("{AT}/global/targetHttpsProxies/p"), "loadBalancingScheme": "EXTERNAL", "portRange": "443-443" });
    let service = json!({ "name": "b", "selfLink": format!("{AT}/regions/us-east1/backendServices/b"),
        "backends": [{ "group": format!("{AT}/zones/us-east1-b/instanceGroups/g") }], "healthChecks": [format!("{AT}/global/healthChecks/h")] });
    let mut rules = aggregated("forwardingRules", "global", rule);
    let mut services = aggregated("backendServices", "regions/us-east1", service);
    let _host = cloud(move |asked| rules(asked).or_else(|| services(asked)));
    let all = compute();
    let rule = resource(&all, &format!("{NAME}/global/forwardingRules/r"));
    assert_eq!(rule["type"], "gcp.compute.googleapis.com/GlobalForwardingRule");
    assert_eq!(
        rule["relations"],
        json!([{ "kind": "target", "target": format!("{NAME}/global/targetHttpsProxies/p") }])
    );
    let service = resource(&all, &format!("{NAME}/regions/us-east1/backendServices/b"));
    assert_eq!(
        (&service["type"], &service["class"]),
        (&json!("gcp.compute.googleapis.com/RegionBackendService"), &json!("network.target_group"))
    );
    assert_eq!(service["relations"][0]["target"], format!("{NAME}/zones/us-east1-b/instanceGroups/g"));
}

#[test]
fn who_may_sign_in_to_a_machine_is_told_by_its_project_where_it_says_nothing_itself() {
    let machine = |name: &str, items: Value| {
        json!({ "name": name, "selfLink": format!("{AT}/zones/us-east1-b/instances/{name}"), "zone": format!("{AT}/zones/us-east1-b"),
            "metadata": { "items": items } })
    };
    let machines = json!([
        machine("silent", json!([])),
        machine(
            "own",
            json!([{ "key": "enable-oslogin", "value": "FALSE" }, { "key": "serial-port-enable", "value": "1" }])
        ),
    ]);
    let ask = |project: Answer| {
        let page = json!({ "items": { "zones/us-east1-b": { "instances": machines } } });
        let host = cloud(move |asked| match asked.path.as_str() {
            "/compute/v1/projects/acme-prod" => Some(project.clone()),
            "/compute/v1/projects/acme-prod/aggregated/instances" => Some(Answer::json(200, page.clone())),
            _ => None,
        });
        let told = compute();
        let asked = host.sent().iter().filter(|sent| sent.url.contains("fields=commonInstanceMetadata")).count();
        assert_eq!(asked, 1, "once for all machines");
        told
    };
    let of = |told: &Value, name: &str| {
        let machine = resource(told, &format!("{NAME}/zones/us-east1-b/instances/{name}"));
        let attributes = &machine["attributes"];
        ["os_login", "serial_port", "block_project_ssh_keys"].map(|attribute| attributes[attribute].clone())
    };
    let common = |items: Value| Answer::json(200, json!({ "commonInstanceMetadata": { "items": items } }));
    let told = ask(common(
        json!([{ "key": "enable-oslogin", "value": "TRUE" }, { "key": "block-project-ssh-keys", "value": "TRUE" }]),
    ));
    assert_eq!(of(&told, "silent"), [json!(true), json!(false), json!(null)], "a project blocks no keys of its own");
    assert_eq!(of(&told, "own"), [json!(false), json!(true), json!(null)]);
    assert_eq!(of(&ask(common(json!([]))), "silent"), [json!(false), json!(false), json!(null)]);
    // What could not be read is not known, and said to be so.
    let told = ask(crate::cloud::error(403, "PERMISSION_DENIED", None, "no"));
    let machine = resource(&told, &format!("{NAME}/zones/us-east1-b/instances/silent"));
    assert_eq!(machine["unread"], json!(["os_login", "serial_port"]));
    assert_eq!(told["errors"][0]["operation"], "compute.projects.get");
}

#[test]
fn a_rule_of_a_firewall_policy_is_told_with_the_networks_that_it_is_for() {
    for field in ["srcNetworkScope", "srcNetworkType", "srcNetworkContext"] {
        let item = json!({
            "name": "inner", "selfLink": format!("{AT}/global/firewallPolicies/inner"),
            "rules": [
                { "priority": 1, "match": { "srcIpRanges": ["0.0.0.0/0"], field: "NON_INTERNET" } },
                { "priority": 2, "match": { "srcIpRanges": ["0.0.0.0/0"] } },
            ],
        });
        let _host = cloud(aggregated("firewallPolicies", "global", item));
        let all = compute();
        let rules = &resource(&all, &format!("{NAME}/global/firewallPolicies/inner"))["attributes"]["firewall_rules"];
        assert_eq!((&rules[0]["source_network"], &rules[1]["source_network"]), (&json!("NON_INTERNET"), &Value::Null));
    }
}
