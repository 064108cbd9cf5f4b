//! The classes of faults, and what is really wrong in an estate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::named::ACCOUNT;

/// The file beside an estate that says what is wrong in it.
const FILE: &str = "truth.toml";

/// A kind of fault, and by which names the tools know it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// The fault in words.
    pub summary: String,
    /// The types of Terraform that it is of.
    pub resources: Vec<String>,
    /// Types by which a tool means a resource that names them.
    #[serde(default)]
    pub owners: Vec<String>,
    /// Types that are parts of these, though their names do not begin as theirs do.
    #[serde(default)]
    pub parts: Vec<String>,
    /// Whether the fault is the account's.
    #[serde(default)]
    pub account: bool,
    /// Rules of ours.
    #[serde(default)]
    pub troupe: Vec<String>,
    /// Checks of Prowler.
    #[serde(default)]
    pub prowler: Vec<String>,
    /// Checks of Checkov.
    #[serde(default)]
    pub checkov: Vec<String>,
    /// Whether there is a policy of Custodian.
    #[serde(default)]
    pub custodian: bool,
}

/// The classes by their names, such as `s3.versioning`.
#[derive(Debug)]
pub struct Classes(pub BTreeMap<String, Class>);

/// What is really wrong in an estate: addresses by class.
#[derive(Debug)]
pub struct Truth(pub BTreeMap<String, BTreeSet<String>>);

impl Class {
    /// The names by which a tool knows it; none if the tool does not cover it.
    pub fn known_as(&self, name: &str, tool: &str) -> Vec<String> {
        match tool {
            "troupe" => self.troupe.clone(),
            "prowler" => self.prowler.clone(),
            "checkov" => self.checkov.clone(),
            "custodian" if self.custodian => vec![policy(name)],
            _ => Vec::new(),
        }
    }
}

/// The policy of Custodian that looks for a class; its names have no points.
pub fn policy(class: &str) -> String {
    class.replace('.', "-")
}

impl Classes {
    /// Reads the classes.
    ///
    /// # Errors
    /// A file that is not there or not as its head says.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is not as its head says", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let groups: BTreeMap<String, BTreeMap<String, Class>> = toml::from_str(text)?;
        let classes = groups.into_iter().flat_map(|(group, classes)| {
            classes.into_iter().map(move |(name, class)| (format!("{group}.{name}"), class))
        });
        Ok(Self(classes.collect()))
    }

    /// The classes in which a tool's name for a finding falls.
    pub fn of<'a>(&'a self, tool: &'a str, rule: &'a str) -> impl Iterator<Item = (&'a str, &'a Class)> {
        let known = move |name: &str, class: &Class| class.known_as(name, tool).iter().any(|known| known == rule);
        self.0.iter().filter(move |(name, class)| known(name, class)).map(|(name, class)| (name.as_str(), class))
    }
}

impl Truth {
    /// Reads what is wrong in an estate, if somebody wrote that down.
    ///
    /// # Errors
    /// A file that names a class that there is not, or is no such file.
    pub fn beside(estate: &Path, classes: &Classes) -> Result<Option<Self>> {
        let path = estate.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let truth: BTreeMap<String, BTreeSet<String>> = toml::from_str(&text)
            .with_context(|| format!("{} is no list of classes with addresses", path.display()))?;
        if let Some(unknown) = truth.keys().find(|class| !classes.0.contains_key(*class)) {
            bail!("{} speaks of `{unknown}`, which is no class of tests/peers/classes.toml", path.display());
        }
        for (class, addresses) in &truth {
            let types = classes.0.get(class).map(|class| (&class.resources, class.account));
            let fits = |address: &String| {
                types.is_some_and(|(types, account)| {
                    (account && address == ACCOUNT) || types.iter().any(|kind| kind_of(address) == kind)
                })
            };
            if let Some(wrong) = addresses.iter().find(|address| !fits(address)) {
                bail!("{} names `{wrong}` in `{class}`, which is of none of the types of that class", path.display());
            }
        }
        Ok(Some(Self(truth)))
    }
}

