//! The skill `migration-source`: what is told of an account is what the agent `migration` reads.

use serde_json::{Value, json};
use troupe_agent_aws::Aws;
use troupe_agent_migration::Migration;
use troupe_sdk::test::{self, Answer, Host};

use crate::aws::{Asked, account, resource, xml, xml_error};

const BALANCER: &str = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/shop/1";
const GROUP: &str = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/web/1";

/// A shop: a machine of a type that `migration` does not know, its disk and database, and a name that leads to
/// its load balancer.
fn shop(asked: &Asked) -> Option<Answer> {
    let listed = |body: &str| xml(&format!("<R><{0}Result>{body}</{0}Result></R>", asked.operation));
    let tags = "<item><key>app</key><value>shop</value></item>";
    Some(match asked.action.as_str() {
        "ec2:DescribeInstances" => xml(&format!(
            "<R><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId><instanceType>q9.large</instanceType>\
             <instanceState><name>running</name></instanceState><vpcId>vpc-1</vpcId><subnetId>subnet-1</subnetId>\
             <privateIpAddress>10.0.0.7</privateIpAddress><tagSet>{tags}</tagSet>\
             <groupSet><item><groupId>sg-web</groupId></item></groupSet><blockDeviceMapping><item><ebs>\
             <volumeId>vol-1</volumeId></ebs></item></blockDeviceMapping></item><item><instanceId>i-2</instanceId>\
             <instanceType>m5.large</instanceType><instanceState><name>stopped</name></instanceState></item></instancesSet>\
             </item></reservationSet></R>"
        )),
        "ec2:DescribeVolumes" => xml(
            "<R><volumeSet><item><volumeId>vol-1</volumeId><size>30</size><volumeType>gp3</volumeType><status>in-use</status>\
             <attachmentSet><item><instanceId>i-1</instanceId></item></attachmentSet></item></volumeSet></R>",
        ),
        "ec2:DescribeSecurityGroups" => xml(
            "<R><securityGroupInfo><item><groupId>sg-web</groupId><vpcId>vpc-1</vpcId></item><item><groupId>sg-db</groupId>\
             <vpcId>vpc-1</vpcId><ipPermissions><item><ipProtocol>tcp</ipProtocol><fromPort>5432</fromPort>\
             <toPort>5432</toPort><groups><item><groupId>sg-web</groupId></item><item><groupId>sg-db</groupId></item></groups>\
             </item></ipPermissions></item></securityGroupInfo></R>",
        ),
        "ec2:DescribeVpcs" => {
            xml("<R><vpcSet><item><vpcId>vpc-1</vpcId><cidrBlock>10.0.0.0/16</cidrBlock></item></vpcSet></R>")
        }
        "ec2:DescribeSubnets" => xml(
            "<R><subnetSet><item><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId><cidrBlock>10.0.0.0/24</cidrBlock></item>\
             </subnetSet></R>",
        ),
        "ec2:DescribeInstanceTypes" => {
            assert_eq!(asked.parameter("Filter.1.Name"), Some("instance-type"));
            let known = [("q9.large", 2, 16_384), ("r6g.large", 2, 16_384), ("m5.large", 2, 8_192)];
            let asked_for = |name: &str| asked.parameters.values().any(|value| value == name);
            let sizes = known.iter().filter(|(name, ..)| asked_for(name)).map(|(name, vcpus, mib)| {
                format!(
                    "<item><instanceType>{name}</instanceType><vCpuInfo><defaultVCpus>{vcpus}</defaultVCpus></vCpuInfo>\
                     <memoryInfo><sizeInMiB>{mib}</sizeInMiB></memoryInfo></item>"
                )
            });
            xml(&format!("<R><instanceTypeSet>{}</instanceTypeSet></R>", sizes.collect::<String>()))
        }
        "rds:DescribeDBInstances" => listed(
            "<DBInstances><DBInstance><DBInstanceIdentifier>shop-db</DBInstanceIdentifier>\
             <DBInstanceClass>db.r6g.large</DBInstanceClass><DBInstanceStatus>available</DBInstanceStatus><Engine>postgres</Engine>\
             <EngineVersion>15.4</EngineVersion><AllocatedStorage>100</AllocatedStorage>\
             <Endpoint><Address>shop-db.x.us-east-1.rds.amazonaws.com</Address></Endpoint><VpcSecurityGroups>\
             <VpcSecurityGroupMembership><VpcSecurityGroupId>sg-db</VpcSecurityGroupId></VpcSecurityGroupMembership>\
             </VpcSecurityGroups><TagList><Tag><Key>app</Key><Value>shop</Value></Tag></TagList></DBInstance><DBInstance>\
             <DBInstanceIdentifier>new-db</DBInstanceIdentifier><DBInstanceClass>db.serverless</DBInstanceClass>\
             <DBInstanceStatus>available</DBInstanceStatus></DBInstance></DBInstances>",
        ),
        "elbv2:DescribeLoadBalancers" => listed(&format!(
            "<LoadBalancers><member><LoadBalancerArn>{BALANCER}</LoadBalancerArn><LoadBalancerName>shop</LoadBalancerName>\
             <Type>application</Type><DNSName>Shop-1.us-east-1.elb.amazonaws.com</DNSName></member></LoadBalancers>"
        )),
        "elbv2:DescribeTargetGroups" => listed(&format!(
            "<TargetGroups><member><TargetGroupArn>{GROUP}</TargetGroupArn><TargetGroupName>web</TargetGroupName>\
             <TargetType>instance</TargetType><LoadBalancerArns><member>{BALANCER}</member></LoadBalancerArns></member>\
             </TargetGroups>"
        )),
        "elbv2:DescribeTargetHealth" => listed(
            "<TargetHealthDescriptions><member><Target><Id>i-1</Id></Target><TargetHealth><State>healthy</State></TargetHealth>\
             </member></TargetHealthDescriptions>",
        ),
        "route53:ListHostedZones" => {
            xml("<R><HostedZones><HostedZone><Id>/hostedzone/Z1</Id><Name>example.com.</Name></HostedZone><HostedZone>\
             <Id>/hostedzone/Z2</Id><Name>inner.</Name><Config><PrivateZone>true</PrivateZone></Config></HostedZone>\
             </HostedZones></R>")
        }
        "route53:ListResourceRecordSets" => records(asked),
        "cloudwatch:GetMetricData" => measures(asked),
        _ => return None,
    })
}

