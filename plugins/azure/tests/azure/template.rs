//! Templates: of what was found, and of what is wished for. Both forms say the same.

use serde_json::{Value, json};
use troupe_agent_azure::Azure;
use troupe_sdk::Failure;
use troupe_sdk::test::{self, Host};

use crate::cloud::{GRAPH, S1, cloud, graph, inventory, object};

pub fn template(input: Value) -> Value {
    let _host = Host::start().configuration(json!({}));
    test::perform::<Azure>("template", input).expect("a template")
}

fn refusal(input: Value) -> Failure {
    let _host = Host::start().configuration(json!({}));
    test::perform::<Azure>("template", input).expect_err("a failure")
}

/// The resource of a name in the ARM template.
fn named<'a>(template: &'a Value, name: &str) -> &'a Value {
    let resources = template["arm"]["resources"].as_array().unwrap();
    resources.iter().find(|resource| resource["name"] == name).unwrap_or_else(|| panic!("no {name} in {template:#}"))
}

/// What a web server needs, as a list.
pub const LIST: &str = "
resources:
  - type: Microsoft.Network/networkSecurityGroups
    name: web-nsg
    location: westeurope
    settings:
      rules:
        - { name: https, access: Allow, direction: Inbound, priority: 100, protocol: Tcp, source: '*', source_port: '*', destination: '*', destination_port: '443' }
  - type: Microsoft.Network/virtualNetworks
    name: net
    location: westeurope
    tags: { team: data, owner: \"it's [ann] ${x}\" }
    settings:
      address_prefixes: [10.0.0.0/16]
      subnets:
        - { name: front, address_prefix: 10.0.1.0/24, network_security_group: { ref: web-nsg } }
  - type: Microsoft.Network/networkInterfaces
    name: nic
    settings:
      ip_configurations:
        - { name: ip, allocation: Dynamic, subnet: { ref: net/front } }
  - type: Microsoft.Compute/virtualMachines
    name: vm
    zones: ['1']
    identity: { type: SystemAssigned }
    settings:
      size: Standard_D2s_v5
      image: { publisher: Canonical, offer: ubuntu-24_04-lts, sku: server, version: latest }
      os_disk_create_option: FromImage
      computer_name: vm
      admin_username: ann
      network_interfaces: [{ id: { ref: nic } }]
  - type: Microsoft.Storage/storageAccounts
    name: logs7
    sku: Standard_LRS
    kind: StorageV2
    settings: { https_only: true, tls_version_min: TLS1_2, blob_public_access: false }
    properties: { networkAcls: { defaultAction: Deny } }
  - type: Microsoft.Sql/servers
    name: db1
    settings: { administrator_login: ann, tls_version_min: '1.2' }
  - type: Microsoft.Sql/servers/databases
    name: db1/app
    sku: { name: S0, tier: Standard }
    settings: { min_capacity: 0.5 }
    depends_on: [logs7]
";

#[test]
fn a_list_becomes_objects_that_lead_to_each_other() {
    let made = template(json!({ "yaml": LIST }));
    assert_eq!((&made["resources"], &made["left_out"]), (&json!(7), &json!([])));
    assert_eq!(
        made["arm"]["$schema"],
        "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
    );

    let network = named(&made, "net");
    assert_eq!(
        (&network["type"], &network["apiVersion"]),
        (&json!("Microsoft.Network/virtualNetworks"), &json!("2024-05-01"))
    );
    let nsg = "[resourceId('Microsoft.Network/networkSecurityGroups', 'web-nsg')]";
    assert_eq!(network["dependsOn"], json!([nsg]));
    assert_eq!(
        network["properties"]["subnets"],
        json!([{ "name": "front", "properties": { "addressPrefix": "10.0.1.0/24", "networkSecurityGroup": { "id": nsg } } }])
    );
    let interface = named(&made, "nic");
    assert_eq!(interface["location"], "[resourceGroup().location]");
    let subnet = "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'net', 'front')]";
    assert_eq!(interface["properties"]["ipConfigurations"][0]["properties"]["subnet"]["id"], subnet);
    assert_eq!(interface["dependsOn"], json!(["[resourceId('Microsoft.Network/virtualNetworks', 'net')]"]));
    let account = named(&made, "logs7");
    assert_eq!((&account["sku"], &account["kind"]), (&json!({ "name": "Standard_LRS" }), &json!("StorageV2")));
    assert_eq!(
        account["properties"],
        json!({ "supportsHttpsTrafficOnly": true, "minimumTlsVersion": "TLS1_2", "allowBlobPublicAccess": false, "networkAcls": { "defaultAction": "Deny" } })
    );
    let database = named(&made, "db1/app");
    let sql = "[resourceId('Microsoft.Sql/servers', 'db1')]";
    let mut after: Vec<&str> = database["dependsOn"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    after.sort_unstable();
    assert_eq!(after, [sql, "[resourceId('Microsoft.Storage/storageAccounts', 'logs7')]"]);
}

#[test]
fn passwords_are_asked_of_whoever_deploys_it() {
    let made = template(json!({ "yaml": LIST }));
    assert_eq!(made["parameters"], json!(["db1_administrator_password", "vm_admin_password"]));
    assert_eq!(made["arm"]["parameters"]["vm_admin_password"]["type"], "securestring");
    let password = &named(&made, "vm")["properties"]["osProfile"]["adminPassword"];
    assert_eq!(password, "[parameters('vm_admin_password')]");
    let bicep = made["bicep"].as_str().unwrap();
    assert!(bicep.contains("@secure()\n@description('The admin password of Microsoft.Compute/virtualMachines vm.')\nparam vm_admin_password string\n"));
    assert!(bicep.contains("adminPassword: vm_admin_password\n"));

    let keys = LIST.replace("admin_username: ann", "admin_username: ann\n      password_authentication_disabled: true");
    let made = template(json!({ "yaml": keys }));
    assert_eq!(made["parameters"], json!(["db1_administrator_password"]), "who signs in with a key has no password");
}

#[test]
fn bicep_says_the_same_in_its_own_words() {
    let made = template(json!({ "yaml": LIST }));
    let bicep = made["bicep"].as_str().unwrap();
    for line in [
        "resource web_nsg 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {\n  name: 'web-nsg'\n  location: 'westeurope'\n",
        "    owner: 'it\\'s [ann] \\${x}'\n",
        "            id: web_nsg.id\n",
        "            id: resourceId('Microsoft.Network/virtualNetworks/subnets', 'net', 'front')\n",
        "  dependsOn: [\n    net\n  ]\n",
        "  location: resourceGroup().location\n",
        "    minCapacity: json('0.5')\n",
        "        id: nic.id\n",
        "resource db1_app 'Microsoft.Sql/servers/databases@2023-08-01' = {\n  name: 'db1/app'\n",
    ] {
        assert!(bicep.contains(line), "no {line:?} in\n{bicep}");
    }
}

#[test]
fn text_that_looks_like_an_expression_stays_text() {
    let list = "resources:\n  - { type: Microsoft.Compute/disks, name: a, tags: { note: \"[x]\", more: \"a\\\\b\\nc\" }, settings: { size_gib: 4 } }";
    let made = template(json!({ "yaml": list }));
    assert_eq!(named(&made, "a")["tags"], json!({ "note": "[[x]", "more": "a\\b\nc" }));
    let bicep = made["bicep"].as_str().unwrap();
    assert!(bicep.contains("note: '[x]'\n") && bicep.contains("more: 'a\\\\b\\nc'\n"), "{bicep}");
}

#[test]
fn what_was_found_comes_back_as_it_was_told() {
    let net = object(
        "Microsoft.Network/virtualNetworks",
        "net",
        json!({ "provisioningState": "Succeeded",
        "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] } }),
    );
    let subnet = format!("{}/subnets/front", net["id"].as_str().unwrap());
    let mut net = net;
    net["properties"]["subnets"] =
        json!([{ "id": subnet, "name": "front", "properties": { "addressPrefix": "10.0.1.0/24" } }]);
    let nic = object(
        "Microsoft.Network/networkInterfaces",
        "nic",
        json!({ "enableIPForwarding": false, "ipConfigurations": [{ "name": "ip",
        "properties": { "privateIPAllocationMethod": "Dynamic", "subnet": { "id": subnet.to_uppercase() },
        "publicIPAddress": { "id": "/subscriptions/other/resourceGroups/r/providers/Microsoft.Network/publicIPAddresses/p" } } }] }),
    );
    let mut disk = object(
        "Microsoft.Compute/disks",
        "data",
        json!({ "diskSizeGB": 64, "creationData": { "createOption": "Empty" }, "diskState": "Unattached" }),
    );
    disk["sku"] = json!({ "name": "Premium_LRS" });
    disk["identity"] = Value::Null;
    let advice = object("Microsoft.Advisor/recommendations", "r", json!({ "category": "Cost" }));
    let rows = vec![net, nic, disk, advice];
    let found = {
        let _host = cloud(move |asked| {
            let query = asked.body["query"].as_str().unwrap_or_default();
            (asked.path == GRAPH && query.starts_with("resources ")).then(|| graph(&rows, None))
        });
        inventory(json!({}))
    };
    let made = template(json!({ "resources": found["resources"] }));
    assert_eq!(made["resources"], 3);
    let net = named(&made, "net");
    assert_eq!((&net["location"], &net["tags"]), (&json!("westeurope"), &json!({ "team": "data" })));
    assert_eq!(
        net["properties"],
        json!({ "addressSpace": { "addressPrefixes": ["10.0.0.0/16"] }, "subnets": [{ "name": "front", "properties": { "addressPrefix": "10.0.1.0/24" } }] })
    );
    let ip = &named(&made, "nic")["properties"]["ipConfigurations"][0]["properties"];
    assert_eq!(ip["subnet"]["id"], "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'net', 'front')]");
    assert!(
        ip["publicIPAddress"]["id"].as_str().unwrap().starts_with("/subscriptions/other/"),
        "what is elsewhere stays there"
    );
    let disk = named(&made, "data");
    assert_eq!((&disk["sku"], disk.get("identity")), (&json!({ "name": "Premium_LRS" }), None));
    assert_eq!(disk["properties"], json!({ "diskSizeGB": 64, "creationData": { "createOption": "Empty" } }));
    let left_out: Vec<(&str, &str)> = made["left_out"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["type"].as_str().unwrap(), one["why"].as_str().unwrap()))
        .collect();
    assert_eq!(
        left_out,
        [
            ("azure.microsoft.advisor/recommendations", "there is no template for its type"),
            ("azure.microsoft.network/virtualnetworks/subnets", "it stands in its parent, which is in the template"),
            ("azure.microsoft.resources/subscriptions", "there is no template for its type"),
        ]
    );
    assert!(
        !made["arm"].to_string().contains(&format!("{S1}/resourceGroups/web/providers/Microsoft.Network")),
        "ids within became references"
    );
}

#[test]
fn what_cannot_be_made_is_refused_with_what_could_be() {
    let of = |entry: &str| format!("resources:\n  - {{ {entry} }}");
    for (list, said) in [
        (of("type: Microsoft.Compute/disks, name: a, settings: { size: 4 }"), "there are bursting, create_option"),
        (of("type: Microsoft.Advisor/recommendations, name: a"), "no template for"),
        (of("type: Microsoft.Nothing/things, name: a"), "no template for"),
        (of("type: Microsoft.Sql/servers/databases, name: app"), "NAME-OF-servers/NAME-OF-databases"),
        (of("type: Microsoft.Compute/disks, name: a, settings: { source: { ref: b } }"), "no resource of the name `b`"),
        (of("type: Microsoft.Compute/disks, name: a, wrong: 1"), "wrong"),
        ("resources: [".to_owned(), "cannot be read"),
        ("resources: []".to_owned(), "no resource to make a template of"),
        ("resources:\n  - { type: Microsoft.Compute/disks, name: a, depends_on: [b] }\n  - { type: Microsoft.Compute/disks, name: b, depends_on: [a] }".to_owned(), "wait for each other"),
        ("resources:\n  - { type: Microsoft.Compute/disks, name: a }\n  - { type: Microsoft.Compute/snapshots, name: a }\n  - { type: Microsoft.Compute/disks, name: b, depends_on: [a] }".to_owned(), "several resources of the name"),
    ] {
        let why = refusal(json!({ "yaml": list })).to_string();
        assert!(why.contains(said), "{list}: {why}");
    }
}

#[test]
fn what_would_be_taken_for_the_templates_own_words_is_refused() {
    let with =
        |more: &str| json!({ "yaml": format!("resources: [{{ type: Microsoft.Compute/disks, name: d, {more} }}]") });
    for more in [
        r#"tags: { "\u0001parameter": "x" }"#,
        r#"properties: { a: [{ "\u0001parameter": "x string\nresource y" }] }"#,
        r#"sku: { "\u0001id": 7 }"#,
    ] {
        let failure = refusal(with(more)).to_string();
        assert!(failure.contains("`d`") && failure.contains("U+0001"), "{failure}");
    }
}

#[test]
fn a_long_row_of_resources_that_need_each_other_is_put_in_order_at_once() {
    const COUNT: usize = 3_000;
    let entry = |number: usize| {
        let after = if number + 1 < COUNT { format!("[d{}]", number + 1) } else { "[]".to_owned() };
        format!("  - {{ type: Microsoft.Compute/disks, name: d{number}, depends_on: {after} }}\n")
    };
    let list = |entries: String| json!({ "yaml": format!("resources:\n{entries}") });
    let all: String = (0..COUNT).map(entry).collect();
    assert_eq!(template(list(all.clone()))["resources"], COUNT);
    let circle = all.replace("name: d2999, depends_on: []", "name: d2999, depends_on: [d0]");
    assert!(refusal(list(circle)).to_string().contains("wait for each other"));
}
