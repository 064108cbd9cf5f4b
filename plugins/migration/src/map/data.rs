//! Disks, buckets, databases, caches, clusters, and the keys that encrypt them.

use troupe_estate::{Class, Resource};

use super::sizing::Need;
use super::{Blocker, Chosen, Code, Destination, Mapped, Unchecked};
use crate::catalog::engines::{self, Engine, Offered};
use crate::catalog::sizes::{self, Family};
use crate::catalog::storage;
use crate::input::{Target, Usage};
use crate::{Cloud, facts};

/// Chooses a disk's type, and checks its size.
pub fn disk(resource: &Resource, target: &Target, to: &mut Destination, row: &mut Mapped) {
    let Some(from) = Cloud::of(resource.provider) else { return };
    let name = facts::text(resource, &["type", "disk_type", "sku", "sku_name", "sku/name", "storage_type"]);
    let class = name.and_then(|name| storage::disk_class(from, name));
    to.gib = facts::gib(resource);
    match class {
        Some(class) => {
            to.disk_type = if from == target.cloud { name } else { class.names.name(target.cloud) }.map(str::to_owned);
            let most = class.gib_max(target.cloud);
            #[expect(clippy::cast_precision_loss, reason = "some tens of thousands")]
            if let Some((gib, most)) = to.gib.zip(most).filter(|(gib, most)| *gib > *most as f64) {
                row.blockers.push(Blocker::new(
                    Code::DiskSize,
                    format!("it has {gib} GiB, and such a disk has at most {most} GiB in {}", target.cloud.title()),
                    "stripe several disks, or take a type that grows larger",
                ));
            }
        }
        None => row.unchecked.push(match name {
            Some(name) => Unchecked { code: Code::DiskSize, why: format!("the disk type `{name}` is not known here") },
            None => Unchecked::missing(Code::DiskSize, resource, &["type"]),
        }),
    }
    if facts::truth(resource, &["multi_attach", "multiAttachEnabled"]) == Some(true) {
        row.blockers.push(Blocker::new(
            Code::MultiAttach,
            "several machines may write to it",
            "shared disks have other rules in each cloud; a shared file system is simpler",
        ));
    }
}

/// Chooses the class of a bucket's objects.
pub fn bucket(resource: &Resource, target: &Target, to: &mut Destination, row: &mut Mapped) {
    let Some(from) = Cloud::of(resource.provider) else { return };
    let name = facts::text(resource, &["storage_class", "storageClass", "access_tier", "default_storage_class"]);
    // A bucket of S3 has no class of its own: its objects have.
    let name = name.or((from == Cloud::Aws).then_some("STANDARD"));
    let class = name.and_then(|name| storage::object_class(from, name));
    to.storage_class = class.and_then(|class| class.names.name(target.cloud)).map(str::to_owned);
    row.caveats.extend(class.and_then(|class| class.caveat.as_ref()).map(|text| format!("Note that {text}.")));
}

/// Finds the engine and its version in the target, and a size that holds it.
pub fn engine(resource: &Resource, target: &Target, usage: &Usage, to: &mut Destination, row: &mut Mapped) {
    let Some((engine, version)) = engines::of(resource) else {
        // A cluster of ECS has no engine.
        if resource.class != Class::ContainerCluster {
            row.unchecked.push(Unchecked::missing(Code::Engine, resource, &["engine"]));
        }
        return;
    };
    to.engine = Some(engine.engine.clone());
    let Some(offered) = engine.at(target.cloud) else {
        let note = engine.note(target.cloud).unwrap_or("the target has no such engine");
        row.blockers.push(Blocker::new(Code::Engine, note, "choose another engine, or machines of your own"));
        return;
    };
    if Cloud::of(resource.provider) != Some(target.cloud) {
        to.kind.clone_from(&offered.kind);
        to.service.clone_from(&offered.service);
        to.also.clear();
    }
    release(resource, engine, offered, version.as_deref(), to, row);
    if resource.class != Class::ContainerCluster {
        size(resource, target, usage, to, row);
        to.gib = facts::gib(resource);
    }
}

fn release(
    resource: &Resource,
    engine: &Engine,
    offered: &Offered,
    version: Option<&str>,
    to: &mut Destination,
    row: &mut Mapped,
) {
    let Some(version) = version else {
        row.unchecked.push(Unchecked::missing(Code::EngineVersion, resource, &["engine_version", "version"]));
        return;
    };
    let own = engine.release(version);
    if offered.versions.contains(&own) {
        to.version = Some(own);
        return;
    }
    let newer = offered.versions.iter().find(|other| engines::order(other, &own).is_gt());
    let remedy = match newer {
        Some(newer) => {
            to.version = Some(newer.clone());
            format!("upgrade to {newer} before or with the move, and test")
        }
        None => "wait until the target offers it, or test an older release with a dump".to_owned(),
    };
    let message = format!(
        "{} {version} is not offered by {}; it has {}",
        engine.engine,
        offered.service,
        offered.versions.join(", ")
    );
    row.blockers.push(Blocker::new(Code::EngineVersion, message, remedy));
}

/// Families of AWS on which its databases run, for the x86 and Arm that both have.
fn is_database_family(family: &Family) -> bool {
    match family.cloud {
        Cloud::Aws => {
            ["t3", "t4g", "m6g", "m6i", "m7g", "m7i", "r6g", "r6i", "r7g", "r7i"].contains(&family.family.as_str())
        }
        Cloud::Azure => ["Ddsv5", "Edsv5", "B"].contains(&family.family.as_str()),
        Cloud::Gcp => false,
    }
}

