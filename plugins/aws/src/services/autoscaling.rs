//! Auto Scaling: the groups and launch configurations of one region. Their user data is left
//! out: people keep secrets there.

use serde_json::{Value, json};
use troupe_sdk::wait;

use crate::endpoint::regional;
use crate::found::Found;
use crate::model::Resource;
use crate::protocol::query::{Api, Paging};
use crate::protocol::xml::Element;
use crate::services::{Scope, related, texts};

/// The most that the service lists in one answer.
const PAGE: (&str, &str) = ("MaxRecords", "100");

/// Lists both.
pub async fn collect(scope: Scope<'_>) -> Found {
    let groups = list(scope, "DescribeAutoScalingGroups", "AutoScalingGroups", group);
    let configurations = list(scope, "DescribeLaunchConfigurations", "LaunchConfigurations", configuration);
    let (groups, configurations) = wait::both(groups, configurations).await;
    Found::all([groups, configurations])
}

async fn list(
    scope: Scope<'_>,
    operation: &'static str,
    set: &str,
    read: fn(&Scope<'_>, Element<'_>) -> Option<Resource>,
) -> Found {
    let endpoint = regional("autoscaling", scope.region);
    let api = Api { client: scope.client, endpoint: &endpoint, version: "2011-01-01", paging: Paging::NEXT_TOKEN };
    let mut found = Found::default();
    let each = |page: Element<'_>| found.resources.extend(page.list(set).filter_map(|item| read(&scope, item)));
    if let Err(fault) = api.pages(operation, &[PAGE], each).await {
        found.note(("autoscaling", operation), scope.region, None, fault);
    }
    found
}

fn group(scope: &Scope<'_>, item: Element<'_>) -> Option<Resource> {
    let name = item.text("AutoScalingGroupName")?;
    let mixed = item.at("MixedInstancesPolicy/LaunchTemplate");
    let template = ["LaunchTemplate", "MixedInstancesPolicy/LaunchTemplate/LaunchTemplateSpecification"];
    let template = template.iter().find_map(|path| item.at(path).text("LaunchTemplateId"));
    let types = mixed.texts("Overrides", "InstanceType").chain(item.texts("Instances", "InstanceType"));
    let mut types: Vec<String> = types.collect();
    types.sort_unstable();
    types.dedup();
    let resource = Resource::new("aws.autoscaling.group", scope.region, name)
        .name(name)
        .arn(item.text("AutoScalingGroupARN").map(str::to_owned))
        .created(item.time("CreatedTime"))
        .tags(item.tags("Tags"))
        .with("size_min", item.number("MinSize"))
        .with("size_max", item.number("MaxSize"))
        .with("size_desired", item.number("DesiredCapacity"))
        .with("instances", Some(item.list("Instances").count()))
        .with("unhealthy", Some(item.texts("Instances", "HealthStatus").filter(|state| state != "Healthy").count()))
        .with("instance_types", texts(types.into_iter()))
        .with("availability_zones", texts(item.own_texts("AvailabilityZones")))
        .with("health_check", item.text("HealthCheckType"))
        .with("health_check_grace_s", item.number("HealthCheckGracePeriod"))
        .with("status", item.text("Status"))
        .with("suspended_processes", texts(item.texts("SuspendedProcesses", "ProcessName")))
        .with("protected_from_scale_in", item.truth("NewInstancesProtectedFromScaleIn"))
        .with("deletion_protection", item.text("DeletionProtection"))
        .with("capacity_rebalance", item.truth("CapacityRebalance"))
        .with("instance_lifetime_max_s", item.number("MaxInstanceLifetime"))
        .with("metrics", texts(item.texts("EnabledMetrics", "Metric")))
        .with("mixed_instances", Some(mixed.exists()))
        .to("launch-configuration", item.text("LaunchConfigurationName"))
        .to("launch-template", template)
        .to("role", item.text("ServiceLinkedRoleARN"));
    let subnets = item.text("VPCZoneIdentifier").into_iter().flat_map(|list| list.split(',')).map(str::trim);
    let resource = related(resource, "subnet", subnets.filter(|id| !id.is_empty()));
    let resource = related(resource, "target-group", item.own_texts("TargetGroupARNs"));
    let resource = related(resource, "load-balancer", item.own_texts("LoadBalancerNames"));
    Some(related(resource, "instance", item.texts("Instances", "InstanceId")))
}

fn configuration(scope: &Scope<'_>, item: Element<'_>) -> Option<Resource> {
    let name = item.text("LaunchConfigurationName")?;
    let resource = Resource::new("aws.autoscaling.launch-configuration", scope.region, name)
        .name(name)
        .arn(item.text("LaunchConfigurationARN").map(str::to_owned))
        .created(item.time("CreatedTime"))
        .with("instance_type", item.text("InstanceType"))
        .with("key_name", item.text("KeyName"))
        .with("public_ip", item.truth("AssociatePublicIpAddress"))
        .with("monitoring", item.truth("InstanceMonitoring/Enabled"))
        .with("ebs_optimized", item.truth("EbsOptimized"))
        .with("spot", Some(item.text("SpotPrice").is_some()))
        .with("tenancy", item.text("PlacementTenancy"))
        .with("metadata_tokens", item.text("MetadataOptions/HttpTokens"))
        .with("metadata_endpoint", item.text("MetadataOptions/HttpEndpoint"))
        .with("metadata_hops", item.number("MetadataOptions/HttpPutResponseHopLimit"))
        .with("volumes", volumes(item))
        .to("image", item.text("ImageId"))
        .to("instance-profile", item.text("IamInstanceProfile"));
    let resource = related(resource, "security-group", item.own_texts("SecurityGroups"));
    Some(related(resource, "snapshot", item.texts("BlockDeviceMappings", "Ebs/SnapshotId")))
}

fn volumes(item: Element<'_>) -> Option<Value> {
    let disks = item.list("BlockDeviceMappings").filter(|disk| disk.at("Ebs").exists()).map(|disk| {
        json!({
            "device": disk.text("DeviceName"),
            "size_gib": disk.number("Ebs/VolumeSize"),
            "type": disk.text("Ebs/VolumeType"),
            "encrypted": disk.truth("Ebs/Encrypted"),
            "delete_on_termination": disk.truth("Ebs/DeleteOnTermination"),
        })
    });
    Some(disks.collect())
}
