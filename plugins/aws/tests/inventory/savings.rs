//! The skill `savings`: each finding has its evidence and amount, nothing is counted twice, and
//! what nobody can tell is said.

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use crate::aws::{Asked, account, ec2_error, xml};
use serde_json::{Value, json};
use troupe_agent_aws::Aws;
use troupe_sdk::test::{self, Answer, Host};

/// Noon of 2026-03-20.
const NOW: u64 = 1_774_008_000;

const VOLUMES: [(&str, &str, &str, u32); 6] = [
    ("vol-free", "available", "gp3", 100),
    ("vol-small", "in-use", "gp2", 100),
    ("vol-mid", "in-use", "gp2", 200),
    ("vol-large", "in-use", "gp2", 2000),
    ("vol-stopped", "in-use", "gp2", 50),
    ("vol-odd", "available", "hologram", 1),
];

fn list(asked: &Asked, reversed: bool) -> Option<String> {
    let ordered = |mut items: Vec<String>| {
        if reversed {
            items.reverse();
        }
        items.concat()
    };
    Some(match asked.operation.as_str() {
        "DescribeVolumes" => {
            let volume = |(id, state, kind, size): &(&str, &str, &str, u32)| {
                let iops = if *kind == "gp3" { 4000 } else { (size * 3).max(100) };
                format!(
                    "<item><volumeId>{id}</volumeId><size>{size}</size><status>{state}</status><volumeType>{kind}</volumeType>\
                     <iops>{iops}</iops><createTime>2025-01-01T00:00:00Z</createTime></item>"
                )
            };
            format!("<R><volumeSet>{}</volumeSet></R>", ordered(VOLUMES.iter().map(volume).collect()))
        }
        "DescribeAddresses" => {
            let address = |(id, more): (&str, &str)| {
                format!("<item><publicIp>192.0.2.1</publicIp><allocationId>{id}</allocationId>{more}</item>")
            };
            let addresses = [
                ("eipalloc-free", ""),
                ("eipalloc-used", "<instanceId>i-busy</instanceId>"),
                ("eipalloc-own", "<publicIpv4Pool>ipv4pool-ec2-1</publicIpv4Pool>"),
                ("eipalloc-pool", "<publicIpv4Pool>amazon</publicIpv4Pool>"),
            ];
            format!("<R><addressesSet>{}</addressesSet></R>", ordered(addresses.map(address).to_vec()))
        }
        "DescribeInstances" => {
            let instance = |(id, kind, state, more): (&str, &str, &str, &str)| {
                format!(
                    "<item><instancesSet><item><instanceId>{id}</instanceId><instanceType>{kind}</instanceType>\
                     <instanceState><name>{state}</name></instanceState><launchTime>2025-06-01T00:00:00Z</launchTime>\
                     <placement><tenancy>default</tenancy></placement>{more}</item></instancesSet></item>"
                )
            };
            let disk =
                "<blockDeviceMapping><item><ebs><volumeId>vol-stopped</volumeId></ebs></item></blockDeviceMapping>";
            let instances = [
                ("i-idle", "m5.2xlarge", "running", ""),
                ("i-busy", "m5.2xlarge", "running", ""),
                ("i-peaky", "m5.2xlarge", "running", ""),
                ("i-windows", "m5.2xlarge", "running", "<platformDetails>Windows</platformDetails>"),
                ("i-smallest", "t3.nano", "running", ""),
                ("i-large", "m5.large", "running", ""),
                ("i-metal", "u-6tb1.metal", "running", ""),
                ("i-silent", "m5.large", "running", ""),
                (
                    "i-stopped",
                    "m5.large",
                    "stopped",
                    &format!("<reason>User initiated (2025-12-01 10:00:00 GMT)</reason>{disk}"),
                ),
                (
                    "i-resting",
                    "m5.large",
                    "stopped",
                    &format!("<reason>User initiated (2026-03-10 10:00:00 GMT)</reason>{disk}"),
                ),
                ("i-unclear", "m5.large", "stopped", disk),
            ];
            format!("<R><reservationSet>{}</reservationSet></R>", ordered(instances.map(instance).to_vec()))
        }
        "DescribeSnapshots" => {
            let snapshot = |(id, time, more): (&str, &str, &str)| {
                format!(
                    "<item><snapshotId>{id}</snapshotId><startTime>{time}T00:00:00Z</startTime><volumeSize>100</volumeSize>{more}</item>"
                )
            };
            let planned = "<tagSet><item><key>aws:backup:source-resource</key><value>x</value></item></tagSet>";
            let snapshots = [
                ("snap-old", "2025-01-01", "<fullSnapshotSizeInBytes>42949672960</fullSnapshotSizeInBytes>"),
                ("snap-new", "2026-03-01", ""),
                ("snap-image", "2025-01-01", ""),
                ("snap-planned", "2025-01-01", planned),
            ];
            format!("<R><snapshotSet>{}</snapshotSet></R>", ordered(snapshots.map(snapshot).to_vec()))
        }
        "DescribeImages" => "<R><imagesSet><item><imageId>ami-1</imageId><blockDeviceMapping><item><ebs>\
             <snapshotId>snap-image</snapshotId></ebs></item></blockDeviceMapping></item></imagesSet></R>"
            .to_owned(),
        "DescribeNatGateways" => {
            let gateway = |(id, state): (&str, &str)| {
                format!(
                    "<item><natGatewayId>{id}</natGatewayId><state>{state}</state>\
                     <createTime>2025-02-03T04:05:06Z</createTime></item>"
                )
            };
            let gateways = [("nat-idle", "available"), ("nat-busy", "available"), ("nat-gone", "deleted")];
            format!("<R><natGatewaySet>{}</natGatewaySet></R>", ordered(gateways.map(gateway).to_vec()))
        }
        "DescribeLoadBalancers" => {
            let balancer = |(name, kind, created): (&str, &str, &str)| {
                format!(
                    "<member><LoadBalancerArn>arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/{name}/1</LoadBalancerArn>\
                     <LoadBalancerName>{name}</LoadBalancerName><Type>{kind}</Type><CreatedTime>{created}T00:00:00Z</CreatedTime>\
                     <State><Code>active</Code></State></member>"
                )
            };
            let balancers = [
                ("app/idle", "application", "2025-01-01"),
                ("app/busy", "application", "2025-01-01"),
                ("app/young", "application", "2026-03-19"),
                ("net/silent", "network", "2025-01-01"),
                ("gwy/idle", "gateway", "2025-01-01"),
            ];
            format!(
                "<R><DescribeLoadBalancersResult><LoadBalancers>{}</LoadBalancers></DescribeLoadBalancersResult></R>",
                ordered(balancers.map(balancer).to_vec())
            )
        }
        _ => return None,
    })
}

