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
