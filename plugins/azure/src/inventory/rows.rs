//! What is made of each object that a list tells: the resource, what is asked of it beside the list, and what lies in
//! it.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value, json};
use troupe_cloud::{Client, Fault, each_page};
use troupe_estate::Resource;
use troupe_sdk::wait;

use super::{Job, Look, asked, lists, resource};
use crate::arm;
use crate::kinds::{Embedded, Kind, Read, kind_of};

/// How many objects are looked into at once. Each asks a few things, in turn with all others.
const AT_ONCE: usize = 2 * arm::AT_ONCE;

/// The type of diagnostic settings, which lie in resources of many types.
const DIAGNOSTICS: &str = "Microsoft.Insights/diagnosticSettings";

/// Takes objects with their kinds. Deep: lists that Resource Graph would have are asked for, too.
pub async fn take(look: &Look<'_>, rows: Vec<(&'static Kind, Value)>, subscription: Option<&str>, deep: bool) {
    wait::at_most(AT_ONCE, rows.into_iter().map(|(kind, row)| one(look, kind, row, subscription, deep))).await;
}

/// Takes one object. The future is boxed, since what lies in it comes back here.
fn one<'a>(look: &'a Look<'_>, kind: &'static Kind, row: Value, subscription: Option<&'a str>, deep: bool) -> Job<'a> {
    Box::pin(async move {
        let Some(mut made) = resource::of(kind, &row, subscription) else {
            look.note(&asked(kind, "list").hides(kind.estate()), Fault::unreadable("an object in the list has no id"));
            return;
        };
        let parent = kind.parent().and_then(|parent| arm::parent_of(&made.id, parent.noun())).map(str::to_owned);
        made = made.to("in", parent);
        if !look.is_new(&made.id) {
            return;
        }
        embedded(look, kind, &row, &made).await;
        drop(row);
        if look.plan.tells(kind) {
            let answers = wait::all(kind.reads.iter().map(|read| answer(look, kind, read, &made))).await;
            for (read, answer) in kind.reads.iter().zip(answers) {
                fill(look, kind, read, answer, &mut made);
            }
        }
        if kind.diagnostics && (look.plan.tells(kind) || kind_of(DIAGNOSTICS).is_some_and(|kind| look.plan.tells(kind)))
        {
            diagnostics(look, &mut made).await;
        }
        below(look, kind, &made, deep).await;
        if look.plan.tells(kind) {
            look.take(made);
        }
    })
}

impl Look<'_> {
    /// Reports whether an object has not been taken yet.
    fn is_new(&self, id: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        id.to_ascii_lowercase().hash(&mut hasher);
        self.taken.borrow_mut().insert(hasher.finish())
    }
}

/// Takes what stands whole in an object, such as the subnets of a network.
async fn embedded(look: &Look<'_>, kind: &'static Kind, row: &Value, parent: &Resource) {
    let told = kind.children().iter().copied().filter(|child| look.plan.tells(child));
    for (child, embedded) in told.filter_map(|child| Some((child, child.embedded.as_ref()?))) {
        let items = row.pointer(&embedded.at).and_then(Value::as_array).into_iter().flatten();
        let items = items.filter_map(|item| Some((child, whole(child, embedded, item, row, parent)?)));
        wait::all(items.map(|(child, item)| one(look, child, item, parent.account.as_deref(), false))).await;
    }
}

/// The object that a list of such would tell.
fn whole(kind: &Kind, embedded: &Embedded, item: &Value, row: &Value, parent: &Resource) -> Option<Value> {
    let name = item.get("name")?.as_str()?;
    let mut object = if embedded.bare {
        Map::from_iter([("name".to_owned(), json!(name)), ("properties".to_owned(), item.clone())])
    } else {
        item.as_object()?.clone()
    };
    object.entry("id").or_insert_with(|| format!("{}/{}/{name}", parent.id, kind.noun()).into());
    if let Some(location) = row.get("location") {
        object.entry("location").or_insert_with(|| location.clone());
    }
    Some(Value::Object(object))
}