/// What CloudWatch has of a resource: a value a day.
fn values(metric: &str, statistic: &str, name: &str) -> Vec<f64> {
    let always = |value: f64| vec![value; 14];
    match (metric, name, statistic) {
        ("CPUUtilization", "i-idle" | "i-windows" | "i-smallest" | "i-large" | "i-metal", "Average") => always(2.0),
        ("CPUUtilization", "i-idle" | "i-windows" | "i-smallest" | "i-large" | "i-metal", _) => always(17.0),
        ("CPUUtilization", "i-busy", "Average") => always(60.0),
        ("CPUUtilization", "i-busy", _) => always(99.0),
        ("CPUUtilization", "i-peaky", "Average") => always(3.0),
        ("CPUUtilization", "i-peaky", _) => [vec![5.0; 13], vec![90.0]].concat(),
        ("BytesOutToDestination", "nat-busy", _) => always(1e6),
        ("BytesOutToDestination", "nat-idle", _) | ("NewFlowCount", "gwy/idle/1", _) => always(0.0),
        ("RequestCount", "app/busy/1", _) => vec![7.0],
        _ => Vec::new(),
    }
}

/// Answers with what each measure has, half of it on a second page.
fn measures(asked: &Asked) -> Answer {
    let input = asked.json();
    assert_eq!((&input["StartTime"], &input["EndTime"]), (&json!(1_772_755_200), &json!(1_773_964_800)));
    let is_second = input["NextToken"] == "two";
    let results: Vec<Value> = input["MetricDataQueries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|query| {
            let stat = &query["MetricStat"];
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let metric = &stat["Metric"];
            let name = text(&metric["Dimensions"][0]["Value"]);
            let all = values(&text(&metric["MetricName"]), &text(&stat["Stat"]), &name);
            let (first, second) = all.split_at(all.len() / 2);
            let (values, code) = if is_second { (second, "Complete") } else { (first, "PartialData") };
            json!({ "Id": query["Id"], "StatusCode": code, "Values": values, "Timestamps": [] })
        })
        .collect();
    let next = if is_second { Value::Null } else { json!("two") };
    Answer::json(200, json!({ "MetricDataResults": results, "NextToken": next }))
}

