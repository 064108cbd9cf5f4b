//! The language in which rules say what they look for.
//!
//! A condition is a mapping; all of its entries must hold. An entry is a path and what its value must be, or a
//! word that combines:
//!
//! ```yaml
//! encrypted: false                      # a path and a value: it is that value; null: it is not there
//! engine: [mysql, postgres]             # one of these
//! ingress:                              # what some element of a list is
//!   some: { protocol: tcp, cidrs: { open: true } }
//! $resource.created: { older_than_days: 90 }
//! any: [ { a: 1 }, { b: 2 } ]           # also all, none (lists of conditions) and not (one condition)
//! related: { kind: security-group, where: { … } }       # something it names in its relations
//! referred: { type: aws.ec2.flow-log, where: { … } }    # something that names it
//! opens: [22, 3389]                     # from_port to to_port of protocol contain one of these
//! ```
//!
//! A path that leads through lists has many values; a matcher holds if it holds of one of them. `$resource.` leads
//! to `id`, `name`, `type`, `region`, `account`, `created` and `tags`; `$root.` to the attributes, from within an
//! element.
//!
//! | matcher | holds of |
//! |---|---|
//! | `equals: x`, `in: [x, y]` | that value; numbers and truth values also as text |
//! | `exists: true` | what is there and not null |
//! | `empty: true` | what is absent, null, `""`, `[]` or `{}` |
//! | `matches: "arn:*"` or a list | a text that fits a pattern of `*` and `?`, in either case |
//! | `regex: "^a+$"` | a text in which the expression is found |
//! | `less`, `at_most`, `more`, `at_least` | a number |
//! | `older_than_days: 90` | a time at least so long ago |
//! | `within_days: 30` | a time that is over or comes within so many days |
//! | `version_below: "1.28"` | a version before that |
//! | `unsupported: { "1.28": 2024-11-26 }` | a version whose support ended, by the last day of each |
//! | `open: true` | an address range that is the whole internet, however a cloud writes it |
//! | `public: true` | an address range that has public addresses |
//! | `inside: "10.0.0.0/8"`, `contains: "10.1.2.3"` | an address range in that one, or around that |
//! | `port: [22]` | a port, range (`20-25`) or `*` that contains one of these |
//! | `covers: "iam:PassRole"` or a list | a pattern, such as `iam:*`, that fits one of these |
//! | `secret: true` | a text that looks like a secret |
//! | `admits_everybody: true` | a policy of AWS that allows something to everybody, held back by no condition |
//! | `size: { more: 1 }` | how many elements, entries or letters there are |
//! | `some`, `every`, `no` | a condition on the elements of a list |
//! | `not: …` | what the matcher does not hold of |

use regex_lite::Regex;
use serde_json::Value;

use super::network::Range;
use super::{Glob, Path, Support};

/// What must hold.
#[derive(Debug, Clone)]
pub enum Condition {
    /// All of these.
    All(Vec<Condition>),
    /// One of these.
    Any(Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
    /// The value at a path is so.
    Is(Path, Matcher),
    /// Its ports contain one of these.
    Opens(Vec<u16>),
    /// A related resource is so.
    Related(Box<Related>),
}

/// Which relations are followed, and what is at their end.
#[derive(Debug, Clone)]
pub struct Related {
    /// Those that name the resource, instead of those that it names.
    pub backwards: bool,
    /// What kind of relation.
    pub kind: Glob,
    /// What type is at the end.
    pub types: Glob,
    /// Whether it is enough that there is such a relation, whatever is at its end.
    pub is_any: bool,
    /// As it is written, for reasons.
    pub written: String,
    /// What must hold there.
    pub condition: Condition,
}

/// What a value must be.
#[derive(Debug, Clone)]
pub enum Matcher {
    /// This value.
    Equals(Value),
    /// One of these.
    OneOf(Vec<Value>),
    /// There.
    Exists,
    /// Nothing, or nothing in it.
    Empty,
    /// A text that fits one of these.
    Matches(Vec<Glob>),
    /// A text in which this is found.
    Regex(Regex),
    /// A number.
    Number(Order, f64),
    /// A time at least so many days ago.
    OlderThanDays(f64),
    /// A time that is over or comes within so many days.
    WithinDays(f64),
    /// A version before this.
    VersionBelow(Vec<u64>),
    /// A version whose support is over.
    Unsupported(Support),
    /// The whole internet.
    Open,
    /// Public addresses.
    Public,
    /// In this range.
    Inside(Range),
    /// Around this range.
    Contains(Range),
    /// One of these ports is in it.
    Port(Vec<u16>),
    /// A pattern that fits one of these.
    Covers(Vec<String>),
    /// A secret.
    Secret,
    /// A policy of AWS that lets everybody in.
    AdmitsEverybody,
    /// How many there are.
    Size(Box<Matcher>),
    /// An element is so.
    Some(Box<Condition>),
    /// Each element is so.
    Every(Box<Condition>),
    /// Not so.
    Not(Box<Matcher>),
    /// All of these.
    All(Vec<Matcher>),
}

/// How numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Less than.
    Less,
    /// At most.
    AtMost,
    /// More than.
    More,
    /// At least.
    AtLeast,
}

impl Condition {
    /// The paths that it looks at in the resource itself, for the check that somebody delivers them.
    pub fn paths<'a>(&'a self, into: &mut Vec<&'a Path>) {
        match self {
            Self::All(conditions) | Self::Any(conditions) => conditions.iter().for_each(|one| one.paths(into)),
            Self::Not(condition) => condition.paths(into),
            Self::Is(path, _) => into.push(path),
            Self::Opens(_) | Self::Related(_) => {}
        }
    }
}