fn size(resource: &Resource, target: &Target, usage: &Usage, to: &mut Destination, row: &mut Mapped) {
    let from = Cloud::of(resource.provider);
    let name = facts::size(resource);
    let known = name.zip(from).and_then(|(name, from)| sizes::named(from, name));
    let need = match known {
        // The processor's kind is the service's own matter.
        Some((family, size)) => Need { architecture: None, ..Need::of(family, size, usage) },
        None => match name.and_then(custom) {
            Some((vcpus, gib)) => Need::told(vcpus, gib, None, usage),
            None if facts::number(resource, &["memory_gib"]).is_some() => {
                Need::told(1, facts::number(resource, &["memory_gib"]).unwrap_or_default(), None, usage)
            }
            None => {
                let why = name.map_or_else(
                    || "its inventory does not tell its size".to_owned(),
                    |name| format!("the size `{name}` is not known here"),
                );
                row.unchecked.push(Unchecked { code: Code::Size, why });
                return;
            }
        },
    };
    if from == Some(target.cloud) {
        if let Some(name) = name {
            to.size = Some(Chosen {
                name: name.to_owned(),
                vcpus: need.vcpus,
                memory_gib: need.memory_gib,
                gpus: None,
                why: "the same size".to_owned(),
            });
        }
        return;
    }
    let cache = resource.class == Class::DatabaseCache;
    to.size = match target.cloud {
        Cloud::Gcp => google(&need, cache),
        cloud => need.choose(cloud, is_database_family).and_then(|chosen| named(cloud, cache, chosen)),
    };
    if to.size.is_none() {
        row.blockers.push(Blocker::new(
            Code::Size,
            format!(
                "{} has no database with {} vCPU and {} GiB that is known here",
                target.cloud.title(),
                need.vcpus,
                need.memory_gib
            ),
            "divide the data over several databases",
        ));
    }
}

/// Cloud SQL's `db-custom-CPUS-MIB`, and sizes of it that others copied.
fn custom(name: &str) -> Option<(u32, f64)> {
    let mut parts = name.strip_prefix("db-custom-")?.split('-');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse::<f64>().ok()? / 1024.0))
}

/// The name that a database or cache of a machine's size has, if there is one so large.
fn named(cloud: Cloud, cache: bool, mut chosen: Chosen) -> Option<Chosen> {
    chosen.name = match (cloud, cache) {
        (Cloud::Aws, true) => format!("cache.{}", chosen.name),
        (Cloud::Aws, false) => format!("db.{}", chosen.name),
        (Cloud::Azure, true) => azure_cache(chosen.memory_gib)?,
        (Cloud::Azure, false) => {
            let tier = match chosen.name.strip_prefix("Standard_").and_then(|name| name.chars().next()) {
                Some('B') => "B",
                Some('E') => "MO",
                _ => "GP",
            };
            format!("{tier}_{}", chosen.name)
        }
        (Cloud::Gcp, _) => chosen.name,
    };
    Some(chosen)
}

/// The balanced size of Azure Managed Redis that holds so much, by its memory in GB.
///
/// Source: <https://learn.microsoft.com/azure/redis/overview> (2025-06-01).
fn azure_cache(gib: f64) -> Option<String> {
    let sizes = [1.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 150.0, 250.0, 350.0, 500.0, 700.0, 1000.0];
    sizes.iter().find(|size| **size >= gib).map(|size| format!("Balanced_B{size}"))
}

/// Most processors of Cloud SQL.
const SQL_VCPUS_MAX: u32 = 96;
/// Most memory of Memorystore, in GiB.
const CACHE_GIB_MAX: f64 = 300.0;

/// Cloud SQL takes any size within its rules: one processor or an even number up to 96, at least 3.75 GiB, 0.9 to 6.5
/// GiB for each, in steps of 256 MiB. Memorystore takes whole GiB up to 300. What is larger has no size.
///
/// Sources, of 2025-06-01: <https://cloud.google.com/sql/docs/postgres/create-instance> and
/// <https://cloud.google.com/memorystore/docs/redis/quotas>.
fn google(need: &Need, cache: bool) -> Option<Chosen> {
    let why = format!("the smallest with {} vCPU and {} GiB, {}", need.vcpus, need.memory_gib, need.why);
    if cache {
        let gib = need.memory_gib.ceil().max(1.0);
        let name = format!("{gib} GiB");
        return (gib <= CACHE_GIB_MAX).then_some(Chosen { name, vcpus: need.vcpus, memory_gib: gib, gpus: None, why });
    }
    if need.vcpus > SQL_VCPUS_MAX || need.memory_gib > f64::from(SQL_VCPUS_MAX) * 6.5 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within what a machine has")]
    let by_memory = (need.memory_gib / 6.5).ceil() as u32;
    let mut vcpus = need.vcpus.max(by_memory).max(1);
    if vcpus > 1 {
        vcpus += vcpus % 2;
    }
    let least = f64::from(vcpus) * 0.9;
    let quarters = (need.memory_gib.max(3.75).max(least) * 4.0).ceil();
    Some(Chosen {
        name: format!("db-custom-{vcpus}-{}", quarters * 256.0),
        vcpus,
        memory_gib: quarters / 4.0,
        gpus: None,
        why,
    })
}

/// Notes a key of the customer's own: it stays where it is, so what it encrypts is copied in the clear of a tunnel and
/// encrypted anew.
pub fn keys(resource: &Resource, target: &Target, row: &mut Mapped) {
    if Cloud::of(resource.provider) == Some(target.cloud) {
        return;
    }
    let names =
        ["kms_key", "kms_key_id", "encryption/kms_key", "kms_key_name", "disk_encryption_set", "customer_managed_key"];
    if let Some(key) = facts::text(resource, &names) {
        row.blockers.push(Blocker::new(
            Code::Key,
            format!("it is encrypted by the key `{key}`, which does not leave its service"),
            "make a key in the target, and grant whoever copies the use of the old one",
        ));
    }
}
