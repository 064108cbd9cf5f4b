//! List prices of machine types, in one region of each cloud.
//!
//! A price is told with its list, its day and its region. What is not in the list has no price: none is reckoned from
//! those of other types or regions.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use troupe_estate::{Amount, Money};

use crate::Cloud;

/// Hours of a month, as clouds reckon.
pub const MONTH_HOURS: f64 = 730.0;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    cloud: Cloud,
    region: String,
    currency: String,
    source: String,
    as_of: String,
    /// By the type's name, for an hour.
    hourly: BTreeMap<String, f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    lists: Vec<List>,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../data/prices.json")).unwrap_or_default());

/// The region whose prices of a cloud are known.
pub fn region(cloud: Cloud) -> Option<&'static str> {
    TABLE.lists.iter().find(|list| list.cloud == cloud).map(|list| list.region.as_str())
}

/// What a machine type with Linux costs for a month in the region whose prices are known.
pub fn monthly(cloud: Cloud, size: &str) -> Option<Money> {
    let list = TABLE.lists.iter().find(|list| list.cloud == cloud)?;
    let hourly = list.hourly.get(size)?;
    Some(Money {
        monthly: Amount::new(hourly * MONTH_HOURS)?,
        currency: list.currency.clone(),
        source: format!("{}, {}", list.source, list.region),
        as_of: list.as_of.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{regions, sizes};

    #[test]
    fn every_price_is_of_a_type_that_is_known_in_a_region_that_is() {
        let table: Table = serde_json::from_str(include_str!("../../data/prices.json")).unwrap();
        for list in &table.lists {
            assert!(regions::is_region(list.cloud, &list.region), "{}", list.region);
            assert_eq!((list.as_of.len(), list.currency.as_str()), (10, "USD"));
            for (name, price) in &list.hourly {
                assert!(*price > 0.0 && sizes::named(list.cloud, name).is_some(), "{name}");
            }
        }
        assert_eq!(monthly(Cloud::Aws, "m5.large").unwrap().monthly.to_string(), "70.08");
        assert_eq!(monthly(Cloud::Aws, "m5.huge"), None);
    }
}
