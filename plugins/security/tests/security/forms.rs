//! Rules compare attributes in the form in which inventories tell them: a truth value with `true`, a text with a text.
//!
//! The forms are read from the code of the agents: `.with("encrypted", item.truth("Encrypted"))` of `plugins/aws`,
//! `flag("disabled", "/disabled")` of `plugins/gcp`, `{"each": …}` in the types of `plugins/azure`. What is made in
//! another way has no form here and is not compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path as File, PathBuf};

use regex_lite::Regex;
use serde_json::Value;
use troupe_agent_security::judge::{Condition, Matcher, Path, Source};
use troupe_agent_security::rule::{Catalogue, Rule};

use super::rules::catalogue;

/// The forms of values by path, as in `access_logs.enabled`; a list stands for its elements, too.
type Forms = BTreeMap<String, BTreeSet<&'static str>>;

/// The files below a folder of another agent.
fn files(folder: &str) -> Vec<String> {
    let mut folders: Vec<PathBuf> = vec![File::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder)];
    let mut texts = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                texts.push(text.split("#[cfg(test)]").next().unwrap_or_default().to_owned());
            }
        }
    }
    texts
}

/// The expression that begins here, up to the bracket that ends what it stands in.
fn expression(text: &str) -> &str {
    let mut depth = 0_i32;
    let end = text.char_indices().find(|(_, letter)| {
        depth += i32::from("([{".contains(*letter)) - i32::from(")]}".contains(*letter));
        depth < 0
    });
    text.get(..end.map_or(text.len(), |(at, _)| at)).unwrap_or_default().trim().trim_end_matches(',')
}

