//! RDS: databases, clusters, snapshots and subnet groups.

use crate::aws::{Asked, account, inventory, resource, xml_error};
use crate::balancers::told;
use serde_json::json;
use troupe_sdk::test::Answer;

fn databases(asked: &Asked) -> Option<Answer> {
    let operation = asked.operation.as_str();
    Some(match (operation, asked.parameter("Marker")) {
        ("DescribeDBInstances", None) => told(
            operation,
            "<Marker>two</Marker><DBInstances><DBInstance><DBInstanceIdentifier>orders</DBInstanceIdentifier>\
             <DBInstanceArn>arn:aws:rds:us-east-1:111122223333:db:orders</DBInstanceArn><DBInstanceClass>db.r7g.large</DBInstanceClass>\
             <Engine>postgres</Engine><EngineVersion>16.3</EngineVersion><DBInstanceStatus>available</DBInstanceStatus>\
             <PubliclyAccessible>true</PubliclyAccessible><StorageEncrypted>false</StorageEncrypted><MultiAZ>false</MultiAZ>\
             <DeletionProtection>false</DeletionProtection><BackupRetentionPeriod>0</BackupRetentionPeriod>\
             <Endpoint><Address>orders.x.rds.amazonaws.com</Address><Port>5432</Port></Endpoint><DbInstancePort>0</DbInstancePort>\
             <AllocatedStorage>100</AllocatedStorage><VpcSecurityGroups><VpcSecurityGroupMembership><VpcSecurityGroupId>sg-1\
             </VpcSecurityGroupId></VpcSecurityGroupMembership></VpcSecurityGroups><DBSubnetGroup><DBSubnetGroupName>inner\
             </DBSubnetGroupName><VpcId>vpc-1</VpcId><Subnets><Subnet><SubnetIdentifier>subnet-1</SubnetIdentifier></Subnet></Subnets>\
             </DBSubnetGroup><EnabledCloudwatchLogsExports><member>postgresql</member></EnabledCloudwatchLogsExports>\
             <TagList><Tag><Key>team</Key><Value>shop</Value></Tag></TagList></DBInstance></DBInstances>",
        ),
        ("DescribeDBInstances", Some("two")) => told(
            operation,
            "<DBInstances><DBInstance><DBInstanceIdentifier>member</DBInstanceIdentifier><DBClusterIdentifier>aurora\
             </DBClusterIdentifier></DBInstance></DBInstances>",
        ),
        ("DescribeDBClusters", _) => told(
            operation,
            "<DBClusters><DBCluster><DBClusterIdentifier>aurora</DBClusterIdentifier><Engine>aurora-mysql</Engine>\
             <StorageEncrypted>true</StorageEncrypted><KmsKeyId>key-1</KmsKeyId><DBClusterMembers><DBClusterMember>\
             <DBInstanceIdentifier>member</DBInstanceIdentifier></DBClusterMember></DBClusterMembers>\
             <ServerlessV2ScalingConfiguration><MinCapacity>0.5</MinCapacity><MaxCapacity>8.0</MaxCapacity>\
             </ServerlessV2ScalingConfiguration></DBCluster></DBClusters>",
        ),
        ("DescribeDBSnapshots", _) => told(
            operation,
            "<DBSnapshots><DBSnapshot><DBSnapshotIdentifier>by-hand</DBSnapshotIdentifier><SnapshotType>manual</SnapshotType>\
             <Encrypted>false</Encrypted></DBSnapshot><DBSnapshot><DBSnapshotIdentifier>rds:nightly</DBSnapshotIdentifier>\
             <SnapshotType>automated</SnapshotType></DBSnapshot></DBSnapshots>",
        ),
        ("DescribeDBSnapshotAttributes", _) => {
            assert_eq!(asked.parameter("DBSnapshotIdentifier"), Some("by-hand"), "no other may be shared");
            told(
                operation,
                "<DBSnapshotAttributesResult><DBSnapshotIdentifier>by-hand</DBSnapshotIdentifier><DBSnapshotAttributes>\
                 <DBSnapshotAttribute><AttributeName>restore</AttributeName><AttributeValues><AttributeValue>all</AttributeValue>\
                 <AttributeValue>444455556666</AttributeValue></AttributeValues></DBSnapshotAttribute></DBSnapshotAttributes>\
                 </DBSnapshotAttributesResult>",
            )
        }
        ("DescribeDBClusterSnapshots", _) => told(
            operation,
            "<DBClusterSnapshots><DBClusterSnapshot><DBClusterSnapshotIdentifier>whole</DBClusterSnapshotIdentifier>\
             <SnapshotType>manual</SnapshotType><StorageEncrypted>true</StorageEncrypted></DBClusterSnapshot></DBClusterSnapshots>",
        ),
        ("DescribeDBClusterSnapshotAttributes", _) => xml_error(403, "AccessDenied"),
        ("DescribeDBSubnetGroups", _) => told(
            operation,
            "<DBSubnetGroups><DBSubnetGroup><DBSubnetGroupName>inner</DBSubnetGroupName><VpcId>vpc-1</VpcId><Subnets><Subnet>\
             <SubnetIdentifier>subnet-1</SubnetIdentifier><SubnetAvailabilityZone><Name>us-east-1a</Name></SubnetAvailabilityZone>\
             </Subnet></Subnets></DBSubnetGroup></DBSubnetGroups>",
        ),
        _ => return None,
    })
}

#[test]
fn databases_and_clusters_are_told_with_what_rules_ask_about() {
    let _host = account(databases);
    let found = inventory(json!({ "services": ["rds"] }));
    assert_eq!(
        found["counts"],
        json!({
            "aws.rds.cluster": 1, "aws.rds.cluster-snapshot": 1, "aws.rds.instance": 2, "aws.rds.snapshot": 2,
            "aws.rds.subnet-group": 1
        })
    );
    let orders = resource(&found, "orders");
    let attributes = &orders["attributes"];
    for (name, value) in [
        ("public", json!(true)),
        ("encrypted", json!(false)),
        ("multi_az", json!(false)),
        ("deletion_protection", json!(false)),
        ("backup_retention_days", json!(0)),
        ("port", json!(5432)),
        ("storage_gib", json!(100)),
        ("logs_exported", json!(["postgresql"])),
        ("managed_password", json!(false)),
    ] {
        assert_eq!(attributes[name], value, "{name}");
    }
    assert_eq!(orders["tags"], json!({ "team": "shop" }));
    assert_eq!(
        orders["relations"],
        json!([
            { "kind": "vpc", "target": "vpc-1" }, { "kind": "subnet-group", "target": "inner" },
            { "kind": "subnet", "target": "subnet-1" }, { "kind": "security-group", "target": "sg-1" }
        ])
    );
    let aurora = resource(&found, "aurora");
    assert_eq!(aurora["attributes"]["serverless_capacity"], json!({ "min": 0.5, "max": 8.0 }));
    assert_eq!(resource(&found, "member")["relations"], json!([{ "kind": "cluster", "target": "aurora" }]));
}

#[test]
fn a_snapshot_says_with_whom_it_is_shared_or_that_nobody_could_ask() {
    let _host = account(databases);
    let found = inventory(json!({ "services": ["rds"] }));
    let by_hand = &resource(&found, "by-hand")["attributes"];
    assert_eq!((&by_hand["public"], &by_hand["shared_with"]), (&json!(true), &json!(["444455556666"])));
    assert_eq!(resource(&found, "whole")["unread"], json!(["public", "shared_with"]));
    assert_eq!(resource(&found, "rds:nightly").get("unread"), None);
    assert_eq!(found["errors"].as_array().unwrap().len(), 1);
}
