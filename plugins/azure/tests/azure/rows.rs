//! What is told of a resource: attributes, relations, and what is asked of it beside the list.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use troupe_sdk::test::Answer;

use crate::cloud::{GRAPH, cloud, error, graph, inventory, list, object, relations, resource};

/// An inventory of what Resource Graph tells so, with answers for what is asked of each.
fn of(rows: Vec<Value>, answers: Vec<(&'static str, Answer)>) -> Value {
    let _host = cloud(move |asked| {
        if asked.path == GRAPH {
            let is_main = asked.body["query"].as_str()?.starts_with("resources ");
            return is_main.then(|| graph(&rows, None));
        }
        answers.iter().find(|(end, _)| asked.path.ends_with(end)).map(|(_, answer)| answer.clone())
    });
    inventory(json!({}))
}

#[test]
fn a_machine_leads_to_its_disk_its_interface_and_its_network() {
    let id = |rest: &str| object("x", "y", json!({}))["id"].as_str().unwrap().replace("x/y", rest);
    let machine = object(
        "Microsoft.Compute/virtualMachines",
        "vm",
        json!({
            "hardwareProfile": { "vmSize": "Standard_D2s_v5" },
            "storageProfile": {
                "osDisk": { "osType": "Linux", "name": "os", "managedDisk": { "id": id("Microsoft.Compute/disks/os") } },
                "dataDisks": [{ "lun": 0, "diskSizeGB": 64, "managedDisk": { "id": id("Microsoft.Compute/disks/data") } }],
            },
            "osProfile": { "adminUsername": "ann", "linuxConfiguration": { "disablePasswordAuthentication": true } },
            "networkProfile": { "networkInterfaces": [{ "id": id("Microsoft.Network/networkInterfaces/nic") }] },
        }),
    );
    let interface = object(
        "Microsoft.Network/networkInterfaces",
        "nic",
        json!({
            "ipConfigurations": [{ "name": "ip", "properties": {
                "subnet": { "id": id("Microsoft.Network/virtualNetworks/net/subnets/front") },
                "publicIPAddress": { "id": id("Microsoft.Network/publicIPAddresses/pip") } } }],
            "virtualMachine": { "id": id("Microsoft.Compute/virtualMachines/vm") },
        }),
    );
    let mut disk = object(
        "Microsoft.Compute/disks",
        "os",
        json!({ "diskSizeGB": 30, "diskState": "Attached",
        "timeCreated": "2025-01-21T11:45:22.8082948+00:00" }),
    );
    disk["managedBy"] = json!(id("Microsoft.Compute/virtualMachines/vm"));
    disk["sku"] = json!({ "name": "Premium_LRS", "tier": "Premium" });
    let view = Answer::json(
        200,
        json!({ "statuses": [{ "code": "ProvisioningState/succeeded" }, { "code": "PowerState/stopped" }] }),
    );
    let found = of(vec![machine, interface, disk], vec![("/virtualmachines/vm/instanceview", view)]);
    assert_eq!(found["errors"], json!([]));

    let machine = resource(&found, "/virtualMachines/vm");
    assert_eq!(
        (&machine["class"], &machine["region"], &machine["tags"]),
        (&json!("compute.instance"), &json!("westeurope"), &json!({ "team": "data" }))
    );
    let attributes = &machine["attributes"];
    assert_eq!(
        (&attributes["size"], &attributes["power_state"]),
        (&json!("Standard_D2s_v5"), &json!("PowerState/stopped"))
    );
    assert_eq!(attributes["data_disks"][0]["size_gib"], 64);
    assert_eq!(
        (&attributes["resource_group"], &attributes["password_authentication_disabled"]),
        (&json!("web"), &json!(true))
    );
    let leads = relations(machine);
    for (kind, target) in [
        ("disk", "Microsoft.Compute/disks/os"),
        ("disk", "Microsoft.Compute/disks/data"),
        ("interface", "Microsoft.Network/networkInterfaces/nic"),
    ] {
        assert!(leads.contains(&(kind.to_owned(), target.to_owned())), "{leads:?}");
    }
    let leads: BTreeMap<String, String> = relations(resource(&found, "/networkInterfaces/nic")).into_iter().collect();
    assert_eq!(leads["subnet"], "Microsoft.Network/virtualNetworks/net/subnets/front");
    assert_eq!(leads["address"], "Microsoft.Network/publicIPAddresses/pip");
    let disk = resource(&found, "/disks/os");
    assert_eq!(disk["created"], "2025-01-21T11:45:23Z");
    assert_eq!(disk["attributes"]["sku"], json!({ "name": "Premium_LRS", "tier": "Premium" }));
    assert!(
        relations(disk).contains(&("virtual-machine".to_owned(), "Microsoft.Compute/virtualMachines/vm".to_owned()))
    );
}

#[test]
fn what_rules_ask_of_an_account_a_vault_and_an_app_is_told() {
    let account = object(
        "Microsoft.Storage/storageAccounts",
        "acc",
        json!({
            "supportsHttpsTrafficOnly": true, "minimumTlsVersion": "TLS1_2", "allowBlobPublicAccess": false,
            "networkAcls": { "defaultAction": "Deny", "bypass": "AzureServices", "ipRules": [{ "value": "1.2.3.4", "action": "Allow" }], "virtualNetworkRules": [] },
            "encryption": { "keySource": "Microsoft.Storage" },
        }),
    );
    let vault = object(
        "Microsoft.KeyVault/vaults",
        "v",
        json!({
            "enableSoftDelete": true, "sku": { "name": "standard" }, "networkAcls": { "defaultAction": "Allow" },
            "accessPolicies": [{ "objectId": "o", "tenantId": "t", "permissions": { "keys": ["get"], "secrets": [] } }],
        }),
    );
    let mut app = object(
        "Microsoft.Web/sites",
        "app",
        json!({ "httpsOnly": false, "serverFarmId": "/subscriptions/x/providers/Microsoft.Web/serverfarms/plan" }),
    );
    app["kind"] = json!("functionapp,linux");
    app["identity"] = json!({ "type": "SystemAssigned, UserAssigned", "principalId": "p", "userAssignedIdentities": { "/subscriptions/x/providers/Microsoft.ManagedIdentity/userAssignedIdentities/me": {} } });
    let blob = Answer::json(
        200,
        json!({ "properties": { "deleteRetentionPolicy": { "enabled": true, "days": 7 }, "isVersioningEnabled": true } }),
    );
    let web = Answer::json(
        200,
        json!({ "properties": { "minTlsVersion": "1.2", "ftpsState": "Disabled", "http20Enabled": true, "appSettings": [{ "name": "KEY", "value": "hush" }] } }),
    );
    let settings = list(&[json!({
        "id": format!("{}/providers/microsoft.insights/diagnosticSettings/keep", vault["id"].as_str().unwrap()), "name": "keep",
        "type": "Microsoft.Insights/diagnosticSettings",
        "properties": { "workspaceId": "/w", "logs": [{ "category": "AuditEvent", "enabled": true }, { "categoryGroup": "allLogs", "enabled": false }] },
    })]);
    let found = of(
        vec![account, vault, app],
        vec![
            ("/storageaccounts/acc/blobservices/default", blob),
            ("/storageaccounts/acc/managementpolicies/default", error(404, "ManagementPolicyNotFound")),
            ("/sites/app/config/web", web),
            ("/vaults/v/providers/microsoft.insights/diagnosticsettings", settings),
        ],
    );
    assert_eq!(found["errors"], json!([]));
    let account = &resource(&found, "/storageAccounts/acc")["attributes"];
    assert_eq!(
        (&account["https_only"], &account["tls_version_min"], &account["blob_public_access"]),
        (&json!(true), &json!("TLS1_2"), &json!(false))
    );
    assert_eq!(account["network_ip_rules"], json!([{ "value": "1.2.3.4", "action": "Allow" }]));
    assert_eq!((&account["blob_soft_delete_days"], &account["blob_versioning"]), (&json!(7), &json!(true)));
    assert_eq!(account["lifecycle_rules"], Value::Null, "what is not there is null, and was looked for");
    let vault = resource(&found, "/vaults/v");
    assert_eq!(
        vault["attributes"]["access_policies"],
        json!([{ "object_id": "o", "tenant_id": "t", "keys": ["get"], "secrets": [] }])
    );
    assert_eq!(vault["attributes"]["diagnostic_logs"], json!(["AuditEvent"]));
    let setting = resource(&found, "/diagnosticSettings/keep");
    assert!(relations(setting).contains(&("resource".to_owned(), "Microsoft.KeyVault/vaults/v".to_owned())));
    let app = resource(&found, "/sites/app");
    assert_eq!(
        (&app["attributes"]["kind"], &app["attributes"]["tls_version_min"]),
        (&json!("functionapp,linux"), &json!("1.2"))
    );
    let leads: BTreeMap<String, String> = relations(app).into_iter().collect();
    assert_eq!(leads["plan"], "Microsoft.Web/serverfarms/plan");
    assert_eq!(leads["identity"], "Microsoft.ManagedIdentity/userAssignedIdentities/me");
    assert!(!found.to_string().contains("hush"), "secrets that Azure tells are not passed on");
}

#[test]
fn names_that_have_to_be_escaped_are() {
    let setting = object("Microsoft.Network/networkSecurityGroups", "a b#c", json!({}));
    let found = of(vec![setting], vec![]);
    assert_eq!(found["errors"], json!([]));
    assert_eq!(resource(&found, "/a b#c")["attributes"]["diagnostic_logs"], json!([]));
}

#[test]
fn a_time_without_a_zone_is_one_of_utc() {
    let told = |time: &str| {
        let cluster = object("Microsoft.HDInsight/clusters", "c", json!({ "createdDate": time }));
        let _host = cloud(move |asked| (asked.path == GRAPH).then(|| graph(std::slice::from_ref(&cluster), None)));
        resource(&inventory(json!({ "types": ["Microsoft.HDInsight"] })), "/clusters/c")["created"].clone()
    };
    assert_eq!(told("2016-11-13T19:04:51.153"), "2016-11-13T19:04:51Z");
    assert_eq!(told("2016-11-13T19:04:51+02:00"), "2016-11-13T17:04:51Z");
    assert_eq!(told("yesterday"), Value::Null);
}
