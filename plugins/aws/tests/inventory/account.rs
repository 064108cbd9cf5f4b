//! What belongs to the whole account: S3 and IAM.

use std::time::{Duration, SystemTime};

use crate::aws::{Asked, account, inventory, resource, xml, xml_error};
use serde_json::{Value, json};
use troupe_sdk::test::Answer;

fn buckets(asked: &Asked) -> Option<Answer> {
    if asked.service != "s3" {
        return None;
    }
    Some(match (asked.region.as_str(), asked.operation.as_str()) {
        ("us-east-1", "") => match asked.parameter("continuation-token") {
            None => xml(
                "<ListAllMyBucketsResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Buckets><Bucket><Name>plain</Name>\
                 <CreationDate>2020-02-03T04:05:06.000Z</CreationDate></Bucket></Buckets>\
                 <ContinuationToken>two</ContinuationToken></ListAllMyBucketsResult>",
            ),
            Some("two") => xml(
                "<ListAllMyBucketsResult><Buckets><Bucket><Name>kept</Name><BucketRegion>eu-central-1</BucketRegion></Bucket>\
                 <Bucket><Name>old</Name></Bucket></Buckets></ListAllMyBucketsResult>",
            ),
            other => panic!("{other:?}"),
        },
        ("us-east-1", "plain location") => {
            xml("<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>")
        }
        ("us-east-1", "old location") => xml("<LocationConstraint>EU</LocationConstraint>"),
        ("eu-central-1", "kept encryption") => xml(
            "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>\
             <KMSMasterKeyID>key</KMSMasterKeyID></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>true</BucketKeyEnabled>\
             </Rule></ServerSideEncryptionConfiguration>",
        ),
        ("eu-central-1", "kept publicAccessBlock") => xml(
            "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>\
             <BlockPublicPolicy>false</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets>\
             </PublicAccessBlockConfiguration>",
        ),
        ("eu-central-1", "kept versioning") => xml(
            "<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>",
        ),
        ("eu-central-1", "kept acl") => xml(
            "<AccessControlPolicy><Owner><ID>own</ID></Owner><AccessControlList><Grant><Grantee><ID>own</ID></Grantee>\
             <Permission>FULL_CONTROL</Permission></Grant><Grant><Grantee>\
             <URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee><Permission>READ</Permission></Grant>\
             </AccessControlList></AccessControlPolicy>",
        ),
        ("eu-central-1", "kept logging") => xml(
            "<BucketLoggingStatus><LoggingEnabled><TargetBucket>logs</TargetBucket></LoggingEnabled></BucketLoggingStatus>",
        ),
        ("eu-central-1", "kept lifecycle") => {
            xml("<LifecycleConfiguration><Rule><ID>old</ID><Status>Enabled</Status></Rule>\
             <Rule><ID>off</ID><Status>Disabled</Status></Rule></LifecycleConfiguration>")
        }
        ("eu-central-1", "kept policy") => {
            Answer::text(200, r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject"}]}"#)
        }
        ("eu-central-1", "kept tagging") => {
            xml("<Tagging><TagSet><Tag><Key>team</Key><Value>data</Value></Tag></TagSet></Tagging>")
        }
        (_, "plain encryption" | "old encryption") => {
            Answer::text(404, "<Error><Code>ServerSideEncryptionConfigurationNotFoundError</Code><Message/></Error>")
        }
        (_, "plain publicAccessBlock") => {
            Answer::text(404, "<Error><Code>NoSuchPublicAccessBlockConfiguration</Code></Error>")
        }
        ("eu-west-1", "old publicAccessBlock") => Answer::text(403, "<Error><Code>AccessDenied</Code></Error>"),
        (_, "plain acl" | "old acl") => xml("<AccessControlPolicy/>"),
        (_, "plain logging" | "old logging") => xml("<BucketLoggingStatus/>"),
        (_, "plain lifecycle" | "old lifecycle") => {
            Answer::text(404, "<Error><Code>NoSuchLifecycleConfiguration</Code></Error>")
        }
        (_, "plain policy" | "old policy") => Answer::text(404, "<Error><Code>NoSuchBucketPolicy</Code></Error>"),
        (_, "plain versioning" | "old versioning") => xml("<VersioningConfiguration/>"),
        (_, "plain tagging" | "old tagging") => Answer::text(404, "<Error><Code>NoSuchTagSet</Code></Error>"),
        other => panic!("{other:?}"),
    })
}

#[test]
fn buckets_are_asked_in_their_own_region_and_what_they_lack_is_data() {
    let _host = account(buckets);
    let found = inventory(json!({ "services": ["s3"] }));
    let kept = resource(&found, "kept");
    assert_eq!((&kept["region"], &kept["arn"]), (&json!("eu-central-1"), &json!("arn:aws:s3:::kept")));
    assert_eq!(kept["tags"], json!({ "team": "data" }));
    assert_eq!(
        kept["attributes"],
        json!({
            "encryption": { "algorithm": "aws:kms", "kms_key": "key", "bucket_key": true },
            "public_access_block": {
                "block_public_acls": true, "ignore_public_acls": true, "block_public_policy": false,
                "restrict_public_buckets": true
            },
            "versioning": "enabled", "mfa_delete": true, "acl": "public-read", "access_logs": true,
            "lifecycle_rules": [{ "id": "old", "status": "Enabled" }, { "id": "off", "status": "Disabled" }],
            "public": true,
            "policy": { "Statement": [{ "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject" }] }
        })
    );
    let plain = resource(&found, "plain");
    assert_eq!((&plain["region"], &plain["created"]), (&json!("us-east-1"), &json!("2020-02-03T04:05:06Z")));
    assert_eq!(
        plain["attributes"],
        json!({
            "encryption": null, "public_access_block": null, "versioning": "off", "mfa_delete": false, "acl": "private", "access_logs": false,
            "lifecycle_rules": null, "public": false, "policy": null
        })
    );
    assert_eq!(plain.get("unread"), None);
}

#[test]
fn what_could_not_be_read_of_a_bucket_is_named_and_not_taken_for_absent() {
    let _host = account(buckets);
    let found = inventory(json!({ "services": ["s3"] }));
    let old = resource(&found, "old");
    assert_eq!((&old["region"], &old["unread"]), (&json!("eu-west-1"), &json!(["public_access_block"])));
    assert_eq!(old["attributes"].get("public_access_block"), None);
    assert_eq!(
        found["errors"],
        json!([{
            "provider": "aws", "account": "111122223333",
            "service": "s3", "region": "eu-west-1", "operation": "GetPublicAccessBlock", "code": "AccessDenied",
            "message": "", "kind": "denied", "count": 1, "resource": "old"
        }])
    );
}

/// The buckets of an account that answers so when it is asked what it blocks.
fn blocked(answer: Answer) -> Value {
    let mut answer = Some(answer);
    let host = account(move |asked| {
        if asked.service != "s3control" {
            return buckets(asked);
        }
        Some(answer.take().expect("it is asked once"))
    });
    let found = inventory(json!({ "services": ["s3"] }));
    let sent = host.sent();
    let asked = sent.iter().find(|sent| sent.url.contains("s3-control")).unwrap();
    assert_eq!(
        asked.url,
        "https://111122223333.s3-control.us-east-1.amazonaws.com/v20180820/configuration/publicAccessBlock"
    );
    assert_eq!(asked.headers.get("x-amz-account-id"), Some("111122223333"));
    found
}

#[test]
fn what_the_account_blocks_is_blocked_in_each_bucket() {
    let found = blocked(xml(
        "<PublicAccessBlockConfiguration><BlockPublicAcls>false</BlockPublicAcls><IgnorePublicAcls>false</IgnorePublicAcls>\
         <BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets>\
         </PublicAccessBlockConfiguration>",
    ));
    let block = |acls: bool| {
        json!({
            "block_public_acls": acls, "ignore_public_acls": acls, "block_public_policy": true,
            "restrict_public_buckets": true
        })
    };
    assert_eq!(resource(&found, "kept")["attributes"]["public_access_block"], block(true));
    assert_eq!(resource(&found, "plain")["attributes"]["public_access_block"], block(false));
    assert_eq!(resource(&found, "old")["unread"], json!(["public_access_block"]), "its own is denied");
}

#[test]
fn what_the_account_blocks_is_not_known_while_it_is_denied_and_hides_no_bucket() {
    let found = blocked(xml_error(403, "AccessDenied"));
    for name in ["kept", "plain"] {
        let bucket = resource(&found, name);
        assert_eq!(
            (&bucket["unread"], bucket["attributes"].get("public_access_block")),
            (&json!(["public_access_block"]), None)
        );
    }
    let rows: Vec<&Value> =
        found["errors"].as_array().unwrap().iter().filter(|row| row["service"] == "s3control").collect();
    let [row] = rows.as_slice() else { panic!("{rows:#?}") };
    assert_eq!((&row["operation"], &row["kind"]), (&json!("GetPublicAccessBlock"), &json!("denied")));
    // What does not have the operation holds nobody back by it.
    let found = blocked(Answer::new(501));
    assert_eq!(resource(&found, "plain")["attributes"]["public_access_block"], json!(null));
}

#[test]
fn a_full_page_of_buckets_that_does_not_say_how_it_goes_on_is_an_error() {
    let _host = account(|asked| {
        (asked.service == "s3" && asked.operation.is_empty()).then(|| {
            let most: usize = asked.parameter("max-buckets").unwrap().parse().unwrap();
            assert_eq!(most, 10_000);
            let bucket =
                |number| format!("<Bucket><Name>b{number}</Name><BucketRegion>us-east-1</BucketRegion></Bucket>");
            xml(&format!("<R><Buckets>{}</Buckets></R>", (0..most).map(bucket).collect::<String>()))
        })
    });
    let found = inventory(json!({ "services": ["s3"] }));
    assert_eq!(found["counts"], json!({ "aws.s3.bucket": 10_000 }));
    let [error] = found["errors"].as_array().unwrap().as_slice() else { panic!("{}", found["errors"]) };
    assert_eq!((&error["operation"], &error["code"]), (&json!("ListBuckets"), &json!("cut_off")));
}

#[test]
fn a_bucket_whose_region_is_not_one_is_asked_where_it_is() {
    let host = account(|asked| match asked.operation.as_str() {
        "" if asked.service == "s3" => Some(xml(
            "<R><Buckets><Bucket><Name>odd</Name><BucketRegion>evil.example.com/</BucketRegion></Bucket></Buckets></R>",
        )),
        "odd location" => Some(xml("<LocationConstraint>eu-west-1</LocationConstraint>")),
        _ => None,
    });
    assert_eq!(resource(&inventory(json!({ "services": ["s3"] })), "odd")["region"], "eu-west-1");
    assert!(host.sent().iter().all(|sent| !sent.url.contains("evil")));
}

fn people(asked: &Asked) -> Option<Answer> {
    if asked.service != "iam" {
        return None;
    }
    assert_eq!(asked.parameter("Version"), Some("2010-05-08"));
    let user = asked.parameter("UserName").unwrap_or_default();
    let list = |operation: &str, set: &str, items: &str, more: &str| {
        xml(&format!(
            "<{operation}Response xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><{operation}Result><{set}>{items}</{set}>\
             {more}</{operation}Result></{operation}Response>"
        ))
    };
    Some(match (asked.operation.as_str(), user) {
        ("ListUsers", _) => match asked.parameter("Marker") {
            None => list(
                "ListUsers",
                "Users",
                "<member><UserName>ann</UserName><Arn>arn:aws:iam::111122223333:user/ann</Arn><Path>/</Path><UserId>AIDA1</UserId>\
                 <CreateDate>2024-01-01T00:00:00Z</CreateDate><PasswordLastUsed>2025-12-01T10:00:00Z</PasswordLastUsed></member>",
                "<IsTruncated>true</IsTruncated><Marker>next+/=</Marker>",
            ),
            Some("next+/=") => list(
                "ListUsers",
                "Users",
                "<member><UserName>robot</UserName></member>",
                "<IsTruncated>false</IsTruncated><Marker>left over</Marker>",
            ),
            other => panic!("{other:?}"),
        },
        ("GetUser", "ann") => {
            list("GetUser", "User", "<Tags><member><Key>team</Key><Value>ops</Value></member></Tags>", "")
        }
        ("ListAccessKeys", "ann") => list(
            "ListAccessKeys",
            "AccessKeyMetadata",
            "<member><AccessKeyId>AKIA1</AccessKeyId><Status>Active</Status><CreateDate>2025-11-22T12:00:00Z</CreateDate></member>",
            "",
        ),
        ("ListMFADevices", "ann") => list(
            "ListMFADevices",
            "MFADevices",
            "<member><SerialNumber>arn:aws:iam::111122223333:mfa/ann</SerialNumber></member>",
            "",
        ),
        ("GetLoginProfile", "ann") => list("GetLoginProfile", "LoginProfile", "<UserName>ann</UserName>", ""),
        ("GetLoginProfile", "robot") => xml_error(404, "NoSuchEntity"),
        ("ListMFADevices", "robot") => xml_error(403, "AccessDenied"),
        ("ListRoles", _) => list(
            "ListRoles",
            "Roles",
            "<member><RoleName>deploy</RoleName><Arn>arn:aws:iam::111122223333:role/deploy</Arn><Path>/</Path>\
             <MaxSessionDuration>3600</MaxSessionDuration>\
             <AssumeRolePolicyDocument>%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D</AssumeRolePolicyDocument>\
             </member>",
            "<IsTruncated>false</IsTruncated>",
        ),
        ("GetRole", _) => list(
            "GetRole",
            "Role",
            "<Tags><member><Key>a</Key><Value>b</Value></member></Tags><RoleLastUsed><LastUsedDate>2025-12-31T00:00:00Z\
             </LastUsedDate><Region>eu-west-1</Region></RoleLastUsed>",
            "",
        ),
        ("GetAccountSummary", _) => list(
            "GetAccountSummary",
            "SummaryMap",
            "<entry><key>AccountMFAEnabled</key><value>1</value></entry><entry><key>Users</key><value>2</value></entry>",
            "",
        ),
        ("GetAccountAuthorizationDetails", _) => xml(
            "<GetAccountAuthorizationDetailsResponse><GetAccountAuthorizationDetailsResult><IsTruncated>false</IsTruncated>\
             <UserDetailList><member><UserName>ann</UserName><AttachedManagedPolicies><member>\
             <PolicyArn>arn:aws:iam::aws:policy/ReadOnlyAccess</PolicyArn></member></AttachedManagedPolicies>\
             <GroupList><member>ops</member><member>new</member></GroupList></member>\
             <member><UserName>robot</UserName></member></UserDetailList>\
             <GroupDetailList><member><GroupName>ops</GroupName><Arn>arn:aws:iam::111122223333:group/ops</Arn></member></GroupDetailList>\
             <RoleDetailList><member><RoleName>deploy</RoleName><Arn>arn:aws:iam::111122223333:role/deploy</Arn>\
             <InstanceProfileList><member><InstanceProfileName>web</InstanceProfileName><Path>/</Path>\
             <Arn>arn:aws:iam::111122223333:instance-profile/web</Arn></member></InstanceProfileList><RolePolicyList><member><PolicyName>own</PolicyName>\
             <PolicyDocument>%7B%22Statement%22%3A%5B%5D%7D</PolicyDocument></member></RolePolicyList></member></RoleDetailList>\
             <Policies><member><PolicyName>all</PolicyName><Arn>arn:aws:iam::111122223333:policy/all</Arn>\
             <AttachmentCount>1</AttachmentCount><PolicyVersionList><member><Document>%7B%22old%22%3A1%7D</Document>\
             <IsDefaultVersion>false</IsDefaultVersion></member><member><Document>%7B%22Statement%22%3A%5B%5D%7D</Document>\
             <IsDefaultVersion>true</IsDefaultVersion></member></PolicyVersionList></member></Policies>\
             </GetAccountAuthorizationDetailsResult></GetAccountAuthorizationDetailsResponse>",
        ),
        ("GetAccountPasswordPolicy", _) => list(
            "GetAccountPasswordPolicy",
            "PasswordPolicy",
            "<MinimumPasswordLength>14</MinimumPasswordLength><RequireNumbers>true</RequireNumbers>",
            "",
        ),
        (operation, _) => list(operation, "Empty", "", ""),
    })
}

fn looked_at_people() -> Value {
    let _host = account(people).at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600));
    inventory(json!({ "services": ["iam"] }))
}

