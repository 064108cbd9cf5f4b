//! What is told of the services that are no machines: clusters, databases, keys, code.

use serde_json::{Value, json};
use troupe_sdk::test::Answer;

use crate::cloud::{Asked, cloud, found, inventory, resource};

const P: &str = "projects/acme-prod";

fn answers(table: &'static [(&'static str, &'static str)]) -> impl FnMut(&Asked) -> Option<Answer> + 'static {
    move |asked| {
        let (_, body) = table.iter().find(|(path, _)| asked.path == *path)?;
        let body: Value = serde_json::from_str(body).unwrap();
        Some(Answer::json(200, body))
    }
}

#[test]
fn what_spanner_keeps_in_one_region_is_told_to_be_there() {
    let _host = cloud(answers(&[(
        "/v1/projects/acme-prod/instances",
        r#"{ "instances": [
            { "name": "projects/acme-prod/instances/one", "config": "projects/acme-prod/instanceConfigs/regional-europe-west1" },
            { "name": "projects/acme-prod/instances/many", "config": "projects/acme-prod/instanceConfigs/nam6" }] }"#,
    )]));
    let all = inventory(json!({ "services": ["spanner"] }));
    for (name, region) in [("one", "europe-west1"), ("many", "nam6")] {
        assert_eq!(resource(&all, &format!("//spanner.googleapis.com/{P}/instances/{name}"))["region"], region);
    }
}

#[test]
fn a_cluster_is_told_with_its_node_pools_and_without_its_keys() {
    let cluster = json!({ "clusters": [{
        "name": "main", "location": "us-east1-b", "status": "RUNNING", "currentMasterVersion": "1.29.4-gke.1043002",
        "selfLink": format!("https://container.googleapis.com/v1/{P}/zones/us-east1-b/clusters/main"),
        "resourceLabels": { "env": "prod" }, "createTime": "2025-01-02T03:04:05+00:00",
        "masterAuth": { "username": "admin", "password": "not-to-be-told", "clientKey": "not-to-be-told" },
        "privateClusterConfig": { "enablePrivateNodes": true },
        "networkConfig": { "network": format!("{P}/global/networks/main") },
        "nodePools": [{
            "name": "web", "version": "1.28.1-gke.1", "selfLink": format!("https://container.googleapis.com/v1/{P}/zones/us-east1-b/clusters/main/nodePools/web"),
            "config": { "machineType": "e2-standard-4", "serviceAccount": "app@acme-prod.iam.gserviceaccount.com", "diskSizeGb": 100 },
            "management": { "autoUpgrade": true }, "autoscaling": { "enabled": true, "minNodeCount": 1, "maxNodeCount": 9 },
            "instanceGroupUrls": [format!("https://www.googleapis.com/compute/v1/{P}/zones/us-east1-b/instanceGroupManagers/gke-main-web-grp")],
        }],
    }] });
    let _host = cloud(move |asked| (asked.service == "container").then(|| Answer::json(200, cluster.clone())));
    let all = inventory(json!({ "services": ["gke"] }));
    let main = resource(&all, &format!("//container.googleapis.com/{P}/zones/us-east1-b/clusters/main"));
    assert_eq!(
        (&main["region"], &main["class"], &main["tags"]),
        (&json!("us-east1"), &json!("container.cluster"), &json!({ "env": "prod" }))
    );
    let told = &main["attributes"];
    assert_eq!(
        (&told["public_endpoint"], &told["private_nodes"], &told["basic_auth"], &told["legacy_abac"]),
        (&json!(true), &json!(true), &json!(true), &json!(false))
    );
    assert_eq!(
        main["relations"],
        json!([{ "kind": "network", "target": format!("//compute.googleapis.com/{P}/global/networks/main") }])
    );
    let web = resource(&all, &format!("//container.googleapis.com/{P}/zones/us-east1-b/clusters/main/nodePools/web"));
    assert_eq!((&web["attributes"]["most_nodes"], &web["attributes"]["disk_size_gib"]), (&json!(9), &json!(100)));
    let targets: Vec<&Value> = web["relations"].as_array().unwrap().iter().map(|one| &one["kind"]).collect();
    assert_eq!(targets, ["group_manager", "service_account", "cluster"]);
    assert!(!all.to_string().contains("not-to-be-told"));
}

