//! The sizing rule: the smallest size that holds what is needed.
//!
//! | step | rule |
//! |---|---|
//! | needed processors | as many as there are; where it is known how busy they are, as many as are at 70 % when it is busiest, at least one and no more than there are |
//! | needed memory | as much as there is; where it is known how full it is, as much as is at 80 % when it is fullest, and no more than there is |
//! | which sizes | same architecture unless any is allowed; with burstable processors only if the source's are; with GPUs only if the source has some, then of the same model and at least as many; for local disks only if the source is of a storage family; of no superseded family |
//! | which of those | the fewest processors, then the least memory, then the lowest known list price, then the order of the table |
//!
//! Half a processor more than the busiest minute takes is what a cut-over wants, since the target's processors are
//! others; memory does not give way at all, so a fifth of it stays free.

use std::cmp::Ordering;

use troupe_estate::Amount;

use super::Chosen;
use crate::Cloud;
use crate::catalog::prices;
use crate::catalog::sizes::{self, Family, Size};
use crate::input::Usage;

/// How busy processors may be at their busiest.
const CPU_FULL: f64 = 0.7;

/// How full memory may be at its fullest.
const MEMORY_FULL: f64 = 0.8;

/// What a size has to hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    /// Virtual processors.
    pub vcpus: u32,
    /// Memory in GiB.
    pub memory_gib: f64,
    /// `x86_64` or `arm64`; any when absent.
    pub architecture: Option<String>,
    /// Whether burstable processors will do.
    pub burstable: bool,
    /// Whether it needs large local disks.
    pub storage: bool,
    /// How many GPUs of which model.
    pub gpus: Option<(u32, String)>,
    /// By what that is known.
    pub why: String,
}

impl Need {
    /// What a known size holds, or what of it is used.
    pub fn of(family: &Family, size: &Size, usage: &Usage) -> Self {
        let (vcpus, memory_gib, why) = used(size.vcpus, size.memory_gib, usage);
        Self {
            vcpus,
            memory_gib,
            architecture: Some(family.architecture.clone()),
            burstable: family.burstable,
            storage: family.kind == "storage",
            gpus: size.gpu.clone().map(|model| (size.gpus, model)),
            why: format!("{why} of `{}`", size.name),
        }
    }

    /// What is told in numbers, where the size's name says nothing.
    pub fn told(vcpus: u32, memory_gib: f64, architecture: Option<String>, usage: &Usage) -> Self {
        let (vcpus, memory_gib, why) = used(vcpus, memory_gib, usage);
        Self { vcpus, memory_gib, architecture, burstable: false, storage: false, gpus: None, why }
    }

    fn fits(&self, family: &Family, size: &Size) -> bool {
        let same_gpus = match (&self.gpus, &size.gpu) {
            (None, None) => true,
            (Some((count, model)), Some(other)) => size.gpus >= *count && other == model,
            _ => false,
        };
        size.vcpus >= self.vcpus
            && size.memory_gib >= self.memory_gib
            && self.architecture.as_ref().is_none_or(|own| *own == family.architecture)
            && (self.burstable || !family.burstable)
            && (self.storage || family.kind != "storage")
            && !family.superseded
            && same_gpus
    }

    /// The size of a cloud that holds it, if there is one among those that `may` be chosen.
    pub fn choose(&self, cloud: Cloud, may: impl Fn(&Family) -> bool) -> Option<Chosen> {
        let all = sizes::families(cloud).filter(|family| may(family));
        let all = all.flat_map(|family| family.sizes.iter().map(move |size| (family, size)));
        let fitting = all.filter(|(family, size)| self.fits(family, size));
        let (_, size) = fitting.min_by(|(_, one), (_, other)| smaller(cloud, one, other))?;
        let gpus = (size.gpus > 0).then_some(size.gpus);
        Some(Chosen {
            name: size.name.clone(),
            vcpus: size.vcpus,
            memory_gib: size.memory_gib,
            gpus,
            why: format!("the smallest with {} vCPU and {} GiB, {}", self.vcpus, self.memory_gib, self.why),
        })
    }
}

/// Which of two sizes is taken first; of equals the earlier in the table is.
fn smaller(cloud: Cloud, one: &Size, other: &Size) -> Ordering {
    let price = |size: &Size| {
        prices::monthly(cloud, &size.name).map_or(Amount::from_millionths(i64::MAX), |money| money.monthly)
    };
    one.vcpus
        .cmp(&other.vcpus)
        .then(one.memory_gib.total_cmp(&other.memory_gib))
        .then_with(|| price(one).cmp(&price(other)))
}

