//! The skill `changes`: ten changes between two looks are the ten that are told.

use std::collections::BTreeMap;

use crate::aws::{Asked, account, ec2_error, xml, xml_error};
use serde_json::{Value, json};
use troupe_agent_aws::Aws;
use troupe_sdk::test::{self, Answer};

/// Volumes of the first look; `second` is another day of the same account.
fn volumes(second: bool) -> String {
    let volume = |(number, size, tag): (u32, u32, &str)| {
        format!(
            "<item><volumeId>vol-{number:02}</volumeId><size>{size}</size><status>available</status>\
             <tagSet><item><key>team</key><value>{tag}</value></item></tagSet></item>"
        )
    };
    let before = (0..20).map(|number| (number, 8, "a"));
    let list: Vec<(u32, u32, &str)> = if second {
        // 0, 1 and 2 are gone, 3 and 4 larger, 5 has another tag, 20 to 22 are new.
        let changed = before.filter(|(number, ..)| *number > 2).map(|(number, size, tag)| match number {
            3 | 4 => (number, size * 2, tag),
            5 => (number, size, "b"),
            _ => (number, size, tag),
        });
        // EC2 lists in whatever order it likes.
        changed.chain((20..23).map(|number| (number, 8, "a"))).rev().collect()
    } else {
        before.collect()
    };
    format!("<R><volumeSet>{}</volumeSet></R>", list.into_iter().map(volume).collect::<String>())
}

pub fn look(second: bool) -> impl FnMut(&Asked) -> Option<Answer> {
    move |asked| {
        Some(match (asked.service.as_str(), asked.operation.as_str()) {
            ("ec2", "DescribeVolumes") => xml(&volumes(second)),
            // Addresses are taken and given back all the time.
            ("ec2", "DescribeSubnets") => xml(&format!(
                "<R><subnetSet><item><subnetId>subnet-1</subnetId><availableIpAddressCount>{}</availableIpAddressCount>\
                 </item></subnetSet></R>",
                if second { 7 } else { 250 }
            )),
            ("iam", "ListUsers") => xml(
                "<R><ListUsersResult><Users><member><UserName>ann</UserName></member></Users></ListUsersResult></R>",
            ),
            ("iam", "ListAccessKeys") => {
                let key = |id: &str| {
                    format!(
                        "<member><AccessKeyId>{id}</AccessKeyId><Status>Active</Status>\
                         <CreateDate>2025-01-01T00:00:00Z</CreateDate></member>"
                    )
                };
                let second_key = if second { key("AKIA2") } else { String::new() };
                xml(&format!(
                    "<R><ListAccessKeysResult><AccessKeyMetadata>{}{second_key}</AccessKeyMetadata>\
                     </ListAccessKeysResult></R>",
                    key("AKIA1")
                ))
            }
            _ => return None,
        })
    }
}

fn inventory() -> Value {
    let _host = account(look(false)).at(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_774_008_000));
    test::perform::<Aws>("inventory", json!({ "services": ["ec2", "iam"] })).unwrap()
}

/// Ten days later.
fn changes(previous: &Value, script: impl FnMut(&Asked) -> Option<Answer> + 'static) -> Value {
    let _host = account(script).at(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_774_872_000));
    test::perform::<Aws>("changes", json!({ "previous": previous, "services": ["ec2", "iam"] })).unwrap()
}

fn told(changes: &Value) -> BTreeMap<String, String> {
    let changes = changes["changes"].as_array().unwrap();
    let one = |change: &Value| {
        let resource = if change["now"].is_null() { &change["before"] } else { &change["now"] };
        let fields = change["fields"].as_array().map(|fields| format!(" {}", json!(fields))).unwrap_or_default();
        (resource["id"].as_str().unwrap().to_owned(), format!("{}{fields}", change["change"].as_str().unwrap()))
    };
    changes.iter().map(one).collect()
}

