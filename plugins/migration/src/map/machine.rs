//! Sizes of machines and of the nodes of clusters, and what of a machine does not move with it.

use troupe_estate::{Class, Resource};

use super::sizing::Need;
use super::{Blocker, Code, Destination, Mapped, Unchecked};
use crate::catalog::sizes;
use crate::input::{Target, Usage};
use crate::{Cloud, facts};

/// Chooses a size, and looks for what stands in the way.
pub fn choose(resource: &Resource, target: &Target, usage: &Usage, to: &mut Destination, row: &mut Mapped) {
    let from = Cloud::of(resource.provider);
    let listed = facts::texts(resource, &["instance_types", "instanceTypes"]);
    let name = facts::size(resource).or(listed.first().copied());
    let known = name.zip(from).and_then(|(name, from)| sizes::named(from, name));
    let need = known.map(|(family, size)| Need::of(family, size, usage)).or_else(|| told(resource, name, usage));
    let Some(mut need) = need else {
        let why = match name {
            Some(name) => {
                format!("the machine type `{name}` is not known here; say its size in `usage` or the target by hand")
            }
            None => "its inventory tells neither its machine type nor its processors and memory".to_owned(),
        };
        row.unchecked.push(Unchecked { code: Code::Size, why });
        return;
    };
    if target.any_architecture {
        need.architecture = None;
    }
    if from == Some(target.cloud) {
        // In the same cloud a machine stays of its type, unless less of it is used.
        let is_whole = usage.cpu_peak_percent.is_none() && usage.memory_peak_percent.is_none();
        to.size = known.filter(|_| is_whole).map(|(_, size)| super::Chosen {
            name: size.name.clone(),
            vcpus: size.vcpus,
            memory_gib: size.memory_gib,
            gpus: (size.gpus > 0).then_some(size.gpus),
            why: "the same machine type".to_owned(),
        });
    }
    if to.size.is_none() {
        to.size = need.choose(target.cloud, |_| true);
    }
    if to.size.is_none() {
        row.blockers.push(too_large(&need, target.cloud));
    }
    quota(target, to, row);
    if let Some((_, size)) = known.filter(|(_, size)| size.local_disk_gb > 0) {
        row.blockers.push(Blocker::new(
            Code::InstanceStore,
            format!(
                "`{}` has {} GB of disks of its own, and what is on them is lost with the machine",
                size.name, size.local_disk_gb
            ),
            "move what must stay to a disk that is kept, or fill it anew in the target",
        ));
    }
    if resource.class == Class::ComputeInstance {
        licences(resource, row);
        hardware(resource, row);
    }
}

/// What is told in numbers: custom machine types of Google's (`n2-custom-4-8192`), and attributes.
fn told(resource: &Resource, name: Option<&str>, usage: &Usage) -> Option<Need> {
    let architecture = facts::text(resource, &["architecture"])
        .map(|text| if text.to_ascii_lowercase().contains("arm") { "arm64".to_owned() } else { "x86_64".to_owned() });
    let custom = name.and_then(|name| {
        let (_, size) = name.split_once("custom-")?;
        let mut parts = size.split('-');
        Some((parts.next()?.parse::<u32>().ok()?, parts.next()?.parse::<f64>().ok()? / 1024.0))
    });
    let attributes = || {
        let vcpus = facts::number(resource, &["vcpus", "cpus", "cores"])?;
        let gib = facts::number(resource, &["memory_gib", "memory_gb"]);
        let memory = gib.or_else(|| Some(facts::number(resource, &["memory_mib", "memory_mb"])? / 1024.0))?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within what a machine has")]
        let vcpus = (1.0..=4096.0).contains(&vcpus).then_some(vcpus.ceil() as u32)?;
        Some((vcpus, memory))
    };
    let (vcpus, memory) = custom.or_else(attributes)?;
    Some(Need::told(vcpus, memory, architecture.or_else(|| Some("x86_64".to_owned())), usage))
}

fn too_large(need: &Need, cloud: Cloud) -> Blocker {
    if let Some((count, model)) = &need.gpus {
        let message = format!(
            "{} has no machine type with {count} GPUs {model}, {} vCPU and {} GiB that is known here",
            cloud.title(),
            need.vcpus,
            need.memory_gib
        );
        return Blocker::new(Code::Gpu, message, "choose a machine type with another GPU, and measure");
    }
    let architecture = need.architecture.as_deref().unwrap_or("any");
    Blocker::new(
        Code::Size,
        format!(
            "{} has no machine type of {architecture} with {} vCPU and {} GiB that is known here",
            cloud.title(),
            need.vcpus,
            need.memory_gib
        ),
        "split the work over several machines, or let the architecture change",
    )
}

fn quota(target: &Target, to: &Destination, row: &mut Mapped) {
    let Some(size) = &to.size else { return };
    match target.vcpu_quota {
        Some(quota) if u64::from(size.vcpus) > quota => row.blockers.push(Blocker::new(
            Code::Quota,
            format!("`{}` has {} vCPU, and the quota is {quota}", size.name, size.vcpus),
            "ask for a larger quota before the wave",
        )),
        Some(_) => {}
        None => row.unchecked.push(Unchecked {
            code: Code::Quota,
            why: "the target's quota was not told; give it as `target.vcpu_quota`".to_owned(),
        }),
    }
}

/// Licences that are part of a machine's price stay with the cloud that sells them.
fn licences(resource: &Resource, row: &mut Mapped) {
    let Some(told) = facts::system(resource) else {
        row.unchecked.push(Unchecked::missing(Code::License, resource, &["platform"]));
        return;
    };
    let products = [
        ("sql server", "SQL Server"),
        ("windows", "Windows Server"),
        ("red hat", "Red Hat Enterprise Linux"),
        ("rhel", "Red Hat Enterprise Linux"),
        ("suse", "SUSE Linux Enterprise Server"),
        ("sles", "SUSE Linux Enterprise Server"),
        ("oracle", "Oracle"),
    ];
    let mut seen: Vec<&str> = Vec::new();
    for (part, product) in products {
        if told.contains(part) && !seen.contains(&product) {
            seen.push(product);
            row.blockers.push(Blocker::new(
                Code::License,
                format!("{product} is licensed with the machine"),
                "license it in the target with the machine, or bring a licence that may be used there",
            ));
        }
    }
}

fn hardware(resource: &Resource, row: &mut Mapped) {
    let tenancy = facts::text(resource, &["tenancy"]).filter(|text| ["dedicated", "host"].contains(text));
    if let Some(tenancy) = tenancy {
        row.blockers.push(Blocker::new(
            Code::Tenancy,
            format!("its tenancy is `{tenancy}`"),
            "order a dedicated host or a sole-tenant node, if a licence or a rule asks for it",
        ));
    }
    let spot = facts::text(resource, &["lifecycle", "priority", "provisioning_model"]);
    let may_go = facts::truth(resource, &["preemptible"]) == Some(true);
    if may_go || spot.is_some_and(|text| ["spot", "low", "preemptible"].contains(&text.to_ascii_lowercase().as_str())) {
        row.blockers.push(Blocker::new(
            Code::Spot,
            "it may be taken away at any time, at a price that changes",
            "decide whether it is a spot machine in the target too; list prices are not what it costs",
        ));
    }
}
