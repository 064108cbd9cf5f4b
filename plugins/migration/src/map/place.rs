//! Where a resource goes, and what of networks does not.

use troupe_estate::{GLOBAL, Resource};

use super::{Blocker, Code, Destination, Mapped, Unchecked};
use crate::catalog::regions::{self, Near};
use crate::input::Target;
use crate::{Cloud, facts};

/// Chooses the region: the one that is asked for, else the nearest in the same country.
pub fn choose(resource: &Resource, target: &Target, to: &mut Destination, row: &mut Mapped) {
    if resource.region == GLOBAL {
        to.region = Some(target.region.clone().unwrap_or_else(|| GLOBAL.to_owned()));
        return;
    }
    if let Some(region) = &target.region {
        to.region = Some(region.clone());
        return;
    }
    let Some(from) = Cloud::of(resource.provider) else { return };
    match regions::near(from, &resource.region, target.cloud) {
        Near::Region { region, place } => {
            if let Some(place) = place {
                row.caveats
                    .push(format!("It goes from `{}` to `{region}` ({place}), in the same country.", resource.region));
            }
            to.region = Some(region.to_owned());
        }
        Near::Abroad { country } => row.blockers.push(Blocker::new(
            Code::Region,
            format!("{} has no region in the country of `{}` ({country})", target.cloud.title(), resource.region),
            "name the region under `target.region`, once it is clear that the data may leave the country",
        )),
        Near::Unknown => row.unchecked.push(Unchecked {
            code: Code::Region,
            why: format!("the region `{}` is not known here; name the target's under `target.region`", resource.region),
        }),
    }
}

/// Looks for networks that have addresses of IPv6 alone: Azure makes none of those.
///
/// Source: <https://learn.microsoft.com/azure/virtual-network/ip-services/ipv6-overview> (2025-06-01): a subnet of
/// Azure has IPv4, or both.
pub fn network(resource: &Resource, target: &Target, row: &mut Mapped) {
    let v6 = facts::texts(resource, &["cidrs_v6", "ipv6_cidrs", "ipv6CidrBlocks"]);
    let all = facts::cidrs(resource);
    let has_v4 = all.iter().any(|cidr| cidr.contains('.'));
    let has_v6 = !v6.is_empty() || all.iter().any(|cidr| cidr.contains(':'));
    if !has_v4 && !has_v6 {
        row.unchecked.push(Unchecked::missing(Code::Ipv6Only, resource, &["cidr", "cidrs"]));
    } else if has_v6 && !has_v4 && target.cloud == Cloud::Azure {
        row.blockers.push(Blocker::new(
            Code::Ipv6Only,
            "it has addresses of IPv6 alone, and Azure's networks have IPv4 or both",
            "give it a range of IPv4 in the target",
        ));
    }
}
