//! Instances, and what machines are made and removed by: templates, groups, autoscalers.

use serde_json::{Value, json};
use troupe_estate::Resource;

use super::aggregated;
use crate::listing::Listing;
use crate::name;
use crate::record::{Record, count, flag, has, is, last, number, path, renamed, to, to_account, to_key, with};

pub(super) const LISTINGS: [Listing; 6] = [
    Listing {
        record: Some(&INSTANCE),
        ..aggregated("compute.instances.aggregatedList", url!("instances"), "instances")
    },
    Listing {
        record: Some(&TEMPLATE),
        ..aggregated("compute.instanceTemplates.aggregatedList", url!("instanceTemplates"), "instanceTemplates")
    },
    Listing {
        record: Some(&GROUP),
        ..aggregated("compute.instanceGroups.aggregatedList", url!("instanceGroups"), "instanceGroups")
    },
    Listing {
        record: Some(&MANAGER),
        ..aggregated(
            "compute.instanceGroupManagers.aggregatedList",
            url!("instanceGroupManagers"),
            "instanceGroupManagers",
        )
    },
    Listing {
        record: Some(&AUTOSCALER),
        ..aggregated("compute.autoscalers.aggregatedList", url!("autoscalers"), "autoscalers")
    },
    Listing {
        record: Some(&RESERVATION),
        ..aggregated("compute.reservations.aggregatedList", url!("reservations"), "reservations")
    },
];

pub const INSTANCE: Record = Record {
    attributes: &[
        is("state", "/status"),
        last("machine_type", "/machineType"),
        is("cpu_platform", "/cpuPlatform"),
        is("network_tags", "/tags/items"),
        flag("can_ip_forward", "/canIpForward"),
        flag("deletion_protection", "/deletionProtection"),
        flag("preemptible", "/scheduling/preemptible"),
        is("provisioning_model", "/scheduling/provisioningModel"),
        is("on_host_maintenance", "/scheduling/onHostMaintenance"),
        flag("automatic_restart", "/scheduling/automaticRestart"),
        is("accelerators", "/guestAccelerators"),
        is("last_started", "/lastStartTimestamp"),
        is("last_stopped", "/lastStopTimestamp"),
        is("internal_ips", "/networkInterfaces/*/networkIP"),
        is("external_ips", "/networkInterfaces/*/accessConfigs/*/natIP"),
        is("external_ipv6", "/networkInterfaces/*/ipv6AccessConfigs/*/externalIpv6"),
        is("licenses", "/disks/*/licenses/*"),
    ],
    relations: &[
        to("network", "/networkInterfaces/*/network"),
        to("subnetwork", "/networkInterfaces/*/subnetwork"),
        to("disk", "/disks/*/source"),
        to_account("/serviceAccounts/*/email"),
        to_key("/disks/*/diskEncryptionKey/kmsKeyName"),
        to("resource_policy", "/resourcePolicies/*"),
    ],
    more: Some(instance),
    ..Record::compute("gcp.compute.googleapis.com/Instance")
};

const TEMPLATE: Record = Record {
    attributes: &[
        last("machine_type", "/properties/machineType"),
        is("network_tags", "/properties/tags/items"),
        flag("can_ip_forward", "/properties/canIpForward"),
        is("images", "/properties/disks/*/initializeParams/sourceImage"),
        has("public_ip", "/properties/networkInterfaces/*/accessConfigs/0"),
    ],
    relations: &[
        to("network", "/properties/networkInterfaces/*/network"),
        to("subnetwork", "/properties/networkInterfaces/*/subnetwork"),
        to_account("/properties/serviceAccounts/*/email"),
    ],
    labels: "/properties/labels",
    more: Some(template),
    ..Record::compute("gcp.compute.googleapis.com/InstanceTemplate")
};

const GROUP: Record = Record {
    attributes: &[number("size", "/size"), is("named_ports", "/namedPorts")],
    relations: &[to("network", "/network"), to("subnetwork", "/subnetwork")],
    ..Record::compute("gcp.compute.googleapis.com/InstanceGroup")
};

const MANAGER: Record = Record {
    attributes: &[
        number("target_size", "/targetSize"),
        is("base_instance_name", "/baseInstanceName"),
        flag("stable", "/status/isStable"),
        is("update_type", "/updatePolicy/type"),
        has("auto_healing", "/autoHealingPolicies/0"),
        is("zones", "/distributionPolicy/zones/*/zone"),
    ],
    relations: &[
        to("template", "/instanceTemplate"),
        to("template", "/versions/*/instanceTemplate"),
        to("group", "/instanceGroup"),
        to("health_check", "/autoHealingPolicies/*/healthCheck"),
        to("target_pool", "/targetPools/*"),
    ],
    ..Record::compute("gcp.compute.googleapis.com/InstanceGroupManager")
};