#[test]
fn a_user_is_told_with_the_age_of_keys_devices_and_password() {
    let found = looked_at_people();
    let ann = resource(&found, "ann");
    assert_eq!((&ann["region"], &ann["created"]), (&json!("global"), &json!("2024-01-01T00:00:00Z")));
    assert_eq!(ann["tags"], json!({ "team": "ops" }));
    assert_eq!(
        ann["attributes"],
        json!({
            "user_id": "AIDA1", "path": "/", "password_last_used": "2025-12-01T10:00:00Z",
            "access_keys": [{ "id": "AKIA1", "state": "active", "created": "2025-11-22T12:00:00Z", "age_days": 39 }],
            "mfa": true, "mfa_devices": ["arn:aws:iam::111122223333:mfa/ann"], "password": true,
            "policies": [], "attached_policies": ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
        })
    );
}

#[test]
fn a_user_without_a_password_is_not_one_whose_devices_could_not_be_read() {
    let found = looked_at_people();
    let robot = resource(&found, "robot");
    assert_eq!((&robot["attributes"]["password"], &robot["attributes"]["access_keys"]), (&json!(false), &json!([])));
    assert_eq!((&robot["unread"], robot["attributes"].get("mfa")), (&json!(["mfa", "mfa_devices"]), None));
    assert_eq!(found["errors"].as_array().unwrap().len(), 1);
}

