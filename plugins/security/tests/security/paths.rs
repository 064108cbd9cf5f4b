//! Paths of attack.

use serde_json::{Value, json};
use troupe_agent_security::Security;
use troupe_sdk::test::perform;

use super::documents::{host, open_group};

fn resource(kind: &str, id: &str, attributes: Value, relations: &[(&str, &str)]) -> Value {
    let relations: Vec<Value> =
        relations.iter().map(|(kind, target)| json!({ "kind": kind, "target": target })).collect();
    json!({ "id": id, "type": kind, "region": "eu-west-1", "account": "111122223333", "attributes": attributes, "relations": relations })
}

fn policies(action: &str, resource: &str, more: Value) -> Value {
    let mut statement = json!({ "Effect": "Allow", "Action": action, "Resource": resource });
    statement.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "policies": [{ "name": "p", "document": { "Statement": [statement] } }] })
}

fn estate(role: Value) -> Vec<Value> {
    vec![
        open_group("sg-1"),
        resource(
            "aws.ec2.instance",
            "i-1",
            json!({ "public_ip": "52.1.2.3" }),
            &[("security-group", "sg-1"), ("instance-profile", "app")],
        ),
        resource("aws.iam.instance-profile", "app", json!({}), &[("role", "app-role")]),
        resource("aws.iam.role", "app-role", role, &[]),
        resource("aws.s3.bucket", "payroll", json!({}), &[]),
        resource("aws.s3.bucket", "public-pictures", json!({}), &[]),
    ]
}