#[test]
fn ten_changes_are_told_and_nothing_else() {
    let previous = inventory();
    let found = changes(&previous, look(true));
    let expected = [
        ("vol-00", "gone"),
        ("vol-01", "gone"),
        ("vol-02", "gone"),
        ("vol-03", "changed [\"attributes.size_gib\"]"),
        ("vol-04", "changed [\"attributes.size_gib\"]"),
        ("vol-05", "changed [\"tags.team\"]"),
        ("vol-20", "new"),
        ("vol-21", "new"),
        ("vol-22", "new"),
        ("ann", "changed [\"attributes.access_keys\"]"),
    ];
    let expected: BTreeMap<String, String> =
        expected.iter().map(|(id, change)| ((*id).to_owned(), (*change).to_owned())).collect();
    assert_eq!(told(&found), expected);
    assert_eq!(found["errors"], json!([]));
    let counts: u64 = found["counts"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    // Twenty volumes and three new ones, a subnet, a user, the account and its passwords.
    assert_eq!((counts, &found["counts"]["gone"]), (20 + 3 + 1 + 1 + 1 + 1, &json!(3)));
    // What is told next is what is there, and compared with that nothing has changed.
    let again = changes(&found["next"], look(true));
    assert_eq!((told(&again), again["counts"].as_object().unwrap().len()), (BTreeMap::new(), 1));
}

#[test]
fn what_comes_and_goes_by_itself_is_no_change() {
    const GROUP: &str = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/web/1";
    let host = |count: u32, target_type: &'static str| {
        account(move |asked| {
            let list = |name: &str, members: &str| {
                let operation = &asked.operation;
                xml(&format!("<R><{operation}Result><{name}>{members}</{name}></{operation}Result></R>"))
            };
            Some(match asked.operation.as_str() {
                "ListQueues" => Answer::json(200, json!({ "QueueUrls": ["https://sqs/1/jobs"] })),
                "GetQueueAttributes" => {
                    let (waiting, out) = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible");
                    Answer::json(200, json!({ "Attributes": { waiting: count.to_string(), out: count.to_string() } }))
                }
                "ListQueueTags" => Answer::json(200, json!({})),
                "DescribeAutoScalingGroups" => list(
                    "AutoScalingGroups",
                    &format!(
                        "<member><AutoScalingGroupName>web</AutoScalingGroupName>\
                         <DesiredCapacity>{count}</DesiredCapacity><Instances>{}</Instances></member>",
                        (0..count)
                            .map(|number| format!(
                                "<member><InstanceId>i-{count}{number}</InstanceId>\
                                 <HealthStatus>Unhealthy</HealthStatus></member>"
                            ))
                            .collect::<String>()
                    ),
                ),
                "DescribeTargetGroups" => list(
                    "TargetGroups",
                    &format!(
                        "<member><TargetGroupName>web</TargetGroupName><TargetGroupArn>{GROUP}</TargetGroupArn>\
                         <TargetType>{target_type}</TargetType></member>"
                    ),
                ),
                "DescribeTargetHealth" => list(
                    "TargetHealthDescriptions",
                    &(0..count)
                        .map(|number| {
                            format!(
                                "<member><Target><Id>i-{count}{number}</Id></Target>\
                             <TargetHealth><State>draining</State></TargetHealth></member>"
                            )
                        })
                        .collect::<String>(),
                ),
                _ => return None,
            })
        })
    };
    let services = json!(["sqs", "autoscaling", "elbv2"]);
    let _first = host(1, "instance");
    let previous = test::perform::<Aws>("inventory", json!({ "services": services })).unwrap();
    assert_eq!(previous["resources"].as_array().unwrap().len(), 3, "{previous:#}");
    let _then = host(3, "instance");
    let found = test::perform::<Aws>("changes", json!({ "previous": previous, "services": services })).unwrap();
    assert_eq!((told(&found), &found["counts"]), (BTreeMap::new(), &json!({ "same": 3 })));
    // A function is put behind a target group by somebody.
    let _first = host(1, "lambda");
    let previous = test::perform::<Aws>("inventory", json!({ "services": services })).unwrap();
    let _then = host(3, "lambda");
    let found = test::perform::<Aws>("changes", json!({ "previous": previous, "services": services })).unwrap();
    assert_eq!(told(&found), BTreeMap::from([("web".to_owned(), "changed [\"relations\"]".to_owned())]));
}

