//! Reading of resources what matters for a migration.
//!
//! Each cloud's agent names attributes in its own cloud's words, so one fact has several names: the first that is
//! there counts. A name with `/` leads into an attribute that is an object. What is not there is not known; nothing
//! is made up for it.

use serde_json::Value;
use troupe_estate::{Relation, Resource};

use crate::input::Usage;

/// Names of the size of a machine, a database or a node.
const SIZE: &[&str] = &[
    "instance_type",
    "vm_size",
    "machine_type",
    "instance_class",
    "node_type",
    "size",
    "sku",
    "sku_name",
    "sku/name",
    "tier",
    "settings/tier",
    "hardwareProfile/vmSize",
    "hardware_profile/vm_size",
    "machineType",
];

/// An attribute, by the first of these names that is there and not null.
pub fn value<'a>(resource: &'a Resource, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| {
        let mut parts = name.split('/');
        let mut found = resource.attributes.get(parts.next()?)?;
        for part in parts {
            found = found.get(part)?;
        }
        Some(found).filter(|found| !found.is_null())
    })
}

/// A text that is not empty.
pub fn text<'a>(resource: &'a Resource, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| value(resource, &[name])?.as_str().filter(|text| !text.is_empty()))
}

/// A number, or a text that is one.
pub fn number(resource: &Resource, names: &[&str]) -> Option<f64> {
    names.iter().find_map(|name| {
        let found = value(resource, &[name])?;
        found.as_f64().or_else(|| found.as_str()?.trim().parse().ok()).filter(|number: &f64| number.is_finite())
    })
}

/// A truth.
pub fn truth(resource: &Resource, names: &[&str]) -> Option<bool> {
    names.iter().find_map(|name| value(resource, &[name])?.as_bool())
}

/// The texts of a list.
pub fn texts<'a>(resource: &'a Resource, names: &[&str]) -> Vec<&'a str> {
    let list = value(resource, names).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The size by its provider's name: Google's machine types are the last part of an address.
pub fn size(resource: &Resource) -> Option<&str> {
    let name = text(resource, SIZE)?;
    Some(name.rsplit('/').next().unwrap_or(name))
}

/// How much of it is used, as its agent tells it.
pub fn usage(resource: &Resource) -> Usage {
    let cpu = [
        "utilisation/cpu_peak_percent",
        "utilisation/cpu_maximum",
        "utilisation/cpu_max_percent",
        "utilization/cpu_maximum",
        "cpu_peak_percent",
        "cpu_max_percent",
        "cpu_maximum",
    ];
    let memory = [
        "utilisation/memory_peak_percent",
        "utilisation/memory_maximum",
        "utilisation/memory_max_percent",
        "utilization/memory_maximum",
        "memory_peak_percent",
        "memory_max_percent",
        "memory_maximum",
    ];
    let days = ["utilisation/days", "utilization/days", "utilisation_days"];
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "days of a life, cut to whole ones")]
    let days = number(resource, &days).map(|days| days.clamp(0.0, 36_500.0) as u32);
    Usage { cpu_peak_percent: number(resource, &cpu), memory_peak_percent: number(resource, &memory), days }
}

/// Whether it is stopped: it exists, and runs no more.
pub fn is_stopped(resource: &Resource) -> bool {
    let state = text(resource, &["state", "power_state", "status", "instance_state"]);
    state.is_some_and(|state| {
        // Azure writes `PowerState/deallocated`.
        let state = state.rsplit('/').next().unwrap_or(state).to_ascii_lowercase();
        ["stopped", "terminated", "deallocated", "vm deallocated", "vm stopped", "suspended"].contains(&state.as_str())
    })
}

/// Everything that is told of what a machine runs, in lower case: its system and its licences. Nothing if nothing is.
pub fn system(resource: &Resource) -> Option<String> {
    let names = ["platform", "os", "os_type", "os_name", "license", "licenses", "image_publisher", "offer"];
    let told: Vec<String> = names
        .iter()
        .filter_map(|name| resource.attributes.get(*name).filter(|value| !value.is_null()))
        .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned).to_ascii_lowercase())
        .collect();
    (!told.is_empty()).then(|| told.join(" "))
}

/// The ranges of addresses of a network or subnet.
pub fn cidrs(resource: &Resource) -> Vec<String> {
    let lists = ["cidrs", "address_prefixes", "address_space", "addressSpace/addressPrefixes"];
    let one = text(resource, &["cidr", "address_prefix", "range", "ip_cidr_range", "ipCidrRange"]);
    let mut all: Vec<String> = one.into_iter().map(str::to_owned).collect();
    for cidr in texts(resource, &lists) {
        if !all.iter().any(|held| held == cidr) {
            all.push(cidr.to_owned());
        }
    }
    all
}

/// The size of a disk or database in GiB.
pub fn gib(resource: &Resource) -> Option<f64> {
    let names = [
        "size_gib",
        "disk_size_gib",
        "size_gb",
        "disk_size_gb",
        "allocated_storage_gib",
        "storage_gib",
        "allocated_storage",
        "storage_gb",
        "data_disk_size_gb",
        "sizeGb",
        "diskSizeGB",
    ];
    number(resource, &names)
}

/// The relations of one of these kinds, in order.
pub fn related<'a>(resource: &'a Resource, kinds: &'a [&'a str]) -> impl Iterator<Item = &'a Relation> {
    resource.relations.iter().filter(move |relation| kinds.contains(&relation.kind.as_ref()))
}
