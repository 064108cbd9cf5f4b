//! The services that `inventory` looks at beside those of the other files: one of each kind is
//! made and found.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::account::make_auditor;
use super::moto::{Moto, all_between};
use super::{STRANGER, agent_host, found, inventory};

const REGION: &str = "us-east-1";

/// What the policy of the agent's README allows, as it stands there.
fn documented() -> String {
    let readme = include_str!("../../../plugins/aws/README.md");
    let (_, rest) = readme.split_once("The account's side").unwrap();
    let (_, rest) = rest.split_once("```json").unwrap();
    let policy: Value = serde_json::from_str(rest.split_once("```").unwrap().0).unwrap();
    let actions = policy["Statement"][0]["Action"].as_array().unwrap();
    actions.iter().map(Value::to_string).collect::<Vec<_>>().join(",")
}

/// Makes one of each kind by the query and JSON protocols; returns types and ids.
async fn make_by_query_and_json(moto: &Moto) -> Vec<(&'static str, String)> {
    let balancers = "elasticloadbalancing";
    let vpc = moto.call("ec2", "2016-11-15", "CreateVpc", &[("CidrBlock", "10.0.0.0/16")]).await;
    let vpc = all_between(&vpc, "vpcId")[0].to_owned();
    let mut subnets = Vec::new();
    for (cidr, zone) in [("10.0.0.0/24", "us-east-1a"), ("10.0.1.0/24", "us-east-1b")] {
        let place = [("VpcId", vpc.as_str()), ("CidrBlock", cidr), ("AvailabilityZone", zone)];
        let made = moto.call("ec2", "2016-11-15", "CreateSubnet", &place).await;
        subnets.push(all_between(&made, "subnetId")[0].to_owned());
    }
    let shop = [("Name", "shop"), ("Subnets.member.1", subnets[0].as_str()), ("Subnets.member.2", subnets[1].as_str())];
    moto.call(balancers, "2015-12-01", "CreateLoadBalancer", &shop).await;
    let web = [("Name", "web"), ("Protocol", "HTTP"), ("Port", "80"), ("VpcId", vpc.as_str())];
    moto.call(balancers, "2015-12-01", "CreateTargetGroup", &web).await;
    let old = [
        ("LoadBalancerName", "old"),
        ("AvailabilityZones.member.1", "us-east-1a"),
        ("Listeners.member.1.Protocol", "HTTP"),
        ("Listeners.member.1.LoadBalancerPort", "80"),
        ("Listeners.member.1.InstancePort", "80"),
    ];
    moto.call(balancers, "2012-06-01", "CreateLoadBalancer", &old).await;
    let configuration =
        [("LaunchConfigurationName", "machine"), ("ImageId", "ami-12c6146b"), ("InstanceType", "t3.micro")];
    moto.call("autoscaling", "2011-01-01", "CreateLaunchConfiguration", &configuration).await;
    let database = [
        ("DBInstanceIdentifier", "orders"),
        ("DBInstanceClass", "db.t3.micro"),
        ("Engine", "postgres"),
        ("AllocatedStorage", "20"),
        ("MasterUsername", "owner"),
        ("MasterUserPassword", "not-to-be-told"),
    ];
    moto.call("rds", "2014-10-31", "CreateDBInstance", &database).await;
    moto.call("sns", "2010-03-31", "CreateTopic", &[("Name", "alarms")]).await;

    let key = moto.json("kms", REGION, "TrentService.CreateKey", &json!({})).await;
    let key: Value = serde_json::from_str(&key).unwrap();
    let secret = json!({ "Name": "password", "SecretString": "not-to-be-told" });
    let repository = json!({ "repositoryName": "images" });
    for (service, target, input) in [
        ("secretsmanager", "secretsmanager.CreateSecret", secret),
        ("sqs", "AmazonSQS.CreateQueue", json!({ "QueueName": "jobs" })),
        ("ecs", "AmazonEC2ContainerServiceV20141113.CreateCluster", json!({ "clusterName": "tasks" })),
        ("ecr", "AmazonEC2ContainerRegistry_V20150921.CreateRepository", repository),
    ] {
        moto.json(service, REGION, target, &input).await;
    }
    let mut made: Vec<(&'static str, String)> = [
        ("aws.elbv2.load-balancer", "shop"),
        ("aws.elbv2.target-group", "web"),
        ("aws.elb.load-balancer", "old"),
        ("aws.autoscaling.launch-configuration", "machine"),
        ("aws.rds.instance", "orders"),
        ("aws.sns.topic", "alarms"),
        ("aws.secretsmanager.secret", "password"),
        ("aws.sqs.queue", "jobs"),
        ("aws.ecs.cluster", "tasks"),
        ("aws.ecr.repository", "images"),
    ]
    .map(|(kind, id)| (kind, id.to_owned()))
    .into();
    made.push(("aws.kms.key", key["KeyMetadata"]["KeyId"].as_str().unwrap().to_owned()));
    made
}

#[tokio::test]
async fn the_policy_in_the_readme_suffices_where_signatures_and_policies_are_enforced() {
    let Some(moto) = Moto::start().await else { return };
    let made = make_by_query_and_json(&moto).await;
    let (key, secret) = make_auditor(&moto, &documented()).await;
    moto.enforce().await;
    let mut host = agent_host(&moto, (&key, &secret));
    host.start().await;
    let services = ["autoscaling", "ecr", "ecs", "elb", "elbv2", "kms", "rds", "secretsmanager", "sns", "sqs"];
    let output = inventory(&host, json!({ "services": services })).await;
    assert_eq!(output["errors"], json!([]), "{output:#}");
    let found: BTreeSet<(String, String)> = found(&output).collect();
    for (kind, id) in made {
        assert!(found.contains(&(kind.to_owned(), id.clone())), "no {kind} {id} in {found:#?}");
    }
    assert!(!output.to_string().contains("not-to-be-told"), "{output:#}");
}

/// moto rejects correct signatures of whatever is asked by REST without a body, so these
/// are looked at without any being checked.
#[tokio::test]
async fn services_that_are_asked_by_rest_are_looked_at() {
    let Some(moto) = Moto::start().await else { return };
    let api = moto.post("apigateway", REGION, "/restapis", &json!({ "name": "orders" })).await;
    let http = json!({ "name": "web", "protocolType": "HTTP" });
    let http = moto.post("apigateway", REGION, "/v2/apis", &http).await;
    let cluster = json!({
        "name": "main", "roleArn": "arn:aws:iam::123456789012:role/none", "resourcesVpcConfig": { "subnetIds": ["subnet-1"] },
    });
    moto.post("eks", REGION, "/clusters", &cluster).await;
    let mut host = agent_host(&moto, STRANGER);
    host.start().await;
    let services = ["apigateway", "apigatewayv2", "cloudfront", "eks", "route53"];
    let output = inventory(&host, json!({ "services": services })).await;
    assert_eq!(output["errors"], json!([]), "{output:#}");
    let id = |text: &str, name: &str| serde_json::from_str::<Value>(text).unwrap()[name].as_str().unwrap().to_owned();
    let expected = BTreeSet::from([
        ("aws.apigateway.rest-api".to_owned(), id(&api, "id")),
        ("aws.apigatewayv2.api".to_owned(), id(&http, "apiId")),
        ("aws.eks.cluster".to_owned(), "main".to_owned()),
    ]);
    assert_eq!(found(&output).collect::<BTreeSet<_>>(), expected);
}
