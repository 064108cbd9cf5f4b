//! What the tools say, beside what is wrong.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::classes::{Class, Classes, Truth};
use crate::estate::Estate;
use crate::named::{ACCOUNT, Meant, placed};
use crate::tools::Saw;

/// The whole comparison.
#[derive(Debug)]
pub struct Comparison {
    /// Whether somebody wrote down what is wrong.
    pub judged: bool,
    /// A row for each class of which the estate has something.
    pub rows: Vec<Row>,
    /// The tools in the order of the columns, ours first.
    pub tools: Vec<Saw>,
}

/// One class.
#[derive(Debug, Serialize)]
pub struct Row {
    /// Its name.
    pub class: String,
    /// The fault in words.
    pub summary: String,
    /// What is wrong.
    pub wrong: BTreeSet<String>,
    /// What each tool says, by its name; a tool that does not cover the class is not there.
    pub said: BTreeMap<&'static str, Said>,
}

/// What a tool says of a class.
#[derive(Debug, Default, Serialize)]
pub struct Said {
    /// What it names rightly; without a truth, all that it names.
    pub found: BTreeSet<String>,
    /// What is wrong and it does not name.
    pub missed: BTreeSet<String>,
    /// What it names and is right.
    pub wrongly: BTreeSet<String>,
    /// What it names and the estate did not make.
    pub strangers: BTreeSet<String>,
}

/// What is counted of a tool over the classes that two cover.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Classes.
    pub classes: usize,
    /// Faults that are there.
    pub wrong: usize,
    /// Faults that are named.
    pub found: usize,
    /// Names of what is right.
    pub wrongly: usize,
    /// Names of what the estate did not make.
    pub strangers: usize,
}

impl Count {
    /// The share of faults that are named, in percent.
    pub fn recall(&self) -> f64 {
        let (found, wrong) =
            (u32::try_from(self.found).unwrap_or(u32::MAX), u32::try_from(self.wrong).unwrap_or(u32::MAX));
        if wrong == 0 { 100.0 } else { 100.0 * f64::from(found) / f64::from(wrong) }
    }
}