/// What of processors and memory is needed, and by what that is known.
fn used(vcpus: u32, memory_gib: f64, usage: &Usage) -> (u32, f64, String) {
    let percent = |value: Option<f64>| value.filter(|value| (0.0..=100.0).contains(value));
    let (mut needed, mut memory, mut by) = (vcpus, memory_gib, Vec::new());
    if let Some(peak) = percent(usage.cpu_peak_percent) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between one and what there is")]
        let busy = (f64::from(vcpus) * peak / 100.0 / CPU_FULL).ceil().max(1.0) as u32;
        needed = busy.min(vcpus);
        by.push(format!("{peak} % of {vcpus} vCPU at its busiest"));
    }
    if let Some(peak) = percent(usage.memory_peak_percent) {
        memory = (memory_gib * peak / 100.0 / MEMORY_FULL * 4.0).ceil().max(1.0) / 4.0;
        memory = memory.min(memory_gib);
        by.push(format!("{peak} % of {memory_gib} GiB at its fullest"));
    }
    if by.is_empty() {
        return (needed, memory, "which is all".to_owned());
    }
    let days = usage.days.map(|days| format!(" in {days} days")).unwrap_or_default();
    (needed, memory, format!("by use: {}{days}", by.join(", ")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn choose(from: Cloud, name: &str, usage: Usage, to: Cloud) -> Option<String> {
        let (family, size) = sizes::named(from, name).unwrap();
        Need::of(family, size, &usage).choose(to, |_| true).map(|chosen| chosen.name)
    }

    #[test]
    fn sizes_are_the_smallest_that_hold_what_is_there() {
        let all = Usage::default();
        for (from, name, to, chosen) in [
            (Cloud::Aws, "m5.large", Cloud::Gcp, "e2-standard-2"),
            (Cloud::Aws, "m5.large", Cloud::Azure, "Standard_D2as_v5"),
            (Cloud::Aws, "r6i.xlarge", Cloud::Azure, "Standard_E4as_v5"),
            (Cloud::Aws, "c5.xlarge", Cloud::Azure, "Standard_F4s_v2"),
            (Cloud::Aws, "t3.micro", Cloud::Gcp, "e2-micro"),
            (Cloud::Aws, "m6g.large", Cloud::Azure, "Standard_D2ps_v5"),
            (Cloud::Aws, "g4dn.xlarge", Cloud::Azure, "Standard_NC4as_T4_v3"),
            (Cloud::Azure, "Standard_D4s_v5", Cloud::Aws, "m6a.xlarge"),
            (Cloud::Gcp, "n2-highmem-4", Cloud::Aws, "r6a.xlarge"),
        ] {
            assert_eq!(choose(from, name, all, to).as_deref(), Some(chosen), "{name} to {to:?}");
        }
    }

    #[test]
    fn what_is_used_counts_where_it_is_known() {
        let usage = Usage { cpu_peak_percent: Some(20.0), memory_peak_percent: Some(30.0), days: Some(14) };
        assert_eq!(choose(Cloud::Aws, "m5.4xlarge", usage, Cloud::Gcp).as_deref(), Some("e2-standard-8"));
    }

    proptest! {
        #[test]
        fn a_chosen_size_holds_what_is_needed_and_no_smaller_one_does(
            vcpus in 1_u32..64, memory in 1_u32..512, cpu in proptest::option::of(0.0_f64..100.0)
        ) {
            let usage = Usage { cpu_peak_percent: cpu, ..Usage::default() };
            for cloud in Cloud::ALL {
                let need = Need::told(vcpus, f64::from(memory), Some("x86_64".to_owned()), &usage);
                prop_assert!(need.vcpus >= 1 && need.vcpus <= vcpus);
                if let Some(chosen) = need.choose(cloud, |_| true) {
                    prop_assert!(chosen.vcpus >= need.vcpus && chosen.memory_gib >= need.memory_gib);
                    for family in sizes::families(cloud) {
                        for size in &family.sizes {
                            let is_less = size.vcpus < chosen.vcpus
                                || (size.vcpus == chosen.vcpus && size.memory_gib < chosen.memory_gib);
                            prop_assert!(!(is_less && need.fits(family, size)), "{} is smaller than {}", size.name, chosen.name);
                        }
                    }
                }
            }
        }
    }
}
