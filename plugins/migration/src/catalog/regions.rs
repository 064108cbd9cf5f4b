//! Regions by place and country.
//!
//! *The rule:* a resource goes to a region of the same place; where the target has none there, to one of the same
//! country; never out of it by itself, since data may have to stay.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::Cloud;

/// A place. What else stands in its row is no cloud, and refused as such.
#[derive(Debug, Deserialize)]
struct Place {
    place: String,
    country: String,
    #[serde(flatten)]
    regions: BTreeMap<Cloud, Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    sources: Vec<String>,
    as_of: String,
    places: Vec<Place>,
}

static TABLE: LazyLock<Table> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../data/regions.json")).unwrap_or_default());

impl Place {
    fn regions(&self, cloud: Cloud) -> &[String] {
        self.regions.get(&cloud).map(Vec::as_slice).unwrap_or_default()
    }
}

/// Where a resource of a region goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Near {
    /// To a region of the same place, or of the same country if `place` names another one.
    Region {
        /// The region.
        region: &'static str,
        /// The place it is in, where that is another one.
        place: Option<&'static str>,
    },
    /// The target has no region in that country.
    Abroad {
        /// The country by ISO 3166.
        country: &'static str,
    },
    /// The region is not in the table.
    Unknown,
}

/// The region of a target that is nearest to one of a source.
pub fn near(from: Cloud, region: &str, to: Cloud) -> Near {
    let region = trimmed(from, region);
    let Some(place) = TABLE.places.iter().find(|place| place.regions(from).contains(&region)) else {
        return Near::Unknown;
    };
    if from == to
        && let Some(same) = place.regions(to).iter().find(|own| **own == region)
    {
        return Near::Region { region: same, place: None };
    }
    if let Some(region) = place.regions(to).first() {
        return Near::Region { region, place: None };
    }
    let beside = TABLE.places.iter().filter(|other| other.country == place.country);
    match beside.filter_map(|other| Some((other.regions(to).first()?, &other.place))).next() {
        Some((region, place)) => Near::Region { region, place: Some(place) },
        None => Near::Abroad { country: &place.country },
    }
}

/// Whether a cloud has a region of this name.
pub fn is_region(cloud: Cloud, region: &str) -> bool {
    let region = trimmed(cloud, region);
    TABLE.places.iter().any(|place| place.regions(cloud).contains(&region))
}

/// The documents and the day.
pub fn cited() -> (&'static [String], &'static str) {
    (&TABLE.sources, &TABLE.as_of)
}

/// Azure writes `East US` for `eastus`; a zone of Google's or AWS's is its region and a letter.
fn trimmed(cloud: Cloud, region: &str) -> String {
    let region = region.to_ascii_lowercase().replace(' ', "");
    match cloud {
        Cloud::Azure => region,
        Cloud::Gcp => match region.rsplit_once('-') {
            Some((own, zone)) if zone.len() == 1 => own.to_owned(),
            _ => region,
        },
        Cloud::Aws => {
            let own = region.strip_suffix(|c: char| c.is_ascii_lowercase());
            own.filter(|own| own.ends_with(|c: char| c.is_ascii_digit())).unwrap_or(&region).to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_region_stands_once_and_leads_somewhere_or_says_why_not() {
        let table: &Table = &TABLE;
        assert!(!table.sources.is_empty() && table.as_of.len() == 10);
        for cloud in Cloud::ALL {
            let mut seen = BTreeSet::new();
            for region in table.places.iter().flat_map(|place| place.regions(cloud)) {
                assert!(seen.insert(region), "{region} stands twice");
                assert_ne!(near(cloud, region, Cloud::Gcp), Near::Unknown);
                assert_eq!(near(cloud, region, cloud), Near::Region { region, place: None });
            }
            assert!(seen.len() > 25, "{cloud:?}");
        }
    }

    #[test]
    fn data_stays_in_its_country() {
        let region = |region, place| Near::Region { region, place };
        assert_eq!(near(Cloud::Aws, "eu-central-1", Cloud::Azure), region("germanywestcentral", None));
        assert_eq!(near(Cloud::Azure, "East US", Cloud::Aws), region("us-east-1", None));
        assert_eq!(near(Cloud::Gcp, "us-east4-a", Cloud::Aws), region("us-east-1", None));
        assert_eq!(
            near(Cloud::Aws, "ca-west-1", Cloud::Gcp),
            region("northamerica-northeast1", Some("Montreal and Toronto"))
        );
        assert_eq!(near(Cloud::Aws, "eu-west-1", Cloud::Gcp), Near::Abroad { country: "IE" });
        assert_eq!(near(Cloud::Aws, "local", Cloud::Gcp), Near::Unknown);
    }
}
