//! Each format of documents, by documents that were written for these tests.

use serde_json::{Value, json};

use super::documents::{check, codes, found, has};

fn undecided(answer: &Value, rule: &str) -> String {
    let rows = answer["not_checked"].as_array().unwrap();
    rows.iter()
        .find(|row| row["rule"] == rule)
        .map(|row| row["reason"].as_str().unwrap().to_owned())
        .unwrap_or_default()
}

/// A plan with a bucket, what is put into it by reference, and values that only the cloud knows.
fn plan() -> String {
    json!({
        "format_version": "1.2",
        "planned_values": { "root_module": {
            "resources": [
                { "address": "aws_s3_bucket.logs", "mode": "managed", "type": "aws_s3_bucket", "name": "logs", "values": { "bucket": "acme-logs" } },
                { "address": "aws_s3_bucket_public_access_block.logs", "mode": "managed", "type": "aws_s3_bucket_public_access_block", "name": "logs",
                  "values": { "block_public_acls": true, "ignore_public_acls": true, "block_public_policy": true, "restrict_public_buckets": true } },
                { "address": "aws_security_group.web", "mode": "managed", "type": "aws_security_group", "name": "web", "values": { "name": "web", "description": "web" } },
                { "address": "aws_security_group_rule.ssh", "mode": "managed", "type": "aws_security_group_rule", "name": "ssh",
                  "values": { "type": "ingress", "protocol": "tcp", "from_port": 22, "to_port": 22, "cidr_blocks": ["0.0.0.0/0"] } },
                { "address": "aws_db_instance.db", "mode": "managed", "type": "aws_db_instance", "name": "db",
                  "values": { "identifier": "db", "engine": "postgres", "engine_version": "17.1", "publicly_accessible": true, "backup_retention_period": 7 } },
                { "address": "random_id.x", "mode": "managed", "type": "random_id", "name": "x", "values": {} },
                { "address": "aws_quantum_ledger.q", "mode": "managed", "type": "aws_quantum_ledger", "name": "q", "values": {} }
            ],
            "child_modules": [{ "address": "module.data", "resources": [
                { "address": "module.data.aws_ebs_volume.v[0]", "mode": "managed", "type": "aws_ebs_volume", "name": "v", "index": 0, "values": { "size": 8, "encrypted": false } }
            ] }]
        } },
        "resource_changes": [
            { "address": "aws_s3_bucket_public_access_block.logs", "change": { "after_unknown": { "bucket": true, "id": true } } },
            { "address": "aws_security_group.web", "change": { "after_unknown": { "id": true, "ingress": true, "egress": true } } },
            { "address": "aws_security_group_rule.ssh", "change": { "after_unknown": { "security_group_id": true } } },
            { "address": "aws_db_instance.db", "change": { "after_unknown": { "storage_encrypted": true } } }
        ],
        "configuration": {
            "provider_config": { "aws": { "expressions": { "region": { "constant_value": "eu-central-1" } } } },
            "root_module": { "resources": [
                { "type": "aws_s3_bucket_public_access_block", "name": "logs", "expressions": { "bucket": { "references": ["aws_s3_bucket.logs.id", "aws_s3_bucket.logs"] } } },
                { "type": "aws_security_group_rule", "name": "ssh", "expressions": { "security_group_id": { "references": ["aws_security_group.web.id", "aws_security_group.web"] } } }
            ] }
        }
    })
    .to_string()
}

#[test]
fn a_plan_is_checked_with_its_references_and_without_guessing_what_is_known_after_apply() {
    let told = check("plan.json", &plan());
    assert!(has(&told, "aws.rds.public", "db"));
    assert!(has(&told, "aws.ec2.volume-unencrypted", "module.data.aws_ebs_volume.v[0]"));
    // The block is about the bucket by a reference alone.
    assert!(!has(&told, "aws.s3.public-access-block", "acme-logs"));
    assert!(has(&told, "aws.s3.versioning", "acme-logs"));
    assert_eq!(undecided(&told, "aws.rds.unencrypted"), "known after apply");
    // The group's own list is made of the rules beside it, which refer to it.
    assert!(has(&told, "aws.ec2.admin-port-open", "aws_security_group.web"));
    let problems = told["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert_eq!(
        (problems[0]["code"].as_str(), problems[0]["service"].as_str()),
        (Some("no_mapping"), Some("terraform aws_quantum_ledger"))
    );
    let database = told["findings"].as_array().unwrap().iter().find(|one| one["rule"] == "aws.rds.public").unwrap();
    assert_eq!(database["resource"]["region"], "eu-central-1");
    assert_eq!(database["place"]["file"], "plan.json");
}

