//! What a caller asks for, and what is made of it.

use troupe_estate::diff::Change;
use troupe_estate::{Area, Provider, Resource, Scan};
use troupe_sdk::prelude::*;

use crate::endpoint::Partition;
use crate::model::GLOBAL;
use crate::regions::meant;
use crate::services::{Reach, Service, cloudtrail};

/// The agent's configuration.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to look when the caller names no regions; `all` alone for every region that is enabled for the account.
    #[serde(default = "default_regions")]
    pub regions: Vec<String>,
}

fn default_regions() -> Vec<String> {
    vec!["us-east-1".to_owned()]
}

/// What to list.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InventoryInput {
    /// The regions to look in, such as `eu-central-1`, or `all` alone for every region that is
    /// enabled for the account; those of the configuration if none are named.
    #[serde(default)]
    pub regions: Vec<String>,
    /// The services to look at; all of them if none are named.
    #[serde(default)]
    pub services: Vec<Service>,
}

/// What will be looked at: input and configuration, checked.
#[derive(Debug)]
pub struct Plan {
    /// At least one region, none twice.
    pub regions: Vec<String>,
    /// The partition all of them lie in.
    pub partition: Partition,
    /// At least one service, none twice.
    pub services: Vec<Service>,
}

impl Plan {
    /// Makes a plan, for which the account may be asked which regions it has.
    ///
    /// # Errors
    ///
    /// Input that is not acceptable; what [`regions::meant`](crate::regions::meant) says.
    pub async fn of(mut input: InventoryInput, mut settings: Settings) -> Result<Self, Failure> {
        let asked = if input.regions.is_empty() { settings.regions.clone() } else { input.regions };
        input.regions = meant(asked, &settings.regions).await?;
        settings.regions.clear();
        Self::new(input, settings)
    }

    /// Makes a plan of regions that are named.
    ///
    /// # Errors
    ///
    /// Input that is not acceptable.
    pub fn new(input: InventoryInput, settings: Settings) -> Result<Self, Failure> {
        let asked = if input.regions.is_empty() { settings.regions } else { input.regions };
        let (regions, partition) = regions(asked)?;
        let mut services = if input.services.is_empty() { Service::ALL.to_vec() } else { input.services };
        services.sort_unstable();
        services.dedup();
        Ok(Self { regions, partition, services })
    }

    /// A change as far as this plan can tell it: what would not show in these regions is not gone.
    pub fn judge(&self, change: Change<Resource>) -> Change<Resource> {
        let unseen = match &change {
            Change::Gone { before } if !self.shows(before) => Scan::default().why_absent(&before.reference()),
            _ => None,
        };
        match (change, unseen) {
            (Change::Gone { before }, Some(why)) => Change::Unknown { before, why },
            (change, _) => change,
        }
    }

    fn shows(&self, resource: &Resource) -> bool {
        cloudtrail::shows_everywhere(resource) || self.regions.contains(&resource.region)
    }

    /// Where it is looked. What belongs to the whole account is found wherever it is.
    pub fn areas(&self, account: &str) -> Vec<Area> {
        let those = |reach: Reach| self.services.iter().filter(move |one| one.reach() == reach);
        let area = |reach: Reach, regions: Vec<String>| Area {
            provider: Provider::Aws,
            accounts: vec![account.to_owned()],
            regions,
            services: those(reach).map(|one| one.name().to_owned()).collect(),
        };
        let mut regions = self.regions.clone();
        // What WAF has for CloudFront is asked for in the first region, and told as the account's.
        if regions.iter().any(|region| region == self.partition.first_region()) {
            regions.push(GLOBAL.to_owned());
        }
        let areas = [area(Reach::Regional, regions), area(Reach::Global, Vec::new())];
        // An empty list of services would bound nothing.
        areas.into_iter().filter(|area| !area.services.is_empty()).collect()
    }
}

/// Checks regions: at least one, none twice, all in one partition, which is told with them.
pub fn regions(asked: Vec<String>) -> Result<(Vec<String>, Partition), Failure> {
    let mut regions: Vec<String> = Vec::new();
    for region in asked {
        if !regions.contains(&region) {
            regions.push(region);
        }
    }
    let mut partitions = Vec::new();
    for region in &regions {
        let partition = Partition::of(region)
            .map_err(|why| Failure::invalid_input(format!("`{region}` {why}")).with("region", region))?;
        partitions.push(partition);
    }
    let Some((&partition, others)) = partitions.split_first() else {
        return Err(Failure::invalid_input("no region is named, neither in the input nor in the configuration"));
    };
    if others.iter().any(|other| *other != partition) {
        return Err(Failure::invalid_input("the regions lie in two partitions; ask for those of one at a time"));
    }
    Ok((regions, partition))
}
