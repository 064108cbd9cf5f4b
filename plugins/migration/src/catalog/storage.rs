//! Classes of objects and disks.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::Cited;
use crate::Cloud;

/// What clouds call a class. What else stands in its row is no cloud, and refused as such.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Names(BTreeMap<Cloud, Vec<String>>);

impl Names {
    /// A cloud's name for it: the first, which is what something becomes.
    pub fn name(&self, cloud: Cloud) -> Option<&str> {
        self.0.get(&cloud)?.first().map(String::as_str)
    }

    /// Reports whether a cloud calls it so.
    fn has(&self, cloud: Cloud, name: &str) -> bool {
        self.0.get(&cloud).is_some_and(|names| names.iter().any(|own| own.eq_ignore_ascii_case(name)))
    }
}

/// A class of objects: how often they are read, and what it is called.
#[derive(Debug, Clone, Deserialize)]
pub struct ObjectClass {
    /// Its name here, for whoever reads the table.
    #[serde(rename = "class")]
    _class: String,
    /// What is to be minded.
    #[serde(default)]
    pub caveat: Option<String>,
    /// What clouds call it.
    #[serde(flatten)]
    pub names: Names,
}

/// A class of disks, with the largest that clouds make.
#[derive(Debug, Clone, Deserialize)]
pub struct DiskClass {
    /// Its name here, for whoever reads the table.
    #[serde(rename = "class")]
    _class: String,
    gib_max: BTreeMap<Cloud, u64>,
    /// What clouds call it.
    #[serde(flatten)]
    pub names: Names,
}

impl DiskClass {
    /// The largest that a cloud makes, in GiB.
    pub fn gib_max(&self, cloud: Cloud) -> Option<u64> {
        self.gib_max.get(&cloud).copied()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    sources: BTreeMap<Cloud, Cited>,
    object_classes: Vec<ObjectClass>,
    disks: Vec<DiskClass>,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../data/storage.json")).unwrap_or_default());

/// Where the classes of a cloud are from.
pub fn cited(cloud: Cloud) -> Option<&'static Cited> {
    TABLE.sources.get(&cloud)
}

/// The class of objects that a cloud calls so.
pub fn object_class(cloud: Cloud, name: &str) -> Option<&'static ObjectClass> {
    TABLE.object_classes.iter().find(|class| class.names.has(cloud, name))
}

/// The class of disks that a cloud calls so.
pub fn disk_class(cloud: Cloud, name: &str) -> Option<&'static DiskClass> {
    // Google tells a disk's type by an address.
    let name = name.rsplit('/').next().unwrap_or(name);
    TABLE.disks.iter().find(|class| class.names.has(cloud, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_found_by_the_names_of_each_cloud_and_every_cloud_has_each() {
        let table: Table = serde_json::from_str(include_str!("../../data/storage.json")).unwrap();
        for class in &table.disks {
            for cloud in Cloud::ALL {
                assert!(class.names.name(cloud).is_some() && class.gib_max(cloud).is_some(), "{class:?} {cloud:?}");
            }
        }
        assert!(
            table.object_classes.iter().all(|class| Cloud::ALL.iter().all(|cloud| class.names.name(*cloud).is_some()))
        );
        assert!(Cloud::ALL.iter().all(|cloud| cited(*cloud).is_some()));
        let to = |from, name, to| disk_class(from, name).and_then(|class| class.names.name(to));
        assert_eq!(to(Cloud::Aws, "gp2", Cloud::Azure), Some("Premium_LRS"));
        assert_eq!(to(Cloud::Gcp, "https://x/zones/z/diskTypes/pd-ssd", Cloud::Aws), Some("io2"));
        assert_eq!(object_class(Cloud::Aws, "GLACIER").and_then(|class| class.names.name(Cloud::Gcp)), Some("ARCHIVE"));
        assert!(object_class(Cloud::Aws, "OUTPOSTS").is_none());
    }
}