fn estate(reversed: bool, mut otherwise: impl FnMut(&Asked) -> Option<Answer> + 'static) -> Host {
    let host = account(move |asked| {
        otherwise(asked).or_else(|| match asked.service.as_str() {
            "cloudwatch" => Some(measures(asked)),
            "ec2" | "elbv2" => list(asked, reversed).map(|text| xml(&text)),
            _ => None,
        })
    });
    host.at(UNIX_EPOCH + Duration::from_secs(NOW))
}

fn savings(input: Value) -> Value {
    test::perform::<Aws>("savings", input).expect("savings")
}

/// Rule, resource and amount of what has one of these statuses.
fn told<'a>(found: &'a Value, status: &'a str) -> BTreeSet<(&'a str, &'a str, String)> {
    let findings = found["findings"].as_array().unwrap().iter().filter(|one| one["status"] == status);
    findings
        .map(|one| {
            let saving = one["saving"]["monthly"].as_f64().map(|amount| format!("{amount:.2}"));
            let (rule, id) = (one["rule"].as_str().unwrap(), one["resource"]["id"].as_str().unwrap());

            (rule.strip_prefix("cost.").unwrap(), id, saving.unwrap_or_default())
        })
        .collect()
}

fn finding<'a>(found: &'a Value, id: &str) -> &'a Value {
    let findings = found["findings"].as_array().unwrap();
    findings.iter().find(|one| one["resource"]["id"] == id).unwrap_or_else(|| panic!("no {id}"))
}

fn evidence<'a>(finding: &'a Value, name: &str) -> &'a Value {
    let evidence = finding["evidence"].as_array().unwrap();
    &evidence.iter().find(|one| one["attribute"] == name).unwrap_or_else(|| panic!("no {name} in {finding:#}"))["value"]
}

#[test]
fn each_rule_finds_what_it_is_about_and_nothing_else() {
    let _host = estate(false, |_| None);
    let found = savings(json!({}));
    assert_eq!(found["errors"], json!([]));
    let failed: BTreeSet<(&str, &str, String)> = [
        ("volume-unattached", "vol-free", "13.00"),
        ("volume-unattached", "vol-odd", ""),
        ("volume-gp2", "vol-small", "2.00"),
        // 200 as gp2; 160 as gp3, 15 for 3000 operations more, 5 for 125 MiB/s more.
        ("volume-gp2", "vol-large", "20.00"),
        ("address-unattached", "eipalloc-free", "3.65"),
        ("address-unattached", "eipalloc-pool", "3.65"),
        ("instance-stopped", "i-stopped", "5.00"),
        ("instance-underused", "i-idle", "140.16"),
        ("instance-underused", "i-windows", ""),
        ("snapshot-old", "snap-old", ""),
        ("nat-gateway-idle", "nat-idle", "32.85"),
        ("load-balancer-idle", "app/idle", "16.43"),
        ("load-balancer-idle", "gwy/idle", ""),
    ]
    .map(|(rule, id, amount)| (rule, id, amount.to_owned()))
    .into();
    assert_eq!(told(&found, "fail"), failed);
    let unclear: BTreeSet<&str> = told(&found, "not_checked").into_iter().map(|(_, id, _)| id).collect();
    assert_eq!(unclear, ["i-unclear", "i-metal", "i-silent", "app/young", "net/silent"].into());
    assert_eq!(
        found["rules"]["cost.volume-unattached"],
        json!({ "found": 2, "without_amount": 1, "not_checked": 0, "passed": 4 })
    );
}

#[test]
fn what_was_seen_and_where_prices_come_from_is_told() {
    let _host = estate(false, |_| None);
    let found = savings(json!({}));
    let idle = finding(&found, "i-idle");
    assert_eq!((evidence(idle, "cpu_average"), evidence(idle, "cpu_maximum")), (&json!(2.0), &json!(17.0)));
    assert_eq!(evidence(idle, "smaller_type"), "m5.xlarge");
    assert_eq!((&idle["saving"]["currency"], &idle["saving"]["as_of"]), (&json!("USD"), &json!("2026-07-20")));
    assert!(idle["fix"].as_str().unwrap().contains("memory"));
    let large = finding(&found, "vol-large");
    assert_eq!((evidence(large, "gp3_iops"), evidence(large, "gp3_throughput_mib")), (&json!(6000.0), &json!(250.0)));
    // 40 GiB were written to it, of 100.
    assert_eq!(evidence(finding(&found, "snap-old"), "monthly_at_most"), &json!(2.0));
    assert_eq!(evidence(finding(&found, "i-windows"), "price"), "no price known of platform Windows");
    assert_eq!(evidence(finding(&found, "i-stopped"), "stopped_at"), "2025-12-01T10:00:00Z");
    assert_eq!(evidence(finding(&found, "i-stopped"), "volumes"), &json!(["vol-stopped"]));
    for finding in found["findings"].as_array().unwrap() {
        assert!(!finding["fix"].as_str().unwrap().is_empty() && !finding["evidence"].as_array().unwrap().is_empty());
        let is_told = finding["status"] == "fail" && finding["saving"].is_null();
        let evidence = finding["evidence"].as_array().unwrap();
        let why = |name: &str| evidence.iter().any(|one| one["attribute"] == name);
        assert_eq!(is_told, finding["status"] == "fail" && (why("price") || why("monthly_at_most")), "{finding:#}");
    }
}

