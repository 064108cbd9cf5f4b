//! EC2: what its lists are read as.

use crate::aws::{ACCOUNT, Asked, account, inventory, resource, xml};
use serde_json::{Value, json};

fn look(asked: &Asked) -> Option<&'static str> {
    Some(match asked.operation.as_str() {
        "DescribeInstances" => {
            r#"<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet><item>
              <reservationId>r-1</reservationId><ownerId>111122223333</ownerId><instancesSet><item>
                <instanceId>i-0a1</instanceId><imageId>ami-7</imageId>
                <instanceState><code>16</code><name>running</name></instanceState>
                <instanceType>m7g.large</instanceType><launchTime>2025-03-04T05:06:07.000Z</launchTime>
                <placement><availabilityZone>us-east-1b</availabilityZone><tenancy>default</tenancy></placement>
                <platformDetails>Linux/UNIX</platformDetails><monitoring><state>disabled</state></monitoring>
                <subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId><privateIpAddress>10.0.0.5</privateIpAddress>
                <groupSet><item><groupId>sg-1</groupId><groupName>web</groupName></item>
                  <item><groupId>sg-2</groupId><groupName>ops</groupName></item></groupSet>
                <architecture>arm64</architecture><rootDeviceName>/dev/xvda</rootDeviceName>
                <blockDeviceMapping><item><deviceName>/dev/xvda</deviceName><ebs><volumeId>vol-1</volumeId>
                  <deleteOnTermination>true</deleteOnTermination></ebs></item></blockDeviceMapping>
                <tagSet><item><key>Name</key><value>web &amp; co</value></item><item><key>empty</key><value/></item></tagSet>
                <metadataOptions><httpTokens>required</httpTokens></metadataOptions>
                <iamInstanceProfile><arn>arn:aws:iam::111122223333:instance-profile/web</arn></iamInstanceProfile>
              </item></instancesSet></item></reservationSet></DescribeInstancesResponse>"#
        }
        "DescribeVolumes" => {
            r#"<DescribeVolumesResponse><volumeSet><item><volumeId>vol-1</volumeId><size>20</size><snapshotId>snap-1</snapshotId>
                <availabilityZone>us-east-1b</availabilityZone><status>in-use</status><createTime>2025-03-04T05:06:08.123Z</createTime>
                <attachmentSet><item><volumeId>vol-1</volumeId><instanceId>i-0a1</instanceId><device>/dev/xvda</device>
                  <status>attached</status><deleteOnTermination>true</deleteOnTermination></item></attachmentSet>
                <volumeType>gp3</volumeType><iops>3000</iops><throughput>125</throughput><encrypted>true</encrypted>
                <kmsKeyId>arn:aws:kms:us-east-1:111122223333:key/k</kmsKeyId></item>
              <item><volumeId>vol-2</volumeId><size>8</size><snapshotId/><status>available</status><volumeType>gp2</volumeType>
                <encrypted>false</encrypted><attachmentSet/></item></volumeSet></DescribeVolumesResponse>"#
        }
        "DescribeSnapshots" => {
            r#"<R><snapshotSet>
              <item><snapshotId>snap-1</snapshotId><volumeId>vol-1</volumeId><status>completed</status><volumeSize>20</volumeSize>
                <startTime>2025-01-01T00:00:00.000Z</startTime><ownerId>111122223333</ownerId><encrypted>true</encrypted></item>
              <item><snapshotId>snap-2</snapshotId><volumeId>vol-ffffffff</volumeId><ownerId>111122223333</ownerId></item>
              <item><snapshotId>snap-other</snapshotId><volumeId>vol-9</volumeId><ownerId>099720109477</ownerId></item>
              </snapshotSet></R>"#
        }
        "DescribeImages" => {
            r#"<R><imagesSet>
              <item><imageId>ami-7</imageId><name>golden</name><imageOwnerId>111122223333</imageOwnerId><imageState>available</imageState>
                <isPublic>false</isPublic><creationDate>2024-12-31T23:59:59.000Z</creationDate><blockDeviceMapping>
                <item><ebs><snapshotId>snap-1</snapshotId><volumeSize>20</volumeSize></ebs></item>
                <item><ebs><snapshotId>snap-2</snapshotId><volumeSize>10</volumeSize></ebs></item></blockDeviceMapping></item>
              <item><imageId>ami-other</imageId><imageOwnerId>801119661308</imageOwnerId></item></imagesSet></R>"#
        }
        "DescribeAddresses" => {
            r#"<R><addressesSet><item><publicIp>192.0.2.1</publicIp><allocationId>eipalloc-1</allocationId><domain>vpc</domain>
              <instanceId>i-0a1</instanceId><associationId>eipassoc-1</associationId></item>
              <item><publicIp>192.0.2.2</publicIp><allocationId>eipalloc-2</allocationId><domain>vpc</domain></item>
              <item><publicIp>192.0.2.3</publicIp><domain>standard</domain></item></addressesSet></R>"#
        }
        "DescribeSecurityGroups" => {
            r#"<R><securityGroupInfo><item><ownerId>111122223333</ownerId><groupId>sg-1</groupId><groupName>web</groupName>
              <groupDescription>the web</groupDescription><vpcId>vpc-1</vpcId><ipPermissions><item><ipProtocol>tcp</ipProtocol>
              <fromPort>443</fromPort><toPort>443</toPort><groups><item><groupId>sg-2</groupId></item></groups>
              <ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item></ipRanges>
              <ipv6Ranges><item><cidrIpv6>::/0</cidrIpv6></item></ipv6Ranges></item></ipPermissions>
              <ipPermissionsEgress><item><ipProtocol>-1</ipProtocol></item></ipPermissionsEgress></item></securityGroupInfo></R>"#
        }
        "DescribeVpcs" => {
            r#"<R><vpcSet><item><vpcId>vpc-1</vpcId><ownerId>111122223333</ownerId><state>available</state>
              <cidrBlock>10.0.0.0/16</cidrBlock><isDefault>false</isDefault><instanceTenancy>default</instanceTenancy>
              <cidrBlockAssociationSet><item><cidrBlock>10.0.0.0/16</cidrBlock></item></cidrBlockAssociationSet></item></vpcSet></R>"#
        }
        "DescribeSubnets" => {
            r#"<R><subnetSet><item><subnetId>subnet-1</subnetId><vpcId>vpc-1</vpcId><ownerId>111122223333</ownerId>
              <availableIpAddressCount>250</availableIpAddressCount><mapPublicIpOnLaunch>true</mapPublicIpOnLaunch></item>
              <item><subnetId>subnet-shared</subnetId><vpcId>vpc-9</vpcId><ownerId>999900001111</ownerId></item></subnetSet></R>"#
        }
        "DescribeNatGateways" => {
            r#"<R><natGatewaySet><item><natGatewayId>nat-1</natGatewayId><vpcId>vpc-1</vpcId><subnetId>subnet-1</subnetId>
              <state>available</state><connectivityType>public</connectivityType><createTime>2025-02-03T04:05:06.000Z</createTime>
              <natGatewayAddressSet><item><publicIp>192.0.2.2</publicIp><allocationId>eipalloc-2</allocationId>
              <privateIp>10.0.0.9</privateIp></item></natGatewayAddressSet></item></natGatewaySet></R>"#
        }
        _ => return None,
    })
}

