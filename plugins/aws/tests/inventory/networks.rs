//! EC2: flow logs, templates of machines and what holds for a region.

use crate::aws::{account, ec2_error, inventory, resource, xml};
use serde_json::json;

#[test]
fn flow_logs_name_what_they_record_and_templates_tell_the_version_that_counts() {
    let _host = account(|asked| {
        Some(match asked.operation.as_str() {
            "DescribeFlowLogs" => xml(
                "<DescribeFlowLogsResponse><flowLogSet><item><flowLogId>fl-1</flowLogId><resourceId>vpc-1</resourceId>\
                 <flowLogStatus>ACTIVE</flowLogStatus><trafficType>REJECT</trafficType></item></flowLogSet></DescribeFlowLogsResponse>",
            ),
            "DescribeLaunchTemplates" => {
                xml("<DescribeLaunchTemplatesResponse><launchTemplates><item><launchTemplateId>lt-1</launchTemplateId>\
                 <launchTemplateName>web</launchTemplateName><defaultVersionNumber>2</defaultVersionNumber></item>\
                 </launchTemplates></DescribeLaunchTemplatesResponse>")
            }
            "DescribeLaunchTemplateVersions" => {
                assert_eq!(asked.parameter("LaunchTemplateId"), Some("lt-1"));
                assert_eq!(asked.parameter("LaunchTemplateVersion.1"), Some("$Default"));
                xml("<DescribeLaunchTemplateVersionsResponse><launchTemplateVersionSet><item><launchTemplateData>\
                     <metadataOptions><httpTokens>required</httpTokens></metadataOptions><userData>aHVzaA==</userData>\
                     <networkInterfaceSet><item><associatePublicIpAddress>true</associatePublicIpAddress></item></networkInterfaceSet>\
                     </launchTemplateData></item></launchTemplateVersionSet></DescribeLaunchTemplateVersionsResponse>")
            }
            "GetEbsEncryptionByDefault" => xml(
                "<GetEbsEncryptionByDefaultResponse><ebsEncryptionByDefault>true</ebsEncryptionByDefault></GetEbsEncryptionByDefaultResponse>",
            ),
            _ => return None,
        })
    });
    let found = inventory(json!({ "services": ["ec2"] }));
    assert_eq!(found["errors"], json!([]));
    assert_eq!(resource(&found, "fl-1")["relations"], json!([{ "kind": "vpc", "target": "vpc-1" }]));
    let template = resource(&found, "lt-1");
    assert_eq!((&template["name"], &template["attributes"]["version"]), (&json!("web"), &json!(2)));
    let attributes = &template["attributes"];
    assert_eq!((&attributes["metadata_tokens"], &attributes["public_ip"]), (&json!("required"), &json!(true)));
    assert_eq!(resource(&found, "us-east-1")["attributes"], json!({ "default_encryption": true }));
    assert!(!found.to_string().contains("aHVzaA"), "user data are told: {found:#}");
}

