//! Whose cloud a resource is in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whose cloud a resource is in: the first part of its type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Provider {
    /// Amazon Web Services.
    Aws,
    /// Microsoft Azure.
    Azure,
    /// Google Cloud.
    Gcp,
    /// A cluster of Kubernetes, whoever runs it.
    Kubernetes,
    /// None of these.
    #[default]
    #[serde(other)]
    Other,
}

impl Provider {
    /// The provider of a type, such as Azure of `azure.microsoft.compute/disks`.
    pub fn of_type(kind: &str) -> Self {
        match kind.split('.').next().unwrap_or_default() {
            "aws" => Self::Aws,
            "azure" => Self::Azure,
            "gcp" => Self::Gcp,
            "kubernetes" => Self::Kubernetes,
            _ => Self::Other,
        }
    }

    /// Its name, as in JSON and at the beginning of types.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Azure => "azure",
            Self::Gcp => "gcp",
            Self::Kubernetes => "kubernetes",
            Self::Other => "other",
        }
    }

    /// Its name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Aws => "AWS",
            Self::Azure => "Azure",
            Self::Gcp => "Google Cloud",
            Self::Kubernetes => "Kubernetes",
            Self::Other => "Other",
        }
    }

    /// Brings an id, account or region into the form in which two of them are compared.
    ///
    /// Azure takes `/Subscriptions/A` and `/subscriptions/a` for the same and answers now with one, now
    /// with the other, so there ASCII letters are compared in lower case. Elsewhere names are compared
    /// byte by byte.
    pub fn canonical(self, text: &str) -> String {
        if self == Self::Azure { text.to_ascii_lowercase() } else { text.to_owned() }
    }

    /// Reports whether two ids, accounts or regions are the same.
    pub(crate) fn same(self, one: &str, other: &str) -> bool {
        if self == Self::Azure { one.eq_ignore_ascii_case(other) } else { one == other }
    }
}