const AUTOSCALER: Record = Record {
    attributes: &[
        is("state", "/status"),
        is("mode", "/autoscalingPolicy/mode"),
        number("least", "/autoscalingPolicy/minNumReplicas"),
        number("most", "/autoscalingPolicy/maxNumReplicas"),
        number("recommended_size", "/recommendedSize"),
        is("cpu_target", "/autoscalingPolicy/cpuUtilization/utilizationTarget"),
    ],
    relations: &[to("group_manager", "/target")],
    ..Record::compute("gcp.compute.googleapis.com/Autoscaler")
};

const RESERVATION: Record = Record {
    attributes: &[
        is("state", "/status"),
        last("machine_type", "/specificReservation/instanceProperties/machineType"),
        number("machines", "/specificReservation/count"),
        number("in_use", "/specificReservation/inUseCount"),
        count("accelerators", "/specificReservation/instanceProperties/guestAccelerators/*"),
    ],
    ..Record::compute("gcp.compute.googleapis.com/Reservation")
};

fn instance(item: &Value, instance: &mut Resource) {
    machine(item, instance);
    let disks: Vec<Value> = path::all(item, "/disks/*").into_iter().map(disk).collect();
    instance.set("disks", disks);
    // Google leaves out what a machine of before the choice does not have.
    instance.set("confidential", path::is_set(item, "/confidentialInstanceConfig/enableConfidentialCompute"));
}

fn template(item: &Value, template: &mut Resource) {
    if let Some(properties) = item.get("properties") {
        machine(properties, template);
    }
}

/// What an instance and a template have in common.
fn machine(item: &Value, resource: &mut Resource) {
    let accounts = path::all(item, "/serviceAccounts/*").into_iter();
    resource.set(
        "service_accounts",
        accounts.map(|one| renamed(one, &[("email", "/email"), ("scopes", "/scopes")])).collect::<Vec<_>>(),
    );
    let secure = |field: &str| path::is_set(item, &format!("/shieldedInstanceConfig/{field}"));
    let shielded = json!({
        "secure_boot": secure("enableSecureBoot"), "vtpm": secure("enableVtpm"),
        "integrity_monitoring": secure("enableIntegrityMonitoring"),
    });
    resource.set("shielded", shielded);
    let interfaces = path::all(item, "/networkInterfaces/*").into_iter().map(|one| {
        let fields =
            [("internal_ip", "/networkIP"), ("external_ip", "/accessConfigs/0/natIP"), ("stack", "/stackType")];
        let mut told = renamed(one, &fields);
        for (name, path) in [("network", "/network"), ("subnetwork", "/subnetwork")] {
            if let Some(link) = path::text(one, path).and_then(|link| name::full("compute.googleapis.com", link)) {
                told = with(told, name, link);
            }
        }
        let open = ["/accessConfigs/*", "/ipv6AccessConfigs/*"].iter().any(|at| !path::all(one, at).is_empty());
        with(told, "public", open)
    });
    resource.set("interfaces", interfaces.collect::<Vec<_>>());
    metadata(item, resource);
}

/// Names of metadata, and what of it decides who may sign in. Values hold scripts and keys, and stay where they are.
fn metadata(item: &Value, resource: &mut Resource) {
    let pairs = path::all(item, "/metadata/items/*");
    let names: Vec<&str> = pairs.iter().filter_map(|pair| path::text(pair, "/key")).collect();
    for (attribute, name) in OF_PROJECT.into_iter().chain([("block_project_ssh_keys", "block-project-ssh-keys")]) {
        // `null` is none of its own.
        resource.set(attribute, is_on(&pairs, name));
    }
    resource.set("metadata_keys", names);
}

/// Attributes that are switched by metadata, of the machine or else of its project.
pub const OF_PROJECT: [(&str, &str); 2] = [("os_login", "enable-oslogin"), ("serial_port", "serial-port-enable")];

/// Whether an entry of metadata is on; none if there is no such entry.
pub fn is_on(pairs: &[&Value], name: &str) -> Option<bool> {
    let pair = pairs.iter().find(|pair| path::text(pair, "/key") == Some(name))?;
    let value = path::text(pair, "/value")?;
    Some(matches!(value.to_ascii_lowercase().as_str(), "true" | "1" | "y" | "yes"))
}

fn disk(disk: &Value) -> Value {
    let mut told = renamed(
        disk,
        &[
            ("name", "/deviceName"),
            ("type", "/type"),
            ("boot", "/boot"),
            ("auto_delete", "/autoDelete"),
            ("mode", "/mode"),
        ],
    );
    told = with(told, "size_gib", path::integer(disk, "/diskSizeGb"));
    with(told, "kms_key", path::text(disk, "/diskEncryptionKey/kmsKeyName").map(name::key))
}