fn records(asked: &Asked) -> Answer {
    let record = |name: &str, kind: &str, value: &str| {
        format!(
            "<ResourceRecordSet><Name>{name}</Name><Type>{kind}</Type><ResourceRecords><ResourceRecord>\
             <Value>{value}</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>"
        )
    };
    let alias = |name: &str| {
        format!(
            "<ResourceRecordSet><Name>{name}</Name><Type>A</Type><AliasTarget>\
             <DNSName>dualstack.shop-1.us-east-1.elb.amazonaws.com.</DNSName></AliasTarget></ResourceRecordSet>"
        )
    };
    let page = |sets: String, more: &str| xml(&format!("<R><ResourceRecordSets>{sets}</ResourceRecordSets>{more}</R>"));
    if asked.parameter("path").unwrap().contains("Z2") {
        return page(record("web.inner.", "A", "10.0.0.7"), "");
    }
    match asked.parameter("name") {
        None => page(
            alias("shop.example.com.") + &record("example.com.", "TXT", "10.0.0.7"),
            "<IsTruncated>true</IsTruncated><NextRecordName>u.example.com.</NextRecordName>\
             <NextRecordType>A</NextRecordType>",
        ),
        Some(name) => {
            assert_eq!((name, asked.parameter("type")), ("u.example.com.", Some("A")));
            let other = record("u.example.com.", "A", "10.0.0.7");
            let database = record("db.example.com.", "CNAME", "shop-db.x.us-east-1.rds.amazonaws.com");
            page(alias("\\052.example.com.") + &other + &database, "<IsTruncated>false</IsTruncated>")
        }
    }
}

