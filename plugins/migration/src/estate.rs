//! An estate that is in memory whole: its resources in one order, and who is meant by a name.
//!
//! *The danger:* an estate that is larger than memory ends the agent without a word. *The rule:* resources and their
//! bytes are counted as they are read, and what is too large is refused by the limit that it met, before it is kept.

use std::collections::BTreeMap;

use serde_json::json;
use troupe_estate::{GLOBAL, Key, Problem, Relation, Resource, service_of};
use troupe_sdk::prelude::*;

use crate::input::{Origin, RESOURCE_BYTES_MAX, RESOURCES_MAX};
use crate::source;

/// Resources in the order of their keys, each once.
#[derive(Debug, Default)]
pub struct Estate {
    resources: Vec<Resource>,
    /// The places of those that are called so, by id or ARN: an id of AWS is unique in its account, region and type
    /// alone.
    places: BTreeMap<String, Vec<usize>>,
    /// What could not be looked at.
    pub problems: Vec<Problem>,
}

impl Estate {
    /// Reads an estate.
    ///
    /// # Errors
    ///
    /// As [`source::read`], and [`Failure::InvalidInput`] with the code `migration.too_large` beyond a limit, or
    /// `migration.ambiguous` if nobody can tell which of several resources another one is related to.
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
        let estate = Self::of(all.into_values().collect(), problems);
        estate.check()?;
        Ok(estate)
    }

    /// An estate of resources that stand in the order of their keys.
    fn of(resources: Vec<Resource>, problems: Vec<Problem>) -> Self {
        let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, resource) in resources.iter().enumerate() {
            for name in [Some(&resource.id), resource.arn.as_ref()].into_iter().flatten() {
                let called = places.entry(resource.provider.canonical(name)).or_default();
                if called.last() != Some(&place) {
                    called.push(place);
                }
            }
        }
        Self { resources, places, problems }
    }

    /// Refuses an estate in which what depends on what is not known.
    fn check(&self) -> Result<(), Failure> {
        for resource in &self.resources {
            for Relation { kind, target } in &resource.relations {
                let meant = self.meant(resource, kind, target);
                if meant.len() > 1 {
                    return Err(ambiguous(resource, kind, target, meant.iter().filter_map(|place| self.get(*place))));
                }
            }
        }
        Ok(())
    }

    /// The resources.
    pub fn all(&self) -> &[Resource] {
        &self.resources
    }

    /// A resource by its place.
    pub fn get(&self, place: usize) -> Option<&Resource> {
        self.resources.get(place)
    }

    /// The resource of a key.
    pub fn by_key(&self, key: &Key) -> Option<&Resource> {
        self.get(self.resources.binary_search_by(|resource| resource.key().cmp(key)).ok()?)
    }

    /// The place of the resource that another one means by an id or ARN, as what: `vpc`, `role`. None if it was not
    /// read, or if several are called so and nothing tells them apart.
    pub fn find(&self, by: &Resource, kind: &str, name: &str) -> Option<usize> {
        match self.meant(by, kind, name).as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// The places of all that may be meant: of those that are called so in its cloud, another than itself, of the type
    /// that the relation names, of its own service, account and region. Each tells apart only where it leaves one.
    fn meant(&self, by: &Resource, kind: &str, name: &str) -> Vec<usize> {
        let called = self.places.get(&by.provider.canonical(name)).map(Vec::as_slice).unwrap_or_default();
        let is = |place: &usize, fits: &dyn Fn(&Resource) -> bool| self.get(*place).is_some_and(fits);
        let in_cloud = |other: &Resource| other.provider == by.provider;
        let mut meant: Vec<usize> = called.iter().copied().filter(|place| is(place, &in_cloud)).collect();
        let tells: [&dyn Fn(&Resource) -> bool; 6] = [
            &|other| !std::ptr::eq(other, by) && other.key() != by.key(),
            &|other| other.kind.rsplit(['.', '/']).next().is_some_and(|noun| noun.eq_ignore_ascii_case(kind)),
            &|other| service_of(&other.kind) == service_of(&by.kind),
            &|other| other.account == by.account,
            &|other| other.region == by.region,
            &|other| other.region == GLOBAL,
        ];
        for fits in tells {
            if meant.len() > 1 && meant.iter().any(|place| is(place, fits)) {
                meant.retain(|place| is(place, fits));
            }
        }
        meant
    }

    /// Of each resource the places of those that it belongs to or uses.
    pub fn uses(&self) -> Vec<Vec<usize>> {
        let of = |(place, resource): (usize, &Resource)| {
            let found = resource.relations.iter().filter_map(|one| self.find(resource, &one.kind, &one.target));
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
                if self.find(resource, &relation.kind, &relation.target).is_none() {
                    *kinds.entry(relation.kind.to_string()).or_default() += 1;
                }
            }
        }
        kinds
    }
}

