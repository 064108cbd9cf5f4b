//! Each rule by the examples that stand beside it, and by who tells what it looks at.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use troupe_agent_security::check::{Looked, Verdict, verdict};
use troupe_agent_security::judge::{Estate, Everything, Judge, Pattern, Source, Subject, pieces};
use troupe_agent_security::read::Mappings;
use troupe_agent_security::rule::{Catalogue, Rule, Within};
use troupe_estate::{Area, Provider, Relation, Resource, class_of};

/// By when the ages of examples are judged.
const NOW: &str = "2026-01-01T00:00:00Z";

/// A day that comes. By then a version that an example calls supported is still so, and each table of versions has one
/// that is; move it on with the tables.
const LATER: &str = "2027-03-01T00:00:00Z";

pub fn catalogue() -> Catalogue {
    let mappings = Mappings::load().unwrap();
    Catalogue::load(&mappings, &[], &BTreeMap::new()).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A resource of an example: keys with `$` are its own, the others attributes.
fn subject(example: &Value, kind: &str) -> Subject {
    let mut attributes: Map<String, Value> = example.as_object().expect("an example is a mapping").clone();
    let mut take = |key: &str| attributes.remove(key);
    let text = |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned));
    let kind = text(take("$type")).unwrap_or_else(|| kind.to_owned());
    let mut resource = Resource::new(kind, "eu-west-1", text(take("$id")).unwrap_or_else(|| "example".to_owned()));
    resource.name = text(take("$name"));
    resource.created = text(take("$created"));
    if let Some(tags) = take("$tags") {
        resource.tags = serde_json::from_value(tags).expect("tags");
    }
    if let Some(relations) = take("$relations") {
        resource.relations = serde_json::from_value::<Vec<Relation>>(relations).expect("relations");
    }
    if let Some(unread) = take("$unread") {
        resource.unread = serde_json::from_value(unread).expect("names");
    }
    take("$others");
    if let Some(unknown) = attributes.keys().find(|key| key.starts_with('$')) {
        panic!("an example has no `{unknown}`");
    }
    resource.attributes = attributes;
    Subject { resource, source: Source::Example, place: None, aliases: Vec::new() }
}

/// Of a rule about what is missing, the resources of a place that was looked at fully.
fn judged_among(catalogue: &Catalogue, rule: &Rule, within: Within, examples: &[Value], now: &str) -> Verdict {
    let listed = |one: &Value| Subject { source: Source::Inventory, ..subject(one, &rule.types[0]) };
    let estate = Estate::new(examples.iter().map(listed).collect());
    let regions = match within {
        Within::Account => Vec::new(),
        Within::Region => vec!["eu-west-1".to_owned()],
    };
    let areas = [Area { regions, ..Area::all(Provider::of_type(&rule.types[0])) }];
    let looked = Looked { areas: &areas, problems: &[], regions: &catalogue.regions };
    let places = looked.missing(std::iter::once((0, rule)), &estate);
    let [place] = places.as_slice() else { panic!("{} is judged {} times", rule.id, places.len()) };
    let judge = Judge::new(&estate, &Everything, &catalogue.patterns, now.parse::<Timestamp>().unwrap());
    place.verdict(&judge, rule)
}

fn judged(catalogue: &Catalogue, rule: &Rule, example: &Value, now: &str) -> Verdict {
    if let Some(within) = rule.within {
        return judged_among(catalogue, rule, within, example.as_array().expect("an example is a list"), now);
    }
    let first = subject(example, &rule.types[0]);
    let others = example.get("$others").and_then(Value::as_array).cloned().unwrap_or_default();
    let subjects = std::iter::once(first).chain(others.iter().map(|other| subject(other, "")));
    let estate = Estate::new(subjects.collect());
    let judge = Judge::new(&estate, &Everything, &catalogue.patterns, now.parse::<Timestamp>().unwrap());
    verdict(&judge, rule, 0, &estate.subjects[0])
}

