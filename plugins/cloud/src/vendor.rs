//! The clouds of which agents tell.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use troupe_estate::Provider;

/// A cloud of which an agent tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Cloud {
    /// Amazon Web Services.
    Aws,
    /// Microsoft Azure.
    Azure,
    /// Google Cloud.
    Gcp,
}

impl Cloud {
    /// Every cloud.
    pub const ALL: [Self; 3] = [Self::Aws, Self::Azure, Self::Gcp];

    /// The cloud of a provider, if it is one of these.
    pub fn of(provider: Provider) -> Option<Self> {
        match provider {
            Provider::Aws => Some(Self::Aws),
            Provider::Azure => Some(Self::Azure),
            Provider::Gcp => Some(Self::Gcp),
            _ => None,
        }
    }

    /// Whose it is.
    pub const fn provider(self) -> Provider {
        match self {
            Self::Aws => Provider::Aws,
            Self::Azure => Provider::Azure,
            Self::Gcp => Provider::Gcp,
        }
    }

    /// Its name in JSON, which is also the name of the agent that lists what it holds.
    pub const fn name(self) -> &'static str {
        self.provider().name()
    }

    /// Its name for people.
    pub const fn title(self) -> &'static str {
        self.provider().title()
    }
}