#[test]
fn the_edges_of_networks_are_told_with_what_they_let_through_and_where_they_lead() {
    let _host = account(|asked| {
        let list = |set: &str, item: &str| xml(&format!("<R><{set}><item>{item}</item></{set}></R>"));
        Some(match asked.operation.as_str() {
            "DescribeNetworkAcls" => list(
                "networkAclSet",
                "<networkAclId>acl-1</networkAclId><vpcId>vpc-1</vpcId><ownerId>111122223333</ownerId><default>true</default>\
                 <entrySet><item><ruleNumber>32767</ruleNumber><protocol>-1</protocol><ruleAction>deny</ruleAction>\
                 <egress>false</egress><cidrBlock>0.0.0.0/0</cidrBlock></item>\
                 <item><ruleNumber>100</ruleNumber><protocol>6</protocol><ruleAction>allow</ruleAction><egress>false</egress>\
                 <ipv6CidrBlock>::/0</ipv6CidrBlock><portRange><from>22</from><to>22</to></portRange></item>\
                 <item><ruleNumber>200</ruleNumber><protocol>1</protocol><ruleAction>allow</ruleAction><egress>false</egress>\
                 <cidrBlock>10.0.0.0/8</cidrBlock><icmpTypeCode><code>-1</code><type>8</type></icmpTypeCode></item>\
                 <item><ruleNumber>100</ruleNumber><protocol>-1</protocol><ruleAction>allow</ruleAction><egress>true</egress>\
                 <cidrBlock>0.0.0.0/0</cidrBlock></item></entrySet>\
                 <associationSet><item><subnetId>subnet-1</subnetId></item></associationSet>",
            ),
            "DescribeRouteTables" => {
                assert_eq!(asked.parameter("MaxResults"), Some("100"), "the most that EC2 takes");
                list(
                    "routeTableSet",
                    "<routeTableId>rtb-1</routeTableId><vpcId>vpc-1</vpcId><routeSet>\
                     <item><destinationCidrBlock>10.0.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId><state>active</state></item>\
                     <item><destinationCidrBlock>0.0.0.0/0</destinationCidrBlock><gatewayId>igw-1</gatewayId><state>active</state></item>\
                     <item><destinationPrefixListId>pl-1</destinationPrefixListId><gatewayId>vpce-1</gatewayId></item>\
                     <item><destinationCidrBlock>10.1.0.0/16</destinationCidrBlock><coreNetworkArn>arn:core</coreNetworkArn></item>\
                     <item><destinationCidrBlock>10.2.0.0/16</destinationCidrBlock><carrierGatewayId>cagw-1</carrierGatewayId></item>\
                     </routeSet>\
                     <associationSet><item><main>true</main></item><item><subnetId>subnet-1</subnetId></item></associationSet>",
                )
            }
            "DescribeInternetGateways" => list(
                "internetGatewaySet",
                "<internetGatewayId>igw-1</internetGatewayId><attachmentSet><item><vpcId>vpc-1</vpcId></item></attachmentSet>",
            ),
            "DescribeVpcEndpoints" => list(
                "vpcEndpointSet",
                "<vpcEndpointId>vpce-1</vpcEndpointId><vpcEndpointType>Gateway</vpcEndpointType><vpcId>vpc-1</vpcId>\
                 <serviceName>com.amazonaws.us-east-1.s3</serviceName><policyDocument>{\"Statement\":[]}</policyDocument>\
                 <routeTableIdSet><item>rtb-1</item></routeTableIdSet>",
            ),
            "DescribeVpcPeeringConnections" => list(
                "vpcPeeringConnectionSet",
                "<vpcPeeringConnectionId>pcx-1</vpcPeeringConnectionId><status><code>active</code></status>\
                 <requesterVpcInfo><ownerId>999900001111</ownerId><vpcId>vpc-9</vpcId></requesterVpcInfo>\
                 <accepterVpcInfo><ownerId>111122223333</ownerId><vpcId>vpc-1</vpcId></accepterVpcInfo>",
            ),
            "DescribeTransitGateways" => list(
                "transitGatewaySet",
                "<transitGatewayId>tgw-1</transitGatewayId><ownerId>111122223333</ownerId><state>available</state>\
                 <options><autoAcceptSharedAttachments>enable</autoAcceptSharedAttachments></options>",
            ),
            _ => return None,
        })
    });
    let found = inventory(json!({ "services": ["ec2"] }));
    assert_eq!(found["errors"], json!([]));
    let acl = resource(&found, "acl-1");
    assert_eq!(
        acl["attributes"]["ingress"],
        json!([
            { "number": 100, "action": "allow", "protocol": "tcp", "from_port": 22, "to_port": 22,
              "icmp_type": null, "icmp_code": null, "cidr": "::/0" },
            { "number": 200, "action": "allow", "protocol": "icmp", "from_port": null, "to_port": null,
              "icmp_type": 8, "icmp_code": -1, "cidr": "10.0.0.0/8" },
            { "number": 32767, "action": "deny", "protocol": "all", "from_port": null, "to_port": null,
              "icmp_type": null, "icmp_code": null, "cidr": "0.0.0.0/0" }
        ])
    );
    assert_eq!(acl["attributes"]["egress"].as_array().unwrap().len(), 1);
    let relation = |kind: &str, target: &str| json!({ "kind": kind, "target": target });
    assert_eq!((&acl["class"], &acl["relations"][1]), (&json!("network.acl"), &relation("subnet", "subnet-1")));
    let table = resource(&found, "rtb-1");
    assert_eq!(
        (&table["attributes"]["main"], &table["attributes"]["routes"][2]),
        (&json!(true), &json!({ "to": "pl-1", "target": "vpce-1", "state": null }))
    );
    let leads = [
        ("vpc", "vpc-1"),
        ("subnet", "subnet-1"),
        ("gateway", "igw-1"),
        ("endpoint", "vpce-1"),
        ("core-network", "arn:core"),
        ("gateway", "cagw-1"),
    ];
    assert_eq!(table["relations"], json!(leads.map(|(kind, target)| relation(kind, target))));
    assert_eq!(resource(&found, "igw-1")["relations"], json!([relation("vpc", "vpc-1")]));
    let endpoint = resource(&found, "vpce-1");
    assert_eq!(endpoint["attributes"]["policy"], json!({ "Statement": [] }));
    assert_eq!(endpoint["relations"], json!([relation("vpc", "vpc-1"), relation("route-table", "rtb-1")]));
    let peering = resource(&found, "pcx-1");
    assert_eq!(peering["attributes"]["requester"]["account"], "999900001111");
    assert_eq!(resource(&found, "tgw-1")["attributes"]["accepts_shared_attachments"], true);
    for one in ["acl-1", "rtb-1", "igw-1", "vpce-1", "pcx-1", "tgw-1"] {
        assert_ne!(resource(&found, one)["class"], "other", "{one}");
    }
}

