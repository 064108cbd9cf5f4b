//! What belongs together: resources that move as one.
//!
//! | step | rule |
//! |---|---|
//! | 1 | a resource with a workload's tag (`workload`, `application`, `app`, …) is of that workload |
//! | 2 | one without goes with the tagged resource that is nearest by relations that do not lead over anything shared |
//! | 3 | what has no tagged resource near is a workload with all that is related to it; a resource that is related to nothing is one of its own if it computes or keeps data, else it is with the other unassigned ones of its field |
//! | 4 | what is shared by nature (networks, subnets, zones, accounts, …) is the foundation; a role, key or security group that one workload alone uses goes with that workload, and is of the foundation otherwise |
//!
//! So a network that everything is in does not make one workload of everything.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use troupe_estate::{Class, Resource};

use crate::estate::Estate;
use crate::settings::Settings;

/// How often resources that are used by what one workload alone uses are looked at again: a profile that has a role
/// that has a policy.
const CHAIN_MAX: usize = 4;

/// By what resources are one workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// Their tag says so.
    Tag,
    /// They are related to one another and to no tagged resource.
    Relations,
    /// Nothing is known to belong to them.
    Alone,
    /// Several workloads use them.
    Shared,
}

/// A workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// By what it is one.
    pub by: By,
    /// The places of its resources, in order.
    pub members: Vec<usize>,
}

/// What is shared by nature, whoever uses it.
fn is_foundation(class: Class) -> bool {
    matches!(
        class,
        Class::NetworkVpc
            | Class::NetworkSubnet
            | Class::NetworkAcl
            | Class::NetworkGateway
            | Class::NetworkNat
            | Class::NetworkRouteTable
            | Class::NetworkVpn
            | Class::NetworkPeering
            | Class::NetworkLink
            | Class::NetworkFirewall
            | Class::NetworkBastion
            | Class::NetworkDnsZone
            | Class::NetworkDomain
            | Class::NetworkFlowLog
            | Class::LoggingTrail
            | Class::MonitoringRecorder
    ) || matches!(class.field(), "management" | "developer")
}

/// What may be shared: it holds nothing together by itself.
fn is_connective(class: Class) -> bool {
    is_foundation(class)
        || matches!(
            class,
            Class::NetworkSecurityGroup
                | Class::NetworkEndpoint
                | Class::ComputeImage
                | Class::ComputeReservation
                | Class::ComputePlan
                | Class::ContainerRegistry
                | Class::StorageAccount
                | Class::DatabaseSettings
                | Class::MonitoringChannel
                | Class::MessagingBus
        )
        || matches!(class.field(), "identity" | "security")
}

/// What computes or keeps data, and so is a workload though nothing is related to it.
pub fn is_carrying(class: Class) -> bool {
    matches!(class, Class::NetworkLoadBalancer | Class::NetworkApi | Class::NetworkCdn)
        || (matches!(
            class.field(),
            "compute" | "container" | "database" | "storage" | "messaging" | "analytics" | "ai" | "integration"
        ) && !matches!(
            class,
            Class::ComputeSnapshot
                | Class::ComputeImage
                | Class::ComputeTemplate
                | Class::ComputeReservation
                | Class::ComputePlan
                | Class::DatabaseSnapshot
                | Class::DatabaseSettings
                | Class::ContainerRegistry
                | Class::StorageBackup
                | Class::StorageAccessPoint
                | Class::MessagingSubscription
        ))
}

/// The workloads of an estate by name, and of each resource its workload.
pub fn of(estate: &Estate, uses: &[Vec<usize>], settings: &Settings) -> (Vec<Group>, Vec<usize>) {
    let all = estate.all();
    let mut near: Vec<Vec<usize>> = vec![Vec::new(); all.len()];
    for (one, others) in uses.iter().enumerate() {
        for other in others {
            near.get_mut(one).into_iter().for_each(|near| near.push(*other));
            near.get_mut(*other).into_iter().for_each(|near| near.push(one));
        }
    }
    let mut names: Vec<Option<(By, String)>> = all
        .iter()
        .map(|resource| tag(resource, settings).filter(|_| !is_foundation(resource.class)))
        .map(|name| Some((By::Tag, name?)))
        .collect();
    spread(all, &near, &mut names);
    join(all, &near, &mut names);
    share(all, &near, &mut names);
    gather(names)
}

/// The value of the first tag that names a workload.
fn tag(resource: &Resource, settings: &Settings) -> Option<String> {
    settings.workload_tags.iter().find_map(|wanted| {
        let found = resource.tags.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.trim().to_lowercase()).filter(|value| !value.is_empty())
    })
}

/// Step 2: names go from tagged resources to those near them, one relation at a time; of two that come at once, the
/// one that is first by name.
fn spread(all: &[Resource], near: &[Vec<usize>], names: &mut [Option<(By, String)>]) {
    let leads = |place: usize| all.get(place).is_some_and(|resource| !is_connective(resource.class));
    let mut tagged: Vec<(String, usize)> = Vec::new();
    for (place, name) in names.iter().enumerate() {
        if let Some((_, name)) = name.as_ref().filter(|_| leads(place)) {
            tagged.push((name.clone(), place));
        }
    }
    tagged.sort();
    let mut next: VecDeque<(String, usize)> = tagged.into();
    while let Some((name, place)) = next.pop_front() {
        for other in near.get(place).into_iter().flatten().copied().filter(|other| leads(*other)) {
            if let Some(slot) = names.get_mut(other).filter(|slot| slot.is_none()) {
                *slot = Some((By::Tag, name.clone()));
                next.push_back((name.clone(), other));
            }
        }
    }
}

