//! What is in the way of a resource, and what could not be checked.

use troupe_estate::Resource;
use troupe_sdk::prelude::*;

use crate::Cloud;

macro_rules! codes {
    ($($variant:ident $name:literal $stops:literal $meaning:literal)*) => {
        /// What kind of thing is in the way.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Code {
            $(
                #[doc = $meaning]
                #[serde(rename = $name)]
                $variant,
            )*
        }

        impl Code {
            /// Every code.
            #[cfg(test)]
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// Whether it must be solved before the resource moves; else it is work on the way.
            pub const fn stops(self) -> bool {
                match self {
                    $(Self::$variant => $stops,)*
                }
            }
        }
    };
}

codes! {
    NoTarget "no-target" true "The target has no service for it."
    Engine "engine" true "The target does not offer the engine."
    EngineVersion "engine-version" true "The target does not offer the engine's version."
    Size "size" true "The target has no size that holds it."
    Gpu "gpu" true "The target has no such GPU that is known here."
    DiskSize "disk-size" true "The target has no disk of that size."
    Region "region" true "The target has no region in that country."
    Ipv6Only "ipv6-only" true "The target has no networks of IPv6 alone."
    Quota "quota" true "The quota that was told does not hold it."
    Runtime "runtime" true "The target's functions do not offer the language."
    RuntimeVersion "runtime-version" false "The target's functions offer other versions of the language."
    InstanceStore "instance-store" false "Data on the machine's own disks does not move."
    License "license" false "Licences that came with the machine do not move."
    Tenancy "tenancy" false "It runs on hardware that nobody shares."
    MultiAttach "multi-attach" false "Several machines share the disk."
    Key "key" false "What encrypts it does not leave the source."
    Spot "spot" false "It is a machine that may be taken away."
    Time "time" false "It runs for longer than the target's functions do by default."
}

/// Something that is in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Blocker {
    /// What kind of thing.
    pub code: Code,
    /// Whether it must be solved before the resource moves.
    pub stops: bool,
    /// What it is.
    pub message: String,
    /// What to do.
    pub remedy: String,
}

impl Blocker {
    /// Something in the way.
    pub fn new(code: Code, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code, stops: code.stops(), message: message.into(), remedy: remedy.into() }
    }

    /// The target has no service for a resource.
    pub fn no_target(resource: &Resource, cloud: Cloud) -> Self {
        let message = format!("{} has no service that does what `{}` does", cloud.title(), resource.kind);
        Self::new(Code::NoTarget, message, "leave it where it is, or find another product for it")
    }
}

/// Something that could not be checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unchecked {
    /// What would have been checked.
    pub code: Code,
    /// Why it could not be.
    pub why: String,
}

impl Unchecked {
    /// A check that needs attributes which are not there, or could not be read.
    pub fn missing(code: Code, resource: &Resource, names: &[&str]) -> Self {
        let unread: Vec<&str> = names.iter().copied().filter(|name| resource.is_unread(name)).collect();
        let why = if unread.is_empty() {
            format!("its inventory does not tell `{}`", names.first().copied().unwrap_or_default())
        } else {
            format!("`{}` could not be read", unread.join("`, `"))
        };
        Self { code, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_explained_to_whoever_reads_the_guide() {
        let guide = include_str!("../../README.md");
        for code in Code::ALL {
            assert!(guide.contains(&format!("`{}`", code.name())), "{}", code.name());
        }
    }
}