#[test]
fn each_rule_fails_passes_and_doubts_as_its_examples_say() {
    let catalogue = catalogue();
    let mut wrong = Vec::new();
    for rule in &catalogue.rules {
        let written = &rule.written;
        if written.fails.is_empty() || written.passes.is_empty() {
            wrong.push(format!("{}: {} has no example that fails, or none that passes", rule.file, rule.id));
        }
        for (word, examples) in
            [("fails", &written.fails), ("passes", &written.passes), ("unknowns", &written.unknowns)]
        {
            for example in examples {
                let verdict = judged(&catalogue, rule, example, NOW);
                let came = if verdict.undecided.is_some() {
                    "unknowns"
                } else if verdict.findings.is_empty() {
                    "passes"
                } else {
                    "fails"
                };
                if came != word {
                    let why = verdict.undecided.unwrap_or_default();
                    wrong.push(format!("{}: {} {came} where it {word}: {example} {why}", rule.file, rule.id));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn versions_that_examples_call_supported_are_so_for_a_while_and_each_table_has_one() {
    let catalogue = catalogue();
    let mut wrong = Vec::new();
    for rule in &catalogue.rules {
        let is_table = |name: &&String| {
            let written = rule.written.parameters[name.as_str()].as_str();
            written.is_some_and(|written| written.starts_with("$support."))
        };
        let tables: Vec<&String> = rule.written.parameters.keys().filter(is_table).collect();
        for name in &tables {
            let ends = rule.parameters[name.as_str()].as_object().expect("a table of days");
            if ends.values().all(|day| day.as_str().unwrap() < &LATER[..10]) {
                wrong.push(format!("{}: nothing in `{name}` is supported on {LATER}", rule.id));
            }
        }
        for example in rule.written.passes.iter().filter(|_| !tables.is_empty()) {
            if !judged(&catalogue, rule, example, LATER).findings.is_empty() {
                wrong.push(format!("{}: {example} is over by {LATER}", rule.id));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn runtimes_and_databases_are_over_by_the_days_of_their_clouds() {
    let catalogue = catalogue();
    let over = |id: &str, example: &Value, day: &str| {
        let rule = catalogue.rules.iter().find(|rule| rule.id == id).unwrap();
        !judged(&catalogue, rule, example, &format!("{day}T12:00:00Z")).findings.is_empty()
    };
    // Regular support of Cloud SQL goes on after the community's.
    for (version, last, next) in [
        ("POSTGRES_14", "2027-01-31", "2027-02-01"),
        ("POSTGRES_13", "2026-01-31", "2026-02-01"),
        ("MYSQL_8_0_31", "2026-06-30", "2026-07-01"),
        ("MYSQL_5_7", "2025-01-31", "2025-02-01"),
    ] {
        let example = json!({ "version": version });
        assert!(!over("gcp.sql.version-end-of-life", &example, last), "{version}");
        assert!(over("gcp.sql.version-end-of-life", &example, next), "{version}");
    }
    let day = "2026-11-29";
    for runtime in ["dotnet3", "dotnet6", "dotnet8", "ruby30", "ruby32", "go119", "go120", "go121", "go122", "php81"] {
        assert!(over("gcp.functions.runtime-end-of-life", &json!({ "runtime": runtime }), day), "{runtime}");
    }
    for runtime in ["dotnet10", "ruby33", "go126", "php82", "python311", "java17", "nodejs24"] {
        assert!(!over("gcp.functions.runtime-end-of-life", &json!({ "runtime": runtime }), day), "{runtime}");
    }
    let long = |version: &str| json!({ "version": version, "support_plan": "AKSLongTermSupport" });
    assert!(over("azure.aks.version-end-of-life", &long("1.27.3"), day));
    assert!(over("azure.aks.version-end-of-life", &long("1.30"), day));
    assert!(!over("azure.aks.version-end-of-life", &long("1.31"), day));
    assert!(over("azure.aks.version-end-of-life", &json!({ "version": "1.31" }), day));
}

#[test]
fn somebody_tells_every_attribute_that_a_rule_looks_at() {
    let catalogue = catalogue();
    let mut wrong = Vec::new();
    for rule in &catalogue.rules {
        for attribute in rule.attributes() {
            if !rule.types.iter().any(|kind| !catalogue.facts.sources(kind, &attribute).is_empty()) {
                wrong.push(format!("{}: {}: nobody tells `{attribute}` of {:?}", rule.file, rule.id, rule.types));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn there_are_rules_for_every_cloud_and_topic_and_their_ids_say_where() {
    let catalogue = catalogue();
    let mut by_provider: BTreeMap<&str, u32> = BTreeMap::new();
    let mut topics: BTreeSet<&str> = BTreeSet::from(["secrets"]);
    for rule in &catalogue.rules {
        let provider = rule.provider();
        *by_provider.entry(provider).or_default() += 1;
        topics.extend(rule.written.topics.iter().map(String::as_str));
        assert!(rule.id.starts_with(&format!("{provider}.")), "{} is about {provider}", rule.id);
        assert!(rule.file.starts_with(&format!("rules/{provider}/")), "{} lies in {}", rule.id, rule.file);
        assert!(!rule.frameworks.is_empty() && !rule.fix.is_empty(), "{}", rule.id);
        assert!(rule.title.len() < 120 && !rule.title.ends_with('.'), "{}", rule.title);
    }
    assert!(catalogue.rules.len() + catalogue.patterns.len() >= 300);
    for (provider, least) in [("aws", 200), ("azure", 100), ("gcp", 100), ("kubernetes", 50)] {
        assert!(by_provider[provider] >= least, "{by_provider:?}");
    }
    let unused: Vec<_> = catalogue.frameworks.topics.keys().filter(|topic| !topics.contains(topic.as_str())).collect();
    assert!(unused.is_empty(), "no rule is about {unused:?}");
}

#[test]
fn types_of_rules_have_a_class() {
    let without: BTreeSet<String> = catalogue()
        .rules
        .iter()
        .flat_map(|rule| rule.types.clone())
        .filter(|kind| !kind.contains('*') && class_of(kind).name() == "other")
        .collect();
    assert!(without.is_empty(), "estate's data/types.json does not have {without:?}");
}

fn first<'a>(pattern: &Pattern, text: &'a str) -> Option<&'a str> {
    pieces(text).find_map(|piece| pattern.find(&piece).next())
}

#[test]
fn patterns_of_secrets_find_and_pass_as_their_examples_say() {
    let catalogue = catalogue();
    let mut wrong = Vec::new();
    for (pattern, written) in catalogue.patterns.iter().zip(&catalogue.written_patterns) {
        assert!(!written.fails.is_empty() && !written.passes.is_empty(), "{} has no examples", pattern.id);
        let missed = written.fails.iter().filter(|text| first(pattern, text).is_none());
        wrong.extend(missed.map(|text| format!("{} does not find {text}", pattern.id)));
        let found = written.passes.iter().filter_map(|text| Some((text, first(pattern, text)?)));
        wrong.extend(found.map(|(text, secret)| format!("{} takes {secret} for one in {text}", pattern.id)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_wrong_with_a_rule_is_said_with_its_file_and_id() {
    let mappings = Mappings::load().unwrap();
    for (rule, why) in [
        (r#"{"aws.s3.bucket": [{"id": "x"}]}"#, "missing field"),
        (
            r#"{"aws.s3.bucket": [{"id": "x", "title": "t", "severity": "low", "fix": "f", "topics": ["logging"], "fail": {"a": {"b": 1}}, "fails": [], "passes": []}]}"#,
            "fail: a: b: there is no such matcher",
        ),
        (
            r#"{"aws.s3.bucket": [{"id": "x", "title": "t", "severity": "low", "fix": "f", "topics": ["weather"], "fail": {"a": 1}, "fails": [], "passes": []}]}"#,
            "no topic `weather`",
        ),
        (
            r#"{"aws.s3.bucket": [{"id": "aws.s3.versioning", "title": "t", "severity": "low", "fix": "f", "topics": ["logging"], "fail": {"a": 1}, "fails": [], "passes": []}]}"#,
            "stands twice",
        ),
        (r#"[]"#, "under the types"),
    ] {
        let more = [("team.yaml".to_owned(), serde_json::from_str(rule).unwrap())];
        let problems = Catalogue::load(&mappings, &more, &BTreeMap::new()).unwrap_err().to_string();
        assert!(
            problems.contains(why) && problems.contains("team.yaml") || problems.contains("stands twice"),
            "{problems}"
        );
    }
    let parameters =
        BTreeMap::from([("aws.iam.key-age".to_owned(), Map::from_iter([("days".to_owned(), Value::from(1))]))]);
    assert!(Catalogue::load(&mappings, &[], &parameters).unwrap_err().to_string().contains("no parameter `days`"));
}
