//! Resource Manager's lists, and what lies below and in what they tell.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use troupe_sdk::test::Answer;

use crate::cloud::{GRAPH, S1, S2, cloud, error, graph, inventory, list, object, refusal, relations, resource};

#[test]
fn a_list_is_followed_from_page_to_page() {
    let disk = |name: &str| object("Microsoft.Compute/disks", name, json!({}));
    let next = format!("https://management.azure.com/subscriptions/{S1}/providers/Microsoft.Compute/disks?page=2 b");
    let _host = cloud(move |asked| {
        let page = asked.query.get("page").map(String::as_str);
        asked.path.ends_with("/microsoft.compute/disks").then(|| match page {
            None => Answer::json(200, json!({ "value": [disk("a")], "nextLink": next })),
            Some("2%20b") => list(&[disk("b")]),
            Some(other) => panic!("{other}"),
        })
    });
    let found = inventory(json!({ "types": ["Microsoft.Compute/disks"], "source": "resource_manager" }));
    assert_eq!((&found["counts"]["azure.microsoft.compute/disks"], &found["errors"]), (&json!(2), &json!([])));
}

#[test]
fn a_list_that_goes_on_elsewhere_is_not_taken_for_whole() {
    let disk = object("Microsoft.Compute/disks", "a", json!({}));
    let next = "https://management.elsewhere.example/subscriptions?page=2";
    let _host = cloud(move |asked| {
        let is_list = asked.path.ends_with("/microsoft.compute/disks");
        is_list.then(|| Answer::json(200, json!({ "value": [disk], "nextLink": next })))
    });
    let found = inventory(json!({ "types": ["Microsoft.Compute/disks"], "source": "resource_manager" }));
    assert_eq!(found["counts"]["azure.microsoft.compute/disks"], 1);
    let [error] = found["errors"].as_array().unwrap().as_slice() else { panic!("{found:#}") };
    assert_eq!((&error["code"], &error["hides"]), (&json!("unreadable"), &json!(["azure.microsoft.compute/disks"])));
}

#[test]
fn what_lies_below_is_listed_below_each_with_whoever_was_asked() {
    let server = object("Microsoft.Sql/servers", "db1", json!({ "minimalTlsVersion": "1.2" }));
    let id = format!("{}/databases/app", server["id"].as_str().unwrap());
    let database = json!({ "id": id, "name": "app", "type": "Microsoft.Sql/servers/databases", "location": "westeurope",
        "sku": { "name": "S0" }, "properties": { "status": "Online", "creationDate": "2024-05-06T07:08:09.4Z" } });
    for source in ["auto", "resource_manager"] {
        let (server, database) = (server.clone(), database.clone());
        let _host = cloud(move |asked| match asked.path.as_str() {
            GRAPH if asked.body["query"].as_str()?.starts_with("resources ") => {
                Some(graph(&[server.clone(), database.clone()], None))
            }
            "/subscriptions/S1/providers/microsoft.sql/servers" => Some(list(std::slice::from_ref(&server))),
            path if path.ends_with("/servers/db1/databases") => {
                assert_eq!(source, "resource_manager", "Resource Graph has told them");
                Some(list(std::slice::from_ref(&database)))
            }
            path if path.ends_with("/transparentdataencryption/current") => {
                Some(Answer::json(200, json!({ "properties": { "status": "Enabled" } })))
            }
            path if path.ends_with("/servers/db1/firewallrules") => Some(list(&[
                json!({ "name": "all", "properties": { "startIpAddress": "0.0.0.0", "endIpAddress": "255.255.255.255" } }),
            ])),
            _ => None,
        });
        let found = inventory(
            json!({ "types": ["Microsoft.Sql/servers", "Microsoft.Sql/servers/databases"], "source": source }),
        );
        assert_eq!(found["errors"], json!([]), "{source}");
        let server = resource(&found, "/servers/db1");
        assert_eq!(
            server["attributes"]["firewall_rules"],
            json!([{ "name": "all", "start": "0.0.0.0", "end": "255.255.255.255" }])
        );
        assert_eq!(server["attributes"]["tls_version_min"], "1.2");
        let database = resource(&found, "/databases/app");
        assert_eq!(database["class"], "database.relational");
        assert_eq!((&database["region"], &database["created"]), (&json!("westeurope"), &json!("2024-05-06T07:08:09Z")));
        assert_eq!(database["attributes"]["transparent_data_encryption"], "Enabled");
    }
}

