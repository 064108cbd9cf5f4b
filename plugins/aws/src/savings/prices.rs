//! What things cost by AWS's public price lists, of the few regions that `data/prices.json`
//! holds.
//!
//! Every amount says from which list it is, and of which day. What is not in the file has no
//! price: the error says so, and nobody puts another region's in its place. What an account
//! agreed with AWS, reserved or has left of the free tier is in no list; a bill tells.
//!
//! To renew the file, copy the on-demand prices of the region from AWS's price list
//! (`AmazonEC2`, `AWSELB`, `AmazonVPC`) and write down its day. Volumes and snapshots are
//! priced by the month; addresses, gateways, load balancers and machines by the hour.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use troupe_estate::{Amount, Money, Resource};

/// Hours of a month, as AWS's own calculator counts them.
const HOURS: f64 = 730.0;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prices {
    source: String,
    currency: String,
    regions: Vec<Region>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Region {
    region: String,
    as_of: String,
    volumes: BTreeMap<String, Volume>,
    snapshots: BTreeMap<String, f64>,
    address: f64,
    nat_gateway: f64,
    load_balancers: BTreeMap<String, f64>,
    instances_as_of: String,
    /// By family, then by size.
    instances: BTreeMap<String, BTreeMap<String, f64>>,
}

/// A type of volume, by the month.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Volume {
    gib: f64,
    iops: f64,
    iops_free: f64,
    /// Beyond, AWS has steps that are not in the file.
    iops_max: Option<f64>,
    throughput_mib: f64,
    throughput_mib_free: f64,
}

/// A price, or why there is none.
pub type Price = Result<Money, String>;

/// The sizes of machines, the smallest first.
const SIZES: [&str; 19] = [
    "nano", "micro", "small", "medium", "large", "xlarge", "2xlarge", "3xlarge", "4xlarge", "6xlarge", "8xlarge",
    "9xlarge", "10xlarge", "12xlarge", "16xlarge", "18xlarge", "24xlarge", "32xlarge", "48xlarge",
];

static PRICES: LazyLock<Prices> = LazyLock::new(|| {
    // The tests hold that the file can be read; were it damaged, nothing had a price.
    serde_json::from_str(include_str!("../../data/prices.json")).unwrap_or_else(|_| Prices {
        source: String::new(),
        currency: String::new(),
        regions: Vec::new(),
    })
});

fn region(name: &str) -> Result<&'static Region, String> {
    let found = PRICES.regions.iter().find(|region| region.region == name);
    found.ok_or_else(|| format!("no price known: {name} is not in the price list"))
}

fn money(monthly: f64, as_of: &str) -> Price {
    let monthly = Amount::new(monthly).ok_or_else(|| "no price known: the amount is beyond all measure".to_owned())?;
    let (currency, source) = (PRICES.currency.clone(), PRICES.source.clone());
    Ok(Money { monthly, currency, source, as_of: as_of.to_owned() })
}

/// What a volume of a type costs in a month, with what it is provisioned for.
pub fn volume(at: &str, kind: &str, gib: f64, iops: Option<f64>, throughput_mib: Option<f64>) -> Price {
    let region = region(at)?;
    let price = region.volumes.get(kind).ok_or_else(|| format!("no price known of volumes of type {kind} in {at}"))?;
    let mut monthly = gib * price.gib;
    if price.iops > 0.0 {
        let iops = iops.ok_or("no price known: how many operations it is provisioned for was not told")?;
        if price.iops_max.is_some_and(|most| iops > most) {
            return Err(format!("no price known of {iops} operations of type {kind}"));
        }
        monthly += (iops - price.iops_free).max(0.0) * price.iops;
    }
    if price.throughput_mib > 0.0 {
        let throughput = throughput_mib.unwrap_or(price.throughput_mib_free);
        monthly += (throughput - price.throughput_mib_free).max(0.0) * price.throughput_mib;
    }
    money(monthly, &region.as_of)
}

/// What a volume that was found costs in a month.
pub fn volume_found(volume: &Resource) -> Price {
    let number = |name: &str| volume.attributes.get(name).and_then(serde_json::Value::as_f64);
    let kind = volume.attributes.get("type").and_then(|kind| kind.as_str());
    let (Some(kind), Some(gib)) = (kind, number("size_gib")) else {
        return Err("no price known: type or size was not told".to_owned());
    };
    self::volume(&volume.region, kind, gib, number("iops"), number("throughput_mib"))
}

/// What a snapshot of so much data costs in a month, in `standard` or `archive`.
pub fn snapshot(at: &str, tier: &str, gib: f64) -> Price {
    let region = region(at)?;
    let price = region.snapshots.get(tier).ok_or_else(|| format!("no price known of snapshots in {tier} in {at}"))?;
    money(gib * price, &region.as_of)
}

/// What a public address costs in a month.
pub fn address(at: &str) -> Price {
    let region = region(at)?;
    money(region.address * HOURS, &region.as_of)
}

/// What a NAT gateway costs in a month, without what it carries.
pub fn nat_gateway(at: &str) -> Price {
    let region = region(at)?;
    money(region.nat_gateway * HOURS, &region.as_of)
}

/// What a load balancer of a type costs in a month, without what it carries.
pub fn load_balancer(at: &str, kind: &str) -> Price {
    let region = region(at)?;
    let price = region.load_balancers.get(kind);
    let price = price.ok_or_else(|| format!("no price known of load balancers of type {kind} in {at}"))?;
    money(price * HOURS, &region.as_of)
}