#[test]
fn a_path_leads_from_the_internet_over_a_role_to_data() {
    let _host = host();
    let role = policies("s3:Get*", "arn:aws:s3:::payroll/*", json!({}));
    let told = perform::<Security>("paths", json!({ "resources": estate(role) })).unwrap();
    let paths = told["paths"].as_array().unwrap();
    assert_eq!((paths.len(), told["complete"].as_bool()), (1, Some(true)), "{told}");
    let ids: Vec<&str> =
        paths[0]["steps"].as_array().unwrap().iter().map(|step| step["resource"]["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["i-1", "app", "app-role", "payroll"]);
    assert_eq!(
        (paths[0]["severity"].as_str(), paths[0]["exposed_by"].as_str()),
        (Some("high"), Some("aws.ec2.exposed-machine"))
    );
    assert_eq!(paths[0]["steps"][3]["how"], "may s3:GetObject by its policies");
}

#[test]
fn a_denial_closes_a_path_and_a_condition_is_told() {
    let _host = host();
    let mut role = policies("s3:*", "*", json!({}));
    role["policies"][0]["document"]["Statement"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "Effect": "Deny", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::payroll/*" }));
    let told = perform::<Security>("paths", json!({ "resources": estate(role) })).unwrap();
    let goals: Vec<&str> = told["paths"]
        .as_array()
        .unwrap()
        .iter()
        .map(|path| path["steps"][3]["resource"]["id"].as_str().unwrap())
        .collect();
    assert_eq!(goals, ["public-pictures"]);
    let role = policies(
        "s3:GetObject",
        "arn:aws:s3:::payroll/*",
        json!({ "Condition": { "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } } }),
    );
    let told = perform::<Security>("paths", json!({ "resources": estate(role) })).unwrap();
    assert_eq!(
        (told["paths"][0]["conditional"].as_bool(), told["paths"][0]["severity"].as_str()),
        (Some(true), Some("medium"))
    );
}

#[test]
fn a_role_that_may_do_everything_is_a_goal_itself() {
    let _host = host();
    let told = perform::<Security>("paths", json!({ "resources": estate(policies("*", "*", json!({}))) })).unwrap();
    let path = &told["paths"][0];
    assert_eq!((path["severity"].as_str(), path["goal"].as_str()), (Some("critical"), Some("may do everything")));
}

#[test]
fn a_path_leads_through_a_cluster_to_a_secret() {
    let _host = host();
    let manifests = "apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: web, namespace: shop }
spec: { rules: [{ http: { paths: [{ path: /, backend: { service: { name: web } } }] } }] }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { selector: { app: web } }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop }
spec: { template: { metadata: { labels: { app: web } }, spec: { containers: [{ name: a, image: 'a:1' }], volumes: [{ name: s, secret: { secretName: db } }] } } }
---
apiVersion: v1
kind: Secret
metadata: { name: db, namespace: shop }
";
    let told =
        perform::<Security>("paths", json!({ "documents": [{ "name": "shop.yaml", "text": manifests }] })).unwrap();
    let ids: Vec<&str> = told["paths"][0]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["resource"]["type"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["kubernetes.Ingress", "kubernetes.Service", "kubernetes.Deployment", "kubernetes.Secret"]);
    assert_eq!(told["paths"][0]["severity"], "critical");
}

#[test]
fn the_search_says_where_it_ended() {
    let _host = host();
    let mut resources = estate(policies("s3:*", "*", json!({})));
    resources.extend((0..200).map(|number| resource("aws.s3.bucket", &format!("b{number}"), json!({}), &[])));
    let told = perform::<Security>("paths", json!({ "resources": resources, "paths_max": 10 })).unwrap();
    assert_eq!((told["paths"].as_array().unwrap().len(), told["complete"].as_bool()), (10, Some(false)));
    assert!(told["why"].as_str().unwrap().contains("of which 10 are told"));
    let told =
        perform::<Security>("paths", json!({ "resources": estate(policies("s3:*", "*", json!({}))), "length_max": 2 }))
            .unwrap();
    assert!(told["paths"].as_array().unwrap().is_empty());
}

#[test]
fn what_a_statement_is_not_about_is_no_way_on() {
    let _host = host();
    let spared = |resource: &str| {
        json!({ "policies": [{ "name": "p", "document": { "Statement":
            [{ "Effect": "Allow", "Action": "s3:*", "NotResource": resource }] } }] })
    };
    let ask = |role: Value| {
        let told = perform::<Security>("paths", json!({ "resources": estate(role) })).unwrap();
        told["paths"].as_array().unwrap().len()
    };
    assert_eq!(ask(spared("arn:aws:s3:::payroll/*")), 1);
    assert_eq!(ask(spared("arn:aws:s3:::*")), 0);
}

#[test]
fn a_role_reaches_what_lies_below_its_scope_and_nothing_beside() {
    let _host = host();
    let azure = |kind: &str, id: &str, attributes: Value, relations: &[(&str, &str)]| {
        let mut made = resource(kind, id, attributes, relations);
        made["region"] = json!("westeurope");
        made["account"] = json!("s");
        made
    };
    let ask = |scope: &str| -> Vec<String> {
        let container = azure(
            "azure.microsoft.web/sites",
            "/subscriptions/s/resourceGroups/app/providers/Microsoft.Web/sites/web",
            json!({ "identity_principal": "p-1" }),
            &[],
        );
        let account = |group: &str| {
            let id = format!("/subscriptions/s/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts/a");
            azure("azure.microsoft.storage/storageaccounts", &id, json!({ "network_default_action": "Deny" }), &[])
        };
        let role = azure(
            "azure.microsoft.authorization/roleassignments",
            "/subscriptions/s/providers/Microsoft.Authorization/roleAssignments/r",
            json!({ "scope": scope, "role": "Reader" }),
            &[("principal", "p-1")],
        );
        let rules = "azure.microsoft.web/sites:\n  - { id: team.web, title: It is open, severity: low, fix: Close it., topics: [network], exposes: true, fail: { identity_principal: { exists: true } }, fails: [{ identity_principal: a }], passes: [{}] }\n";
        let input =
            json!({ "resources": [container, account("data"), account("data-old"), role], "more_rules": [rules] });
        let told = perform::<Security>("paths", input).unwrap();
        let last = |path: &Value| {
            path["steps"].as_array().unwrap().last().unwrap()["resource"]["id"].as_str().unwrap().to_owned()
        };
        told["paths"].as_array().unwrap().iter().map(last).collect()
    };
    assert_eq!(ask("/subscriptions/S/resourcegroups/data").len(), 1);
    assert_eq!((ask("/subscriptions/s/").len(), ask("/").len(), ask("/subscriptions/x").len()), (2, 2, 0));
}

#[test]
fn only_rules_are_judged_that_say_what_is_exposed() {
    let _host = host();
    let mut group = open_group("sg-1");
    group["unread"] = json!(["description"]);
    let mut bucket = resource("aws.s3.bucket", "b", json!({}), &[]);
    bucket["unread"] = json!(["policy", "public", "versioning"]);
    let told =
        perform::<Security>("paths", json!({ "resources": [group, bucket], "rules": ["aws.s3.versioning"] })).unwrap();
    let rows: Vec<&str> =
        told["not_checked"].as_array().unwrap().iter().map(|row| row["rule"].as_str().unwrap()).collect();
    assert!(rows.contains(&"aws.s3.public-policy") && !rows.contains(&"aws.s3.versioning"), "{rows:?}");
}
