//! The judge: evaluates conditions over resources, within bounds.
//!
//! What an attribute is can be known in four ways: it has a value; it has none (absent or `null`); it could not be
//! read (`unread`, or known only after a plan is applied); or whoever listed the resource never asks for it. The
//! last two are unknown: no condition comes out true or false by them, and the reason goes with the answer.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use jiff::Timestamp;
use serde_json::{Value, json};
use troupe_estate::Resource;

use super::condition::{Condition, Matcher, Related};
use super::matching;
use super::{Estate, Path, Pattern, Source, Subject, Truth, looks_secret};
use crate::unknown;

/// Steps that one rule may take at one resource. A bucket takes about ten, a security group of a thousand rules a
/// few thousand.
const STEPS_MAX: u32 = 200_000;
/// Most values that are told as evidence of one finding.
const SEEN_MAX: usize = 8;

/// Who knows what whoever read a resource tells of it.
pub trait Delivers {
    /// Reports whether a source tells an attribute of a type.
    fn delivers(&self, source: Source, kind: &str, attribute: &str) -> bool;
}

/// Everything is told, as by an example or a value that is there whole.
#[derive(Debug, Clone, Copy, Default)]
pub struct Everything;

impl Delivers for Everything {
    fn delivers(&self, _: Source, _: &str, _: &str) -> bool {
        true
    }
}

/// What a condition is about: a resource, or a value within one.
#[derive(Clone, Copy)]
pub enum Base<'a> {
    /// The resource at this place of the estate.
    Resource(usize),
    /// An element of a list within it.
    Element(&'a Value, usize),
}

/// Values at a path, and why there may be others.
#[derive(Default)]
struct Found<'v> {
    values: Vec<Cow<'v, Value>>,
    unknown: Option<String>,
}

/// Evaluates conditions.
pub struct Judge<'a> {
    estate: &'a Estate,
    delivers: &'a dyn Delivers,
    patterns: &'a [Pattern],
    now: Timestamp,
    steps: Cell<u32>,
    /// What was looked at, while somebody wants to know it.
    seen: RefCell<Option<Vec<(String, Value)>>>,
}

impl<'a> Judge<'a> {
    /// Makes a judge.
    pub fn new(estate: &'a Estate, delivers: &'a dyn Delivers, patterns: &'a [Pattern], now: Timestamp) -> Self {
        Self { estate, delivers, patterns, now, steps: Cell::new(0), seen: RefCell::default() }
    }

    /// Reports whether a condition holds.
    pub fn judge(&self, base: Base<'_>, condition: &Condition) -> Truth {
        self.steps.set(0);
        self.condition(base, condition)
    }

    /// What is looked at to find out whether a condition holds. Few conditions hold that are about something wrong,
    /// so it is gathered for those alone, in a second look.
    pub fn evidence(&self, base: Base<'_>, condition: &Condition) -> Vec<(String, Value)> {
        self.seen.replace(Some(Vec::new()));
        self.judge(base, condition);
        self.seen.take().unwrap_or_default()
    }