#[test]
fn roles_and_the_summary_are_told() {
    let found = looked_at_people();
    let role = resource(&found, "deploy");
    assert_eq!(role["attributes"]["trust_policy"], json!({ "Version": "2012-10-17", "Statement": [] }));
    assert_eq!(role["attributes"]["last_used"], json!({ "at": "2025-12-31T00:00:00Z", "region": "eu-west-1" }));
    assert_eq!(role["tags"], json!({ "a": "b" }));
    let summary = &resource(&found, "111122223333")["attributes"];
    assert_eq!((&summary["root_mfa"], &summary["summary"]["Users"]), (&json!(true), &json!(2)));
    assert_eq!(summary.get("root_access_keys"), None, "it was not counted");
}

#[test]
fn rights_of_roles_groups_and_policies_are_told_by_one_question() {
    let found = looked_at_people();
    let (role, group) = (resource(&found, "deploy"), resource(&found, "ops"));
    assert_eq!(role["attributes"]["policies"], json!([{ "name": "own", "document": { "Statement": [] } }]));
    assert_eq!((&group["type"], &group["attributes"]["policies"]), (&json!("aws.iam.group"), &json!([])));
    let policy = resource(&found, "arn:aws:iam::111122223333:policy/all");
    assert_eq!(policy["attributes"], json!({ "attachments": 1, "versions": 2, "document": { "Statement": [] } }));
    let passwords = &resource(&found, "password-policy")["attributes"];
    assert_eq!((&passwords["configured"], &passwords["length_min"]), (&json!(true), &json!(14)));
    assert_eq!(passwords["reuse_prevention"], json!(null));
}

