//! Load balancers of both APIs and what stands behind them, and groups of machines.

use crate::aws::{Asked, account, inventory, resource, xml, xml_error};
use serde_json::json;
use troupe_sdk::test::Answer;

const NET: &str = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/net/inner/2";
const APP: &str = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/shop/1";
const GROUP: &str = "arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/web/1";

/// An answer of a query protocol.
pub fn told(operation: &str, result: &str) -> Answer {
    xml(&format!(
        "<{operation}Response xmlns=\"http://x/\"><{operation}Result>{result}</{operation}Result></{operation}Response>"
    ))
}

fn balancers(asked: &Asked) -> Option<Answer> {
    let operation = asked.operation.as_str();
    Some(match (asked.action.as_str(), asked.parameter("Marker")) {
        ("elbv2:DescribeLoadBalancers", None) => told(
            operation,
            &format!(
                "<LoadBalancers><member><LoadBalancerArn>{APP}</LoadBalancerArn><LoadBalancerName>shop</LoadBalancerName>\
                 <Type>application</Type><Scheme>internet-facing</Scheme><State><Code>active</Code></State><VpcId>vpc-1</VpcId>\
                 <CreatedTime>2024-05-06T07:08:09.120Z</CreatedTime><AvailabilityZones><member><ZoneName>us-east-1a</ZoneName>\
                 <SubnetId>subnet-1</SubnetId></member></AvailabilityZones><SecurityGroups><member>sg-1</member></SecurityGroups>\
                 </member></LoadBalancers><NextMarker>two</NextMarker>"
            ),
        ),
        ("elbv2:DescribeLoadBalancers", Some("two")) => told(
            operation,
            &format!(
                "<LoadBalancers><member><LoadBalancerArn>{NET}</LoadBalancerArn><LoadBalancerName>inner</LoadBalancerName>\
                 <Type>network</Type><Scheme>internal</Scheme></member></LoadBalancers>"
            ),
        ),
        ("elbv2:DescribeTargetGroups", _) => told(
            operation,
            &format!(
                "<TargetGroups><member><TargetGroupArn>{GROUP}</TargetGroupArn><TargetGroupName>web</TargetGroupName>\
                 <Protocol>HTTP</Protocol><Port>80</Port><TargetType>instance</TargetType><LoadBalancerArns><member>{APP}</member>\
                 </LoadBalancerArns></member></TargetGroups>"
            ),
        ),
        ("elbv2:DescribeLoadBalancerAttributes", _) if asked.parameter("LoadBalancerArn") == Some(APP) => told(
            operation,
            "<Attributes><member><Key>deletion_protection.enabled</Key><Value>true</Value></member>\
             <member><Key>access_logs.s3.enabled</Key><Value>false</Value></member>\
             <member><Key>access_logs.s3.bucket</Key><Value/></member>\
             <member><Key>idle_timeout.timeout_seconds</Key><Value>60</Value></member>\
             <member><Key>something.new</Key><Value>x</Value></member></Attributes>",
        ),
        ("elbv2:DescribeLoadBalancerAttributes", _) => xml_error(403, "AccessDenied"),
        ("elbv2:DescribeListeners", _) if asked.parameter("LoadBalancerArn") == Some(APP) => told(
            operation,
            &format!(
                "<Listeners><member><ListenerArn>l1</ListenerArn><Port>443</Port><Protocol>HTTPS</Protocol>\
                 <SslPolicy>ELBSecurityPolicy-2016-08</SslPolicy><Certificates><member><CertificateArn>cert-1</CertificateArn>\
                 </member></Certificates><DefaultActions><member><Type>forward</Type><TargetGroupArn>{GROUP}</TargetGroupArn>\
                 </member></DefaultActions></member><member><ListenerArn>l2</ListenerArn><Port>80</Port><Protocol>HTTP</Protocol>\
                 <DefaultActions><member><Type>redirect</Type><RedirectConfig><Protocol>HTTPS</Protocol></RedirectConfig></member>\
                 </DefaultActions></member></Listeners>"
            ),
        ),
        ("elbv2:DescribeTargetHealth", _) => told(
            operation,
            "<TargetHealthDescriptions><member><Target><Id>i-1</Id></Target><TargetHealth><State>healthy</State></TargetHealth>\
             </member><member><Target><Id>i-2</Id></Target><TargetHealth><State>unhealthy</State></TargetHealth></member>\
             <member><Target><Id>i-1</Id><Port>81</Port></Target><TargetHealth><State>healthy</State></TargetHealth></member>\
             </TargetHealthDescriptions>",
        ),
        ("elbv2:DescribeTags", _) => {
            let (first, third) = (asked.parameter("ResourceArns.member.1"), asked.parameter("ResourceArns.member.3"));
            assert_eq!((first, third), (Some(APP), Some(GROUP)), "all are asked at once");
            told(
                operation,
                &format!(
                    "<TagDescriptions><member><ResourceArn>{GROUP}</ResourceArn><Tags><member><Key>team</Key><Value>web</Value>\
                     </member></Tags></member><member><ResourceArn>{APP}</ResourceArn><Tags/></member></TagDescriptions>"
                ),
            )
        }
        ("elb:DescribeLoadBalancers", _) => told(
            operation,
            "<LoadBalancerDescriptions><member><LoadBalancerName>old</LoadBalancerName><Scheme>internet-facing</Scheme>\
             <VPCId>vpc-1</VPCId><Subnets><member>subnet-1</member></Subnets><SecurityGroups><member>sg-1</member></SecurityGroups>\
             <Instances><member><InstanceId>i-1</InstanceId></member></Instances><ListenerDescriptions><member><Listener>\
             <Protocol>HTTP</Protocol><LoadBalancerPort>80</LoadBalancerPort><InstanceProtocol>HTTP</InstanceProtocol>\
             <InstancePort>8080</InstancePort></Listener></member></ListenerDescriptions></member></LoadBalancerDescriptions>",
        ),
        ("elb:DescribeLoadBalancerAttributes", _) => told(
            operation,
            "<LoadBalancerAttributes><AccessLog><Enabled>true</Enabled><S3BucketName>logs</S3BucketName></AccessLog>\
             <CrossZoneLoadBalancing><Enabled>false</Enabled></CrossZoneLoadBalancing></LoadBalancerAttributes>",
        ),
        ("elb:DescribeTags", _) => told(
            operation,
            "<TagDescriptions><member><LoadBalancerName>old</LoadBalancerName><Tags><member><Key>a</Key><Value>b</Value></member>\
             </Tags></member></TagDescriptions>",
        ),
        _ => return None,
    })
}