    /// The elements of a list within a resource, or why they are not known.
    ///
    /// # Errors
    ///
    /// The reason.
    pub fn elements(&self, at: usize, path: &Path) -> Result<Vec<Cow<'a, Value>>, String> {
        self.steps.set(0);
        let found = self.resolve(Base::Resource(at), path);
        if let Some(why) = found.unknown {
            return Err(why);
        }
        let mut elements = Vec::new();
        for value in found.values {
            match value {
                Cow::Borrowed(value) => elements.extend(matching::elements(value).iter().map(Cow::Borrowed)),
                Cow::Owned(value) => elements.extend(matching::elements(&value).iter().cloned().map(Cow::Owned)),
            }
        }
        Ok(elements)
    }

    /// Takes steps; false once there were too many.
    fn step(&self, count: usize) -> bool {
        let steps = self.steps.get().saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        self.steps.set(steps);
        steps <= STEPS_MAX
    }

    fn condition(&self, base: Base<'_>, condition: &Condition) -> Truth {
        if !self.step(1) {
            return Truth::unknown("it is too large to be judged");
        }
        match condition {
            Condition::All(all) => Truth::all(all.iter().map(|one| self.condition(base, one))),
            Condition::Any(any) => Truth::any(any.iter().map(|one| self.condition(base, one))),
            Condition::Not(one) => self.condition(base, one).negated(),
            Condition::Opens(ports) => match base {
                Base::Element(value, _) => matching::opens(|key| value.get(key), ports),
                Base::Resource(at) => {
                    let subject = self.estate.get(at);
                    matching::opens(|key| subject?.resource.attributes.get(key), ports)
                }
            },
            Condition::Related(related) => match base {
                Base::Resource(at) | Base::Element(_, at) => self.related(at, related),
            },
            Condition::Is(path, matcher) => {
                let found = self.resolve(base, path);
                let truth = self.matches(&found, matcher, base);
                self.see(&path.text, &found, matcher);
                truth
            }
        }
    }

    /// Keeps what was looked at.
    fn see(&self, path: &str, found: &Found<'_>, matcher: &Matcher) {
        let mut seen = self.seen.borrow_mut();
        let Some(seen) = seen.as_mut() else { return };
        if seen.len() >= SEEN_MAX || seen.iter().any(|(there, _)| there == path) {
            return;
        }
        // What the elements are looked at for is told by themselves.
        if matches!(matcher, Matcher::Some(_) | Matcher::Every(_)) {
            return;
        }
        let secret = matching::is_about_secrets(matcher);
        let value = match found.values.as_slice() {
            [] => matching::shown(&Value::Null, secret),
            [one] => matching::shown(one, secret),
            several => {
                let several = several.iter().take(5).map(|one| one.as_ref().clone());
                matching::shown(&Value::Array(several.collect()), secret)
            }
        };
        seen.push((path.to_owned(), value));
    }

    fn related(&self, at: usize, related: &Related) -> Truth {
        let Some(subject) = self.estate.get(at) else { return Truth::No };
        let mut truth = Truth::No;
        let mut is_missing = false;
        let ends: &mut dyn Iterator<Item = (Option<usize>, &str)> = if related.backwards {
            &mut self.estate.referrers(at).map(|(from, kind)| (Some(from), kind))
        } else {
            &mut self.estate.targets(at)
        };
        for (end, kind) in ends {
            if !related.kind.fits(kind) || !self.step(1) {
                continue;
            }
            let Some(end) = end else {
                // That there is such a relation is all that was asked.
                if related.is_any {
                    return Truth::Yes;
                }
                is_missing = true;
                continue;
            };
            if self.estate.get(end).is_some_and(|other| related.types.fits(&other.resource.kind)) {
                truth = truth.or(self.condition(Base::Resource(end), &related.condition));
            }
            if truth == Truth::Yes {
                return truth;
            }
        }
        if is_missing {
            return truth
                .or(Truth::unknown(format!("what it names as {} is not among the resources", related.written)));
        }
        if related.backwards && !subject.source.is_whole() && !self.estate.has_type(&related.types) {
            let why =
                format!("no {} is among the resources, and nobody says that they were looked for", related.written);
            return truth.or(Truth::unknown(why));
        }
        truth
    }

    fn matches(&self, found: &Found<'_>, matcher: &Matcher, base: Base<'_>) -> Truth {
        let (Base::Resource(at) | Base::Element(_, at)) = base;
        let otherwise = || found.unknown.clone().map_or(Truth::No, Truth::Unknown);
        match matcher {
            Matcher::Not(inner) => self.matches(found, inner, base).negated(),
            Matcher::All(all) => Truth::all(all.iter().map(|one| self.matches(found, one, base))),
            Matcher::Exists => Truth::from(found.values.iter().any(|value| !value.is_null())).or(otherwise()),
            Matcher::Empty => {
                let filled = found.values.iter().any(|value| !matching::is_empty(value));
                Truth::from(filled).or(otherwise()).negated()
            }
            Matcher::Size(inner) => match &found.unknown {
                Some(why) => Truth::unknown(why.clone()),
                None => {
                    let size: usize = found.values.iter().map(|value| matching::size(value)).sum();
                    let sized = Found { values: vec![Cow::Owned(json!(size))], unknown: None };
                    self.matches(&sized, inner, base)
                }
            },
            Matcher::Some(inner) | Matcher::Every(inner) => {
                let elements = found.values.iter().flat_map(|value| matching::elements(value));
                let truths = elements.map(|element| match unknown::reason(element) {
                    Some(why) => Truth::unknown(why),
                    None => self.condition(Base::Element(element, at), inner),
                });
                if matches!(matcher, Matcher::Some(_)) {
                    Truth::any(truths).or(otherwise())
                } else {
                    Truth::all(truths).and(found.unknown.clone().map_or(Truth::Yes, Truth::Unknown))
                }
            }
            scalar => {
                let absent = Value::Null;
                let mut scalars: Vec<&Value> = Vec::new();
                found.values.iter().for_each(|value| matching::scalars(value, &mut scalars));
                if scalars.is_empty() && found.unknown.is_none() {
                    scalars.push(&absent);
                }
                if !self.step(scalars.len()) {
                    return Truth::unknown("it is too large to be judged");
                }
                let truths = scalars.into_iter().map(|value| match (unknown::reason(value), scalar) {
                    (Some(why), _) => Truth::unknown(why),
                    (None, Matcher::Secret) => {
                        Truth::from(value.as_str().is_some_and(|text| looks_secret(text, self.patterns)))
                    }
                    (None, scalar) => matching::scalar(value, scalar, self.now),
                });
                Truth::any(truths).or(otherwise())
            }
        }
    }

    fn resolve<'v>(&self, base: Base<'v>, path: &Path) -> Found<'v>
    where
        'a: 'v,
    {
        let mut found = Found::default();
        let (Base::Resource(at) | Base::Element(_, at)) = base;
        let rest = path.steps.get(1..).unwrap_or_default();
        match (path.first(), base) {
            (Some("$resource"), _) => {
                let Some(Subject { resource, .. }) = self.estate.get(at) else { return found };
                if rest.first().is_some_and(|step| step == "tags") && resource.is_unread("tags") {
                    found.unknown = Some("`tags` could not be read".to_owned());
                } else if let Some(value) = own(resource, rest) {
                    found.values.push(Cow::Owned(value));
                }
            }
            (Some("$root"), _) => self.attribute(at, rest, &mut found),
            (Some(_), Base::Resource(_)) => self.attribute(at, &path.steps, &mut found),
            (_, Base::Element(value, _)) => self.walk(value, &path.steps, &mut found),
            (None, Base::Resource(_)) => {
                let all = self.estate.get(at).map(|subject| Value::Object(subject.resource.attributes.clone()));
                found.values.extend(all.map(Cow::Owned));
            }
        }
        found
    }

    /// Goes from a resource to what a path within its attributes leads to.
    fn attribute<'v>(&self, at: usize, steps: &[String], found: &mut Found<'v>)
    where
        'a: 'v,
    {
        let (Some(subject), Some((name, rest))) = (self.estate.get(at), steps.split_first()) else { return };
        let resource = &subject.resource;
        if resource.is_unread(name) {
            found.unknown = Some(format!("`{name}` could not be read"));
            return;
        }
        match resource.attributes.get(name) {
            Some(value) => self.walk(value, rest, found),
            None if self.delivers.delivers(subject.source, &resource.kind, name) => {}
            None => {
                let source = subject.source.name();
                found.unknown = Some(format!("`{name}` of {} is not told by the {source}", resource.kind));
            }
        }
    }

    fn walk<'v>(&self, value: &'v Value, steps: &[String], found: &mut Found<'v>) {
        if !self.step(1) {
            found.unknown = Some("it is too large to be judged".to_owned());
            return;
        }
        if let Some(why) = unknown::reason(value) {
            found.unknown = Some(why.to_owned());
            return;
        }
        let Some((step, rest)) = steps.split_first() else {
            found.values.push(Cow::Borrowed(value));
            return;
        };
        match value {
            Value::Array(list) => {
                let steps = if step == "*" { rest } else { steps };
                list.iter().for_each(|element| self.walk(element, steps, found));
            }
            Value::Object(entries) if step == "*" => entries.values().for_each(|inner| self.walk(inner, rest, found)),
            Value::Object(entries) => {
                if let Some(inner) = entries.get(step) {
                    self.walk(inner, rest, found);
                }
            }
            _ => {}
        }
    }
}

/// What is known of a resource beside its attributes.
fn own(resource: &Resource, steps: &[String]) -> Option<Value> {
    let (name, rest) = steps.split_first()?;
    match name.as_str() {
        "id" => Some(json!(resource.id)),
        "name" => resource.name.as_ref().map(|name| json!(name)),
        "type" => Some(json!(resource.kind)),
        "class" => Some(json!(resource.class)),
        "region" => Some(json!(resource.region)),
        "account" => resource.account.as_ref().map(|account| json!(account)),
        "created" => resource.created.as_ref().map(|created| json!(created)),
        "tags" => match rest.first() {
            Some(tag) => resource.tags.get(tag).map(|value| json!(value)),
            None => Some(json!(resource.tags)),
        },
        _ => None,
    }
}