#[test]
fn what_scales_by_itself_is_no_change() {
    const CLUSTER: &str = "arn:aws:ecs:us-east-1:111122223333:cluster/prod";
    const SERVICE: &str = "arn:aws:ecs:us-east-1:111122223333:service/prod/web";
    let host = |count: u32, most: u32| {
        account(move |asked| {
            Some(match asked.action.as_str() {
                "ecs:ListClusters" => Answer::json(200, json!({ "clusterArns": [CLUSTER] })),
                "ecs:DescribeClusters" => {
                    let cluster = json!({ "clusterArn": CLUSTER, "clusterName": "prod", "registeredContainerInstancesCount": count });
                    Answer::json(200, json!({ "clusters": [cluster] }))
                }
                "ecs:ListServices" => Answer::json(200, json!({ "serviceArns": [SERVICE] })),
                "ecs:DescribeServices" => {
                    let service = json!({ "serviceArn": SERVICE, "serviceName": "web", "clusterArn": CLUSTER, "desiredCount": count });
                    Answer::json(200, json!({ "services": [service] }))
                }
                "eks:ListClusters" => Answer::json(200, json!({ "clusters": ["k"] })),
                "eks:DescribeCluster" => Answer::json(200, json!({ "cluster": { "name": "k" } })),
                "eks:ListNodegroups" => Answer::json(200, json!({ "nodegroups": ["n"] })),
                "eks:DescribeNodegroup" => {
                    let sizes = json!({ "desiredSize": count, "maxSize": most });
                    Answer::json(200, json!({ "nodegroup": { "nodegroupName": "n", "scalingConfig": sizes } }))
                }
                "dynamodb:ListTables" => Answer::json(200, json!({ "TableNames": ["t"] })),
                "dynamodb:DescribeTable" => {
                    let units = json!({ "ReadCapacityUnits": count, "WriteCapacityUnits": count });
                    Answer::json(200, json!({ "Table": { "TableName": "t", "ProvisionedThroughput": units } }))
                }
                _ => return None,
            })
        })
    };
    let services = json!(["ecs", "eks", "dynamodb"]);
    let _first = host(1, 5);
    let previous = test::perform::<Aws>("inventory", json!({ "services": services })).unwrap();
    assert_eq!(previous["resources"].as_array().unwrap().len(), 5, "{previous:#}");
    let _then = host(3, 5);
    let input = json!({ "previous": previous, "services": services });
    assert_eq!(told(&test::perform::<Aws>("changes", input.clone()).unwrap()), BTreeMap::new());
    let _later = host(3, 9);
    let changed = told(&test::perform::<Aws>("changes", input).unwrap());
    assert_eq!(changed.into_values().collect::<Vec<_>>(), ["changed [\"attributes.size_max\"]"]);
}

#[test]
fn what_could_not_be_looked_at_is_unknown_and_comes_back_as_it_was() {
    let previous = inventory();
    let found = changes(&previous, |asked| match (asked.service.as_str(), asked.operation.as_str()) {
        ("ec2", "DescribeVolumes") => Some(ec2_error(403, "UnauthorizedOperation", "no")),
        _ => look(false)(asked),
    });
    assert_eq!(found["counts"]["unknown"], 20, "{:#}", found["counts"]);
    assert_eq!(found["counts"].get("gone"), None);
    assert_eq!(found["changes"][0]["why"]["kind"], "problem");
    let again = changes(&found["next"], look(false));
    assert_eq!(told(&again), BTreeMap::new());
}

#[test]
fn a_service_that_was_not_looked_at_is_unknown() {
    let previous = inventory();
    let _host = account(look(false));
    let found = test::perform::<Aws>("changes", json!({ "previous": previous, "services": ["ec2"] })).unwrap();
    let told = told(&found);
    assert!(told.values().all(|change| change == "unknown"), "{told:?}");
    assert!(told.contains_key("ann") && !told.contains_key("vol-00"));
}

#[test]
fn another_account_and_one_that_nobody_knows_are_not_compared() {
    let previous = json!({ "account": "999900001111", "regions": ["us-east-1"], "resources": [] });
    let _host = account(|_| None);
    test::perform::<Aws>("changes", json!({ "previous": previous })).expect_err("another account");
    let _host = account(|asked| (asked.service == "sts").then(|| xml_error(403, "AccessDenied")));
    let previous = json!({ "account": null, "regions": ["us-east-1"], "resources": [] });
    test::perform::<Aws>("changes", json!({ "previous": previous, "services": ["ec2"] })).expect_err("nobody knows");
}