/// Two weeks of hours: one in twenty is busy.
fn measures(asked: &Asked) -> Answer {
    let input = asked.json();
    let (from, to) = (input["StartTime"].as_i64().unwrap(), input["EndTime"].as_i64().unwrap());
    assert_eq!((to - from, to % 3600), (14 * 24 * 3600, 0));
    let results = input["MetricDataQueries"].as_array().unwrap().iter().map(|query| {
        let stat = &query["MetricStat"];
        assert_eq!(stat["Period"], 3600);
        let name = stat["Metric"]["Dimensions"][0]["Value"].as_str().unwrap();
        let hours: i32 = if name == "new-db" { 23 } else { 14 * 24 };
        let values: Vec<f64> = match (stat["Metric"]["MetricName"].as_str().unwrap(), stat["Stat"].as_str().unwrap()) {
            ("CPUUtilization", "Maximum") => (0..hours).map(|hour| if hour % 21 == 0 { 80.0 } else { 20.04 }).collect(),
            ("FreeableMemory", "Minimum") => (0..hours).map(|_| 4.0 * 1_073_741_824.0).collect(),
            other => panic!("{other:?}"),
        };
        json!({ "Id": query["Id"], "StatusCode": "Complete", "Values": values })
    });
    Answer::json(200, json!({ "MetricDataResults": results.collect::<Vec<Value>>() }))
}

fn source(input: Value) -> Value {
    test::perform::<Aws>("migration-source", input).expect("what a migration needs")
}

