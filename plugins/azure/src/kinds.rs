//! The types that the agent knows, and what it tells of each: the catalogue.
//!
//! It is data, one file for a family of services under `data/types`, so that a type is taught without touching Rust.
//! Each entry says
//!
//! | field | meaning | if left out |
//! |---|---|---|
//! | `type` | the type as Azure writes it | must be there |
//! | `api` | the version of its API | must be there |
//! | `graph` | the table of Resource Graph that has it, or `false` | `resources` |
//! | `list` | the path below a subscription, or below its parent, by which Resource Manager lists it | by its type |
//! | `under` | its parent, below each of which it is listed | none: it is listed for a subscription |
//! | `embedded` | `in` which parent it stands whole, and where, `at`; `bare` if without `properties` around it | not at all |
//! | `name`, `created` | where its name for people, and the time when it was made, stand | its `name`; `systemData` |
//! | `relations` | other resources, each kind with the places of their ids | none |
//! | `settings` | attributes that whoever makes such a resource can set, which templates have, too | none |
//! | `state` | attributes that Azure tells and nobody sets | none |
//! | `reads` | what is asked of each one beside the list: a `path`, `attributes`, and `unless` one is known already | none |
//! | `diagnostics` | whether its diagnostic settings are asked for | no |
//! | `template` | whether a template for a resource group can have it | yes |
//! | `location` | in a template that does not say: `group`, `global`, `none` | `group` |
//! | `secrets` | what Azure wants and never tells, each with its place `at`, and a place `unless` it is `true` | none |
//! | `also` | other names under which it comes | none |
//!
//! Places are JSON pointers from the object that Azure tells, where `*` stands for every item; [`Spec`] says what else
//! an attribute may be. Secrets are in none of these: nobody asks for them.

mod spec;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

pub use spec::{Spec, at, texts};

/// The files of the catalogue.
const FILES: [&str; 10] = [
    include_str!("../data/types/ai.json"),
    include_str!("../data/types/compute.json"),
    include_str!("../data/types/containers.json"),
    include_str!("../data/types/databases.json"),
    include_str!("../data/types/management.json"),
    include_str!("../data/types/messaging.json"),
    include_str!("../data/types/network.json"),
    include_str!("../data/types/security.json"),
    include_str!("../data/types/storage.json"),
    include_str!("../data/types/web.json"),
];

/// A type that the agent knows.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    #[serde(rename = "type")]
    name: String,
    /// The version of its API.
    pub api: String,
    #[serde(default)]
    graph: Graph,
    list: Option<String>,
    under: Option<String>,
    /// Where it stands whole in another one.
    pub embedded: Option<Embedded>,
    /// Where its name for people stands.
    #[serde(rename = "name")]
    pub name_at: Option<String>,
    /// Where it stands when it was made.
    pub created: Option<String>,
    /// Where the ids of other resources stand.
    #[serde(default)]
    pub relations: BTreeMap<String, Places>,
    /// Attributes that can be set.
    #[serde(default)]
    pub settings: BTreeMap<String, Spec>,
    /// Attributes that are only told.
    #[serde(default)]
    pub state: BTreeMap<String, Spec>,
    /// What is asked of each one.
    #[serde(default)]
    pub reads: Vec<Read>,
    /// Whether its diagnostic settings are asked for.
    #[serde(default)]
    pub diagnostics: bool,
    #[serde(default)]
    also: Vec<String>,
    #[serde(default = "yes")]
    template: bool,
    #[serde(default)]
    location: Location,
    /// Attributes that Azure wants and never tells: a template asks for them.
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
}

const fn yes() -> bool {
    true
}

/// Where a resource is, in a template that does not say.
#[derive(Debug, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum Location {
    /// Where its resource group is.
    #[default]
    Group,
    /// Nowhere in particular.
    Global,
    /// It has no location.
    None,
}

/// A secret that a template asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// Where it stands.
    pub at: String,
    /// A place; if it is `true` there, the secret is not wanted.
    pub unless: Option<String>,
}

/// Which table of Resource Graph has a type.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Graph {
    Table(String),
    Is(bool),
}

impl Default for Graph {
    fn default() -> Self {
        Self::Is(true)
    }
}

/// Where a resource stands whole in another one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embedded {
    r#in: String,
    /// The place of the list.
    pub at: String,
    /// Whether its items have no `properties` around what they are.
    #[serde(default)]
    pub bare: bool,
}

/// One place, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Places {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Places {
    /// Each place.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::One(place) => std::slice::from_ref(place),
            Self::Many(places) => places.as_slice(),
        }
        .iter()
        .map(String::as_str)
    }
}

/// Something that is asked of each resource beside the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// The path below the resource.
    pub path: String,
    /// An attribute by which it need not be asked, if it is known already.
    pub unless: Option<String>,
    /// What is told of the answer.
    pub attributes: BTreeMap<String, Spec>,
}

impl Kind {
    /// The type, as Azure writes it: `Microsoft.Compute/disks`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type as resources have it: `azure.microsoft.compute/disks`.
    pub fn estate(&self) -> String {
        format!("azure.{}", self.name.to_ascii_lowercase())
    }

    /// The service: `microsoft.compute`.
    pub fn service(&self) -> String {
        self.namespace().to_ascii_lowercase()
    }

