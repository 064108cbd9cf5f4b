//! Two scans around ten changes: the difference names the ten and nothing else.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::moto::{Moto, all_between};
use super::{STRANGER, agent_host, inventory};

const REGION: &str = "us-east-1";

/// A call of EC2.
async fn ec2(moto: &Moto, action: &str, rest: &[(&'static str, &str)]) -> String {
    moto.call("ec2", "2016-11-15", action, rest).await
}

/// A call of IAM.
async fn iam(moto: &Moto, action: &str, rest: &[(&'static str, &str)]) -> String {
    moto.call("iam", "2010-05-08", action, rest).await
}

async fn volume(moto: &Moto) -> String {
    let made = ec2(moto, "CreateVolume", &[("Size", "8"), ("AvailabilityZone", "us-east-1a")]).await;
    all_between(&made, "volumeId")[0].to_owned()
}

async fn instance(moto: &Moto) -> String {
    let one = [("ImageId", "ami-12c6146b"), ("MinCount", "1"), ("MaxCount", "1")];
    all_between(&ec2(moto, "RunInstances", &one).await, "instanceId")[0].to_owned()
}

#[tokio::test]
async fn two_scans_around_ten_changes_differ_in_the_ten_and_in_nothing_else() {
    let Some(moto) = Moto::start().await else { return };
    let (tagged, stopped) = (instance(&moto).await, instance(&moto).await);
    let (kept, deleted) = (volume(&moto).await, volume(&moto).await);
    let group = [("GroupName", "web"), ("GroupDescription", "in front")];
    let group = all_between(&ec2(&moto, "CreateSecurityGroup", &group).await, "groupId")[0].to_owned();
    for name in ["kept", "moved"] {
        moto.make_bucket(&format!("estate-{name}")).await;
        moto.make_role(name).await;
        moto.make_table(REGION, name).await;
        iam(&moto, "CreateUser", &[("UserName", name)]).await;
    }
    let mut host = agent_host(&moto, STRANGER);
    host.start().await;
    let where_to_look = json!({ "regions": [REGION], "services": ["ec2", "s3", "iam", "dynamodb"] });
    let before = inventory(&host, where_to_look).await;
    assert_eq!(before["errors"], json!([]), "{:#}", before["errors"]);
    let compared = async |previous: &Value| {
        let input = json!({ "previous": previous, "services": ["ec2", "s3", "iam", "dynamodb"] });
        host.client().run("aws", "changes", input).await.output()
    };
    let told = |output: &Value| -> BTreeSet<(String, String, String)> {
        let changes = output["changes"].as_array().unwrap().iter();
        changes
            .map(|change| {
                let resource = if change["change"] == "gone" { &change["before"] } else { &change["now"] };
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                (text(&change["change"]), text(&resource["type"]), text(&resource["id"]))
            })
            .collect()
    };
    // Nothing has changed, so nothing is told.
    let first = compared(&before).await;
    assert_eq!(told(&first), BTreeSet::new(), "{:#}", first["changes"]);

    let created = volume(&moto).await;
    ec2(&moto, "DeleteVolume", &[("VolumeId", &deleted)]).await;
    ec2(&moto, "CreateTags", &[("ResourceId.1", &tagged), ("Tag.1.Key", "team"), ("Tag.1.Value", "shop")]).await;
    ec2(&moto, "StopInstances", &[("InstanceId.1", &stopped)]).await;
    let opened = [
        ("GroupId", group.as_str()),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "443"),
        ("IpPermissions.1.ToPort", "443"),
        ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
    ];
    ec2(&moto, "AuthorizeSecurityGroupIngress", &opened).await;
    moto.make_bucket("estate-new").await;
    moto.make_table(REGION, "new").await;
    moto.json("dynamodb", REGION, "DynamoDB_20120810.DeleteTable", &json!({ "TableName": "moved" })).await;
    iam(&moto, "CreateUser", &[("UserName", "new")]).await;
    iam(&moto, "DeleteRole", &[("RoleName", "moved")]).await;

    let ten = [
        ("new", "aws.ec2.volume", created.as_str()),
        ("gone", "aws.ec2.volume", deleted.as_str()),
        ("changed", "aws.ec2.instance", tagged.as_str()),
        ("changed", "aws.ec2.instance", stopped.as_str()),
        ("changed", "aws.ec2.security-group", group.as_str()),
        ("new", "aws.s3.bucket", "estate-new"),
        ("new", "aws.dynamodb.table", "new"),
        ("gone", "aws.dynamodb.table", "moved"),
        ("new", "aws.iam.user", "new"),
        ("gone", "aws.iam.role", "moved"),
    ];
    let ten: BTreeSet<_> = ten.map(|(what, kind, id)| (what.to_owned(), kind.to_owned(), id.to_owned())).into();
    let second = compared(&first["next"]).await;
    assert_eq!(told(&second), ten, "{:#}", second["changes"]);
    assert_eq!(second["errors"], json!([]));
    let third = compared(&second["next"]).await;
    assert_eq!(told(&third), BTreeSet::new(), "{:#}", third["changes"]);
    assert!(third["next"].to_string().contains(&kept));
}
