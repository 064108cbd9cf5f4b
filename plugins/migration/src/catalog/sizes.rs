//! Machine types: processors, memory, local disks, GPUs, architecture.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::Cited;
use crate::Cloud;

/// A machine type.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// Its provider's name.
    pub name: String,
    /// Virtual processors; of burstable types as many as it may use for a while.
    pub vcpus: u32,
    /// Memory in GiB.
    pub memory_gib: f64,
    /// Disks that are the machine's own and are lost with it, in GB, all together.
    #[serde(default)]
    pub local_disk_gb: u64,
    /// GPUs.
    #[serde(default)]
    pub gpus: u32,
    /// Their model.
    #[serde(default)]
    pub gpu: Option<String>,
}

/// Machine types of one family.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// Whose it is.
    pub cloud: Cloud,
    /// Its name.
    pub family: String,
    /// What it is for: `general`, `compute`, `memory`, `storage`, `accelerated`.
    pub kind: String,
    /// `x86_64` or `arm64`.
    pub architecture: String,
    /// Whether it has its processors for a while alone.
    #[serde(default)]
    pub burstable: bool,
    /// Whether a newer family of the same kind is there: it is known, and not chosen.
    #[serde(default)]
    pub superseded: bool,
    /// Its types, the smallest first.
    pub sizes: Vec<Size>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    sources: BTreeMap<Cloud, Cited>,
    families: Vec<Family>,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../data/instances.json")).unwrap_or_default());

/// A machine type with its family.
pub type Known = (&'static Family, &'static Size);

/// Every machine type by its cloud and its name in lower case.
static NAMES: LazyLock<BTreeMap<(Cloud, String), Known>> = LazyLock::new(|| {
    let all = TABLE.families.iter().flat_map(|family| family.sizes.iter().map(move |size| (family, size)));
    all.map(|(family, size)| ((family.cloud, size.name.to_ascii_lowercase()), (family, size))).collect()
});

/// Every family of a cloud, in the order of the table.
pub fn families(cloud: Cloud) -> impl Iterator<Item = &'static Family> {
    TABLE.families.iter().filter(move |family| family.cloud == cloud)
}

/// Where the types of a cloud are from.
pub fn cited(cloud: Cloud) -> Option<&'static Cited> {
    TABLE.sources.get(&cloud)
}

/// What a cloud's name of a machine type stands for. Names of databases, caches and search nodes (`db.m5.large`,
/// `cache.r6g.large`, `m5.large.search`, `GP_Standard_D2s_v5`) stand for the machine they run on.
pub fn named(cloud: Cloud, name: &str) -> Option<Known> {
    let name = name.to_ascii_lowercase();
    let mut own = name.as_str();
    for (prefix, suffix) in
        [("db.", ""), ("cache.", ""), ("db-", ""), ("gp_", ""), ("mo_", ""), ("b_", ""), ("", ".search")]
    {
        own = own.strip_prefix(prefix).unwrap_or(own);
        own = own.strip_suffix(suffix).unwrap_or(own);
    }
    NAMES.get(&(cloud, own.to_owned())).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_can_be_read_and_every_type_is_there_once() {
        let table: Table = serde_json::from_str(include_str!("../../data/instances.json")).unwrap();
        let count: usize = table.families.iter().map(|family| family.sizes.len()).sum();
        assert_eq!(NAMES.len(), count);
        for cloud in Cloud::ALL {
            assert!(families(cloud).map(|family| family.sizes.len()).sum::<usize>() >= 100, "{cloud:?}");
            assert_eq!(cited(cloud).unwrap().as_of.len(), 10);
        }
        for family in &table.families {
            assert!(["x86_64", "arm64"].contains(&family.architecture.as_str()), "{}", family.family);
            assert!(["general", "compute", "memory", "storage", "accelerated"].contains(&family.kind.as_str()));
            for size in &family.sizes {
                assert!(size.vcpus > 0 && size.memory_gib > 0.0 && (size.gpus > 0) == size.gpu.is_some(), "{size:?}");
            }
        }
    }

    #[test]
    fn names_of_databases_stand_for_the_machines_they_run_on() {
        let memory = |cloud, name| named(cloud, name).map(|(_, size)| size.memory_gib);
        assert_eq!(memory(Cloud::Aws, "db.r6g.xlarge"), Some(32.0));
        assert_eq!(memory(Cloud::Aws, "cache.m5.large"), Some(8.0));
        assert_eq!(memory(Cloud::Azure, "GP_Standard_D4ds_v5"), Some(16.0));
        assert_eq!(memory(Cloud::Azure, "standard_d2s_v5"), Some(8.0));
        assert_eq!(memory(Cloud::Gcp, "db-n1-standard-2"), Some(7.5));
        assert_eq!(memory(Cloud::Gcp, "m5.large"), None);
    }
}