#[test]
fn a_machine_that_has_no_half_is_none_that_half_would_do_for_whatever_is_known_of_prices() {
    let _host = estate(false, |_| None);
    let found = savings(json!({ "regions": ["eu-west-3"], "rules": ["instance_underused"] }));
    let failed: BTreeSet<&str> = told(&found, "fail").into_iter().map(|(_, id, _)| id).collect();
    assert_eq!(failed, ["i-idle", "i-windows"].into());
    let idle = finding(&found, "i-idle");
    assert_eq!((evidence(idle, "smaller_type"), idle.get("saving")), (&json!("m5.xlarge"), None));
    assert_eq!(evidence(idle, "price"), "no price known: eu-west-3 is not in the price list");
    assert_eq!(finding(&found, "i-metal")["reason"], "which type is half of u-6tb1.metal is not known");
}

#[test]
fn a_machine_that_is_stopped_each_night_is_judged() {
    let _host = estate(false, |asked| {
        (asked.operation == "DescribeInstances").then(|| {
            xml("<R><reservationSet><item><instancesSet><item><instanceId>i-idle</instanceId>\
                 <instanceType>m5.2xlarge</instanceType><instanceState><name>running</name></instanceState>\
                 <launchTime>2026-03-20T06:00:00.000Z</launchTime><networkInterfaceSet><item><attachment>\
                 <attachTime>2025-06-01T00:00:00.000Z</attachTime></attachment></item></networkInterfaceSet></item>\
                 </instancesSet></item></reservationSet></R>")
        })
    });
    let found = savings(json!({ "rules": ["instance_underused"] }));
    assert_eq!(told(&found, "fail"), [("instance-underused", "i-idle", "140.16".to_owned())].into());
}

#[test]
fn totals_are_the_sums_of_the_findings_and_no_saving_is_below_nothing() {
    let _host = estate(false, |_| None);
    let found = savings(json!({ "regions": ["us-east-1", "eu-west-1", "ap-south-1"] }));
    let millionths = |value: &Value| (value.as_f64().unwrap() * 1e6).round() as i64;
    let savings: Vec<&Value> =
        found["findings"].as_array().unwrap().iter().filter(|one| !one["saving"].is_null()).collect();
    let amounts: Vec<i64> = savings.iter().map(|one| millionths(&one["saving"]["monthly"])).collect();
    assert!(amounts.iter().all(|amount| *amount > 0) && amounts.is_sorted_by(|one, other| one >= other));
    let [total] = found["totals"].as_array().unwrap().as_slice() else { panic!("{:#}", found["totals"]) };
    assert_eq!(millionths(&total["monthly"]), amounts.iter().sum::<i64>());
    for by in ["by_rule", "by_region"] {
        let sums = total[by].as_object().unwrap().values().map(millionths);
        assert_eq!(sums.sum::<i64>(), amounts.iter().sum::<i64>(), "{by}");
    }
    // Nobody knows a price there, so nothing is told to be saved.
    assert_eq!(total["by_region"].get("ap-south-1"), None);
    assert!(found["findings"].as_array().unwrap().iter().any(|one| one["resource"]["region"] == "ap-south-1"));
}

#[test]
fn findings_are_the_same_in_whatever_order_things_are_listed() {
    let found = |reversed: bool| {
        let _host = estate(reversed, |_| None);
        savings(json!({}))
    };
    assert_eq!(found(false), found(true));
}