impl Comparison {
    /// Compares.
    pub fn new(classes: &Classes, truth: Option<&Truth>, estate: &Estate, tools: Vec<Saw>) -> Self {
        let kinds: BTreeSet<&str> = estate.resources.iter().map(|one| one.kind.as_str()).collect();
        let addresses: BTreeSet<&str> = estate.resources.iter().map(|one| one.address.as_str()).collect();
        let is_there =
            |class: &Class| class.account || class.resources.iter().any(|kind| kinds.contains(kind.as_str()));
        let mut named: BTreeMap<(&str, &'static str), BTreeSet<Meant>> = BTreeMap::new();
        for tool in &tools {
            for finding in &tool.findings {
                for (class, meant) in placed(classes, tool.name, finding, &estate.resources) {
                    named.entry((class, tool.name)).or_default().insert(meant);
                }
            }
        }
        let mut rows = Vec::new();
        for (name, class) in classes.0.iter().filter(|(_, class)| is_there(class)) {
            let wrong: BTreeSet<String> = truth.and_then(|truth| truth.0.get(name)).cloned().unwrap_or_default();
            // What could not be made is nobody's to find.
            let wrong: BTreeSet<String> =
                wrong.into_iter().filter(|one| one == ACCOUNT || addresses.contains(one.as_str())).collect();
            // What failed in the emulator is nobody's fault there.
            let covers = |tool: &&Saw| class.known_as(name, tool.name).iter().any(|rule| !tool.failed.contains(rule));
            let covering = tools.iter().filter(covers);
            let said = covering.map(|tool| {
                let named = named.remove(&(name.as_str(), tool.name)).unwrap_or_default();
                (tool.name, Said::new(named, &wrong, truth.is_some()))
            });
            let said = said.collect();
            rows.push(Row { class: name.clone(), summary: class.summary.clone(), wrong, said });
        }
        Self { judged: truth.is_some(), rows, tools }
    }

    /// What is counted of `tool` over the classes that it and `other` cover.
    pub fn count(&self, tool: &str, other: &str) -> Count {
        let mut count = Count::default();
        for row in self.rows.iter().filter(|row| row.said.contains_key(other)) {
            let Some(said) = row.said.get(tool) else { continue };
            count.classes += 1;
            count.wrong += row.wrong.len();
            count.found += said.found.len();
            count.wrongly += said.wrongly.len();
            count.strangers += said.strangers.len();
        }
        count
    }
}

impl Said {
    fn new(named: BTreeSet<Meant>, wrong: &BTreeSet<String>, judged: bool) -> Self {
        let mut said = Self::default();
        for one in named {
            match one {
                Meant::Stranger(name) => said.strangers.insert(name),
                Meant::Made(address) if !judged || wrong.contains(&address) => said.found.insert(address),
                Meant::Made(address) => said.wrongly.insert(address),
            };
        }
        said.missed = wrong.difference(&said.found).cloned().collect();
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::named::{Finding, Made};
    use crate::process::Took;

    fn comparison(truth: Option<&str>) -> Comparison {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("classes.toml");
        let text = "[s3.versioning]\nsummary = 'no versions'\nresources = ['aws_s3_bucket']\ntroupe = ['v']\ncheckov = ['C1']\n\
                    [s3.logs]\nsummary = 'no logs'\nresources = ['aws_s3_bucket']\ntroupe = ['l']\n\
                    [rds.public]\nsummary = 'public'\nresources = ['aws_db_instance']\ntroupe = ['p']\n";
        std::fs::write(&path, text).unwrap();
        let classes = Classes::read(&path).unwrap();
        let truth = truth.map(|text| Truth(toml::from_str(text).unwrap()));
        let bucket = |name: &str| Made {
            address: format!("aws_s3_bucket.{name}"),
            kind: "aws_s3_bucket".to_owned(),
            names: vec![name.to_owned()],
            says: Vec::new(),
        };
        let estate = Estate {
            source: "estate".into(),
            resources: vec![bucket("a"), bucket("b"), bucket("c")],
            region: "us-east-1".to_owned(),
            plan: "plan".into(),
            failures: Vec::new(),
        };
        let saw = |name, found: &[(&str, &str)]| Saw {
            name,
            title: name.to_owned(),
            findings: found
                .iter()
                .map(|&(rule, about)| Finding { rule: rule.to_owned(), about: vec![about.to_owned()] })
                .collect(),
            failed: Vec::new(),
            took: Took::default(),
            steps: Vec::new(),
        };
        let ours = saw("troupe", &[("v", "a"), ("v", "c"), ("v", "x"), ("l", "a")]);
        let checkov = saw("checkov", &[("C1", "aws_s3_bucket.b")]);
        Comparison::new(&classes, truth.as_ref(), &estate, vec![ours, checkov])
    }

    #[test]
    fn what_is_named_is_found_missed_false_or_a_strangers() {
        let compared =
            comparison(Some("\"s3.versioning\" = ['aws_s3_bucket.a', 'aws_s3_bucket.b', 'aws_s3_bucket.gone']"));
        let names: Vec<&str> = compared.rows.iter().map(|row| row.class.as_str()).collect();
        assert_eq!(names, ["s3.logs", "s3.versioning"], "the estate has no database");
        let ours = &compared.rows[1].said["troupe"];
        let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(ours.found, set(&["aws_s3_bucket.a"]));
        assert_eq!(ours.missed, set(&["aws_s3_bucket.b"]));
        assert_eq!(ours.wrongly, set(&["aws_s3_bucket.c"]));
        assert_eq!(ours.strangers, set(&["x"]));
        // Classes that one alone covers are not held against the other.
        assert_eq!(
            compared.count("troupe", "checkov"),
            Count { classes: 1, wrong: 2, found: 1, wrongly: 1, strangers: 1 }
        );
        assert_eq!(compared.count("troupe", "troupe").classes, 2);
    }

    #[test]
    fn without_a_truth_nothing_is_false() {
        let compared = comparison(None);
        let ours = &compared.rows[1].said["troupe"];
        assert_eq!((ours.found.len(), ours.missed.len(), ours.wrongly.len()), (2, 0, 0));
    }
}
