//! What a resource costs now and would cost then.
//!
//! *The rule:* a price is one of a bill or of a dated list, and never reckoned from another one. Lists hold machine
//! types with Linux in one region of each cloud: a machine with another system has none, and where its region or its
//! target's is another one, the note says of which regions the prices are.

use troupe_estate::{Class, Resource};

use super::{Destination, Mapped, Price};
use crate::catalog::prices;
use crate::input::Target;
use crate::{Cloud, facts};

/// Sets the prices of a row.
pub fn compare(resource: &Resource, target: &Target, to: &Destination, row: &mut Mapped) {
    let mut price = Price { now: resource.cost.clone(), ..Price::default() };
    if resource.class != Class::ComputeInstance {
        price.note = "no price known: list prices here are of machine types alone".to_owned();
        row.price = price;
        return;
    }
    let system = facts::system(resource).unwrap_or_default();
    if ["windows", "red hat", "rhel", "suse", "sles", "sql"].iter().any(|part| system.contains(part)) {
        price.note = "no price known: list prices here are of machines with Linux that costs nothing".to_owned();
        row.price = price;
        return;
    }
    let from = Cloud::of(resource.provider);
    if price.now.is_none() {
        price.now = from.zip(facts::size(resource)).and_then(|(from, size)| prices::monthly(from, size));
    }
    price.then = to.size.as_ref().and_then(|size| prices::monthly(target.cloud, &size.name));
    price.note = note(resource, target, to, &price, from);
    row.price = price;
}

fn note(resource: &Resource, target: &Target, to: &Destination, price: &Price, from: Option<Cloud>) -> String {
    let lists = |cloud: Option<Cloud>| cloud.and_then(prices::region);
    let mut notes = Vec::new();
    match (&price.now, &resource.cost, lists(from)) {
        (Some(_), None, Some(region)) if region != resource.region => {
            notes.push(format!("the price now is that of `{region}`, and not of `{}`", resource.region));
        }
        (None, ..) => notes.push("no price known now: its machine type is in no list here".to_owned()),
        _ => {}
    }
    match (&price.then, lists(Some(target.cloud))) {
        (Some(_), Some(region)) if to.region.as_deref() != Some(region) => {
            notes.push(format!(
                "the price then is that of `{region}`, and not of `{}`",
                to.region.as_deref().unwrap_or("?")
            ));
        }
        (None, _) => notes.push("no price known then: the machine type is in no list here".to_owned()),
        _ => {}
    }
    notes.push("the machine alone, by the hour for a month, without disks, traffic and discounts".to_owned());
    notes.join("; ")
}