/// Step 3: what is left is a workload with all that it reaches.
fn join(all: &[Resource], near: &[Vec<usize>], names: &mut [Option<(By, String)>]) {
    let is_free = |names: &[Option<(By, String)>], place: usize| {
        names.get(place).is_some_and(Option::is_none)
            && all.get(place).is_some_and(|resource| !is_connective(resource.class))
    };
    let mut taken: BTreeSet<String> = names.iter().flatten().map(|(_, name)| name.clone()).collect();
    for start in 0..all.len() {
        if !is_free(names, start) {
            continue;
        }
        let (mut found, mut next, mut seen) = (Vec::new(), vec![start], BTreeSet::from([start]));
        while let Some(place) = next.pop() {
            found.push(place);
            for other in near.get(place).into_iter().flatten() {
                if is_free(names, *other) && seen.insert(*other) {
                    next.push(*other);
                }
            }
        }
        found.sort_unstable();
        let named = if let [alone] = found.as_slice() { all.get(*alone) } else { None };
        let (by, name) = match named {
            Some(alone) if !is_carrying(alone.class) => (By::Alone, format!("unassigned-{}", alone.class.field())),
            _ => {
                let by = if named.is_some() { By::Alone } else { By::Relations };
                (by, unique(&mut taken, name_of(all, &found)))
            }
        };
        for place in found {
            names.get_mut(place).into_iter().for_each(|slot| *slot = Some((by, name.clone())));
        }
    }
}

/// What a workload without a tag is called: after the resource that says most of what it is for.
fn name_of(all: &[Resource], found: &[usize]) -> String {
    let rank = |class: Class| match class {
        Class::NetworkLoadBalancer | Class::ContainerCluster | Class::ComputeApplication | Class::NetworkApi => 0,
        Class::ComputeGroup | Class::ContainerWorkload | Class::ComputeFunction => 1,
        Class::ComputeInstance => 2,
        class if class.field() == "database" => 3,
        class if is_carrying(class) => 4,
        _ => 5,
    };
    let members = found.iter().filter_map(|place| all.get(*place));
    let first = members.min_by_key(|resource| (rank(resource.class), resource.name.is_none(), resource.key()));
    let name = first.map(|resource| resource.name.as_deref().unwrap_or(&resource.id)).unwrap_or_default();
    // Ids of Azure and Google are paths.
    name.rsplit('/').next().unwrap_or(name).to_lowercase()
}

fn unique(taken: &mut BTreeSet<String>, name: String) -> String {
    let mut own = name.clone();
    let mut number = 2;
    while !taken.insert(own.clone()) {
        own = format!("{name}-{number}");
        number += 1;
    }
    own
}

/// Step 4: what is connective goes with the one workload that uses it, or is of the foundation.
fn share(all: &[Resource], near: &[Vec<usize>], names: &mut [Option<(By, String)>]) {
    for _ in 0..CHAIN_MAX {
        let mut found: Vec<(usize, (By, String))> = Vec::new();
        for (place, resource) in all.iter().enumerate() {
            if is_foundation(resource.class) || names.get(place).is_some_and(Option::is_some) {
                continue;
            }
            let beside = near.get(place).into_iter().flatten();
            // A network that it is in does not use it.
            let beside = beside.filter(|other| all.get(**other).is_some_and(|other| !is_foundation(other.class)));
            let mut users: BTreeMap<&str, By> = BTreeMap::new();
            let mut is_open = false;
            for other in beside {
                match names.get(*other).and_then(Option::as_ref) {
                    Some((by, name)) => {
                        users.insert(name, *by);
                    }
                    None => is_open = true,
                }
            }
            if let (Some((name, by)), 1, false) = (users.first_key_value(), users.len(), is_open) {
                found.push((place, (*by, (*name).to_owned())));
            }
        }
        if found.is_empty() {
            break;
        }
        for (place, name) in found {
            names.get_mut(place).into_iter().for_each(|slot| *slot = Some(name.clone()));
        }
    }
    for (resource, slot) in all.iter().zip(names) {
        if slot.is_none() {
            *slot = Some((By::Shared, format!("foundation-{}", resource.class.field())));
        }
    }
}

fn gather(names: Vec<Option<(By, String)>>) -> (Vec<Group>, Vec<usize>) {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for (place, (by, name)) in names.iter().enumerate().filter_map(|(place, name)| Some((place, name.as_ref()?))) {
        let group =
            groups.entry(name.clone()).or_insert_with(|| Group { name: name.clone(), by: *by, members: Vec::new() });
        group.by = group.by.min(*by);
        group.members.push(place);
    }
    let groups: Vec<Group> = groups.into_values().collect();
    let mut group_of = vec![0; names.len()];
    for (number, group) in groups.iter().enumerate() {
        for place in &group.members {
            group_of.get_mut(*place).into_iter().for_each(|slot| *slot = number);
        }
    }
    (groups, group_of)
}