#[test]
fn load_balancers_are_told_with_listeners_attributes_and_targets() {
    let _host = account(balancers);
    let found = inventory(json!({ "services": ["elbv2", "elb"] }));
    assert_eq!(
        found["counts"],
        json!({ "aws.elb.load-balancer": 1, "aws.elbv2.load-balancer": 2, "aws.elbv2.target-group": 1 })
    );
    let shop = resource(&found, "shop");
    assert_eq!((&shop["arn"], &shop["created"]), (&json!(APP), &json!("2024-05-06T07:08:09Z")));
    assert_eq!(
        shop["attributes"],
        json!({
            "type": "application", "scheme": "internet-facing", "state": "active", "availability_zones": ["us-east-1a"],
            "deletion_protection": true, "access_logs": false, "access_logs_bucket": null, "idle_timeout_s": 60,
            "listeners": [
                { "arn": "l1", "protocol": "HTTPS", "port": 443, "ssl_policy": "ELBSecurityPolicy-2016-08", "actions": ["forward"],
                  "redirects_to": null, "mutual_tls": null },
                { "arn": "l2", "protocol": "HTTP", "port": 80, "ssl_policy": null, "actions": ["redirect"],
                  "redirects_to": "HTTPS", "mutual_tls": null }
            ]
        })
    );
    assert_eq!(
        shop["relations"],
        json!([
            { "kind": "vpc", "target": "vpc-1" }, { "kind": "subnet", "target": "subnet-1" },
            { "kind": "security-group", "target": "sg-1" }, { "kind": "target-group", "target": GROUP },
            { "kind": "certificate", "target": "cert-1" }
        ])
    );
    let web = resource(&found, "web");
    assert_eq!(
        (&web["tags"], &web["attributes"]["targets"]),
        (&json!({ "team": "web" }), &json!({ "healthy": 2, "unhealthy": 1 }))
    );
    assert_eq!(web["relations"].as_array().unwrap().len(), 3, "{web:#}");
    let old = resource(&found, "old");
    assert_eq!(old["arn"], "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/old");
    assert_eq!(old["attributes"]["access_logs"], json!({ "enabled": true, "bucket": "logs" }));
    assert_eq!((&old["tags"], &old["attributes"]["instances"]), (&json!({ "a": "b" }), &json!(1)));
}

#[test]
fn what_could_not_be_read_of_a_load_balancer_is_named() {
    let _host = account(balancers);
    let found = inventory(json!({ "services": ["elbv2"] }));
    let inner = resource(&found, "inner");
    assert!(inner["unread"].as_array().unwrap().contains(&json!("deletion_protection")), "{inner:#}");
    assert_eq!(inner["attributes"].get("deletion_protection"), None);
    let [error] = found["errors"].as_array().unwrap().as_slice() else { panic!("{found:#}") };
    assert_eq!(
        (&error["operation"], &error["kind"], &error["resource"]),
        (&json!("DescribeLoadBalancerAttributes"), &json!("denied"), &json!("inner"))
    );
}