#[test]
fn machines_have_sizes_use_and_names() {
    let _host = account(shop);
    let found = source(json!({}));
    let machine = resource(&found, "i-1");
    let attribute = |name: &str| machine["attributes"][name].clone();
    assert_eq!(
        (attribute("vcpus"), attribute("memory_gib"), attribute("disks_gib")),
        (json!(2), json!(16.0), json!(30))
    );
    assert_eq!(attribute("utilisation"), json!({ "cpu_p95_percent": 20.0, "cpu_peak_percent": 80.0, "days": 14 }));
    // Public names lead to no address of a private network.
    assert_eq!(attribute("names"), json!([{ "name": "web.inner", "type": "A", "zone": "Z2" }]));
    assert_eq!(machine["unread"], json!(["utilisation.memory"]));
    let database = resource(&found, "shop-db");
    assert_eq!(
        database["attributes"]["utilisation"],
        json!({
            "cpu_p95_percent": 20.0, "cpu_peak_percent": 80.0,
            "memory_p95_percent": 75.0, "memory_peak_percent": 75.0, "days": 14
        })
    );
    assert_eq!(database["attributes"]["names"][0]["name"], "db.example.com");
    let names = resource(&found, "shop")["attributes"]["names"].as_array().unwrap().clone();
    let names: Vec<&str> = names.iter().map(|name| name["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["shop.example.com", "*.example.com"]);
    // What is stopped is not measured.
    let stopped = resource(&found, "i-2");
    assert_eq!((stopped["attributes"].get("utilisation"), stopped.get("unread")), (None, None));
}

#[test]
fn what_depends_on_what_is_told_by_relations() {
    let _host = account(shop);
    let found = source(json!({}));
    for (id, kind, target) in [
        ("i-1", "volume", "vol-1"),
        ("i-1", "subnet", "subnet-1"),
        ("sg-db", "security-group", "sg-web"),
        ("shop-db", "security-group", "sg-db"),
        ("web", "instance", "i-1"),
        ("web", "load-balancer", BALANCER),
    ] {
        let relations = resource(&found, id)["relations"].as_array().unwrap();
        assert!(relations.contains(&json!({ "kind": kind, "target": target })), "{id}: {relations:?}");
    }
    let own = json!({ "kind": "security-group", "target": "sg-db" });
    assert!(!resource(&found, "sg-db")["relations"].as_array().unwrap().contains(&own));
}

#[test]
fn what_could_not_be_checked_is_a_row() {
    let denied = ["ec2:DescribeInstanceTypes", "cloudwatch:GetMetricData", "route53:ListResourceRecordSets"];
    let _host =
        account(
            move |asked| {
                if denied.contains(&&*asked.action) { Some(xml_error(403, "AccessDenied")) } else { shop(asked) }
            },
        );
    let found = source(json!({}));
    let machine = resource(&found, "i-1");
    assert_eq!(machine["unread"], json!(["vcpus", "memory_gib", "utilisation.cpu", "utilisation.memory"]));
    for name in ["vcpus", "utilisation", "names"] {
        assert_eq!(machine["attributes"].get(name), None);
    }
    let rows = found["errors"].as_array().unwrap();
    let row = |operation: &str, code: &str| {
        let row = rows.iter().find(|row| row["operation"] == operation && row["code"] == code);
        row.unwrap_or_else(|| panic!("no {code} of {operation} in {rows:#?}"))
    };
    assert_eq!(row("DescribeInstanceTypes", "AccessDenied")["count"], 4);
    assert_eq!(row("GetMetricData", "AccessDenied")["kind"], "denied");
    assert_eq!(row("GetMetricData", "not_measured")["kind"], "not_available");
    assert_eq!(row("ListResourceRecordSets", "AccessDenied")["others"], json!(["Z2"]));
}

#[test]
fn what_ec2_does_not_have_and_too_few_hours_are_not_guessed() {
    let _host = account(shop);
    let found = source(json!({ "services": ["rds"] }));
    let database = resource(&found, "new-db");
    assert_eq!(database["unread"], json!(["vcpus", "memory_gib", "utilisation.cpu", "utilisation.memory"]));
    assert_eq!(database["attributes"].get("utilisation"), None);
    let codes: Vec<&str> =
        found["errors"].as_array().unwrap().iter().map(|row| row["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["not_measured", "unknown_type"]);
    // Without Route 53 no names are asked for.
    assert_eq!(found["counts"], json!({ "aws.rds.instance": 2 }));
}

/// What the agent `migration` answers about resources.
fn migrate(skill: &str, resources: &Value) -> Value {
    let _host = Host::start();
    let input = json!({ "estate": { "resources": resources }, "target": { "cloud": "gcp", "region": "europe-west1" } });
    test::perform::<Migration>(skill, input).expect("what it becomes")
}

#[test]
fn migration_reads_it_as_it_is() {
    let _host = account(shop);
    let found = source(json!({}));
    let mapping = migrate("map", &found["resources"]);
    let row = |id: &str| {
        let rows = mapping["rows"].as_array().unwrap();
        rows.iter().find(|row| row["resource"]["id"] == id).unwrap_or_else(|| panic!("no {id} in {mapping:#}")).clone()
    };
    // By its numbers, since no table has its type: two processors at 80 % need no fewer, and memory is all there is.
    let machine = row("i-1");
    let size = &machine["to"]["size"];
    assert_eq!(size["vcpus"], 2, "{machine:#}");
    assert!(size["memory_gib"].as_f64().unwrap() >= 16.0 && size["why"].as_str().unwrap().contains("80 % of 2 vCPU"));
    let database = row("shop-db");
    assert!(database["to"]["size"]["why"].as_str().unwrap().contains("75 % of 16 GiB"), "{database:#}");
    let assessment = migrate("assess", &found["resources"]);
    let workload = assessment["workloads"].as_array().unwrap().iter().find(|one| one["name"] == "shop").cloned();
    let workload = workload.unwrap_or_else(|| panic!("no shop in {assessment:#}"));
    let members: Vec<&str> =
        workload["members"].as_array().unwrap().iter().map(|member| member["id"].as_str().unwrap()).collect();
    for id in ["i-1", "vol-1", "shop-db", "web", "shop"] {
        assert!(members.contains(&id), "{id} is not in {members:?}");
    }
}