#[test]
fn a_database_instance_is_told_with_who_may_reach_it_and_its_backups() {
    let _host = cloud(answers(&[
        (
            "/sql/v1beta4/projects/acme-prod/instances",
            r#"{ "items": [{
            "name": "db", "region": "us-central1", "databaseVersion": "POSTGRES_15", "state": "RUNNABLE",
            "createTime": "2025-01-02T03:04:05.6Z", "rootPassword": "not-to-be-told", "masterInstanceName": "acme-prod:first",
            "settings": { "tier": "db-custom-2-7680", "dataDiskSizeGb": "100", "userLabels": { "team": "data" },
                "ipConfiguration": { "ipv4Enabled": true, "authorizedNetworks": [{ "value": "0.0.0.0/0" }] },
                "backupConfiguration": { "enabled": true }, "databaseFlags": [{ "name": "log_connections", "value": "on" }] }
        }] }"#,
        ),
        (
            "/sql/v1beta4/projects/acme-prod/instances/db/backupRuns",
            r#"{ "items": [
            { "id": "1557784800000", "instance": "db", "status": "SUCCESSFUL", "type": "AUTOMATED", "location": "us" }] }"#,
        ),
    ]));
    let all = inventory(json!({ "services": ["sql"] }));
    let db = resource(&all, "//cloudsql.googleapis.com/projects/acme-prod/instances/db");
    let told = &db["attributes"];
    assert_eq!(
        (&told["size_gib"], &told["from_everywhere"], &told["require_ssl"]),
        (&json!(100), &json!(true), &json!(false))
    );
    assert_eq!((&told["flags"], &db["tags"]), (&json!({ "log_connections": "on" }), &json!({ "team": "data" })));
    assert_eq!(
        db["relations"][0],
        json!({ "kind": "replica_of", "target": "//cloudsql.googleapis.com/projects/acme-prod/instances/first" })
    );
    let backup = resource(&all, "//cloudsql.googleapis.com/projects/acme-prod/instances/db/backupRuns/1557784800000");
    assert_eq!((&backup["class"], &backup["region"]), (&json!("database.snapshot"), &json!("us")));
    assert!(!all.to_string().contains("not-to-be-told"));
}

#[test]
fn keys_of_people_and_of_google_are_told_apart() {
    let _host = cloud(answers(&[
        (
            "/v1/projects/acme-prod/serviceAccounts",
            r#"{ "accounts": [{ "name": "projects/acme-prod/serviceAccounts/app@acme-prod.iam.gserviceaccount.com",
            "email": "app@acme-prod.iam.gserviceaccount.com", "uniqueId": "1" }] }"#,
        ),
        (
            "/v1/projects/acme-prod/serviceAccounts/app@acme-prod.iam.gserviceaccount.com/keys",
            r#"{ "keys": [
            { "name": "projects/acme-prod/serviceAccounts/app@acme-prod.iam.gserviceaccount.com/keys/k1", "keyType": "USER_MANAGED",
              "validAfterTime": "2024-01-02T03:04:05Z", "validBeforeTime": "9999-12-31T23:59:59Z" },
            { "name": "projects/acme-prod/serviceAccounts/app@acme-prod.iam.gserviceaccount.com/keys/k2", "keyType": "SYSTEM_MANAGED" }] }"#,
        ),
    ]));
    let all = inventory(json!({ "services": ["iam"] }));
    let account = "//iam.googleapis.com/projects/acme-prod/serviceAccounts/app@acme-prod.iam.gserviceaccount.com";
    let own = resource(&all, &format!("{account}/keys/k1"));
    assert_eq!((&own["attributes"]["user_managed"], &own["created"]), (&json!(true), &json!("2024-01-02T03:04:05Z")));
    assert_eq!(own["relations"], json!([{ "kind": "service_account", "target": account }]));
    assert_eq!(resource(&all, &format!("{account}/keys/k2"))["attributes"]["user_managed"], false);
}

#[test]
fn keys_of_kms_are_found_in_every_location() {
    let _host = cloud(answers(&[
        (
            "/v1/projects/acme-prod/locations",
            r#"{ "locations": [{ "name": "projects/acme-prod/locations/eu" }, { "name": "projects/acme-prod/locations/us-east1" }] }"#,
        ),
        (
            "/v1/projects/acme-prod/locations/eu/keyRings",
            r#"{ "keyRings": [{ "name": "projects/acme-prod/locations/eu/keyRings/r" }] }"#,
        ),
        (
            "/v1/projects/acme-prod/locations/eu/keyRings/r/cryptoKeys",
            r#"{ "cryptoKeys": [{ "name": "projects/acme-prod/locations/eu/keyRings/r/cryptoKeys/k",
            "rotationPeriod": "7776000s", "purpose": "ENCRYPT_DECRYPT", "primary": { "state": "ENABLED" } }] }"#,
        ),
        (
            "/v1/projects/acme-prod/locations/eu/keyRings/r/cryptoKeys/k:getIamPolicy",
            r#"{ "bindings": [{ "role": "roles/viewer", "members": ["allAuthenticatedUsers"] }] }"#,
        ),
    ]));
    let all = inventory(json!({ "services": ["kms"] }));
    let ring = "//cloudkms.googleapis.com/projects/acme-prod/locations/eu/keyRings/r";
    let key = resource(&all, &format!("{ring}/cryptoKeys/k"));
    assert_eq!(
        (&key["attributes"]["rotation_days"], &key["attributes"]["public"], &key["region"]),
        (&json!(90.0), &json!(true), &json!("eu"))
    );
    assert_eq!(key["relations"], json!([{ "kind": "key_ring", "target": ring }]));
    assert_eq!(found(&all).len(), 2);
}