fn found() -> Value {
    let _host = account(|asked| look(asked).map(xml));
    inventory(json!({ "services": ["ec2"] }))
}

fn relations(resource: &Value) -> Vec<(&str, &str)> {
    let relations = resource["relations"].as_array().unwrap();
    relations.iter().map(|one| (one["kind"].as_str().unwrap(), one["target"].as_str().unwrap())).collect()
}

#[test]
fn everything_in_a_region_is_found_once_and_nothing_of_others() {
    let found = found();
    assert_eq!((found["account"].as_str(), &found["errors"]), (Some(ACCOUNT), &json!([])));
    let ids: Vec<_> = found["resources"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(
        ids,
        [
            "192.0.2.3",
            "eipalloc-1",
            "eipalloc-2",
            "ami-7",
            "i-0a1",
            "nat-1",
            "sg-1",
            "snap-1",
            "snap-2",
            "subnet-1",
            "vol-1",
            "vol-2",
            "vpc-1"
        ]
    );
    assert_eq!(
        found["counts"],
        json!({
            "aws.ec2.address": 3, "aws.ec2.image": 1, "aws.ec2.instance": 1, "aws.ec2.nat-gateway": 1,
            "aws.ec2.security-group": 1, "aws.ec2.snapshot": 2, "aws.ec2.subnet": 1, "aws.ec2.volume": 2, "aws.ec2.vpc": 1
        })
    );
}

#[test]
fn an_instance_is_told_whole() {
    assert_eq!(
        resource(&found(), "i-0a1"),
        &json!({
            "id": "i-0a1",
            "arn": "arn:aws:ec2:us-east-1:111122223333:instance/i-0a1",
            "provider": "aws",
            "type": "aws.ec2.instance",
            "class": "compute.instance",
            "account": "111122223333",
            "region": "us-east-1",
            "name": "web & co",
            "tags": { "Name": "web & co", "empty": "" },
            "created": "2025-03-04T05:06:07Z",
            "attributes": {
                "state": "running", "launched": "2025-03-04T05:06:07Z", "instance_type": "m7g.large", "architecture": "arm64", "platform": "Linux/UNIX",
                "availability_zone": "us-east-1b", "tenancy": "default", "private_ip": "10.0.0.5",
                "lifecycle": "on-demand", "monitoring": "disabled", "metadata_tokens": "required",
                "root_device": "/dev/xvda",
                "volumes": [{ "device": "/dev/xvda", "volume": "vol-1", "delete_on_termination": true }]
            },
            "relations": [
                { "kind": "vpc", "target": "vpc-1" },
                { "kind": "subnet", "target": "subnet-1" },
                { "kind": "image", "target": "ami-7" },
                { "kind": "instance-profile", "target": "arn:aws:iam::111122223333:instance-profile/web" },
                { "kind": "security-group", "target": "sg-1" },
                { "kind": "security-group", "target": "sg-2" },
                { "kind": "volume", "target": "vol-1" }
            ]
        })
    );
}

#[test]
fn an_instance_that_was_started_again_is_as_old_as_what_came_with_it() {
    let _host = account(|asked| {
        (asked.operation == "DescribeInstances").then(|| {
            xml("<R><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId>\
                 <launchTime>2026-01-01T06:00:00.000Z</launchTime><blockDeviceMapping><item><ebs><volumeId>vol-1</volumeId>\
                 <attachTime>2025-09-01T00:00:00.000Z</attachTime></ebs></item></blockDeviceMapping><networkInterfaceSet>\
                 <item><attachment><attachTime>2024-05-06T07:08:09.000Z</attachTime></attachment></item><item><attachment/></item>\
                 </networkInterfaceSet></item></instancesSet></item></reservationSet></R>")
        })
    });
    let found = inventory(json!({ "services": ["ec2"] }));
    let instance = resource(&found, "i-1");
    assert_eq!(
        (&instance["created"], &instance["attributes"]["launched"]),
        (&json!("2024-05-06T07:08:09Z"), &json!("2026-01-01T06:00:00Z"))
    );
}

#[test]
fn images_and_snapshots_are_named_without_an_account() {
    let found = found();
    assert_eq!(resource(&found, "ami-7")["arn"], "arn:aws:ec2:us-east-1::image/ami-7");
    assert_eq!(resource(&found, "snap-1")["arn"], "arn:aws:ec2:us-east-1::snapshot/snap-1");
    assert_eq!(resource(&found, "vol-1")["arn"], "arn:aws:ec2:us-east-1:111122223333:volume/vol-1");
}

#[test]
fn what_people_wrote_keeps_its_spaces() {
    let _host = account(|asked| {
        (asked.operation == "DescribeVpcs").then(|| {
            xml("<R><vpcSet><item><vpcId>\n vpc-1 </vpcId><tagSet><item><key> a </key><value>  b\n</value></item>\
                 <item><key>blank</key><value> </value></item></tagSet></item></vpcSet></R>")
        })
    });
    let found = inventory(json!({ "services": ["ec2"] }));
    assert_eq!(resource(&found, "vpc-1")["tags"], json!({ " a ": "  b\n", "blank": " " }));
}

#[test]
fn a_volume_says_what_it_is_attached_to() {
    let found = found();
    let (used, free) = (resource(&found, "vol-1"), resource(&found, "vol-2"));
    assert_eq!(used["attributes"]["attached_to"][0]["instance"], "i-0a1");
    assert_eq!((&used["attributes"]["size_gib"], &used["attributes"]["encrypted"]), (&json!(20), &json!(true)));
    assert_eq!(used["created"], "2025-03-04T05:06:08Z");
    assert_eq!(relations(used), [("snapshot", "snap-1"), ("instance", "i-0a1")]);
    assert_eq!((&free["attributes"]["attached_to"], free.get("relations")), (&json!([]), None));
}

#[test]
fn snapshots_images_addresses_and_gateways_name_what_they_hang_on() {
    let found = found();
    assert_eq!(relations(resource(&found, "snap-1")), [("volume", "vol-1")]);
    assert_eq!(resource(&found, "snap-2").get("relations"), None, "a copy has no volume");
    assert_eq!(relations(resource(&found, "ami-7")), [("snapshot", "snap-1"), ("snapshot", "snap-2")]);
    assert_eq!(resource(&found, "ami-7")["attributes"]["size_gib"], 30);
    assert_eq!(relations(resource(&found, "eipalloc-1")), [("instance", "i-0a1")]);
    assert_eq!(resource(&found, "eipalloc-2")["attributes"]["in_use"], false);
    assert_eq!(
        relations(resource(&found, "nat-1")),
        [("vpc", "vpc-1"), ("subnet", "subnet-1"), ("address", "eipalloc-2")]
    );
}

#[test]
fn the_rules_of_a_security_group_are_told_in_numbers() {
    let found = found();
    let group = resource(&found, "sg-1");
    assert_eq!(
        group["attributes"]["ingress"],
        json!([{
            "protocol": "tcp", "from_port": 443, "to_port": 443, "cidrs": ["0.0.0.0/0"], "cidrs_v6": ["::/0"],
            "groups": ["sg-2"], "prefix_lists": []
        }])
    );
    assert_eq!(group["attributes"]["egress"][0]["protocol"], "all");
}

#[test]
fn images_and_snapshots_are_asked_for_by_owner() {
    let host = account(|asked| look(asked).map(xml));
    inventory(json!({ "services": ["ec2"] }));
    let asked: Vec<Asked> = host.sent().iter().map(crate::aws::read).collect();
    for operation in ["DescribeImages", "DescribeSnapshots"] {
        let one = asked.iter().find(|one| one.operation == operation).unwrap();
        assert_eq!(one.parameter("Owner.1"), Some("self"), "{operation}");
    }
    assert!(asked.iter().filter(|one| one.service == "ec2").all(|one| one.parameter("Version") == Some("2016-11-15")));
}

#[test]
fn a_list_is_read_to_its_last_page() {
    let _host = account(|asked| {
        let page: u32 = asked.parameter("NextToken").unwrap_or("0").parse().unwrap();
        (asked.operation == "DescribeVolumes").then(|| {
            let next =
                if page < 4 { format!("<nextToken>{}</nextToken>", page + 1) } else { "<nextToken/>".to_owned() };
            xml(&format!("<R><volumeSet><item><volumeId>vol-{page}</volumeId></item></volumeSet>{next}</R>"))
        })
    });
    let found = inventory(json!({ "services": ["ec2"] }));
    assert_eq!(found["counts"], json!({ "aws.ec2.volume": 5 }));
}

#[test]
fn a_list_that_goes_round_in_circles_ends_with_an_error_beside_what_was_found() {
    let _host = account(|asked| {
        let page = "<R><volumeSet><item><volumeId>vol-1</volumeId></item></volumeSet><nextToken>again</nextToken></R>";
        (asked.operation == "DescribeVolumes").then(|| xml(page))
    });
    let found = inventory(json!({ "services": ["ec2"] }));
    assert_eq!(found["errors"][0]["code"], "unreadable");
    assert!(found["counts"]["aws.ec2.volume"].as_u64() >= Some(1));
}