#[test]
fn a_member_of_a_cluster_is_not_asked_for_what_its_cluster_has() {
    let resource = |kind: &str, name: &str, values: Value| json!({ "address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name, "values": values });
    let plan = json!({ "format_version": "1.2", "planned_values": { "root_module": { "resources": [
        resource("aws_rds_cluster", "c", json!({ "cluster_identifier": "c", "engine": "aurora-postgresql", "storage_encrypted": false })),
        resource("aws_rds_cluster_instance", "i", json!({ "identifier": "i", "cluster_identifier": "c", "engine": "aurora-postgresql" })),
    ] } } });
    let told = check("plan.json", &plan.to_string());
    for rule in ["aws.rds.unencrypted", "aws.rds.deletion-protection", "aws.rds.own-password"] {
        assert!(has(&told, rule, "c") && !has(&told, rule, "i"), "{rule}");
    }
}

#[test]
fn a_resource_is_where_the_provider_is_set_to_that_it_names() {
    let volume = |name: &str| json!({ "address": format!("aws_ebs_volume.{name}"), "mode": "managed", "type": "aws_ebs_volume", "name": name, "values": { "encrypted": false } });
    let written = |name: &str, key: &str| json!({ "type": "aws_ebs_volume", "name": name, "provider_config_key": key, "expressions": {} });
    let mut own = volume("own");
    own["values"]["region"] = json!("us-west-2");
    let region = |region: Value| json!({ "expressions": { "region": region } });
    let plan = json!({ "format_version": "1.2", "variables": { "far": { "value": "ap-south-1" } },
        "planned_values": { "root_module": { "resources": [volume("here"), volume("there"), volume("far"), volume("nowhere"), own] } },
        "configuration": {
            "provider_config": { "aws.there": region(json!({ "constant_value": "eu-west-3" })),
                "aws": region(json!({ "constant_value": "eu-central-1" })), "aws.far": region(json!({ "references": ["var.far"] })),
                "aws.nowhere": region(json!({ "references": ["data.x.y"] })) },
            "root_module": { "resources": [written("here", "aws"), written("there", "aws.there"), written("far", "aws.far"),
                written("nowhere", "aws.nowhere"), written("own", "aws")] } } });
    let told = check("plan.json", &plan.to_string());
    let all = told["findings"].as_array().unwrap();
    let region = |name: &str| {
        let id = format!("aws_ebs_volume.{name}");
        let one = all.iter().find(|one| one["rule"] == "aws.ec2.volume-unencrypted" && one["resource"]["id"] == id);
        one.unwrap()["resource"]["region"].as_str().unwrap()
    };
    let regions = ["here", "there", "far", "nowhere", "own"].map(region);
    assert_eq!(regions, ["eu-central-1", "eu-west-3", "ap-south-1", "global", "us-west-2"]);
}

#[test]
fn a_cache_in_a_replication_group_is_not_asked_for_what_its_group_has() {
    let resource = |kind: &str, name: &str, values: Value| json!({ "address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name, "values": values });
    let plan = json!({ "format_version": "1.2", "planned_values": { "root_module": { "resources": [
        resource("aws_elasticache_replication_group", "g", json!({ "replication_group_id": "g", "engine": "redis", "transit_encryption_enabled": true })),
        resource("aws_elasticache_cluster", "member", json!({ "cluster_id": "member", "replication_group_id": "g" })),
        resource("aws_elasticache_cluster", "alone", json!({ "cluster_id": "alone", "engine": "redis", "replication_group_id": null })),
    ] } } });
    let told = check("plan.json", &plan.to_string());
    for rule in ["encryption-at-rest", "authentication", "backups"].map(|rule| format!("aws.elasticache.{rule}")) {
        assert_eq!(["g", "alone", "member"].map(|id| has(&told, &rule, id)), [true, true, false], "{rule}");
    }
}

#[test]
fn parts_of_a_plan_make_logs_recorders_and_firewalls_whole() {
    let resource = |kind: &str, name: &str, values: Value| json!({ "address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name, "values": values });
    let everywhere = json!({ "priority": 10, "direction": "INGRESS", "action": "allow", "firewall_policy": "open",
        "match": [{ "src_ip_ranges": ["0.0.0.0/0"], "layer4_configs": [{ "ip_protocol": "tcp", "ports": ["22"] }] }] });
    let internal = |name: &str, of: &str| {
        let mut rule = everywhere.clone();
        rule["firewall_policy"] = json!(name);
        rule["match"][0][of] = json!("NON_INTERNET");
        resource("google_compute_network_firewall_policy_rule", name, rule)
    };
    let attached = |name: &str| {
        let association = json!({ "name": name, "firewall_policy": name, "attachment_target": "net" });
        resource("google_compute_network_firewall_policy_association", name, association)
    };
    let plan = json!({ "format_version": "1.2", "planned_values": { "root_module": { "resources": [
        resource("aws_elb", "logged", json!({ "name": "logged", "access_logs": [{ "bucket": "logs" }] })),
        resource("aws_elb", "silent", json!({ "name": "silent", "access_logs": [] })),
        resource("aws_redshift_cluster", "logged", json!({ "cluster_identifier": "warm" })),
        resource("aws_redshift_logging", "l", json!({ "cluster_identifier": "warm", "log_destination_type": "cloudwatch" })),
        resource("aws_redshift_cluster", "silent", json!({ "cluster_identifier": "cold" })),
        resource("aws_config_configuration_recorder", "on", json!({ "name": "on" })),
        resource("aws_config_configuration_recorder_status", "on", json!({ "name": "on", "is_enabled": true })),
        resource("aws_config_configuration_recorder", "off", json!({ "name": "off" })),
        resource("azurerm_mysql_flexible_server", "m", json!({ "name": "orders" })),
        resource("azurerm_mysql_flexible_server_firewall_rule", "r", json!({ "name": "all", "server_name": "orders",
            "start_ip_address": "0.0.0.0", "end_ip_address": "255.255.255.255" })),
        resource("google_compute_network_firewall_policy", "open", json!({ "name": "open" })),
        resource("google_compute_network_firewall_policy", "scoped", json!({ "name": "scoped" })),
        internal("scoped", "src_network_scope"),
        attached("scoped"),
        resource("google_compute_network_firewall_policy", "within", json!({ "name": "within" })),
        internal("within", "src_network_context"),
        attached("within"),
        resource("google_compute_network_firewall_policy_rule", "r", everywhere.clone()),
        attached("open"),
        resource("google_compute_region_disk", "d", json!({ "name": "d" })),
    ] } } });
    let told = check("plan.json", &plan.to_string());
    let failed = |rule: &str| {
        let all = found(&told).into_iter().filter(|(its, ..)| its == rule);
        all.map(|(_, id, _)| id.rsplit('.').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for (rule, ids) in [
        ("aws.elb.access-logs", vec!["silent"]),
        ("aws.redshift.logging", vec!["cold"]),
        ("aws.config.off", vec!["off"]),
        ("azure.database.open-firewall", vec!["m"]),
        ("azure.database.azure-services", vec![]),
        ("gcp.firewall-policy.ssh-open", vec!["open"]),
        ("gcp.firewall-policy.rdp-open", vec![]),
        ("gcp.compute.disk-key", vec!["d"]),
    ] {
        assert_eq!(failed(rule), ids, "{rule}");
    }
}

#[test]
fn a_state_is_checked_in_both_its_forms() {
    let file = json!({ "version": 4, "terraform_version": "1.9.0", "lineage": "x", "resources": [
        { "mode": "managed", "type": "aws_sqs_queue", "name": "q", "instances": [{ "attributes": { "name": "orders", "sqs_managed_sse_enabled": false,
            "policy": "{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"sqs:*\"}]}" } }] }] });
    let told = check("terraform.tfstate", &file.to_string());
    assert!(has(&told, "aws.sqs.public-policy", "orders") && has(&told, "aws.sqs.unencrypted", "orders"));
    let shown = json!({ "format_version": "1.0", "terraform_version": "1.9.0", "values": { "root_module": { "resources": [
        { "address": "google_storage_bucket.b", "mode": "managed", "type": "google_storage_bucket", "name": "b", "values": { "name": "pictures", "uniform_bucket_level_access": false } },
        { "address": "google_storage_bucket_iam_member.all", "mode": "managed", "type": "google_storage_bucket_iam_member", "name": "all", "values": { "bucket": "pictures", "role": "roles/storage.objectViewer", "member": "allUsers" } },
        { "address": "azurerm_storage_account.a", "mode": "managed", "type": "azurerm_storage_account", "name": "a", "values": { "name": "acme", "min_tls_version": "TLS1_0" } } ] } } });
    let told = check("state.json", &shown.to_string());
    assert!(
        has(&told, "gcp.storage.public", "google_storage_bucket.b")
            && has(&told, "gcp.storage.uniform-access", "google_storage_bucket.b")
    );
    assert!(has(&told, "azure.storage.tls-version", "azurerm_storage_account.a"));
    assert!(!has(&told, "azure.storage.https-only", "azurerm_storage_account.a"));
}

const TEMPLATE: &str = "AWSTemplateFormatVersion: '2010-09-09'
Parameters:
  Open: { Type: String, Default: 0.0.0.0/0 }
  Public: { Type: String }
Conditions:
  Never: !Equals [a, b]
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      PublicAccessBlockConfiguration:
        BlockPublicAcls: true
        IgnorePublicAcls: true
        BlockPublicPolicy: false
        RestrictPublicBuckets: false
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Bucket
      PolicyDocument:
        Statement:
          - { Effect: Allow, Principal: '*', Action: 's3:GetObject', Resource: !Sub 'arn:aws:s3:::${Bucket}/*' }
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties:
      GroupDescription: web
      SecurityGroupIngress:
        - { IpProtocol: tcp, FromPort: 3389, ToPort: 3389, CidrIp: !Ref Open }
  Gone:
    Type: AWS::SQS::Queue
    Condition: Never
  Database:
    Type: AWS::RDS::DBInstance
    Properties:
      Engine: postgres
      StorageEncrypted: !If [Never, true, false]
      PubliclyAccessible: !Ref Public
";

#[test]
fn a_template_of_cloudformation_is_checked_with_lines_parameters_and_conditions() {
    let told = check("stack.yaml", TEMPLATE);
    assert!(has(&told, "aws.s3.public-policy", "Bucket"));
    assert!(found(&told).contains(&("aws.ec2.admin-port-open".to_owned(), "Group".to_owned(), 23)));
    assert!(has(&told, "aws.rds.unencrypted", "Database"));
    assert_eq!(undecided(&told, "aws.rds.public"), "the parameter Public has no default");
    assert!(!found(&told).iter().any(|(_, id, _)| id == "Gone"));
    let json = json!({ "Resources": { "T": { "Type": "AWS::SNS::Topic", "Properties": {} } } }).to_string();
    assert!(has(&check("stack.template", &json), "aws.sns.unencrypted", "T"));
}

#[test]
fn what_a_template_leaves_out_is_what_the_cloud_does_without_it() {
    let told = check(
        "lb.yaml",
        "Resources:
  Balancer:
    Type: AWS::ElasticLoadBalancingV2::LoadBalancer
    Properties:
      Type: application
      LoadBalancerAttributes: [{ Key: routing.http.desync_mitigation_mode, Value: monitor }]
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties: { LoadBalancerArn: !Ref Balancer, Protocol: HTTPS, Port: 443 }
",
    );
    assert!(has(&told, "aws.elbv2.old-tls", "Balancer") && has(&told, "aws.elbv2.desync", "Balancer"));
    // A web ACL is put before a stage by something that is not read here.
    let stage = "Resources:\n  Stage:\n    Type: AWS::ApiGateway::Stage\n    Properties: { StageName: prod }\n";
    assert!(undecided(&check("api.yaml", stage), "aws.apigateway.no-waf").contains("not told"));
}

#[test]
fn a_template_of_arm_is_checked_with_its_expressions() {
    let template = r#"{
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  // comments are allowed
  "parameters": { "source": { "type": "string", "defaultValue": "*" }, "tls": { "type": "string" } },
  "variables": { "name": "[concat('web', '-nsg')]" },
  "resources": [
    { "type": "Microsoft.Network/networkSecurityGroups", "apiVersion": "2024-05-01", "name": "[variables('name')]", "location": "westeurope",
      "properties": { "securityRules": [ { "name": "ssh", "properties": { "access": "Allow", "direction": "Inbound", "protocol": "Tcp",
        "sourceAddressPrefix": "[parameters('source')]", "destinationPortRange": "22" } } ] } },
    { "type": "Microsoft.Sql/servers", "apiVersion": "2023-08-01", "name": "sql", "properties": { "minimalTlsVersion": "[parameters('tls')]" },
      "resources": [ { "type": "firewallRules", "apiVersion": "2023-08-01", "name": "all",
        "properties": { "startIpAddress": "0.0.0.0", "endIpAddress": "255.255.255.255" } } ] }
  ]
}"#;
    let told = check("main.json", template);
    assert!(has(&told, "azure.network.ssh-open", "Microsoft.Network/networkSecurityGroups/web-nsg"));
    assert!(has(&told, "azure.sql.open-firewall", "Microsoft.Sql/servers/sql"));
    assert_eq!(undecided(&told, "azure.sql.tls-version"), "the parameter tls has no default");
    let line = found(&told).into_iter().find(|(rule, _, _)| rule == "azure.sql.open-firewall").unwrap().2;
    assert_eq!(line, 10);
}

#[test]
fn manifests_of_kubernetes_are_checked_object_by_object() {
    let manifests = "apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop }
spec:
  template:
    spec:
      containers:
        - name: app
          image: nginx
          securityContext: { privileged: true }
      initContainers:
        - { name: setup, image: 'busybox:1.36', securityContext: { runAsUser: 0 } }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: all }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin }
subjects: [{ kind: ServiceAccount, name: web, namespace: shop }]
---
apiVersion: example.org/v1
kind: Widget
metadata: { name: x }
";
    let told = check("web.yaml", manifests);
    let privileged =
        told["findings"].as_array().unwrap().iter().find(|one| one["rule"] == "kubernetes.privileged").unwrap();
    assert_eq!(
        (privileged["resource"]["id"].as_str(), privileged["discriminator"].as_str()),
        (Some("shop/web"), Some("web.yaml: app"))
    );
    assert_eq!(privileged["place"]["line"], 1);
    assert!(has(&told, "kubernetes.root-user", "shop/web"));
    assert!(found(&told).contains(&("kubernetes.cluster-admin".to_owned(), "all".to_owned(), 14)));
    assert!(told["problems"].as_array().unwrap().is_empty());
}

#[test]
fn secrets_are_found_in_any_text_and_never_told() {
    let secret = "AKIAQ4R7TJ2MZW3YKD5N";
    let told = check("deploy.sh", &format!("#!/bin/sh\nexport AWS_ACCESS_KEY_ID={secret}\n"));
    assert_eq!(found(&told), [("secrets.aws-access-key".to_owned(), "deploy.sh".to_owned(), 2)]);
    assert!(!told.to_string().contains(secret));
    let manifest = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: c }}\ndata: {{ key: {secret} }}\n");
    let told = check("c.yaml", &manifest);
    assert!(has(&told, "kubernetes.secret-in-settings", "default/c"));
    assert!(!told.to_string().contains(secret), "evidence about secrets is not shown");
}

#[test]
fn secrets_are_found_wherever_they_lie_in_a_line_of_any_length() {
    let (one, other) = ("AKIAQ4R7TJ2MZW3YKD5N", "AKIAW7M3ZQ5TJ2R4YKXB");
    for before in [0, 100, 8_170, 8_180, 8_190, 100_000] {
        let line = format!("{{\"a\": \"{}\", \"b\": \"{one}\", \"c\": \"é\", \"d\": \"{other}\"}}", "y".repeat(before));
        let told = check("plan.txt", &line);
        assert_eq!(found(&told).len(), 2, "after {before}: {:?}", found(&told));
    }
    let many: String = (0..120).map(|n| format!("token = glpat-x7Kq2Lm9Rt4Vw8Zb{n:04}\n")).collect();
    let told = check("many.txt", &many);
    assert_eq!((found(&told).len(), codes(&told)), (100, vec![("too_many_secrets", "secrets.gitlab-token")]));
}

#[test]
fn what_cannot_be_read_is_a_row_and_nothing_panics() {
    let bomb = (1..12).fold("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, n| {
        format!("{text}a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 10].join(", "))
    });
    for (name, text, code) in [
        ("a.json", "{\"a\":", "unreadable"),
        ("b.yaml", "a: [", "unreadable"),
        ("c.yaml", bomb.as_str(), "unreadable"),
        ("d.json", "{}", "unknown_format"),
        ("e.json", "{\"format_version\": \"1\", \"planned_values\": 3}", "unreadable"),
        ("f.yaml", "Resources: 3\nAWSTemplateFormatVersion: x\n", ""),
        ("g.json", "{\"$schema\": \"deploymentTemplate.json\", \"resources\": [{\"type\": 3}, 4]}", "no_mapping"),
        ("h.yaml", "apiVersion: v1\nkind: Pod\nspec: [1]\n---\n- 1\n", "unknown_part"),
        ("notes.txt", "{ not [ yaml", ""),
    ] {
        let told = check(name, text);
        let codes: Vec<&str> =
            told["problems"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
        assert_eq!(codes.first().copied().unwrap_or_default(), code, "{name}: {told}");
    }
    // Beginnings of a whole document are what interrupted writes leave.
    let whole = plan();
    for length in (0..whole.len()).step_by(701) {
        check("plan.json", &whole[..length]);
        check("stack.yaml", &TEMPLATE[..length.min(TEMPLATE.len())]);
    }
}