/// Asks for something of a resource; none if it need not be asked for.
async fn answer(look: &Look<'_>, kind: &Kind, read: &Read, resource: &Resource) -> Option<Result<Value, Fault>> {
    if read.unless.as_ref().is_some_and(|known| resource.attributes.contains_key(known)) {
        return None;
    }
    Some(whole_answer(&look.client, &format!("{}{}", resource.id, read.path), &kind.api).await)
}

/// An answer; if it is a list, with all its pages. `null` if Azure says that there is no such thing.
async fn whole_answer(client: &Client, path: &str, api: &str) -> Result<Value, Fault> {
    let mut whole = Value::Null;
    let mut items: Vec<Value> = Vec::new();
    let told = each_page(client, arm::get(&arm::encoded(path), api), async |mut part: Value| {
        let Some(list) = part.get_mut("value").and_then(Value::as_array_mut) else {
            whole = part;
            return Ok(None);
        };
        items.append(list);
        arm::next(part.get("nextLink").and_then(Value::as_str))
    });
    match told.await {
        Err(fault) if fault.is_absent() => Ok(Value::Null),
        Err(fault) => Err(fault),
        Ok(()) if whole.is_null() => Ok(json!({ "value": items })),
        Ok(()) => Ok(whole),
    }
}

/// Puts an answer into the resource. What is not there is `null`; what could not be asked for is unread.
fn fill(look: &Look<'_>, kind: &Kind, read: &'static Read, answer: Option<Result<Value, Fault>>, made: &mut Resource) {
    let Some(answer) = answer else { return };
    let names: Vec<&'static str> = read.attributes.keys().map(String::as_str).collect();
    let operation = asked(kind, format!("get {}{}", kind.name(), read.path));
    look.found.read(made, &operation, &names, answer, |made, told| {
        for (name, spec) in &read.attributes {
            made.set(name, spec.make(&told).unwrap_or_default());
        }
    });
}

/// Asks for a resource's diagnostic settings. They are resources of their own, and the logs that they keep stand in
/// the resource that they are for.
async fn diagnostics(look: &Look<'_>, made: &mut Resource) {
    let Some(kind) = kind_of(DIAGNOSTICS) else { return };
    let path = format!("{}{}", made.id, kind.list());
    let settings = whole_answer(&look.client, &path, &kind.api).await;
    let operation = asked(kind, format!("list {DIAGNOSTICS}"));
    look.found.read(made, &operation, &["diagnostic_logs"], settings, |made, told| {
        let mut logs: Vec<Value> = Vec::new();
        for row in told.get("value").and_then(Value::as_array).into_iter().flatten() {
            let enabled = row.pointer("/properties/logs").and_then(Value::as_array).into_iter().flatten();
            let enabled = enabled.filter(|log| log.get("enabled") == Some(&Value::Bool(true)));
            let names = enabled.filter_map(|log| log.get("category").or_else(|| log.get("categoryGroup")));
            logs.extend(names.filter(|name| name.is_string()).cloned());
            if look.plan.tells(kind)
                && let Some(setting) = resource::of(kind, row, made.account.as_deref())
            {
                look.take(setting.to("resource", Some(made.id.as_str())));
            }
        }
        made.set("diagnostic_logs", logs);
    });
}

/// Lists what lies below a resource.
async fn below(look: &Look<'_>, kind: &'static Kind, made: &Resource, deep: bool) {
    let children = kind.children().iter().copied();
    let children =
        children.filter(|child| child.is_under() && look.plan.lists(child) && (deep || child.table().is_none()));
    let subscription = made.account.as_deref().unwrap_or_default();
    let lists = children.map(|child| lists::one(look, child, subscription, arm::encoded(&made.id).into_owned(), deep));
    wait::all(lists).await;
}
