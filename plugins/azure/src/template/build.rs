//! The objects of a template, before they are written in one form or another.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use troupe_sdk::Failure;

use super::LeftOut;
use super::invert::{merge, put};
use super::refs::{Names, Stand, has_reserved, is_reserved};
use super::wanted::Wanted;
use crate::kinds::Kind;

/// What a template holds.
#[derive(Debug)]
pub struct Built {
    /// The resources, in the order in which they are wanted; none waits for another that waits for it.
    pub objects: Vec<Object>,
    /// What whoever deploys it gives: secrets.
    pub parameters: Vec<Parameter>,
}

/// One resource.
#[derive(Debug)]
pub struct Object {
    /// What it is.
    pub kind: &'static Kind,
    /// Its name, with its parents' before it.
    pub name: String,
    /// What it is called in the template.
    pub symbol: String,
    /// What stands in it beside type, version and name.
    pub body: Map<String, Value>,
    /// What has to be there before, by index.
    pub after: BTreeSet<usize>,
}

/// A secret that the template asks for.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
}

impl Object {
    /// The kind of something that stands whole in it, and its name as it is spelled there.
    pub fn inside(&self, name: &str) -> Option<(&'static Kind, &str)> {
        let mut children = self.kind.children().iter().filter_map(|kind| Some((*kind, kind.embedded.as_ref()?)));
        children.find_map(|(kind, embedded)| {
            let place = embedded.at.strip_prefix("/properties")?;
            let items = self.body.get("properties")?.pointer(place)?.as_array()?;
            let mut names = items.iter().filter_map(|item| item.get("name")?.as_str());
            Some((kind, names.find(|told| told.eq_ignore_ascii_case(name))?))
        })
    }
}

impl Built {
    /// Builds the objects.
    ///
    /// # Errors
    ///
    /// If a name leads nowhere, or resources wait for each other.
    pub fn new(wanted: Vec<Wanted>, left_out: &mut Vec<LeftOut>) -> Result<Self, Failure> {
        let wanted = without_embedded(wanted, left_out);
        let mut names = Names::default();
        let mut symbols = BTreeSet::new();
        let mut parameters = Vec::new();
        let mut objects: Vec<Object> = Vec::new();
        let mut after: Vec<Vec<String>> = Vec::new();
        let invalid =
            |name: &str, why: String| Failure::invalid_input(format!("`{name}`: {why}")).with("resource", name);
        for one in wanted {
            check_plain(&one).map_err(|why| invalid(&one.name, why))?;
            names.learn(objects.len(), one.id.as_deref(), &one.name);
            after.push(one.after.clone());
            let symbol = symbol(&one.name, &mut symbols);
            objects.push(object(one, symbol, &mut parameters));
        }
        let mut bodies: Vec<Map<String, Value>> = objects.iter().map(|object| object.body.clone()).collect();
        for (index, body) in bodies.iter_mut().enumerate() {
            let Some(name) = objects.get(index).map(|object| object.name.clone()) else { continue };
            let mut leads = Vec::new();
            for value in body.values_mut() {
                names.resolve(value, &objects, &mut leads).map_err(|why| invalid(&name, why))?;
            }
            for other in after.get(index).into_iter().flatten() {
                leads.push(names.named(other).map_err(|why| invalid(&name, why))?);
            }
            if let Some((above, _)) = name.rsplit_once('/')
                && let Ok(parent) = names.named(above)
            {
                leads.push(parent);
            }
            if let Some(object) = objects.get_mut(index) {
                object.after = leads.into_iter().filter(|lead| *lead != index).collect();
            }
        }
        for (object, body) in objects.iter_mut().zip(bodies) {
            object.body = body;
        }
        check_order(&objects)?;
        parameters.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Self { objects, parameters })
    }
}