/// Resources that a refusal names, of those that may be meant.
const NAMED_MAX: usize = 5;

fn ambiguous<'a>(by: &Resource, kind: &str, target: &str, meant: impl Iterator<Item = &'a Resource>) -> Failure {
    let keys: Vec<String> = meant.map(|resource| resource.key().to_string()).collect();
    let named: Vec<&str> = keys.iter().take(NAMED_MAX).map(String::as_str).collect();
    let message = format!(
        "{} is related to the {kind} `{target}`, which may be any of {} resources: {}; give their ARNs and relate it by \
         one, or ask for the estate by account, region or workload",
        by.key(),
        keys.len(),
        named.join(", ")
    );
    Failure::invalid_input(message)
        .with("code", "migration.ambiguous")
        .with("relation", json!({ "kind": kind, "target": target }))
        .with("may_be", json!(named))
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

    fn named(kind: &'static str, account: &str, region: &str, id: &str) -> Resource {
        Resource::new(kind, region, id).account(Some(account.to_owned()))
    }

    fn of(resources: Vec<Resource>) -> Result<Estate, Failure> {
        let _host = troupe_sdk::test::Host::start();
        Estate::read(Origin { resources, ..Origin::default() }).wait()
    }

    #[test]
    fn of_resources_of_one_id_the_one_is_found_that_is_meant() {
        let orders = |kind: &'static str, account: &str, region: &str| named(kind, account, region, "orders");
        let uses = |kind: &'static str, relation: &'static str, account: &str, region: &str| {
            named(kind, account, region, "user").to(relation, Some("orders"))
        };
        let others = [
            orders("aws.dynamodb.table", "1", "us-east-1"),
            orders("aws.dynamodb.table", "1", "us-west-2"),
            orders("aws.dynamodb.table", "2", "us-west-2"),
            orders("aws.lambda.function", "1", "us-west-2"),
            orders("aws.iam.role", "1", GLOBAL),
            orders("aws.iam.role", "2", GLOBAL),
            orders("aws.ecs.cluster", "1", "us-west-2"),
            orders("aws.eks.cluster", "1", "us-west-2"),
        ];
        for (user, meant) in [
            (uses("aws.lambda.function", "table", "1", "us-west-2"), &others[1]),
            (uses("aws.lambda.function", "table", "2", "us-east-1"), &others[2]),
            (uses("aws.lambda.function", "role", "2", "us-west-2"), &others[5]),
            (uses("aws.ecs.service", "cluster", "1", "us-west-2"), &others[6]),
            (uses("aws.eks.node-group", "cluster", "1", "us-west-2"), &others[7]),
        ] {
            let estate = of(others.iter().cloned().chain([user.clone()]).collect()).unwrap();
            let found = estate.find(&user, &user.relations[0].kind, "orders").and_then(|place| estate.get(place));
            assert_eq!(found.map(Resource::key), Some(meant.key()), "{user:?}");
            assert_eq!(estate.by_key(&meant.key()), Some(meant));
        }
        // A function of the same name as the table that it uses is not the table.
        let same = orders("aws.lambda.function", "1", "us-east-1").to("table", Some("orders"));
        let estate = of(vec![same, others[0].clone()]).unwrap();
        assert_eq!(estate.uses(), [vec![], vec![0]]);
    }

    #[test]
    fn a_relation_to_one_of_several_that_nothing_tells_apart_is_refused_by_name() {
        let user = named("aws.lambda.function", "1", "us-east-1", "user").to("table", Some("orders"));
        let table = |account: &str| named("aws.dynamodb.table", account, "us-east-1", "orders");
        let Err(Failure::InvalidInput(problem)) = of(vec![user.clone(), table("2"), table("3")]) else {
            panic!("the first of them was taken")
        };
        assert_eq!(problem.code(), Some("migration.ambiguous"));
        for part in ["`user`", "table `orders`", "2 resources", "of `2`", "of `3`", "ARN"] {
            assert!(problem.message.contains(part), "{part}: {}", problem.message);
        }
        assert!(of(vec![user, table("2")]).is_ok());
    }
}