#[test]
fn more_findings_than_an_answer_holds_are_artefacts_and_counted_all_the_same() {
    let host = estate(false, |asked| {
        (asked.operation == "DescribeSnapshots").then(|| {
            let snapshot = |number: u32| {
                format!(
                    "<item><snapshotId>snap-{number:05}</snapshotId><startTime>2025-01-01T00:00:00Z</startTime>\
                     <volumeSize>100</volumeSize></item>"
                )
            };
            xml(&format!("<R><snapshotSet>{}</snapshotSet></R>", (0..17_000).map(snapshot).collect::<String>()))
        })
    });
    let found = savings(json!({ "rules": ["snapshot_old"] }));
    assert_eq!((found.get("findings"), &found["rules"]["cost.snapshot-old"]["found"]), (None, &json!(17_000)));
    let parts = found["parts"].as_array().unwrap();
    assert_eq!(parts[0]["name"], "findings-00001.jsonl");
    let told: usize =
        host.artifacts().into_iter().map(|artefact| String::from_utf8(artefact.bytes).unwrap().lines().count()).sum();
    assert_eq!(told, 17_000);
}

#[test]
fn what_is_counted_by_one_rule_is_not_counted_by_another() {
    let _host = estate(false, |_| None);
    let alone = savings(json!({ "rules": ["volume_gp2"] }));
    // Without the rule about instances that are stopped nobody else counts their disks.
    assert!(told(&alone, "fail").iter().any(|(_, id, _)| *id == "vol-stopped"));
    let all = savings(json!({ "rules": ["volume_gp2", "instance_stopped"] }));
    assert!(told(&all, "fail").iter().all(|(_, id, _)| *id != "vol-stopped"));
    assert_eq!(alone["rules"].as_object().unwrap().len(), 1);
}

#[test]
fn what_cannot_be_read_is_said_and_never_taken_for_nothing() {
    let denied = |operation: &'static str| {
        estate(false, move |asked| {
            (asked.operation == operation).then(|| match asked.service.as_str() {
                "ec2" => ec2_error(403, "UnauthorizedOperation", "no"),
                _ => Answer::json(400, json!({ "__type": "AccessDeniedException", "message": "no" })),
            })
        })
    };
    for (operation, unclear) in [
        ("DescribeVolumes", vec!["i-stopped"]),
        ("DescribeImages", vec!["snap-old", "snap-image"]),
        ("GetMetricData", vec!["i-idle", "nat-idle", "app/idle"]),
    ] {
        let _host = denied(operation);
        let found = savings(json!({}));
        assert_eq!(
            (&found["errors"][0]["operation"], &found["errors"][0]["kind"]),
            (&json!(operation), &json!("denied"))
        );
        let not_checked: BTreeSet<&str> = told(&found, "not_checked").into_iter().map(|(_, id, _)| id).collect();
        assert!(unclear.iter().all(|id| not_checked.contains(id)), "{operation}: {not_checked:?}");
    }
}

#[test]
fn measures_that_end_in_the_middle_or_are_not_told_are_not_none() {
    for half in [true, false] {
        let _host = estate(false, move |asked| {
            (asked.operation == "GetMetricData").then(|| {
                let queries = asked.json()["MetricDataQueries"].as_array().unwrap().clone();
                let results = queries.iter().filter(|_| half).map(
                    |query| json!({ "Id": query["Id"], "StatusCode": "PartialData", "Values": [], "Timestamps": [] }),
                );
                Answer::json(200, json!({ "MetricDataResults": results.collect::<Vec<Value>>() }))
            })
        });
        let found = savings(json!({ "rules": ["load_balancer_idle"] }));
        assert!(told(&found, "fail").is_empty(), "{half}: {found:#}");
        assert!(told(&found, "not_checked").iter().any(|(_, id, _)| *id == "app/idle"), "{half}: {found:#}");
    }
}

#[test]
fn only_what_the_rules_need_is_asked_for() {
    let host = estate(false, |_| None);
    savings(json!({ "rules": ["address_unattached"] }));
    let sent: Vec<String> = host.sent().iter().map(|sent| sent.text()).collect();
    assert_eq!(sent.len(), 2, "{sent:?}");
    assert!(sent[1].contains("Action=DescribeAddresses"));
}

#[test]
fn bounds_that_mean_nothing_are_refused() {
    for input in [
        json!({ "days": 1 }),
        json!({ "days": 91 }),
        json!({ "cpu_average": 101 }),
        json!({ "rules": ["everything"] }),
        json!({ "regions": ["nowhere"] }),
    ] {
        let _host = estate(false, |_| None);
        test::perform::<Aws>("savings", input.clone()).expect_err(&input.to_string());
    }
}