    fn namespace(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// The last part of its type, `disks`.
    pub fn noun(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or_default()
    }

    /// The kind in which it lies, if it is told with that or listed below it.
    pub fn parent(&self) -> Option<&'static Self> {
        kind_of(self.under.as_deref().or_else(|| Some(&self.embedded.as_ref()?.r#in))?)
    }

    /// The kinds that lie in it: told with it, or listed below it.
    pub fn children(&self) -> &'static [&'static Self] {
        CHILDREN.get(self.name.as_str()).map_or(&[], Vec::as_slice)
    }

    /// Reports whether it is listed below each of its parents.
    pub const fn is_under(&self) -> bool {
        self.under.is_some()
    }

    /// The table of Resource Graph that has it.
    pub fn table(&self) -> Option<&str> {
        match &self.graph {
            _ if self.embedded.is_some() => None,
            Graph::Table(table) => Some(table),
            Graph::Is(true) => Some("resources"),
            Graph::Is(false) => None,
        }
    }

    /// The path by which it is listed, below a subscription's or its parent's.
    pub fn list(&self) -> String {
        match (&self.list, &self.under) {
            (Some(path), _) => path.clone(),
            (None, Some(_)) => format!("/{}", self.noun()),
            (None, None) => format!("/providers/{}", self.name),
        }
    }

    /// Reports whether a template for a resource group can have it.
    pub const fn has_template(&self) -> bool {
        self.template
    }

    /// Reports whether it has a location.
    pub const fn has_location(&self) -> bool {
        !matches!(self.location, Location::None)
    }

    /// Reports whether it is nowhere in particular.
    pub const fn is_global(&self) -> bool {
        matches!(self.location, Location::Global)
    }

    /// Reports whether somebody who writes this means it: its type, or its service.
    pub fn is_asked_by(&self, asked: &str) -> bool {
        let asked = asked.strip_prefix("azure.").unwrap_or(asked);
        [self.name.as_str(), self.namespace()].iter().any(|name| name.eq_ignore_ascii_case(asked))
    }
}

static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    // The tests hold that each file can be read.
    FILES.iter().flat_map(|file| serde_json::from_str::<Vec<Kind>>(file).unwrap_or_default()).collect()
});

/// By name in small letters. Kept in order and not by hash, which would ask the host for randomness.
static BY_NAME: LazyLock<BTreeMap<String, &'static Kind>> = LazyLock::new(|| {
    let named = |kind: &'static Kind| {
        let names = std::iter::once(&kind.name).chain(&kind.also);
        names.map(move |name| (name.to_ascii_lowercase(), kind))
    };
    KINDS.iter().flat_map(named).collect()
});

/// The kinds that lie in each.
static CHILDREN: LazyLock<BTreeMap<&str, Vec<&'static Kind>>> = LazyLock::new(|| {
    let mut children: BTreeMap<&str, Vec<&'static Kind>> = BTreeMap::new();
    for kind in KINDS.iter() {
        if let Some(parent) = kind.parent() {
            children.entry(parent.name()).or_default().push(kind);
        }
    }
    children
});

/// Everything the agent knows.
pub fn kinds() -> &'static [Kind] {
    &KINDS
}

/// The kind of a type, in whatever case it is written.
pub fn kind_of(name: &str) -> Option<&'static Kind> {
    BY_NAME.get(&name.to_ascii_lowercase()).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_file_can_be_read_and_no_type_stands_twice() {
        for file in FILES {
            serde_json::from_str::<Vec<Kind>>(file).expect("a file of the catalogue");
        }
        let names: BTreeSet<String> = kinds().iter().map(Kind::estate).collect();
        assert_eq!(names.len(), kinds().len());
        let readme = include_str!("../README.md");
        assert!(readme.contains(&format!("{} of them", names.len())), "the README says how many types there are");
    }

    #[test]
    fn each_entry_holds_together() {
        for kind in kinds() {
            let above = [kind.under.as_deref(), kind.embedded.as_ref().map(|embedded| embedded.r#in.as_str())];
            for parent in above.into_iter().flatten() {
                assert!(kind_of(parent).is_some(), "{} lies in {parent}, which is not there", kind.name);
            }
            let twice = kind.settings.keys().find(|name| kind.state.contains_key(*name));
            assert_eq!(twice, None, "{} has an attribute twice", kind.name);
            let is_date = kind.api.get(..10).is_some_and(|date| date.parse::<jiff::civil::Date>().is_ok());
            assert!(is_date && matches!(kind.api.get(10..), Some("" | "-preview")), "{}: {}", kind.name, kind.api);
            for name in kind.settings.keys().chain(kind.state.keys()) {
                let is_word = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
                assert!(is_word, "{}: {name}", kind.name);
            }
        }
    }

    #[test]
    fn what_lies_in_a_kind_is_each_that_has_it_as_its_parent() {
        let names = |name: &str| kind_of(name).unwrap().children().iter().map(|kind| kind.name()).collect::<Vec<_>>();
        assert!(names("microsoft.network/VIRTUALNETWORKS").contains(&"Microsoft.Network/virtualNetworks/subnets"));
        assert_eq!(names("Microsoft.Compute/disks"), [""; 0]);
        let all: usize = kinds().iter().map(|kind| kind.children().len()).sum();
        assert_eq!(all, kinds().iter().filter(|kind| kind.parent().is_some()).count());
    }

    #[test]
    fn a_service_or_a_type_can_be_asked_for_in_any_case() {
        let kind = kind_of("microsoft.COMPUTE/Disks").unwrap();
        assert_eq!(kind.estate(), "azure.microsoft.compute/disks");
        for asked in ["Microsoft.Compute", "microsoft.compute/disks", "azure.microsoft.compute/disks"] {
            assert!(kind.is_asked_by(asked), "{asked}");
        }
        assert!(!kind.is_asked_by("Microsoft.Compute/disk"));
    }
}