#[test]
fn what_runs_code_is_told_with_who_may_call_it_and_names_of_variables_alone() {
    let _host = cloud(answers(&[
        (
            "/v1/projects/acme-prod/locations/-/services",
            r#"{ "items": [{ "metadata": { "name": "hello",
            "labels": { "cloud.googleapis.com/location": "us-central1" }, "annotations": { "run.googleapis.com/ingress": "all" } },
            "spec": { "template": { "spec": { "containers": [{ "image": "gcr.io/acme/hello", "env": [
                { "name": "TOKEN", "value": "not-to-be-told" }, { "name": "KEY", "valueFrom": { "secretKeyRef": {} } }] }] } } } }] }"#,
        ),
        (
            "/v1/projects/acme-prod/locations/us-central1/services/hello:getIamPolicy",
            r#"{ "bindings": [{ "role": "roles/run.invoker", "members": ["allUsers"] }] }"#,
        ),
        (
            "/v1/projects/acme-prod/locations/-/functions",
            r#"{ "functions": [{ "name": "projects/acme-prod/locations/us-central1/functions/one",
            "runtime": "python37", "environmentVariables": { "PASSWORD": "not-to-be-told" }, "httpsTrigger": { "url": "https://x" } }] }"#,
        ),
        (
            "/v2/projects/acme-prod/locations/-/functions",
            r#"{ "functions": [
            { "name": "projects/acme-prod/locations/us-central1/functions/one", "environment": "GEN_1" },
            { "name": "projects/acme-prod/locations/us-central1/functions/two", "environment": "GEN_2", "buildConfig": { "runtime": "go122" } }] }"#,
        ),
    ]));
    let all = inventory(json!({ "services": ["run", "functions"] }));
    let hello = resource(&all, "//run.googleapis.com/projects/acme-prod/locations/us-central1/services/hello");
    assert_eq!(
        (&hello["attributes"]["public"], &hello["attributes"]["ingress"], &hello["region"]),
        (&json!(true), &json!("all"), &json!("us-central1"))
    );
    assert_eq!(hello["attributes"]["environment"], json!({ "plain": ["TOKEN"], "from_secrets": ["KEY"] }));
    let kinds: Vec<(String, String)> = found(&all).into_iter().filter(|(kind, _)| kind.contains("functions")).collect();
    let name = |name: &str| {
        format!("//cloudfunctions.googleapis.com/projects/acme-prod/locations/us-central1/functions/{name}")
    };
    assert_eq!(
        kinds,
        [
            ("gcp.cloudfunctions.googleapis.com/CloudFunction".to_owned(), name("one")),
            ("gcp.cloudfunctions.googleapis.com/Function".to_owned(), name("two"))
        ],
        "each function once"
    );
    assert!(!all.to_string().contains("not-to-be-told"));
}

#[test]
fn a_dataset_is_told_with_who_may_read_it() {
    let _host = cloud(answers(&[
        (
            "/bigquery/v2/projects/acme-prod/datasets",
            r#"{ "datasets": [{ "id": "acme-prod:d", "location": "US",
            "datasetReference": { "projectId": "acme-prod", "datasetId": "d" } }] }"#,
        ),
        (
            "/bigquery/v2/projects/acme-prod/datasets/d",
            r#"{ "creationTime": "1735787045000", "access": [
            { "role": "READER", "specialGroup": "allAuthenticatedUsers" }, { "role": "OWNER", "userByEmail": "ann@example.com" }],
            "defaultEncryptionConfiguration": { "kmsKeyName": "projects/acme-prod/locations/us/keyRings/r/cryptoKeys/k" } }"#,
        ),
        (
            "/bigquery/v2/projects/acme-prod/datasets/d/tables",
            r#"{ "tables": [{ "type": "TABLE", "creationTime": "1735787045000",
            "tableReference": { "projectId": "acme-prod", "datasetId": "d", "tableId": "t" }, "timePartitioning": { "type": "DAY" } }] }"#,
        ),
    ]));
    let all = inventory(json!({ "services": ["bigquery"] }));
    let id = "//bigquery.googleapis.com/projects/acme-prod/datasets/d";
    let dataset = resource(&all, id);
    assert_eq!(
        (&dataset["attributes"]["public"], &dataset["region"], &dataset["created"]),
        (&json!(true), &json!("us"), &json!("2025-01-02T03:04:05Z"))
    );
    assert_eq!(dataset["attributes"]["access"][1], json!({ "role": "OWNER", "user": "ann@example.com" }));
    assert_eq!(dataset["relations"][0]["kind"], "kms_key");
    let table = resource(&all, &format!("{id}/tables/t"));
    assert_eq!((&table["attributes"]["partitioned"], &table["relations"][0]["target"]), (&json!(true), &json!(id)));
}
