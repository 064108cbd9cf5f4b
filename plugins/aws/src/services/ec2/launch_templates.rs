//! Templates of machines, as the version that is used when nobody names one. Their user data, where people keep secrets, are
//! not told.

use serde_json::{Value, json};
use troupe_sdk::wait;

use super::{PAGE, api, resource, texts};
use crate::client::Fault;
use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::query::result;
use crate::protocol::xml::Element;
use crate::services::{Scope, told_xml};

const LIST: (&str, &str) = ("ec2", "DescribeLaunchTemplates");
const VERSIONS: (&str, &str) = ("ec2", "DescribeLaunchTemplateVersions");

/// What a version tells.
const TELLS: [&str; 8] = [
    "image",
    "instance_type",
    "metadata_endpoint",
    "metadata_tokens",
    "monitoring",
    "public_ip",
    "security_groups",
    "volumes",
];

/// Lists the templates and asks for the version of each that counts.
pub(super) async fn collect(scope: Scope<'_>) -> Found {
    let endpoint = regional("ec2", scope.region);
    let api = api(scope, &endpoint);
    let (mut found, mut listed) = (Found::default(), Vec::new());
    let read = |page: Element<'_>| {
        listed.extend(page.list("launchTemplates").filter_map(|item| {
            let kind = ("aws.ec2.launch-template", "launch-template");
            let template = resource(&scope, item, kind, "launchTemplateId", None)?;
            let name = item.text("launchTemplateName").unwrap_or_default();
            Some(
                template
                    .name(name)
                    .created(item.time("createTime"))
                    .with("version", item.number("defaultVersionNumber")),
            )
        }));
    };
    if let Err(fault) = api.pages(LIST.1, &[PAGE], read).await {
        found.note(LIST, scope.region, None, fault);
    }
    let described = wait::all(listed.into_iter().map(|mut template: Resource| async move {
        let mut found = Found::default();
        let asked = [("LaunchTemplateId", template.id.as_str()), ("LaunchTemplateVersion.1", "$Default")];
        let answer: Result<String, Fault> = api.ask(VERSIONS.1, &asked).await;
        told_xml(&mut found, &mut template, VERSIONS, &TELLS, &answer, |template, answer| {
            let versions = result(answer, VERSIONS.1).list("launchTemplateVersionSet");
            if let Some(data) = versions.map(|version| version.at("launchTemplateData")).next() {
                put(template, data);
            }
        });
        found.resources.push(template);
        found
    }));
    Found::all(std::iter::once(found).chain(described.await))
}

fn put(template: &mut Resource, data: Element<'_>) {
    let public = data.list("networkInterfaceSet").filter_map(|interface| interface.truth("associatePublicIpAddress"));
    let volumes: Value = data
        .list("blockDeviceMappingSet")
        .filter(|device| device.at("ebs").exists())
        .map(|device| json!({ "device": device.text("deviceName"), "encrypted": device.truth("ebs/encrypted") }))
        .collect();
    for (name, value) in [
        ("image", json!(data.text("imageId"))),
        ("instance_type", json!(data.text("instanceType"))),
        ("metadata_endpoint", json!(data.text("metadataOptions/httpEndpoint"))),
        ("metadata_tokens", json!(data.text("metadataOptions/httpTokens"))),
        ("monitoring", json!(data.truth("monitoring/enabled"))),
        // Without a word in it the subnet decides.
        ("public_ip", json!(public.reduce(|one, other| one || other))),
        ("volumes", volumes),
        ("security_groups", json!(texts(data.own_texts("securityGroupIdSet")))),
    ] {
        template.set(name, value);
    }
}