#[test]
fn a_policy_that_nobody_can_read_is_not_none() {
    let _host = account(|asked| {
        let item = |id: &str, policy: &str| format!("<item><vpcEndpointId>{id}</vpcEndpointId>{policy}</item>");
        let broken = item("vpce-1", "<policyDocument>{\"Statement\":[</policyDocument>");
        let set = format!("<R><vpcEndpointSet>{broken}{}</vpcEndpointSet></R>", item("vpce-2", ""));
        (asked.operation == "DescribeVpcEndpoints").then(|| xml(&set))
    });
    let found = inventory(json!({ "services": ["ec2"] }));
    assert_eq!(resource(&found, "vpce-1")["unread"], json!(["policy"]));
    assert_eq!(resource(&found, "vpce-2").get("unread"), None);
}

#[test]
fn settings_that_are_denied_are_hidden_and_not_off() {
    let _host = account(|asked| {
        (asked.operation == "GetEbsEncryptionByDefault").then(|| ec2_error(403, "UnauthorizedOperation", "not you"))
    });
    let found = inventory(json!({ "services": ["ec2"] }));
    assert_eq!((&found["counts"], &found["errors"][0]["hides"]), (&json!({}), &json!(["aws.ec2.settings"])));
}

#[test]
fn a_template_whose_version_is_denied_tells_nothing_of_it() {
    let _host = account(|asked| match asked.operation.as_str() {
        "DescribeLaunchTemplates" => Some(xml(
            "<DescribeLaunchTemplatesResponse><launchTemplates><item><launchTemplateId>lt-1</launchTemplateId>\
             <defaultVersionNumber>2</defaultVersionNumber></item></launchTemplates></DescribeLaunchTemplatesResponse>",
        )),
        "DescribeLaunchTemplateVersions" => Some(ec2_error(403, "UnauthorizedOperation", "not you")),
        _ => None,
    });
    let found = inventory(json!({ "services": ["ec2"] }));
    let template = resource(&found, "lt-1");
    assert_eq!(template["attributes"], json!({ "version": 2 }));
    let unread = [
        "image",
        "instance_type",
        "metadata_endpoint",
        "metadata_tokens",
        "monitoring",
        "public_ip",
        "security_groups",
        "volumes",
    ];
    assert_eq!(template["unread"], json!(unread));
}