/// The form of what an expression of `plugins/aws` makes, if it says so by itself.
fn form(expression: &str) -> Option<&'static [&'static str]> {
    let is = |pattern: &str| Regex::new(pattern).unwrap().is_match(expression);
    Some(match () {
        () if is(r#"^(\w|\.at\("\w+"\)|\.)+\.(text|time|verbatim)\("[^"]*"\)$"#) => &["text"],
        () if is(r#"^(Some\()?(\w|\.)+\.truth\("[^"]*"\)(\.unwrap_or_default\(\)\))?$"#) => &["truth"],
        () if is(r#"^(Some\()?(\w|\.)+\.text\("[^"]*"\)(\.is_some\(\)| == Some\("\w+"\))\)?$"#) => &["truth"],
        () if is(r"^\w+\.is_some\(\)$|^!\w+\.is_empty\(\)$|^(true|false)$") => &["truth"],
        () if is(r#"^(\w|\.)+\.number\("[^"]*"\)$"#) => &["number"],
        () if is(r"^texts\(") => &["list", "text"],
        () => return None,
    })
}

/// Puts the forms of what a file of `plugins/aws` tells to those of its types.
fn of_aws(text: &str, catalogue: &Catalogue, told: &mut BTreeMap<String, Forms>) {
    let kinds: BTreeSet<&str> = Regex::new(r#"Resource::new\(\s*"(aws\.[a-z0-9.-]+)""#)
        .unwrap()
        .captures_iter(text)
        .map(|one| one.get(1).unwrap().as_str())
        .collect();
    for put in Regex::new(r#"\.(?:with|set)\(\s*"(\w+)",\s*"#).unwrap().captures_iter(text) {
        let name = put.get(1).unwrap().as_str();
        // What a file tells of several types is of the one that is said to have it.
        let those = kinds.iter().filter(|kind| catalogue.facts.sources(kind, name).contains(&Source::Inventory));
        let [kind] = those.collect::<Vec<_>>()[..] else { continue };
        let made = expression(text.get(put.get(0).unwrap().end()..).unwrap());
        let object =
            Regex::new(&format!(r"let {made} = json!\(\{{")).ok().filter(|_| made.chars().all(char::is_alphanumeric));
        let forms = told.entry((*kind).to_owned()).or_default();
        if let Some(object) = object.and_then(|object| object.find(text)) {
            forms.entry(name.to_owned()).or_default().insert("object");
            for field in expression(text.get(object.end()..).unwrap()).lines() {
                let Some((field, made)) = field.trim().trim_end_matches(',').split_once(": ") else { continue };
                let place = format!("{name}.{}", field.trim_matches('"'));
                let made = made.replace(".unwrap_or_default()", "");
                form(&made).into_iter().for_each(|form| forms.entry(place.clone()).or_default().extend(form));
            }
        } else if let Some(form) = form(made) {
            forms.entry(name.to_owned()).or_default().extend(form);
        }
    }
}

/// Puts the forms of what a file of `plugins/gcp` tells to those of its types.
fn of_gcp(text: &str, told: &mut BTreeMap<String, Forms>) {
    for record in text.split("Record = Record {").skip(1) {
        let record = record.split("\n};").next().unwrap_or_default();
        let kind = Regex::new(r#""(gcp\.[a-z.]+/\w+)""#).unwrap().captures(record);
        let Some(kind) = kind.map(|one| one.get(1).unwrap().as_str().to_owned()) else { continue };
        let forms = told.entry(kind).or_default();
        for one in Regex::new(r#"\b(flag|has|number|count)\(\s*"(\w+)""#).unwrap().captures_iter(record) {
            let is_truth = ["flag", "has"].contains(&one.get(1).unwrap().as_str());
            let form = if is_truth { "truth" } else { "number" };
            forms.entry(one.get(2).unwrap().as_str().to_owned()).or_default().insert(form);
        }
        // What is not one value there is put by a function.
        let more = Regex::new(r"more: Some\((\w+)\)").unwrap().captures(record).map(|one| one.get(1).unwrap().as_str());
        let body = more.and_then(|name| text.split(&format!("\nfn {name}(")).nth(1)?.split("\n}").next());
        let put = Regex::new(r#"\.set\(\s*"(\w+)",\s*"#).unwrap();
        for put in put.captures_iter(body.unwrap_or_default()) {
            let made = expression(body.unwrap().get(put.get(0).unwrap().end()..).unwrap());
            let is = |pattern: &str| Regex::new(pattern).unwrap().is_match(made);
            let form = match () {
                () if is(r"^path::is_set\(|^path::text\([^)]*\) == Some\(") => "truth",
                () if is(r"^path::text\([^)]*\)$|\.trim_end_matches\(\S+\)\)$") => "text",
                () => continue,
            };
            forms.entry(put.get(1).unwrap().as_str().to_owned()).or_default().insert(form);
        }
    }
}

/// Puts the forms of what a file of the types of `plugins/azure` tells to those of its types.
fn of_azure(text: &str, told: &mut BTreeMap<String, Forms>) {
    let types: Vec<Value> = serde_json::from_str(text).unwrap();
    for one in &types {
        let kind = format!("azure.{}", one["type"].as_str().unwrap().to_ascii_lowercase());
        let reads = one["reads"].as_array().into_iter().flatten().map(|read| &read["attributes"]);
        let attributes =
            [&one["settings"], &one["state"]].into_iter().chain(reads).filter_map(Value::as_object).flatten();
        let forms = told.entry(kind).or_default();
        for (name, spec) in attributes {
            let its = forms.entry(name.clone()).or_default();
            if spec.get("each").is_some() {
                its.extend(["list", "object"]);
            } else if spec.get("pairs").is_some() {
                its.insert("object");
            } else if spec.get("seconds").is_some() || spec.get("find").is_some() {
                its.insert("text");
            }
            if its.is_empty() {
                forms.remove(name);
            }
        }
    }
}

fn told(catalogue: &Catalogue) -> BTreeMap<String, Forms> {
    let mut told = BTreeMap::new();
    files("aws/src/services").iter().for_each(|text| of_aws(text, catalogue, &mut told));
    files("gcp/src/services").iter().for_each(|text| of_gcp(text, &mut told));
    files("azure/data/types").iter().for_each(|text| of_azure(text, &mut told));
    told
}

/// What of one type a rule compares otherwise than it is told.
struct Comparing<'a> {
    all: &'a BTreeMap<String, Forms>,
    forms: &'a Forms,
    wrong: Vec<String>,
    compared: usize,
}

impl Comparing<'_> {
    fn rule(&mut self, rule: &Rule) {
        if let Some(when) = &rule.when {
            self.condition(when, "");
        }
        match &rule.each {
            None => self.condition(&rule.fail, ""),
            Some(each) => {
                let place = self.place("", &each.path);
                let place = place.unwrap_or_default();
                self.needs(&place, &["list", "object"], "the elements of a list");
                self.condition(&rule.fail, &place);
            }
        }
    }

    fn condition(&mut self, condition: &Condition, base: &str) {
        match condition {
            Condition::All(list) | Condition::Any(list) => list.iter().for_each(|one| self.condition(one, base)),
            Condition::Not(one) => self.condition(one, base),
            Condition::Is(path, matcher) => {
                let Some(place) = self.place(base, path) else { return };
                self.matcher(matcher, &place);
            }
            // These are of a type of their own.
            Condition::Related(related) => {
                let all = self.all;
                for (_, forms) in all.iter().filter(|(kind, _)| related.types.fits(kind) && !related.is_any) {
                    let mut other = Comparing { all, forms, wrong: Vec::new(), compared: 0 };
                    other.condition(&related.condition, "");
                    self.wrong.append(&mut other.wrong);
                }
            }
            Condition::Opens(_) => {}
        }
    }

    /// Where a path leads; none to what is beside attributes, or to entries of any name.
    fn place(&mut self, base: &str, path: &Path) -> Option<String> {
        let (mut place, steps) = match path.first() {
            Some("$resource") => return None,
            Some("$root") => (String::new(), path.steps.get(1..).unwrap_or_default()),
            _ => (base.to_owned(), path.steps.as_slice()),
        };
        for step in steps {
            if !place.is_empty() {
                self.needs(&place, &["object"], &format!("an object with `{step}`"));
                place.push('.');
            }
            if step == "*" {
                return None;
            }
            place.push_str(step);
        }
        Some(place)
    }

    fn matcher(&mut self, matcher: &Matcher, place: &str) {
        match matcher {
            Matcher::Not(inner) => self.matcher(inner, place),
            Matcher::All(list) => list.iter().for_each(|one| self.matcher(one, place)),
            Matcher::Some(inner) | Matcher::Every(inner) => self.condition(inner, place),
            Matcher::Exists | Matcher::Empty | Matcher::Size(_) | Matcher::Secret => {}
            Matcher::Equals(value) => self.values(std::slice::from_ref(value), place),
            Matcher::OneOf(values) => self.values(values, place),
            Matcher::AdmitsEverybody => self.needs(place, &["object", "text"], "a policy"),
            Matcher::Number(..) | Matcher::VersionBelow(_) | Matcher::Unsupported(_) | Matcher::Port(_) => {
                self.needs(place, &["number", "text"], "a number or a text");
            }
            Matcher::OlderThanDays(_) | Matcher::WithinDays(_) => {
                self.needs(place, &["text", "number"], "a time");
            }
            _ => self.needs(place, &["text"], "a text"),
        }
    }

    /// One of these values has to be of a form in which it is told.
    fn values(&mut self, values: &[Value], place: &str) {
        let mut forms: Vec<&str> = Vec::new();
        for value in values {
            forms.extend(match value {
                Value::Bool(_) => &["truth"] as &[&str],
                Value::Number(_) => &["number"],
                Value::String(text) if text.parse::<f64>().is_ok() => &["text", "number"],
                Value::String(_) => &["text"],
                Value::Array(_) | Value::Object(_) => &["list", "object"],
                Value::Null => &[],
            });
        }
        if !forms.is_empty() {
            self.needs(place, &forms, &format!("one of {values:?}"));
        }
    }

    fn needs(&mut self, place: &str, wanted: &[&str], what: &str) {
        let Some(told) = self.forms.get(place) else { return };
        self.compared += 1;
        if !wanted.iter().any(|form| told.contains(form)) {
            self.wrong.push(format!("`{place}` is told as {told:?} and compared with {what}"));
        }
    }
}

fn compare(catalogue: &Catalogue, told: &BTreeMap<String, Forms>) -> (Vec<String>, usize) {
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for rule in &catalogue.rules {
        for (kind, forms) in told.iter().filter(|(kind, _)| rule.is_about(kind)) {
            let mut comparing = Comparing { all: told, forms, wrong: Vec::new(), compared: 0 };
            comparing.rule(rule);
            compared += comparing.compared;
            wrong.extend(comparing.wrong.iter().map(|what| format!("{}: {kind}: {what}", rule.id)));
        }
    }
    (wrong, compared)
}

#[test]
fn rules_compare_attributes_in_the_form_in_which_they_are_told() {
    let catalogue = catalogue();
    let told = told(&catalogue);
    // If the agents are written in another way, this has to be read in another way.
    for (kind, place, forms) in [
        ("aws.elb.load-balancer", "access_logs", ["object"].as_slice()),
        ("aws.redshift.cluster", "logging.enabled", &["truth"]),
        ("gcp.compute.googleapis.com/Firewall", "disabled", &["truth"]),
        ("gcp.apikeys.googleapis.com/Key", "restricted_users", &["text"]),
        ("azure.microsoft.sql/servers", "firewall_rules", &["list", "object"]),
    ] {
        assert_eq!(told[kind].get(place), Some(&forms.iter().copied().collect()), "{kind} {place}");
    }
    let (wrong, compared) = compare(&catalogue, &told);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared >= 150, "{compared} comparisons are held against what is told");
}

#[test]
fn an_object_that_is_compared_with_a_truth_value_is_noticed() {
    let forms = |name: &str, form| (name.to_owned(), BTreeSet::from([form]));
    let bucket = BTreeMap::from([forms("access_logs", "object"), forms("versioning", "truth")]);
    let told = BTreeMap::from([("aws.s3.bucket".to_owned(), bucket)]);
    let (wrong, _) = compare(&catalogue(), &told);
    for rule in ["aws.s3.access-logs: ", "aws.s3.versioning: "] {
        assert!(wrong.iter().any(|what| what.starts_with(rule)), "{wrong:?}");
    }
}
