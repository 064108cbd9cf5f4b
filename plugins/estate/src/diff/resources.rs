//! What became of resources.
//!
//! A resource is compared by its ARN, name, tags, time of making, relations and attributes. What either scan
//! could not read of it is passed over, and so is what the caller says changes by itself, such as when a
//! role was last used. Class and cost follow from tables, and are not compared.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::join::{Pair, join};
use super::{Change, DiffError};
use crate::{Relation, Resource, Scan};

/// Tells what became of each resource, in the order of their keys.
///
/// Both lists are in that order, as [`crate::collect::merge`] brings them. `scan` says what the present
/// scan looked at; `moves` whether an attribute of a type changes by itself. The changes end after the
/// first error.
///
/// # Errors
///
/// An item is an error if an entry cannot be read or a list is not in order.
pub fn resources<E: Display>(
    previous: impl IntoIterator<Item = Result<Resource, E>>,
    present: impl IntoIterator<Item = Result<Resource, E>>,
    scan: &Scan,
    moves: impl Fn(&str, &str) -> bool,
) -> impl Iterator<Item = Result<Change<Resource>, DiffError<E>>> {
    join(previous.into_iter(), present.into_iter()).map(move |pair| {
        Ok(match pair? {
            Pair::Now(now) => Change::New { now },
            Pair::Before(before) => match scan.why_absent(&before.reference()) {
                Some(why) => Change::Unknown { before, why },
                None => Change::Gone { before },
            },
            Pair::Both(before, now) => {
                let fields = differing(&before, &now, &moves);
                if fields.is_empty() { Change::Same { now } } else { Change::Changed { before, now, fields } }
            }
        })
    })
}

/// The names of the fields in which two states of a resource differ.
fn differing(before: &Resource, now: &Resource, moves: &impl Fn(&str, &str) -> bool) -> Vec<String> {
    let unread = |name: &str| before.is_unread(name) || now.is_unread(name);
    let mut fields = Vec::new();
    // The name of many resources is one of their tags.
    if !unread("tags") {
        if before.name != now.name {
            fields.push("name".to_owned());
        }
        let names: BTreeSet<&String> = before.tags.keys().chain(now.tags.keys()).collect();
        let differing = names.into_iter().filter(|name| before.tags.get(*name) != now.tags.get(*name));
        fields.extend(differing.map(|name| format!("tags.{name}")));
    }
    // They are absent where nobody told, which is no change.
    let both = |before: &Option<String>, now: &Option<String>| before.is_some() && now.is_some() && before != now;
    if both(&before.arn, &now.arn) {
        fields.push("arn".to_owned());
    }
    if both(&before.created, &now.created) {
        fields.push("created".to_owned());
    }
    let sorted = |relations: &[Relation]| {
        let mut relations = relations.to_vec();
        relations.sort_unstable();
        relations
    };
    if !unread("relations") && sorted(&before.relations) != sorted(&now.relations) {
        fields.push("relations".to_owned());
    }
    let names: BTreeSet<&String> = before.attributes.keys().chain(now.attributes.keys()).collect();
    for name in names.into_iter().filter(|name| !unread(name) && !moves(&now.kind, name)) {
        // What a resource has not is absent or `null`.
        let value = |resource: &Resource| resource.attributes.get(name).filter(|value| !value.is_null()).cloned();
        if value(before) != value(now) {
            fields.push(format!("attributes.{name}"));
        }
    }
    fields
}
