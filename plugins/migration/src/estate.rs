//! An estate that is in memory whole: its resources in one order, and who is meant by a name.
//!
//! *The danger:* an estate that is larger than memory ends the agent without a word. *The rule:* resources and their
//! bytes are counted as they are read, and what is too large is refused by the limit that it met, before it is kept.

use std::collections::BTreeMap;

use serde_json::json;
use troupe_estate::{Key, Problem, Provider, Resource};
use troupe_sdk::prelude::*;

use crate::input::{Origin, RESOURCE_BYTES_MAX, RESOURCES_MAX};
use crate::source;

/// Resources in the order of their keys, each once.
#[derive(Debug, Default)]
pub struct Estate {
    resources: Vec<Resource>,
    /// The place of each by its id and by its ARN.
    places: BTreeMap<String, usize>,
    /// What could not be looked at.
    pub problems: Vec<Problem>,
}

impl Estate {
    /// Reads an estate.
    ///
    /// # Errors
    ///
    /// As [`source::read`], and [`Failure::InvalidInput`] with the code `migration.too_large` beyond a limit.
    pub async fn read(origin: Origin) -> Result<Self, Failure> {
        Self::read_within(origin, RESOURCES_MAX, RESOURCE_BYTES_MAX).await
    }

    async fn read_within(origin: Origin, resources_max: usize, bytes_max: usize) -> Result<Self, Failure> {
        let mut all: BTreeMap<Key, Resource> = BTreeMap::new();
        let mut bytes = 0;
        let problems = source::read(origin, &mut |resource| {
            bytes += serde_json::to_vec(&resource)?.len();
            if bytes > bytes_max {
                return Err(too_large("bytes of resources", bytes_max));
            }
            all.insert(resource.key(), resource);
            if all.len() > resources_max {
                return Err(too_large("resources", resources_max));
            }
            Ok(())
        })
        .await?;
        Ok(Self::of(all.into_values().collect(), problems))
    }

    /// An estate of resources that stand in the order of their keys.
    fn of(resources: Vec<Resource>, problems: Vec<Problem>) -> Self {
        let mut places = BTreeMap::new();
        for (place, resource) in resources.iter().enumerate() {
            for name in [Some(&resource.id), resource.arn.as_ref()].into_iter().flatten() {
                places.entry(resource.provider.canonical(name)).or_insert(place);
            }
        }
        Self { resources, places, problems }
    }

    /// The resources.
    pub fn all(&self) -> &[Resource] {
        &self.resources
    }

    /// A resource by its place.
    pub fn get(&self, place: usize) -> Option<&Resource> {
        self.resources.get(place)
    }

    /// The place of the resource that another one means by an id or ARN.
    pub fn find(&self, by: &Resource, name: &str) -> Option<usize> {
        self.places.get(&by.provider.canonical(name)).copied()
    }

    /// The resource that a provider knows by an id or ARN.
    pub fn named(&self, provider: Provider, name: &str) -> Option<&Resource> {
        self.get(*self.places.get(&provider.canonical(name))?)
    }

    /// Of each resource the places of those that it belongs to or uses.
    pub fn uses(&self) -> Vec<Vec<usize>> {
        let of = |(place, resource): (usize, &Resource)| {
            let found = resource.relations.iter().filter_map(|relation| self.find(resource, &relation.target));
            let mut found: Vec<usize> = found.filter(|other| *other != place).collect();
            found.sort_unstable();
            found.dedup();
            found
        };
        self.resources.iter().enumerate().map(of).collect()
    }

    /// The relations that lead out of what was read, counted by their kind.
    pub fn dangling(&self) -> BTreeMap<String, u64> {
        let mut kinds = BTreeMap::new();
        for resource in &self.resources {
            for relation in &resource.relations {
                if self.find(resource, &relation.target).is_none() {
                    *kinds.entry(relation.kind.to_string()).or_default() += 1;
                }
            }
        }
        kinds
    }
}

fn too_large(what: &str, most: usize) -> Failure {
    let message = format!(
        "the estate has more than {most} {what}, which is the most that this skill looks at together; ask for it by \
         account, region or workload (`map` takes any number, from files)"
    );
    Failure::invalid_input(message).with("code", "migration.too_large").with("maximum", json!(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(count: usize, resources_max: usize, bytes_max: usize) -> Result<Estate, Failure> {
        let resources =
            (0..count).map(|number| Resource::new("aws.ec2.volume", "us-east-1", format!("vol-{number:06}"))).collect();
        let origin = Origin { resources, ..Origin::default() };
        Estate::read_within(origin, resources_max, bytes_max).wait()
    }

    #[test]
    fn what_is_too_large_is_refused_by_the_limit_that_it_met() {
        let _host = troupe_sdk::test::Host::start();
        assert_eq!(read(10, 10, 10_000).unwrap().all().len(), 10);
        for (failure, most) in [(read(11, 10, 10_000).unwrap_err(), 10), (read(10, 10, 100).unwrap_err(), 100)] {
            let Failure::InvalidInput(problem) = failure else { panic!("{failure:?}") };
            assert_eq!(problem.code(), Some("migration.too_large"));
            assert_eq!(problem.details.unwrap()["maximum"], most);
        }
    }

    #[test]
    fn a_resource_told_twice_counts_once_and_is_found_by_id_and_arn() {
        let _host = troupe_sdk::test::Host::start();
        let role = Resource::new("aws.iam.role", "global", "app").arn(Some("arn:aws:iam::1:role/app".to_owned()));
        let function =
            Resource::new("aws.lambda.function", "us-east-1", "f").to("role", Some("arn:aws:iam::1:role/app"));
        let resources = vec![function.clone(), role.clone(), role, function];
        let estate = Estate::read(Origin { resources, ..Origin::default() }).wait().unwrap();
        assert_eq!(estate.all().len(), 2);
        assert_eq!(estate.uses(), [vec![], vec![0]]);
    }
}
