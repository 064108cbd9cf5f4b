//! ElastiCache, OpenSearch, Redshift, EFS and Backup.

use crate::aws::{account, inventory, resource};
use crate::balancers::told;
use serde_json::{Value, json};
use troupe_sdk::test::Answer;

const OPEN: &str = r#"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"*"}]}"#;

fn ok(body: Value) -> Option<Answer> {
    Some(Answer::json(200, body))
}

#[test]
fn caches_are_listed_page_by_page_with_their_encryption() {
    let host = account(|asked| {
        let operation = asked.operation.as_str();
        Some(match (asked.action.as_str(), asked.parameter("Marker")) {
            ("elasticache:DescribeReplicationGroups", _) => told(
                operation,
                "<ReplicationGroups><ReplicationGroup><ReplicationGroupId>orders</ReplicationGroupId><ARN>arn:orders</ARN>\
                 <AutomaticFailover>enabled</AutomaticFailover><AtRestEncryptionEnabled>true</AtRestEncryptionEnabled>\
                 <TransitEncryptionEnabled>false</TransitEncryptionEnabled><AuthTokenEnabled>false</AuthTokenEnabled>\
                 <KmsKeyId>key-1</KmsKeyId><MemberClusters><ClusterId>orders-001</ClusterId></MemberClusters>\
                 <SnapshotRetentionLimit>7</SnapshotRetentionLimit></ReplicationGroup></ReplicationGroups>",
            ),
            ("elasticache:DescribeCacheClusters", None) => told(
                operation,
                "<Marker>m</Marker><CacheClusters><CacheCluster><CacheClusterId>orders-001</CacheClusterId>\
                 <Engine>redis</Engine><EngineVersion>7.1.0</EngineVersion><NumCacheNodes>1</NumCacheNodes>\
                 <ReplicationGroupId>orders</ReplicationGroupId><SecurityGroups><member>\
                 <SecurityGroupId>sg-1</SecurityGroupId></member></SecurityGroups></CacheCluster></CacheClusters>",
            ),
            ("elasticache:DescribeCacheClusters", Some("m")) => told(
                operation,
                "<CacheClusters><CacheCluster><CacheClusterId>old</CacheClusterId><Engine>memcached</Engine>\
                 </CacheCluster></CacheClusters>",
            ),
            ("elasticache:ListTagsForResource", _) => match asked.parameter("ResourceName") {
                Some("arn:orders") => {
                    told(operation, "<TagList><Tag><Key>team</Key><Value>shop</Value></Tag></TagList>")
                }
                _ => Answer::text(403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"),
            },
            _ => return None,
        })
    });
    let found = inventory(json!({ "services": ["elasticache"] }));
    assert_eq!(found["counts"], json!({ "aws.elasticache.cluster": 2, "aws.elasticache.replication-group": 1 }));
    let group = resource(&found, "orders");
    let attributes = &group["attributes"];
    assert_eq!((&attributes["encrypted"], &attributes["encrypted_in_transit"]), (&json!(true), &json!(false)));
    assert_eq!((&attributes["auth_token"], &attributes["snapshot_retention_days"]), (&json!(false), &json!(7)));
    assert_eq!((&group["tags"], &group["class"]), (&json!({ "team": "shop" }), &json!("database.cache")));
    assert_eq!(
        group["relations"],
        json!([{ "kind": "kms-key", "target": "key-1" }, { "kind": "cluster", "target": "orders-001" }])
    );
    let cluster = resource(&found, "orders-001");
    assert_eq!((&cluster["unread"], &cluster["attributes"]["engine_version"]), (&json!(["tags"]), &json!("7.1.0")));
    assert_eq!(
        cluster["relations"],
        json!([{ "kind": "replication-group", "target": "orders" }, { "kind": "security-group", "target": "sg-1" }])
    );
    assert_eq!(found["errors"][0]["count"], 2);
    assert_eq!(host.sent().len(), 1 + 1 + 2 + 3);
}

#[test]
fn domains_are_described_five_at_once_with_what_opens_them() {
    let host = account(|asked| match asked.action.as_str() {
        "opensearch:ListDomainNames" => {
            let names: Vec<Value> = (1..=6).map(|number| json!({ "DomainName": format!("d{number}") })).collect();
            ok(json!({ "DomainNames": names }))
        }
        "opensearch:DescribeDomains" => {
            let names = asked.json()["DomainNames"].as_array().unwrap().clone();
            assert!(names.len() <= 5);
            let described = names.iter().filter(|name| *name != "d6").map(|name| {
                let inside = if name == "d2" { json!({ "VPCId": "vpc-1", "SubnetIds": ["subnet-1"] }) } else { json!(null) };
                json!({
                    "DomainName": name, "ARN": format!("arn:{}", name.as_str().unwrap()), "EngineVersion": "OpenSearch_2.19",
                    "AccessPolicies": OPEN, "VPCOptions": inside, "EncryptionAtRestOptions": { "Enabled": true, "KmsKeyId": "k" },
                    "DomainEndpointOptions": { "EnforceHTTPS": true, "TLSSecurityPolicy": "Policy-Min-TLS-1-0-2019-07" },
                    "LogPublishingOptions": { "AUDIT_LOGS": { "Enabled": true } },
                })
            });
            ok(json!({ "DomainStatusList": described.collect::<Vec<Value>>() }))
        }
        "opensearch:ListTags" => {
            assert!(asked.parameter("arn").is_some());
            ok(json!({ "TagList": [{ "Key": "a", "Value": "b" }] }))
        }
        _ => None,
    });
    let found = inventory(json!({ "services": ["opensearch"] }));
    assert_eq!((&found["counts"], &found["errors"]), (&json!({ "aws.opensearch.domain": 6 }), &json!([])));
    let open = &resource(&found, "d1")["attributes"];
    assert_eq!((&open["public"], &open["encrypted"], &open["https_only"]), (&json!(true), &json!(true), &json!(true)));
    assert_eq!((&open["audit_logs"], &open["encrypted_between_nodes"]), (&json!(true), &json!(false)));
    assert_eq!(open["tls_policy"], "Policy-Min-TLS-1-0-2019-07");
    let inside = resource(&found, "d2");
    assert_eq!((&inside["attributes"]["public"], &inside["tags"]), (&json!(false), &json!({ "a": "b" })));
    assert_eq!(resource(&found, "d6")["attributes"], json!({}));
    assert_eq!(host.sent().len(), 1 + 1 + 2 + 6);
}

#[test]
fn warehouses_say_where_they_log_and_whether_they_demand_tls() {
    let _host = account(|asked| {
        let operation = asked.operation.as_str();
        Some(match (asked.action.as_str(), asked.parameter("Marker")) {
            ("redshift:DescribeClusters", _) => told(
                operation,
                "<Clusters><Cluster><ClusterIdentifier>sales</ClusterIdentifier><Encrypted>false</Encrypted>\
                 <PubliclyAccessible>true</PubliclyAccessible><VpcId>vpc-1</VpcId><ClusterParameterGroups>\
                 <ClusterParameterGroup><ParameterGroupName>strict</ParameterGroupName></ClusterParameterGroup>\
                 </ClusterParameterGroups><IamRoles><ClusterIamRole><IamRoleArn>arn:role</IamRoleArn></ClusterIamRole>\
                 </IamRoles><Tags><Tag><Key>team</Key><Value>bi</Value></Tag></Tags></Cluster></Clusters>",
            ),
            ("redshift:DescribeLoggingStatus", _) => {
                told(operation, "<LoggingEnabled>true</LoggingEnabled><BucketName>logs</BucketName>")
            }
            ("redshift:DescribeClusterParameters", None) => told(
                operation,
                "<Marker>m</Marker><Parameters><Parameter><ParameterName>datestyle</ParameterName></Parameter></Parameters>",
            ),
            ("redshift:DescribeClusterParameters", Some("m")) => {
                assert_eq!(asked.parameter("ParameterGroupName"), Some("strict"));
                told(
                    operation,
                    "<Parameters><Parameter><ParameterName>require_ssl</ParameterName>\
                     <ParameterValue>true</ParameterValue></Parameter></Parameters>",
                )
            }
            _ => return None,
        })
    });
    let found = inventory(json!({ "services": ["redshift"] }));
    assert_eq!(found["errors"], json!([]));
    let cluster = resource(&found, "sales");
    let attributes = &cluster["attributes"];
    assert_eq!((&attributes["public"], &attributes["encrypted"]), (&json!(true), &json!(false)));
    assert_eq!(attributes["logging"], json!({ "enabled": true, "bucket": "logs", "destination": null }));
    assert_eq!((&attributes["require_tls"], &cluster["tags"]), (&json!(true), &json!({ "team": "bi" })));
    assert_eq!(
        cluster["relations"],
        json!([{ "kind": "vpc", "target": "vpc-1" }, { "kind": "role", "target": "arn:role" }])
    );
}

#[test]
fn file_systems_are_told_with_who_may_mount_them() {
    let _host = account(|asked| {
        let missing = Some(Answer::json(404, json!({ "ErrorCode": "PolicyNotFound", "Message": "none" })));
        match (asked.action.as_str(), asked.parameter("path").unwrap_or_default(), asked.parameter("Marker")) {
            ("efs:DescribeFileSystems", _, None) => ok(json!({ "FileSystems": [{
                "FileSystemId": "fs-1", "Encrypted": true, "KmsKeyId": "k", "CreationTime": 1_735_689_600,
                "Name": "home", "Tags": [{ "Key": "Name", "Value": "home" }], "SizeInBytes": { "Value": 6144 }
            }], "NextMarker": "m" })),
            ("efs:DescribeFileSystems", _, Some("m")) => ok(json!({ "FileSystems": [{ "FileSystemId": "fs-2" }] })),
            ("efs:DescribeMountTargets", ..) => match asked.parameter("FileSystemId") {
                Some("fs-1") => ok(json!({ "MountTargets": [{ "SubnetId": "subnet-1" }, { "SubnetId": "subnet-2" }] })),
                _ => ok(json!({ "MountTargets": [] })),
            },
            ("efs:DescribeFileSystemPolicy", "2015-02-01/file-systems/fs-1/policy", _) => ok(json!({ "Policy": OPEN })),
            ("efs:DescribeBackupPolicy", "2015-02-01/file-systems/fs-1/backup-policy", _) => {
                ok(json!({ "BackupPolicy": { "Status": "ENABLED" } }))
            }
            ("efs:DescribeFileSystemPolicy" | "efs:DescribeBackupPolicy", ..) => missing,
            ("efs:DescribeAccessPoints", ..) => ok(json!({ "AccessPoints": [{
                "AccessPointId": "fsap-1", "FileSystemId": "fs-1", "RootDirectory": { "Path": "/data" },
                "PosixUser": { "Uid": 1000, "Gid": 1000 }
            }] })),
            _ => None,
        }
    });
    let found = inventory(json!({ "services": ["efs"] }));
    assert_eq!(found["errors"], json!([]));
    let first = resource(&found, "fs-1");
    assert_eq!((&first["name"], &first["created"]), (&json!("home"), &json!("2025-01-01T00:00:00Z")));
    let attributes = &first["attributes"];
    assert_eq!((&attributes["public"], &attributes["backup"]), (&json!(true), &json!(true)));
    assert_eq!((&attributes["mount_targets"], &attributes["size_bytes"]), (&json!(2), &json!(6144)));
    let second = &resource(&found, "fs-2")["attributes"];
    assert_eq!((&second["policy"], &second["public"], &second["backup"]), (&json!(null), &json!(false), &json!(false)));
    let point = resource(&found, "fsap-1");
    assert_eq!((&point["attributes"]["root"], &point["attributes"]["user"]["uid"]), (&json!("/data"), &json!(1000)));
    assert_eq!(point["relations"], json!([{ "kind": "file-system", "target": "fs-1" }]));
}

#[test]
fn vaults_and_plans_are_told_with_locks_and_rules() {
    let _host = account(|asked| {
        let path = asked.parameter("path").unwrap_or_default();
        match asked.action.as_str() {
            "backup:ListBackupVaults" => match asked.parameter("nextToken") {
                None => ok(json!({ "BackupVaultList": [{
                    "BackupVaultName": "main", "BackupVaultArn": "arn:main", "Locked": true, "MinRetentionDays": 7,
                    "NumberOfRecoveryPoints": 3, "EncryptionKeyArn": "arn:key"
                }], "NextToken": "t" })),
                Some(_) => {
                    ok(json!({ "BackupVaultList": [{ "BackupVaultName": "bare", "BackupVaultArn": "arn:bare" }] }))
                }
            },
            "backup:GetBackupVaultAccessPolicy" if path.contains("main") => ok(json!({ "Policy": OPEN })),
            "backup:GetBackupVaultAccessPolicy" => {
                Some(Answer::json(400, json!({ "Code": "x", "__type": "ResourceNotFoundException" })))
            }
            "backup:ListBackupPlans" => ok(json!({ "BackupPlansList": [{
                "BackupPlanId": "p-1", "BackupPlanName": "daily", "BackupPlanArn": "arn:p-1"
            }] })),
            "backup:GetBackupPlan" => ok(json!({ "BackupPlan": { "Rules": [{
                "RuleName": "r", "TargetBackupVaultName": "main", "ScheduleExpression": "cron(0 5 ? * * *)",
                "Lifecycle": { "DeleteAfterDays": 35 }, "CopyActions": [{ "DestinationBackupVaultArn": "arn:far" }]
            }] } })),
            "backup:ListBackupSelections" => {
                ok(json!({ "BackupSelectionsList": [{ "SelectionName": "all", "IamRoleArn": "arn:role" }] }))
            }
            "backup:ListTags" => ok(json!({ "Tags": { "team": "ops" } })),
            _ => None,
        }
    });
    let found = inventory(json!({ "services": ["backup"] }));
    assert_eq!(
        (&found["errors"], &found["counts"]),
        (&json!([]), &json!({ "aws.backup.plan": 1, "aws.backup.vault": 2 }))
    );
    let main = resource(&found, "main");
    let attributes = &main["attributes"];
    assert_eq!((&attributes["locked"], &attributes["public"]), (&json!(true), &json!(true)));
    assert_eq!(main["relations"], json!([{ "kind": "kms-key", "target": "arn:key" }]));
    assert_eq!(main["tags"], json!({ "team": "ops" }));
    assert_eq!(resource(&found, "bare")["attributes"]["policy"], json!(null));
    let plan = resource(&found, "p-1");
    assert_eq!(plan["attributes"]["rules"][0]["delete_after_days"], 35);
    assert_eq!((&plan["attributes"]["selections"], &plan["name"]), (&json!(["all"]), &json!("daily")));
    assert_eq!(
        plan["relations"],
        json!([{ "kind": "vault", "target": "main" }, { "kind": "role", "target": "arn:role" }])
    );
}