#[test]
fn tags_are_asked_of_twenty_at_once() {
    let host = account(|asked| {
        let one = |n: usize| {
            format!(
                "<member><LoadBalancerArn>arn-{n}</LoadBalancerArn><LoadBalancerName>n{n}</LoadBalancerName></member>"
            )
        };
        (asked.action == "elbv2:DescribeLoadBalancers").then(|| {
            told(&asked.operation, &format!("<LoadBalancers>{}</LoadBalancers>", (0..45).map(one).collect::<String>()))
        })
    });
    let found = inventory(json!({ "services": ["elbv2"] }));
    assert_eq!(found["counts"], json!({ "aws.elbv2.load-balancer": 45 }));
    let asked = host.sent().iter().map(crate::aws::read).filter(|asked| asked.operation == "DescribeTags").count();
    assert_eq!(asked, 3);
}

#[test]
fn groups_and_launch_configurations_are_listed_page_by_page_without_user_data() {
    let _host = account(|asked| {
        let operation = asked.operation.as_str();
        Some(match (operation, asked.parameter("NextToken")) {
            ("DescribeAutoScalingGroups", None) => told(
                operation,
                "<AutoScalingGroups><member><AutoScalingGroupName>web</AutoScalingGroupName><AutoScalingGroupARN>arn:web\
                 </AutoScalingGroupARN><MinSize>1</MinSize><MaxSize>3</MaxSize><DesiredCapacity>2</DesiredCapacity>\
                 <VPCZoneIdentifier>subnet-1, subnet-2</VPCZoneIdentifier><HealthCheckType>EC2</HealthCheckType>\
                 <LaunchTemplate><LaunchTemplateId>lt-1</LaunchTemplateId></LaunchTemplate>\
                 <TargetGroupARNs><member>tg-1</member></TargetGroupARNs><Instances><member><InstanceId>i-1</InstanceId>\
                 <InstanceType>m7g.large</InstanceType><HealthStatus>Healthy</HealthStatus></member><member><InstanceId>i-2\
                 </InstanceId><InstanceType>m7g.large</InstanceType><HealthStatus>Unhealthy</HealthStatus></member></Instances>\
                 <Tags><member><Key>Name</Key><Value>shown</Value><PropagateAtLaunch>true</PropagateAtLaunch></member></Tags>\
                 </member></AutoScalingGroups><NextToken>t</NextToken>",
            ),
            ("DescribeAutoScalingGroups", Some("t")) => told(
                operation,
                "<AutoScalingGroups><member><AutoScalingGroupName>idle</AutoScalingGroupName></member></AutoScalingGroups>",
            ),
            ("DescribeLaunchConfigurations", _) => told(
                operation,
                "<LaunchConfigurations><member><LaunchConfigurationName>lc</LaunchConfigurationName><ImageId>ami-1</ImageId>\
                 <UserData>aHVzaA==</UserData><AssociatePublicIpAddress>true</AssociatePublicIpAddress><MetadataOptions>\
                 <HttpTokens>optional</HttpTokens></MetadataOptions><BlockDeviceMappings><member><DeviceName>/dev/xvda</DeviceName>\
                 <Ebs><Encrypted>false</Encrypted><VolumeSize>8</VolumeSize></Ebs></member></BlockDeviceMappings></member>\
                 </LaunchConfigurations>",
            ),
            _ => return None,
        })
    });
    let found = inventory(json!({ "services": ["autoscaling"] }));
    assert_eq!(found["counts"], json!({ "aws.autoscaling.group": 2, "aws.autoscaling.launch-configuration": 1 }));
    let web = resource(&found, "web");
    assert_eq!((&web["name"], &web["tags"]["Name"]), (&json!("web"), &json!("shown")));
    let attributes = &web["attributes"];
    assert_eq!((&attributes["instances"], &attributes["unhealthy"]), (&json!(2), &json!(1)));
    assert_eq!(attributes["instance_types"], json!(["m7g.large"]));
    let targets: Vec<_> =
        web["relations"].as_array().unwrap().iter().map(|one| one["target"].as_str().unwrap()).collect();
    assert_eq!(targets, ["lt-1", "subnet-1", "subnet-2", "tg-1", "i-1", "i-2"]);
    let lc = &resource(&found, "lc")["attributes"];
    assert_eq!(
        (&lc["metadata_tokens"], &lc["public_ip"], &lc["volumes"][0]["encrypted"]),
        (&json!("optional"), &json!(true), &json!(false))
    );
    assert!(!found.to_string().contains("aHVzaA"));
}
