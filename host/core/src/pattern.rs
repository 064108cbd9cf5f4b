//! Patterns of names: one name, all that begin so, or all.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::list::Keyed;
use crate::name::as_text;
use crate::{AgentName, Code, Error, Result, SkillName};

macro_rules! pattern {
    ($(#[$doc:meta])* $pattern:ident of $name:ident, $message:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $pattern(String);

        impl $pattern {
            /// Whether the pattern takes a name in.
            pub fn takes(&self, name: &$name) -> bool {
                match self.0.strip_suffix('*') {
                    Some(start) => name.as_str().starts_with(start),
                    None => name.as_str() == self.0,
                }
            }
        }

        impl FromStr for $pattern {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                // What a name may begin with, such as `aws-`, is a name once something follows.
                let whole = text.strip_suffix('*').map(|start| format!("{start}a"));
                if whole.as_deref().unwrap_or(text).parse::<$name>().is_err() {
                    return Err(Error::new(Code::NameInvalid, $message));
                }
                Ok(Self(text.to_owned()))
            }
        }

        impl Keyed for $pattern {
            fn key(&self) -> &str {
                &self.0
            }
        }

        as_text!($pattern);
    };
}

pattern!(
    /// Names of agents: `aws`, `aws*` for all that begin so, or `*`.
    NamePattern of AgentName,
    "names of agents are written `aws`, or `aws*` for all that begin so, or `*`"
);

pattern!(
    /// Names of skills: `delete-bucket`, `delete-*` for all that begin so, or `*`.
    SkillPattern of SkillName,
    "names of skills are written `delete`, or `delete-*` for all that begin so, or `*`"
);

impl NamePattern {
    /// The pattern that takes every name in.
    pub fn every() -> Self {
        Self("*".to_owned())
    }

    /// How narrow it is, among those that take the same name in.
    pub(crate) fn narrowness(&self) -> (bool, usize) {
        (!self.0.ends_with('*'), self.0.len())
    }
}
