//! What became of resources.
//!
//! A resource is compared by its ARN, name, tags, time of making, relations and attributes. What either scan
//! could not read of it is passed over, and so is what the caller says changes by itself, such as when a
//! role was last used. Class and cost follow from tables, and are not compared.
//!
//! Lists are compared without their order: services list principals, rules and addresses in another one each time.
//! Where an order counts, each item says its place as a number, such as its priority.
//!
//! The caller is asked of a type about
//!
//! | name | which is |
//! |---|---|
//! | `last_used` | an attribute |
//! | `access_keys.age_days` | a field of an attribute that is an object, or of the objects in its lists, at any depth |
//! | `relations.target` | the relations of a kind |

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use serde_json::{Map, Value};

use super::join::{Pair, join};
use super::{Change, DiffError};
use crate::{Relation, Resource, Scan};

/// Tells what became of each resource, in the order of their keys.
///
/// Both lists are in that order, as [`crate::collect::merge`] brings them. `scan` says what the present
/// scan looked at; `moves` whether something of a type changes by itself, by the names above. What does stays in
/// the resources that are told. The changes end after the first error.
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
    // They are known from several attributes, so none is compared while one of these is not known.
    let is_known = |one: &Resource| one.unread.iter().all(|name| name == "tags");
    if is_known(before) && is_known(now) && before.relations != now.relations {
        let still = |relation: &&Relation| !moves(&now.kind, &format!("relations.{}", relation.kind));
        let of = |relations: &[Relation]| relations.iter().filter(still).cloned().collect::<BTreeSet<Relation>>();
        if of(&before.relations) != of(&now.relations) {
            fields.push("relations".to_owned());
        }
    }
    let moves = |name: &str| moves(&now.kind, name);
    let names: BTreeSet<&String> = before.attributes.keys().chain(now.attributes.keys()).collect();
    for name in names.into_iter().filter(|name| !unread(name)) {
        if !is_same(field(&before.attributes, name), field(&now.attributes, name), name, &moves) {
            fields.push(format!("attributes.{name}"));
        }
    }
    fields
}

/// Reports whether two values of this name are the same but for what changes by itself and the order of lists.
fn is_same(before: &Value, now: &Value, name: &str, moves: &dyn Fn(&str) -> bool) -> bool {
    before == now || moves(name) || settled(before, name, moves) == settled(now, name, moves)
}

/// A value in the form in which it is compared: its lists in one order, nothing in it `null`.
pub fn unordered(value: &Value) -> Value {
    settled(value, "", &|_| false)
}

fn settled(value: &Value, name: &str, moves: &dyn Fn(&str) -> bool) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(|item| settled(item, name, moves)).collect();
            items.sort_by_cached_key(ToString::to_string);
            Value::Array(items)
        }
        Value::Object(fields) => {
            let compared = fields.iter().filter(|(_, value)| !value.is_null()).filter_map(|(key, value)| {
                let name = format!("{name}.{key}");
                (!moves(&name)).then(|| (key, settled(value, &name, moves)))
            });
            // In the order of their names, so that what is the same is written the same.
            let compared: BTreeMap<&String, Value> = compared.collect();
            compared.into_iter().map(|(key, value)| (key.clone(), value)).collect()
        }
        value => value.clone(),
    }
}

/// A field; what is not there is `null`, as what a resource has not is absent or `null`.
fn field<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a Value {
    fields.get(name).unwrap_or(&Value::Null)
}