/// The type of a resource, from its address: `module.a.aws_vpc.b[0]` is an `aws_vpc`.
pub fn kind_of(address: &str) -> &str {
    let mut parts = address.rsplit('.');
    // An index may hold points: `aws_vpc.b["a.b"]`.
    let named = address.find('[').filter(|_| !address.starts_with("module."));
    if let Some(at) = named {
        return address.get(..at).unwrap_or(address).split('.').next().unwrap_or(address);
    }
    let _name = parts.next();
    parts.next().unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shipped() -> Classes {
        Classes::read(&troupe_tests::root().join("tests/peers/classes.toml")).unwrap()
    }

    #[test]
    fn every_class_is_covered_by_ours_and_by_a_peer_at_least() {
        let classes = shipped();
        assert!(classes.0.len() >= 35, "{}", classes.0.len());
        for (name, class) in &classes.0 {
            assert!(!class.troupe.is_empty(), "{name}");
            let peers = [!class.prowler.is_empty(), !class.checkov.is_empty(), class.custodian];
            assert!(peers.contains(&true), "{name} is covered by nobody else");
            assert!(class.account || !class.resources.is_empty(), "{name} is of nothing");
        }
    }

    #[test]
    fn rules_that_classes_name_are_rules_that_there_are() {
        let dir = troupe_tests::root().join("plugins/security/rules/aws");
        let files = std::fs::read_dir(dir).unwrap().map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
        let text: String = files.collect();
        let ids: BTreeSet<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("- id: ")).collect();
        let named = shipped().0.into_values().flat_map(|class| class.troupe);
        let unknown: Vec<String> = named.filter(|rule| !ids.contains(rule.as_str())).collect();
        assert!(unknown.is_empty(), "no rules: {unknown:?}");
    }

    #[test]
    fn each_class_of_custodian_has_its_policy_and_no_policy_is_left_over() {
        let path = troupe_tests::root().join("tests/peers/custodian.yml");
        let text = std::fs::read_to_string(path).unwrap();
        let policies: BTreeSet<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("- name: ")).collect();
        let classes = shipped();
        let wanted = classes.0.iter().filter(|(_, class)| class.custodian).map(|(name, _)| policy(name));
        let wanted: BTreeSet<String> = wanted.collect();
        assert_eq!(policies, wanted.iter().map(String::as_str).collect());
    }

    #[test]
    fn what_is_said_to_be_wrong_in_the_estate_that_comes_with_it_is_in_it() {
        let dir = troupe_tests::root().join("tests/peers/estate");
        let truth = Truth::beside(&dir, &shipped()).unwrap().unwrap();
        let files = std::fs::read_dir(&dir).unwrap().map(|file| file.unwrap().path());
        let text: String = files
            .filter(|path| path.extension().is_some_and(|extension| extension == "tf"))
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect();
        for address in truth.0.values().flatten().filter(|address| *address != ACCOUNT) {
            let (kind, name) = address.split_once('.').unwrap();
            assert!(text.contains(&format!("resource \"{kind}\" \"{name}\"")), "{address}");
        }
        let silent: Vec<_> = shipped().0.into_keys().filter(|class| !truth.0.contains_key(class)).collect();
        assert!(silent.is_empty(), "nothing is said of {silent:?}");
    }

    #[test]
    fn a_truth_of_an_unknown_class_or_of_another_type_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let said = |text: &str| {
            std::fs::write(dir.path().join(FILE), text).unwrap();
            let error = Truth::beside(dir.path(), &shipped()).unwrap_err();
            format!("{error:#}").replace(&dir.path().display().to_string(), "DIR")
        };
        assert_eq!(
            said("\"s3.colour\" = []"),
            "DIR/truth.toml speaks of `s3.colour`, which is no class of tests/peers/classes.toml"
        );
        assert_eq!(
            said("\"s3.versioning\" = [\"aws_vpc.a\"]"),
            "DIR/truth.toml names `aws_vpc.a` in `s3.versioning`, which is of none of the types of that class"
        );
    }

    #[test]
    fn types_are_read_from_addresses() {
        for (address, kind) in [
            ("aws_vpc.a", "aws_vpc"),
            ("aws_vpc.a[0]", "aws_vpc"),
            ("aws_vpc.a[\"x.y\"]", "aws_vpc"),
            ("module.net.aws_vpc.a", "aws_vpc"),
            ("module.net.aws_vpc.a[1]", "aws_vpc"),
        ] {
            assert_eq!(kind_of(address), kind, "{address}");
        }
    }
}