#[test]
fn who_has_rights_is_related_to_policies_groups_and_roles() {
    let found = looked_at_people();
    assert_eq!(
        resource(&found, "ann")["relations"],
        json!([
            { "kind": "group", "target": "arn:aws:iam::111122223333:group/ops" },
            // Of a group that came between two questions the name alone is known.
            { "kind": "group", "target": "new" },
            { "kind": "policy", "target": "arn:aws:iam::aws:policy/ReadOnlyAccess" }
        ])
    );
    let profile = resource(&found, "web");
    assert_eq!(
        (&profile["type"], &profile["class"], &profile["arn"]),
        (
            &json!("aws.iam.instance-profile"),
            &json!("identity.instance_profile"),
            &json!("arn:aws:iam::111122223333:instance-profile/web")
        )
    );
    let role = "arn:aws:iam::111122223333:role/deploy";
    assert_eq!(profile["relations"], json!([{ "kind": "role", "target": role }]));
}

#[test]
fn rights_that_are_denied_are_not_read_and_hide_groups_and_policies() {
    let refused = |asked: &Asked| match asked.operation.as_str() {
        "GetAccountAuthorizationDetails" => Some(xml_error(403, "AccessDenied")),
        "GetAccountPasswordPolicy" => Some(xml_error(404, "NoSuchEntity")),
        _ => people(asked),
    };
    let _host = account(refused);
    let found = inventory(json!({ "services": ["iam"] }));
    assert_eq!(resource(&found, "ann")["unread"], json!(["policies", "attached_policies"]));
    let errors = found["errors"].as_array().unwrap();
    let denied = errors.iter().find(|error| error["operation"] == "GetAccountAuthorizationDetails").unwrap();
    assert_eq!(denied["hides"], json!(["aws.iam.group", "aws.iam.instance-profile", "aws.iam.policy"]));
    // Without a policy of its own the account has IAM's.
    let passwords = &resource(&found, "password-policy")["attributes"];
    assert_eq!((&passwords["configured"], &passwords["length_min"]), (&json!(false), &json!(8)));
}

#[test]
fn what_has_no_region_is_asked_once_whatever_the_regions() {
    let host = account(|asked| buckets(asked).or_else(|| people(asked)));
    inventory(json!({ "regions": ["us-east-1", "eu-west-1", "us-west-2"] }));
    let asked: Vec<Asked> = host.sent().iter().map(crate::aws::read).collect();
    let count = |operation: &str| asked.iter().filter(|one| one.operation == operation).count();
    assert_eq!((count("GetAccountSummary"), count("ListRoles"), count("DescribeVpcs")), (1, 1, 3));
    assert_eq!(asked.iter().filter(|one| one.service == "s3" && one.operation.is_empty()).count(), 2, "two pages");
}