#[test]
fn parents_are_looked_at_for_what_lies_in_them_and_not_told() {
    let vault = object("Microsoft.KeyVault/vaults", "v", json!({}));
    let key = json!({ "id": format!("{}/keys/k", vault["id"].as_str().unwrap()), "name": "k", "location": "westeurope",
        "properties": { "kty": "RSA", "attributes": { "enabled": true, "exp": 1_700_000_000 } } });
    let _host = cloud(move |asked| match asked.path.as_str() {
        GRAPH => Some(graph(std::slice::from_ref(&vault), None)),
        path if path.ends_with("/vaults/v/keys") => Some(list(std::slice::from_ref(&key))),
        _ => None,
    });
    let found = inventory(json!({ "types": ["Microsoft.KeyVault/vaults/keys"] }));
    assert_eq!(
        found["counts"],
        json!({ "azure.microsoft.keyvault/vaults/keys": 1, "azure.microsoft.resources/subscriptions": 1 })
    );
    let key = resource(&found, "/keys/k");
    assert_eq!(
        (&key["attributes"]["expires"], &key["class"]),
        (&json!("2023-11-14T22:13:20Z"), &json!("security.key"))
    );
}

#[test]
fn subnets_and_node_pools_are_told_with_what_they_lie_in() {
    let network = object(
        "Microsoft.Network/virtualNetworks",
        "net",
        json!({ "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] } }),
    );
    let subnet = format!("{}/subnets/front", network["id"].as_str().unwrap());
    let mut network = network;
    network["properties"]["subnets"] = json!([{ "id": subnet, "name": "front", "properties": { "addressPrefix": "10.0.1.0/24",
        "networkSecurityGroup": { "id": "/subscriptions/x/providers/Microsoft.Network/networkSecurityGroups/nsg" } } }]);
    let pools =
        json!([{ "name": "sys", "vmSize": "Standard_D2s_v5", "count": 3, "vnetSubnetID": subnet, "mode": "System" }]);
    let cluster = object(
        "Microsoft.ContainerService/managedClusters",
        "aks",
        json!({ "kubernetesVersion": "1.30.1", "agentPoolProfiles": pools, "powerState": { "code": "Running" } }),
    );
    let _host = cloud(move |asked| {
        let query = asked.body["query"].as_str().unwrap_or_default();
        query.starts_with("resources ").then(|| graph(&[network.clone(), cluster.clone()], None))
    });
    let found = inventory(json!({ "types": ["Microsoft.Network", "Microsoft.ContainerService"] }));
    let front = resource(&found, "/subnets/front");
    assert_eq!((&front["class"], &front["region"]), (&json!("network.subnet"), &json!("westeurope")));
    let of: BTreeMap<String, String> = relations(front).into_iter().collect();
    assert_eq!(of["security-group"], "Microsoft.Network/networkSecurityGroups/nsg");
    assert_eq!(of["in"], "Microsoft.Network/virtualNetworks/net");
    let pool = resource(&found, "/managedClusters/aks/agentPools/sys");
    assert_eq!((&pool["class"], &pool["attributes"]["count"]), (&json!("container.node_pool"), &json!(3)));
    assert_eq!(resource(&found, "/managedClusters/aks")["attributes"]["power_state"], "Running");
}

#[test]
fn what_is_named_is_looked_at_and_nothing_else() {
    let _host = cloud(|asked| {
        assert!(!asked.path.starts_with("/subscriptions/S1/"), "{}", asked.path);
        assert_ne!(asked.path, "/subscriptions");
        None
    });
    let found = inventory(json!({ "subscriptions": [S2, S2], "source": "resource_manager" }));
    assert_eq!(found["subscriptions"], json!([S2]));
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_asked() {
    let host = cloud(|_| Some(error(500, "no")));
    for (input, said) in [
        (json!({ "types": ["Microsoft.Compute/disk"] }), "Microsoft.Compute/disk"),
        (json!({ "subscriptions": ["a/../b"] }), "a/../b"),
        (json!({ "subscriptions": [""] }), "no id of a subscription"),
        (json!({ "source": "elsewhere" }), "elsewhere"),
    ] {
        let why = refusal(input.clone()).to_string();
        assert!(why.contains(said), "{input}: {why}");
    }
    assert_eq!(host.sent(), []);
}

#[test]
fn what_the_whole_tenant_shares_is_told_once() {
    let role = json!({ "id": "/providers/Microsoft.Authorization/roleDefinitions/r", "name": "r",
        "type": "Microsoft.Authorization/roleDefinitions", "properties": { "roleName": "Reader", "type": "BuiltInRole",
        "permissions": [{ "actions": ["*/read"], "notActions": [] }] } });
    let _host = cloud(move |asked| asked.path.ends_with("/roledefinitions").then(|| list(std::slice::from_ref(&role))));
    let types = json!(["Microsoft.Authorization/roleDefinitions"]);
    let found = inventory(json!({ "subscriptions": [S1, S2], "source": "resource_manager", "types": types }));
    assert_eq!(found["counts"]["azure.microsoft.authorization/roledefinitions"], 1);
    let role: &Value = resource(&found, "/roleDefinitions/r");
    assert_eq!((&role["name"], &role["region"]), (&json!("Reader"), &json!("global")));
    assert_eq!(role["attributes"]["permissions"], json!([{ "actions": ["*/read"], "not_actions": [] }]));
}
