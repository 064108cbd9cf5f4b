//! Which of the providers' own types are of which class.
//!
//! `data/types.json` has one row for each class, in the order of [`Class`], with the types of each provider:
//!
//! | provider | form of a type | where the words come from | service of it |
//! |---|---|---|---|
//! | AWS | `aws.SERVICE.THING`, lower case, `-` between words | the service's endpoint, the noun of its `Describe` or `List` | `SERVICE` |
//! | Azure | `azure.microsoft.PROVIDER/TYPE[/TYPE…]`, lower case | Resource Manager, whose types are the same in any case | `microsoft.PROVIDER` |
//! | Google Cloud | `gcp.SERVICE.googleapis.com/Thing` | Cloud Asset Inventory | `SERVICE.googleapis.com` |
//! | Kubernetes | `kubernetes.Kind`, `kubernetes.group/Kind` for what is not built in | the object's `kind` | `kubernetes` |
//!
//! To teach the crate a type, add it to its row; the tests say what is wrong with a row.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::{Class, Provider};

/// The table, as it is written.
const TYPES: &str = include_str!("../data/types.json");

/// One row of the table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    class: Class,
    #[serde(default)]
    aws: Vec<String>,
    #[serde(default)]
    azure: Vec<String>,
    #[serde(default)]
    gcp: Vec<String>,
    #[serde(default)]
    kubernetes: Vec<String>,
}

impl Row {
    fn into_types(self) -> impl Iterator<Item = (String, Class)> {
        let Self { class, aws, azure, gcp, kubernetes } = self;
        [aws, azure, gcp, kubernetes].into_iter().flatten().map(move |kind| (kind, class))
    }
}

/// Kept in order and not by hash, which would ask the host for randomness.
static CLASSES: LazyLock<BTreeMap<String, Class>> = LazyLock::new(|| {
    // The tests hold that the table can be read.
    let rows: Vec<Row> = serde_json::from_str(TYPES).unwrap_or_default();
    rows.into_iter().flat_map(Row::into_types).collect()
});

/// The class of a type, or `other` where the table has none. Azure's types may come in any case.
///
/// ```
/// use troupe_estate::{Class, class_of};
/// assert_eq!(class_of("gcp.compute.googleapis.com/Instance"), Class::ComputeInstance);
/// assert_eq!(class_of("azure.Microsoft.Compute/virtualMachines"), Class::ComputeInstance);
/// assert_eq!(class_of("aws.ec2.carrier-gateway"), Class::Other);
/// ```
pub fn class_of(kind: &str) -> Class {
    let kind = Provider::of_type(kind).canonical(kind);
    CLASSES.get(&kind).copied().unwrap_or_default()
}

/// The service of a type, as problems name it.
///
/// ```
/// use troupe_estate::service_of;
/// assert_eq!(service_of("aws.ec2.volume"), "ec2");
/// assert_eq!(service_of("azure.microsoft.compute/disks"), "microsoft.compute");
/// assert_eq!(service_of("gcp.compute.googleapis.com/Disk"), "compute.googleapis.com");
/// assert_eq!(service_of("kubernetes.Pod"), "kubernetes");
/// ```
pub fn service_of(kind: &str) -> &str {
    let Some((provider, rest)) = kind.split_once('.') else { return kind };
    match Provider::of_type(kind) {
        Provider::Kubernetes => provider,
        Provider::Azure | Provider::Gcp => rest.split('/').next().unwrap_or(rest),
        Provider::Aws | Provider::Other => rest.split('.').next().unwrap_or(rest),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn rows() -> Vec<Row> {
        serde_json::from_str(TYPES).expect("the table can be read")
    }

    #[test]
    fn there_is_one_row_for_each_class_in_their_order() {
        let rows: Vec<Class> = rows().iter().map(|row| row.class).collect();
        let classes: Vec<Class> = Class::ALL.iter().copied().filter(|class| *class != Class::Other).collect();
        assert_eq!(rows, classes);
    }

    #[test]
    fn each_type_has_its_providers_form_and_stands_once() {
        let word = |text: &str, more: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(c))
        };
        let thing = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_uppercase()) && text.chars().all(|c| c.is_ascii_alphanumeric())
        };
        let mut seen = BTreeSet::new();
        for row in rows() {
            for kind in &row.aws {
                let parts: Vec<&str> = kind.split('.').collect();
                let [provider, service, noun] = parts[..] else { panic!("{kind} is not aws.SERVICE.THING") };
                assert!(provider == "aws" && word(service, "") && word(noun, "-"), "{kind} is not aws.SERVICE.THING");
            }
            for kind in &row.azure {
                let rest = kind.strip_prefix("azure.microsoft.").unwrap_or_default();
                let parts: Vec<&str> = rest.split('/').collect();
                assert!(parts.len() > 1 && parts.iter().all(|part| word(part, "")), "{kind} is not of Azure's form");
            }
            for kind in &row.gcp {
                let rest = kind.strip_prefix("gcp.").unwrap_or_default();
                let (service, noun) = rest.split_once(".googleapis.com/").unwrap_or_default();
                assert!(word(service, "") && thing(noun), "{kind} is not of Google Cloud's form");
            }
            for kind in &row.kubernetes {
                assert!(
                    thing(kind.strip_prefix("kubernetes.").unwrap_or_default()),
                    "{kind} is not of Kubernetes' form"
                );
            }
            let class = row.class;
            let kinds: Vec<(String, Class)> = row.into_types().collect();
            assert!(!kinds.is_empty(), "{class} has no type");
            for (kind, _) in kinds {
                assert_eq!(class_of(&kind), class, "{kind}");
                assert!(seen.insert(kind.clone()), "{kind} stands twice");
            }
        }
        assert!(seen.len() > 400, "{} types", seen.len());
    }

    #[test]
    fn what_the_table_does_not_have_is_other() {
        for kind in
            ["", "aws", "aws.ec2", "aws.ec2.Instance", "gcp.compute.googleapis.com/instance", "elsewhere.ec2.instance"]
        {
            assert_eq!(class_of(kind), Class::Other, "{kind}");
        }
        assert_eq!(service_of("none"), "none");
    }
}