/// What a machine of a type costs in a month: on demand, shared, with Linux.
pub fn instance(at: &str, kind: &str) -> Price {
    let region = region(at)?;
    let price = kind.split_once('.').and_then(|(family, size)| region.instances.get(family)?.get(size));
    let price = price.ok_or_else(|| format!("no price known of machines of type {kind} in {at}"))?;
    money(price * HOURS, &region.instances_as_of)
}

/// The next smaller type of the same family that is half the machine or less; none if there is none. Which sizes a
/// family has is the same in every region, so a region that is not in the list is looked up in another. The error says
/// that the list lacks the type.
pub fn half_of_instance(at: &str, kind: &str) -> Result<Option<String>, String> {
    let own = PRICES.regions.iter().filter(|region| region.region == at);
    let regions = own.chain(PRICES.regions.iter().filter(|region| region.region != at));
    let known = kind.split_once('.').and_then(|(family, size)| {
        let mut families = regions.filter_map(|region| region.instances.get(family));
        Some((family, size, families.find(|sizes| sizes.contains_key(size))?))
    });
    let (family, size, sizes) = known.ok_or_else(|| format!("which type is half of {kind} is not known"))?;
    let whole = sizes.get(size).copied().unwrap_or_default();
    let place = SIZES.iter().position(|known| *known == size).unwrap_or_default();
    // Of sizes that AWS skips, such as 3xlarge, there is no price.
    let mut smaller = SIZES.iter().take(place).rev();
    // Prices are rounded: t2.small costs a little less than two micros.
    let half = smaller.find(|size| sizes.get(**size).is_some_and(|price| *price <= whole / 2.0 * 1.02));
    Ok(half.map(|size| format!("{family}.{size}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn monthly(price: Price) -> f64 {
        price.unwrap().monthly.value()
    }

    #[test]
    fn the_file_is_read_and_every_price_has_its_day() {
        let prices: Prices = serde_json::from_str(include_str!("../../data/prices.json")).unwrap();
        assert!(prices.regions.len() >= 5);
        for region in &prices.regions {
            for day in [&region.as_of, &region.instances_as_of] {
                day.parse::<jiff::civil::Date>().unwrap();
            }
            let volumes = region.volumes.values().map(|volume| volume.gib);
            let sizes = region.instances.values().flat_map(BTreeMap::values).copied();
            let hours = [region.address, region.nat_gateway].into_iter().chain(region.load_balancers.values().copied());
            let all = volumes.chain(sizes).chain(hours).chain(region.snapshots.values().copied());
            assert!(all.into_iter().all(|price| price > 0.0 && price.is_finite()), "{}", region.region);
            for (family, sizes) in &region.instances {
                let mut known: Vec<(usize, f64)> = sizes
                    .iter()
                    .map(|(size, price)| (SIZES.iter().position(|known| known == size).expect(size), *price))
                    .collect();
                known.sort_by_key(|(place, _)| *place);
                assert!(known.windows(2).all(|pair| pair[0].1 < pair[1].1), "{family} in {}", region.region);
            }
        }
    }

    #[test]
    fn amounts_are_those_of_the_list() {
        assert!((monthly(volume("us-east-1", "gp2", 100.0, Some(300.0), None)) - 10.0).abs() < 1e-9);
        assert!((monthly(volume("us-east-1", "gp3", 100.0, Some(4000.0), Some(225.0))) - 17.0).abs() < 1e-9);
        assert!((monthly(volume("us-east-1", "io1", 100.0, Some(1000.0), None)) - 77.5).abs() < 1e-9);
        assert!((monthly(address("eu-west-1")) - 3.65).abs() < 1e-9);
        assert!((monthly(nat_gateway("us-east-1")) - 32.85).abs() < 1e-9);
        assert!((monthly(load_balancer("us-east-1", "application")) - 16.425).abs() < 1e-9);
        assert!((monthly(instance("us-east-1", "m5.large")) - 70.08).abs() < 1e-9);
        assert!((monthly(instance("us-east-1", "c5.4xlarge")) - 496.4).abs() < 1e-9);
    }

    #[test]
    fn half_of_a_machine_is_known_wherever_its_family_is() {
        let half = |at: &str, kind: &str| half_of_instance(at, kind).unwrap();
        assert_eq!(half("us-east-1", "c5.9xlarge").as_deref(), Some("c5.4xlarge"));
        assert_eq!(half("us-east-1", "t2.small").as_deref(), Some("t2.micro"));
        assert_eq!(half("ap-southeast-2", "c6i.xlarge").as_deref(), Some("c6i.large"));
        for smallest in [("us-east-1", "t3.nano"), ("ap-southeast-2", "t3.nano"), ("eu-west-3", "m5.large")] {
            assert_eq!(half(smallest.0, smallest.1), None);
        }
        for unknown in ["u-6tb1.metal", "m5.huge", ""] {
            assert!(half_of_instance("us-east-1", unknown).unwrap_err().contains("is not known"));
        }
    }

    #[test]
    fn what_is_not_in_the_list_has_no_price() {
        for price in [
            volume("us-east-1", "gp4", 1.0, None, None),
            volume("us-east-1", "io2", 1.0, Some(64_000.0), None),
            volume("us-east-1", "io1", 1.0, None, None),
            volume("mars-north-1", "gp2", 1.0, None, None),
            load_balancer("us-east-1", "gateway"),
            instance("us-east-1", "u-6tb1.metal"),
            instance("ap-south-1", "m5.large"),
        ] {
            assert!(price.unwrap_err().starts_with("no price known"));
        }
    }
}
