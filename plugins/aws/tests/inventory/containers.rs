//! ECS, EKS and ECR: clusters, what they run, and where its images come from.

use crate::aws::{Asked, account, inventory, resource};
use serde_json::{Value, json};
use troupe_sdk::test::Answer;

const CLUSTER: &str = "arn:aws:ecs:us-east-1:111122223333:cluster/prod";
const TASK: &str = "arn:aws:ecs:us-east-1:111122223333:task-definition/web:7";

fn ok(body: Value) -> Option<Answer> {
    Some(Answer::json(200, body))
}

fn service_arn(number: usize) -> String {
    format!("arn:aws:ecs:us-east-1:111122223333:service/prod/s{number}")
}

fn clusters(asked: &Asked) -> Option<Answer> {
    if asked.service != "ecs" {
        return None;
    }
    let input = asked.json();
    match asked.operation.as_str() {
        "ListClusters" => ok(json!({ "clusterArns": [CLUSTER], "nextToken": null })),
        "DescribeClusters" => {
            assert_eq!(input["include"], json!(["CONFIGURATIONS", "SETTINGS", "TAGS"]));
            ok(json!({ "clusters": [{
                "clusterArn": CLUSTER, "clusterName": "prod", "status": "ACTIVE", "activeServicesCount": 12,
                "settings": [{ "name": "containerInsights", "value": "enabled" }], "tags": [{ "key": "env", "value": "p" }],
                "configuration": { "executeCommandConfiguration": { "logging": "OVERRIDE", "kmsKeyId": "key-1" } }
            }], "failures": [] }))
        }
        "ListServices" => match input["nextToken"].as_str() {
            None => ok(json!({ "serviceArns": (0..8).map(service_arn).collect::<Vec<_>>(), "nextToken": "t" })),
            Some(_) => ok(json!({ "serviceArns": (8..12).map(service_arn).collect::<Vec<_>>() })),
        },
        "DescribeServices" => {
            let services = input["services"].as_array().unwrap();
            assert!(services.len() <= 10, "the most that may be described at once");
            let one = |arn: &Value| {
                let name = arn.as_str().unwrap().rsplit('/').next().unwrap();
                json!({
                    "serviceArn": arn, "serviceName": name, "clusterArn": CLUSTER, "status": "ACTIVE", "launchType": "FARGATE",
                    "desiredCount": 2, "runningCount": 1, "taskDefinition": TASK, "createdAt": 1_735_689_600.5,
                    "deployments": [{ "taskDefinition": TASK }],
                    "networkConfiguration": { "awsvpcConfiguration": {
                        "subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "ENABLED" } },
                    "loadBalancers": [{ "targetGroupArn": "tg-1", "containerName": "web" }]
                })
            };
            ok(json!({ "services": services.iter().map(one).collect::<Vec<_>>() }))
        }
        "DescribeTaskDefinition" => {
            assert_eq!(input["taskDefinition"], TASK);
            ok(json!({ "taskDefinition": {
                "taskDefinitionArn": TASK, "family": "web", "revision": 7, "networkMode": "awsvpc", "taskRoleArn": "role-1",
                "cpu": "256", "memory": "512", "requiresCompatibilities": ["FARGATE"],
                "containerDefinitions": [{
                    "name": "web", "image": "nginx:1", "privileged": true, "user": "root",
                    "environment": [{ "name": "PASSWORD", "value": "hush" }],
                    "secrets": [{ "name": "KEY", "valueFrom": "secret-1" }],
                    "portMappings": [{ "containerPort": 80, "hostPort": 80, "protocol": "tcp" }],
                    "logConfiguration": { "logDriver": "awslogs", "options": { "token": "hush" } }
                }]
            }, "tags": [{ "key": "team", "value": "web" }] }))
        }
        other => panic!("{other}"),
    }
}

#[test]
fn clusters_services_and_the_task_definitions_in_use_are_told_without_their_environment() {
    let host = account(clusters);
    let found = inventory(json!({ "services": ["ecs"] }));
    assert_eq!(found["errors"], json!([]));
    assert_eq!(found["counts"], json!({ "aws.ecs.cluster": 1, "aws.ecs.service": 12, "aws.ecs.task-definition": 1 }));
    let prod = resource(&found, "prod");
    assert_eq!((&prod["tags"], &prod["attributes"]["container_insights"]), (&json!({ "env": "p" }), &json!("enabled")));
    let service = resource(&found, "prod/s11");
    assert_eq!((&service["name"], &service["attributes"]["public_ip"]), (&json!("s11"), &json!(true)));
    assert_eq!(
        service["relations"],
        json!([
            { "kind": "cluster", "target": CLUSTER }, { "kind": "task-definition", "target": TASK },
            { "kind": "subnet", "target": "subnet-1" }, { "kind": "security-group", "target": "sg-1" },
            { "kind": "target-group", "target": "tg-1" }
        ])
    );
    let task = resource(&found, "web:7");
    let container = &task["attributes"]["containers"][0];
    assert_eq!((&container["privileged"], &container["environment"]), (&json!(true), &json!(["PASSWORD"])));
    assert_eq!((&container["secrets"], &container["log_driver"]), (&json!(["KEY"]), &json!("awslogs")));
    assert_eq!((&task["tags"], task["relations"].as_array().unwrap().len()), (&json!({ "team": "web" }), 2));
    assert!(!found.to_string().contains("hush"));
    assert_eq!(host.sent().len(), 1 + 2 + 2 + 2 + 1, "who asks, clusters, services by tens, one task definition");
}

#[test]
fn kubernetes_clusters_are_told_with_their_nodes() {
    let _host = account(|asked| {
        let path = asked.parameter("path")?;
        match (asked.operation.as_str(), asked.parameter("nextToken")) {
            ("ListClusters", None) => ok(json!({ "clusters": ["main"], "nextToken": "t+/" })),
            ("ListClusters", Some("t+/")) => ok(json!({ "clusters": ["lab"], "nextToken": null })),
            ("DescribeCluster", _) if path == "clusters/main" => ok(json!({ "cluster": {
                "name": "main", "arn": "arn:main", "createdAt": 1_735_689_600, "version": "1.29", "status": "ACTIVE", "roleArn": "role-1",
                "resourcesVpcConfig": { "vpcId": "vpc-1", "subnetIds": ["subnet-1"], "securityGroupIds": [],
                    "clusterSecurityGroupId": "sg-1", "endpointPublicAccess": true, "endpointPrivateAccess": false,
                    "publicAccessCidrs": ["0.0.0.0/0"] },
                "logging": { "clusterLogging": [
                    { "types": ["audit"], "enabled": true }, { "types": ["api", "scheduler"], "enabled": false }] },
                "encryptionConfig": [{ "resources": ["secrets"], "provider": { "keyArn": "key-1" } }],
                "certificateAuthority": { "data": "LS0t" }, "tags": { "env": "prod" }
            } })),
            ("DescribeCluster", _) => {
                Some(Answer::json(403, json!({ "__type": "AccessDeniedException", "message": "no" })))
            }
            ("ListNodegroups", _) if path == "clusters/main/node-groups" => ok(json!({ "nodegroups": ["workers"] })),
            ("DescribeNodegroup", _) => ok(json!({ "nodegroup": {
                "nodegroupArn": "arn:workers", "status": "ACTIVE", "scalingConfig": { "minSize": 1, "maxSize": 9, "desiredSize": 3 },
                "remoteAccess": { "ec2SshKey": "ops" }, "nodeRole": "role-2", "subnets": ["subnet-1"],
                "resources": { "autoScalingGroups": [{ "name": "asg" }] }
            } })),
            ("ListFargateProfiles", _) if path == "clusters/main/fargate-profiles" => {
                ok(json!({ "fargateProfileNames": ["f"] }))
            }
            ("DescribeFargateProfile", _) => ok(json!({ "fargateProfile": {
                "fargateProfileArn": "arn:f", "status": "ACTIVE", "selectors": [{ "namespace": "jobs", "labels": {} }]
            } })),
            _ => None,
        }
    });
    let found = inventory(json!({ "services": ["eks"] }));
    assert_eq!(found["counts"], json!({ "aws.eks.cluster": 2, "aws.eks.fargate-profile": 1, "aws.eks.nodegroup": 1 }));
    let main = resource(&found, "main");
    for (name, value) in [
        ("public_endpoint", json!(true)),
        ("public_cidrs", json!(["0.0.0.0/0"])),
        ("logs", json!(["audit"])),
        ("secrets_encrypted", json!(true)),
        ("version", json!("1.29")),
    ] {
        assert_eq!(main["attributes"][name], value, "{name}");
    }
    assert_eq!((&main["tags"], &main["created"]), (&json!({ "env": "prod" }), &json!("2025-01-01T00:00:00Z")));
    let workers = resource(&found, "main/workers");
    assert_eq!((&workers["attributes"]["ssh_open"], &workers["class"]), (&json!(true), &json!("container.node_pool")));
    assert_eq!(resource(&found, "lab")["unread"], json!(["state", "tags"]));
    assert_eq!(found["errors"].as_array().unwrap().len(), 1, "{:#}", found["errors"]);
}

#[test]
fn repositories_say_who_may_pull_and_what_they_lack_is_data() {
    let _host = account(|asked| {
        let absent = |code: &str| Some(Answer::json(400, json!({ "__type": code, "message": "none" })));
        let input = if asked.service == "ecr" { asked.json() } else { return None };
        match (asked.operation.as_str(), input["repositoryName"].as_str()) {
            ("DescribeRepositories", _) => ok(json!({ "repositories": [
                { "repositoryName": "team/app", "repositoryArn": "arn:app", "imageTagMutability": "IMMUTABLE",
                  "imageScanningConfiguration": { "scanOnPush": false }, "encryptionConfiguration": { "encryptionType": "KMS", "kmsKey": "k" } },
                { "repositoryName": "open", "repositoryArn": "arn:open", "imageTagMutability": "MUTABLE" }
            ] })),
            ("GetRepositoryPolicy", Some("open")) => ok(
                json!({ "policyText": "{\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"ecr:*\"}]}" }),
            ),
            ("GetRepositoryPolicy", _) => absent("RepositoryPolicyNotFoundException"),
            ("GetLifecyclePolicy", Some("open")) => absent("AccessDeniedException"),
            ("GetLifecyclePolicy", _) => absent("LifecyclePolicyNotFoundException"),
            ("ListTagsForResource", _) => ok(json!({ "tags": [{ "Key": "a", "Value": "b" }] })),
            _ => None,
        }
    });
    let found = inventory(json!({ "services": ["ecr"] }));
    let app = &resource(&found, "team/app")["attributes"];
    assert_eq!((&app["immutable_tags"], &app["public"], &app["policy"]), (&json!(true), &json!(false), &json!(null)));
    assert_eq!((&app["lifecycle"], &app["scan_on_push"]), (&json!(false), &json!(false)));
    let open = resource(&found, "open");
    assert_eq!((&open["attributes"]["public"], &open["unread"]), (&json!(true), &json!(["lifecycle"])));
    assert_eq!(open["tags"], json!({ "a": "b" }));
}