/// Leaves out what stands whole in its parent already.
fn without_embedded(wanted: Vec<Wanted>, left_out: &mut Vec<LeftOut>) -> Vec<Wanted> {
    let parents: BTreeSet<(&str, String)> =
        wanted.iter().map(|one| (one.kind.name(), one.name.to_ascii_lowercase())).collect();
    let is_inside = |one: &Wanted| {
        let parent = one.kind.embedded.as_ref().and(one.kind.parent());
        let above = one.name.rsplit_once('/').map(|(above, _)| above.to_ascii_lowercase());
        one.id.is_some() && parent.zip(above).is_some_and(|(parent, above)| parents.contains(&(parent.name(), above)))
    };
    let inside: Vec<bool> = wanted.iter().map(is_inside).collect();
    let mut kept = Vec::new();
    for (one, is_inside) in wanted.into_iter().zip(inside) {
        if is_inside {
            let why = "it stands in its parent, which is in the template".to_owned();
            left_out.push(LeftOut { resource: one.id.unwrap_or(one.name), kind: one.kind.estate(), why });
        } else {
            kept.push(one);
        }
    }
    kept
}

/// Refuses what would be taken for something that the template itself says, such as a parameter.
fn check_plain(one: &Wanted) -> Result<(), String> {
    let fields = [&one.beside, &one.settings, &one.properties];
    if one.tags.keys().any(|name| is_reserved(name)) || fields.into_iter().any(has_reserved) {
        return Err("a field or tag has a name that begins with the character U+0001; name it otherwise".to_owned());
    }
    Ok(())
}

fn object(one: Wanted, symbol: String, parameters: &mut Vec<Parameter>) -> Object {
    let kind = one.kind;
    let mut whole = json!({});
    for (name, value) in one.settings {
        if let Some(spec) = kind.settings.get(&name) {
            spec.put(&mut whole, value);
        }
    }
    if !one.properties.is_empty() {
        merge(&mut whole, json!({ "properties": one.properties }));
    }
    for (attribute, secret) in &kind.secrets {
        let is_there = whole.pointer(&secret.at).is_some();
        if is_there || secret.unless.as_deref().is_some_and(|place| whole.pointer(place) == Some(&Value::Bool(true))) {
            continue;
        }
        let name = format!("{symbol}_{attribute}");
        put(&mut whole, &secret.at, Stand::Parameter(name.clone()).value());
        let description = format!("The {} of {} {}.", attribute.replace('_', " "), kind.name(), one.name);
        parameters.push(Parameter { name, description });
    }
    let mut body = Map::new();
    if kind.has_location() {
        let location = match one.location {
            Some(location) => location.into(),
            None if kind.is_global() => "global".into(),
            None => Stand::GroupLocation.value(),
        };
        body.insert("location".to_owned(), location);
    }
    if !one.tags.is_empty() {
        body.insert("tags".to_owned(), json!(one.tags));
    }
    body.extend(one.beside);
    if let Value::Object(fields) = whole {
        body.extend(fields);
    }
    body.entry("properties").or_insert_with(|| json!({}));
    Object { kind, name: one.name, symbol, body, after: BTreeSet::new() }
}

/// A name for the template that no other resource has there: letters, digits and `_`.
fn symbol(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    if !plain.starts_with(|c: char| c.is_ascii_alphabetic()) {
        plain.insert_str(0, "r_");
    }
    let mut symbol = plain.clone();
    let mut number = 1;
    while !taken.insert(symbol.to_ascii_lowercase()) {
        number += 1;
        symbol = format!("{plain}_{number}");
    }
    symbol
}

/// Refuses resources that wait for each other: such a template cannot be deployed.
fn check_order(objects: &[Object]) -> Result<(), Failure> {
    let mut left: Vec<usize> = objects.iter().map(|object| object.after.len()).collect();
    let mut before: Vec<Vec<usize>> = vec![Vec::new(); objects.len()];
    for (index, object) in objects.iter().enumerate() {
        for other in &object.after {
            if let Some(waiting) = before.get_mut(*other) {
                waiting.push(index);
            }
        }
    }
    let mut ready: Vec<usize> = (0..objects.len()).filter(|index| left.get(*index) == Some(&0)).collect();
    while let Some(done) = ready.pop() {
        for index in before.get(done).into_iter().flatten() {
            if let Some(count) = left.get_mut(*index) {
                *count -= 1;
                if *count == 0 {
                    ready.push(*index);
                }
            }
        }
    }
    let waiting = objects.iter().zip(left).filter(|(_, left)| *left > 0);
    let waiting: Vec<&str> = waiting.map(|(object, _)| object.name.as_str()).collect();
    if waiting.is_empty() {
        return Ok(());
    }
    let why = format!("these wait for each other, so none can be first: {}", waiting.join(", "));
    Err(Failure::invalid_input(why).with("resources", waiting))
}
